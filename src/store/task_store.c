/*-------------------------------------------------------------------------
 *
 * task_store.c
 *	  Every statement about taskly.task, but for those of the leader, which are
 *	  in task_fire_store.c.
 *
 * Reading one task goes through the table access method, since each run does
 * it; what a user's call writes goes through SPI. Row locks are held by
 * sessions that change a definition and, for an instant, by the leader; never
 * by a run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "server/clock.h"
#include "store/catalog.h"
#include "store/relation.h"
#include "store/spi.h"
#include "store/task_store.h"

/* The columns that a definition is, and their places in the statements below. */
#define DEFINITION_COLUMNS \
	"home_id, name, owner, description, command, kind, atomic, args," \
	" queue_id, priority, key, max_running, schedule, timezone, starts_at, ends_at, max_runs," \
	" jitter, timeout, deadline, max_attempts, backoff, retry_on, never_on," \
	" overlap, max_instances, missed, missed_limit, on_lost, on_failure," \
	" pause_after_failures, calendar_id, on_excluded, anchor, last_fire, fires, altered_at"
#define DEFINITION_TYPES \
	INT8OID, TEXTOID, REGROLEOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, JSONBOID, \
	INT4OID, INT4OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, \
	INTERVALOID, INTERVALOID, INTERVALOID, INT4OID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, \
	TEXTOID, INT4OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, INT4OID, INT4OID, TEXTOID, \
	TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID
#define DEFINITION_ARGS 37

static Statement find_all = {
	"SELECT task_id, owner FROM taskly.task WHERE name OPERATOR(pg_catalog.=) $1"
	" ORDER BY task_id",
	1, {TEXTOID}
};

static Statement find_names = {
	"SELECT name, owner FROM taskly.task"
	" WHERE pg_catalog.char_length(name) OPERATOR(pg_catalog.>=) $1"
	" AND pg_catalog.char_length(name) OPERATOR(pg_catalog.<=) $2 ORDER BY name",
	2, {INT4OID, INT4OID}
};

static Statement lock_task = {
	"SELECT * FROM taskly.task WHERE task_id OPERATOR(pg_catalog.=) $1 FOR UPDATE",
	1, {INT8OID}
};

static Statement replace_task = {
	"INSERT INTO taskly.task AS t (" DEFINITION_COLUMNS ")"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
	" $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32,"
	" $33, $34, $35, $36, $37)"
	" ON CONFLICT (owner, name) DO UPDATE SET"
	" home_id = excluded.home_id,"
	" version = t.version OPERATOR(pg_catalog.+) 1,"
	" altered_at = excluded.altered_at,"
	" description = excluded.description, command = excluded.command,"
	" kind = excluded.kind, atomic = excluded.atomic, args = excluded.args,"
	" queue_id = excluded.queue_id, priority = excluded.priority, key = excluded.key,"
	" max_running = excluded.max_running,"
	" schedule = excluded.schedule, timezone = excluded.timezone,"
	" starts_at = excluded.starts_at, ends_at = excluded.ends_at,"
	" max_runs = excluded.max_runs, jitter = excluded.jitter,"
	" timeout = excluded.timeout, deadline = excluded.deadline,"
	" max_attempts = excluded.max_attempts, backoff = excluded.backoff,"
	" retry_on = excluded.retry_on, never_on = excluded.never_on,"
	" overlap = excluded.overlap, max_instances = excluded.max_instances,"
	" missed = excluded.missed, missed_limit = excluded.missed_limit,"
	" on_lost = excluded.on_lost, on_failure = excluded.on_failure,"
	" pause_after_failures = excluded.pause_after_failures,"
	" calendar_id = excluded.calendar_id, on_excluded = excluded.on_excluded,"
	" fires = CASE WHEN (t.schedule, t.starts_at)"
	"  IS NOT DISTINCT FROM (excluded.schedule, excluded.starts_at)"
	"  THEN t.fires ELSE 0 END,"
	" anchor = CASE WHEN (t.schedule, t.starts_at)"
	"  IS NOT DISTINCT FROM (excluded.schedule, excluded.starts_at)"
	"  THEN t.anchor ELSE excluded.anchor END,"
	" last_fire = CASE WHEN (t.schedule, t.starts_at, t.timezone, t.ends_at, t.jitter,"
	"  t.calendar_id, t.on_excluded) IS NOT DISTINCT FROM"
	"  (excluded.schedule, excluded.starts_at, excluded.timezone, excluded.ends_at,"
	"  excluded.jitter, excluded.calendar_id, excluded.on_excluded)"
	"  AND (t.max_runs IS NOT DISTINCT FROM excluded.max_runs OR"
	"   excluded.last_fire OPERATOR(pg_catalog.=) '-infinity'::pg_catalog.timestamptz)"
	"  OR excluded.schedule IS NULL THEN t.last_fire"
	"  WHEN excluded.last_fire OPERATOR(pg_catalog.=) '-infinity'::pg_catalog.timestamptz"
	"  THEN excluded.last_fire"
	"  ELSE GREATEST(t.last_fire, excluded.last_fire) END"
	" RETURNING task_id",
	DEFINITION_ARGS, {DEFINITION_TYPES}
};

