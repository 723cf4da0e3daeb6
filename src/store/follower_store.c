/*-------------------------------------------------------------------------
 *
 * follower_store.c
 *	  Tasks that come after others, and their runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "store/catalog.h"
#include "store/dependency_store.h"
#include "store/follower_store.h"
#include "store/spi.h"

static Statement set_after = {
	"UPDATE taskly.task SET after = $2 WHERE task_id OPERATOR(pg_catalog.=) $1"
	" AND after IS DISTINCT FROM $2",
	2, {INT8OID, INT8ARRAYOID}
};

/* Weaker than what a fire of the task needs, which goes on. */
static Statement hold_task = {
	"SELECT 1 FROM taskly.task WHERE task_id OPERATOR(pg_catalog.=) $1 FOR KEY SHARE",
	1, {INT8OID}
};

/* ------------------------------------------------------------------------
 * Tasks
 * ------------------------------------------------------------------------ */

static int
read_ids(Datum array, int64 **ids)
{
	Datum	   *items;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &items, NULL, &count);
	*ids = palloc(sizeof(int64) * Max(count, 1));
	for (int i = 0; i < count; i++)
		(*ids)[i] = DatumGetInt64(items[i]);
	return count;
}

int
task_after_ids(const TaskRow *task, int64 **ids)
{
	*ids = NULL;
	return task->after == (Datum) 0 ? 0 : read_ids(task->after, ids);
}

/*
 * By their index, whatever the planner thinks of it: without statistics it would read
 * all tasks, each time that one of them is given a schedule. Sees what has
 * committed, whatever the transaction's snapshot.
 */
void
follower_store_read_all(AfterReceiver receive, void *arg)
{
	Relation	rel = catalog_open("task", AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	SysScanDesc scan = systable_beginscan(rel, catalog_relation_id("task_after"), true,
										  snapshot, 0, NULL);
	HeapTuple	row;

	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;
		Datum		task_id = heap_getattr(row, TASK_COL_TASK_ID, desc, &isnull);
		int64	   *ids;
		int			count = read_ids(heap_getattr(row, TASK_COL_AFTER, desc, &isnull), &ids);

		receive(DatumGetInt64(task_id), ids, count, arg);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
}

void
follower_store_set(int64 task_id, const int64 *after, int count)
{
	Datum	   *items = palloc(sizeof(Datum) * Max(count, 1));
	Datum		values[] = {Int64GetDatum(task_id), (Datum) 0};
	bool		nulls[] = {false, count == 0};

	for (int i = 0; i < count; i++)
		items[i] = Int64GetDatum(after[i]);
	if (count > 0)
		values[1] = PointerGetDatum(construct_array(items, count, INT8OID, sizeof(int64),
													FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	(void) store_execute(&set_after, values, nulls, NULL, NULL);
}

bool
follower_store_hold(int64 task_id)
{
	Datum		values[] = {Int64GetDatum(task_id)};

	return store_execute(&hold_task, values, NULL, NULL, NULL) > 0;
}

/* ------------------------------------------------------------------------
 * Runs
 * ------------------------------------------------------------------------ */

void
follower_store_load(const int64 *task_ids, int count, Followers *result)
{
	result->count = 0;
	result->tasks = palloc(sizeof(TaskRow) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		TaskRow    *task = &result->tasks[result->count];

		if (task_store_read(task_ids[i], task) && task->after != (Datum) 0)
			result->count++;
	}
}

/* The run of a task for the instant. */
typedef struct InstantRun
{
	int64		task_id;		/* hash key */
	int64		run_id;
} InstantRun;

static HTAB *
make_instant(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(InstantRun);
	control.hcxt = CurrentMemoryContext;
	return hash_create("taskly instant", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
remember_run(HTAB *instant, int64 task_id, int64 run_id)
{
	InstantRun *run = hash_search(instant, &task_id, HASH_ENTER, NULL);

	run->run_id = run_id;
}

/* False: what it comes after has no run for the instant (it was altered just now). */
static bool
insert_dependencies(DependencyTable *table, HTAB *instant, const TaskRow *task, int64 run_id)
{
	int64	   *after;
	int			count = task_after_ids(task, &after);
	int			inserted = 0;

	for (int i = 0; i < count; i++)
	{
		InstantRun *parent = hash_search(instant, &after[i], HASH_FIND, NULL);
		DependencyRow row = {.run_id = run_id, .needs_success = true};

		if (parent == NULL)
			continue;
		row.parent_id = parent->run_id;
		dependency_insert(table, &row);
		inserted++;
	}
	return inserted > 0;
}

static void
fill_row(RunRow *row, const TaskRow *task, const RunRow *root)
{
	run_row_for_task(row, task, run_time(root, RUN_COL_DUE_AT), run_time(root, RUN_COL_QUEUED_AT),
					 run_row_text(root, RUN_COL_SOURCE));
	run_row_set(row, RUN_COL_SCHEDULED_FOR, root->values[RUN_COL_SCHEDULED_FOR - 1]);
	run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(DT_NOEND));
}

TimestampTz
follower_store_insert_runs(const Followers *followers, const RunRow *root,
						   FollowerRunReceiver receive, void *arg)
{
	HTAB	   *instant = make_instant();
	RunRow	   *rows = palloc(sizeof(RunRow) * Max(followers->count, 1));
	TimestampTz first_deadline = DT_NOEND;
	DependencyTable table;
	int			count = 0;

	remember_run(instant, run_int64(root, RUN_COL_TASK_ID), run_int64(root, RUN_COL_RUN_ID));
	dependency_table_open(&table, true);
	for (int i = 0; i < followers->count; i++)
	{
		const TaskRow *task = &followers->tasks[i];
		RunRow	   *row = &rows[count];

		fill_row(row, task, root);
		if (!insert_dependencies(&table, instant, task, run_int64(row, RUN_COL_RUN_ID)))
			continue;
		remember_run(instant, task->task_id, run_int64(row, RUN_COL_RUN_ID));
		if (!run_is_null(row, RUN_COL_DEADLINE_AT))
			first_deadline = Min(first_deadline, run_time(row, RUN_COL_DEADLINE_AT));
		if (receive != NULL)
			receive(run_int64(row, RUN_COL_RUN_ID), arg);
		count++;
	}
	dependency_table_close(&table);
	run_store_insert(rows, count);
	hash_destroy(instant);
	pfree(rows);
	return first_deadline;
}
