/*-------------------------------------------------------------------------
 *
 * task_fire_store.c
 *	  What the leader does to taskly.task: read the scheduled ones, move
 *	  last_fire.
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
#include "utils/array.h"
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

/* All that is due in one statement: what is held by somebody is passed over. */
static Statement move_last_fires = {
	.sql = "WITH due AS MATERIALIZED (SELECT u.task_id, u.version, u.fire_at, "
	" u.fires, u.skipped, u.missed "
	" FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), "
	" pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6)) "
	" AS u (task_id, version, fire_at, fires, skipped, missed)), "
	"held AS MATERIALIZED (SELECT t.ctid AS place, d.fire_at, d.fires, d.skipped, d.missed "
	" FROM due AS d JOIN taskly.task AS t ON t.task_id OPERATOR(pg_catalog.=) d.task_id "
	" WHERE t.version OPERATOR(pg_catalog.=) d.version "
	" AND t.last_fire OPERATOR(pg_catalog.<) d.fire_at "
	" FOR NO KEY UPDATE OF t SKIP LOCKED) "
	"UPDATE taskly.task AS t SET last_fire = h.fire_at, "
	"fires = t.fires OPERATOR(pg_catalog.+) h.fires, "
	"skipped = t.skipped OPERATOR(pg_catalog.+) h.skipped, "
	"missed_count = t.missed_count OPERATOR(pg_catalog.+) h.missed "
	"FROM held AS h WHERE t.ctid OPERATOR(pg_catalog.=) h.place "
	"RETURNING t.task_id",
	.nargs = 6,
	.argtypes = {INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID,
	INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID},
};

/* Why was nothing moved? What would have been is held by somebody, or is past. */
static Statement would_move = {
	.sql = "SELECT t.version OPERATOR(pg_catalog.=) $2 "
	" AND t.last_fire OPERATOR(pg_catalog.<) $3 FROM taskly.task AS t "
	"WHERE t.task_id OPERATOR(pg_catalog.=) $1",
	.nargs = 3,
	.argtypes = {INT8OID, INT4OID, TIMESTAMPTZOID},
};

static Datum
array_of(Datum *items, int count, Oid type)
{
	bool		is_int4 = type == INT4OID;

	return PointerGetDatum(construct_array(items, count, type, is_int4 ? 4 : 8, true,
										   is_int4 ? TYPALIGN_INT : TYPALIGN_DOUBLE));
}

/* The six columns of what is due, as arrays. */
static void
fires_as_arrays(const TaskFire *fires, int count, Datum *arrays)
{
	Datum	   *columns[6];

	for (int c = 0; c < 6; c++)
		columns[c] = palloc(sizeof(Datum) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		columns[0][i] = Int64GetDatum(fires[i].task_id);
		columns[1][i] = Int32GetDatum(fires[i].version);
		columns[2][i] = TimestampTzGetDatum(fires[i].fire_at);
		columns[3][i] = Int64GetDatum(fires[i].is_skipped ? 0 : 1);
		columns[4][i] = Int64GetDatum(fires[i].is_skipped ? 1 : 0);
		columns[5][i] = Int64GetDatum(fires[i].missed);
	}
	arrays[0] = array_of(columns[0], count, INT8OID);
	arrays[1] = array_of(columns[1], count, INT4OID);
	arrays[2] = array_of(columns[2], count, TIMESTAMPTZOID);
	for (int c = 3; c < 6; c++)
		arrays[c] = array_of(columns[c], count, INT8OID);
}

typedef struct FireList
{
	TaskFire   *fires;
	int			count;
	int			next;			/* rows come back in about the order they went */
} FireList;

static void
receive_moved(HeapTuple row, TupleDesc desc, void *arg)
{
	FireList   *list = arg;
	bool		isnull;
	int64		task_id = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));

	for (int tried = 0; tried < list->count; tried++)
	{
		TaskFire   *fire = &list->fires[list->next];

		list->next = (list->next + 1) % list->count;
		if (fire->task_id == task_id)
		{
			fire->result = FIRE_OK;
			return;
		}
	}
}

static FireResult
why_not(const TaskFire *fire)
{
	Datum		values[3];
	Datum		is_held;

	values[0] = Int64GetDatum(fire->task_id);
	values[1] = Int32GetDatum(fire->version);
	values[2] = TimestampTzGetDatum(fire->fire_at);
	if (store_fetch_value(&would_move, values, NULL, &is_held) && DatumGetBool(is_held))
		return FIRE_LOCKED;
	return FIRE_CHANGED;
}

void
task_store_fire(TaskFire *fires, int count)
{
	FireList	list = {fires, count, 0};
	Datum		arrays[6];

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		fires[i].result = FIRE_CHANGED;
	fires_as_arrays(fires, count, arrays);
	if (store_execute(&move_last_fires, arrays, NULL, receive_moved, &list) == (uint64) count)
		return;
	for (int i = 0; i < count; i++)
	{
		if (fires[i].result != FIRE_OK)
			fires[i].result = why_not(&fires[i]);
	}
}

/* ------------------------------------------------------------------------
 * Rewinding
 * ------------------------------------------------------------------------ */

static Statement rewind_task = {
	.sql = "WITH held AS MATERIALIZED (SELECT t.ctid AS place FROM taskly.task AS t "
	" WHERE t.task_id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE OF t SKIP LOCKED) "
	"UPDATE taskly.task AS t SET last_fire = LEAST(t.last_fire, $2), "
	"last_finished_at = LEAST(t.last_finished_at, $2) "
	"FROM held AS h WHERE t.ctid OPERATOR(pg_catalog.=) h.place",
	.nargs = 2,
	.argtypes = {INT8OID, TIMESTAMPTZOID},
};

bool
task_store_rewind(int64 task_id, TimestampTz now)
{
	Datum		values[2] = {Int64GetDatum(task_id), TimestampTzGetDatum(now)};

	return store_execute(&rewind_task, values, NULL, NULL, NULL) > 0;
}
