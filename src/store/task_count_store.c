/*-------------------------------------------------------------------------
 *
 * task_count_store.c
 *	  Adds to the counts in taskly.task.
 *
 * They are written once a second for each task that has run, while other tasks
 * may be due: through the table access method, without planning a statement or
 * checking constraints that do not concern them. A row that somebody holds is
 * passed over, never waited for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/catalog.h"
#include "store/relation.h"
#include "store/spi.h"
#include "store/task_store.h"

typedef struct CountedRow
{
	ItemPointerData ctid;
	Datum		values[TASK_COLS];
	bool		nulls[TASK_COLS];
} CountedRow;

static Statement failure_message = {
	.sql = "SELECT f.message FROM taskly.finished_run AS f "
	"WHERE f.run_id OPERATOR(pg_catalog.=) $1 "
	"ORDER BY f.finished_at DESC LIMIT 1",
	.nargs = 1,
	.argtypes = {INT8OID},
};

static void
set_value(CountedRow *row, int col, Datum value)
{
	row->values[col - 1] = value;
	row->nulls[col - 1] = false;
}

static void
add_value(CountedRow *row, int col, int64 count)
{
	set_value(row, col, Int64GetDatum(DatumGetInt64(row->values[col - 1]) + count));
}

static bool
read_row(Relation rel, int64 task_id, CountedRow *row)
{
	Relation	index = catalog_open_index("task_pkey", AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData key;
	IndexScanDesc scan;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(task_id));
	scan = index_beginscan(rel, index, GetActiveSnapshot(), 1, 0);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
	{
		row->ctid = slot->tts_tid;
		heap_deform_tuple(ExecCopySlotHeapTuple(slot), RelationGetDescr(rel),
						  row->values, row->nulls);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	return found;
}

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
set_failure(CountedRow *row, const TaskCounts *counts)
{
	Datum		values[1] = {Int64GetDatum(counts->last_failure_run_id)};
	Message		message = {CurrentMemoryContext, NULL};

	(void) store_execute(&failure_message, values, NULL, receive_message, &message);
	set_value(row, TASK_COL_LAST_FAILURE_RUN_ID, Int64GetDatum(counts->last_failure_run_id));
	set_value(row, TASK_COL_LAST_FAILURE_AT, TimestampTzGetDatum(counts->last_failure_at));
	row->nulls[TASK_COL_LAST_FAILURE_MESSAGE - 1] = message.text == NULL;
	if (message.text != NULL)
		set_value(row, TASK_COL_LAST_FAILURE_MESSAGE, CStringGetTextDatum(message.text));
}

/* A change of the definition as any other: whoever holds an older one reads it again. */
static void
set_paused(CountedRow *row, const TaskCounts *counts)
{
	char	   *reason = psprintf("%d consecutive failures", counts->consecutive_failures);

	set_value(row, TASK_COL_PAUSED_AT, TimestampTzGetDatum(counts->last_failure_at));
	set_value(row, TASK_COL_PAUSED_REASON, CStringGetTextDatum(reason));
	set_value(row, TASK_COL_VERSION,
			  Int32GetDatum(DatumGetInt32(row->values[TASK_COL_VERSION - 1]) + 1));
}

/* ------------------------------------------------------------------------
 * All counts of a task
 * ------------------------------------------------------------------------ */

static void
set_counts(CountedRow *row, const TaskCounts *counts)
{
	add_value(row, TASK_COL_RUNS, counts->runs);
	add_value(row, TASK_COL_FAILURES, counts->failures);
	set_value(row, TASK_COL_CONSECUTIVE_FAILURES,
			  Int32GetDatum(counts->consecutive_failures));
	set_value(row, TASK_COL_LAST_RUN_ID, Int64GetDatum(counts->last_run_id));
	set_value(row, TASK_COL_LAST_STATUS,
			  CStringGetTextDatum(run_status_name(counts->last_status)));
	set_value(row, TASK_COL_LAST_STARTED_AT, TimestampTzGetDatum(counts->last_started_at));
	row->nulls[TASK_COL_LAST_STARTED_AT - 1] = counts->last_started_at == 0;
	set_value(row, TASK_COL_LAST_FINISHED_AT, TimestampTzGetDatum(counts->last_finished_at));
	if (counts->last_failure_run_id != 0)
		set_failure(row, counts);
	if (counts->pauses && row->nulls[TASK_COL_PAUSED_AT - 1])
		set_paused(row, counts);
}

bool
task_store_add_counts(const TaskCounts *counts)
{
	Relation	rel = catalog_open("task", RowExclusiveLock);
	RelationWriter writer;
	CountedRow	row;
	bool		is_done = true;

	/* No such task any more: its counts are nobody's. */
	if (read_row(rel, counts->task_id, &row))
	{
		set_counts(&row, counts);
		relation_writer_open(&writer, rel);
		is_done = relation_update(&writer, &row.ctid, row.values, row.nulls) == TM_Ok;
		relation_writer_close(&writer);
	}
	table_close(rel, NoLock);
	return is_done;
}
