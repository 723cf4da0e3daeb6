/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  The only source of time.
 *
 * How far tests have shifted the clocks stands in shared memory, so that all
 * processes agree; it is always added, and zero but in tests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "access/xact.h"
#include "port/atomics.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "server/clock.h"
#include "server/database.h"
#include "server/shmem.h"
#include "server/slot.h"

/*
 * A timeout that has passed while the machine was suspended has passed, and a
 * resumed machine does not look like one whose wall clock was set.
 */
#ifdef CLOCK_BOOTTIME
#define LENGTH_CLOCK	CLOCK_BOOTTIME
#else
#define LENGTH_CLOCK	CLOCK_MONOTONIC
#endif

/* The two clocks drift apart by less, and what is less harms nobody. */
#define MIN_STEP_US		(100 * INT64CONST(1000))

typedef struct ClockShift
{
	pg_atomic_uint64 wall_us;
	pg_atomic_uint64 monotonic_us;
} ClockShift;

static ClockShift *shift = NULL;	/* NULL: taskly is not preloaded */

Size
clock_shmem_size(void)
{
	return MAXALIGN(sizeof(ClockShift));
}

void
clock_shmem_init(void)
{
	bool		found;

	shift = ShmemInitStruct("taskly clock", clock_shmem_size(), &found);
	if (found)
		return;
	pg_atomic_init_u64(&shift->wall_us, 0);
	pg_atomic_init_u64(&shift->monotonic_us, 0);
}

/* ------------------------------------------------------------------------
 * What time is it?
 * ------------------------------------------------------------------------ */

static TimestampTz
shifted_wall(TimestampTz instant)
{
	return shift == NULL ? instant :
		instant + (int64) pg_atomic_read_u64(&shift->wall_us);
}

TimestampTz
taskly_now(void)
{
	return shifted_wall(GetCurrentTimestamp());
}

TimestampTz
taskly_transaction_start(void)
{
	return shifted_wall(GetCurrentTransactionStartTimestamp());
}

TimestampTz
taskly_statement_start(void)
{
	return shifted_wall(GetCurrentStatementStartTimestamp());
}

TimestampTz
taskly_machine_time(TimestampTz instant)
{
	return shift == NULL || instant == DT_NOEND ? instant :
		instant - (int64) pg_atomic_read_u64(&shift->wall_us);
}

int64
taskly_monotonic_us(void)
{
	struct timespec now;
	int64		now_us;

	clock_gettime(LENGTH_CLOCK, &now);
	now_us = (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
	return shift == NULL ? now_us :
		now_us + (int64) pg_atomic_read_u64(&shift->monotonic_us);
}

int64
taskly_monotonic_of(TimestampTz instant)
{
	return instant == DT_NOEND ? TASKLY_NEVER_US :
		taskly_monotonic_us() + (instant - taskly_now());
}

TimestampTz
taskly_wall_of(int64 monotonic_us)
{
	return monotonic_us == TASKLY_NEVER_US ? DT_NOEND :
		taskly_now() + (monotonic_us - taskly_monotonic_us());
}

/* Steps too small to tell add up until they are. */
bool
taskly_clock_was_set(int64 *step_us)
{
	static bool is_known = false;
	static int64 known_offset_us;
	int64		offset_us = taskly_now() - taskly_monotonic_us();

	*step_us = offset_us - known_offset_us;
	if (is_known && *step_us < MIN_STEP_US && *step_us > -MIN_STEP_US)
		return false;
	known_offset_us = offset_us;
	if (is_known)
		return true;
	is_known = true;
	return false;
}

/* ------------------------------------------------------------------------
 * For tests
 * ------------------------------------------------------------------------ */

/* Who sleeps until an instant has to look at the clock again. */
static void
wake_everybody(void)
{
	database_wake_everybody();
	slot_wake_everybody();
}

void
taskly_clock_shift(int64 wall_us, int64 monotonic_us)
{
	shmem_require();
	(void) pg_atomic_fetch_add_u64(&shift->wall_us, wall_us);
	(void) pg_atomic_fetch_add_u64(&shift->monotonic_us, monotonic_us);
	wake_everybody();
}

void
taskly_clock_reset(void)
{
	shmem_require();
	pg_atomic_write_u64(&shift->wall_us, 0);
	wake_everybody();
}
