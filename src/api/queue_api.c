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

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/common.h"
#include "server/wake.h"
#include "store/queue_store.h"
#include "store/run_bulk_store.h"
#include "store/task_store.h"

/* In the order of the arguments of create_queue(), after its name. */
typedef enum QueueOption
{
	QUEUE_ALGORITHM,
	QUEUE_WEIGHT,
	QUEUE_MAX_RUNNING,
	QUEUE_MAX_RUNNING_PER_KEY,
	QUEUE_RATE,
	QUEUE_RATE_PER_KEY,
	QUEUE_RATE_INTERVAL,
	QUEUE_BURST,
	QUEUE_MAX_PENDING,
	QUEUE_AGING,
	QUEUE_BLOCK_KEY_ON_FAILURE,
	QUEUE_KEEP,
	QUEUE_BATCH,
	QUEUE_OPTIONS				/* how many there are */
} QueueOption;

static const char *const option_names[QUEUE_OPTIONS] = {
	[QUEUE_ALGORITHM] = "algorithm",
	[QUEUE_WEIGHT] = "weight",
	[QUEUE_MAX_RUNNING] = "max_running",
	[QUEUE_MAX_RUNNING_PER_KEY] = "max_running_per_key",
	[QUEUE_RATE] = "rate",
	[QUEUE_RATE_PER_KEY] = "rate_per_key",
	[QUEUE_RATE_INTERVAL] = "rate_interval",
	[QUEUE_BURST] = "burst",
	[QUEUE_MAX_PENDING] = "max_pending",
	[QUEUE_AGING] = "aging",
	[QUEUE_BLOCK_KEY_ON_FAILURE] = "block_key_on_failure",
	[QUEUE_KEEP] = "keep",
	[QUEUE_BATCH] = "batch",
};

/* Those that reset returns to their defaults; of the others only the default is supported. */
static const QueueOption resettable[] = {
	QUEUE_ALGORITHM, QUEUE_MAX_RUNNING, QUEUE_MAX_PENDING, QUEUE_AGING
};

PG_FUNCTION_INFO_V1(taskly_create_queue_v1);
PG_FUNCTION_INFO_V1(taskly_alter_queue_v1);
PG_FUNCTION_INFO_V1(taskly_drop_queue_v1);
PG_FUNCTION_INFO_V1(taskly_pause_queue_v1);
PG_FUNCTION_INFO_V1(taskly_resume_queue_v1);
PG_FUNCTION_INFO_V1(taskly_set_key_v1);

/* ------------------------------------------------------------------------
 * Options
 * ------------------------------------------------------------------------ */

static void
set_default(QueueRow *queue, QueueOption option)
{
	switch (option)
	{
		case QUEUE_ALGORITHM:
			queue->settings.algorithm = QUEUE_PRIORITY;
			break;
		case QUEUE_MAX_RUNNING:
			queue->settings.max_running = 0;
			break;
		case QUEUE_MAX_PENDING:
			queue->max_pending = 0;
			break;
		case QUEUE_AGING:
			queue->settings.aging_us = QUEUE_DEFAULT_AGING_US;
			break;
		default:
			break;
	}
}

static QueueAlgorithm
check_algorithm(const char *name)
{
	static const char *const names[] = {"fifo", "priority", "fair", "rate_monotonic", "edf", NULL};
	QueueAlgorithm algorithm = QUEUE_PRIORITY;

	(void) check_choice("algorithm", name, names);
	if (!queue_algorithm_find(name, &algorithm))
		elog(ERROR, "unexpected algorithm: \"%s\"", name);
	if (algorithm != QUEUE_FIFO && algorithm != QUEUE_PRIORITY)
		refuse_unsupported("algorithm", name);
	return algorithm;
}

/* Is the value what an option is that cannot be changed yet? */
static bool
is_default(QueueOption option, Datum value)
{
	switch (option)
	{
		case QUEUE_WEIGHT:
			return DatumGetInt32(value) == 1;
		case QUEUE_RATE_INTERVAL:
			return interval_to_us(DatumGetIntervalP(value)) == USECS_PER_SEC;
		case QUEUE_BLOCK_KEY_ON_FAILURE:
			return !DatumGetBool(value);
		default:
			return false;
	}
}

static QueueKeep
check_keep(const char *name)
{
	static const char *const names[] = {"all", "failures", "none", NULL};
	QueueKeep	keep = KEEP_ALL;

	(void) check_choice("keep", name, names);
	if (!queue_keep_find(name, &keep))
		elog(ERROR, "unexpected value of keep: \"%s\"", name);
	return keep;
}

static void
set_value(QueueRow *queue, QueueOption option, Datum value)
{
	switch (option)
	{
		case QUEUE_ALGORITHM:
			queue->settings.algorithm = check_algorithm(TextDatumGetCString(value));
			break;
		case QUEUE_MAX_RUNNING:
			check_range("max_running", DatumGetInt32(value), 1, PG_INT32_MAX);
			queue->settings.max_running = DatumGetInt32(value);
			break;
		case QUEUE_MAX_PENDING:
			check_range("max_pending", DatumGetInt64(value), 1, PG_INT64_MAX);
			queue->max_pending = DatumGetInt64(value);
			break;
		case QUEUE_AGING:
			check_interval("aging", DatumGetIntervalP(value));
			queue->settings.aging_us = interval_to_us(DatumGetIntervalP(value));
			break;
		case QUEUE_KEEP:
			queue->settings.keep = check_keep(TextDatumGetCString(value));
			break;
		case QUEUE_BATCH:
			check_range("batch", DatumGetInt32(value), 1, TASKLY_BATCH_MAX);
			queue->settings.batch = DatumGetInt32(value);
			break;
		default:
			if (!is_default(option, value))
				refuse_unsupported(option_names[option], NULL);
			break;
	}
}