static Statement update_task = {
	"UPDATE taskly.task SET (" DEFINITION_COLUMNS ", version)"
	" = ROW($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
	" $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32,"
	" $33, $34, $35, $36, $37, version OPERATOR(pg_catalog.+) 1)"
	" WHERE task_id OPERATOR(pg_catalog.=) $38",
	DEFINITION_ARGS + 1, {DEFINITION_TYPES, INT8OID}
};

static Statement delete_task = {
	"DELETE FROM taskly.task WHERE task_id OPERATOR(pg_catalog.=) $1",
	1, {INT8OID}
};

static Statement pause_task = {
	"UPDATE taskly.task SET version = version OPERATOR(pg_catalog.+) 1,"
	" paused_at = COALESCE(paused_at, $2), paused_reason = $3"
	" WHERE task_id OPERATOR(pg_catalog.=) $1",
	3, {INT8OID, TIMESTAMPTZOID, TEXTOID}
};

static Statement resume_task = {
	"UPDATE taskly.task SET version = version OPERATOR(pg_catalog.+) 1,"
	" paused_at = NULL, paused_reason = NULL, consecutive_failures = 0,"
	" last_fire = GREATEST(last_fire, $2)"
	" WHERE task_id OPERATOR(pg_catalog.=) $1",
	2, {INT8OID, TIMESTAMPTZOID}
};

static Statement set_home = {
	"UPDATE taskly.task SET home_id = $1, version = version OPERATOR(pg_catalog.+) 1"
	" WHERE home_id OPERATOR(pg_catalog.<>) $1",
	1, {INT8OID}
};

static bool read_by_index(const char *index_name, ScanKey keys, int nkeys, TaskRow *task,
						  TaskVersion *version);
static void fill_definition(const TaskRow *task, Datum *values, bool *nulls);

bool
task_store_read(int64 task_id, TaskRow *task)
{
	TaskVersion version;

	return task_store_read_version(task_id, task, &version);
}

bool
task_store_read_version(int64 task_id, TaskRow *task, TaskVersion *version)
{
	ScanKeyData key;

	ScanKeyInit(&key, TASK_COL_TASK_ID, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(task_id));
	return read_by_index("task_pkey", &key, 1, task, version);
}

