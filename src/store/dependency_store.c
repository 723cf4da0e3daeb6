/*-------------------------------------------------------------------------
 *
 * dependency_store.c
 *	  Every statement about taskly.run_dependency.
 *
 * What the scheduler does for each run that ends goes through the table access
 * method, by index only.
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
#include "store/dependency_store.h"
#include "store/history_store.h"
#include "store/spi.h"

/* Columns of taskly.run_dependency, as the install script has them. */
enum
{
	DEPENDENCY_COL_RUN_ID = 1,
	DEPENDENCY_COL_PARENT_ID,
	DEPENDENCY_COL_NEEDS,
	DEPENDENCY_COL_PARENT_STATUS,
	DEPENDENCY_COLS = DEPENDENCY_COL_PARENT_STATUS
};

#define BY_RUN		"run_dependency_pkey"
#define BY_PARENT	"run_dependency_parent"

void
dependency_table_open(DependencyTable *table, bool is_writable)
{
	table->rel = catalog_open("run_dependency", is_writable ? RowExclusiveLock : AccessShareLock);
	table->by_run = catalog_open_index(BY_RUN, AccessShareLock);
	table->by_parent = catalog_open_index(BY_PARENT, AccessShareLock);
	table->slot = table_slot_create(table->rel, NULL);
	table->is_writable = is_writable;
	if (is_writable)
		relation_writer_open(&table->writer, table->rel);
}

/* The lock on the table is kept until the transaction ends. */
void
dependency_table_close(DependencyTable *table)
{
	if (table->is_writable)
		relation_writer_close(&table->writer);
	ExecDropSingleTupleTableSlot(table->slot);
	index_close(table->by_parent, AccessShareLock);
	index_close(table->by_run, AccessShareLock);
	table_close(table->rel, NoLock);
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------ */

static void
row_from_slot(DependencyRow *row, TupleTableSlot *slot)
{
	bool		isnull;
	Datum		status;

	slot_getallattrs(slot);
	row->ctid = slot->tts_tid;
	row->run_id = DatumGetInt64(slot_getattr(slot, DEPENDENCY_COL_RUN_ID, &isnull));
	row->parent_id = DatumGetInt64(slot_getattr(slot, DEPENDENCY_COL_PARENT_ID, &isnull));
	row->needs_success =
		strcmp(TextDatumGetCString(slot_getattr(slot, DEPENDENCY_COL_NEEDS, &isnull)),
			   "succeeded") == 0;
	status = slot_getattr(slot, DEPENDENCY_COL_PARENT_STATUS, &isnull);
	row->parent_status = isnull ? NULL : TextDatumGetCString(status);
}

static bool
scan(DependencyTable *table, Relation index, ScanKey keys, int nkeys,
	 DependencyReceiver receive, void *arg)
{
	IndexScanDesc desc = index_beginscan(table->rel, index, GetActiveSnapshot(), nkeys, 0);
	bool		goes_on = true;

	index_rescan(desc, keys, nkeys, NULL, 0);
	while (goes_on && index_getnext_slot(desc, ForwardScanDirection, table->slot))
	{
		DependencyRow row;

		row_from_slot(&row, table->slot);
		goes_on = receive(&row, arg);
	}
	index_endscan(desc);
	return goes_on;
}

/* First what is left of the run that the last reading ended in, then the others. */
static bool
read_range(DependencyTable *table, Relation index, const DependencyRange *range,
		   DependencyReceiver receive, void *arg)
{
	bool		is_begun = range->after[0] >= range->first;
	ScanKeyData keys[2];

	if (is_begun)
	{
		ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(range->after[0]));
		ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(range->after[1]));
		if (!scan(table, index, keys, 2, receive, arg))
			return false;
	}
	ScanKeyInit(&keys[0], 1, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(is_begun ? range->after[0] + 1 : range->first));
	ScanKeyInit(&keys[1], 1, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(range->last));
	return scan(table, index, keys, 2, receive, arg);
}

bool
dependency_read_by_run(DependencyTable *table, const DependencyRange *range,
					   DependencyReceiver receive, void *arg)
{
	return read_range(table, table->by_run, range, receive, arg);
}

bool
dependency_read_by_parent(DependencyTable *table, const DependencyRange *range,
						  DependencyReceiver receive, void *arg)
{
	return read_range(table, table->by_parent, range, receive, arg);
}

static void
read_one(DependencyTable *table, Relation index, int64 id,
		 DependencyReceiver receive, void *arg)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(id));
	(void) scan(table, index, &key, 1, receive, arg);
}

void
dependency_read_parents(DependencyTable *table, int64 run_id,
						DependencyReceiver receive, void *arg)
{
	read_one(table, table->by_run, run_id, receive, arg);
}

