/*-------------------------------------------------------------------------
 *
 * run_row.c
 *	  A run's row in memory: set, read, and made from a task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "store/run_store.h"
#include "store/task_store.h"

/* Bytes of a message that a waiting run keeps; all of it is in history. */
#define ERROR_MAX	1000

void
run_row_init(RunRow *row)
{
	ItemPointerSetInvalid(&row->ctid);
	memset(row->values, 0, sizeof(row->values));
	memset(row->nulls, true, sizeof(row->nulls));
}

void
run_row_set(RunRow *row, int col, Datum value)
{
	row->values[col - 1] = value;
	row->nulls[col - 1] = false;
}

void
run_row_set_null(RunRow *row, int col)
{
	row->values[col - 1] = (Datum) 0;
	row->nulls[col - 1] = true;
}

void
run_row_set_error(RunRow *row, const char *message)
{
	int			length = message == NULL ? 0 : strlen(message);

	run_row_set_null(row, RUN_COL_LAST_MESSAGE);
	if (message != NULL)
		run_row_set(row, RUN_COL_LAST_MESSAGE,
					PointerGetDatum(cstring_to_text_with_len(message,
															 pg_mbcliplen(message, length, ERROR_MAX))));
}

char *
run_row_text(const RunRow *row, int col)
{
	if (run_is_null(row, col))
		return NULL;
	return TextDatumGetCString(row->values[col - 1]);
}

/* The instant of a deadline, which is given as a length after due time. */
static TimestampTz
deadline_after(TimestampTz due_at, Interval *deadline)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
												   TimestampTzGetDatum(due_at),
												   IntervalPGetDatum(deadline)));
}

void
run_row_for_task(RunRow *row, const TaskRow *task, TimestampTz due_at,
				 TimestampTz now, const char *source)
{
	run_row_init(row);
	run_row_set(row, RUN_COL_RUN_ID, Int64GetDatum(run_store_next_id()));
	run_row_set(row, RUN_COL_HOME_ID, Int64GetDatum(task->home_id));
	run_row_set(row, RUN_COL_TASK_ID, Int64GetDatum(task->task_id));
	run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(due_at));
	run_row_set(row, RUN_COL_SCHEDULED_FOR, TimestampTzGetDatum(due_at));
	run_row_set(row, RUN_COL_QUEUED_AT, TimestampTzGetDatum(now));
	if (task->deadline != NULL)
		run_row_set(row, RUN_COL_DEADLINE_AT,
					TimestampTzGetDatum(deadline_after(due_at, task->deadline)));
	run_row_set(row, RUN_COL_OWNER, ObjectIdGetDatum(task->owner));
	run_row_set(row, RUN_COL_QUEUE_ID, Int32GetDatum(task->queue_id));
	run_row_set(row, RUN_COL_PRIORITY, Int32GetDatum(task->priority));
	run_row_set(row, RUN_COL_ATTEMPT, Int32GetDatum(0));
	run_row_set(row, RUN_COL_CRASHES, Int32GetDatum(0));
	run_row_set(row, RUN_COL_SOURCE, CStringGetTextDatum(source));
	if (task->key != NULL)
		run_row_set(row, RUN_COL_KEY, CStringGetTextDatum(task->key));
	if (task->args != (Datum) 0)
		run_row_set(row, RUN_COL_ARGS, task->args);
}
