/*-------------------------------------------------------------------------
 *
 * load_store.c
 *	  What the runs of a queue have asked of its workers, as the tables tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "store/load_store.h"
#include "store/spi.h"

#define IN_US(interval) \
	"(pg_catalog.extract('epoch', " interval ") OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8"
#define SHOWN \
	"($2 OR pg_catalog.pg_has_role($3, r.owner, 'USAGE'))"

/* Of attempts l; a clock that was set back makes none shorter than nothing. */
#define MEASURES \
	" pg_catalog.count(l.started_at)," \
	" " IN_US("pg_catalog.max(l.finished_at OPERATOR(pg_catalog.-) l.started_at)") "," \
	" " IN_US("pg_catalog.avg(l.finished_at OPERATOR(pg_catalog.-) l.started_at)") "," \
	" " IN_US("pg_catalog.max(l.deadline_at OPERATOR(pg_catalog.-) l.scheduled_for)") "," \
	" pg_catalog.count(*) FILTER (WHERE l.is_final AND (l.status OPERATOR(pg_catalog.=) 'expired'" \
	"  OR l.finished_at OPERATOR(pg_catalog.>) l.deadline_at))"
#define MEASURE_COUNT	5

static Statement read_tasks = {
	"SELECT t.task_id, m.*"
	" FROM taskly.task t CROSS JOIN LATERAL (SELECT" MEASURES
	"  FROM (SELECT f.started_at, f.finished_at, f.deadline_at, f.scheduled_for, f.is_final, f.status"
	"   FROM taskly.finished_run f WHERE f.task_id OPERATOR(pg_catalog.=) t.task_id"
	"   ORDER BY f.finished_at DESC LIMIT 1000) l) m"
	" WHERE t.queue_id OPERATOR(pg_catalog.=) $1 ORDER BY t.task_id",
	1, {INT4OID}
};

static Statement read_submitted = {
	"SELECT 0::pg_catalog.int8," MEASURES
	" FROM (SELECT r.* FROM taskly.finished_run r WHERE r.task_id IS NULL"
	"  ORDER BY r.finished_at DESC LIMIT 10000) l"
	" JOIN LATERAL (SELECT l.owner) r ON " SHOWN
	" WHERE l.queue_id OPERATOR(pg_catalog.=) $1",
	3, {INT4OID, BOOLOID, OIDOID}
};

static Statement read_backlog = {
	"SELECT COALESCE(r.task_id, 0), pg_catalog.count(*)::pg_catalog.float8"
	" FROM taskly.pending_run r"
	" WHERE r.queue_id OPERATOR(pg_catalog.=) $1 AND " SHOWN
	"  AND r.due_at OPERATOR(pg_catalog.<=) $4 GROUP BY 1",
	4, {INT4OID, BOOLOID, OIDOID, TIMESTAMPTZOID}
};

static Statement last_run_id = {
	"SELECT last_value FROM taskly.run_run_id_seq",
	0, {0}
};

/* The first run from an id on that is in a table. */
static Statement first_run_from = {
	"SELECT r.run_id, r.queued_at FROM ("
	" (SELECT p.run_id, p.queued_at FROM taskly.pending_run p"
	"  WHERE p.run_id OPERATOR(pg_catalog.>=) $1 ORDER BY p.run_id LIMIT 1)"
	" UNION ALL"
	" (SELECT f.run_id, f.queued_at FROM taskly.finished_run f"
	"  WHERE f.run_id OPERATOR(pg_catalog.>=) $1 ORDER BY f.run_id LIMIT 1)) r"
	" ORDER BY r.run_id LIMIT 1",
	1, {INT8OID}
};

/*
 * $4: the first id of those that are looked at; $5: how many; $6: how far apart they
 * are, on average: at the same distance they could meet one queue of several that
 * are enqueued into in turn. So each is off by a part of it, by the golden ratio.
 */
static Statement sample_runs = {
	"SELECT COALESCE(r.task_id, 0), pg_catalog.count(*)::pg_catalog.float8"
	" FROM pg_catalog.generate_series(0, $5 OPERATOR(pg_catalog.-) 1) i"
	" CROSS JOIN LATERAL (SELECT i::pg_catalog.float8 OPERATOR(pg_catalog.*) 0.6180339887498949 AS part) g"
	" CROSS JOIN LATERAL (SELECT $4 OPERATOR(pg_catalog.+) pg_catalog.floor((i::pg_catalog.float8 OPERATOR(pg_catalog.+) g.part"
	"  OPERATOR(pg_catalog.-) pg_catalog.floor(g.part)) OPERATOR(pg_catalog.*) $6)::pg_catalog.int8 AS run_id) s"
	" CROSS JOIN LATERAL ("
	"  (SELECT p.task_id, p.owner, p.queue_id, p.source FROM taskly.pending_run p"
	"   WHERE p.run_id OPERATOR(pg_catalog.=) s.run_id)"
	"  UNION ALL"
	"  (SELECT f.task_id, f.owner, f.queue_id, f.source FROM taskly.finished_run f"
	"   WHERE f.run_id OPERATOR(pg_catalog.=) s.run_id)"
	"  LIMIT 1) r"
	" WHERE r.queue_id OPERATOR(pg_catalog.=) $1 AND " SHOWN
	"  AND r.source OPERATOR(pg_catalog.<>) 'schedule' GROUP BY 1",
	6, {INT4OID, BOOLOID, OIDOID, INT8OID, INT8OID, FLOAT8OID}
};

