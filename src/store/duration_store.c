/*-------------------------------------------------------------------------
 *
 * duration_store.c
 *	  What is recorded of how long the runs of tasks take.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"

#include "store/duration_store.h"
#include "store/spi.h"

/* So many attempts make a mean: each costs a look at a row of history. */
#define DURATION_SAMPLE "100"

static Statement read_durations = {
	"SELECT u.n::pg_catalog.int4,"
	" (pg_catalog.extract('epoch', COALESCE(m.mean, t.last_finished_at OPERATOR(pg_catalog.-) t.last_started_at))"
	"  OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8"
	" FROM pg_catalog.unnest($1) WITH ORDINALITY u (task_id, n)"
	" CROSS JOIN LATERAL (SELECT pg_catalog.avg(l.finished_at OPERATOR(pg_catalog.-) l.started_at) AS mean"
	"  FROM (SELECT f.started_at, f.finished_at FROM taskly.finished_run f"
	"   WHERE f.task_id OPERATOR(pg_catalog.=) u.task_id AND f.status OPERATOR(pg_catalog.=) 'succeeded'"
	"   ORDER BY f.finished_at DESC LIMIT " DURATION_SAMPLE ") l) m"
	" LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) u.task_id"
	"  AND t.last_status OPERATOR(pg_catalog.=) 'succeeded'"
	" WHERE m.mean IS NOT NULL OR t.last_started_at IS NOT NULL",
	1, {INT8ARRAYOID}
};

static void
receive_duration(HeapTuple row, TupleDesc desc, void *arg)
{
	int64	   *durations_us = arg;
	bool		isnull;
	int32		n = DatumGetInt32(heap_getattr(row, 1, desc, &isnull));
	int64		duration_us = DatumGetInt64(heap_getattr(row, 2, desc, &isnull));

	/* The clock may have been set back during the last one. */
	if (!isnull)
		durations_us[n - 1] = Max(duration_us, 1);
}

void
duration_store_read(const int64 *task_ids, int64 *durations_us, int count)
{
	Datum	   *ids = palloc(sizeof(Datum) * Max(count, 1));
	Datum		values[1];

	for (int i = 0; i < count; i++)
		ids[i] = Int64GetDatum(task_ids[i]);
	memset(durations_us, 0, sizeof(int64) * count);
	values[0] = PointerGetDatum(construct_array(ids, count, INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	(void) store_execute(&read_durations, values, NULL, receive_duration, durations_us);
	pfree(DatumGetPointer(values[0]));
	pfree(ids);
}
