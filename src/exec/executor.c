/*-------------------------------------------------------------------------
 *
 * executor.c
 *	  Executes runs in a worker.
 *
 * An atomic run is one transaction: claim (delete the pending row), command,
 * settle, outcome, commit. When the command fails all of it rolls back, and a
 * second transaction records the attempt. An autocommit run has a durable start
 * mark instead of a claim (autocommit.c).
 *
 * kill -9 at any line: before the commit nothing has happened and the row is
 * still there; after it the row is gone together with the effect recorded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "exec/autocommit.h"
#include "exec/executor.h"
#include "exec/key_stop.h"
#include "exec/running.h"
#include "exec/session.h"
#include "server/activity.h"
#include "server/crash.h"
#include "server/txn.h"

/* A run that fails to serialize is run again at once, this often. */
#define MAX_RERUNS		10

void
executor_init(int slot)
{
	running_install(slot);
	session_init();
	crash_recorder_install(slot);
}

/* ------------------------------------------------------------------------
 * An atomic run
 * ------------------------------------------------------------------------ */

static void
execute_claimed(RunningRun *run)
{
	int			asked_synchronous_commit = running_execute(run);

	running_record_end(run);

	/* A command that asked for a commit that waits gets one. */
	if (asked_synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
		session_next_commit_waits(asked_synchronous_commit);
}

/* False: it is not to be run now, and the outcome says why. */
static bool
claim(RunningRun *run)
{
	ClaimResult result = run_store_take(run->assignment->run_id, &run->ctid, &run->row);

	if (result != CLAIM_OK)
		run->outcome->kind = running_kind_of_claim(result);
	/* Postponed or replaced since it was handed to us: it may not be due any more. */
	else if (!ItemPointerEquals(&run->ctid, &run->row.ctid))
		run->outcome->kind = OUTCOME_LOOK_AGAIN;
	/* In somebody's hands since its task was another kind: recovery ends it. */
	else if (!run_is_null(&run->row, RUN_COL_STARTED_AT))
		run->outcome->kind = OUTCOME_LOCKED;
	else
		return true;
	return false;
}

/*
 * Claim, then run; an error anywhere in here goes to the caller. When the run
 * is not an atomic one, or must not start, it says so and has done nothing.
 */
static NextStep
try_atomic(RunningRun *run)
{
	bool		is_claimed;

	txn_begin_tenant();
	MemoryContextSwitchTo(run->context);
	PushActiveSnapshot(GetTransactionSnapshot());
	is_claimed = claim(run);
	if (is_claimed)
		run->next_step = running_check(run);
	PopActiveSnapshot();
	if (!is_claimed || run->next_step != STEP_DONE)
	{
		txn_abort();
		return run->next_step;
	}

	CommandCounterIncrement();
	run_end_start(&run->end);
	execute_claimed(run);
	txn_commit_tenant();
	session_note_commit();
	outcome_fill(run->outcome, &run->end);
	return STEP_DONE;
}

/* ------------------------------------------------------------------------
 * One assignment
 * ------------------------------------------------------------------------ */

/* Try once; an error becomes a recorded attempt, or STEP_RERUN. */
static NextStep
try_once(RunningRun *run)
{
	volatile NextStep step = STEP_DONE;
	ErrorData  *volatile caught = NULL;
	ErrorData  *error;

	PG_TRY();
	{
		step = try_atomic(run);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(run->context);
		session_allow_cancel(false);
		caught = CopyErrorData();
		FlushErrorState();
		txn_abort();
	}
	PG_END_TRY();

	error = caught;
	if (error == NULL)
		return step;
	if (running_lost_race(error) && run->reruns++ < MAX_RERUNS)
		return STEP_RERUN;
	if (!running_judge_error(run, error))
		return STEP_RERUN;
	/* An error before the run was known is bookkeeping's own. */
	if (run->end.started_at == 0)
	{
		ereport(LOG,
				(errmsg("taskly: could not begin run " INT64_FORMAT ": %s",
						run->assignment->run_id, error->message)));
		run->outcome->kind = OUTCOME_LOCKED;
		return STEP_DONE;
	}
	running_record_attempt(run);
	return STEP_DONE;
}

void
executor_run(const Assignment *assignment, Outcome *outcome)
{
	MemoryContext old_context = CurrentMemoryContext;
	RunningRun	run;
	NextStep	step;

	running_init(&run, assignment, outcome);
	if (key_stop_holds(assignment))
	{
		outcome->kind = OUTCOME_AGAIN;
		return;
	}
	MemoryContextSwitchTo(run.context);
	do
	{
		running_begin_try(&run);
		step = try_once(&run);
		MemoryContextSwitchTo(run.context);
		running_hide();
		if (step == STEP_RERUN)
			session_clean();
	} while (step == STEP_RERUN);

	if (step == STEP_AUTOCOMMIT)
		autocommit_run(&run);
	else if (step != STEP_DONE)
		running_end_unstarted(&run, step);

	running_hide();
	/* A cancel that came too late for its command is in time for the next one. */
	if (activity_end(run.slot) && outcome->kind == OUTCOME_LOOK_AGAIN)
		running_end_unstarted(&run, STEP_CANCEL);
	session_clean();
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(run.context);
}
