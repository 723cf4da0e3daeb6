/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  Records the end of an attempt.
 *
 * One transaction holds all of it: the row in history, the pending row's end or
 * next due time, and the run that on_failure asks for. A crash leaves either
 * everything or nothing, and then the run is still there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/elog.h"
#include "utils/timestamp.h"

#include "exec/error_place.h"
#include "exec/next_attempt.h"
#include "exec/on_failure.h"
#include "exec/outcome.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/lock.h"
#include "server/wake.h"
#include "store/dependency_store.h"
#include "store/queue_cache.h"
#include "store/queue_key_store.h"

void
run_end_init(RunEnd *end, RunStatus status)
{
	memset(end, 0, sizeof(*end));
	end->status = status;
	end->is_final = true;
	end->rows = -1;
	end->exit_code = -1;
	end->output_bytes = -1;
	end->snooze_us = -1;
	end->pid = MyProcPid;
}

void
run_end_start(RunEnd *end)
{
	end->started_at = taskly_now();
	end->started_us = taskly_monotonic_us();
}

void
run_end_finish(RunEnd *end)
{
	end->finished_at = taskly_now();
	end->finished_us = taskly_monotonic_us();
}

void
run_end_from_error(RunEnd *end, const ErrorData *error, const char *command)
{
	end->sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
	end->message = error->message;
	end->detail = error->detail;
	end->hint = error->hint;
	end->context = error_place_context(error, command);
	/* What a failed command has asked for is nothing. */
	end->result = (Datum) 0;
	end->snooze_us = -1;
}

void
outcome_fill(Outcome *outcome, const RunEnd *end)
{
	int64		duration = 0;

	if (end->started_us != 0)
		duration = end->finished_us - end->started_us;
	else if (end->started_at != 0)
		duration = end->finished_at - end->started_at;
	outcome->kind = end->is_final ? OUTCOME_ENDED : OUTCOME_LOOK_AGAIN;
	outcome->status = end->status;
	outcome->started_at = end->started_at;
	outcome->finished_at = end->finished_at;
	outcome->duration_us = (int32) Max(0, Min(duration, PG_INT32_MAX));
}

/* ------------------------------------------------------------------------
 * Keys
 * ------------------------------------------------------------------------ */

/*
 * One that ended badly, and then was retried, may have blocked its key. It is
 * due later than it was at first, and few others are: these cost a look.
 */
static bool
may_block_key(const RunRow *row)
{
	return run_time(row, RUN_COL_DUE_AT) != run_time(row, RUN_COL_SCHEDULED_FOR);
}

void
outcome_settle_key(const RunRow *row, const RunEnd *end)
{
	int32		queue_id = run_int32(row, RUN_COL_QUEUE_ID);
	int64		run_id = run_int64(row, RUN_COL_RUN_ID);
	bool		is_changed = false;

	if (!end->is_final || run_is_null(row, RUN_COL_KEY))
		return;
	if (run_status_is_failure(end->status))
		is_changed = queue_key_store_block(queue_id, run_row_text(row, RUN_COL_KEY), run_id);
	else if (may_block_key(row))
		is_changed = queue_key_store_unblock(queue_id, run_row_text(row, RUN_COL_KEY), run_id);
	if (is_changed)
		wake_for_settings();
}

/* ------------------------------------------------------------------------
 * Recording
 * ------------------------------------------------------------------------ */

bool
outcome_is_kept(QueueKeep keep, int64 run_id, const RunEnd *end)
{
	if (keep == KEEP_ALL || (keep == KEEP_FAILURES && end->status != RUN_SUCCEEDED))
		return true;
	if (!end->is_final)
		return false;
	/* A child of a run that has failed is skipped in any case: only success must not be missed. */
	return (end->status == RUN_SUCCEEDED && !lock_try_unkept_end()) ||
		dependency_store_has_children(run_id);
}

static QueueKeep
keep_of_queue(int32 queue_id)
{
	QueueRow	queue;

	return queue_cache_read(queue_id, &queue) ? queue.settings.keep : KEEP_ALL;
}

