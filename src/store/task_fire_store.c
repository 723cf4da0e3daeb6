/*-------------------------------------------------------------------------
 *
 * task_fire_store.c
 *	  What the leader does to taskly.task: read the scheduled ones, move
 *	  last_fire.
 *
 * An occurrence exists at most once because last_fire only moves forward, from
 * what the leader last saw, in the transaction that inserts the run. A row that
 * somebody holds is passed over, never waited for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "store/catalog.h"
#include "store/task_store.h"
#include "store/task_tuple.h"

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------ */

int64
task_store_read_scheduled(int64 home_id, int64 after_task_id, int64 max,
						  TaskReceiver receive, void *arg)
{
	Relation	rel = catalog_open("task", AccessShareLock);
	Relation	index = catalog_open_index("task_pkey", AccessShareLock);
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "taskly task",
													  ALLOCSET_DEFAULT_SIZES);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	int64		count = 0;

	ScanKeyInit(&key, TASK_COL_TASK_ID, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(after_task_id));
	scan = systable_beginscan_ordered(rel, index, GetActiveSnapshot(), 1, &key);
	while (count < max &&
		   HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		MemoryContext old_context = MemoryContextSwitchTo(row_context);
		TaskRow		task;

		task_row_read(tuple, RelationGetDescr(rel), &task);
		if (task.home_id == home_id && task.schedule != NULL)
			receive(&task, arg);
		after_task_id = task.task_id;
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(row_context);
		count++;
	}
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	MemoryContextDelete(row_context);
	return count < max ? PG_INT64_MAX : after_task_id;
}

/* ------------------------------------------------------------------------
 * Firing
 * ------------------------------------------------------------------------ */

void
task_store_fire(TaskTable *table, TaskFire *fire)
{
	TaskTuple	tuple;

	fire->result = FIRE_CHANGED;
	if (!task_tuple_read(table, fire->task_id, &tuple) ||
		DatumGetInt32(tuple.columns.values[TASK_COL_VERSION - 1]) != fire->version ||
		DatumGetTimestampTz(tuple.columns.values[TASK_COL_LAST_FIRE - 1]) >= fire->fire_at)
		return;
	task_tuple_set(&tuple, TASK_COL_LAST_FIRE, TimestampTzGetDatum(fire->fire_at));
	task_tuple_add(&tuple, fire->is_skipped ? TASK_COL_SKIPPED : TASK_COL_FIRES, 1);
	task_tuple_add(&tuple, TASK_COL_MISSED_COUNT, fire->missed);
	fire->result = task_tuple_write(table, &tuple) ? FIRE_OK : FIRE_LOCKED;
	if (fire->result == FIRE_OK)
		task_row_from(&tuple.columns, &fire->task);
}

/* ------------------------------------------------------------------------
 * Rewinding
 * ------------------------------------------------------------------------ */

bool
task_store_rewind(TaskTable *table, int64 task_id, TimestampTz now)
{
	TaskTuple	tuple;

	if (!task_tuple_read(table, task_id, &tuple))
		return true;
	task_tuple_bound(&tuple, TASK_COL_LAST_FIRE, now);
	task_tuple_bound(&tuple, TASK_COL_LAST_FINISHED_AT, now);
	return task_tuple_write(table, &tuple);
}
