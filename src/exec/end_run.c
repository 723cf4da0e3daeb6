/*-------------------------------------------------------------------------
 *
 * end_run.c
 *	  Ends a run that is not executed: expired, denied, lost, quarantined.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "exec/executor.h"
#include "exec/outcome.h"
#include "server/clock.h"
#include "server/txn.h"

/* The row is locked: say how the run ended. */
static ClaimResult
end_locked(RunRow *row, const EndRequest *request, RunEnd *end)
{
	RunDefinition definition;
	bool		is_marked = !run_is_null(row, RUN_COL_STARTED_AT);

	if (!definition_load(row, &definition))
		definition.max_attempts = 1;
	if (is_marked)
	{
		/* The attempt is counted, and began when its mark says. */
		end->started_at = run_time(row, RUN_COL_STARTED_AT);
		if (request->is_lost_when_marked)
			end->status = RUN_LOST;
	}
	else if (request->counts_attempt)
		run_row_set(row, RUN_COL_ATTEMPT,
					Int32GetDatum(run_int32(row, RUN_COL_ATTEMPT) + 1));
	run_end_finish(end);
	return outcome_record(row, &definition, end, request->consecutive_failures);
}

static OutcomeKind
end_in_transaction(const EndRequest *request, Outcome *outcome)
{
	RunRow		row;
	RunEnd		end;
	ClaimResult claim;
	ItemPointerData ctid = request->ctid;

	run_end_init(&end, request->status);
	end.sqlstate = request->sqlstate;
	end.message = request->message;
	end.hint = request->hint;
	end.picked_at = request->picked_at;
	end.started_at = request->started_at;
	end.pid = request->pid;

	txn_begin("taskly: end run");
	claim = run_store_lock(request->run_id, &ctid, &row);
	if (claim == CLAIM_OK && request->only_when_marked &&
		run_is_null(&row, RUN_COL_STARTED_AT))
	{
		txn_abort();
		return OUTCOME_LOOK_AGAIN;
	}
	if (claim == CLAIM_OK)
		claim = end_locked(&row, request, &end);
	if (claim != CLAIM_OK)
	{
		txn_abort();
		return claim == CLAIM_GONE ? OUTCOME_GONE : OUTCOME_LOCKED;
	}
	txn_commit_to_disk();
	outcome->task_id = run_is_null(&row, RUN_COL_TASK_ID) ? 0 : run_int64(&row, RUN_COL_TASK_ID);
	outcome_fill(outcome, &end);
	return (OutcomeKind) outcome->kind;
}

OutcomeKind
executor_end(const EndRequest *request, Outcome *outcome)
{
	MemoryContext context = CurrentMemoryContext;
	volatile OutcomeKind kind = OUTCOME_LOCKED;

	PG_TRY();
	{
		kind = end_in_transaction(request, outcome);
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
	return kind;
}

OutcomeKind
executor_end_run(int64 run_id, ItemPointer ctid, RunStatus status,
				 const char *sqlstate, const char *message, const char *hint,
				 int consecutive_failures, Outcome *outcome)
{
	EndRequest	request = {0};

	request.run_id = run_id;
	ItemPointerSetInvalid(&request.ctid);
	if (ctid != NULL)
		request.ctid = *ctid;
	request.status = status;
	request.sqlstate = sqlstate;
	request.message = message;
	request.hint = hint;
	request.consecutive_failures = consecutive_failures;
	return executor_end(&request, outcome);
}
