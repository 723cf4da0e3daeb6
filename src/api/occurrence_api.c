/*-------------------------------------------------------------------------
 *
 * occurrence_api.c
 *	  Occurrences of schedules, past and to come: backfill, upcoming.
 *
 * What is to come is played with the very agenda that the leader keeps, in
 * this session's memory, where nothing else uses it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/quota_check.h"
#include "api/run_args.h"
#include "api/schedule_api.h"
#include "plan/agenda.h"
#include "plan/task_graph.h"
#include "server/clock.h"
#include "server/wake.h"
#include "store/calendar_cache.h"
#include "store/follower_store.h"
#include "store/home_store.h"
#include "store/run_store.h"
#include "store/task_timetable.h"

/* Most runs of one call of backfill(), and how many are inserted at once. */
#define BACKFILL_MAX		100000
#define INSERT_CHUNK		1000
/* Most rows of one call of upcoming(). */
#define UPCOMING_MAX		1000000

PG_FUNCTION_INFO_V1(taskly_backfill_v1);
PG_FUNCTION_INFO_V1(taskly_backfill_by_id_v1);
PG_FUNCTION_INFO_V1(taskly_upcoming_occurrences_v1);

static void
put_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* ------------------------------------------------------------------------
 * backfill: occurrences of the past become runs
 * ------------------------------------------------------------------------ */

/* Occurrences from since on, before until. */
typedef struct Backfill
{
	TaskRow		task;
	Timetable	timetable;
	TimestampTz since;
	TimestampTz until;
	int64		count;
	Followers	followers;		/* they have the same instants */
} Backfill;

static void
receive_after(int64 task_id, const int64 *after, int count, void *arg)
{
	task_graph_put(arg, task_id, after, count);
}

static void
find_followers(Backfill *backfill)
{
	TaskGraph	graph;
	IdList		ids;

	task_graph_init(&graph, CurrentMemoryContext);
	follower_store_read_all(receive_after, &graph);
	ids = task_graph_descendants(&graph, backfill->task.task_id);
	follower_store_load(ids.ids, ids.count, &backfill->followers);
}

/* A schedule recurs from its beginning on; backfill is for what was before, too. */
static void
init_backfill(Backfill *backfill)
{
	Timetable  *timetable = &backfill->timetable;

	if (backfill->task.schedule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("task \"%s\" has no schedule", backfill->task.name),
				 errhint("Use taskly.enqueue() to run the task once.")));
	timetable_or_error(&backfill->task, timetable);
	if (!timetable_recurs(timetable))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("schedule \"%s\" has no occurrences in the past", backfill->task.schedule),
				 errhint("Use taskly.enqueue() to run the task once.")));
	backfill->count = timetable_count(timetable, backfill->since - 1, backfill->until - 1,
									  BACKFILL_MAX + 1);
	if (backfill->count > BACKFILL_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many occurrences: more than %d", BACKFILL_MAX),
				 errhint("Use several calls, each with a shorter time.")));
}

/* Up to max rows from the occurrence after *last on; returns how many. */
static int
fill_rows(const Backfill *backfill, RunRow *rows, int max, TimestampTz *last)
{
	TimestampTz now = taskly_now();
	int			count = 0;

	while (count < max)
	{
		TimestampTz next = timetable_next_after(&backfill->timetable, *last);

		if (next >= backfill->until)
			break;
		run_row_for_task(&rows[count], &backfill->task, now, now, RUN_SOURCE_BACKFILL);
		run_row_set(&rows[count], RUN_COL_SCHEDULED_FOR, TimestampTzGetDatum(next));
		*last = next;
		count++;
	}
	return count;
}

static void
wake_for_follower(int64 run_id, void *arg)
{
	wake_for_runs(run_id, 1);
}

static void
insert_backfill(FunctionCallInfo fcinfo, const Backfill *backfill)
{
	RunRow	   *rows = palloc(sizeof(RunRow) * INSERT_CHUNK);
	TimestampTz last = backfill->since - 1;
	int			count;

	while ((count = fill_rows(backfill, rows, INSERT_CHUNK, &last)) > 0)
	{
		int64		first_id = run_int64(&rows[0], RUN_COL_RUN_ID);
		int64		last_id = run_int64(&rows[count - 1], RUN_COL_RUN_ID);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < count; i++)
		{
			bool		no_null = false;

			put_row(fcinfo, &rows[i].values[RUN_COL_RUN_ID - 1], &no_null);
		}
		run_store_insert(rows, count);
		wake_for_runs(first_id, (int) (last_id - first_id + 1));
		for (int i = 0; i < count && backfill->followers.count > 0; i++)
			(void) follower_store_insert_runs(&backfill->followers, &rows[i], wake_for_follower, NULL);
	}
	pfree(rows);
}

static Datum
backfill(FunctionCallInfo fcinfo, bool is_by_id)
{
	Backfill	backfill;
	QueueRow	queue;

	begin_writing_call("taskly.backfill()");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (is_by_id)
		find_task_by_id(required_int64(fcinfo, 0, "task_id"), &backfill.task);
	else
		find_task(required_text(fcinfo, 0, "task"), &backfill.task);
	backfill.since = required_instant(fcinfo, 1, "since");
	backfill.until = required_instant(fcinfo, 2, "until");
	check_time_order(backfill.since, backfill.until);
	if (backfill.until > taskly_now())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("until must not be in the future"),
				 errdetail("What is due from now on runs by its schedule.")));
	init_backfill(&backfill);

	push_newest_snapshot();
	find_followers(&backfill);
	read_queue_of_task(backfill.task.queue_id, &queue);
	check_queue_takes(&queue, backfill.task.priority, backfill.count);
	quota_check_pending(backfill.task.owner, backfill.count);
	insert_backfill(fcinfo, &backfill);
	pop_newest_snapshot();
	return (Datum) 0;
}

