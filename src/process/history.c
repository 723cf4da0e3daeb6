/*-------------------------------------------------------------------------
 *
 * history.c
 *	  The leader's care for history.
 *
 * Sixteen partitions are written in turn. A partition is written for a
 * fourteenth of taskly.history_retention, or until it holds a fourteenth of
 * taskly.history_max_size; then the next one, the oldest, is emptied by TRUNCATE
 * and written. So rows live for at least the retention, unless size is short.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"
#include "utils/timestamp.h"

#include "process/dependencies.h"
#include "process/history.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/txn.h"
#include "store/history_store.h"
#include "store/home_store.h"

#define SPANS			14		/* in the retention; the rest is slack */
/* How often size is looked at, and a TRUNCATE that found readers tried again. */
#define CHECK_INTERVAL_US	(10 * USECS_PER_SEC)
#define TRUNCATE_LOCK_TIMEOUT	"100ms"

static int64 next_check_us = 0;	/* monotonic */
static int64 dispatched_at_last_check = -1;

static int64
span_us(void)
{
	return taskly_history_retention_s * USECS_PER_SEC / SPANS;
}

static bool
is_full(int slot)
{
	return history_store_size(slot) / (1024 * 1024) >=
		Max(taskly_history_max_size_mb / SPANS, 1);
}

/* Empty the next partition and write it from now on. */
static void
move_on(int entry, int slot)
{
	int			next_slot = (slot + 1) % TASKLY_HISTORY_SLOTS;

	(void) set_config_option("lock_timeout", TRUNCATE_LOCK_TIMEOUT,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
	history_store_truncate(next_slot);
	home_store_set_history_slot(next_slot);
	database_set_history_slot(entry, next_slot);
	dependencies_want_sweep();
}

/* A partition that is written since a time in the future is so from now on: the clock was set back. */
static void
check_partition(int entry, TimestampTz now)
{
	HomeRow		home;

	txn_begin("taskly: keep history");
	if (home_store_read(&home))
	{
		if (now - home.history_since >= span_us() || is_full(home.history_slot))
			move_on(entry, home.history_slot);
		else if (now < home.history_since)
			home_store_set_history_slot(home.history_slot);
	}
	txn_commit();
}

/* An idle database is left alone: nothing was written, nothing grows. */
static bool
has_worked(int entry)
{
	DatabaseInfo info;
	bool		result;

	(void) database_info(entry, &info);
	result = info.dispatched != dispatched_at_last_check;
	dispatched_at_last_check = info.dispatched;
	return result;
}

TimestampTz
history_turn(int entry, TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;

	if (taskly_monotonic_us() < next_check_us)
		return taskly_wall_of(next_check_us);
	next_check_us = taskly_monotonic_us() +
		Max(Min(span_us(), has_worked(entry) ? CHECK_INTERVAL_US : USECS_PER_MINUTE),
			USECS_PER_SEC);
	PG_TRY();
	{
		check_partition(entry, now);
	}
	PG_CATCH();
	{
		/* Somebody reads the partition: it is emptied next time. */
		MemoryContextSwitchTo(context);
		FlushErrorState();
		txn_abort();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return taskly_wall_of(next_check_us);
}
