/*-------------------------------------------------------------------------
 *
 * task_row.c
 *	  From a row of taskly.task to a definition in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"

#include "store/task_store.h"

/* These give a column, copied, or NULL or 0 when it is null. */

static Datum
get_datum(const TaskColumns *columns, int col, Datum null_value)
{
	return columns->nulls[col - 1] ? null_value : columns->values[col - 1];
}

static char *
get_text(const TaskColumns *columns, int col)
{
	return columns->nulls[col - 1] ? NULL : TextDatumGetCString(columns->values[col - 1]);
}

static Interval *
get_interval(const TaskColumns *columns, int col)
{
	Interval   *copy;

	if (columns->nulls[col - 1])
		return NULL;
	copy = palloc(sizeof(Interval));
	*copy = *DatumGetIntervalP(columns->values[col - 1]);
	return copy;
}

static Datum
get_varlena(const TaskColumns *columns, int col)
{
	if (columns->nulls[col - 1])
		return (Datum) 0;
	return PointerGetDatum(PG_DETOAST_DATUM_COPY(columns->values[col - 1]));
}

static RunKind
get_kind(const TaskColumns *columns)
{
	if (strcmp(get_text(columns, TASK_COL_KIND), "shell") == 0)
		return RUN_KIND_SHELL;
	return DatumGetBool(columns->values[TASK_COL_ATOMIC - 1]) ?
		RUN_KIND_SQL : RUN_KIND_AUTOCOMMIT;
}

void
task_row_from(const TaskColumns *c, TaskRow *task)
{
	task->task_id = DatumGetInt64(get_datum(c, TASK_COL_TASK_ID, 0));
	task->home_id = DatumGetInt64(get_datum(c, TASK_COL_HOME_ID, 0));
	task->version = DatumGetInt32(get_datum(c, TASK_COL_VERSION, 0));
	task->name = get_text(c, TASK_COL_NAME);
	task->owner = DatumGetObjectId(get_datum(c, TASK_COL_OWNER, 0));
	task->description = get_text(c, TASK_COL_DESCRIPTION);
	task->command = get_text(c, TASK_COL_COMMAND);
	task->kind = get_kind(c);
	task->args = get_varlena(c, TASK_COL_ARGS);
	task->queue_id = DatumGetInt32(get_datum(c, TASK_COL_QUEUE_ID, 0));
	task->priority = DatumGetInt32(get_datum(c, TASK_COL_PRIORITY, 0));
	task->key = get_text(c, TASK_COL_KEY);
	task->max_running = DatumGetInt32(get_datum(c, TASK_COL_MAX_RUNNING, 0));
	task->schedule = get_text(c, TASK_COL_SCHEDULE);
	task->timezone = get_text(c, TASK_COL_TIMEZONE);
	task->starts_at = DatumGetTimestampTz(get_datum(c, TASK_COL_STARTS_AT,
													TimestampTzGetDatum(DT_NOBEGIN)));
	task->ends_at = DatumGetTimestampTz(get_datum(c, TASK_COL_ENDS_AT,
												  TimestampTzGetDatum(DT_NOEND)));
	task->max_runs = DatumGetInt64(get_datum(c, TASK_COL_MAX_RUNS, Int64GetDatum(0)));
	task->jitter = get_interval(c, TASK_COL_JITTER);
	task->timeout = get_interval(c, TASK_COL_TIMEOUT);
	task->deadline = get_interval(c, TASK_COL_DEADLINE);
	task->max_attempts = DatumGetInt32(get_datum(c, TASK_COL_MAX_ATTEMPTS, 0));
	task->backoff = get_text(c, TASK_COL_BACKOFF);
	task->retry_on = get_varlena(c, TASK_COL_RETRY_ON);
	task->never_on = get_varlena(c, TASK_COL_NEVER_ON);
	task->overlap = get_text(c, TASK_COL_OVERLAP);
	task->max_instances = DatumGetInt32(get_datum(c, TASK_COL_MAX_INSTANCES, 0));
	task->missed = get_text(c, TASK_COL_MISSED);
	task->missed_limit = DatumGetInt32(get_datum(c, TASK_COL_MISSED_LIMIT, 0));
	task->on_lost = get_text(c, TASK_COL_ON_LOST);
	task->on_failure = get_text(c, TASK_COL_ON_FAILURE);
	task->pause_after_failures =
		DatumGetInt32(get_datum(c, TASK_COL_PAUSE_AFTER_FAILURES, 0));
	task->after = get_varlena(c, TASK_COL_AFTER);
	task->calendar_id = DatumGetInt32(get_datum(c, TASK_COL_CALENDAR_ID, 0));
	task->on_excluded = get_text(c, TASK_COL_ON_EXCLUDED);
	task->anchor = DatumGetTimestampTz(get_datum(c, TASK_COL_ANCHOR, 0));
	task->last_fire = DatumGetTimestampTz(get_datum(c, TASK_COL_LAST_FIRE, 0));
	task->last_finished_at = DatumGetTimestampTz(get_datum(c, TASK_COL_LAST_FINISHED_AT,
														   TimestampTzGetDatum(DT_NOBEGIN)));
	task->fires = DatumGetInt64(get_datum(c, TASK_COL_FIRES, Int64GetDatum(0)));
	task->is_paused = !c->nulls[TASK_COL_PAUSED_AT - 1];
	task->consecutive_failures =
		DatumGetInt32(get_datum(c, TASK_COL_CONSECUTIVE_FAILURES, 0));
}

void
task_row_read(HeapTuple tuple, TupleDesc desc, TaskRow *task)
{
	TaskColumns columns;

	heap_deform_tuple(tuple, desc, columns.values, columns.nulls);
	task_row_from(&columns, task);
}

OverlapPolicy
task_overlap(const TaskRow *task)
{
	if (strcmp(task->overlap, "queue") == 0)
		return OVERLAP_QUEUE;
	if (strcmp(task->overlap, "allow") == 0)
		return OVERLAP_ALLOW;
	return strcmp(task->overlap, "cancel_running") == 0 ? OVERLAP_CANCEL_RUNNING : OVERLAP_SKIP;
}

MissedPolicy
task_missed(const TaskRow *task)
{
	if (strcmp(task->missed, "all") == 0)
		return MISSED_ALL;
	return strcmp(task->missed, "skip") == 0 ? MISSED_SKIP : MISSED_ONCE;
}
