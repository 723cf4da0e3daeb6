/*-------------------------------------------------------------------------
 *
 * key_api.c
 *	  SQL functions about keys of a queue: their weight, and pauses.
 *
 * A key is any text that a run of the queue has, or will have. The owner of the
 * queue, its members and administrators decide about keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/common.h"
#include "api/queue_args.h"
#include "server/wake.h"
#include "store/queue_key_store.h"

PG_FUNCTION_INFO_V1(taskly_set_key_v1);
PG_FUNCTION_INFO_V1(taskly_pause_key_v1);
PG_FUNCTION_INFO_V1(taskly_resume_key_v1);

/* Argument 0 is the queue, 1 the key. The queue's row is locked, so that it stays. */
static char *
lock_queue_of_key(FunctionCallInfo fcinfo, QueueRow *queue)
{
	char	   *key;

	(void) required_text(fcinfo, 0, "queue");
	key = required_text(fcinfo, 1, "key");
	check_key("key", key);
	lock_own_queue(fcinfo, "queue", QUEUE_LOCK_STATE, queue);
	return key;
}

static Datum
tell_scheduler(bool is_changed)
{
	if (is_changed)
		wake_for_settings();
	return BoolGetDatum(is_changed);
}

/* set_key(queue text, key text, weight integer) RETURNS boolean: is that new? */
Datum
taskly_set_key_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue;
	char	   *key;
	int			weight;

	begin_writing_call("taskly.set_key()");
	key = lock_queue_of_key(fcinfo, &queue);
	weight = PG_ARGISNULL(2) ? 1 : PG_GETARG_INT32(2);
	check_range("weight", weight, 1, QUEUE_WEIGHT_MAX);
	if (weight != 1 && queue.settings.algorithm != QUEUE_FAIR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("queue \"%s\" has no weights of keys", queue.name),
				 errdetail("Its algorithm is \"%s\".",
						   queue_algorithm_name(queue.settings.algorithm)),
				 errhint("Use a queue whose algorithm is \"fair\".")));
	return tell_scheduler(queue_key_store_set_weight(queue.queue_id, key, weight));
}

/* pause_key(queue text, key text, reason text) RETURNS boolean: was it not paused? */
Datum
taskly_pause_key_v1(PG_FUNCTION_ARGS)
{
	char	   *reason = arg_text(fcinfo, 2);
	QueueRow	queue;
	char	   *key;

	begin_writing_call("taskly.pause_key()");
	key = lock_queue_of_key(fcinfo, &queue);
	if (reason != NULL)
		check_text("reason", reason);
	return tell_scheduler(queue_key_store_pause(queue.queue_id, key, reason));
}

/* resume_key(queue text, key text) RETURNS boolean: was it paused or blocked? */
Datum
taskly_resume_key_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue;
	char	   *key;

	begin_writing_call("taskly.resume_key()");
	key = lock_queue_of_key(fcinfo, &queue);
	return tell_scheduler(queue_key_store_resume(queue.queue_id, key));
}
