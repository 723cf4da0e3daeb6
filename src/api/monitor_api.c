/*-------------------------------------------------------------------------
 *
 * monitor_api.c
 *	  What the views show that is in no table: shared memory, this process's
 *	  own run, and the next occurrence of a schedule.
 *
 * A function called in a view runs with the reader's rights. So these filter by
 * owner themselves, and give nothing, not an error, where taskly is not loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/run_args.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/current_run.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/shmem.h"
#include "server/slot.h"
#include "store/calendar_store.h"
#include "store/task_store.h"
#include "store/task_timetable.h"

/* A row of a result that is being filled from left to right. */
#define RESULT_COLS_MAX	12
typedef struct ResultRow
{
	int			count;
	Datum		values[RESULT_COLS_MAX];
	bool		nulls[RESULT_COLS_MAX];
} ResultRow;

PG_FUNCTION_INFO_V1(taskly_reads_all_v1);
PG_FUNCTION_INFO_V1(taskly_statement_time_v1);
PG_FUNCTION_INFO_V1(taskly_running_runs_v1);
PG_FUNCTION_INFO_V1(taskly_worker_processes_v1);
PG_FUNCTION_INFO_V1(taskly_scheduler_state_v1);
PG_FUNCTION_INFO_V1(taskly_next_fire_v1);
PG_FUNCTION_INFO_V1(taskly_current_run_v1);

static void
add_value(ResultRow *row, Datum value)
{
	Assert(row->count < RESULT_COLS_MAX);
	row->values[row->count] = value;
	row->nulls[row->count++] = false;
}

static void
add_null(ResultRow *row)
{
	Assert(row->count < RESULT_COLS_MAX);
	row->values[row->count] = (Datum) 0;
	row->nulls[row->count++] = true;
}

/* 0 stands for an instant or id that is not there. */
static void
add_int64_or_null(ResultRow *row, int64 value)
{
	if (value == 0)
		add_null(row);
	else
		add_value(row, Int64GetDatum(value));
}

static void
put_row(FunctionCallInfo fcinfo, ResultRow *row)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	Assert(row->count == rsinfo->setDesc->natts);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row->values, row->nulls);
}

/* reads_all() RETURNS boolean: may the caller see what all owners have? */
Datum
taskly_reads_all_v1(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(may_read_all());
}

/* statement_time() RETURNS timestamptz: the same throughout a statement */
Datum
taskly_statement_time_v1(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(taskly_statement_start());
}

/* ------------------------------------------------------------------------
 * running_runs: the activity entries of this database
 * ------------------------------------------------------------------------ */

static void
add_progress(ResultRow *row, int index, int64 run_id)
{
	Progress	progress;

	if (!activity_progress(index, run_id, &progress))
	{
		add_null(row);
		add_null(row);
		add_null(row);
		return;
	}
	add_value(row, Int64GetDatum(progress.done));
	if (progress.total >= 0)
		add_value(row, Int64GetDatum(progress.total));
	else
		add_null(row);
	if (progress.note[0] != '\0')
		add_value(row, CStringGetTextDatum(progress.note));
	else
		add_null(row);
}

/*
 * running_runs() RETURNS TABLE (run_id, task_id, owner, attempt, pid, picked_at, started_at,
 * stuck, progress_done, progress_total, progress_note)
 */
Datum
taskly_running_runs_v1(PG_FUNCTION_ARGS)
{
	bool		reads_all = may_read_all();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; shmem_is_ready() && i < activity_count(); i++)
	{
		Activity	activity;
		ResultRow	row = {0};

		if (!activity_get(i, &activity) || activity.database != MyDatabaseId ||
			!(reads_all || may_read(activity.owner)))
			continue;
		add_value(&row, Int64GetDatum(activity.run_id));
		add_int64_or_null(&row, activity.task_id);
		add_value(&row, ObjectIdGetDatum(activity.owner));
		add_value(&row, Int32GetDatum(activity.attempt));
		if (activity.pid != 0)
			add_value(&row, Int32GetDatum(activity.pid));
		else
			add_null(&row);
		add_int64_or_null(&row, activity.picked_at);
		add_int64_or_null(&row, activity.started_at);
		add_value(&row, BoolGetDatum(activity.is_stuck));
		add_progress(&row, i, activity.run_id);
		put_row(fcinfo, &row);
	}
	return (Datum) 0;
}

