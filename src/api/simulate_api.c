/*-------------------------------------------------------------------------
 *
 * simulate_api.c
 *	  taskly.simulate(): what would happen, without anything happening.
 *
 * Whoever sees all tasks gets what all of them would do to each other; others
 * get their own tasks, played as if there were no others. So nobody learns from
 * the lateness of his runs what others have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/run_args.h"
#include "plan/simulation.h"
#include "plan/throttle.h"
#include "server/clock.h"
#include "server/guc.h"
#include "store/calendar_cache.h"
#include "store/catalog.h"
#include "store/duration_store.h"
#include "store/queue_store.h"
#include "store/task_store.h"
#include "store/task_timetable.h"

#define SIMULATE_COLS		9
#define WORKERS_MAX			1024

/* Arguments by number, as the install script has them. */
enum
{
	ARG_SINCE,
	ARG_UNTIL,
	ARG_WORKERS,
	ARG_SHELL_RUNS
};

typedef struct SimulateCall
{
	TimestampTz since;
	TimestampTz until;
	int			workers;
	int			shell_runs;
	bool		reads_all;
	MemoryContext context;		/* of all that is played */
	SimulatedTask *tasks;
	int			count;
	int			size;
} SimulateCall;

/* What is played is the process's: see simulation.h. */
static bool is_playing = false;

PG_FUNCTION_INFO_V1(taskly_simulate_v1);

/* ------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------ */

static int
count_or_default(FunctionCallInfo fcinfo, int n, const char *name, int when_null)
{
	if (PG_ARGISNULL(n))
		return when_null;
	check_range(name, PG_GETARG_INT32(n), 1, WORKERS_MAX);
	return PG_GETARG_INT32(n);
}

static void
read_arguments(FunctionCallInfo fcinfo, SimulateCall *call)
{
	memset(call, 0, sizeof(*call));
	call->since = required_instant(fcinfo, ARG_SINCE, "since");
	call->until = required_instant(fcinfo, ARG_UNTIL, "until");
	check_time_order(call->since, call->until);
	call->workers = count_or_default(fcinfo, ARG_WORKERS, "workers", taskly_max_workers);
	call->shell_runs = count_or_default(fcinfo, ARG_SHELL_RUNS, "shell_runs",
										taskly_max_shell_runs);
	call->reads_all = may_read_all();
}

/* ------------------------------------------------------------------------
 * What is played
 * ------------------------------------------------------------------------ */

static int64
us_or_zero(const Interval *interval)
{
	return interval != NULL ? interval_to_us(interval) : 0;
}

/* What comes due before since is not played, but counts for max_runs. */
static void
count_fires_before(ScheduledTask *task, TimestampTz since)
{
	TimestampTz after = Max(task->last_fire, taskly_now());

	if (task->fires_left > 0 && timetable_recurs(&task->timetable))
		task->fires_left -= timetable_count(&task->timetable, after, since - 1,
											task->fires_left);
}

static bool
is_due(const Timetable *timetable, TimestampTz since, TimestampTz until)
{
	return timetable->schedule.kind == SCHEDULE_AFTER_FINISH ||
		timetable_next(timetable, since - 1, DT_NOBEGIN) < until;
}

/* Is a task due at all? Then it is taken, with all that its row says. */
static bool
take_task(const TaskRow *row, const SimulateCall *call, SimulatedTask *task)
{
	ScheduleError error;

	memset(task, 0, sizeof(*task));
	/* Its zone may have gone since it was made: then it does not fire. */
	if (row->is_paused ||
		!task_scheduled(row, calendar_cache_days(row->calendar_id), &task->scheduled, &error) ||
		!is_due(&task->scheduled.timetable, call->since, call->until))
		return false;
	count_fires_before(&task->scheduled, call->since);
	task->name = pstrdup(row->name);
	task->queue_id = row->queue_id;
	task->priority = row->priority;
	task->timeout_us = us_or_zero(row->timeout);
	task->deadline_us = us_or_zero(row->deadline);
	return true;
}

