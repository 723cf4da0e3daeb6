/*-------------------------------------------------------------------------
 *
 * queue_store.c
 *	  Every statement about taskly.queue.
 *
 * No foreign key holds a queue that tasks use (a dump restores tables in any
 * order): who puts a task into a queue locks its row FOR KEY SHARE, and who
 * alters or drops it FOR UPDATE, before looking for tasks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/clock.h"
#include "server/wake.h"
#include "store/catalog.h"
#include "store/queue_store.h"
#include "store/spi.h"

#define DEFAULT_QUEUE		"default"
#define QUEUE_COLUMNS \
	"queue_id, name, owner, algorithm, weight, max_running, max_pending, aging, keep, paused_at"
#define QUEUE_COLUMN_COUNT 10

static Statement find_queue = {
	"SELECT " QUEUE_COLUMNS " FROM taskly.queue WHERE name OPERATOR(pg_catalog.=) $1",
	1, {TEXTOID}
};

static Statement read_queue = {
	"SELECT " QUEUE_COLUMNS " FROM taskly.queue WHERE queue_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

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
	"INSERT INTO taskly.queue (name, owner, algorithm, max_running, max_pending, aging)"
	" VALUES ($1, $2, $3, $4, $5, $6)"
	" ON CONFLICT (name) DO NOTHING RETURNING queue_id",
	6, {TEXTOID, REGROLEOID, TEXTOID, INT4OID, INT8OID, INTERVALOID}
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
	"UPDATE taskly.queue SET algorithm = $2, max_running = $3, max_pending = $4, aging = $5"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1",
	5, {INT4OID, TEXTOID, INT4OID, INT8OID, INTERVALOID}
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

const char *
queue_algorithm_name(QueueAlgorithm algorithm)
{
	return algorithm_names[algorithm];
}

bool
queue_algorithm_find(const char *name, QueueAlgorithm *algorithm)
{
	for (int i = 0; i < (int) lengthof(algorithm_names); i++)
	{
		if (strcmp(name, algorithm_names[i]) == 0)
		{
			*algorithm = (QueueAlgorithm) i;
			return true;
		}
	}
	return false;
}

/* With months of 30 days; what is out of range counts as ever. */
static int64
interval_us(const Interval *interval)
{
	double		us = (double) interval->time
		+ ((double) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY;

	return us >= (double) PG_INT64_MAX ? PG_INT64_MAX : us <= 0 ? 0 : (int64) us;
}

static void
queue_row_read(HeapTuple row, TupleDesc desc, QueueRow *queue)
{
	Datum		values[QUEUE_COLUMN_COUNT];
	bool		nulls[QUEUE_COLUMN_COUNT];
	char	   *algorithm;

	Assert(desc->natts == QUEUE_COLUMN_COUNT);
	heap_deform_tuple(row, desc, values, nulls);
	queue->queue_id = DatumGetInt32(values[0]);
	queue->name = TextDatumGetCString(values[1]);
	queue->owner = DatumGetObjectId(values[2]);
	algorithm = TextDatumGetCString(values[3]);
	if (!queue_algorithm_find(algorithm, &queue->algorithm))
		elog(ERROR, "unexpected algorithm of queue %d: \"%s\"", queue->queue_id, algorithm);
	queue->weight = DatumGetInt32(values[4]);
	queue->max_running = nulls[5] ? 0 : DatumGetInt32(values[5]);
	queue->max_pending = nulls[6] ? 0 : DatumGetInt64(values[6]);
	queue->aging_us = interval_us(DatumGetIntervalP(values[7]));
	queue->keep = TextDatumGetCString(values[8]);
	queue->is_paused = !nulls[9];
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

bool
queue_store_find(const char *name, QueueRow *queue)
{
	return fetch_queue(&find_queue, CStringGetTextDatum(name), queue);
}

bool
queue_store_read(int32 queue_id, QueueRow *queue)
{
	return fetch_queue(&read_queue, Int32GetDatum(queue_id), queue);
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

/* A limit of 0 is none. */
static void
put_limits(const QueueRow *queue, Interval *aging, Datum *values, bool *nulls)
{
	aging->time = queue->aging_us;
	aging->day = aging->month = 0;
	values[0] = CStringGetTextDatum(queue_algorithm_name(queue->algorithm));
	values[1] = Int32GetDatum(queue->max_running);
	nulls[1] = queue->max_running == 0;
	values[2] = Int64GetDatum(queue->max_pending);
	nulls[2] = queue->max_pending == 0;
	values[3] = IntervalPGetDatum(aging);
}

int32
queue_store_insert(const QueueRow *queue)
{
	Datum		values[6];
	bool		nulls[6] = {false};
	Interval	aging;
	Datum		queue_id;

	values[0] = CStringGetTextDatum(queue->name);
	values[1] = ObjectIdGetDatum(queue->owner);
	put_limits(queue, &aging, values + 2, nulls + 2);
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
	queue.algorithm = QUEUE_PRIORITY;
	queue.aging_us = QUEUE_DEFAULT_AGING_US;
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
	Datum		values[5];
	bool		nulls[5] = {false};
	Interval	aging;

	values[0] = Int32GetDatum(queue->queue_id);
	put_limits(queue, &aging, values + 1, nulls + 1);
	(void) store_execute(&update_queue, values, nulls, NULL, NULL);
}

void
queue_store_delete(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};

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
	(void) store_execute(&pause_queue, values, nulls, NULL, NULL);
}

void
queue_store_resume(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};

	(void) store_execute(&resume_queue, values, NULL, NULL, NULL);
}
