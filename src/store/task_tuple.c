/*-------------------------------------------------------------------------
 *
 * task_tuple.c
 *	  A row of taskly.task that a scheduler changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/catalog.h"
#include "store/task_tuple.h"

void
task_table_open(TaskTable *table)
{
	Relation	rel = catalog_open("task", RowExclusiveLock);

	table->index = catalog_open_index("task_pkey", AccessShareLock);
	relation_writer_open(&table->writer, rel);
}

/* The lock on the table is kept until the transaction ends. */
void
task_table_close(TaskTable *table)
{
	Relation	rel = table->writer.rel;

	relation_writer_close(&table->writer);
	index_close(table->index, AccessShareLock);
	table_close(rel, NoLock);
}

bool
task_tuple_read(TaskTable *table, int64 task_id, TaskTuple *tuple)
{
	Relation	rel = table->writer.rel;
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData key;
	IndexScanDesc scan;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(task_id));
	scan = index_beginscan(rel, table->index, GetActiveSnapshot(), 1, 0);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
	{
		tuple->ctid = slot->tts_tid;
		heap_deform_tuple(ExecCopySlotHeapTuple(slot), RelationGetDescr(rel),
						  tuple->columns.values, tuple->columns.nulls);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return found;
}

bool
task_tuple_write(TaskTable *table, TaskTuple *tuple)
{
	return relation_update(&table->writer, &tuple->ctid, tuple->columns.values,
						   tuple->columns.nulls) == TM_Ok;
}

void
task_tuple_set(TaskTuple *tuple, int col, Datum value)
{
	tuple->columns.values[col - 1] = value;
	tuple->columns.nulls[col - 1] = false;
}

void
task_tuple_add(TaskTuple *tuple, int col, int64 count)
{
	task_tuple_set(tuple, col, Int64GetDatum(DatumGetInt64(tuple->columns.values[col - 1]) + count));
}

void
task_tuple_bound(TaskTuple *tuple, int col, TimestampTz latest)
{
	if (!tuple->columns.nulls[col - 1] &&
		DatumGetTimestampTz(tuple->columns.values[col - 1]) > latest)
		task_tuple_set(tuple, col, TimestampTzGetDatum(latest));
}