void
dependency_read_children(DependencyTable *table, int64 parent_id,
						 DependencyReceiver receive, void *arg)
{
	read_one(table, table->by_parent, parent_id, receive, arg);
}

static bool
receive_first(const DependencyRow *row, void *arg)
{
	return false;
}

/* Which of many ids has a row in an index? */
static void
find_rows_of(const int64 *ids, int count, bool of_parents, bool *found)
{
	DependencyTable table;

	dependency_table_open(&table, false);
	for (int i = 0; i < count; i++)
	{
		Relation	index = of_parents ? table.by_parent : table.by_run;
		ScanKeyData key;

		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(ids[i]));
		found[i] = !scan(&table, index, &key, 1, receive_first, NULL);
	}
	dependency_table_close(&table);
}

void
dependency_store_have_parents(const int64 *run_ids, int count, bool *have)
{
	find_rows_of(run_ids, count, false, have);
}

void
dependency_store_have_children(const int64 *run_ids, int count, bool *have)
{
	find_rows_of(run_ids, count, true, have);
}

bool
dependency_store_has_any(void)
{
	DependencyTable table;
	bool		found;

	dependency_table_open(&table, false);
	found = !scan(&table, table.by_run, NULL, 0, receive_first, NULL);
	dependency_table_close(&table);
	return found;
}

bool
dependency_store_has_children(int64 run_id)
{
	DependencyTable table;
	SnapshotData dirty;
	ScanKeyData key;
	IndexScanDesc desc;
	bool		found;

	InitDirtySnapshot(dirty);
	dependency_table_open(&table, false);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run_id));
	desc = index_beginscan(table.rel, table.by_parent, &dirty, 1, 0);
	index_rescan(desc, &key, 1, NULL, 0);
	found = index_getnext_slot(desc, ForwardScanDirection, table.slot);
	index_endscan(desc);
	dependency_table_close(&table);
	return found;
}

/* ------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------ */

static void
fill_columns(const DependencyRow *row, Datum *values, bool *nulls)
{
	memset(nulls, false, DEPENDENCY_COLS * sizeof(bool));
	values[DEPENDENCY_COL_RUN_ID - 1] = Int64GetDatum(row->run_id);
	values[DEPENDENCY_COL_PARENT_ID - 1] = Int64GetDatum(row->parent_id);
	values[DEPENDENCY_COL_NEEDS - 1] =
		CStringGetTextDatum(row->needs_success ? "succeeded" : "ended");
	nulls[DEPENDENCY_COL_PARENT_STATUS - 1] = row->parent_status == NULL;
	values[DEPENDENCY_COL_PARENT_STATUS - 1] =
		row->parent_status != NULL ? CStringGetTextDatum(row->parent_status) : (Datum) 0;
}

void
dependency_insert(DependencyTable *table, DependencyRow *row)
{
	Datum		values[DEPENDENCY_COLS];
	bool		nulls[DEPENDENCY_COLS];

	fill_columns(row, values, nulls);
	relation_insert(&table->writer, values, nulls);
	row->ctid = table->writer.slot->tts_tid;
}

/* Who else has written the row in this moment has written the same. */
void
dependency_mark(DependencyTable *table, const DependencyRow *row, const char *status)
{
	DependencyRow marked = *row;
	Datum		values[DEPENDENCY_COLS];
	bool		nulls[DEPENDENCY_COLS];

	marked.parent_status = unconstify(char *, status);
	fill_columns(&marked, values, nulls);
	(void) relation_update(&table->writer, &marked.ctid, values, nulls);
}

/* ------------------------------------------------------------------------
 * Parents
 * ------------------------------------------------------------------------ */

void
dependency_find_parent(int64 run_id, Parent *parent)
{
	RunRow		row;

	memset(parent, 0, sizeof(*parent));
	parent->run_id = run_id;
	if (run_store_get(run_id, NULL, &row) == CLAIM_OK)
		parent->state = PARENT_PENDING;
	else if (history_store_find(run_id, &row, &parent->status))
		parent->state = PARENT_ENDED;
	else
	{
		parent->state = PARENT_GONE;
		return;
	}
	parent->owner = run_oid(&row, RUN_COL_OWNER);
	parent->queue_id = run_int32(&row, RUN_COL_QUEUE_ID);
	parent->task_id = run_is_null(&row, RUN_COL_TASK_ID) ? 0 : run_int64(&row, RUN_COL_TASK_ID);
}

