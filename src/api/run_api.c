/*-------------------------------------------------------------------------
 *
 * run_api.c
 *	  SQL functions that make runs: enqueue, enqueue_many, submit.
 *
 * A run is a row that the caller's transaction inserts: it exists if and only if
 * the caller commits, and the scheduler hears of it then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/command_args.h"
#include "api/common.h"
#include "api/dependency_api.h"
#include "api/run_args.h"
#include "server/clock.h"
#include "server/wake.h"
#include "store/catalog.h"
#include "store/queue_store.h"
#include "store/run_store.h"
#include "store/task_store.h"

#define INSERT_CHUNK	1000	/* rows that enqueue_many holds in memory */
#define MANY_MAX		1000000

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
	MANY_TASK,
	MANY_ARGS,
	MANY_KEYS,
	MANY_UNIQUE_KEYS,
	MANY_RUN_AT,
	MANY_PRIORITY,
	MANY_ON_CONFLICT,
	MANY_UNIQUE_FOR,
	MANY_DEADLINE
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
PG_FUNCTION_INFO_V1(taskly_enqueue_many_v1);
PG_FUNCTION_INFO_V1(taskly_enqueue_many_by_id_v1);
PG_FUNCTION_INFO_V1(taskly_submit_v1);

/* ------------------------------------------------------------------------
 * Runs of a task
 * ------------------------------------------------------------------------ */

/* Argument 0: a name or an id. */
static void
find_argument_task(FunctionCallInfo fcinfo, bool is_by_id, TaskRow *task)
{
	if (is_by_id)
		find_task_by_id(required_int64(fcinfo, 0, "task_id"), task);
	else
		find_task(required_text(fcinfo, 0, "task"), task);
}

static void
set_deadline(RunRow *row, Interval *deadline)
{
	Datum		due_at = row->values[RUN_COL_SCHEDULED_FOR - 1];

	if (deadline != NULL)
		run_row_set(row, RUN_COL_DEADLINE_AT,
					DirectFunctionCall2(timestamptz_pl_interval, due_at,
										IntervalPGetDatum(deadline)));
}

/* A row for a run of the task that argument 0 names: enqueue's, and the model of enqueue_many's. */
static void
fill_for_task(FunctionCallInfo fcinfo, bool is_by_id, RunRow *row,
			  int run_at, int priority, int deadline)
{
	TaskRow		task;
	int64		home_id = catalog_home_id_or_error();
	TimestampTz due_at;

	find_argument_task(fcinfo, is_by_id, &task);
	due_at = arg_run_at(fcinfo, run_at);
	/* Not before that: what was due when it was queued is due for ever. */
	run_row_for_task(row, &task, due_at, taskly_now(), RUN_SOURCE_ENQUEUE);
	run_row_set(row, RUN_COL_HOME_ID, Int64GetDatum(home_id));
	if (!PG_ARGISNULL(priority))
		run_row_set(row, RUN_COL_PRIORITY, Int32GetDatum(PG_GETARG_INT32(priority)));
	set_deadline(row, arg_interval(fcinfo, deadline, "deadline"));
}

/* Does the queue of a task's runs take so many of them? */
static void
check_queue_of_task(const RunRow *row, int64 count)
{
	QueueRow	queue;

	read_queue_of_task(run_int32(row, RUN_COL_QUEUE_ID), &queue);
	check_queue_takes(&queue, run_int32(row, RUN_COL_PRIORITY), count);
}

static Datum
enqueue(FunctionCallInfo fcinfo, bool is_by_id)
{
	RunRow		row;
	Datum		args;
	DependsOn	depends_on;

	begin_writing_call("taskly.enqueue()");
	refuse_keys(fcinfo, ENQUEUE_KEY, ENQUEUE_UNIQUE_KEY);
	refuse_conflict(fcinfo, ENQUEUE_ON_CONFLICT, ENQUEUE_UNIQUE_FOR);
	arg_depends_on(fcinfo, ENQUEUE_DEPENDS_ON, ENQUEUE_DEPENDS_WHEN, &depends_on);
	args = arg_jsonb(fcinfo, ENQUEUE_ARGS);

	push_newest_snapshot();
	fill_for_task(fcinfo, is_by_id, &row, ENQUEUE_RUN_AT, ENQUEUE_PRIORITY,
				  ENQUEUE_DEADLINE);
	if (args != (Datum) 0)
		run_row_set(&row, RUN_COL_ARGS, args);
	check_queue_of_task(&row, 1);
	depends_on_check(&depends_on, &row);
	run_store_insert(&row, 1);
	depends_on_insert(&depends_on, &row);
	pop_newest_snapshot();
	wake_for_runs(run_int64(&row, RUN_COL_RUN_ID), 1);
	return row.values[RUN_COL_RUN_ID - 1];
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
 * Many runs of a task
 * ------------------------------------------------------------------------ */

typedef struct ArgsList
{
	int			count;
	Datum	   *values;
	bool	   *nulls;
} ArgsList;

static void
read_args_list(FunctionCallInfo fcinfo, int n, ArgsList *list)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"args\" must not be null"),
				 errhint("Give one element, which may be null, for each run.")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), JSONBOID, -1, false, TYPALIGN_INT,
					  &list->values, &list->nulls, &list->count);
	check_range("number of runs", list->count, 0, MANY_MAX);
	for (int i = 0; i < list->count; i++)
	{
		if (!list->nulls[i])
			check_args(list->values[i]);
	}
}

