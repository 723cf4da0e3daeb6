/*-------------------------------------------------------------------------
 *
 * run_status_store.c
 *	  How runs have ended, many at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "store/run_status_store.h"
#include "store/spi.h"

/* A run is in one of the two tables in each snapshot; LIMIT: by index, one by one. */
static Statement read_statuses = {
	"SELECT i.n, r.owner, r.status, r.queue_id"
	" FROM pg_catalog.unnest($1) WITH ORDINALITY AS i (run_id, n)"
	" CROSS JOIN LATERAL ("
	"SELECT p.owner, NULL::pg_catalog.text AS status, p.queue_id FROM taskly.pending_run p"
	" WHERE p.run_id OPERATOR(pg_catalog.=) i.run_id"
	" UNION ALL"
	" SELECT f.owner, f.status, f.queue_id FROM taskly.finished_run f"
	" WHERE f.run_id OPERATOR(pg_catalog.=) i.run_id AND f.is_final"
	" LIMIT 1) r",
	1, {INT8ARRAYOID}, .sees_newest = true
};

typedef struct Reading
{
	MemoryContext context;
	RunState   *states;
} Reading;

static void
receive_state(HeapTuple row, TupleDesc desc, void *arg)
{
	Reading    *reading = arg;
	bool		isnull;
	RunState   *state = &reading->states[DatumGetInt64(heap_getattr(row, 1, desc, &isnull)) - 1];
	Datum		status;

	state->owner = DatumGetObjectId(heap_getattr(row, 2, desc, &isnull));
	status = heap_getattr(row, 3, desc, &isnull);
	if (!isnull)
		state->status = MemoryContextStrdup(reading->context, TextDatumGetCString(status));
	state->queue_id = DatumGetInt32(heap_getattr(row, 4, desc, &isnull));
}

RunState *
run_status_read(const int64 *run_ids, int count)
{
	Reading		reading = {CurrentMemoryContext};
	Datum	   *items = palloc(sizeof(Datum) * Max(count, 1));
	Datum		values[1];

	for (int i = 0; i < count; i++)
		items[i] = Int64GetDatum(run_ids[i]);
	values[0] = PointerGetDatum(construct_array(items, count, INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	reading.states = palloc0(sizeof(RunState) * Max(count, 1));
	store_execute(&read_statuses, values, NULL, receive_state, &reading);
	return reading.states;
}

static Statement read_last_id = {
	"SELECT s.last_value FROM taskly.run_run_id_seq s WHERE s.is_called"
	" AND EXISTS (SELECT FROM taskly.queue q WHERE q.keep OPERATOR(pg_catalog.<>) 'all')",
	0, {0}, .sees_newest = true
};

int64
run_status_last_unkept(void)
{
	Datum		value;

	return store_fetch_value(&read_last_id, NULL, NULL, &value) ? DatumGetInt64(value) : 0;
}
