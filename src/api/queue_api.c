/*-------------------------------------------------------------------------
 *
 * queue_api.c
 *	  SQL functions that make, change and drop queues.
 *
 * A queue belongs to who made it; members of that role and administrators change
 * it. Every user of taskly may put runs into it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/array.h"

#include "api/common.h"
#include "api/queue_args.h"
#include "server/wake.h"
#include "store/catalog.h"
#include "store/home_store.h"
#include "store/queue_key_store.h"
#include "store/queue_store.h"
#include "store/run_bulk_store.h"
#include "store/task_store.h"

PG_FUNCTION_INFO_V1(taskly_create_queue_v1);
PG_FUNCTION_INFO_V1(taskly_alter_queue_v1);
PG_FUNCTION_INFO_V1(taskly_drop_queue_v1);
PG_FUNCTION_INFO_V1(taskly_pause_queue_v1);
PG_FUNCTION_INFO_V1(taskly_resume_queue_v1);

/* create_queue(name text, algorithm text, ...) RETURNS integer */
Datum
taskly_create_queue_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue = {0};
	bool		is_given[QUEUE_OPTIONS];

	begin_writing_call("taskly.create_queue()");
	queue.name = required_text(fcinfo, 0, "name");
	check_name("queue", queue.name);
	queue.owner = GetUserId();
	queue.settings = QUEUE_DEFAULT_SETTINGS;
	(void) queue_options_apply(&queue, fcinfo, is_given);
	queue_options_check(&queue);
	queue.queue_id = queue_store_insert(&queue);
	if (queue.queue_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", queue.name)));
	wake_for_settings();
	PG_RETURN_INT32(queue.queue_id);
}

static void
check_no_priorities(const QueueRow *queue)
{
	int64		count = task_store_count_in_queue(queue->queue_id, true);

	if (count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("algorithm of queue \"%s\" cannot become \"%s\"", queue->name,
						queue_algorithm_name(queue->settings.algorithm)),
				 errdetail_plural("%lld task in it has a priority.",
								  "%lld tasks in it have a priority.",
								  (unsigned long) count, (long long) count),
				 errhint("Use taskly.alter() with priority => 0 first.")));
}

/* They are kept, for when the queue is a fair one again. */
static void
tell_of_weights(const QueueRow *queue)
{
	int64		count = queue_key_store_count_weights(queue->queue_id);

	if (count > 0)
		ereport(NOTICE,
				(errmsg_plural("%lld key of queue \"%s\" has a weight, which counts only with algorithm \"fair\"",
							   "%lld keys of queue \"%s\" have weights, which count only with algorithm \"fair\"",
							   (unsigned long) count, (long long) count, queue->name)));
}

/* Runs that wait stay, and are put into the new order. */
static void
change_algorithm(const QueueRow *queue, QueueAlgorithm old)
{
	if (old == QUEUE_PRIORITY)
		check_no_priorities(queue);
	if (old == QUEUE_FAIR)
		tell_of_weights(queue);
}

/* alter_queue(name text, ..., reset text[]) RETURNS integer */
Datum
taskly_alter_queue_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue;
	QueueSettings old;
	bool		is_given[QUEUE_OPTIONS];
	int			changes;

	begin_writing_call("taskly.alter_queue()");
	lock_own_queue(fcinfo, "name", QUEUE_LOCK_DEFINITION, &queue);
	old = queue.settings;
	changes = queue_options_apply(&queue, fcinfo, is_given);
	if (!PG_ARGISNULL(1 + QUEUE_OPTIONS))
		changes += queue_options_reset(&queue, PG_GETARG_ARRAYTYPE_P(1 + QUEUE_OPTIONS), is_given);
	if (changes == 0)
		PG_RETURN_INT32(queue.queue_id);

	queue_options_check(&queue);
	if (queue.settings.algorithm != old.algorithm)
		change_algorithm(&queue, old.algorithm);
	if (queue.settings.block_key_on_failure != old.block_key_on_failure)
		queue_key_store_unblock_all(queue.queue_id);
	queue_store_update(&queue);
	wake_for_settings();
	PG_RETURN_INT32(queue.queue_id);
}

static void
refuse_drop(const QueueRow *queue, int64 tasks, int64 runs)
{
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("queue \"%s\" cannot be dropped because it is in use", queue->name),
			 errdetail("Tasks: " INT64_FORMAT ". Waiting runs: " INT64_FORMAT ".", tasks, runs),
			 errhint("Use taskly.alter() to move the tasks to another queue, or cascade => true to move them to queue \"default\" and cancel the runs.")));
}

/* Its tasks go on elsewhere; its waiting runs end here, where history tells of it. */
static void
empty_queue(const QueueRow *queue)
{
	char	   *message = psprintf("cancelled when role \"%s\" dropped queue \"%s\"",
								   role_name(GetUserId()), queue->name);
	int32		to_queue_id = queue_store_default();
	HomeRow		home = {0};
	int64		tasks;
	int64		runs;

	if (to_queue_id == queue->queue_id)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("queue \"%s\" cannot be dropped with what it holds", queue->name),
				 errdetail("Tasks of other queues that are dropped move there.")));
	if (!home_store_read(&home))
		(void) catalog_home_id_or_error();
	tasks = task_store_move_all(queue->queue_id, to_queue_id);
	runs = run_bulk_cancel_in_queue(queue->queue_id, home.history_slot, message);
	ereport(NOTICE,
			(errmsg("queue \"%s\" was in use", queue->name),
			 errdetail("Tasks moved to queue \"default\": " INT64_FORMAT ". Runs cancelled: " INT64_FORMAT ".",
					   tasks, runs)));
}

/* drop_queue(name text, cascade boolean) RETURNS boolean */
Datum
taskly_drop_queue_v1(PG_FUNCTION_ARGS)
{
	bool		cascade = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	QueueRow	queue;
	int64		tasks;
	int64		runs;

	begin_writing_call("taskly.drop_queue()");
	lock_own_queue(fcinfo, "name", QUEUE_LOCK_DEFINITION, &queue);
	tasks = task_store_count_in_queue(queue.queue_id, false);
	runs = run_bulk_count_in_queue(queue.queue_id);
	if (tasks > 0 || runs > 0)
	{
		if (!cascade)
			refuse_drop(&queue, tasks, runs);
		empty_queue(&queue);
	}
	queue_key_store_forget(queue.queue_id);
	queue_store_delete(queue.queue_id);
	wake_for_settings();
	PG_RETURN_BOOL(true);
}

/* pause_queue(name text, reason text) RETURNS boolean: was it not paused? */
Datum
taskly_pause_queue_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue;
	char	   *reason = arg_text(fcinfo, 1);

	begin_writing_call("taskly.pause_queue()");
	lock_own_queue(fcinfo, "name", QUEUE_LOCK_STATE, &queue);
	if (reason != NULL)
		check_text("reason", reason);
	queue_store_pause(queue.queue_id, reason);
	wake_for_settings();
	PG_RETURN_BOOL(!queue.settings.is_paused);
}

/* resume_queue(name text) RETURNS boolean: was it paused? */
Datum
taskly_resume_queue_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue;

	begin_writing_call("taskly.resume_queue()");
	lock_own_queue(fcinfo, "name", QUEUE_LOCK_STATE, &queue);
	if (!queue.settings.is_paused)
		PG_RETURN_BOOL(false);
	queue_store_resume(queue.queue_id);
	wake_for_settings();
	PG_RETURN_BOOL(true);
}
