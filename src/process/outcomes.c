/*-------------------------------------------------------------------------
 *
 * outcomes.c
 *	  What a scheduler does about runs that have left their worker's hands.
 *
 * An entry leaves the state "dispatched" only here:
 *
 *	 ENDED, GONE			forgotten
 *	 LOOK_AGAIN				forgotten, its row is read again
 *	 LOCKED					waits a second
 *	 AGAIN, taken back		waits on as before
 *	 process vanished		the run in execution is judged, others are read again
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "exec/executor.h"
#include "exec/key_stop.h"
#include "plan/task_plan.h"
#include "process/dependencies.h"
#include "process/intake.h"
#include "process/leader.h"
#include "process/outcomes.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/rights.h"
#include "server/txn.h"

/* A run whose row somebody holds is tried again after this. */
#define LOCKED_RETRY_US		USECS_PER_SEC

/* The bookkeeping that every end of an entry shares. */
static void
release_entry(RunEntry *entry, int64 used_us)
{
	pool_release(entry, used_us);
	if (entry->activity >= 0)
		activity_give_back(entry->activity);
	entry->activity = -1;
}

static void
wait_again(RunEntry *entry)
{
	release_entry(entry, 0);
	ready_return(entry);
}

static bool
is_in_strict_order(const RunEntry *entry)
{
	return entry->key != NULL && key_plan_is_strict(entry->key);
}

static void
wait_for_lock(RunEntry *entry, TimestampTz now)
{
	release_entry(entry, 0);
	if (is_in_strict_order(entry))
		ready_hold_up_others(entry);
	ready_postpone(entry, now + LOCKED_RETRY_US, now);
}

static void
log_run(const Outcome *outcome)
{
	if (taskly_log_runs)
		ereport(LOG,
				(errmsg("taskly: run " INT64_FORMAT " %s after %.3f ms",
						outcome->run_id,
						run_status_name((RunStatus) outcome->status),
						outcome->duration_us / 1000.0)));
}

/* An attempt is over: counts, averages, and what comes after it. */
static void
count_attempt(const Outcome *outcome, bool is_final)
{
	TaskPlan   *plan = outcome->task_id ? task_plan_find(outcome->task_id) : NULL;
	TaskAttempt attempt = {
		.run_id = outcome->run_id,
		.status = (RunStatus) outcome->status,
		.is_final = is_final,
		.started_at = outcome->started_at,
		.finished_at = outcome->finished_at,
		.duration_us = outcome->duration_us
	};

	if (plan != NULL && task_plan_count(plan, &attempt))
	{
		ready_task_changed(plan);
		leader_pause_task(plan->task_id);
	}
	if (plan != NULL && is_final)
		leader_run_ended(plan->task_id, outcome->finished_at);
	if (is_final)
	{
		dependencies_run_ended(outcome->run_id, attempt.status);
		log_run(outcome);
	}
}

void
outcomes_count(const Outcome *outcome)
{
	if (outcome->task_id != 0)
		intake_learn_task(outcome->task_id);
	count_attempt(outcome, outcome->kind == OUTCOME_ENDED);
}

/*
 * Its worker gives back those of the key that it has: until all are here, none
 * goes behind them. When it is over, that is written down; nothing of the key may
 * start before we read it.
 */
static void
stop_key(RunEntry *entry, const Outcome *outcome)
{
	if (!is_in_strict_order(entry) || !key_stop_is_due(outcome))
		return;
	key_plan_part(entry->key);
	if (outcome->kind == OUTCOME_ENDED)
		entry->key->blocked_by = entry->run_id;
}

/* Its row has changed. Until that is read it keeps others of its key from starting. */
static void
look_again(RunEntry *entry, const Outcome *outcome, TimestampTz now)
{
	release_entry(entry, outcome->duration_us);
	if (is_in_strict_order(entry))
	{
		ready_hold_up_others(entry);
		ready_postpone(entry, DT_NOEND, now);
	}
	else
		ready_remove(entry);
	intake_want_run(outcome->run_id);
}

static void
handle_outcome(const Outcome *outcome, TimestampTz now)
{
	RunEntry   *entry = ready_find(outcome->run_id);
	bool		is_ours = entry != NULL && entry->state == ENTRY_DISPATCHED;
	OutcomeKind kind = (OutcomeKind) outcome->kind;

	if (kind == OUTCOME_ENDED || (kind == OUTCOME_LOOK_AGAIN && outcome->finished_at != 0))
		count_attempt(outcome, kind == OUTCOME_ENDED);
	if (kind == OUTCOME_GONE)
		dependencies_runs_gone(outcome->run_id, 1);
	if (!is_ours)
	{
		/* Of a run that was dispatched before this scheduler's time. */
		if (outcome->activity >= 0)
			activity_give_back(outcome->activity);
		if (kind != OUTCOME_ENDED && kind != OUTCOME_GONE)
			intake_want_run(outcome->run_id);
		return;
	}
	stop_key(entry, outcome);
	switch (kind)
	{
		case OUTCOME_ENDED:
		case OUTCOME_GONE:
			if (entry->was_told_again)
				intake_want_run(outcome->run_id);
			release_entry(entry, outcome->duration_us);
			ready_remove(entry);
			break;
		case OUTCOME_LOOK_AGAIN:
			look_again(entry, outcome, now);
			break;
		case OUTCOME_LOCKED:
			wait_for_lock(entry, now);
			break;
		case OUTCOME_AGAIN:
			wait_again(entry);
			break;
	}
}

void
outcomes_collect(int slot, TimestampTz now)
{
	PoolWorker *worker = pool_worker(slot);
	Outcome		outcome;

	while (slot_take_outcome(slot, &outcome))
	{
		if (outcome.task_id == 0 && outcome.finished_at != 0)
			worker->load.average_us = task_plan_average(worker->load.average_us,
														outcome.duration_us);
		handle_outcome(&outcome, now);
	}
}

