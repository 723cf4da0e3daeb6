/*-------------------------------------------------------------------------
 *
 * run_count_store.c
 *	  How many runs of a role have not finished.
 *
 * An index by owner would cost every run something. A run of a task has its
 * task's owner, and an index by its task; so only the others are in an index by
 * owner, and each run is in one of the two.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/catalog.h"
#include "store/run_count_store.h"
#include "store/task_store.h"

/* A count that ends at a limit. */
typedef struct RunCount
{
	Relation	rel;
	TupleTableSlot *slot;
	int64		count;
	int64		limit;
} RunCount;

/* Count the rows that an index has under a key. */
static void
count_under(RunCount *runs, Relation index, ScanKey key)
{
	IndexScanDesc scan = index_beginscan(runs->rel, index, GetActiveSnapshot(), 1, 0);

	index_rescan(scan, key, 1, NULL, 0);
	while (runs->count < runs->limit &&
		   index_getnext_slot(scan, ForwardScanDirection, runs->slot))
		runs->count++;
	index_endscan(scan);
}

static void
count_submitted(RunCount *runs, Oid owner)
{
	Relation	index = catalog_open_index("pending_run_submitted", AccessShareLock);
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(owner));
	count_under(runs, index, &key);
	index_close(index, AccessShareLock);
}

static void
count_of_task(RunCount *runs, Relation index, int64 task_id)
{
	ScanKeyData key;

	CHECK_FOR_INTERRUPTS();
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(task_id));
	count_under(runs, index, &key);
}

static void
count_of_tasks(RunCount *runs, Oid owner)
{
	Relation	rel = catalog_open("task", AccessShareLock);
	Relation	tasks = catalog_open_index("task_owner_name_key", AccessShareLock);
	Relation	index = catalog_open_index("pending_run_task", AccessShareLock);
	TupleTableSlot *task = table_slot_create(rel, NULL);
	IndexScanDesc scan = index_beginscan(rel, tasks, GetActiveSnapshot(), 1, 0);
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(owner));
	index_rescan(scan, &key, 1, NULL, 0);
	while (runs->count < runs->limit && index_getnext_slot(scan, ForwardScanDirection, task))
	{
		bool		isnull;

		count_of_task(runs, index, DatumGetInt64(slot_getattr(task, TASK_COL_TASK_ID, &isnull)));
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(task);
	index_close(index, AccessShareLock);
	index_close(tasks, AccessShareLock);
	table_close(rel, AccessShareLock);
}

int64
run_count_of_owner(Oid owner, int64 limit)
{
	RunCount	runs = {.limit = limit};

	runs.rel = catalog_open("pending_run", AccessShareLock);
	runs.slot = table_slot_create(runs.rel, NULL);
	count_submitted(&runs, owner);
	count_of_tasks(&runs, owner);
	ExecDropSingleTupleTableSlot(runs.slot);
	table_close(runs.rel, AccessShareLock);
	return runs.count;
}