/*
 * The pending row waits again: its start mark is gone, its due time is new. One
 * that has come to an end does not crash the server whenever it runs.
 */
static void
wait_until(RunRow *row, const RunEnd *end, TimestampTz due_at)
{
	run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(due_at));
	if (end->status != RUN_LOST)
		run_row_set(row, RUN_COL_CRASHES, Int32GetDatum(0));
	run_row_set_null(row, RUN_COL_STARTED_AT);
	run_row_set_null(row, RUN_COL_INCARNATION);
	run_row_set_null(row, RUN_COL_PID);
}

static void
wait_for_next_attempt(RunRow *row, const RunEnd *end, TimestampTz due_at)
{
	wait_until(row, end, due_at);
	run_row_set_null(row, RUN_COL_LAST_SQLSTATE);
	if (end->sqlstate != NULL)
		run_row_set(row, RUN_COL_LAST_SQLSTATE, CStringGetTextDatum(end->sqlstate));
	run_row_set_error(row, end->message);
}

void
outcome_snooze(RunRow *row, RunEnd *end)
{
	TimestampTz due_at = end->finished_at + end->snooze_us;
	int			snoozes = run_is_null(row, RUN_COL_SNOOZES) ? 0 :
		run_int32(row, RUN_COL_SNOOZES);

	/* It is at its deadline that it expires. */
	if (!run_is_null(row, RUN_COL_DEADLINE_AT))
		due_at = Min(due_at, run_time(row, RUN_COL_DEADLINE_AT));
	wait_until(row, end, due_at);
	run_row_set(row, RUN_COL_SNOOZES, Int32GetDatum(snoozes + 1));
	end->is_final = false;
}

void
outcome_name_canceller(RunEnd *end, int activity)
{
	Oid			role = activity_cancelled_by(activity);
	char	   *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;

	if (!OidIsValid(role))
		end->message = "cancelled: the next occurrence of its task is due";
	else if (name != NULL)
		end->message = psprintf("cancelled by role \"%s\"", name);
}

/* Its start mark has counted an attempt. */
static ClaimResult
snooze_marked(RunRow *row, RunEnd *end)
{
	run_row_set(row, RUN_COL_ATTEMPT,
				Int32GetDatum(run_int32(row, RUN_COL_ATTEMPT) - 1));
	outcome_snooze(row, end);
	return run_store_update(row);
}

/* Give the row that waits its new values; a claimed one comes back. */
static ClaimResult
put_back(RunRow *row, bool is_claimed)
{
	if (!is_claimed)
		return run_store_update(row);
	run_store_insert(row, 1);
	return CLAIM_OK;
}

static ClaimResult
record(RunRow *row, const RunDefinition *definition, RunEnd *end,
	   int consecutive_failures, bool is_claimed)
{
	TimestampTz due_at = 0;

	end->is_final = !next_attempt(row, definition, end, &due_at);
	if (end->is_final && !is_claimed)
	{
		ClaimResult result = run_store_delete(row);

		if (result != CLAIM_OK)
			return result;
	}
	if (outcome_is_kept(keep_of_queue(run_int32(row, RUN_COL_QUEUE_ID)),
						run_int64(row, RUN_COL_RUN_ID), end))
		history_store_insert(row, end, database_history_slot(database_my_entry()));
	outcome_settle_key(row, end);
	if (!end->is_final)
	{
		wait_for_next_attempt(row, end, due_at);
		return put_back(row, is_claimed);
	}
	if (run_status_is_failure(end->status))
		on_failure_call(row, definition, end, consecutive_failures);
	return CLAIM_OK;
}

ClaimResult
outcome_record(RunRow *row, const RunDefinition *definition, RunEnd *end,
			   int consecutive_failures)
{
	if (end->snooze_us >= 0)
		return snooze_marked(row, end);
	return record(row, definition, end, consecutive_failures, false);
}

void
outcome_record_claimed(RunRow *row, const RunDefinition *definition, RunEnd *end,
					   int consecutive_failures)
{
	(void) record(row, definition, end, consecutive_failures, true);
}
