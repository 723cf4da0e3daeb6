/*-------------------------------------------------------------------------
 *
 * run_bulk_store.c
 *	  Statements about many rows of taskly.pending_run at once.
 *
 * A run in execution holds a lock on its row (atomic SQL) or has a start mark
 * (shell, autocommit); both are passed over, so that no call waits for a run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/clock.h"
#include "server/wake.h"
#include "store/relation.h"
#include "store/queue_store.h"
#include "store/run_bulk_store.h"
#include "store/spi.h"

/* Queues that are found gone at once; as many as the statement below gives. */
#define MAX_STRAY_QUEUES	64

static Statement delete_of_task = {
	"DELETE FROM taskly.pending_run WHERE run_id OPERATOR(pg_catalog.=) ANY (ARRAY("
	" SELECT r.run_id FROM taskly.pending_run r"
	" WHERE r.task_id OPERATOR(pg_catalog.=) $1 AND r.started_at IS NULL"
	" FOR UPDATE SKIP LOCKED))"
	" RETURNING run_id",
	1, {INT8OID}
};

static Statement set_owner = {
	"UPDATE taskly.pending_run SET owner = $2 WHERE run_id OPERATOR(pg_catalog.=) ANY (ARRAY("
	" SELECT r.run_id FROM taskly.pending_run r"
	" WHERE r.task_id OPERATOR(pg_catalog.=) $1 AND r.started_at IS NULL"
	" FOR UPDATE SKIP LOCKED))"
	" RETURNING run_id",
	2, {INT8OID, REGROLEOID}
};

/* The columns of finished_run begin with those of pending_run. */
static Statement cancel_in_queue = {
	"WITH d AS (DELETE FROM taskly.pending_run WHERE run_id OPERATOR(pg_catalog.=) ANY (ARRAY("
	" SELECT r.run_id FROM taskly.pending_run r"
	" WHERE r.queue_id OPERATOR(pg_catalog.=) $1 AND r.started_at IS NULL"
	" FOR UPDATE SKIP LOCKED))"
	" RETURNING *)"
	" INSERT INTO taskly.finished_run"
	" SELECT d.*, $2, true, NULL, $3, NULL, NULL, NULL, 'cancelled', NULL, NULL, $4 FROM d"
	" RETURNING run_id",
	4, {INT4OID, INT2OID, TIMESTAMPTZOID, TEXTOID}, .sees_newest = true
};

/* Nothing that is over is due at infinity. */
static Statement end_waiting_in_queue = {
	"UPDATE taskly.pending_run SET due_at = scheduled_for"
	" WHERE run_id OPERATOR(pg_catalog.=) ANY (ARRAY("
	" SELECT r.run_id FROM taskly.pending_run r"
	" WHERE r.queue_id OPERATOR(pg_catalog.=) $1 AND r.due_at OPERATOR(pg_catalog.=) 'infinity'"
	" AND r.started_at IS NULL"
	" FOR UPDATE SKIP LOCKED))",
	1, {INT4OID}, .sees_newest = true
};

/* Asked under a lock: who held it before has committed. */
static Statement count_in_queue = {
	"SELECT pg_catalog.count(*) FROM taskly.pending_run"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}, .sees_newest = true
};

/* Queues of runs, each found by one look into the index, and not there. */
/* Of this home only: a restore may bring runs before it brings their queues. */
#define HOME_HERE \
	"(SELECT h.home_id FROM taskly.home h WHERE h.database OPERATOR(pg_catalog.=) "

static Statement find_strays = {
	"WITH RECURSIVE used (queue_id) AS ("
	" (SELECT p.queue_id FROM taskly.pending_run p ORDER BY p.queue_id LIMIT 1)"
	" UNION ALL"
	" SELECT (SELECT p.queue_id FROM taskly.pending_run p"
	"  WHERE p.queue_id OPERATOR(pg_catalog.>) u.queue_id ORDER BY p.queue_id LIMIT 1)"
	" FROM used u WHERE u.queue_id IS NOT NULL)"
	" SELECT u.queue_id FROM used u WHERE u.queue_id IS NOT NULL"
	" AND NOT EXISTS (SELECT FROM taskly.queue q WHERE q.queue_id OPERATOR(pg_catalog.=) u.queue_id)"
	" AND EXISTS (SELECT FROM taskly.pending_run p WHERE p.queue_id OPERATOR(pg_catalog.=) u.queue_id"
	"  AND p.home_id OPERATOR(pg_catalog.=) " HOME_HERE "$1))"
	" LIMIT 64",
	1, {OIDOID}
};

