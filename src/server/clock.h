/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The only source of time: all of taskly asks here what time it is.
 *
 * Tests set taskly's clocks apart from the machine's, for all processes of the
 * server at once. SQL cannot: it takes a C module that looks the functions up,
 * as test/modules/taskly_clock does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CLOCK_H
#define TASKLY_CLOCK_H

#include "taskly.h"

extern Size clock_shmem_size(void);
extern void clock_shmem_init(void);

/* Wall-clock time now, in microseconds as PostgreSQL counts them. */
extern PGDLLEXPORT TimestampTz taskly_now(void);

/* When this session's transaction, and its statement, began, by the same clock. */
extern TimestampTz taskly_transaction_start(void);
extern TimestampTz taskly_statement_start(void);

/* An instant of that clock, as the machine's clock counts; DT_NOEND stays. */
extern TimestampTz taskly_machine_time(TimestampTz instant);

/*
 * Monotonic time in microseconds: for lengths, never for dates. Nobody sets it;
 * it goes on while the machine is suspended.
 */
extern int64 taskly_monotonic_us(void);

/* An instant of it that never comes. */
#define TASKLY_NEVER_US		PG_INT64_MAX

/*
 * When an instant comes by the other clock, if nobody sets the wall clock until
 * then; DT_NOEND and TASKLY_NEVER_US correspond.
 */
extern int64 taskly_monotonic_of(TimestampTz instant);
extern TimestampTz taskly_wall_of(int64 monotonic_us);

/*
 * Has somebody set the wall clock since this process asked last? Then by how
 * much. Never at the first call.
 */
extern bool taskly_clock_was_set(int64 *step_us);

/* --- for tests ------------------------------------------------------ */

/* Set the clocks forward, or back, and wake every process of taskly. */
extern PGDLLEXPORT void taskly_clock_shift(int64 wall_us, int64 monotonic_us);

/* Set the wall clock to the machine's again; the other one never goes back. */
extern PGDLLEXPORT void taskly_clock_reset(void);

#endif							/* TASKLY_CLOCK_H */