/* No two versions of a row that anybody can see have the same place and maker. */
bool
task_store_is_version(int64 task_id, const TaskVersion *version)
{
	Relation	rel = catalog_open("task", AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ItemPointerData ctid = version->ctid;
	bool		isnull;
	bool		result;

	result = relation_fetch(rel, &ctid, slot) &&
		DatumGetInt64(slot_getattr(slot, TASK_COL_TASK_ID, &isnull)) == task_id &&
		DatumGetTransactionId(slot_getsysattr(slot, MinTransactionIdAttributeNumber,
											  &isnull)) == version->xmin;
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return result;
}

bool
task_store_find(const char *name, Oid owner, TaskRow *task)
{
	ScanKeyData keys[2];
	TaskVersion version;

	ScanKeyInit(&keys[0], TASK_COL_OWNER, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(owner));
	ScanKeyEntryInitialize(&keys[1], 0, TASK_COL_NAME, BTEqualStrategyNumber, InvalidOid,
						   DEFAULT_COLLATION_OID, F_TEXTEQ, CStringGetTextDatum(name));
	return read_by_index("task_owner_name_key", keys, 2, task, &version);
}

/*
 * Under a snapshot of its own, which sees what the current statement has done
 * before: SELECT taskly.define(…), taskly.enqueue(…).
 */
static bool
read_by_index(const char *index_name, ScanKey keys, int nkeys, TaskRow *task,
			  TaskVersion *version)
{
	Relation	rel = catalog_open("task", AccessShareLock);
	Relation	index = catalog_open_index(index_name, AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	scan = systable_beginscan(rel, RelationGetRelid(index), true, snapshot, nkeys, keys);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		task_row_read(tuple, RelationGetDescr(rel), task);
		version->ctid = tuple->t_self;
		version->xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return found;
}

typedef struct OwnerRelay
{
	TaskOwnerReceiver receive;
	void	   *arg;
} OwnerRelay;

static void
relay_owner(HeapTuple row, TupleDesc desc, void *arg)
{
	OwnerRelay *relay = arg;
	bool		isnull;

	relay->receive(DatumGetInt64(heap_getattr(row, 1, desc, &isnull)),
				   DatumGetObjectId(heap_getattr(row, 2, desc, &isnull)),
				   relay->arg);
}

void
task_store_find_all(const char *name, TaskOwnerReceiver receive, void *arg)
{
	OwnerRelay	relay = {receive, arg};
	Datum		values[] = {CStringGetTextDatum(name)};

	(void) store_execute(&find_all, values, NULL, relay_owner, &relay);
}

typedef struct NameRelay
{
	TaskNameReceiver receive;
	void	   *arg;
} NameRelay;

static void
relay_name(HeapTuple row, TupleDesc desc, void *arg)
{
	NameRelay  *relay = arg;
	bool		isnull;

	relay->receive(TextDatumGetCString(heap_getattr(row, 1, desc, &isnull)),
				   DatumGetObjectId(heap_getattr(row, 2, desc, &isnull)),
				   relay->arg);
}

void
task_store_find_names(int min_letters, int max_letters, TaskNameReceiver receive, void *arg)
{
	NameRelay	relay = {receive, arg};
	Datum		values[] = {Int32GetDatum(min_letters), Int32GetDatum(max_letters)};

	(void) store_execute(&find_names, values, NULL, relay_name, &relay);
}

/* Where a locked row is to be copied to. */
typedef struct LockedTask
{
	MemoryContext context;
	TaskRow    *task;
} LockedTask;

static void
receive_locked(HeapTuple row, TupleDesc desc, void *arg)
{
	LockedTask *locked = arg;
	MemoryContext old = MemoryContextSwitchTo(locked->context);

	task_row_read(row, desc, locked->task);
	MemoryContextSwitchTo(old);
}

bool
task_store_lock(int64 task_id, TaskRow *task)
{
	LockedTask	locked = {CurrentMemoryContext, task};
	Datum		values[] = {Int64GetDatum(task_id)};

	return store_execute(&lock_task, values, NULL, receive_locked, &locked) > 0;
}

/* One column of a definition; a NULL pointer or zero datum is null. */
static void
put(Datum *values, bool *nulls, int *n, Datum value, bool isnull)
{
	values[*n] = value;
	nulls[*n] = isnull;
	(*n)++;
}

static void
put_text(Datum *values, bool *nulls, int *n, const char *text)
{
	put(values, nulls, n, text != NULL ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

/* 0 is null. */
static void
put_int_or_null(Datum *values, bool *nulls, int *n, int32 value)
{
	put(values, nulls, n, Int32GetDatum(value), value == 0);
}

static void
put_pointer(Datum *values, bool *nulls, int *n, const void *pointer)
{
	put(values, nulls, n, PointerGetDatum(pointer), pointer == NULL);
}

/* In the order of DEFINITION_COLUMNS. */
static void
fill_definition(const TaskRow *task, Datum *values, bool *nulls)
{
	int			n = 0;

	put(values, nulls, &n, Int64GetDatum(task->home_id), false);
	put_text(values, nulls, &n, task->name);
	put(values, nulls, &n, ObjectIdGetDatum(task->owner), false);
	put_text(values, nulls, &n, task->description);
	put_text(values, nulls, &n, task->command);
	put_text(values, nulls, &n, task->kind == RUN_KIND_SHELL ? "shell" : "sql");
	put(values, nulls, &n, BoolGetDatum(task->kind == RUN_KIND_SQL), false);
	put_pointer(values, nulls, &n, DatumGetPointer(task->args));
	put(values, nulls, &n, Int32GetDatum(task->queue_id), false);
	put(values, nulls, &n, Int32GetDatum(task->priority), false);
	put_text(values, nulls, &n, task->key);
	put_int_or_null(values, nulls, &n, task->max_running);
	put_text(values, nulls, &n, task->schedule);
	put_text(values, nulls, &n, task->timezone);
	put(values, nulls, &n, TimestampTzGetDatum(task->starts_at),
		TIMESTAMP_IS_NOBEGIN(task->starts_at));
	put(values, nulls, &n, TimestampTzGetDatum(task->ends_at),
		TIMESTAMP_IS_NOEND(task->ends_at));
	put(values, nulls, &n, Int64GetDatum(task->max_runs), task->max_runs == 0);
	put_pointer(values, nulls, &n, task->jitter);
	put_pointer(values, nulls, &n, task->timeout);
	put_pointer(values, nulls, &n, task->deadline);
	put(values, nulls, &n, Int32GetDatum(task->max_attempts), false);
	put_text(values, nulls, &n, task->backoff);
	put_pointer(values, nulls, &n, DatumGetPointer(task->retry_on));
	put_pointer(values, nulls, &n, DatumGetPointer(task->never_on));
	put_text(values, nulls, &n, task->overlap);
	put_int_or_null(values, nulls, &n, task->max_instances);
	put_text(values, nulls, &n, task->missed);
	put(values, nulls, &n, Int32GetDatum(task->missed_limit), false);
	put_text(values, nulls, &n, task->on_lost);
	put_text(values, nulls, &n, task->on_failure);
	put_int_or_null(values, nulls, &n, task->pause_after_failures);
	put_int_or_null(values, nulls, &n, task->calendar_id);
	put_text(values, nulls, &n, task->on_excluded);
	put(values, nulls, &n, TimestampTzGetDatum(task->anchor), false);
	put(values, nulls, &n, TimestampTzGetDatum(task->last_fire), false);
	put(values, nulls, &n, Int64GetDatum(task->fires), false);
	put(values, nulls, &n, TimestampTzGetDatum(taskly_transaction_start()), false);
	Assert(n == DEFINITION_ARGS);
}

int64
task_store_replace(const TaskRow *task)
{
	Datum		values[DEFINITION_ARGS];
	bool		nulls[DEFINITION_ARGS];
	Datum		task_id;

	fill_definition(task, values, nulls);
	if (!store_fetch_value(&replace_task, values, nulls, &task_id))
		elog(ERROR, "could not write task \"%s\"", task->name);
	return DatumGetInt64(task_id);
}

void
task_store_update(const TaskRow *task)
{
	Datum		values[DEFINITION_ARGS + 1];
	bool		nulls[DEFINITION_ARGS + 1];

	fill_definition(task, values, nulls);
	values[DEFINITION_ARGS] = Int64GetDatum(task->task_id);
	nulls[DEFINITION_ARGS] = false;
	(void) store_execute(&update_task, values, nulls, NULL, NULL);
}

void
task_store_delete(int64 task_id)
{
	Datum		values[] = {Int64GetDatum(task_id)};

	(void) store_execute(&delete_task, values, NULL, NULL, NULL);
}

void
task_store_pause(int64 task_id, const char *reason)
{
	Datum		values[3];
	bool		nulls[3];
	int			n = 0;

	put(values, nulls, &n, Int64GetDatum(task_id), false);
	put(values, nulls, &n, TimestampTzGetDatum(taskly_now()), false);
	put_text(values, nulls, &n, reason);
	(void) store_execute(&pause_task, values, nulls, NULL, NULL);
}

void
task_store_resume(int64 task_id, TimestampTz until)
{
	Datum		values[] = {Int64GetDatum(task_id), TimestampTzGetDatum(until)};

	(void) store_execute(&resume_task, values, NULL, NULL, NULL);
}

int64
task_store_set_home(int64 home_id)
{
	Datum		values[] = {Int64GetDatum(home_id)};

	return store_execute(&set_home, values, NULL, NULL, NULL);
}
