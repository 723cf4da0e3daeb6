/*-------------------------------------------------------------------------
 *
 * schedulability_api.c
 *	  taskly.schedulability(): will a queue's tasks meet their deadlines, and
 *	  its workers keep up?
 *
 * Whoever sees all tasks gets what all of them do to each other; others get
 * their own, and no guarantee where there are tasks of others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/run_args.h"
#include "api/schedulability_api.h"
#include "server/clock.h"
#include "server/guc.h"
#include "store/calendar_store.h"
#include "store/task_store.h"
#include "store/task_timetable.h"

#define DEFAULT_QUEUE	"default"
#define SAFETY_MAX		1000
#define US_MAX			INT64CONST(3155760000000000)	/* a century: no run is longer */
#define OTHERS_TASKS	"Tasks of other roles, which you may not see, share the queue."

PG_FUNCTION_INFO_V1(taskly_schedulability_v1);

/* ------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------ */

/* The queue "default" is there before it is made. */
static void
find_queue(const char *name, QueueRow *queue)
{
	check_name("queue", name);
	if (queue_store_find(name, queue))
		return;
	if (strcmp(name, DEFAULT_QUEUE) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errhint("Existing queues: %s.", queue_store_names())));
	memset(queue, 0, sizeof(*queue));
	queue->settings = QUEUE_DEFAULT_SETTINGS;
}

static double
required_safety(FunctionCallInfo fcinfo, int n)
{
	double		safety;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "safety")));
	safety = PG_GETARG_FLOAT8(n);
	if (!(safety >= 1 && safety <= SAFETY_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid safety: %g", safety),
				 errdetail("The longest measured durations are multiplied by it, from 1 to %d.", SAFETY_MAX)));
	return safety;
}

/* ------------------------------------------------------------------------
 * What is measured
 * ------------------------------------------------------------------------ */

static void
receive_measured(const MeasuredTask *measured, void *arg)
{
	LoadCall   *call = arg;

	if (call->count == call->size)
	{
		call->size = Max(call->size * 2, 64);
		call->rows = call->rows == NULL
			? MemoryContextAlloc(call->context, sizeof(LoadRow) * call->size)
			: repalloc_huge(call->rows, sizeof(LoadRow) * call->size);
	}
	memset(&call->rows[call->count], 0, sizeof(LoadRow));
	call->rows[call->count++].measured = *measured;
}

