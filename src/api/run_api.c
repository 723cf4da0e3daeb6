/*-------------------------------------------------------------------------
 *
 * run_api.c
 *	  SQL functions that make one run: enqueue, submit.
 *
 * A run is a row that the caller's transaction inserts: it exists if and only if
 * the caller commits, and the scheduler hears of it then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/command_args.h"
#include "api/common.h"
#include "api/dependency_api.h"
#include "api/quota_check.h"
#include "api/run_args.h"
#include "api/unique_args.h"
#include "server/clock.h"
#include "server/wake.h"
#include "store/catalog.h"
#include "store/queue_store.h"
#include "store/run_store.h"
#include "store/task_store.h"

/* Arguments by number, as the install script has them. */
enum
{
	ENQUEUE_TASK,
	ENQUEUE_ARGS,
	ENQUEUE_RUN_AT,
	ENQUEUE_PRIORITY,
	ENQUEUE_KEY,
	ENQUEUE_UNIQUE_KEY,
	ENQUEUE_ON_CONFLICT,
	ENQUEUE_UNIQUE_FOR,
	ENQUEUE_DEADLINE,
	ENQUEUE_DEPENDS_ON,
	ENQUEUE_DEPENDS_WHEN
};

enum
{
	SUBMIT_COMMAND,
	SUBMIT_KIND,
	SUBMIT_ARGS,
	SUBMIT_RUN_AT,
	SUBMIT_QUEUE,
	SUBMIT_PRIORITY,
	SUBMIT_KEY,
	SUBMIT_UNIQUE_KEY,
	SUBMIT_ON_CONFLICT,
	SUBMIT_UNIQUE_FOR,
	SUBMIT_TIMEOUT,
	SUBMIT_DEADLINE,
	SUBMIT_ATOMIC,
	SUBMIT_MAX_ATTEMPTS,
	SUBMIT_BACKOFF,
	SUBMIT_RETRY_ON,
	SUBMIT_NEVER_ON,
	SUBMIT_ON_LOST,
	SUBMIT_ON_FAILURE,
	SUBMIT_DEPENDS_ON,
	SUBMIT_DEPENDS_WHEN
};

PG_FUNCTION_INFO_V1(taskly_enqueue_v1);
PG_FUNCTION_INFO_V1(taskly_enqueue_by_id_v1);
PG_FUNCTION_INFO_V1(taskly_submit_v1);

/* ------------------------------------------------------------------------
 * Runs of a task
 * ------------------------------------------------------------------------ */

/* A run that waits already keeps what it depends on, whatever else is changed. */
static void
refuse_dependencies_of_waiting(const DependsOn *depends_on, const UniqueArgs *unique)
{
	if (depends_on->count == 0 || unique->on_conflict == CONFLICT_KEEP)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("depends_on cannot be used with this on_conflict"),
			 errdetail("What a run that waits already depends on is not changed."),
			 errhint("Use on_conflict => 'keep', or leave depends_on out.")));
}

/*
 * Insert a row, unless a run with its unique key stays; returns the run_id. What
 * stays depends on what it did. attempts: how many it is allowed.
 */
static Datum
make_run(RunRow *row, const QueueRow *queue, const UniqueArgs *unique,
		 DependsOn *depends_on, int attempts)
{
	int32		priority = run_int32(row, RUN_COL_PRIORITY);

	refuse_dependencies_of_waiting(depends_on, unique);
	check_queue_takes(queue, priority, 0);
	if (run_is_null(row, RUN_COL_UNIQUE_KEY) || !unique_run_stays(row, unique, attempts))
	{
		check_queue_takes(queue, priority, 1);
		quota_check_pending(run_oid(row, RUN_COL_OWNER), 1);
		depends_on_check(depends_on, row);
		run_store_insert(row, 1);
		depends_on_insert(depends_on, row);
		wake_for_runs(run_int64(row, RUN_COL_RUN_ID), 1);
	}
	return row->values[RUN_COL_RUN_ID - 1];
}

static void
set_key(RunRow *row, int col, Datum key)
{
	if (key != (Datum) 0)
		run_row_set(row, col, key);
}

