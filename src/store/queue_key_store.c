/*-------------------------------------------------------------------------
 *
 * queue_key_store.c
 *	  Every statement about taskly.queue_key.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "utils/builtins.h"

#include "store/queue_key_store.h"
#include "store/spi.h"

#define KEY_COLUMN_COUNT	5

static Statement read_keys = {
	"SELECT queue_id, key, weight, paused_at, blocked_by FROM taskly.queue_key",
	0, {0}
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
