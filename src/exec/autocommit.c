/*-------------------------------------------------------------------------
 *
 * autocommit.c
 *	  Runs whose statements commit on their own.
 *
 * Three steps: a durable start mark; the statements, each on its own; the
 * outcome. A crash between the first and the last leaves a mark that nobody
 * owns: the run is lost then, and on_lost decides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "exec/autocommit.h"
#include "exec/command.h"
#include "exec/session.h"
#include "exec/start_mark.h"
#include "server/clock.h"
#include "server/txn.h"

/* Mark the attempt as begun; false: it does not begin, the outcome says why. */
static bool
begin_attempt(RunningRun *run)
{
	ClaimResult claim;

	txn_begin("taskly: start run");
	MemoryContextSwitchTo(run->context);
	claim = run_store_lock(run->assignment->run_id, &run->ctid, &run->row);
	/* Since the look at it its task may have gone, changed, or changed hands. */
	if (claim == CLAIM_OK &&
		(!ItemPointerEquals(&run->ctid, &run->row.ctid) ||
		 !running_load(run) || running_is_denied(run) ||
		 run->definition.kind != RUN_KIND_AUTOCOMMIT))
		claim = CLAIM_CHANGED;
	/* Somebody else's attempt: its process or recovery will end it. */
	if (claim == CLAIM_OK && !run_is_null(&run->row, RUN_COL_STARTED_AT))
		claim = CLAIM_LOCKED;
	if (claim == CLAIM_OK)
	{
		run_end_start(&run->end);
		running_show(run);
		session_allow_cancel(false);
		claim = start_mark_set(&run->row, run->end.started_at);
	}
	if (claim != CLAIM_OK)
	{
		txn_abort();
		run->outcome->kind = claim == CLAIM_GONE ? OUTCOME_GONE : OUTCOME_LOCKED;
		return false;
	}
	txn_commit_durably();
	run->is_attempt_counted = true;
	run->ctid = run->row.ctid;
	return true;
}

static void
execute_statements(RunningRun *run)
{
	CommandResult result;

	command_result_init(&result, run->context);
	session_commits_wait(true);
	session_allow_cancel(true);
	command_run_autocommit(run->definition.command, run->args, &result);
	session_allow_cancel(false);
	session_stop_timer();
	running_succeeded(run, &result);
}

/* Statements that have committed stay committed: no attempt is undone. */
static void
catch_failure(RunningRun *run)
{
	ErrorData  *error;

	MemoryContextSwitchTo(run->context);
	session_allow_cancel(false);
	error = CopyErrorData();
	FlushErrorState();
	txn_abort();
	if (!running_judge_error(run, error))
		run->end.status = RUN_CANCELLED;
}

/* The session must be clean again, whatever the statements have done to it. */
static void
reset_session(RunningRun *run)
{
	PG_TRY();
	{
		session_reset();
	}
	PG_CATCH();
	{
		/* A session that cannot be cleaned must not see another run. */
		MemoryContextSwitchTo(run->context);
		EmitErrorReport();
		FlushErrorState();
		txn_abort();
		slot_retire(run->slot);
	}
	PG_END_TRY();
}

void
autocommit_run(RunningRun *run)
{
	volatile bool has_begun = false;

	run_end_init(&run->end, RUN_FAILED);
	run->end.picked_at = run->assignment->picked_at;
	PG_TRY();
	{
		has_begun = begin_attempt(run);
		MemoryContextSwitchTo(run->context);
		if (has_begun)
			execute_statements(run);
	}
	PG_CATCH();
	{
		catch_failure(run);
	}
	PG_END_TRY();

	if (!has_begun)
	{
		if (run->outcome->kind == OUTCOME_ENDED)
			run->outcome->kind = OUTCOME_LOCKED;
		return;
	}
	MemoryContextSwitchTo(run->context);
	reset_session(run);
	MemoryContextSwitchTo(run->context);
	running_record_attempt(run);
}
