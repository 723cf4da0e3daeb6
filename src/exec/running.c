/*-------------------------------------------------------------------------
 *
 * running.c
 *	  The run that a worker has in its hands.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/proc.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "exec/command.h"
#include "exec/executor.h"
#include "exec/running.h"
#include "exec/session.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/crash.h"
#include "server/current_run.h"
#include "server/database.h"
#include "server/rights.h"
#include "server/run_request.h"
#include "server/txn.h"

static int	my_slot = -1;
static MemoryContext run_context = NULL;

void
running_install(int slot)
{
	my_slot = slot;
	run_context = AllocSetContextCreate(TopMemoryContext, "taskly run",
										ALLOCSET_DEFAULT_SIZES);
}

/* Forget what the last try has found out. */
void
running_begin_try(RunningRun *run)
{
	run_end_init(&run->end, RUN_FAILED);
	run->end.picked_at = run->assignment->picked_at;
	run->next_step = STEP_DONE;
	run->is_attempt_counted = false;
}

void
running_init(RunningRun *run, const Assignment *assignment, Outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->run_id = assignment->run_id;
	outcome->task_id = assignment->task_id;
	outcome->activity = -1;
	memset(run, 0, sizeof(*run));
	run->slot = my_slot;
	run->assignment = assignment;
	run->outcome = outcome;
	run->ctid = assignment->ctid;
	run->context = run_context;
	running_begin_try(run);
}

/* ------------------------------------------------------------------------
 * Before it starts
 * ------------------------------------------------------------------------ */

/* Fill in what a claimed row says; false: its task is gone. */
bool
running_load(RunningRun *run)
{
	if (!definition_recall(&run->row, &run->definition))
		return false;
	run->attempt = run_int32(&run->row, RUN_COL_ATTEMPT) + 1;
	run->args = run_is_null(&run->row, RUN_COL_ARGS) ? (Datum) 0 :
		PointerGetDatum(DatumGetJsonbP(run->row.values[RUN_COL_ARGS - 1]));
	return true;
}

/* Does the owner still have the right to run anything here? */
bool
running_is_denied(RunningRun *run)
{
	Oid			owner = run_oid(&run->row, RUN_COL_OWNER);

	/* A task may have been given to somebody else since the run was made. */
	return owner != GetAuthenticatedUserId() ||
		owner != run->definition.owner || !rights_may_run(owner);
}

bool
running_is_expired(const RunningRun *run)
{
	return run->assignment->expires_us <= taskly_monotonic_us();
}

NextStep
running_check(RunningRun *run)
{
	if (!running_load(run))
		return STEP_END_WITHOUT_TASK;
	/* Given to another role since it was handed to us: its workers run it. */
	if (run_oid(&run->row, RUN_COL_OWNER) != GetAuthenticatedUserId())
		return STEP_NOT_OURS;
	if (running_is_denied(run))
		return STEP_DENY;
	if (running_is_expired(run))
		return STEP_EXPIRE;
	if (run->definition.kind == RUN_KIND_AUTOCOMMIT)
		return STEP_AUTOCOMMIT;
	return run->definition.kind == RUN_KIND_SHELL ? STEP_NOT_OURS : STEP_DONE;
}

OutcomeKind
running_kind_of_claim(ClaimResult claim)
{
	switch (claim)
	{
		case CLAIM_GONE:
			return OUTCOME_GONE;
		case CLAIM_CHANGED:
			return OUTCOME_LOOK_AGAIN;
		default:
			return OUTCOME_LOCKED;
	}
}

