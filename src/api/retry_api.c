/*-------------------------------------------------------------------------
 *
 * retry_api.c
 *	  retry(): a run that is over waits again, and one that waits for its next
 *	  attempt need not wait any longer.
 *
 * A run is put back under its lock (server/lock.h), so that no two sessions do it,
 * and with it what was skipped because of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/dependency_api.h"
#include "api/run_args.h"
#include "api/run_change.h"
#include "api/unique_args.h"
#include "server/clock.h"
#include "server/lock.h"
#include "server/wake.h"
#include "store/history_store.h"
#include "store/queue_store.h"
#include "store/run_presence.h"
#include "store/run_store.h"
#include "store/task_store.h"

typedef bool (*MayRetry) (const char *status);

PG_FUNCTION_INFO_V1(taskly_retry_v1);
PG_FUNCTION_INFO_V1(taskly_retry_many_v1);

/* A run that waits for its next attempt need not wait any longer. */
static ChangeResult
retry_sooner(int64 run_id, RunRow *row)
{
	TimestampTz now = taskly_now();
	ClaimResult claim;

	if (!run_is_null(row, RUN_COL_STARTED_AT) ||
		run_int32(row, RUN_COL_ATTEMPT) == 0 ||
		TIMESTAMP_IS_NOEND(run_time(row, RUN_COL_DUE_AT)) ||
		run_time(row, RUN_COL_DUE_AT) <= now)
		return CHANGE_NOT_POSSIBLE;

	run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(now));
	claim = run_store_update(row);
	if (claim == CLAIM_OK)
	{
		wake_for_runs(run_id, 1);
		return CHANGE_DONE;
	}
	return claim == CLAIM_LOCKED ? CHANGE_NOT_POSSIBLE : CHANGE_LOOK_AGAIN;
}

bool
can_be_retried(const char *status)
{
	static const RunStatus allowed[] = {RUN_FAILED, RUN_TIMED_OUT, RUN_EXPIRED,
	RUN_LOST, RUN_CANCELLED, RUN_QUARANTINED, RUN_SKIPPED};

	for (size_t i = 0; i < lengthof(allowed); i++)
	{
		if (strcmp(status, run_status_name(allowed[i])) == 0)
			return true;
	}
	return false;
}

static bool
is_skipped(const char *status)
{
	return strcmp(status, run_status_name(RUN_SKIPPED)) == 0;
}

/* Reads them unless they are those of the run before. */
static void
find_needs(const RunRow *row, RetryNeeds *needs)
{
	int32		queue_id = run_int32(row, RUN_COL_QUEUE_ID);
	int64		task_id = run_is_null(row, RUN_COL_TASK_ID) ? 0 : run_int64(row, RUN_COL_TASK_ID);
	QueueRow	queue;

	if (needs->home_id == 0)
		needs->home_id = catalog_home_id_or_error();
	if (needs->queue_id != queue_id)
		needs->has_queue = queue_store_read(queue_id, &queue);
	needs->queue_id = queue_id;
	if (needs->task_id != task_id)
		needs->has_task = task_store_read(task_id, &needs->task);
	needs->task_id = task_id;
}

/* What a run needs to run again: its task or, without one, its queue. */
static const char *
missing_for_retry(RunRow *row, RetryNeeds *needs)
{
	find_needs(row, needs);
	if (needs->task_id == 0)
		return needs->has_queue ? NULL : "queue";
	if (!needs->has_task)
		return "task";
	/* Its task has left a queue that was dropped. */
	if (!needs->has_queue)
		run_row_set(row, RUN_COL_QUEUE_ID, Int32GetDatum(needs->task.queue_id));
	return NULL;
}

/* A deadline is a length after the due time, so it moves along. */
static void
renew_deadline(RunRow *row, TimestampTz now)
{
	TimestampTz scheduled_for = run_time(row, RUN_COL_SCHEDULED_FOR);
	TimestampTz due_at = now;
	TimestampTz deadline_at;

	if (run_is_null(row, RUN_COL_DEADLINE_AT))
		return;
	deadline_at = run_time(row, RUN_COL_DEADLINE_AT);
	/* Who waits for others waits for its own time, too. */
	if (TIMESTAMP_IS_NOEND(run_time(row, RUN_COL_DUE_AT)))
		due_at = Max(now, scheduled_for);
	/* It was put back before its time, but not before it was made. */
	if (deadline_at <= scheduled_for)
		scheduled_for = run_time(row, RUN_COL_QUEUED_AT);
	run_row_set(row, RUN_COL_DEADLINE_AT, TimestampTzGetDatum(due_at + deadline_at - scheduled_for));
}

