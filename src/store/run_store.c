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
#include "catalog/pg_collation.h"
#include "commands/sequence.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/relation.h"
#include "store/run_store.h"

#define PENDING_RUN			"pending_run"
#define PENDING_RUN_PKEY	"pending_run_pkey"
#define PENDING_RUN_ORDER	"pending_run_order"
#define PENDING_RUN_KEY		"pending_run_key"
#define PENDING_RUN_RETRYING	"pending_run_retrying"
#define PENDING_RUN_OCCURRENCE	"pending_run_occurrence"
#define RUN_ID_SEQUENCE		"run_run_id_seq"
#define PENDING_RUN_STARTED	"pending_run_started"
#define PENDING_RUN_WAITING	"pending_run_waiting"

struct RunInserter
{
	BulkWriter	bulk;
	Oid			sequence;
};

int64
run_store_next_id(void)
{
	return nextval_internal(catalog_relation_id(RUN_ID_SEQUENCE), false);
}

void
run_store_insert(RunRow *rows, int count)
{
	Relation	rel;
	RelationWriter writer;

	if (count != 1)
	{
		RunInserter *inserter = run_inserter_open();

		for (int i = 0; i < count; i++)
			run_inserter_add(inserter, &rows[i]);
		run_inserter_close(inserter);
		return;
	}
	rel = catalog_open(PENDING_RUN, RowExclusiveLock);
	relation_writer_open(&writer, rel);
	relation_insert(&writer, rows->values, rows->nulls);
	rows->ctid = writer.slot->tts_tid;
	relation_writer_close(&writer);
	table_close(rel, NoLock);
}

RunInserter *
run_inserter_open(void)
{
	RunInserter *inserter = palloc(sizeof(RunInserter));

	inserter->sequence = catalog_relation_id(RUN_ID_SEQUENCE);
	bulk_writer_open(&inserter->bulk, catalog_open(PENDING_RUN, RowExclusiveLock));
	return inserter;
}

int64
run_inserter_next_id(RunInserter *inserter)
{
	return nextval_internal(inserter->sequence, false);
}

void
run_inserter_add(RunInserter *inserter, RunRow *row)
{
	bulk_writer_add(&inserter->bulk, row->values, row->nulls, &row->ctid);
}

void
run_inserter_add_copy(RunInserter *inserter, const RunRow *row)
{
	bulk_writer_add(&inserter->bulk, row->values, row->nulls, NULL);
}

void
run_inserter_close(RunInserter *inserter)
{
	Relation	rel = inserter->bulk.writer.rel;

	bulk_writer_close(&inserter->bulk);
	table_close(rel, NoLock);
	pfree(inserter);
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------ */

void
run_row_from_slot(RunRow *row, TupleTableSlot *slot)
{
	slot_getallattrs(slot);
	row->ctid = slot->tts_tid;
	memcpy(row->values, slot->tts_values, sizeof(row->values));
	memcpy(row->nulls, slot->tts_isnull, sizeof(row->nulls));
}

void
run_row_copy_from_slot(RunRow *row, TupleTableSlot *slot)
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

		run_row_from_slot(&row, slot);
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

/*
 * Up to limit rows after a place, of an index that is in the order of due_at and
 * run_id after the columns that the first keys are for. keys has room for all.
 */
static int
scan_after(const char *index_name, ScanKey keys, int nkeys, RunPlace after,
		   int limit, RunReceiver receive, void *arg)
{
	ScanKey		due_at = &keys[nkeys];
	ScanKey		next = &keys[nkeys + 1];
	int			read;

	/* First the rest of those that are due at the same instant, ... */
	ScanKeyInit(due_at, nkeys + 1, BTEqualStrategyNumber, F_TIMESTAMPTZ_EQ,
				TimestampTzGetDatum(after.due_at));
	ScanKeyInit(next, nkeys + 2, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(after.run_id));
	read = scan_index(index_name, keys, nkeys + 2, limit, receive, arg);

	/* ... then later ones, but those that wait for other runs. */
	if (read < limit)
	{
		due_at->sk_strategy = BTGreaterStrategyNumber;
		fmgr_info(F_TIMESTAMPTZ_GT, &due_at->sk_func);
		ScanKeyInit(next, nkeys + 1, BTLessStrategyNumber, F_TIMESTAMPTZ_LT,
					TimestampTzGetDatum(DT_NOEND));
		read += scan_index(index_name, keys, nkeys + 2, limit - read, receive, arg);
	}
	return read;
}

int
run_store_read_queue(int32 queue_id, RunPlace after, int limit,
					 RunReceiver receive, void *arg)
{
	ScanKeyData keys[3];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(queue_id));
	return scan_after(PENDING_RUN_ORDER, keys, 1, after, limit, receive, arg);
}

int
run_store_read_key(int32 queue_id, const char *key, RunPlace after, int limit,
				   RunReceiver receive, void *arg)
{
	ScanKeyData keys[4];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(queue_id));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(key));
	keys[1].sk_collation = DEFAULT_COLLATION_OID;
	return scan_after(PENDING_RUN_KEY, keys, 2, after, limit, receive, arg);
}

void
run_store_read_retrying(int32 queue_id, RunReceiver receive, void *arg)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(queue_id));
	(void) scan_index(PENDING_RUN_RETRYING, &key, 1, PG_INT32_MAX, receive, arg);
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

	if (!relation_fetch(rel, ctid, slot))
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
		run_row_copy_from_slot(row, slot);
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

/* ------------------------------------------------------------------------
 * Many claims
 * ------------------------------------------------------------------------ */

void
run_table_open(RunTable *table)
{
	table->rel = catalog_open(PENDING_RUN, RowExclusiveLock);
	table->slot = table_slot_create(table->rel, NULL);
}

void
run_table_close(RunTable *table)
{
	ExecDropSingleTupleTableSlot(table->slot);
	table_close(table->rel, NoLock);
}

ClaimResult
run_table_get(RunTable *table, int64 run_id, ItemPointer ctid, RunRow *row)
{
	if (!fetch_at(table->rel, ctid, run_id, table->slot) &&
		!fetch_by_id(table->rel, run_id, table->slot))
		return CLAIM_GONE;
	run_row_copy_from_slot(row, table->slot);
	ExecClearTuple(table->slot);
	return CLAIM_OK;
}

ClaimResult
run_table_take(RunTable *table, RunRow *row)
{
	return claim_result(relation_delete(table->rel, &row->ctid));
}