static Datum
enqueue(FunctionCallInfo fcinfo, bool is_by_id)
{
	static const TaskRunArgs places = {ENQUEUE_RUN_AT, ENQUEUE_PRIORITY, ENQUEUE_DEADLINE};
	Datum		args;
	Datum		unique_key;
	UniqueArgs	unique;
	DependsOn	depends_on;
	TaskRow		task;
	QueueRow	queue;
	RunRow		row;
	Datum		run_id;

	begin_writing_call("taskly.enqueue()");
	arg_depends_on(fcinfo, ENQUEUE_DEPENDS_ON, ENQUEUE_DEPENDS_WHEN, &depends_on);
	args = arg_jsonb(fcinfo, ENQUEUE_ARGS);
	unique_key = arg_key(fcinfo, ENQUEUE_UNIQUE_KEY, "unique_key");
	read_unique_args(fcinfo, ENQUEUE_ON_CONFLICT, ENQUEUE_UNIQUE_FOR,
					 unique_key != (Datum) 0, &unique);

	push_newest_snapshot();
	fill_row_for_task(fcinfo, is_by_id, &places, &task, &row);
	if (args != (Datum) 0)
		run_row_set(&row, RUN_COL_ARGS, args);
	set_key(&row, RUN_COL_KEY, arg_key(fcinfo, ENQUEUE_KEY, "key"));
	set_key(&row, RUN_COL_UNIQUE_KEY, unique_key);
	read_queue_of_task(task.queue_id, &queue);
	check_unique_in_queue(&unique, &queue);
	run_id = make_run(&row, &queue, &unique, &depends_on, task.max_attempts);
	pop_newest_snapshot();
	return run_id;
}

/* enqueue(task text, ...) RETURNS bigint */
Datum
taskly_enqueue_v1(PG_FUNCTION_ARGS)
{
	return enqueue(fcinfo, false);
}

/* enqueue(task_id bigint, ...) RETURNS bigint */
Datum
taskly_enqueue_by_id_v1(PG_FUNCTION_ARGS)
{
	return enqueue(fcinfo, true);
}

/* ------------------------------------------------------------------------
 * A run without a task
 * ------------------------------------------------------------------------ */

static AtomicChoice
atomic_choice(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return ATOMIC_AUTO;
	return PG_GETARG_BOOL(n) ? ATOMIC_YES : ATOMIC_NO;
}

/* What it does. */
static RunKind
set_command(FunctionCallInfo fcinfo, RunRow *row)
{
	char	   *command = required_text(fcinfo, SUBMIT_COMMAND, "command");
	char	   *kind_name = required_text(fcinfo, SUBMIT_KIND, "kind");
	RunKind		kind;

	kind = check_command(kind_name, command, atomic_choice(fcinfo, SUBMIT_ATOMIC));
	if (kind == RUN_KIND_SHELL)
		check_shell_right(GetUserId());
	run_row_set(row, RUN_COL_COMMAND, CStringGetTextDatum(command));
	run_row_set(row, RUN_COL_KIND, CStringGetTextDatum(kind_name));
	run_row_set(row, RUN_COL_ATOMIC, BoolGetDatum(kind == RUN_KIND_SQL));
	return kind;
}

static void
set_outcomes(FunctionCallInfo fcinfo, RunRow *row, int col, int n,
			 const char *name, RunKind kind)
{
	if (PG_ARGISNULL(n))
		return;
	check_outcomes(name, PG_GETARG_DATUM(n), kind);
	run_row_set(row, col, PointerGetDatum(PG_GETARG_ARRAYTYPE_P(n)));
}

/* How often, and what becomes of it when it fails. */
static void
set_attempts(FunctionCallInfo fcinfo, RunRow *row, RunKind kind)
{
	int64		max_attempts;
	char	   *backoff = required_text(fcinfo, SUBMIT_BACKOFF, "backoff");
	char	   *on_failure = arg_text(fcinfo, SUBMIT_ON_FAILURE);
	const char *on_lost = check_on_lost(arg_text(fcinfo, SUBMIT_ON_LOST), kind);

	max_attempts = required_int32(fcinfo, SUBMIT_MAX_ATTEMPTS, "max_attempts");
	check_range("max_attempts", max_attempts, 1, TASKLY_ATTEMPTS_MAX);
	check_backoff(backoff);
	set_outcomes(fcinfo, row, RUN_COL_RETRY_ON, SUBMIT_RETRY_ON, "retry_on", kind);
	set_outcomes(fcinfo, row, RUN_COL_NEVER_ON, SUBMIT_NEVER_ON, "never_on", kind);
	run_row_set(row, RUN_COL_MAX_ATTEMPTS, Int32GetDatum((int32) max_attempts));
	run_row_set(row, RUN_COL_BACKOFF, CStringGetTextDatum(backoff));
	run_row_set(row, RUN_COL_ON_LOST, CStringGetTextDatum(on_lost));
	if (on_failure != NULL)
	{
		check_name("task", on_failure);
		run_row_set(row, RUN_COL_ON_FAILURE, CStringGetTextDatum(on_failure));
	}
}