/* Make a finished run's row one that waits, with an attempt left. */
static void
reset_row(RunRow *row, TimestampTz now, const RetryNeeds *needs)
{
	int			attempt = run_int32(row, RUN_COL_ATTEMPT);
	int			max_attempts = run_is_null(row, RUN_COL_MAX_ATTEMPTS) ?
		needs->task.max_attempts : run_int32(row, RUN_COL_MAX_ATTEMPTS);

	renew_deadline(row, now);
	if (attempt >= max_attempts)
		run_row_set(row, RUN_COL_MAX_ATTEMPTS, Int32GetDatum(attempt + 1));
	run_row_set(row, RUN_COL_HOME_ID, Int64GetDatum(needs->home_id));
	run_row_set(row, RUN_COL_CRASHES, Int32GetDatum(0));
	run_row_set_null(row, RUN_COL_STARTED_AT);
	run_row_set_null(row, RUN_COL_INCARNATION);
	run_row_set_null(row, RUN_COL_PID);
}

static void
refuse_retry(int64 run_id, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run " INT64_FORMAT " cannot be retried", run_id),
			 errdetail_internal("%s", reason)));
}

bool
prepare_simple_retry(RunRow *row, RetryNeeds *needs)
{
	TimestampTz now = taskly_now();

	if (missing_for_retry(row, needs) != NULL)
		return false;
	run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(now));
	reset_row(row, now, needs);
	return true;
}

/*
 * The same for a run that may have both, or an error that says why it cannot
 * wait. When it depends on runs that are not over, it waits for them.
 */
static bool
prepare_retry(RunRow *row, bool is_strict)
{
	int64		run_id = run_int64(row, RUN_COL_RUN_ID);
	TimestampTz now = taskly_now();
	RetryNeeds	needs = {0};
	const char *missing = missing_for_retry(row, &needs);
	bool		is_allowed = missing == NULL && unique_allows_retry(row);

	if (missing != NULL && is_strict)
		refuse_retry(run_id, psprintf("Its %s does not exist any more.", missing));
	if (!is_allowed && is_strict)
		refuse_retry(run_id, "Another run with its unique key waits, or is being made.");
	if (!is_allowed)
		return false;
	run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(now));
	if (!dependency_come_back(row, is_strict))
		return false;
	reset_row(row, now, &needs);
	return true;
}

static ChangeResult
retry_finished(RunRow *row, bool is_strict)
{
	int64		run_id = run_int64(row, RUN_COL_RUN_ID);

	if (!prepare_retry(row, is_strict))
		return CHANGE_NOT_POSSIBLE;
	history_store_reopen(run_id);
	run_store_insert(row, 1);
	wake_for_runs(run_id, 1);
	return CHANGE_DONE;
}

/*
 * Nobody else can put the run back while we hold its lock. What another
 * session has put back shows without its commit; and if nothing shows, the
 * snapshot taken after that sees the latest end of the run.
 */
static ChangeResult
retry_locked(int64 run_id, bool is_strict, MayRetry may_retry)
{
	ChangeResult result = CHANGE_NOT_POSSIBLE;
	RunRow		row;
	char	   *status;

	if (run_presence_test(run_id))
		return CHANGE_NOT_POSSIBLE;
	push_newest_snapshot();
	if (history_store_find(run_id, &row, &status) && may_retry(status))
		result = retry_finished(&row, is_strict);
	pop_newest_snapshot();
	return result;
}

/* A run that was skipped since one that it depends on, and that is put back, had failed. */
static bool
put_back_skipped(int64 run_id)
{
	ChangeResult result;

	if (!dependency_lock_run(run_id))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("could not bring back run " INT64_FORMAT, run_id),
				 errdetail("Another session is retrying it.")));
	result = retry_locked(run_id, false, is_skipped);
	lock_release_run(run_id);
	return result == CHANGE_DONE;
}

void
retry_children(int64 run_id)
{
	dependency_bring_back_children(run_id, put_back_skipped);
}

static ChangeResult
retry_run(int64 run_id, bool is_strict)
{
	RunRow		row;
	char	   *status;
	ChangeResult result;

	if (run_store_get(run_id, NULL, &row) == CLAIM_OK)
		return may_manage(run_oid(&row, RUN_COL_OWNER)) ?
			retry_sooner(run_id, &row) : CHANGE_NOT_FOUND;
	if (!history_store_find(run_id, &row, &status) ||
		!may_manage(run_oid(&row, RUN_COL_OWNER)))
		return CHANGE_NOT_FOUND;
	if (!can_be_retried(status) || !dependency_lock_run(run_id))
		return CHANGE_NOT_POSSIBLE;
	result = retry_locked(run_id, is_strict, can_be_retried);
	lock_release_run(run_id);
	if (result == CHANGE_DONE)
		retry_children(run_id);
	return result;
}

/* retry(run_id bigint) RETURNS boolean */
Datum
taskly_retry_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.retry()");
	return change_one(retry_run, PG_GETARG_INT64(0));
}

/* retry(run_ids bigint[]) RETURNS bigint */
Datum
taskly_retry_many_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.retry()");
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	return change_many(retry_run, retry_in_bulk, PG_GETARG_ARRAYTYPE_P(0));
}
