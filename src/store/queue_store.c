/*-------------------------------------------------------------------------
 *
 * queue_store.c
 *	  Every statement about taskly.queue.
 *
 * No foreign key holds a queue that tasks use (a dump restores tables in any
 * order): who puts a task into a queue locks its row FOR KEY SHARE, and who
 * alters or drops it FOR UPDATE, before looking for tasks. Who puts a run into it
 * holds nothing, or nobody could change a queue while a long run has put one there;
 * should the queue be dropped meanwhile, the run goes on in another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "server/clock.h"
#include "server/wake.h"
#include "store/catalog.h"
#include "store/queue_cache.h"
#include "store/queue_store.h"
#include "store/spi.h"

#define DEFAULT_QUEUE		"default"
#define QUEUE_COLUMNS \
	"queue_id, name, owner, paused_at, algorithm, weight, max_running, max_running_per_key," \
	" rate, rate_per_key, rate_interval, burst, max_pending, aging, block_key_on_failure, keep, batch"

/* In that order. What an owner can set begins with the algorithm. */
enum
{
	COL_QUEUE_ID,
	COL_NAME,
	COL_OWNER,
	COL_PAUSED_AT,
	COL_ALGORITHM,
	COL_WEIGHT,
	COL_MAX_RUNNING,
	COL_MAX_RUNNING_PER_KEY,
	COL_RATE,
	COL_RATE_PER_KEY,
	COL_RATE_INTERVAL,
	COL_BURST,
	COL_MAX_PENDING,
	COL_AGING,
	COL_BLOCK_KEY_ON_FAILURE,
	COL_KEEP,
	COL_BATCH,
	QUEUE_COLUMN_COUNT
};

/* Parameters of a statement that sets all of these: first those named, then the rest. */
#define SETTING_COUNT	(QUEUE_COLUMN_COUNT - COL_ALGORITHM)
#define SETTING_TYPES \
	TEXTOID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID, INTERVALOID, INT4OID, INT8OID, \
	INTERVALOID, BOOLOID, TEXTOID, INT4OID

static Statement read_queues = {
	"SELECT " QUEUE_COLUMNS " FROM taskly.queue ORDER BY queue_id",
	0, {0}
};

static Statement list_names = {
	"SELECT pg_catalog.string_agg(pg_catalog.format('\"%s\"', q.name), ', ' ORDER BY q.name)"
	" FROM (SELECT name FROM taskly.queue ORDER BY name LIMIT 20) q",
	0, {0}
};

static Statement insert_queue = {
	"INSERT INTO taskly.queue (name, owner, algorithm, weight, max_running, max_running_per_key,"
	" rate, rate_per_key, rate_interval, burst, max_pending, aging, block_key_on_failure, keep, batch)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
	" ON CONFLICT (name) DO NOTHING RETURNING queue_id",
	2 + SETTING_COUNT, {TEXTOID, REGROLEOID, SETTING_TYPES}
};

static Statement lock_state = {
	"SELECT " QUEUE_COLUMNS " FROM taskly.queue WHERE name OPERATOR(pg_catalog.=) $1"
	" FOR NO KEY UPDATE",
	1, {TEXTOID}
};

static Statement lock_definition = {
	"SELECT " QUEUE_COLUMNS " FROM taskly.queue WHERE name OPERATOR(pg_catalog.=) $1"
	" FOR UPDATE",
	1, {TEXTOID}
};

static Statement hold_queue = {
	"SELECT queue_id FROM taskly.queue WHERE queue_id OPERATOR(pg_catalog.=) $1"
	" FOR KEY SHARE",
	1, {INT4OID}
};

static Statement update_queue = {
	"UPDATE taskly.queue SET algorithm = $2, weight = $3, max_running = $4, max_running_per_key = $5,"
	" rate = $6, rate_per_key = $7, rate_interval = $8, burst = $9, max_pending = $10, aging = $11,"
	" block_key_on_failure = $12, keep = $13, batch = $14"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1",
	1 + SETTING_COUNT, {INT4OID, SETTING_TYPES}
};