/* A queue that knows no priorities has nothing that could age. */
static void
check_queue(const QueueRow *queue)
{
	if (queue->settings.algorithm == QUEUE_FIFO && queue->settings.aging_us != QUEUE_DEFAULT_AGING_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"aging\" needs algorithm \"priority\"")));
}

/* Take the options that are not null; returns how many. */
static int
apply_options(QueueRow *queue, FunctionCallInfo fcinfo, bool *is_given)
{
	int			count = 0;

	for (int i = 0; i < QUEUE_OPTIONS; i++)
	{
		is_given[i] = !PG_ARGISNULL(i + 1);
		if (!is_given[i])
			continue;
		set_value(queue, (QueueOption) i, PG_GETARG_DATUM(i + 1));
		count++;
	}
	return count;
}

static QueueOption
find_resettable(const char *name)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < (int) lengthof(resettable); i++)
	{
		if (strcmp(name, option_names[resettable[i]]) == 0)
			return resettable[i];
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", option_names[resettable[i]]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be reset", name),
			 errhint("Options that can be reset: %s.", list.data)));
	return QUEUE_OPTIONS;		/* not reached */
}

static int
reset_options(QueueRow *queue, ArrayType *names, const bool *is_given)
{
	Datum	   *items;
	bool	   *nulls;
	int			count;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		QueueOption option;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", "reset")));
		option = find_resettable(TextDatumGetCString(items[i]));
		if (is_given[option])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" cannot be both set and reset",
							option_names[option])));
		set_default(queue, option);
	}
	return count;
}

/* ------------------------------------------------------------------------
 * Functions
 * ------------------------------------------------------------------------ */

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
	(void) apply_options(&queue, fcinfo, is_given);
	check_queue(&queue);
	queue.queue_id = queue_store_insert(&queue);
	if (queue.queue_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", queue.name)));
	wake_for_settings();
	PG_RETURN_INT32(queue.queue_id);
}

/* Names of queues are no secret: everybody may use every queue. */
static void
lock_queue(FunctionCallInfo fcinfo, QueueLock lock, QueueRow *queue)
{
	char	   *name = required_text(fcinfo, 0, "name");

	check_name("queue", name);
	if (strcmp(name, "default") == 0)
		(void) queue_store_default();
	if (!queue_store_lock(name, lock, queue))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errhint("Existing queues: %s.", queue_store_names())));
	if (!may_manage(queue->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of queue \"%s\"", name)));
}

static void
check_no_priorities(const QueueRow *queue)
{
	int64		count = task_store_count_in_queue(queue->queue_id, true);

	if (count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("queue \"%s\" cannot become \"fifo\"", queue->name),
				 errdetail_plural("%lld task in it has a priority.",
								  "%lld tasks in it have a priority.",
								  (unsigned long) count, (long long) count),
				 errhint("Use taskly.alter() with priority => 0 first.")));
}

/* alter_queue(name text, ..., reset text[]) RETURNS integer */
Datum
taskly_alter_queue_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue;
	QueueAlgorithm old_algorithm;
	bool		is_given[QUEUE_OPTIONS];
	int			changes;

	begin_writing_call("taskly.alter_queue()");
	lock_queue(fcinfo, QUEUE_LOCK_DEFINITION, &queue);
	old_algorithm = queue.settings.algorithm;
	changes = apply_options(&queue, fcinfo, is_given);
	if (!PG_ARGISNULL(1 + QUEUE_OPTIONS))
		changes += reset_options(&queue, PG_GETARG_ARRAYTYPE_P(1 + QUEUE_OPTIONS), is_given);
	if (changes == 0)
		PG_RETURN_INT32(queue.queue_id);

	check_queue(&queue);
	if (queue.settings.algorithm == QUEUE_FIFO && old_algorithm != QUEUE_FIFO)
		check_no_priorities(&queue);
	queue_store_update(&queue);
	wake_for_settings();
	PG_RETURN_INT32(queue.queue_id);
}

/* drop_queue(name text) RETURNS boolean */
Datum
taskly_drop_queue_v1(PG_FUNCTION_ARGS)
{
	QueueRow	queue;
	int64		tasks;
	int64		runs;

	begin_writing_call("taskly.drop_queue()");
	lock_queue(fcinfo, QUEUE_LOCK_DEFINITION, &queue);
	tasks = task_store_count_in_queue(queue.queue_id, false);
	runs = run_bulk_count_in_queue(queue.queue_id);
	if (tasks > 0 || runs > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("queue \"%s\" cannot be dropped because it is in use", queue.name),
				 errdetail("Tasks: " INT64_FORMAT ". Waiting runs: " INT64_FORMAT ".",
						   tasks, runs),
				 errhint("Use taskly.alter() to move the tasks to another queue.")));
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
	lock_queue(fcinfo, QUEUE_LOCK_STATE, &queue);
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
	lock_queue(fcinfo, QUEUE_LOCK_STATE, &queue);
	if (!queue.settings.is_paused)
		PG_RETURN_BOOL(false);
	queue_store_resume(queue.queue_id);
	wake_for_settings();
	PG_RETURN_BOOL(true);
}

/* set_key(queue text, key text, weight integer, paused boolean) RETURNS boolean */
Datum
taskly_set_key_v1(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("keys are not supported")));
	PG_RETURN_NULL();
}
