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
#include "storage/proc.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "exec/autocommit.h"
#include "exec/command.h"
#include "exec/executor.h"
#include "exec/key_stop.h"
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

/* A run that fails to serialize is run again at once, this often. */
#define MAX_RERUNS		10

static int	my_slot = -1;
static MemoryContext run_context = NULL;

void
executor_init(int slot)
{
	my_slot = slot;
	run_context = AllocSetContextCreate(TopMemoryContext, "taskly run",
										ALLOCSET_DEFAULT_SIZES);
	session_init();
	crash_recorder_install(slot);
}

/* ------------------------------------------------------------------------
 * Around a run
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

/* ------------------------------------------------------------------------
 * An atomic run
 * ------------------------------------------------------------------------ */

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

static void
execute_claimed(RunningRun *run)
{
	int			asked_synchronous_commit = running_execute(run);

	running_record_end(run);

	/* A command that asked for a commit that waits gets one. */
	if (asked_synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
		session_next_commit_waits(asked_synchronous_commit);
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

/*
 * Claim, then run; an error anywhere in here goes to the caller. When the run
 * is not an atomic one, or must not start, it says so and has done nothing.
 */
static NextStep
try_atomic(RunningRun *run)
{
	ClaimResult claim;

	txn_begin_tenant();
	MemoryContextSwitchTo(run->context);
	PushActiveSnapshot(GetTransactionSnapshot());
	claim = run_store_take(run->assignment->run_id, &run->ctid, &run->row);
	if (claim != CLAIM_OK)
	{
		txn_abort();
		run->outcome->kind = running_kind_of_claim(claim);
		return STEP_DONE;
	}
	/* Postponed or replaced since it was handed to us: it may not be due any more. */
	if (!ItemPointerEquals(&run->ctid, &run->row.ctid))
	{
		txn_abort();
		run->outcome->kind = OUTCOME_LOOK_AGAIN;
		return STEP_DONE;
	}
	/* In somebody's hands since its task was another kind: recovery ends it. */
	if (!run_is_null(&run->row, RUN_COL_STARTED_AT))
	{
		txn_abort();
		run->outcome->kind = OUTCOME_LOCKED;
		return STEP_DONE;
	}
	run->next_step = running_check(run);
	PopActiveSnapshot();
	if (run->next_step != STEP_DONE)
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
 * Failure
 * ------------------------------------------------------------------------ */

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
	run_end_from_error(&run->end, error);
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
		MemoryContextSwitchTo(run_context);
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

/* Forget what the last try has found out. */
static void
begin_try(RunningRun *run)
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
	begin_try(run);
}

void
executor_run(const Assignment *assignment, Outcome *outcome)
{
	MemoryContext old_context = MemoryContextSwitchTo(run_context);
	RunningRun	run;
	NextStep	step;

	running_init(&run, assignment, outcome);
	if (key_stop_holds(assignment))
	{
		outcome->kind = OUTCOME_AGAIN;
		MemoryContextSwitchTo(old_context);
		return;
	}
	do
	{
		begin_try(&run);
		step = try_once(&run);
		MemoryContextSwitchTo(run_context);
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
	if (activity_end(my_slot) && outcome->kind == OUTCOME_LOOK_AGAIN)
		running_end_unstarted(&run, STEP_CANCEL);
	session_clean();
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(run_context);
}