/* When it runs, and how long. */
static void
set_times(FunctionCallInfo fcinfo, RunRow *row)
{
	Datum		due_at = TimestampTzGetDatum(arg_run_at(fcinfo, SUBMIT_RUN_AT));
	Interval   *timeout = arg_interval(fcinfo, SUBMIT_TIMEOUT, "timeout");

	run_row_set(row, RUN_COL_DUE_AT, due_at);
	run_row_set(row, RUN_COL_SCHEDULED_FOR, due_at);
	run_row_set(row, RUN_COL_QUEUED_AT, TimestampTzGetDatum(taskly_now()));
	set_run_deadline(row, arg_interval(fcinfo, SUBMIT_DEADLINE, "deadline"));
	if (timeout != NULL)
		run_row_set(row, RUN_COL_TIMEOUT, IntervalPGetDatum(timeout));
}

/* Its place in a queue. */
static void
set_queue(FunctionCallInfo fcinfo, RunRow *row, QueueRow *queue)
{
	find_queue_for_run(required_text(fcinfo, SUBMIT_QUEUE, "queue"), queue);
	run_row_set(row, RUN_COL_QUEUE_ID, Int32GetDatum(queue->queue_id));
	run_row_set(row, RUN_COL_PRIORITY,
				Int32GetDatum(required_int32(fcinfo, SUBMIT_PRIORITY, "priority")));
}

/* Whose it is, and what else distinguishes it. */
static void
set_identity(FunctionCallInfo fcinfo, RunRow *row)
{
	Datum		args = arg_jsonb(fcinfo, SUBMIT_ARGS);

	if (args != (Datum) 0)
		run_row_set(row, RUN_COL_ARGS, args);
	set_key(row, RUN_COL_KEY, arg_key(fcinfo, SUBMIT_KEY, "key"));
	set_key(row, RUN_COL_UNIQUE_KEY, arg_key(fcinfo, SUBMIT_UNIQUE_KEY, "unique_key"));
	run_row_set(row, RUN_COL_OWNER, ObjectIdGetDatum(GetUserId()));
	run_row_set(row, RUN_COL_ATTEMPT, Int32GetDatum(0));
	run_row_set(row, RUN_COL_CRASHES, Int32GetDatum(0));
	run_row_set(row, RUN_COL_SOURCE, CStringGetTextDatum(RUN_SOURCE_SUBMIT));
}

/* submit(command text, ...) RETURNS bigint */
Datum
taskly_submit_v1(PG_FUNCTION_ARGS)
{
	RunRow		row;
	QueueRow	queue;
	UniqueArgs	unique;
	DependsOn	depends_on;
	Datum		run_id;

	begin_writing_call("taskly.submit()");
	arg_depends_on(fcinfo, SUBMIT_DEPENDS_ON, SUBMIT_DEPENDS_WHEN, &depends_on);
	check_owner(GetUserId());

	run_row_init(&row);
	set_attempts(fcinfo, &row, set_command(fcinfo, &row));
	set_times(fcinfo, &row);
	set_identity(fcinfo, &row);
	read_unique_args(fcinfo, SUBMIT_ON_CONFLICT, SUBMIT_UNIQUE_FOR,
					 !run_is_null(&row, RUN_COL_UNIQUE_KEY), &unique);

	push_newest_snapshot();
	set_queue(fcinfo, &row, &queue);
	check_unique_in_queue(&unique, &queue);
	run_row_set(&row, RUN_COL_HOME_ID, Int64GetDatum(catalog_home_id_or_error()));
	run_row_set(&row, RUN_COL_RUN_ID, Int64GetDatum(run_store_next_id()));
	run_id = make_run(&row, &queue, &unique, &depends_on,
					  run_int32(&row, RUN_COL_MAX_ATTEMPTS));
	pop_newest_snapshot();
	return run_id;
}