/* NULL: a task that the caller may not see, or that was dropped. */
static LoadRow *
find_row(LoadCall *call, int64 task_id)
{
	int			low = 0;
	int			high = call->count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (call->rows[middle].measured.task_id < task_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < call->count && call->rows[low].measured.task_id == task_id ? &call->rows[low] : NULL;
}

static void
receive_backlog(int64 task_id, double count, void *arg)
{
	LoadRow    *row = find_row(arg, task_id);

	if (row != NULL)
		row->backlog = count;
}

static void
receive_arrivals(int64 task_id, double count, void *arg)
{
	LoadRow    *row = find_row(arg, task_id);

	if (row != NULL)
		row->enqueued = row->arrivals = count * USECS_PER_SEC / LOAD_WINDOW_US;
}

/* Rows of tasks that the caller may see; of runs without a task, the first. */
static void
keep_visible(LoadCall *call)
{
	int			kept = 1;

	for (int i = 1; i < call->count; i++)
	{
		LoadRow    *row = &call->rows[i];

		if (!task_store_read(row->measured.task_id, &row->task))
			continue;
		if (call->reads_all || may_read(row->task.owner))
			call->rows[kept++] = *row;
		else
			call->has_others = true;
	}
	call->count = kept;
}

static void
read_rows(LoadCall *call)
{
	int32		queue_id = call->queue.queue_id;
	MeasuredTask submitted = {0};

	load_store_read_submitted(queue_id, call->reads_all, &submitted);
	receive_measured(&submitted, call);
	load_store_read_tasks(queue_id, receive_measured, call);
	keep_visible(call);
	load_store_read_backlog(queue_id, call->reads_all, call->now, receive_backlog, call);
	load_store_read_arrivals(queue_id, call->reads_all, call->now, receive_arrivals, call);
}

/* ------------------------------------------------------------------------
 * What is analysed
 * ------------------------------------------------------------------------ */

/* As the timeout has it, if that is shorter; a run that was longer was. */
static int64
worst_duration(const LoadCall *call, const LoadRow *row)
{
	int64		longest = row->measured.longest_us;
	int64		timeout = row->task.timeout != NULL ? interval_to_us(row->task.timeout) : 0;
	int64		worst = (int64) Min(ceil(longest * call->safety), (double) US_MAX);

	if (timeout > 0 && (worst == 0 || timeout < worst))
		worst = Max(timeout, longest);
	return worst;
}

/* Is it over? Its zone or schedule may not be known any more, too. */
static bool
comes_again(const TaskRow *task, Timetable *timetable)
{
	const DaySet *days = task->calendar_id == 0 ? NULL : calendar_store_days(task->calendar_id);
	ScheduleError error;

	return (task->max_runs == 0 || task->fires < task->max_runs) &&
		task_timetable(task, days, timetable, &error) &&
		timetable_next(timetable, task->last_fire, task->last_finished_at) != DT_NOEND;
}

static void
take_schedule(const LoadCall *call, LoadRow *row, RealTimeTask *task)
{
	Timetable	timetable;
	int64		mean_gap_us;

	if (!comes_again(&row->task, &timetable))
	{
		row->idle_reason = "Its schedule is over.";
		return;
	}
	task->period_us = timetable_shortest_gap(&timetable);
	mean_gap_us = timetable_mean_gap(&timetable);
	if (timetable.schedule.kind == SCHEDULE_AFTER_FINISH)
		mean_gap_us += task->mean_us;
	if (mean_gap_us > 0)
		row->arrivals += (double) USECS_PER_SEC / mean_gap_us;
}

/* A run without a task is no task's, but takes its time. */
static void
take_row(const LoadCall *call, LoadRow *row, RealTimeTask *task)
{
	memset(task, 0, sizeof(*task));
	task->wcet_us = worst_duration(call, row);
	task->mean_us = row->measured.mean_us;
	/* Of runs without a task one has the deadline, and another one was the longest. */
	task->longest_us = row->measured.task_id == 0 ? 0 : row->measured.longest_us;
	task->deadline_us = row->measured.task_id == 0 ? row->measured.deadline_us :
		row->task.deadline != NULL ? interval_to_us(row->task.deadline) : 0;
	task->may_overlap = row->task.schedule == NULL || row->enqueued > 0 ||
		task_overlap(&row->task) == OVERLAP_ALLOW;
	task->is_irregular = row->enqueued > 0;
	if (row->task.is_paused)
		row->idle_reason = "It is paused.";
	else if (row->task.schedule != NULL)
		take_schedule(call, row, task);
	if (row->arrivals > 0)
		task->mean_gap_us = Max((int64) (USECS_PER_SEC / row->arrivals), 1);
}

static int
count_workers(const LoadCall *call)
{
	int			workers = PG_INT32_MAX;

	if (call->has_sql || !call->has_shell)
		workers = taskly_max_workers;
	if (call->has_shell)
		workers = Min(workers, taskly_max_shell_runs);
	if (call->queue.settings.max_running > 0)
		workers = Min(workers, call->queue.settings.max_running);
	return workers;
}

/* One after another, so that what takes part is in one array. */
static RealTimeTask *
take_rows(LoadCall *call, int *count)
{
	RealTimeTask *tasks = palloc_extended(sizeof(RealTimeTask) * call->count, MCXT_ALLOC_HUGE);

	*count = 0;
	for (int i = 0; i < call->count; i++)
	{
		LoadRow    *row = &call->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (row->measured.task_id != 0)
			*(row->task.kind == RUN_KIND_SHELL ? &call->has_shell : &call->has_sql) = true;
		take_row(call, row, &tasks[*count]);
		if (row->idle_reason == NULL)
			(*count)++;
	}
	call->workers = count_workers(call);
	return tasks;
}

/* What others have may take any time. */
static void
withdraw_guarantees(RealTimeTask *tasks, int count, Schedulability *total)
{
	for (int i = 0; i < count; i++)
	{
		RealTimeTask *task = &tasks[i];

		if (task->verdict != VERDICT_GUARANTEED)
			continue;
		task->verdict = VERDICT_NOT_GUARANTEED;
		task->test = "none";
		task->reason = OTHERS_TASKS;
		task->response_us = -1;
	}
	if (total->verdict == VERDICT_GUARANTEED)
	{
		total->verdict = VERDICT_NOT_GUARANTEED;
		total->test = "none";
		total->reason = OTHERS_TASKS;
	}
}

/* Runs without a task are shown where there are some. */
static bool
is_shown(const LoadRow *row)
{
	return row->measured.task_id != 0 || row->measured.attempts > 0 || row->arrivals > 0 ||
		row->backlog > 0;
}

/* schedulability(queue text, safety float8) RETURNS TABLE (scope text, …) */
Datum
taskly_schedulability_v1(PG_FUNCTION_ARGS)
{
	LoadCall	call = {.context = CurrentMemoryContext};
	Schedulability total;
	RealTimeTask *tasks;
	RealTimeTask idle = {0};
	int			count;
	int			next = 0;

	find_queue(required_text(fcinfo, 0, "queue"), &call.queue);
	call.safety = required_safety(fcinfo, 1);
	call.reads_all = may_read_all();
	call.now = taskly_now();
	InitMaterializedSRF(fcinfo, 0);
	read_rows(&call);
	tasks = take_rows(&call, &count);
	schedulability_analyse(call.queue.settings.algorithm, call.workers, tasks, count, &total);
	if (call.has_others)
		withdraw_guarantees(tasks, count, &total);
	/* First what is to be read first. */
	put_queue_load(fcinfo, &call, &total);
	for (int i = 0; i < call.count; i++)
	{
		const LoadRow *row = &call.rows[i];
		const RealTimeTask *task = row->idle_reason == NULL ? &tasks[next++] : &idle;

		if (is_shown(row))
			put_task_load(fcinfo, &call, row, task);
	}
	return (Datum) 0;
}
