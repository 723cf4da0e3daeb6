/*-------------------------------------------------------------------------
 *
 * run_store.c
 *	  Every statement about taskly.pending_run.
 *
 * Rows are found by primary key or by a remembered ctid. A remembered ctid may
 * hold another row by now (VACUUM FULL, an update, a reused line pointer), so
 * what is found there must still be the run that was asked for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/relation.h"
#include "store/run_store.h"

#define PENDING_RUN			"pending_run"
#define PENDING_RUN_PKEY	"pending_run_pkey"
#define PENDING_RUN_ORDER	"pending_run_order"
#define PENDING_RUN_OCCURRENCE	"pending_run_occurrence"
#define PENDING_RUN_STARTED	"pending_run_started"
#define PENDING_RUN_WAITING	"pending_run_waiting"

/* Columns of the index pending_run_order. */
enum
{
	ORDER_QUEUE_ID = 1,
	ORDER_DUE_AT,
	ORDER_RUN_ID
};

int64
run_store_next_id(void)
{
	return nextval_internal(catalog_relation_id("run_run_id_seq"), false);
}

void
run_store_insert(RunRow *rows, int count)
{
	Relation	rel = catalog_open(PENDING_RUN, RowExclusiveLock);
	RelationWriter writer;

	relation_writer_open(&writer, rel);
	for (int i = 0; i < count; i++)
	{
		relation_insert(&writer, rows[i].values, rows[i].nulls);
		rows[i].ctid = writer.slot->tts_tid;
	}
	relation_writer_close(&writer);
	table_close(rel, NoLock);
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------ */

/* The slot's row, as it stands in the slot: valid until the slot moves on. */
static void
row_from_slot(RunRow *row, TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	row->ctid = slot->tts_tid;
	memcpy(row->values, slot->tts_values, sizeof(row->values));
	memcpy(row->nulls, slot->tts_isnull, sizeof(row->nulls));
}

/* The slot's row, copied into the current memory context. */
static void
row_copy_from_slot(RunRow *row, TupleTableSlot *slot)
{
	HeapTuple	tuple = ExecCopySlotHeapTuple(slot);

	row->ctid = slot->tts_tid;
	heap_deform_tuple(tuple, slot->tts_tupleDescriptor, row->values, row->nulls);
}

/* Give up to limit rows that an index scan finds to receive(). */
static int
scan_index(const char *index_name, ScanKey keys, int nkeys, int limit,
		   RunReceiver receive, void *arg)
{
	Relation	rel = catalog_open(PENDING_RUN, AccessShareLock);
	Relation	index = catalog_open_index(index_name, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan;
	int			count = 0;

	scan = index_beginscan(rel, index, GetActiveSnapshot(), nkeys, 0);
	index_rescan(scan, keys, nkeys, NULL, 0);
	while (count < limit &&
		   index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		RunRow		row;

		row_from_slot(&row, slot);
		receive(&row, arg);
		count++;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return count;
}

void
run_store_read(int64 first, int64 count, RunReceiver receive, void *arg)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(first));
	ScanKeyInit(&keys[1], 1, BTLessStrategyNumber, F_INT8LT,
				Int64GetDatum(first + count));
	(void) scan_index(PENDING_RUN_PKEY, keys, 2, PG_INT32_MAX, receive, arg);
}

int
run_store_read_queue(int32 queue_id, TimestampTz after_due_at,
					 int64 after_run_id, int limit,
					 RunReceiver receive, void *arg)
{
	ScanKeyData keys[3];
	int			read;

	/* First the rest of those that are due at the same instant, ... */
	ScanKeyInit(&keys[0], ORDER_QUEUE_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(queue_id));
	ScanKeyInit(&keys[1], ORDER_DUE_AT, BTEqualStrategyNumber, F_TIMESTAMPTZ_EQ,
				TimestampTzGetDatum(after_due_at));
	ScanKeyInit(&keys[2], ORDER_RUN_ID, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(after_run_id));
	read = scan_index(PENDING_RUN_ORDER, keys, 3, limit, receive, arg);

	/* ... then later ones. */
	if (read < limit)
	{
		keys[1].sk_strategy = BTGreaterStrategyNumber;
		fmgr_info(F_TIMESTAMPTZ_GT, &keys[1].sk_func);
		ScanKeyInit(&keys[2], ORDER_DUE_AT, BTLessStrategyNumber, F_TIMESTAMPTZ_LT,
					TimestampTzGetDatum(DT_NOEND));
		read += scan_index(PENDING_RUN_ORDER, keys, 3, limit - read, receive, arg);
	}
	return read;
}

int
run_store_read_waiting(TimestampTz until, int limit, RunReceiver receive, void *arg)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTLessEqualStrategyNumber, F_TIMESTAMPTZ_LE, TimestampTzGetDatum(until));
	return scan_index(PENDING_RUN_WAITING, &key, 1, limit, receive, arg);
}