static Statement move_strays = {
	"UPDATE taskly.pending_run SET queue_id = $2 WHERE run_id OPERATOR(pg_catalog.=) ANY (ARRAY("
	" SELECT r.run_id FROM taskly.pending_run r"
	" WHERE r.queue_id OPERATOR(pg_catalog.=) $1 AND r.started_at IS NULL"
	" AND r.home_id OPERATOR(pg_catalog.=) " HOME_HERE "$3)"
	" FOR UPDATE SKIP LOCKED))"
	" RETURNING run_id",
	3, {INT4OID, INT4OID, OIDOID}
};

static Statement set_home = {
	"UPDATE taskly.pending_run SET home_id = $1"
	" WHERE home_id OPERATOR(pg_catalog.<>) $1",
	1, {INT8OID}
};

static void
wake_for_row(HeapTuple row, TupleDesc desc, void *arg)
{
	bool		isnull;

	wake_for_runs(DatumGetInt64(heap_getattr(row, 1, desc, &isnull)), 1);
}

typedef enum TakeResult
{
	TAKE_DONE,
	TAKE_SETTLED,				/* there is nothing to take */
	TAKE_LATER					/* somebody has it */
} TakeResult;

static TakeResult
take_row(Relation rel, TupleTableSlot *slot, RunFilter is_wanted, void *arg, RunRow *row)
{
	RunRow		seen;

	run_row_from_slot(&seen, slot);
	if (!is_wanted(&seen, arg))
		return TAKE_SETTLED;
	if (!run_is_null(&seen, RUN_COL_STARTED_AT) ||
		relation_delete(rel, &seen.ctid) != TM_Ok)
		return TAKE_LATER;
	run_row_copy_from_slot(row, slot);
	return TAKE_DONE;
}

int
run_bulk_take_waiting(int64 *run_ids, int count, RunFilter is_wanted, void *arg, RunRow *rows)
{
	Relation	rel = catalog_open("pending_run", RowExclusiveLock);
	Relation	index = catalog_open_index("pending_run_pkey", AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan = index_beginscan(rel, index, GetActiveSnapshot(), 1, 0);
	int			taken = 0;

	for (int i = 0; i < count; i++)
	{
		TakeResult	result = TAKE_SETTLED;
		ScanKeyData key;

		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run_ids[i]));
		index_rescan(scan, &key, 1, NULL, 0);
		if (index_getnext_slot(scan, ForwardScanDirection, slot))
			result = take_row(rel, slot, is_wanted, arg, &rows[taken]);
		if (result == TAKE_DONE)
			taken++;
		if (result != TAKE_LATER)
			run_ids[i] = 0;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, NoLock);
	return taken;
}

int64
run_bulk_delete_of_task(int64 task_id)
{
	Datum		values[] = {Int64GetDatum(task_id)};

	return store_execute(&delete_of_task, values, NULL, wake_for_row, NULL);
}

int64
run_bulk_set_owner(int64 task_id, Oid owner)
{
	Datum		values[] = {Int64GetDatum(task_id), ObjectIdGetDatum(owner)};

	return store_execute(&set_owner, values, NULL, wake_for_row, NULL);
}

int64
run_bulk_cancel_in_queue(int32 queue_id, int history_slot, const char *message)
{
	Datum		values[] = {Int32GetDatum(queue_id), Int16GetDatum((int16) history_slot),
	TimestampTzGetDatum(taskly_now()), CStringGetTextDatum(message)};

	(void) store_execute(&end_waiting_in_queue, values, NULL, NULL, NULL);
	return store_execute(&cancel_in_queue, values, NULL, wake_for_row, NULL);
}

int64
run_bulk_count_in_queue(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};
	Datum		count;

	if (!store_fetch_value(&count_in_queue, values, NULL, &count))
		elog(ERROR, "could not count the runs of queue %d", queue_id);
	return DatumGetInt64(count);
}

typedef struct Strays
{
	int			count;
	int32		queue_ids[MAX_STRAY_QUEUES];
} Strays;

static void
receive_stray(HeapTuple row, TupleDesc desc, void *arg)
{
	Strays	   *strays = arg;
	bool		isnull;

	strays->queue_ids[strays->count++] = DatumGetInt32(heap_getattr(row, 1, desc, &isnull));
}

int64
run_bulk_move_strays(void)
{
	Strays		strays = {0};
	Datum		here = ObjectIdGetDatum(MyDatabaseId);
	int64		moved = 0;
	int32		to_queue_id;

	if (store_execute(&find_strays, &here, NULL, receive_stray, &strays) == 0)
		return 0;
	to_queue_id = queue_store_default();
	for (int i = 0; i < strays.count; i++)
	{
		Datum		values[] = {Int32GetDatum(strays.queue_ids[i]), Int32GetDatum(to_queue_id), here};

		moved += store_execute(&move_strays, values, NULL, wake_for_row, NULL);
	}
	return moved;
}

int64
run_bulk_set_home(int64 home_id)
{
	Datum		values[] = {Int64GetDatum(home_id)};

	return store_execute(&set_home, values, NULL, NULL, NULL);
}