void
outcomes_undo_dispatch(int64 run_id, TimestampTz now)
{
	RunEntry   *entry = ready_find(run_id);

	if (entry != NULL && entry->state == ENTRY_DISPATCHED)
		wait_again(entry);
}

/* ------------------------------------------------------------------------
 * Processes that vanished
 * ------------------------------------------------------------------------ */

/*
 * Of a run that a worker had nothing is known but that its row is gone: it may have
 * blocked its key. Until that has been read none of the key starts.
 */
static void
assume_block(RunEntry *entry)
{
	if (!is_in_strict_order(entry))
		return;
	entry->key->blocked_by = entry->run_id;
	intake_want_settings();
}

/* End a run by a status of our own; its entry goes as its row does. */
static void
end_entry(RunEntry *entry, const EndRequest *request, TimestampTz now)
{
	Outcome		outcome = {0};

	outcome.run_id = entry->run_id;
	outcome.task_id = entry->task_id;
	outcome.activity = -1;
	outcome.kind = executor_end(request, &outcome);
	if (entry->state == ENTRY_DISPATCHED)
	{
		if (outcome.kind == OUTCOME_GONE)
			assume_block(entry);
		handle_outcome(&outcome, now);
		return;
	}
	stop_key(entry, &outcome);
	ready_remove(entry);
	if (outcome.kind == OUTCOME_ENDED)
		count_attempt(&outcome, true);
	else if (outcome.kind != OUTCOME_GONE)
		intake_want_run(request->run_id);
	database_tell_finished();
}

static void
init_request(EndRequest *request, RunEntry *entry, RunStatus status,
			 const char *sqlstate, const char *message)
{
	TaskPlan   *plan = entry->task_id ? task_plan_find(entry->task_id) : NULL;

	memset(request, 0, sizeof(*request));
	request->run_id = entry->run_id;
	request->ctid = entry->ctid;
	request->status = status;
	request->sqlstate = sqlstate;
	request->message = message;
	request->consecutive_failures = plan ? plan->consecutive_failures + 1 : 1;
}

/*
 * A run ended its own process (a FATAL in the command, pg_terminate_backend), or
 * the watchdog had to: that costs it an attempt.
 */
static void
judge_victim(RunEntry *entry, const Activity *activity, TimestampTz now)
{
	EndRequest	request;
	RunStatus	status = RUN_FAILED;

	if (activity->is_stuck)
		status = activity_is_cancelled(entry->slot) ? RUN_CANCELLED : RUN_TIMED_OUT;
	init_request(&request, entry, status, "57P01",
				 activity->is_stuck ? "run did not stop when told to; its process was terminated" :
				 "the process that executed the run was terminated");
	request.counts_attempt = true;
	request.is_lost_when_marked = true;
	request.picked_at = activity->picked_at;
	request.started_at = activity->started_at;
	request.pid = activity->pid;
	end_entry(entry, &request, now);
}

/* Not in execution when its process vanished, or in execution with a mark. */
static void
judge_other(RunEntry *entry, TimestampTz now)
{
	EndRequest	request;

	init_request(&request, entry, RUN_LOST, "57P01",
				 "the process that executed the run has vanished");
	request.only_when_marked = true;
	end_entry(entry, &request, now);
}

void
outcomes_of_vanished(PoolWorker *worker, const Activity *activity,
					 bool was_asked, TimestampTz now)
{
	while (!dlist_is_empty(&worker->dispatched))
	{
		RunEntry   *entry = dlist_container(RunEntry, list_node,
											dlist_head_node(&worker->dispatched));

		if (activity != NULL && activity->run_id == entry->run_id && !was_asked)
			judge_victim(entry, activity, now);
		else
			judge_other(entry, now);
	}
}

/* ------------------------------------------------------------------------
 * Runs that do not start
 * ------------------------------------------------------------------------ */

static RunEntry *
first_of_role(Oid role)
{
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (line->owner == role && !line->is_shell)
			return flow_first(dlist_container(ReadyFlow, line_node, dlist_head_node(&line->flows)));
	}
	return NULL;
}

void
outcomes_role_cannot_start(Oid role, TimestampTz now)
{
	EndRequest	request;
	RunEntry   *entry;
	bool		may_run;

	if (!OidIsValid(role))
		return;
	txn_begin("taskly: check rights");
	may_run = rights_may_run(role);
	txn_commit();
	if (may_run)
		return;
	while ((entry = first_of_role(role)) != NULL)
	{
		init_request(&request, entry, RUN_DENIED, "42501",
					 "the owner may not run tasks in this database");
		request.hint = "The owner needs LOGIN and CONNECT.";
		end_entry(entry, &request, now);
	}
}

void
outcomes_expire(RunEntry *entry, TimestampTz now)
{
	EndRequest	request;

	init_request(&request, entry, RUN_EXPIRED, "57014",
				 "deadline passed before the start");
	end_entry(entry, &request, now);
}

/* One in a worker's ring is begun first; its newer one waits for its turn. */
void
outcomes_cancel(int64 run_id, TimestampTz now)
{
	RunEntry   *entry = ready_find(run_id);
	int			activity = activity_find(run_id);
	EndRequest	request;

	if (activity >= 0)
		(void) activity_cancel(activity, run_id, InvalidOid);
	else if (entry != NULL && entry->state != ENTRY_DISPATCHED)
	{
		init_request(&request, entry, RUN_CANCELLED, "57014",
					 "cancelled: the next occurrence of its task is due");
		end_entry(entry, &request, now);
	}
}
