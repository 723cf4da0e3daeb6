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

#include "process/history.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/txn.h"
#include "store/history_store.h"
#include "store/home_store.h"

#define SPANS			14		/* in the retention; the rest is slack */
/* How often size is looked at, and a TRUNCATE that found readers tried again. */
#define CHECK_INTERVAL_US	(10 * USECS_PER_SEC)
#define TRUNCATE_LOCK_TIMEOUT	"100ms"

static TimestampTz next_check = 0;
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
}

static void
check_partition(int entry, TimestampTz now)
{
	HomeRow		home;

	txn_begin("taskly: keep history");
	if (home_store_read(&home) &&
		(now - home.history_since >= span_us() || is_full(home.history_slot)))
		move_on(entry, home.history_slot);
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

	if (now < next_check)
		return next_check;
	next_check = now + Min(CHECK_INTERVAL_US, Max(span_us(), USECS_PER_SEC));
	if (!has_worked(entry))
	{
		next_check = now + Min(span_us(), USECS_PER_MINUTE);
		next_check = Max(next_check, now + USECS_PER_SEC);
	}
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
	return next_check;
}
