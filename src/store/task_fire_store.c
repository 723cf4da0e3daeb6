/*-------------------------------------------------------------------------
 *
 * task_fire_store.c
 *	  What the leader does to taskly.task: read the scheduled ones, move
 *	  last_fire, add to counts.
 *
 * An occurrence exists at most once because last_fire only moves forward, from
 * what the leader last saw, in the transaction that inserts the run. A row that
 * somebody holds is passed over, never waited for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/spi.h"
#include "store/task_store.h"

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------ */

static Statement scheduled_ids = {
	.sql = "SELECT t.task_id FROM taskly.task AS t "
	"WHERE t.home_id OPERATOR(pg_catalog.=) $1 AND t.schedule IS NOT NULL",
	.nargs = 1,
	.argtypes = {INT8OID},
};

typedef struct IdList
{
	int64	   *ids;
	int64		count;
	int64		size;
} IdList;

static void
receive_id(HeapTuple row, TupleDesc desc, void *arg)
{
	IdList	   *list = arg;
	bool		isnull;

	if (list->count == list->size)
	{
		list->size *= 2;
		list->ids = repalloc_huge(list->ids, sizeof(int64) * list->size);
	}
	list->ids[list->count++] = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
}

void
task_store_read_scheduled(int64 home_id, TaskReceiver receive, void *arg)
{
	Datum		values[1] = {Int64GetDatum(home_id)};
	IdList		list = {palloc(sizeof(int64) * 1024), 0, 1024};
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext,
													  "taskly task", ALLOCSET_DEFAULT_SIZES);

	(void) store_execute(&scheduled_ids, values, NULL, receive_id, &list);
	for (int64 i = 0; i < list.count; i++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(row_context);
		TaskRow		task;

		if (task_store_read(list.ids[i], &task))
			receive(&task, arg);
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(row_context);
	}
	MemoryContextDelete(row_context);
	pfree(list.ids);
}

/* ------------------------------------------------------------------------
 * Firing
 * ------------------------------------------------------------------------ */

static Statement lock_for_fire = {
	.sql = "SELECT t.version, t.last_fire FROM taskly.task AS t "
	"WHERE t.task_id OPERATOR(pg_catalog.=) $1 "
	"FOR NO KEY UPDATE SKIP LOCKED",
	.nargs = 1,
	.argtypes = {INT8OID},
};

static Statement exists = {
	.sql = "SELECT t.version FROM taskly.task AS t "
	"WHERE t.task_id OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {INT8OID},
};

static Statement move_last_fire = {
	.sql = "UPDATE taskly.task AS t SET last_fire = $2, "
	"fires = t.fires OPERATOR(pg_catalog.+) $3, "
	"skipped = t.skipped OPERATOR(pg_catalog.+) $4, "
	"missed_count = t.missed_count OPERATOR(pg_catalog.+) $5 "
	"WHERE t.task_id OPERATOR(pg_catalog.=) $1",
	.nargs = 5,
	.argtypes = {INT8OID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID},
};

typedef struct SeenTask
{
	int32		version;
	TimestampTz last_fire;
} SeenTask;

static void
receive_seen(HeapTuple row, TupleDesc desc, void *arg)
{
	SeenTask   *seen = arg;
	bool		isnull;

	seen->version = DatumGetInt32(SPI_getbinval(row, desc, 1, &isnull));
	seen->last_fire = DatumGetTimestampTz(SPI_getbinval(row, desc, 2, &isnull));
}

FireResult
task_store_fire(int64 task_id, int32 version, TimestampTz fire_at,
				bool is_skipped, int64 missed)
{
	Datum		values[5];
	SeenTask	seen;
	Datum		ignored;

	values[0] = Int64GetDatum(task_id);
	if (store_execute(&lock_for_fire, values, NULL, receive_seen, &seen) == 0)
		return store_fetch_value(&exists, values, NULL, &ignored) ?
			FIRE_LOCKED : FIRE_CHANGED;
	if (seen.version != version || seen.last_fire >= fire_at)
		return FIRE_CHANGED;

	values[1] = TimestampTzGetDatum(fire_at);
	values[2] = Int64GetDatum(is_skipped ? 0 : 1);
	values[3] = Int64GetDatum(is_skipped ? 1 : 0);
	values[4] = Int64GetDatum(missed);
	(void) store_execute(&move_last_fire, values, NULL, NULL, NULL);
	return FIRE_OK;
}

/* ------------------------------------------------------------------------
 * Counts
 * ------------------------------------------------------------------------ */

static Statement add_counts = {
	.sql = "WITH held AS MATERIALIZED (SELECT t.task_id FROM taskly.task AS t "
	" WHERE t.task_id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE SKIP LOCKED), "
	"failure AS MATERIALIZED (SELECT f.message FROM taskly.finished_run AS f "
	" WHERE f.run_id OPERATOR(pg_catalog.=) $9 "
	" ORDER BY f.finished_at DESC LIMIT 1) "
	"UPDATE taskly.task AS t SET "
	"runs = t.runs OPERATOR(pg_catalog.+) $2, "
	"failures = t.failures OPERATOR(pg_catalog.+) $3, "
	"consecutive_failures = $4, "
	"last_run_id = $5, last_status = $6, last_started_at = $7, "
	"last_finished_at = $8, "
	"last_failure_run_id = COALESCE($9, t.last_failure_run_id), "
	"last_failure_at = COALESCE($10, t.last_failure_at), "
	"last_failure_message = CASE WHEN $9 IS NULL THEN t.last_failure_message "
	" ELSE (SELECT f.message FROM failure AS f) END "
	"FROM held AS h WHERE t.task_id OPERATOR(pg_catalog.=) h.task_id",
	.nargs = 10,
	.argtypes = {INT8OID, INT8OID, INT8OID, INT4OID, INT8OID, TEXTOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID},
};

bool
task_store_add_counts(const TaskCounts *counts)
{
	Datum		values[10];
	bool		nulls[10] = {0};
	Datum		ignored;

	values[0] = Int64GetDatum(counts->task_id);
	values[1] = Int64GetDatum(counts->runs);
	values[2] = Int64GetDatum(counts->failures);
	values[3] = Int32GetDatum(counts->consecutive_failures);
	values[4] = Int64GetDatum(counts->last_run_id);
	values[5] = CStringGetTextDatum(run_status_name(counts->last_status));
	values[6] = TimestampTzGetDatum(counts->last_started_at);
	nulls[6] = counts->last_started_at == 0;
	values[7] = TimestampTzGetDatum(counts->last_finished_at);
	values[8] = Int64GetDatum(counts->last_failure_run_id);
	nulls[8] = counts->last_failure_run_id == 0;
	values[9] = TimestampTzGetDatum(counts->last_failure_at);
	nulls[9] = counts->last_failure_run_id == 0;

	if (store_execute(&add_counts, values, nulls, NULL, NULL) > 0)
		return true;
	/* No such task any more: its counts are nobody's. */
	return !store_fetch_value(&exists, values, NULL, &ignored);
}