DependencyVerdict
dependency_judge(const DependencyRow *row, const Parent *parent)
{
	if (row->parent_status != NULL)
		return DEPENDENCY_SATISFIED;
	if (parent->state == PARENT_PENDING)
		return DEPENDENCY_WAITS;
	if (!row->needs_success)
		return DEPENDENCY_SATISFIED;
	if (parent->state == PARENT_ENDED &&
		strcmp(parent->status, run_status_name(RUN_SUCCEEDED)) == 0)
		return DEPENDENCY_SATISFIED;
	return DEPENDENCY_FAILED;
}

/* ------------------------------------------------------------------------
 * Results
 * ------------------------------------------------------------------------ */

static Statement parent_results = {
	"SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object("
	" 'run_id', d.parent_id, 'task', t.name,"
	" 'status', COALESCE(f.status, d.parent_status), 'result', f.result)"
	" ORDER BY d.parent_id)::pg_catalog.text"
	" FROM taskly.run_dependency d"
	" LEFT JOIN LATERAL (SELECT r.task_id, r.status, r.result FROM taskly.finished_run r"
	"  WHERE r.run_id OPERATOR(pg_catalog.=) d.parent_id AND r.is_final"
	"  ORDER BY r.finished_at DESC LIMIT 1) f ON true"
	" LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) f.task_id"
	" WHERE d.run_id OPERATOR(pg_catalog.=) $1",
	1, {INT8OID}, .sees_newest = true
};

typedef struct TextResult
{
	MemoryContext context;
	char	   *text;
} TextResult;

static void
receive_text(HeapTuple row, TupleDesc desc, void *arg)
{
	TextResult *result = arg;
	bool		isnull;
	Datum		value = heap_getattr(row, 1, desc, &isnull);

	if (!isnull)
		result->text = MemoryContextStrdup(result->context, TextDatumGetCString(value));
}

char *
dependency_parent_results(int64 run_id)
{
	TextResult	result = {CurrentMemoryContext, NULL};
	Datum		values[] = {Int64GetDatum(run_id)};

	(void) store_execute(&parent_results, values, NULL, receive_text, &result);
	return result.text;
}

/* ------------------------------------------------------------------------
 * Housekeeping
 * ------------------------------------------------------------------------ */

/*
 * The number of rows that are looked at is bounded. OFFSET 0 keeps the planner from
 * joining them with all runs there are.
 */
static Statement sweep = {
	"WITH looked_at AS MATERIALIZED ("
	" SELECT d.run_id, d.parent_id FROM taskly.run_dependency d"
	" WHERE (d.run_id, d.parent_id) OPERATOR(pg_catalog.>) ($1, $2)"
	" ORDER BY d.run_id, d.parent_id LIMIT $3),"
	" gone AS ("
	" DELETE FROM taskly.run_dependency d USING looked_at l"
	" WHERE d.run_id OPERATOR(pg_catalog.=) l.run_id"
	" AND d.parent_id OPERATOR(pg_catalog.=) l.parent_id"
	" AND NOT EXISTS (SELECT FROM taskly.pending_run p"
	"  WHERE p.run_id OPERATOR(pg_catalog.=) l.run_id OFFSET 0)"
	" AND NOT EXISTS (SELECT FROM taskly.pending_run p"
	"  WHERE p.run_id OPERATOR(pg_catalog.=) l.parent_id OFFSET 0)"
	" AND NOT EXISTS (SELECT FROM taskly.finished_run f"
	"  WHERE f.run_id OPERATOR(pg_catalog.=) l.run_id OFFSET 0)"
	" AND NOT EXISTS (SELECT FROM taskly.finished_run f"
	"  WHERE f.run_id OPERATOR(pg_catalog.=) l.parent_id OFFSET 0))"
	" SELECT l.run_id, l.parent_id FROM looked_at l ORDER BY l.run_id DESC, l.parent_id DESC LIMIT 1",
	3, {INT8OID, INT8OID, INT4OID}
};

typedef struct SweepEnd
{
	int64		run_id;
	int64		parent_id;
} SweepEnd;

static void
receive_sweep_end(HeapTuple row, TupleDesc desc, void *arg)
{
	SweepEnd   *end = arg;
	bool		isnull;

	end->run_id = DatumGetInt64(heap_getattr(row, 1, desc, &isnull));
	end->parent_id = DatumGetInt64(heap_getattr(row, 2, desc, &isnull));
}

bool
dependency_store_sweep(int64 *run_id, int64 *parent_id, int max)
{
	SweepEnd	end = {0};
	Datum		values[] = {Int64GetDatum(*run_id), Int64GetDatum(*parent_id), Int32GetDatum(max)};

	if (store_execute(&sweep, values, NULL, receive_sweep_end, &end) == 0)
		return false;
	*run_id = end.run_id;
	*parent_id = end.parent_id;
	return true;
}
