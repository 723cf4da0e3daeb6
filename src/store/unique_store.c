/*-------------------------------------------------------------------------
 *
 * unique_store.c
 *	  Runs by their unique key.
 *
 * There is no unique index: the row of a run in execution is deleted by a
 * transaction that is still open, and an insert would wait for it. What is found
 * is locked instead, so that it cannot begin before its finder commits: then it
 * sees what the finder's transaction has done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/spi.h"
#include "store/unique_store.h"

/* Columns of the index pending_run_unique. */
enum
{
	UNIQUE_UNIQUE_KEY = 1,
	UNIQUE_TASK_ID
};

static Statement find_finished = {
	"SELECT run_id FROM taskly.finished_run"
	" WHERE unique_key OPERATOR(pg_catalog.=) $1 AND task_id OPERATOR(pg_catalog.=) $2"
	" AND queued_at OPERATOR(pg_catalog.>=) $3 AND is_final"
	" AND run_id OPERATOR(pg_catalog.<>) $4"
	" ORDER BY queued_at DESC LIMIT 1",
	4, {TEXTOID, INT8OID, TIMESTAMPTZOID, INT8OID}, .sees_newest = true
};

static Statement find_finished_submitted = {
	"SELECT run_id FROM taskly.finished_run"
	" WHERE unique_key OPERATOR(pg_catalog.=) $1 AND task_id IS NULL"
	" AND owner OPERATOR(pg_catalog.=) $2"
	" AND queued_at OPERATOR(pg_catalog.>=) $3 AND is_final"
	" AND run_id OPERATOR(pg_catalog.<>) $4"
	" ORDER BY queued_at DESC LIMIT 1",
	4, {TEXTOID, REGROLEOID, TIMESTAMPTZOID, INT8OID}, .sees_newest = true
};

int64
unique_scope(const RunRow *row)
{
	if (run_is_null(row, RUN_COL_TASK_ID))
		return -(int64) run_oid(row, RUN_COL_OWNER);
	return run_int64(row, RUN_COL_TASK_ID);
}

/* One search among pending runs. */
typedef struct UniqueSearch
{
	const RunRow *row;
	TimestampTz queued_after;
	RunRow	   *found;
	int64		begun_run_id;	/* the newest that has begun; 0: none */
	TupleTableSlot *locked;
} UniqueSearch;

static bool
is_of_scope(const UniqueSearch *search, const RunRow *other)
{
	if (run_int64(other, RUN_COL_RUN_ID) == run_int64(search->row, RUN_COL_RUN_ID))
		return false;
	return !run_is_null(other, RUN_COL_TASK_ID) ||
		run_oid(other, RUN_COL_OWNER) == run_oid(search->row, RUN_COL_OWNER);
}

static UniqueFound
look_at_begun(UniqueSearch *search, const RunRow *other)
{
	if (search->begun_run_id == 0 &&
		run_time(other, RUN_COL_QUEUED_AT) >= search->queued_after)
		search->begun_run_id = run_int64(other, RUN_COL_RUN_ID);
	return UNIQUE_NONE;
}

/* A row that somebody has locked or deletes has begun, or is about to go. */
static UniqueFound
look_at(UniqueSearch *search, Relation rel, TupleTableSlot *slot)
{
	TM_FailureData failure;
	RunRow		other;

	run_row_from_slot(&other, slot);
	if (!is_of_scope(search, &other))
		return UNIQUE_NONE;
	if (!run_is_null(&other, RUN_COL_STARTED_AT))
		return look_at_begun(search, &other);
	switch (table_tuple_lock(rel, &other.ctid, GetActiveSnapshot(), search->locked,
							 GetCurrentCommandId(true), LockTupleExclusive,
							 LockWaitSkip, 0, &failure))
	{
		case TM_Ok:
			run_row_copy_from_slot(search->found, search->locked);
			return UNIQUE_WAITING;
		case TM_Updated:
		case TM_Deleted:
			return UNIQUE_MOVED;
		default:
			return look_at_begun(search, &other);
	}
}

/* Newest first: where a failed run waits for its next attempt, there may be two. */
static UniqueFound
search_pending(UniqueSearch *search)
{
	Relation	rel = catalog_open("pending_run", RowExclusiveLock);
	Relation	index = catalog_open_index("pending_run_unique", AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	UniqueFound result = UNIQUE_NONE;
	IndexScanDesc scan;
	ScanKeyData keys[2];

	ScanKeyEntryInitialize(&keys[0], 0, UNIQUE_UNIQUE_KEY, BTEqualStrategyNumber, InvalidOid,
						   C_COLLATION_OID, F_TEXTEQ,
						   search->row->values[RUN_COL_UNIQUE_KEY - 1]);
	if (run_is_null(search->row, RUN_COL_TASK_ID))
		ScanKeyEntryInitialize(&keys[1], SK_ISNULL | SK_SEARCHNULL, UNIQUE_TASK_ID,
							   InvalidStrategy, InvalidOid, InvalidOid, InvalidOid, (Datum) 0);
	else
		ScanKeyInit(&keys[1], UNIQUE_TASK_ID, BTEqualStrategyNumber, F_INT8EQ,
					search->row->values[RUN_COL_TASK_ID - 1]);

	search->locked = table_slot_create(rel, NULL);
	scan = index_beginscan(rel, index, GetActiveSnapshot(), 2, 0);
	index_rescan(scan, keys, 2, NULL, 0);
	while (result == UNIQUE_NONE &&
		   index_getnext_slot(scan, BackwardScanDirection, slot))
		result = look_at(search, rel, slot);
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(search->locked);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, NoLock);
	return result;
}

static bool
find_in_history(const RunRow *row, TimestampTz queued_after, Datum *run_id)
{
	bool		is_submitted = run_is_null(row, RUN_COL_TASK_ID);
	Datum		values[] = {
		row->values[RUN_COL_UNIQUE_KEY - 1],
		row->values[(is_submitted ? RUN_COL_OWNER : RUN_COL_TASK_ID) - 1],
		TimestampTzGetDatum(queued_after),
		row->values[RUN_COL_RUN_ID - 1]
	};

	return store_fetch_value(is_submitted ? &find_finished_submitted : &find_finished,
							 values, NULL, run_id);
}

UniqueFound
unique_store_find(const RunRow *row, TimestampTz queued_after, RunRow *found)
{
	UniqueSearch search = {row, queued_after, found};
	UniqueFound result = search_pending(&search);
	Datum		run_id;

	if (result != UNIQUE_NONE || TIMESTAMP_IS_NOEND(queued_after))
		return result;
	if (search.begun_run_id != 0)
		run_id = Int64GetDatum(search.begun_run_id);
	else if (!find_in_history(row, queued_after, &run_id))
		return UNIQUE_NONE;
	run_row_init(found);
	run_row_set(found, RUN_COL_RUN_ID, run_id);
	return UNIQUE_BEGUN;
}