void
running_end_unstarted(RunningRun *run, NextStep step)
{
	int64		run_id = run->assignment->run_id;
	int			failures = run->assignment->consecutive_failures + 1;

	switch (step)
	{
		case STEP_NOT_OURS:
			/* Its task was altered: the scheduler has to hear of it first. */
			run->outcome->kind = OUTCOME_LOOK_AGAIN;
			break;
		case STEP_CANCEL:
			run->outcome->kind = executor_end_run(run_id, NULL, RUN_CANCELLED, "57014",
												  "run was cancelled", NULL,
												  failures, run->outcome);
			break;
		case STEP_EXPIRE:
			run->outcome->kind = executor_end_run(run_id, &run->ctid, RUN_EXPIRED,
												  "57014", "deadline passed before the start",
												  NULL, failures, run->outcome);
			break;
		case STEP_DENY:
			run->outcome->kind = executor_end_run(run_id, &run->ctid, RUN_DENIED, "42501",
												  "the owner may not run tasks in this database",
												  "The owner needs LOGIN and CONNECT.",
												  failures, run->outcome);
			break;
		default:
			run->outcome->kind = executor_end_run(run_id, &run->ctid, RUN_FAILED, "42704",
												  "the task of this run does not exist any more",
												  NULL, failures, run->outcome);
			break;
	}
}

/* ------------------------------------------------------------------------
 * While it runs
 * ------------------------------------------------------------------------ */

/* The earlier of timeout and deadline, from now; 0: no limit. */
static int64
time_limit_us(const RunningRun *run)
{
	int64		limit = run->definition.timeout_us;

	if (limit == 0 && StatementTimeout > 0)
		limit = (int64) StatementTimeout * 1000;
	if (run->assignment->expires_us != TASKLY_NEVER_US)
	{
		int64		left = run->assignment->expires_us - taskly_monotonic_us();

		if (limit == 0 || left < limit)
			limit = Max(left, 1);
	}
	return limit;
}

void
running_show(RunningRun *run)
{
	Activity	activity = {0};
	int64		limit = time_limit_us(run);
	CurrentRun	current = {0};

	activity.run_id = run->assignment->run_id;
	activity.task_id = run->definition.task_id;
	activity.database = MyDatabaseId;
	activity.owner = run_oid(&run->row, RUN_COL_OWNER);
	activity.pid = MyProcPid;
	activity.attempt = run->attempt;
	activity.picked_at = run->assignment->picked_at;
	activity.started_at = run->end.started_at;
	if (limit > 0)
		activity.stop_by_us = taskly_monotonic_us() + limit;

	/* A cancel from now on is ours; what was pending before is not. */
	QueryCancelPending = false;
	activity_begin(my_slot, &activity);
	crash_note_run(my_slot, MyDatabaseId, run->assignment->run_id,
				   run->assignment->is_suspect);

	current.run_id = run->assignment->run_id;
	current.task_id = run->definition.task_id;
	current.task = run->definition.task_name;
	current.attempt = run->attempt;
	current.scheduled_for = run_time(&run->row, RUN_COL_SCHEDULED_FOR);
	current.snoozes = run_is_null(&run->row, RUN_COL_SNOOZES) ? 0 :
		run_int32(&run->row, RUN_COL_SNOOZES);
	current.activity = my_slot;
	if (run->args != (Datum) 0)
		current.args = JsonbToCString(NULL, &DatumGetJsonbP(run->args)->root,
									  VARSIZE_ANY_EXHDR(DatumGetPointer(run->args)));
	current_run_set(&current);
	pgstat_report_activity(STATE_RUNNING, run->definition.command);
	debug_query_string = run->definition.command;
	session_start_timer(limit);
	session_allow_cancel(true);
	/* Asked for between two tries of this run. */
	if (activity_is_cancelled(my_slot) || activity_is_overdue(my_slot))
		InterruptPending = QueryCancelPending = true;
}

void
running_hide(void)
{
	session_stop_timer();
	debug_query_string = NULL;
	current_run_clear();
	crash_forget_run(my_slot);
}

void
running_succeeded(RunningRun *run, const CommandResult *result)
{
	run->end.status = RUN_SUCCEEDED;
	run->end.rows = result->rows;
	run->end.tag = result->tag;
	if (!run_request_result(&run->end.result))
	{
		run->end.result = result->receiver.value;
		run->end.message = result->receiver.problem;
	}
	(void) run_request_delay(&run->end.snooze_us);
}

