/*-------------------------------------------------------------------------
 *
 * queue_key_store.c
 *	  Every statement about taskly.queue_key and taskly.key_block.
 *
 * Sessions hold rows of queue_key while they set a key, for as long as their
 * transactions take. A run that ends must not meet these, so what it writes
 * is in a table of its own, where only resuming the key can be in its way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/clock.h"
#include "store/queue_key_store.h"
#include "store/spi.h"

#define KEY_COLUMN_COUNT	5
#define THIS_KEY \
	" queue_id OPERATOR(pg_catalog.=) $1 AND key OPERATOR(pg_catalog.=) $2"

static Statement read_keys = {
	"SELECT COALESCE(k.queue_id, b.queue_id), COALESCE(k.key, b.key), COALESCE(k.weight, 1),"
	" k.paused_at, b.run_id"
	" FROM taskly.queue_key k FULL JOIN"
	" (SELECT o.queue_id, o.key, pg_catalog.min(o.run_id) AS run_id FROM taskly.key_block o"
	"  JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) o.queue_id AND q.block_key_on_failure"
	"  GROUP BY 1, 2) b"
	" ON b.queue_id OPERATOR(pg_catalog.=) k.queue_id AND b.key OPERATOR(pg_catalog.=) k.key",
	0, {0}
};

static Statement set_weight = {
	"INSERT INTO taskly.queue_key AS k (queue_id, key, weight) VALUES ($1, $2, $3)"
	" ON CONFLICT (queue_id, key) DO UPDATE SET weight = excluded.weight"
	" WHERE k.weight OPERATOR(pg_catalog.<>) excluded.weight",
	3, {INT4OID, TEXTOID, INT4OID}
};

static Statement reset_weight = {
	"UPDATE taskly.queue_key SET weight = 1"
	" WHERE" THIS_KEY " AND weight OPERATOR(pg_catalog.<>) 1",
	2, {INT4OID, TEXTOID}
};

/* The first column: was it not paused? */
static Statement pause_key = {
	"INSERT INTO taskly.queue_key AS k (queue_id, key, paused_at, paused_reason)"
	" VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (queue_id, key) DO UPDATE SET paused_at = COALESCE(k.paused_at, $3),"
	" paused_reason = $4"
	" RETURNING paused_at OPERATOR(pg_catalog.=) $3",
	4, {INT4OID, TEXTOID, TIMESTAMPTZOID, TEXTOID}
};

static Statement resume_key = {
	"UPDATE taskly.queue_key SET paused_at = NULL, paused_reason = NULL"
	" WHERE" THIS_KEY " AND paused_at IS NOT NULL",
	2, {INT4OID, TEXTOID}
};

/* There is nothing left to say of it. */
static Statement tidy_key = {
	"DELETE FROM taskly.queue_key"
	" WHERE" THIS_KEY " AND weight OPERATOR(pg_catalog.=) 1 AND paused_at IS NULL",
	2, {INT4OID, TEXTOID}
};

static Statement count_weights = {
	"SELECT pg_catalog.count(*) FROM taskly.queue_key"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1 AND weight OPERATOR(pg_catalog.<>) 1",
	1, {INT4OID}, .sees_newest = true
};

/* Of what is there already nothing is written, or a row that is being deleted might be waited for. */
static Statement block_key = {
	"INSERT INTO taskly.key_block (queue_id, key, run_id, blocked_at)"
	" SELECT q.queue_id, $2, $3, $4 FROM taskly.queue q"
	" WHERE q.queue_id OPERATOR(pg_catalog.=) $1 AND q.block_key_on_failure"
	" AND NOT EXISTS (SELECT FROM taskly.key_block"
	"  WHERE" THIS_KEY " AND run_id OPERATOR(pg_catalog.=) $3)",
	4, {INT4OID, TEXTOID, INT8OID, TIMESTAMPTZOID}
};

/* Whoever holds the row is deleting it. */
static Statement unblock_key = {
	"DELETE FROM taskly.key_block"
	" WHERE" THIS_KEY " AND run_id OPERATOR(pg_catalog.=) ANY (ARRAY("
	"  SELECT run_id FROM taskly.key_block"
	"  WHERE" THIS_KEY " AND run_id OPERATOR(pg_catalog.=) $3 FOR UPDATE SKIP LOCKED))",
	3, {INT4OID, TEXTOID, INT8OID}
};

