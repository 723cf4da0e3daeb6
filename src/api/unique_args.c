/*-------------------------------------------------------------------------
 *
 * unique_args.c
 *	  Runs with a unique key: what becomes of one that is there already.
 *
 * A run that waits for its turn is what a newcomer is a second of; one that has
 * begun is not, since it may have read what it works on before the newcomer's
 * transaction wrote it. So no event is lost, and nobody waits for a run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/run_args.h"
#include "api/unique_args.h"
#include "server/clock.h"
#include "server/lock.h"
#include "server/wake.h"
#include "store/unique_store.h"

static const char *const conflict_names[] = {
	[CONFLICT_KEEP] = "keep",
	[CONFLICT_REPLACE] = "replace",
	[CONFLICT_POSTPONE] = "postpone",
	NULL
};

static void
refuse_without_key(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s needs a unique key", argument),
			 errhint("Say with unique_key what makes two runs the same.")));
}

static TimestampTz
before_now(Interval *interval)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval,
												   TimestampTzGetDatum(taskly_now()),
												   IntervalPGetDatum(interval)));
}

void
read_unique_args(FunctionCallInfo fcinfo, int on_conflict, int unique_for,
				 bool has_key, UniqueArgs *args)
{
	Interval   *length = arg_interval(fcinfo, unique_for, "unique_for");

	args->on_conflict = (OnConflict) check_choice("on_conflict",
												  required_text(fcinfo, on_conflict, "on_conflict"),
												  conflict_names);
	args->queued_after = length == NULL ? DT_NOEND : before_now(length);
	if (has_key)
		return;
	if (args->on_conflict != CONFLICT_KEEP)
		refuse_without_key("on_conflict");
	if (length != NULL)
		refuse_without_key("unique_for");
}

void
check_unique_in_queue(const UniqueArgs *args, const QueueRow *queue)
{
	if (TIMESTAMP_IS_NOEND(args->queued_after) || queue->settings.keep == KEEP_ALL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unique_for needs the history of queue \"%s\"", queue->name),
			 errdetail("The queue keeps %s.", queue->settings.keep == KEEP_NONE ?
					   "nothing of runs that are over" : "failures only"),
			 errhint("Use taskly.alter_queue() with keep => 'all', or leave unique_for out.")));
}

/* ------------------------------------------------------------------------
 * What the newcomer does to the one that waits
 * ------------------------------------------------------------------------ */

/* A run that waits for others goes on doing so. */
static void
move_due_at(RunRow *waiting, TimestampTz run_at)
{
	if (!TIMESTAMP_IS_NOEND(run_time(waiting, RUN_COL_DUE_AT)))
		run_row_set(waiting, RUN_COL_DUE_AT, TimestampTzGetDatum(run_at));
	run_row_set(waiting, RUN_COL_SCHEDULED_FOR, TimestampTzGetDatum(run_at));
}

/* Its deadline keeps its distance. */
static void
postpone(RunRow *waiting, const RunRow *row)
{
	TimestampTz run_at = run_time(row, RUN_COL_SCHEDULED_FOR);

	if (!run_is_null(waiting, RUN_COL_DEADLINE_AT))
		run_row_set(waiting, RUN_COL_DEADLINE_AT,
					TimestampTzGetDatum(run_time(waiting, RUN_COL_DEADLINE_AT) + run_at -
										run_time(waiting, RUN_COL_SCHEDULED_FOR)));
	move_due_at(waiting, run_at);
}

/*
 * All is as the newcomer says, but what belongs to the run that is known by its
 * id: attempts go on counting, and it has as many before it as a new one.
 */
static void
replace(RunRow *waiting, const RunRow *row, int attempts)
{
	RunRow		old = *waiting;
	int			attempt = run_int32(&old, RUN_COL_ATTEMPT);

	memcpy(waiting->values, row->values, sizeof(row->values));
	memcpy(waiting->nulls, row->nulls, sizeof(row->nulls));
	run_row_set(waiting, RUN_COL_RUN_ID, old.values[RUN_COL_RUN_ID - 1]);
	run_row_set(waiting, RUN_COL_ATTEMPT, old.values[RUN_COL_ATTEMPT - 1]);
	run_row_set(waiting, RUN_COL_CRASHES, old.values[RUN_COL_CRASHES - 1]);
	run_row_set(waiting, RUN_COL_DUE_AT, old.values[RUN_COL_DUE_AT - 1]);
	move_due_at(waiting, run_time(row, RUN_COL_SCHEDULED_FOR));
	if (attempt > 0)
		run_row_set(waiting, RUN_COL_MAX_ATTEMPTS,
					Int32GetDatum(Min((int64) attempt + attempts, PG_INT32_MAX)));
}

/* False: it has moved although we hold its lock; by our own transaction only. */
static bool
change_waiting(RunRow *waiting, const RunRow *row, OnConflict on_conflict, int attempts)
{
	if (on_conflict == CONFLICT_REPLACE)
		replace(waiting, row, attempts);
	else if (on_conflict == CONFLICT_POSTPONE)
		postpone(waiting, row);

	else
		return true;

	if (run_store_update(waiting) != CLAIM_OK)
		return false;
	wake_for_runs(run_int64(waiting, RUN_COL_RUN_ID), 1);
	return true;
}

/* ------------------------------------------------------------------------
 * The look
 * ------------------------------------------------------------------------ */

/* One look, with what is committed now; UNIQUE_MOVED: look again. */
static UniqueFound
look_for_run(RunRow *row, const UniqueArgs *args, int attempts)
{
	RunRow		found;
	UniqueFound result;

	push_newest_snapshot();
	result = unique_store_find(row, args->queued_after, &found);
	if (result == UNIQUE_WAITING &&
		!change_waiting(&found, row, args->on_conflict, attempts))
		result = UNIQUE_MOVED;
	pop_newest_snapshot();
	if (result == UNIQUE_WAITING || result == UNIQUE_BEGUN)
		run_row_set(row, RUN_COL_RUN_ID, found.values[RUN_COL_RUN_ID - 1]);
	return result;
}

bool
unique_run_stays_locked(RunRow *row, const UniqueArgs *args, int attempts)
{
	UniqueFound found;

	/* Who moves it is the scheduler or an administrator: not for ever. */
	do
	{
		CHECK_FOR_INTERRUPTS();
		found = look_for_run(row, args, attempts);
	} while (found == UNIQUE_MOVED);
	return found != UNIQUE_NONE;
}

static bool
try_lock(const RunRow *row)
{
	text	   *key = DatumGetTextPP(row->values[RUN_COL_UNIQUE_KEY - 1]);

	return lock_try_unique_key(unique_scope(row), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
}

bool
unique_run_stays(RunRow *row, const UniqueArgs *args, int attempts)
{
	text	   *key = DatumGetTextPP(row->values[RUN_COL_UNIQUE_KEY - 1]);

	lock_unique_key(unique_scope(row), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	return unique_run_stays_locked(row, args, attempts);
}

void
unique_hold(const RunRow *row)
{
	if (!run_is_null(row, RUN_COL_UNIQUE_KEY))
		(void) try_lock(row);
}

bool
unique_allows_retry(const RunRow *row)
{
	RunRow		found;
	UniqueFound result;

	if (run_is_null(row, RUN_COL_UNIQUE_KEY))
		return true;
	if (!try_lock(row))
		return false;
	push_newest_snapshot();
	result = unique_store_find(row, DT_NOEND, &found);
	pop_newest_snapshot();
	return result == UNIQUE_NONE;
}
