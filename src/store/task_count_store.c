/*-------------------------------------------------------------------------
 *
 * task_count_store.c
 *	  Adds to the counts in taskly.task.
 *
 * They are written once a second for each task that has run, while other tasks
 * may be due. A row that somebody holds is passed over, never waited for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "store/catalog.h"
#include "store/relation.h"
#include "store/spi.h"
#include "store/task_tuple.h"

static Statement failure_message = {
	.sql = "SELECT f.message FROM taskly.finished_run AS f "
	"WHERE f.run_id OPERATOR(pg_catalog.=) $1 "
	"ORDER BY f.finished_at DESC LIMIT 1",
	.nargs = 1,
	.argtypes = {INT8OID},
};

/* ------------------------------------------------------------------------
 * Failures
 * ------------------------------------------------------------------------ */

typedef struct Message
{
	MemoryContext context;
	char	   *text;
} Message;

static void
receive_message(HeapTuple tuple, TupleDesc desc, void *arg)
{
	Message    *message = arg;
	char	   *text = SPI_getvalue(tuple, desc, 1);

	if (text != NULL)
		message->text = MemoryContextStrdup(message->context, text);
}

static void
set_failure(TaskTuple *tuple, const TaskCounts *counts)
{
	Datum		values[1] = {Int64GetDatum(counts->last_failure_run_id)};
	Message		message = {CurrentMemoryContext, NULL};

	(void) store_execute(&failure_message, values, NULL, receive_message, &message);
	task_tuple_set(tuple, TASK_COL_LAST_FAILURE_RUN_ID, Int64GetDatum(counts->last_failure_run_id));
	task_tuple_set(tuple, TASK_COL_LAST_FAILURE_AT, TimestampTzGetDatum(counts->last_failure_at));
	tuple->columns.nulls[TASK_COL_LAST_FAILURE_MESSAGE - 1] = message.text == NULL;
	if (message.text != NULL)
		task_tuple_set(tuple, TASK_COL_LAST_FAILURE_MESSAGE, CStringGetTextDatum(message.text));
}

/* A change of the definition as any other: whoever holds an older one reads it again. */
static void
set_paused(TaskTuple *tuple, const TaskCounts *counts)
{
	char	   *reason = psprintf("%d consecutive failures", counts->consecutive_failures);

	task_tuple_set(tuple, TASK_COL_PAUSED_AT, TimestampTzGetDatum(counts->last_failure_at));
	task_tuple_set(tuple, TASK_COL_PAUSED_REASON, CStringGetTextDatum(reason));
	task_tuple_set(tuple, TASK_COL_VERSION,
			  Int32GetDatum(DatumGetInt32(tuple->columns.values[TASK_COL_VERSION - 1]) + 1));
}

/* ------------------------------------------------------------------------
 * All counts of a task
 * ------------------------------------------------------------------------ */

static void
set_counts(TaskTuple *tuple, const TaskCounts *counts)
{
	task_tuple_add(tuple, TASK_COL_RUNS, counts->runs);
	task_tuple_add(tuple, TASK_COL_FAILURES, counts->failures);
	task_tuple_set(tuple, TASK_COL_CONSECUTIVE_FAILURES,
			  Int32GetDatum(counts->consecutive_failures));
	task_tuple_set(tuple, TASK_COL_LAST_RUN_ID, Int64GetDatum(counts->last_run_id));
	task_tuple_set(tuple, TASK_COL_LAST_STATUS,
			  CStringGetTextDatum(run_status_name(counts->last_status)));
	task_tuple_set(tuple, TASK_COL_LAST_STARTED_AT, TimestampTzGetDatum(counts->last_started_at));
	tuple->columns.nulls[TASK_COL_LAST_STARTED_AT - 1] = counts->last_started_at == 0;
	task_tuple_set(tuple, TASK_COL_LAST_FINISHED_AT, TimestampTzGetDatum(counts->last_finished_at));
	if (counts->last_failure_run_id != 0)
		set_failure(tuple, counts);
	if (counts->pauses && tuple->columns.nulls[TASK_COL_PAUSED_AT - 1])
		set_paused(tuple, counts);
}

FireResult
task_store_add_counts(TaskTable *table, const TaskCounts *counts)
{
	TaskTuple	tuple;

	if (!task_tuple_read(table, counts->task_id, &tuple))
		return FIRE_CHANGED;
	set_counts(&tuple, counts);
	return task_tuple_write(table, &tuple) ? FIRE_OK : FIRE_LOCKED;
}