/* ------------------------------------------------------------------------
 * worker_processes: the slots of this database
 * ------------------------------------------------------------------------ */

static const char *
slot_state_name(const SlotInfo *slot, bool is_executing)
{
	switch (slot->state)
	{
		case SLOT_RESERVED:
			return "starting";
		case SLOT_READY:
			if (slot->is_retiring)
				return "retiring";
			return is_executing ? "running" : "ready";
		case SLOT_LEFT:
		case SLOT_FREE:
			break;
	}
	return "left";
}

/* What the worker of a slot runs now; 0: nothing. */
static int64
run_of_slot(int slot)
{
	Activity	activity;

	if (slot >= taskly_max_workers || !activity_get(slot, &activity) ||
		activity.database != MyDatabaseId)
		return 0;
	return activity.run_id;
}

/* Does the supervisor of this database have a shell run in its hands? */
static bool
shell_is_running(void)
{
	Activity	activity;

	for (int i = taskly_max_workers; i < activity_count(); i++)
		if (activity_get(i, &activity) && activity.database == MyDatabaseId)
			return true;
	return false;
}

static void
add_slot(ResultRow *row, int slot, const SlotInfo *info)
{
	bool		is_supervisor = !OidIsValid(info->role);
	int64		run_id = run_of_slot(slot);

	add_value(row, CStringGetTextDatum(is_supervisor ? "supervisor" : "worker"));
	if (info->pid != 0)
		add_value(row, Int32GetDatum(info->pid));
	else
		add_null(row);
	if (is_supervisor)
		add_null(row);
	else
		add_value(row, ObjectIdGetDatum(info->role));
	add_value(row, CStringGetTextDatum(slot_state_name(info, is_supervisor ? shell_is_running() : run_id != 0)));
	add_int64_or_null(row, run_id);
	add_value(row, Int32GetDatum(info->assigned));
	add_value(row, Int64GetDatum(info->runs));
	add_int64_or_null(row, info->started_at);
	add_int64_or_null(row, info->last_run_at);
}

/* worker_processes() RETURNS TABLE (kind, pid, role, state, run_id, assigned, runs, started_at, last_run_at) */
Datum
taskly_worker_processes_v1(PG_FUNCTION_ARGS)
{
	bool		reads_all = may_read_all();

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; shmem_is_ready() && i < slot_count(); i++)
	{
		SlotInfo	info;
		ResultRow	row = {0};

		if (!slot_info(i, &info) || info.state == SLOT_FREE ||
			info.database != MyDatabaseId)
			continue;
		if (!reads_all && !(OidIsValid(info.role) && may_read(info.role)))
			continue;
		add_slot(&row, i, &info);
		put_row(fcinfo, &row);
	}
	return (Datum) 0;
}

/* ------------------------------------------------------------------------
 * scheduler_state: the entry of this database
 * ------------------------------------------------------------------------ */

static const char *
scheduler_state_name(const DatabaseInfo *info)
{
	if (info->is_held)
		return "held";
	switch (info->state)
	{
		case SCHEDULER_WANTED:
		case SCHEDULER_STARTING:
			return "starting";
		case SCHEDULER_RUNNING:
			return info->is_leader ? "leading" : "following";
		case SCHEDULER_LEFT:
		case SCHEDULER_NOT_NEEDED:
		case SCHEDULER_NONE:
			break;
	}
	return "not running";
}

/* How much is going on is for those who may see all of it. */
static void
add_counters(ResultRow *row, const DatabaseInfo *info)
{
	int64		counters[] = {info->waiting, info->scheduled, info->dispatched, info->wakeups,
	info->rescans};
	bool		reads_all = may_read_all();

	for (size_t i = 0; i < lengthof(counters); i++)
	{
		if (reads_all)
			add_value(row, Int64GetDatum(counters[i]));
		else
			add_null(row);
	}
}

