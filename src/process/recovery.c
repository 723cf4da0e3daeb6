/*-------------------------------------------------------------------------
 *
 * recovery.c
 *	  After a crash.
 *
 * Runs with a start mark that no living process owns are lost; on_lost decides
 * whether they are tried again. Runs in the hands of a process that crashed the
 * server are suspects: their crash is counted in their row; one that has crashed
 * the server again while it was a suspect, or three times, is quarantined.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "exec/executor.h"
#include "exec/start_mark.h"
#include "process/intake.h"
#include "process/outcomes.h"
#include "process/recovery.h"
#include "server/clock.h"
#include "server/crash.h"
#include "server/txn.h"
#include "store/run_store.h"

/* Marks are looked at when the scheduler starts and then so often. */
#define CHECK_INTERVAL_US	(60 * USECS_PER_SEC)

static int64 next_check_us = 0;	/* monotonic */

/* ------------------------------------------------------------------------
 * Suspects
 * ------------------------------------------------------------------------ */

/* Count the crash in the run's row; returns how many it has now, 0: no such run. */
static int
count_crash(int64 run_id)
{
	RunRow		row;
	int			crashes = 0;

	txn_begin("taskly: count crash");
	if (run_store_lock(run_id, NULL, &row) == CLAIM_OK)
	{
		crashes = run_int32(&row, RUN_COL_CRASHES) + 1;
		run_row_set(&row, RUN_COL_CRASHES, Int32GetDatum(crashes));
		(void) run_store_update(&row);
	}
	txn_commit_to_disk();
	return crashes;
}

/* End a run that nobody executes any more. */
static void
end_run(int64 run_id, RunStatus status, const char *message, const char *hint)
{
	EndRequest	request = {0};
	Outcome		outcome = {0};

	request.run_id = run_id;
	ItemPointerSetInvalid(&request.ctid);
	request.status = status;
	request.sqlstate = "57P02";
	request.message = message;
	request.hint = hint;
	request.consecutive_failures = 1;
	request.counts_attempt = status == RUN_QUARANTINED;
	request.only_when_marked = status == RUN_LOST;
	outcome.run_id = run_id;
	if (executor_end(&request, &outcome) == OUTCOME_ENDED)
		outcomes_count(&outcome);
	intake_want_run(run_id);
}

static void
quarantine(int64 run_id)
{
	end_run(run_id, RUN_QUARANTINED, "the run crashed the server",
			"Mend the command, then call taskly.retry().");
	ereport(LOG,
			(errmsg("taskly: run " INT64_FORMAT " is quarantined, since it crashed the server",
					run_id)));
}

static void
judge_suspects(void)
{
	int64		run_id;
	bool		was_suspect;

	while (crash_next_suspect(MyDatabaseId, &run_id, &was_suspect))
	{
		int			crashes = count_crash(run_id);

		if (crashes > 0 && (was_suspect || crashes >= TASKLY_CRASHES_MAX))
			quarantine(run_id);
		intake_want_run(run_id);
	}
}

/* ------------------------------------------------------------------------
 * Lost runs
 * ------------------------------------------------------------------------ */

static void
receive_started(const RunRow *row, void *arg)
{
	List	  **stale = arg;
	int64	   *run_id;

	if (!start_mark_is_stale(row))
		return;
	run_id = palloc(sizeof(int64));
	*run_id = run_int64(row, RUN_COL_RUN_ID);
	*stale = lappend(*stale, run_id);
}

static void
end_stale_marks(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *stale = NIL;
	ListCell   *cell;

	txn_begin("taskly: look for lost runs");
	MemoryContextSwitchTo(context);
	run_store_read_started(receive_started, &stale);
	txn_commit();
	MemoryContextSwitchTo(context);
	foreach(cell, stale)
		end_run(*(int64 *) lfirst(cell), RUN_LOST,
				"the process that executed the run has vanished", NULL);
}

TimestampTz
recovery_turn(void)
{
	int64		now_us = taskly_monotonic_us();

	if (intake_is_parked())
		return DT_NOEND;
	if (now_us >= next_check_us)
	{
		judge_suspects();
		end_stale_marks();
		next_check_us = now_us + CHECK_INTERVAL_US;
	}
	return taskly_wall_of(next_check_us);
}
