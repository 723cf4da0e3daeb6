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
#include "utils/jsonb.h"
#include "utils/snapmgr.h"

#include "api/command_args.h"
#include "api/common.h"
#include "api/run_args.h"
#include "server/clock.h"
#include "store/queue_store.h"
#include "store/run_store.h"

/* How long, and for which share of the room it found, a count of a queue is believed. */
#define ROOM_BELIEVED_US	(1 * USECS_PER_SEC)
#define ROOM_BELIEVED_SHARE	8

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
			 errmsg("run " INT64_FORMAT " does not exist", run_id)));
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

/* ------------------------------------------------------------------------
 * Arguments that are not supported
 * ------------------------------------------------------------------------ */

void
refuse_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (!PG_ARGISNULL(n))
		refuse_unsupported(name, NULL);
}

void
refuse_keys(FunctionCallInfo fcinfo, int key, int unique_key)
{
	refuse_argument(fcinfo, key, "key");
	refuse_argument(fcinfo, unique_key, "unique_key");
}

/* An argument with one supported value, the first of those that are allowed. */
static void
refuse_other_choice(FunctionCallInfo fcinfo, int n, const char *name,
					const char *const *allowed)
{
	char	   *value = required_text(fcinfo, n, name);

	if (check_choice(name, value, allowed) > 0)
		refuse_unsupported(name, value);
}

void
refuse_conflict(FunctionCallInfo fcinfo, int on_conflict, int unique_for)
{
	static const char *const allowed[] = {"keep", "replace", "postpone", NULL};

	refuse_other_choice(fcinfo, on_conflict, "on_conflict", allowed);
	refuse_argument(fcinfo, unique_for, "unique_for");
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
	if (strcmp(name, "default") == 0)
		found = queue_store_read(queue_store_default(), queue);
	else
		found = queue_store_find(name, queue);
	if (!found || !queue_store_hold(queue->queue_id))
		queue_not_found(name);
}

void
read_queue_of_task(int32 queue_id, QueueRow *queue)
{
	if (!queue_store_read(queue_id, queue))
		queue_not_found(psprintf("%d", queue_id));
}

static void
check_priority(const QueueRow *queue, int32 priority)
{
	check_range("priority", priority, -TASKLY_PRIORITY_MAX, TASKLY_PRIORITY_MAX);
	if (queue->settings.algorithm == QUEUE_FIFO && priority != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("queue \"%s\" has no priorities", queue->name),
				 errdetail("Its algorithm is \"fifo\"."),
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

	int			count = run_store_read_queue(queue_id, DT_NOBEGIN, 0, most, count_only, NULL);

	/* Those that wait for other runs, too. */
	if (count < most)
		count += run_store_read_queue(queue_id, DT_NOEND, 0, most - count, count_only, NULL);
	return limit - count;
}

/* What this session believes of the queue that it has counted last. */
typedef struct RoomBelief
{
	int32		queue_id;
	int64		limit;
	int64		room;
	int64		until_us;		/* monotonic */
} RoomBelief;

/*
 * Counting costs as much as the queue is long. So a session that has found room
 * uses an eighth of it, for a second at most, before it counts again: the limit
 * is exact where it is small or near, and else may be overrun when many enqueue
 * at once.
 */
static void
check_room(const QueueRow *queue, int64 count)
{
	static RoomBelief belief = {0};
	int64		room;

	if (queue->max_pending == 0)
		return;
	if (belief.queue_id == queue->queue_id && belief.limit == queue->max_pending &&
		belief.room >= count && taskly_monotonic_us() < belief.until_us)
	{
		belief.room -= count;
		return;
	}

	room = count_room(queue->queue_id, queue->max_pending);
	if (count > room)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("queue \"%s\" is full", queue->name),
				 errdetail("It takes at most " INT64_FORMAT " pending runs.",
						   queue->max_pending)));
	belief.queue_id = queue->queue_id;
	belief.limit = queue->max_pending;
	belief.room = room / ROOM_BELIEVED_SHARE - count;
	belief.until_us = taskly_monotonic_us() + ROOM_BELIEVED_US;
}

void
check_queue_takes(const QueueRow *queue, int32 priority, int64 count)
{
	check_priority(queue, priority);
	check_room(queue, count);
}