int
running_execute(RunningRun *run)
{
	CommandResult result;
	int			nest_level;
	int			asked_synchronous_commit;

	running_show(run);
	command_result_init(&result, run->context);
	nest_level = NewGUCNestLevel();
	command_run_atomic(run->definition.command, run->args, &result);
	session_settle();
	asked_synchronous_commit = synchronous_commit;
	AtEOXact_GUC(false, nest_level);
	session_allow_cancel(false);
	session_stop_timer();
	running_succeeded(run, &result);
	return asked_synchronous_commit;
}

/* ------------------------------------------------------------------------
 * When it is over
 * ------------------------------------------------------------------------ */

void
running_record_end(RunningRun *run)
{
	run_end_finish(&run->end);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (run->end.snooze_us >= 0)
	{
		outcome_snooze(&run->row, &run->end);
		run_store_insert(&run->row, 1);
	}
	else if (outcome_is_kept((QueueKeep) run->assignment->keep,
							 run->assignment->run_id, &run->end))
	{
		run_row_set(&run->row, RUN_COL_ATTEMPT, Int32GetDatum(run->attempt));
		history_store_insert(&run->row, &run->end,
							 database_history_slot(database_my_entry()));
	}
	if (run->end.snooze_us < 0)
		outcome_settle_key(&run->row, &run->end);
	PopActiveSnapshot();
}

bool
running_lost_race(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/*
 * What an error means for the run. A cancel that nobody asked of this run, after
 * a run that somebody had cancelled, came late: this one is run again.
 */
bool
running_judge_error(RunningRun *run, ErrorData *error)
{
	run_end_from_error(&run->end, error, run->definition.command);
	run->end.status = RUN_FAILED;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
	{
		if (activity_is_cancelled(my_slot))
			run->end.status = RUN_CANCELLED;
		else if (session_timer_went_off() || activity_is_overdue(my_slot))
		{
			run->end.status = RUN_TIMED_OUT;
			run->end.message = pstrdup("run timed out");
		}
		else if (activity_may_get_stray_cancel(my_slot))
			return false;
		else
			run->end.status = RUN_CANCELLED;
	}
	if (error->sqlerrcode == ERRCODE_INVALID_TRANSACTION_TERMINATION &&
		run->end.hint == NULL)
		run->end.hint = pstrdup("Use atomic => false to let the command commit or roll back.");
	return true;
}

/* In a transaction of its own: the attempt counts, and what comes next. */
static void
record_attempt(RunningRun *run)
{
	RunRow		row;
	ClaimResult claim;

	txn_begin("taskly: record attempt");
	claim = run_store_lock(run->assignment->run_id, &run->ctid, &row);
	if (claim == CLAIM_OK)
	{
		if (!run->is_attempt_counted)
			run_row_set(&row, RUN_COL_ATTEMPT,
						Int32GetDatum(run_int32(&row, RUN_COL_ATTEMPT) + 1));
		run_end_finish(&run->end);
		if (run->end.status == RUN_CANCELLED && activity_is_cancelled(my_slot))
			outcome_name_canceller(&run->end, my_slot);
		claim = outcome_record(&row, &run->definition, &run->end,
							   run->assignment->consecutive_failures + 1);
	}
	if (claim != CLAIM_OK)
	{
		txn_abort();
		run->outcome->kind = running_kind_of_claim(claim);
		return;
	}
	txn_commit();
	session_note_commit();
	outcome_fill(run->outcome, &run->end);
}

/* Bookkeeping that failed itself (a full disk, say): the run is still there. */
static void
give_up_for_now(RunningRun *run)
{
	EmitErrorReport();
	FlushErrorState();
	txn_abort();
	run->outcome->kind = OUTCOME_LOCKED;
}

void
running_record_attempt(RunningRun *run)
{
	PG_TRY();
	{
		record_attempt(run);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(run_context);
		give_up_for_now(run);
	}
	PG_END_TRY();
}