/* backfill(task text, since timestamptz, until timestamptz) RETURNS SETOF bigint */
Datum
taskly_backfill_v1(PG_FUNCTION_ARGS)
{
	return backfill(fcinfo, false);
}

/* backfill(task_id bigint, since timestamptz, until timestamptz) RETURNS SETOF bigint */
Datum
taskly_backfill_by_id_v1(PG_FUNCTION_ARGS)
{
	return backfill(fcinfo, true);
}

/* ------------------------------------------------------------------------
 * upcoming: what will be due
 * ------------------------------------------------------------------------ */

typedef struct Upcoming
{
	TimestampTz since;
	bool		reads_all;
	const char *task;			/* NULL: all tasks */
	bool		is_found;
} Upcoming;

/* What comes due before since is not asked for, but counts for max_runs. */
static void
pass_until_since(ScheduledTask *task, TimestampTz since)
{
	int64		passed;

	if (!timetable_recurs(&task->timetable) || task->last_fire >= since - 1)
		return;
	passed = timetable_count(&task->timetable, Max(task->last_fire, taskly_now()), since - 1,
							 UPCOMING_MAX);
	if (task->fires_left > 0)
		task->fires_left = Max(0, task->fires_left - passed);
	task->last_fire = since - 1;
}

/* Nobody knows when what runs after a finish will have finished. */
static bool
has_known_next(const ScheduledTask *task)
{
	return task->timetable.schedule.kind != SCHEDULE_AFTER_FINISH ||
		task->last_fire == DT_NOBEGIN || task->last_finished_at > task->last_fire;
}

static void
receive_task(const TaskRow *row, void *arg)
{
	Upcoming   *upcoming = arg;
	ScheduledTask task;
	ScheduleError error;
	MemoryContext old_context;
	bool		is_readable;

	if ((upcoming->task != NULL && strcmp(row->name, upcoming->task) != 0) ||
		!(upcoming->reads_all || may_read(row->owner)))
		return;
	upcoming->is_found = true;
	if (row->is_paused)
		return;
	old_context = MemoryContextSwitchTo(agenda_context());
	is_readable = task_scheduled(row, calendar_cache_days(row->calendar_id), &task, &error);
	MemoryContextSwitchTo(old_context);
	if (!is_readable || !has_known_next(&task))
		return;
	pass_until_since(&task, upcoming->since);
	agenda_put(&task, upcoming->since - 1);
}

/* The row of an occurrence, in the order of upcoming's columns. */
static void
put_occurrence(FunctionCallInfo fcinfo, const AgendaEntry *entry)
{
	Datum		values[2];
	bool		nulls[2] = {false, false};

	values[0] = TimestampTzGetDatum(entry->next_fire);
	values[1] = Int64GetDatum(entry->task.task_id);
	put_row(fcinfo, values, nulls);
}

/* After a finish nothing more is known. */
static void
go_on(AgendaEntry *entry)
{
	if (entry->task.timetable.schedule.kind == SCHEDULE_AFTER_FINISH)
		agenda_pause(entry->task.task_id);
	else
		agenda_fired(entry, entry->next_fire, true);
}

static void
play_agenda(FunctionCallInfo fcinfo, TimestampTz since, TimestampTz until)
{
	AgendaEntry *entry;
	int64		count = 0;

	while ((entry = agenda_first()) != NULL && entry->next_fire <= until)
	{
		CHECK_FOR_INTERRUPTS();
		if (entry->next_fire >= since)
		{
			if (++count > UPCOMING_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("too many occurrences: more than %d", UPCOMING_MAX),
						 errhint("Use an earlier until, or name a task.")));
			put_occurrence(fcinfo, entry);
		}
		go_on(entry);
	}
}

/* upcoming_occurrences(until, since, task) RETURNS TABLE (scheduled_for, task_id) */
Datum
taskly_upcoming_occurrences_v1(PG_FUNCTION_ARGS)
{
	TimestampTz until = required_instant(fcinfo, 0, "until");
	TimestampTz since = required_instant(fcinfo, 1, "since");
	Upcoming	upcoming = {since, may_read_all(), arg_text(fcinfo, 2)};
	HomeRow		home;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskly upcoming",
												  ALLOCSET_DEFAULT_SIZES);

	check_time_order(since, until);
	InitMaterializedSRF(fcinfo, 0);
	agenda_init(context, 0);
	calendar_cache_init(context);
	push_newest_snapshot();
	if (home_store_read(&home))
		(void) task_store_read_scheduled(home.home_id, 0, PG_INT64_MAX, receive_task, &upcoming);
	pop_newest_snapshot();
	if (upcoming.task != NULL && !upcoming.is_found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task \"%s\" does not exist", upcoming.task),
				 errdetail("Tasks without a schedule are not looked for, since nothing of them is upcoming.")));
	play_agenda(fcinfo, since, until);
	MemoryContextDelete(context);
	return (Datum) 0;
}
