/*-------------------------------------------------------------------------
 *
 * strays.c
 *	  Runs whose queue was dropped while they were in execution, or while
 *	  somebody was about to commit them: they go on in the queue "default".
 *
 * drop_queue() waits for nobody, so it cannot see them. Intake does, when it
 * reads their rows; those of a former scheduler's time are looked for once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "process/strays.h"
#include "server/txn.h"
#include "store/run_bulk_store.h"

#define RETRY_US	(1 * USECS_PER_SEC)

static bool is_wanted = true;

void
strays_want(void)
{
	is_wanted = true;
}

static void
move_strays(void)
{
	int64		moved;

	txn_begin("taskly: move runs of dropped queues");
	moved = run_bulk_move_strays();
	txn_commit();
	if (moved > 0)
		ereport(LOG,
				(errmsg_plural("taskly: moved %lld run of a queue that was dropped to queue \"default\"",
							   "taskly: moved %lld runs of a queue that was dropped to queue \"default\"",
							   (unsigned long) moved, (long long) moved)));
}

TimestampTz
strays_turn(TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;

	if (!is_wanted)
		return DT_NOEND;
	PG_TRY();
	{
		move_strays();
		is_wanted = false;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		txn_abort();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return is_wanted ? now + RETRY_US : DT_NOEND;
}
