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

static bool
is_there(int64 run_id, Snapshot snapshot)
{
	Relation	rel = catalog_open("pending_run", AccessShareLock);
	Relation	index = catalog_open_index("pending_run_pkey", AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData key;
	IndexScanDesc scan;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run_id));
	scan = index_beginscan(rel, index, snapshot, 1, 0);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return found;
}

bool
run_presence_test(int64 run_id)
{
	SnapshotData dirty;

	InitDirtySnapshot(dirty);
	return is_there(run_id, &dirty);
}

TransactionId
run_presence_deleter(int64 run_id)
{
	SnapshotData dirty;

	InitDirtySnapshot(dirty);
	return is_there(run_id, &dirty) ? dirty.xmax : InvalidTransactionId;
}

bool
run_presence_visible(int64 run_id)
{
	return is_there(run_id, GetActiveSnapshot());
}