static Statement delete_queue = {
	"DELETE FROM taskly.queue WHERE queue_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

static Statement pause_queue = {
	"UPDATE taskly.queue SET paused_at = COALESCE(paused_at, $2), paused_reason = $3"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1",
	3, {INT4OID, TIMESTAMPTZOID, TEXTOID}
};

static Statement resume_queue = {
	"UPDATE taskly.queue SET paused_at = NULL, paused_reason = NULL"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

static const char *const algorithm_names[] = {
	[QUEUE_FIFO] = "fifo",
	[QUEUE_PRIORITY] = "priority",
	[QUEUE_FAIR] = "fair",
	[QUEUE_RATE_MONOTONIC] = "rate_monotonic",
	[QUEUE_EDF] = "edf",
};

static const char *const keep_names[] = {
	[KEEP_ALL] = "all",
	[KEEP_FAILURES] = "failures",
	[KEEP_NONE] = "none",
};

static bool
find_name(const char *const *names, int count, const char *name, int *index)
{
	for (*index = 0; *index < count; (*index)++)
	{
		if (strcmp(name, names[*index]) == 0)
			return true;
	}
	return false;
}

const char *
queue_algorithm_name(QueueAlgorithm algorithm)
{
	return algorithm_names[algorithm];
}

bool
queue_algorithm_find(const char *name, QueueAlgorithm *algorithm)
{
	int			index;
	bool		found = find_name(algorithm_names, lengthof(algorithm_names), name, &index);

	if (found)
		*algorithm = (QueueAlgorithm) index;
	return found;
}

const char *
queue_keep_name(QueueKeep keep)
{
	return keep_names[keep];
}

bool
queue_keep_find(const char *name, QueueKeep *keep)
{
	int			index;
	bool		found = find_name(keep_names, lengthof(keep_names), name, &index);

	if (found)
		*keep = (QueueKeep) index;
	return found;
}

/* With months of 30 days; what is out of range counts as ever. */
static int64
interval_us(Datum interval)
{
	const Interval *value = DatumGetIntervalP(interval);
	double		us = (double) value->time
		+ ((double) value->month * DAYS_PER_MONTH + value->day) * USECS_PER_DAY;

	return us >= (double) PG_INT64_MAX ? PG_INT64_MAX : us <= 0 ? 0 : (int64) us;
}

static Datum
us_to_interval(int64 us)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = us;
	return IntervalPGetDatum(interval);
}

/* What stands in a row for no limit. */
static inline int
limit_of(Datum value, bool isnull)
{
	return isnull ? 0 : DatumGetInt32(value);
}

static void
read_settings(const Datum *values, const bool *nulls, QueueSettings *settings)
{
	char	   *algorithm = TextDatumGetCString(values[COL_ALGORITHM]);
	char	   *keep = TextDatumGetCString(values[COL_KEEP]);

	if (!queue_algorithm_find(algorithm, &settings->algorithm))
		elog(ERROR, "unexpected algorithm of a queue: \"%s\"", algorithm);
	if (!queue_keep_find(keep, &settings->keep))
		elog(ERROR, "unexpected setting \"keep\" of a queue: \"%s\"", keep);
	settings->weight = DatumGetInt32(values[COL_WEIGHT]);
	settings->max_running = limit_of(values[COL_MAX_RUNNING], nulls[COL_MAX_RUNNING]);
	settings->max_running_per_key = limit_of(values[COL_MAX_RUNNING_PER_KEY],
											 nulls[COL_MAX_RUNNING_PER_KEY]);
	settings->rate = limit_of(values[COL_RATE], nulls[COL_RATE]);
	settings->rate_per_key = limit_of(values[COL_RATE_PER_KEY], nulls[COL_RATE_PER_KEY]);
	settings->rate_interval_us = interval_us(values[COL_RATE_INTERVAL]);
	settings->burst = limit_of(values[COL_BURST], nulls[COL_BURST]);
	settings->aging_us = interval_us(values[COL_AGING]);
	settings->block_key_on_failure = DatumGetBool(values[COL_BLOCK_KEY_ON_FAILURE]);
	settings->batch = DatumGetInt32(values[COL_BATCH]);
	settings->is_paused = !nulls[COL_PAUSED_AT];
}

static void
queue_row_from(const Datum *values, const bool *nulls, QueueRow *queue)
{
	queue->queue_id = DatumGetInt32(values[COL_QUEUE_ID]);
	queue->name = TextDatumGetCString(values[COL_NAME]);
	queue->owner = DatumGetObjectId(values[COL_OWNER]);
	queue->max_pending = nulls[COL_MAX_PENDING] ? 0 : DatumGetInt64(values[COL_MAX_PENDING]);
	read_settings(values, nulls, &queue->settings);
}

static void
queue_row_read(HeapTuple row, TupleDesc desc, QueueRow *queue)
{
	Datum		values[QUEUE_COLUMN_COUNT];
	bool		nulls[QUEUE_COLUMN_COUNT];

	Assert(desc->natts == QUEUE_COLUMN_COUNT);
	heap_deform_tuple(row, desc, values, nulls);
	queue_row_from(values, nulls, queue);
}

/* Where one row is to be copied to. */
typedef struct QueueTarget
{
	MemoryContext context;
	QueueRow   *queue;
} QueueTarget;

static void
receive_queue(HeapTuple row, TupleDesc desc, void *arg)
{
	QueueTarget *target = arg;
	MemoryContext old = MemoryContextSwitchTo(target->context);

	queue_row_read(row, desc, target->queue);
	MemoryContextSwitchTo(old);
}

static bool
fetch_queue(Statement *statement, Datum key, QueueRow *queue)
{
	QueueTarget target = {CurrentMemoryContext, queue};
	Datum		values[] = {key};

	return store_execute(statement, values, NULL, receive_queue, &target) > 0;
}

/* A row as it stands in the table, whose columns have another order. */
static void
queue_row_read_tuple(HeapTuple tuple, TupleDesc desc, QueueRow *queue)
{
	static const AttrNumber columns[QUEUE_COLUMN_COUNT] = {
		[COL_QUEUE_ID] = 1, [COL_NAME] = 2, [COL_OWNER] = 3, [COL_ALGORITHM] = 4,
		[COL_WEIGHT] = 5, [COL_MAX_RUNNING] = 6, [COL_MAX_RUNNING_PER_KEY] = 7,
		[COL_RATE] = 8, [COL_RATE_PER_KEY] = 9, [COL_RATE_INTERVAL] = 10, [COL_BURST] = 11,
		[COL_MAX_PENDING] = 12, [COL_AGING] = 13, [COL_BLOCK_KEY_ON_FAILURE] = 14,
		[COL_KEEP] = 15, [COL_BATCH] = 16, [COL_PAUSED_AT] = 17
	};
	Datum		values[QUEUE_COLUMN_COUNT];
	bool		nulls[QUEUE_COLUMN_COUNT];

	for (int i = 0; i < QUEUE_COLUMN_COUNT; i++)
		values[i] = heap_getattr(tuple, columns[i], desc, &nulls[i]);
	queue_row_from(values, nulls, queue);
}

/*
 * Without a plan, and under a snapshot of its own, which sees what the current
 * statement has done before.
 */
static bool
read_by_index(const char *index_name, ScanKey key, Snapshot snapshot_data, QueueRow *queue)
{
	Relation	rel = catalog_open("queue", AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(snapshot_data);
	SysScanDesc scan = systable_beginscan(rel, catalog_relation_id(index_name), true,
										  snapshot, 1, key);
	HeapTuple	tuple = systable_getnext(scan);
	bool		found = HeapTupleIsValid(tuple);

	if (found)
		queue_row_read_tuple(tuple, RelationGetDescr(rel), queue);
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

bool
queue_store_find(const char *name, QueueRow *queue)
{
	ScanKeyData key;

	ScanKeyEntryInitialize(&key, 0, 2, BTEqualStrategyNumber, InvalidOid,
						   DEFAULT_COLLATION_OID, F_TEXTEQ, CStringGetTextDatum(name));
	return read_by_index("queue_name_key", &key, GetTransactionSnapshot(), queue);
}

static bool
read_by_id(int32 queue_id, Snapshot snapshot, QueueRow *queue)
{
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(queue_id));
	return read_by_index("queue_pkey", &key, snapshot, queue);
}

bool
queue_store_read(int32 queue_id, QueueRow *queue)
{
	return read_by_id(queue_id, GetTransactionSnapshot(), queue);
}

bool
queue_store_read_newest(int32 queue_id, QueueRow *queue)
{
	return read_by_id(queue_id, GetLatestSnapshot(), queue);
}

bool
queue_store_lock(const char *name, QueueLock lock, QueueRow *queue)
{
	return fetch_queue(lock == QUEUE_LOCK_STATE ? &lock_state : &lock_definition,
					   CStringGetTextDatum(name), queue);
}

bool
queue_store_hold(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};

	return store_execute(&hold_queue, values, NULL, NULL, NULL) > 0;
}

typedef struct QueueRelay
{
	QueueReceiver receive;
	void	   *arg;
} QueueRelay;

static void
relay_queue(HeapTuple row, TupleDesc desc, void *arg)
{
	QueueRelay *relay = arg;
	QueueRow	queue;

	queue_row_read(row, desc, &queue);
	relay->receive(&queue, relay->arg);
}

void
queue_store_read_all(QueueReceiver receive, void *arg)
{
	QueueRelay	relay = {receive, arg};

	(void) store_execute(&read_queues, NULL, NULL, relay_queue, &relay);
}

typedef struct TextTarget
{
	MemoryContext context;
	char	   *text;
} TextTarget;

static void
receive_text(HeapTuple row, TupleDesc desc, void *arg)
{
	TextTarget *target = arg;
	bool		isnull;
	Datum		value = heap_getattr(row, 1, desc, &isnull);

	if (!isnull)
		target->text = MemoryContextStrdup(target->context, TextDatumGetCString(value));
}

char *
queue_store_names(void)
{
	TextTarget	target = {CurrentMemoryContext, NULL};

	(void) store_execute(&list_names, NULL, NULL, receive_text, &target);
	return target.text != NULL ? target.text : pstrdup("none");
}

static void
put_limit(int limit, Datum *value, bool *isnull)
{
	*value = Int32GetDatum(limit);
	*isnull = limit == 0;
}

/* Parameters of SETTING_TYPES, at the columns' distances from the first of them. */
static void
put_settings(const QueueRow *queue, Datum *values, bool *nulls)
{
	const QueueSettings *settings = &queue->settings;

#define AT(col)			((col) - COL_ALGORITHM)
	memset(nulls, false, sizeof(bool) * SETTING_COUNT);
	values[AT(COL_ALGORITHM)] = CStringGetTextDatum(queue_algorithm_name(settings->algorithm));
	values[AT(COL_WEIGHT)] = Int32GetDatum(settings->weight);
	put_limit(settings->max_running, &values[AT(COL_MAX_RUNNING)], &nulls[AT(COL_MAX_RUNNING)]);
	put_limit(settings->max_running_per_key, &values[AT(COL_MAX_RUNNING_PER_KEY)],
			  &nulls[AT(COL_MAX_RUNNING_PER_KEY)]);
	put_limit(settings->rate, &values[AT(COL_RATE)], &nulls[AT(COL_RATE)]);
	put_limit(settings->rate_per_key, &values[AT(COL_RATE_PER_KEY)], &nulls[AT(COL_RATE_PER_KEY)]);
	values[AT(COL_RATE_INTERVAL)] = us_to_interval(settings->rate_interval_us);
	put_limit(settings->burst, &values[AT(COL_BURST)], &nulls[AT(COL_BURST)]);
	values[AT(COL_MAX_PENDING)] = Int64GetDatum(queue->max_pending);
	nulls[AT(COL_MAX_PENDING)] = queue->max_pending == 0;
	values[AT(COL_AGING)] = us_to_interval(settings->aging_us);
	values[AT(COL_BLOCK_KEY_ON_FAILURE)] = BoolGetDatum(settings->block_key_on_failure);
	values[AT(COL_KEEP)] = CStringGetTextDatum(queue_keep_name(settings->keep));
	values[AT(COL_BATCH)] = Int32GetDatum(settings->batch);
#undef AT
}

int32
queue_store_insert(const QueueRow *queue)
{
	Datum		values[2 + SETTING_COUNT];
	bool		nulls[2 + SETTING_COUNT] = {false};
	Datum		queue_id;

	values[0] = CStringGetTextDatum(queue->name);
	values[1] = ObjectIdGetDatum(queue->owner);
	put_settings(queue, values + 2, nulls + 2);
	if (!store_fetch_value(&insert_queue, values, nulls, &queue_id))
		return 0;
	return DatumGetInt32(queue_id);
}

/* Made by whoever needs it first; another session may be doing so now. */
int32
queue_store_default(void)
{
	QueueRow	queue = {0};
	int32		queue_id;

	if (queue_store_find(DEFAULT_QUEUE, &queue))
		return queue.queue_id;

	queue.name = DEFAULT_QUEUE;
	queue.owner = catalog_owner();
	queue.settings = QUEUE_DEFAULT_SETTINGS;
	queue_id = queue_store_insert(&queue);
	if (queue_id != 0)
	{
		wake_for_settings();
		return queue_id;
	}
	if (!queue_store_find(DEFAULT_QUEUE, &queue))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to a concurrent first use of queue \"%s\"",
						DEFAULT_QUEUE)));
	return queue.queue_id;
}

void
queue_store_update(const QueueRow *queue)
{
	Datum		values[1 + SETTING_COUNT];
	bool		nulls[1 + SETTING_COUNT] = {false};

	values[0] = Int32GetDatum(queue->queue_id);
	put_settings(queue, values + 1, nulls + 1);
	queue_cache_forget_at_commit();
	(void) store_execute(&update_queue, values, nulls, NULL, NULL);
}

void
queue_store_delete(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};

	queue_cache_forget_at_commit();
	(void) store_execute(&delete_queue, values, NULL, NULL, NULL);
}

void
queue_store_pause(int32 queue_id, const char *reason)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = Int32GetDatum(queue_id);
	values[1] = TimestampTzGetDatum(taskly_now());
	values[2] = reason != NULL ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[2] = reason == NULL;
	queue_cache_forget_at_commit();
	(void) store_execute(&pause_queue, values, nulls, NULL, NULL);
}

void
queue_store_resume(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};

	queue_cache_forget_at_commit();
	(void) store_execute(&resume_queue, values, NULL, NULL, NULL);
}