static void
add_scheduler(ResultRow *row, const DatabaseInfo *info)
{
	if (info->pid != 0)
		add_value(row, Int32GetDatum(info->pid));
	else
		add_null(row);
	add_value(row, CStringGetTextDatum(scheduler_state_name(info)));
	add_value(row, Int64GetDatum(info->term));
	add_int64_or_null(row, info->is_leader ? info->led_since : 0);
	add_counters(row, info);
	if (info->wakeup_latency_us != 0)
	{
		Interval   *latency = palloc0(sizeof(Interval));

		latency->time = info->wakeup_latency_us;
		add_value(row, IntervalPGetDatum(latency));
	}
	else
		add_null(row);
}

/* scheduler_state(OUT pid, state, term, led_since, waiting, scheduled, dispatched, wakeups, rescans, wakeup_latency) */
Datum
taskly_scheduler_state_v1(PG_FUNCTION_ARGS)
{
	DatabaseInfo info;
	ResultRow	row = {0};
	TupleDesc	desc;
	int			entry = shmem_is_ready() ? database_my_entry() : -1;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (entry >= 0 && database_info(entry, &info) && info.database == MyDatabaseId)
		add_scheduler(&row, &info);
	else
	{
		add_null(&row);
		add_value(&row, CStringGetTextDatum(shmem_is_ready() ? "none" : "not loaded"));
	}
	while (row.count < desc->natts)
		add_null(&row);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), row.values, row.nulls));
}

/* ------------------------------------------------------------------------
 * next_fire: what the leader keeps in memory, computed from what is stored
 * ------------------------------------------------------------------------ */

/* A schedule was read once, or it would not be stored; its zone may have gone since. */
static TimestampTz
next_fire_of(const TaskRow *task)
{
	TimestampTz now = taskly_now();
	TimestampTz next;
	Timetable	timetable;
	ScheduleError error;

	if (task->schedule == NULL || task->is_paused ||
		(task->max_runs != 0 && task->fires >= task->max_runs) ||
		!task_timetable(task, task->calendar_id == 0 ? NULL : calendar_store_days(task->calendar_id),
						&timetable, &error))
		return DT_NOEND;
	/* While it runs nobody knows. */
	if (timetable.schedule.kind == SCHEDULE_AFTER_FINISH &&
		task->last_fire != DT_NOBEGIN && task->last_finished_at <= task->last_fire)
		return DT_NOEND;
	next = timetable_next(&timetable, task->last_fire, task->last_finished_at);
	/* What has passed without a leader is not made up by all tasks. */
	if (next < now && task_missed(task) == MISSED_SKIP && timetable_recurs(&timetable))
		next = timetable_next_after(&timetable, now);
	return next;
}

/* next_fire(task_id bigint) RETURNS timestamptz */
Datum
taskly_next_fire_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;
	TimestampTz next;

	if (PG_ARGISNULL(0) || !task_store_read(PG_GETARG_INT64(0), &task) ||
		!(may_read_all() || may_read(task.owner)))
		PG_RETURN_NULL();
	next = next_fire_of(&task);
	if (next == DT_NOEND)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}

/* ------------------------------------------------------------------------
 * current_run: the run that calls
 * ------------------------------------------------------------------------ */

/* current_run() RETURNS TABLE (run_id, task, attempt, scheduled_for, args): no row outside a run */
Datum
taskly_current_run_v1(PG_FUNCTION_ARGS)
{
	const CurrentRun *run = current_run_get();
	ResultRow	row = {0};

	InitMaterializedSRF(fcinfo, 0);
	if (run == NULL)
		return (Datum) 0;
	add_value(&row, Int64GetDatum(run->run_id));
	if (run->task != NULL)
		add_value(&row, CStringGetTextDatum(run->task));
	else
		add_null(&row);
	add_value(&row, Int32GetDatum(run->attempt));
	add_value(&row, TimestampTzGetDatum(run->scheduled_for));
	if (run->args != NULL)
		add_value(&row, DirectFunctionCall1(jsonb_in, CStringGetDatum(run->args)));
	else
		add_null(&row);
	put_row(fcinfo, &row);
	return (Datum) 0;
}