static Statement unblock_whole_key = {
	"DELETE FROM taskly.key_block WHERE" THIS_KEY,
	2, {INT4OID, TEXTOID}
};

static Statement unblock_all = {
	"DELETE FROM taskly.key_block WHERE queue_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

static Statement forget_keys = {
	"DELETE FROM taskly.queue_key WHERE queue_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

typedef struct KeyRelay
{
	QueueKeyReceiver receive;
	void	   *arg;
} KeyRelay;

static void
relay_key(HeapTuple row, TupleDesc desc, void *arg)
{
	KeyRelay   *relay = arg;
	Datum		values[KEY_COLUMN_COUNT];
	bool		nulls[KEY_COLUMN_COUNT];
	QueueKeyRow key;

	Assert(desc->natts == KEY_COLUMN_COUNT);
	heap_deform_tuple(row, desc, values, nulls);
	key.queue_id = DatumGetInt32(values[0]);
	key.key = TextDatumGetCString(values[1]);
	key.weight = DatumGetInt32(values[2]);
	key.is_paused = !nulls[3];
	key.blocked_by = nulls[4] ? 0 : DatumGetInt64(values[4]);
	relay->receive(&key, relay->arg);
}

void
queue_key_store_read_all(QueueKeyReceiver receive, void *arg)
{
	KeyRelay	relay = {receive, arg};

	(void) store_execute(&read_keys, NULL, NULL, relay_key, &relay);
}

/* ------------------------------------------------------------------------
 * What owners say
 * ------------------------------------------------------------------------ */

bool
queue_key_store_set_weight(int32 queue_id, const char *key, int weight)
{
	Datum		values[] = {Int32GetDatum(queue_id), CStringGetTextDatum(key), Int32GetDatum(weight)};
	uint64		changed;

	changed = store_execute(weight == 1 ? &reset_weight : &set_weight, values, NULL, NULL, NULL);
	(void) store_execute(&tidy_key, values, NULL, NULL, NULL);
	return changed > 0;
}

bool
queue_key_store_pause(int32 queue_id, const char *key, const char *reason)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	Datum		is_new;

	values[0] = Int32GetDatum(queue_id);
	values[1] = CStringGetTextDatum(key);
	values[2] = TimestampTzGetDatum(taskly_now());
	values[3] = reason != NULL ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[3] = reason == NULL;
	return store_fetch_value(&pause_key, values, nulls, &is_new) && DatumGetBool(is_new);
}

bool
queue_key_store_resume(int32 queue_id, const char *key)
{
	Datum		values[] = {Int32GetDatum(queue_id), CStringGetTextDatum(key)};
	uint64		paused = store_execute(&resume_key, values, NULL, NULL, NULL);
	uint64		blocks = store_execute(&unblock_whole_key, values, NULL, NULL, NULL);

	(void) store_execute(&tidy_key, values, NULL, NULL, NULL);
	return paused + blocks > 0;
}

int64
queue_key_store_count_weights(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};
	Datum		count;

	if (!store_fetch_value(&count_weights, values, NULL, &count))
		elog(ERROR, "could not count the keys of queue %d", queue_id);
	return DatumGetInt64(count);
}

void
queue_key_store_unblock_all(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};

	(void) store_execute(&unblock_all, values, NULL, NULL, NULL);
}

void
queue_key_store_forget(int32 queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id)};

	queue_key_store_unblock_all(queue_id);
	(void) store_execute(&forget_keys, values, NULL, NULL, NULL);
}

/* ------------------------------------------------------------------------
 * The end of a run
 * ------------------------------------------------------------------------ */

bool
queue_key_store_block(int32 queue_id, const char *key, int64 run_id)
{
	Datum		values[] = {Int32GetDatum(queue_id), CStringGetTextDatum(key),
	Int64GetDatum(run_id), TimestampTzGetDatum(taskly_now())};

	return store_execute(&block_key, values, NULL, NULL, NULL) > 0;
}

bool
queue_key_store_unblock(int32 queue_id, const char *key, int64 run_id)
{
	Datum		values[] = {Int32GetDatum(queue_id), CStringGetTextDatum(key), Int64GetDatum(run_id)};

	return store_execute(&unblock_key, values, NULL, NULL, NULL) > 0;
}