void
run_store_read_started(RunReceiver receive, void *arg)
{
	(void) scan_index(PENDING_RUN_STARTED, NULL, 0, PG_INT32_MAX, receive, arg);
}

void
run_store_read_occurrences(int64 task_id, RunReceiver receive, void *arg)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(task_id));
	(void) scan_index(PENDING_RUN_OCCURRENCE, &key, 1, PG_INT32_MAX, receive, arg);
}

/* ------------------------------------------------------------------------
 * Claims
 * ------------------------------------------------------------------------ */

/* Fetch the row at ctid into the slot if it is this run's. */
static bool
fetch_at(Relation rel, ItemPointer ctid, int64 run_id, TupleTableSlot *slot)
{
	bool		isnull;

	if (ctid == NULL || !ItemPointerIsValid(ctid))
		return false;
	/* A table that VACUUM FULL has made smaller may not have the block. */
	if (ItemPointerGetBlockNumber(ctid) >= RelationGetNumberOfBlocks(rel))
		return false;
	if (!table_tuple_fetch_row_version(rel, ctid, GetActiveSnapshot(), slot))
		return false;
	return DatumGetInt64(slot_getattr(slot, RUN_COL_RUN_ID, &isnull)) == run_id;
}

static bool
fetch_by_id(Relation rel, int64 run_id, TupleTableSlot *slot)
{
	Relation	index = catalog_open_index(PENDING_RUN_PKEY, AccessShareLock);
	ScanKeyData key;
	IndexScanDesc scan;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run_id));
	scan = index_beginscan(rel, index, GetActiveSnapshot(), 1, 0);
	index_rescan(scan, &key, 1, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		ExecMaterializeSlot(slot);
	index_endscan(scan);
	index_close(index, AccessShareLock);
	return found;
}

static ClaimResult
claim_result(TM_Result result)
{
	switch (result)
	{
		case TM_Ok:
			return CLAIM_OK;
		case TM_WouldBlock:
		case TM_BeingModified:
			return CLAIM_LOCKED;
		case TM_Updated:
			return CLAIM_CHANGED;
		case TM_Deleted:
		case TM_SelfModified:
		case TM_Invisible:
			return CLAIM_GONE;
	}
	return CLAIM_GONE;
}

typedef enum ClaimAction
{
	ACTION_GET,
	ACTION_LOCK,
	ACTION_TAKE
} ClaimAction;

static TM_Result
apply_action(Relation rel, TupleTableSlot *slot, ClaimAction action)
{
	TM_FailureData failure;
	ItemPointerData ctid = slot->tts_tid;

	switch (action)
	{
		case ACTION_GET:
			break;
		case ACTION_LOCK:
			return table_tuple_lock(rel, &ctid, GetActiveSnapshot(), slot,
									GetCurrentCommandId(false),
									LockTupleExclusive, LockWaitSkip, 0,
									&failure);
		case ACTION_TAKE:
			return relation_delete(rel, &ctid);
	}
	return TM_Ok;
}

static ClaimResult
claim(int64 run_id, ItemPointer ctid, RunRow *row, ClaimAction action)
{
	Relation	rel = catalog_open(PENDING_RUN, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ClaimResult result = CLAIM_GONE;

	if (fetch_at(rel, ctid, run_id, slot) || fetch_by_id(rel, run_id, slot))
	{
		row_copy_from_slot(row, slot);
		result = claim_result(apply_action(rel, slot, action));
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return result;
}

ClaimResult
run_store_get(int64 run_id, ItemPointer ctid, RunRow *row)
{
	return claim(run_id, ctid, row, ACTION_GET);
}

ClaimResult
run_store_lock(int64 run_id, ItemPointer ctid, RunRow *row)
{
	return claim(run_id, ctid, row, ACTION_LOCK);
}

ClaimResult
run_store_take(int64 run_id, ItemPointer ctid, RunRow *row)
{
	return claim(run_id, ctid, row, ACTION_TAKE);
}

ClaimResult
run_store_update(RunRow *row)
{
	Relation	rel = catalog_open(PENDING_RUN, RowExclusiveLock);
	RelationWriter writer;
	TM_Result	result;

	relation_writer_open(&writer, rel);
	result = relation_update(&writer, &row->ctid, row->values, row->nulls);
	relation_writer_close(&writer);
	table_close(rel, NoLock);
	return claim_result(result);
}

ClaimResult
run_store_delete(RunRow *row)
{
	Relation	rel = catalog_open(PENDING_RUN, RowExclusiveLock);
	TM_Result	result = relation_delete(rel, &row->ctid);

	table_close(rel, NoLock);
	return claim_result(result);
}