#define SAMPLE_MAX		2000

/* ------------------------------------------------------------------------
 * Attempts
 * ------------------------------------------------------------------------ */

typedef struct MeasuredRelay
{
	MeasuredReceiver receive;
	void	   *arg;
} MeasuredRelay;

static void
relay_measured(HeapTuple row, TupleDesc desc, void *arg)
{
	MeasuredRelay *relay = arg;
	MeasuredTask task = {0};
	int64		measures[MEASURE_COUNT];
	bool		isnull;

	for (int i = 0; i < MEASURE_COUNT; i++)
	{
		Datum		value = heap_getattr(row, 2 + i, desc, &isnull);

		measures[i] = isnull ? 0 : Max(DatumGetInt64(value), 0);
	}
	task.task_id = DatumGetInt64(heap_getattr(row, 1, desc, &isnull));
	task.attempts = measures[0];
	if (task.attempts > 0)
	{
		task.longest_us = Max(measures[1], 1);
		task.mean_us = Max(measures[2], 1);
	}
	task.deadline_us = measures[3];
	task.deadline_misses = measures[4];
	relay->receive(&task, relay->arg);
}

void
load_store_read_tasks(int32 queue_id, MeasuredReceiver receive, void *arg)
{
	MeasuredRelay relay = {receive, arg};
	Datum		values[] = {Int32GetDatum(queue_id)};

	(void) store_execute(&read_tasks, values, NULL, relay_measured, &relay);
}

static void
receive_measured(const MeasuredTask *task, void *arg)
{
	*(MeasuredTask *) arg = *task;
}

void
load_store_read_submitted(int32 queue_id, bool all, MeasuredTask *result)
{
	MeasuredRelay relay = {receive_measured, result};
	Datum		values[] = {Int32GetDatum(queue_id), BoolGetDatum(all), ObjectIdGetDatum(GetUserId())};

	(void) store_execute(&read_submitted, values, NULL, relay_measured, &relay);
}

/* ------------------------------------------------------------------------
 * Numbers of runs
 * ------------------------------------------------------------------------ */

typedef struct CountRelay
{
	CountReceiver receive;
	void	   *arg;
	double		each;			/* what a row stands for */
} CountRelay;

static void
relay_count(HeapTuple row, TupleDesc desc, void *arg)
{
	CountRelay *relay = arg;
	bool		isnull;
	int64		task_id = DatumGetInt64(heap_getattr(row, 1, desc, &isnull));
	double		count = DatumGetFloat8(heap_getattr(row, 2, desc, &isnull));

	relay->receive(task_id, count * relay->each, relay->arg);
}

void
load_store_read_backlog(int32 queue_id, bool all, TimestampTz now,
						CountReceiver receive, void *arg)
{
	CountRelay	relay = {receive, arg, 1};
	Datum		values[] = {Int32GetDatum(queue_id), BoolGetDatum(all),
	ObjectIdGetDatum(GetUserId()), TimestampTzGetDatum(now)};

	(void) store_execute(&read_backlog, values, NULL, relay_count, &relay);
}

typedef struct FirstRun
{
	int64		run_id;
	TimestampTz queued_at;
} FirstRun;

static void
receive_first(HeapTuple row, TupleDesc desc, void *arg)
{
	FirstRun   *first = arg;
	bool		isnull;

	first->run_id = DatumGetInt64(heap_getattr(row, 1, desc, &isnull));
	first->queued_at = DatumGetTimestampTz(heap_getattr(row, 2, desc, &isnull));
}

/*
 * The id of the first run that was queued since an instant; last + 1: none. Ids
 * grow with time, but for the length of a transaction.
 */
static int64
first_run_since(TimestampTz since, int64 last)
{
	int64		low = 1;
	int64		high = last + 1;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;
		FirstRun	first = {0};
		Datum		values[] = {Int64GetDatum(middle)};

		if (store_execute(&first_run_from, values, NULL, receive_first, &first) == 0 ||
			first.queued_at >= since)
			high = middle;
		else
			low = first.run_id + 1;
	}
	return low;
}

void
load_store_read_arrivals(int32 queue_id, bool all, TimestampTz now,
						 CountReceiver receive, void *arg)
{
	CountRelay	relay = {receive, arg, 1};
	FirstRun	first = {0};
	Datum		newest;
	Datum		values[6];
	int64		count;

	if (!store_fetch_value(&last_run_id, NULL, NULL, &newest))
		return;
	/* From where runs are missing since history was emptied, to the first that is there. */
	values[0] = Int64GetDatum(first_run_since(now - LOAD_WINDOW_US, DatumGetInt64(newest)));
	if (store_execute(&first_run_from, values, NULL, receive_first, &first) == 0)
		return;
	count = Max(DatumGetInt64(newest) - first.run_id + 1, 1);
	relay.each = Max((double) count / SAMPLE_MAX, 1);
	values[0] = Int32GetDatum(queue_id);
	values[1] = BoolGetDatum(all);
	values[2] = ObjectIdGetDatum(GetUserId());
	values[3] = Int64GetDatum(first.run_id);
	values[4] = Int64GetDatum(Min(count, SAMPLE_MAX));
	values[5] = Float8GetDatum(relay.each);
	(void) store_execute(&sample_runs, values, NULL, relay_count, &relay);
}
