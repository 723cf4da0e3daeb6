/*-------------------------------------------------------------------------
 *
 * run_presence.c
 *	  Is a run's row there?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/catalog.h"
#include "store/run_presence.h"

static void
look_for(const int64 *run_ids, int count, Snapshot snapshot, bool *is_there)
{
	Relation	rel = catalog_open("pending_run", AccessShareLock);
	Relation	index = catalog_open_index("pending_run_pkey", AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan = index_beginscan(rel, index, snapshot, 1, 0);

	for (int i = 0; i < count; i++)
	{
		ScanKeyData key;

		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run_ids[i]));
		index_rescan(scan, &key, 1, NULL, 0);
		is_there[i] = index_getnext_slot(scan, ForwardScanDirection, slot);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
}

void
run_presence_test_many(const int64 *run_ids, int count, bool *is_there)
{
	SnapshotData dirty;

	InitDirtySnapshot(dirty);
	look_for(run_ids, count, &dirty, is_there);
}

bool
run_presence_test(int64 run_id)
{
	bool		result;

	run_presence_test_many(&run_id, 1, &result);
	return result;
}

TransactionId
run_presence_deleter(int64 run_id)
{
	SnapshotData dirty;
	bool		is_there;

	InitDirtySnapshot(dirty);
	look_for(&run_id, 1, &dirty, &is_there);
	return is_there ? dirty.xmax : InvalidTransactionId;
}

bool
run_presence_visible(int64 run_id)
{
	bool		result;

	look_for(&run_id, 1, GetActiveSnapshot(), &result);
	return result;
}