/* Rows of the list from first on, as the model but for run_id and args. */
static void
insert_chunk(FunctionCallInfo fcinfo, const RunRow *model, const ArgsList *list,
			 int first, int count)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	RunRow	   *rows = palloc(sizeof(RunRow) * count);

	for (int i = 0; i < count; i++)
	{
		bool		no_null = false;

		rows[i] = *model;
		if (first + i > 0)
			run_row_set(&rows[i], RUN_COL_RUN_ID, Int64GetDatum(run_store_next_id()));
		if (!list->nulls[first + i])
			run_row_set(&rows[i], RUN_COL_ARGS, list->values[first + i]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc,
							 &rows[i].values[RUN_COL_RUN_ID - 1], &no_null);
	}
	run_store_insert(rows, count);

	/* The ids of others that may stand between ours do no harm. */
	wake_for_runs(run_int64(&rows[0], RUN_COL_RUN_ID),
				  (int) (run_int64(&rows[count - 1], RUN_COL_RUN_ID) -
						 run_int64(&rows[0], RUN_COL_RUN_ID) + 1));
	pfree(rows);
}

static Datum
enqueue_many(FunctionCallInfo fcinfo, bool is_by_id)
{
	ArgsList	list;
	RunRow		model;

	begin_writing_call("taskly.enqueue_many()");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	refuse_argument(fcinfo, MANY_KEYS, "keys");
	refuse_argument(fcinfo, MANY_UNIQUE_KEYS, "unique_keys");
	refuse_conflict(fcinfo, MANY_ON_CONFLICT, MANY_UNIQUE_FOR);
	read_args_list(fcinfo, MANY_ARGS, &list);

	push_newest_snapshot();
	fill_for_task(fcinfo, is_by_id, &model, MANY_RUN_AT, MANY_PRIORITY,
				  MANY_DEADLINE);
	check_queue_of_task(&model, list.count);
	for (int first = 0; first < list.count; first += INSERT_CHUNK)
	{
		CHECK_FOR_INTERRUPTS();
		insert_chunk(fcinfo, &model, &list, first,
					 Min(INSERT_CHUNK, list.count - first));
	}
	pop_newest_snapshot();
	return (Datum) 0;
}

/* enqueue_many(task text, args jsonb[], ...) RETURNS SETOF bigint */
Datum
taskly_enqueue_many_v1(PG_FUNCTION_ARGS)
{
	return enqueue_many(fcinfo, false);
}

/* enqueue_many(task_id bigint, args jsonb[], ...) RETURNS SETOF bigint */
Datum
taskly_enqueue_many_by_id_v1(PG_FUNCTION_ARGS)
{
	return enqueue_many(fcinfo, true);
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
	set_deadline(row, arg_interval(fcinfo, SUBMIT_DEADLINE, "deadline"));
	if (timeout != NULL)
		run_row_set(row, RUN_COL_TIMEOUT, IntervalPGetDatum(timeout));
}

/* Its place in a queue, which must stay until the run is in it. */
static void
set_queue(FunctionCallInfo fcinfo, RunRow *row)
{
	int32		priority = required_int32(fcinfo, SUBMIT_PRIORITY, "priority");
	QueueRow	queue;

	find_queue_for_run(required_text(fcinfo, SUBMIT_QUEUE, "queue"), &queue);
	check_queue_takes(&queue, priority, 1);
	run_row_set(row, RUN_COL_QUEUE_ID, Int32GetDatum(queue.queue_id));
	run_row_set(row, RUN_COL_PRIORITY, Int32GetDatum(priority));
}

/* submit(command text, ...) RETURNS bigint */
Datum
taskly_submit_v1(PG_FUNCTION_ARGS)
{
	RunRow		row;
	RunKind		kind;
	Datum		args;
	DependsOn	depends_on;

	begin_writing_call("taskly.submit()");
	refuse_keys(fcinfo, SUBMIT_KEY, SUBMIT_UNIQUE_KEY);
	refuse_conflict(fcinfo, SUBMIT_ON_CONFLICT, SUBMIT_UNIQUE_FOR);
	arg_depends_on(fcinfo, SUBMIT_DEPENDS_ON, SUBMIT_DEPENDS_WHEN, &depends_on);
	check_owner(GetUserId());

	run_row_init(&row);
	kind = set_command(fcinfo, &row);
	set_attempts(fcinfo, &row, kind);
	set_times(fcinfo, &row);
	args = arg_jsonb(fcinfo, SUBMIT_ARGS);
	if (args != (Datum) 0)
		run_row_set(&row, RUN_COL_ARGS, args);
	run_row_set(&row, RUN_COL_OWNER, ObjectIdGetDatum(GetUserId()));
	run_row_set(&row, RUN_COL_ATTEMPT, Int32GetDatum(0));
	run_row_set(&row, RUN_COL_CRASHES, Int32GetDatum(0));
	run_row_set(&row, RUN_COL_SOURCE, CStringGetTextDatum(RUN_SOURCE_SUBMIT));

	push_newest_snapshot();
	set_queue(fcinfo, &row);
	run_row_set(&row, RUN_COL_HOME_ID, Int64GetDatum(catalog_home_id_or_error()));
	run_row_set(&row, RUN_COL_RUN_ID, Int64GetDatum(run_store_next_id()));
	depends_on_check(&depends_on, &row);
	run_store_insert(&row, 1);
	depends_on_insert(&depends_on, &row);
	pop_newest_snapshot();
	wake_for_runs(run_int64(&row, RUN_COL_RUN_ID), 1);
	return row.values[RUN_COL_RUN_ID - 1];
}
