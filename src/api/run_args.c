/*-------------------------------------------------------------------------
 *
 * run_args.c
 *	  What the calls about runs share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "api/command_args.h"
#include "api/common.h"
#include "api/room.h"
#include "api/run_args.h"
#include "server/clock.h"
#include "store/catalog.h"
#include "store/queue_cache.h"
#include "store/run_store.h"

/* ------------------------------------------------------------------------
 * Looking, and who may
 * ------------------------------------------------------------------------ */

void
push_newest_snapshot(void)
{
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
}

void
pop_newest_snapshot(void)
{
	PopActiveSnapshot();
}

bool
may_read_all(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		is_administrator();
}

bool
may_read(Oid owner)
{
	return has_privs_of_role(GetUserId(), owner) || may_read_all();
}

void
run_not_found(int64 run_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("run " INT64_FORMAT " does not exist", run_id),
			 errhint("A run that has ended is known for taskly.history_retention, and only if its queue keeps such runs.")));
}

const char *
status_without_history(int32 queue_id)
{
	QueueRow	queue;

	if (!queue_store_read(queue_id, &queue) || queue.settings.keep == KEEP_ALL)
		return NULL;
	return queue.settings.keep == KEEP_FAILURES ? "succeeded" : "finished";
}

/* ------------------------------------------------------------------------
 * Single arguments
 * ------------------------------------------------------------------------ */

TimestampTz
arg_run_at(FunctionCallInfo fcinfo, int n)
{
	TimestampTz run_at = required_int64(fcinfo, n, "run_at");

	if (TIMESTAMP_IS_NOBEGIN(run_at))
		return taskly_now();
	if (TIMESTAMP_IS_NOEND(run_at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("run_at must not be infinite")));
	return run_at;
}

int32
required_int32(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		(void) required_int64(fcinfo, n, name);
	return PG_GETARG_INT32(n);
}

Interval *
arg_interval(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		return NULL;
	check_interval(name, PG_GETARG_INTERVAL_P(n));
	return PG_GETARG_INTERVAL_P(n);
}

Datum
arg_jsonb(FunctionCallInfo fcinfo, int n)
{
	Datum		args;

	if (PG_ARGISNULL(n))
		return (Datum) 0;
	args = JsonbPGetDatum(PG_GETARG_JSONB_P(n));
	check_args(args);
	return args;
}

Datum
arg_key(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		return (Datum) 0;
	check_key(name, text_to_cstring(PG_GETARG_TEXT_PP(n)));
	return PG_GETARG_DATUM(n);
}

/* ------------------------------------------------------------------------
 * Runs of a task
 * ------------------------------------------------------------------------ */

void
set_run_deadline(RunRow *row, Interval *deadline)
{
	Datum		due_at = row->values[RUN_COL_SCHEDULED_FOR - 1];

	if (deadline != NULL)
		run_row_set(row, RUN_COL_DEADLINE_AT,
					DirectFunctionCall2(timestamptz_pl_interval, due_at,
										IntervalPGetDatum(deadline)));
}

void
fill_row_for_task(FunctionCallInfo fcinfo, bool is_by_id, const TaskRunArgs *places,
				  TaskRow *task, RunRow *row)
{
	int64		home_id = catalog_home_id_or_error();
	TimestampTz due_at;

	if (is_by_id)
		find_task_by_id(required_int64(fcinfo, 0, "task_id"), task);
	else
		find_task(required_text(fcinfo, 0, "task"), task);
	due_at = arg_run_at(fcinfo, places->run_at);
	/* Not before that: what was due when it was queued is due for ever. */
	run_row_for_task(row, task, due_at, taskly_now(), RUN_SOURCE_ENQUEUE);
	run_row_set(row, RUN_COL_HOME_ID, Int64GetDatum(home_id));
	if (!PG_ARGISNULL(places->priority))
		run_row_set(row, RUN_COL_PRIORITY, Int32GetDatum(PG_GETARG_INT32(places->priority)));
	set_run_deadline(row, arg_interval(fcinfo, places->deadline, "deadline"));
}

/* ------------------------------------------------------------------------
 * Queues
 * ------------------------------------------------------------------------ */

static void
queue_not_found(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("queue \"%s\" does not exist", name),
			 errhint("Existing queues: %s.", queue_store_names())));
}

void
find_queue_for_run(const char *name, QueueRow *queue)
{
	bool		found;

	check_name("queue", name);
	found = queue_store_find(name, queue);
	if (!found && strcmp(name, "default") == 0)
		found = queue_store_read(queue_store_default(), queue);
	if (!found)
		queue_not_found(name);
}

void
read_queue_of_task(int32 queue_id, QueueRow *queue)
{
	if (!queue_cache_read(queue_id, queue))
		queue_not_found(psprintf("%d", queue_id));
}

static void
check_priority(const QueueRow *queue, int32 priority)
{
	check_range("priority", priority, -TASKLY_PRIORITY_MAX, TASKLY_PRIORITY_MAX);
	if (queue->settings.algorithm != QUEUE_PRIORITY && priority != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("queue \"%s\" has no priorities", queue->name),
				 errdetail("Its algorithm is \"%s\".", queue_algorithm_name(queue->settings.algorithm)),
				 errhint("Use priority => 0, or a queue whose algorithm is \"priority\".")));
}

static void
count_only(const RunRow *row, void *arg)
{
}

/* Runs that fit into a queue of a limit, by a count that ends at the limit. */
static int64
count_room(int32 queue_id, int64 limit)
{
	int			most = (int) Min(limit, PG_INT32_MAX);
	RunPlace	first_waiting = {DT_NOEND, 0};
	int			count = run_store_read_queue(queue_id, FIRST_PLACE, most, count_only, NULL);

	/* Those that wait for other runs, too. */
	if (count < most)
		count += run_store_read_queue(queue_id, first_waiting, most - count, count_only, NULL);
	return limit - count;
}

static void
check_room(const QueueRow *queue, int64 count)
{
	static RoomBelief belief = {0};
	int64		room;

	if (queue->max_pending == 0 || count == 0 ||
		room_is_believed(&belief, queue->queue_id, queue->max_pending, count))
		return;
	room = count_room(queue->queue_id, queue->max_pending);
	if (count > room)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("queue \"%s\" is full", queue->name),
				 errdetail("It takes at most " INT64_FORMAT " pending runs.",
						   queue->max_pending),
				 errhint("Let some finish or cancel them, or have the queue's owner raise max_pending with taskly.alter_queue().")));
	room_believe(&belief, queue->queue_id, queue->max_pending, room, count);
}

void
check_queue_takes(const QueueRow *queue, int32 priority, int64 count)
{
	check_priority(queue, priority);
	check_room(queue, count);
}