static void
receive_task(const TaskRow *row, void *arg)
{
	SimulateCall *call = arg;
	MemoryContext old_context;

	if (!(call->reads_all || may_read(row->owner)))
		return;
	old_context = MemoryContextSwitchTo(call->context);
	if (call->count == call->size)
	{
		call->size *= 2;
		call->tasks = repalloc_huge(call->tasks, sizeof(SimulatedTask) * call->size);
	}
	if (take_task(row, call, &call->tasks[call->count]))
		call->count++;
	MemoryContextSwitchTo(old_context);
}

static void
read_durations(SimulateCall *call)
{
	int64	   *task_ids = palloc_extended(sizeof(int64) * Max(call->count, 1), MCXT_ALLOC_HUGE);
	int64	   *durations_us = palloc_extended(sizeof(int64) * Max(call->count, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < call->count; i++)
		task_ids[i] = call->tasks[i].scheduled.task_id;
	duration_store_read(task_ids, durations_us, call->count);
	for (int i = 0; i < call->count; i++)
		call->tasks[i].duration_us = durations_us[i];
	pfree(task_ids);
	pfree(durations_us);
}

static void
read_tasks(SimulateCall *call)
{
	int64		home_id = catalog_home_id_or_error();

	call->size = 64;
	call->tasks = MemoryContextAlloc(call->context, sizeof(SimulatedTask) * call->size);
	calendar_cache_init(call->context);
	(void) task_store_read_scheduled(home_id, 0, PG_INT64_MAX, receive_task, call);
	read_durations(call);
}

static void
receive_queue(const QueueRow *queue, void *arg)
{
	throttle_set(queue->queue_id, &queue->settings);
}

/* ------------------------------------------------------------------------
 * What comes out
 * ------------------------------------------------------------------------ */

static void
put_start(const SimulatedRun *run, Datum *values, bool *nulls)
{
	Interval   *lateness;

	if (run->started_at == DT_NOEND)
	{
		memset(nulls, true, sizeof(bool) * 3);
		return;
	}
	lateness = palloc0(sizeof(Interval));
	lateness->time = run->started_at - run->scheduled_for;
	values[0] = TimestampTzGetDatum(run->started_at);
	values[1] = TimestampTzGetDatum(run->ended_at);
	values[2] = IntervalPGetDatum(lateness);
}

static void
put_run(const SimulatedRun *run, void *arg)
{
	ReturnSetInfo *result = arg;
	Datum		values[SIMULATE_COLS];
	bool		nulls[SIMULATE_COLS] = {false};

	values[0] = Int64GetDatum(run->task->scheduled.task_id);
	values[1] = CStringGetTextDatum(run->task->name);
	values[2] = TimestampTzGetDatum(run->scheduled_for);
	values[3] = CStringGetTextDatum(run_status_name(run->status));
	put_start(run, &values[4], &nulls[4]);
	values[7] = BoolGetDatum(run->overlaps);
	values[8] = BoolGetDatum(run->misses_deadline);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	pfree(DatumGetPointer(values[1]));
	pfree(DatumGetPointer(values[3]));
	if (!nulls[6])
		pfree(DatumGetPointer(values[6]));
}

static void
play(SimulateCall *call, ReturnSetInfo *result)
{
	read_tasks(call);
	simulation_begin(call->context, call->workers, call->shell_runs);
	queue_store_read_all(receive_queue, NULL);
	for (int i = 0; i < call->count; i++)
		simulation_add_task(&call->tasks[i], call->since);
	simulation_play(call->until, put_run, result);
}

/*
 * simulate(since timestamptz, until timestamptz, workers int, shell_runs int)
 * RETURNS TABLE (task_id, task, scheduled_for, outcome, predicted_start,
 * predicted_end, lateness, overlapping, misses_deadline)
 */
Datum
taskly_simulate_v1(PG_FUNCTION_ARGS)
{
	SimulateCall call;

	read_arguments(fcinfo, &call);
	if (is_playing)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("taskly.simulate() cannot be called while it runs in the same session")));
	InitMaterializedSRF(fcinfo, 0);
	call.context = AllocSetContextCreate(CurrentMemoryContext, "taskly simulation",
										 ALLOCSET_DEFAULT_SIZES);
	is_playing = true;
	PG_TRY();
	{
		play(&call, (ReturnSetInfo *) fcinfo->resultinfo);
	}
	PG_FINALLY();
	{
		is_playing = false;
		MemoryContextDelete(call.context);
	}
	PG_END_TRY();
	return (Datum) 0;
}
