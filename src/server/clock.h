/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The only source of time: all of taskly asks here what time it is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CLOCK_H
#define TASKLY_CLOCK_H

#include "taskly.h"

/* Wall-clock time now, in microseconds as PostgreSQL counts them. */
extern TimestampTz taskly_now(void);

/* Monotonic time in microseconds: for lengths, never for dates. */
extern int64 taskly_monotonic_us(void);

#endif							/* TASKLY_CLOCK_H */
