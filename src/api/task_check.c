/*-------------------------------------------------------------------------
 *
 * task_check.c
 *	  Checks of a task's draft as a whole, and what follows from it.
 *
 * What is not changed is not checked again: a task whose schedule has ended can
 * still be given another description.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgtime.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/schedule_api.h"
#include "api/task_args.h"
#include "server/clock.h"
#include "server/guc.h"
#include "store/calendar_store.h"
#include "store/queue_store.h"
#include "store/task_timetable.h"

/* Instants in which schedules of two time zones are compared. */
#define ZONE_SAMPLES	24

static void check_what_runs(TaskDraft *draft);
static void check_attempts(TaskDraft *draft);
static void check_policies(TaskDraft *draft);
static void check_queue(TaskDraft *draft);
static void check_schedule(TaskDraft *draft);

/* The owner comes first: whoever has no right learns nothing else. */
void
task_draft_check(TaskDraft *draft)
{
	check_owner(draft->row.owner);
	check_what_runs(draft);
	check_attempts(draft);
	check_policies(draft);
	check_schedule(draft);
	check_queue(draft);
}

/* ------------------------------------------------------------------------
 * What runs, and how often it is tried
 * ------------------------------------------------------------------------ */

static bool
was_shell(const TaskDraft *draft)
{
	return draft->old.name != NULL && draft->old.kind == RUN_KIND_SHELL;
}

static void
check_what_runs(TaskDraft *draft)
{
	const bool *changed = draft->is_changed;

	if (changed[TASK_COMMAND] || changed[TASK_KIND] || changed[TASK_ATOMIC])
	{
		/* What was chosen for the one kind says nothing about the other. */
		if (was_shell(draft) != (strcmp(draft->kind, "shell") == 0) &&
			!changed[TASK_ATOMIC])
			draft->atomic = ATOMIC_AUTO;
		draft->row.kind = check_command(draft->kind, draft->row.command, draft->atomic);
	}
	if (draft->row.kind == RUN_KIND_SHELL &&
		(changed[TASK_COMMAND] || changed[TASK_KIND] || changed[TASK_ARGS] ||
		 changed[TASK_OWNER]))
		check_shell_right(draft->row.owner);
	if (changed[TASK_ARGS])
		check_args(draft->row.args);
	if (draft->row.description != NULL)
		check_text("description", draft->row.description);
}

static void
check_attempts(TaskDraft *draft)
{
	TaskRow    *row = &draft->row;

	check_range("max_attempts", row->max_attempts, 1, TASKLY_ATTEMPTS_MAX);
	if (draft->is_changed[TASK_BACKOFF])
		check_backoff(row->backoff);
	check_outcomes("retry_on", row->retry_on, row->kind);
	check_outcomes("never_on", row->never_on, row->kind);
	if (draft->is_changed[TASK_RETRY_ON] && row->retry_on != 0 && row->max_attempts == 1)
		ereport(NOTICE,
				(errmsg("runs of task \"%s\" are never tried again", row->name),
				 errdetail("It has retry_on, but its max_attempts is 1."),
				 errhint("Set max_attempts to let it have more of them.")));
	if (row->timeout != NULL)
		check_interval("timeout", row->timeout);
	if (row->deadline != NULL)
		check_interval("deadline", row->deadline);

	/* Whether a lost run may run again depends on the kind: choose anew. */
	if (!draft->is_given[TASK_ON_LOST] && draft->old.name != NULL &&
		draft->old.kind != row->kind)
		row->on_lost = NULL;
	row->on_lost = unconstify(char *, check_on_lost(row->on_lost, row->kind));
}

/* ------------------------------------------------------------------------
 * Policies
 * ------------------------------------------------------------------------ */

/* Where none is 0, what is given is more. */
static void
check_given_range(const TaskDraft *draft, TaskOption option, int64 value, int64 max)
{
	if (draft->is_given[option])
		check_range(task_option_name(option), value, 1, max);
}

/* An option that says something only with a certain policy. */
static void
check_needs_policy(const TaskDraft *draft, TaskOption option, TaskOption policy,
				   const char *value, const char *needed)
{
	if (!draft->is_given[option] || strcmp(value, needed) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" needs %s => '%s'", task_option_name(option),
					task_option_name(policy), needed),
			 errdetail("The task's is '%s'.", value)));
}

/* A hook may be defined later, so a missing one is no error. */
static void
check_on_failure(const TaskDraft *draft)
{
	const char *hook = draft->row.on_failure;
	TaskRow		task;

	if (hook == NULL || !draft->is_changed[TASK_ON_FAILURE])
		return;
	check_name("task", hook);
	if (strcmp(hook, draft->row.name) != 0 &&
		!task_store_find(hook, draft->row.owner, &task))
		ereport(NOTICE,
				(errmsg("task \"%s\", to be enqueued on failure, does not exist yet", hook),
				 errhint("Use taskly.define() to make it.")));
}

static void
check_policies(TaskDraft *draft)
{
	static const char *const overlaps[] = {"skip", "allow", "queue", "cancel_running", NULL};
	static const char *const misses[] = {"skip", "once", "all", NULL};
	static const char *const moves[] = {"skip", "next", "previous", NULL};
	const TaskRow *row = &draft->row;

	(void) check_choice("overlap", row->overlap, overlaps);
	(void) check_choice("missed", row->missed, misses);
	(void) check_choice("on_excluded", row->on_excluded, moves);
	check_range("missed_limit", row->missed_limit, 1, TASKLY_MISSED_MAX);
	check_given_range(draft, TASK_MAX_RUNNING, row->max_running, PG_INT32_MAX);
	check_given_range(draft, TASK_MAX_INSTANCES, row->max_instances, PG_INT32_MAX);
	check_given_range(draft, TASK_PAUSE_AFTER_FAILURES, row->pause_after_failures, PG_INT32_MAX);
	check_needs_policy(draft, TASK_MAX_INSTANCES, TASK_OVERLAP, row->overlap, "allow");
	check_needs_policy(draft, TASK_MISSED_LIMIT, TASK_MISSED, row->missed, "all");
	if (draft->row.key != NULL && draft->is_changed[TASK_KEY])
		check_key("key", draft->row.key);
	check_on_failure(draft);
}

/* ------------------------------------------------------------------------
 * Queue and priority
 * ------------------------------------------------------------------------ */

static void
queue_not_found(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("queue \"%s\" does not exist", name),
			 errhint("Existing queues: %s.", queue_store_names())));
}

static void
find_queue(const char *name, QueueRow *queue)
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

static void
check_queue(TaskDraft *draft)
{
	TaskRow    *row = &draft->row;
	QueueRow	queue;

	check_range("priority", row->priority, -TASKLY_PRIORITY_MAX, TASKLY_PRIORITY_MAX);
	if (!draft->is_changed[TASK_QUEUE] && !draft->is_changed[TASK_PRIORITY])
		return;
	if (draft->queue != NULL)
		find_queue(draft->queue, &queue);
	else if (!queue_store_hold(row->queue_id) || !queue_store_read(row->queue_id, &queue))
		queue_not_found(psprintf("%d", row->queue_id));
	row->queue_id = queue.queue_id;
	if (queue.settings.algorithm != QUEUE_PRIORITY && row->priority != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("queue \"%s\" has no priorities", queue.name),
				 errdetail("Its algorithm is \"%s\".", queue_algorithm_name(queue.settings.algorithm)),
				 errhint("Use priority => 0, or a queue whose algorithm is \"priority\".")));
}

/* ------------------------------------------------------------------------
 * Schedule
 * ------------------------------------------------------------------------ */

static void
check_no_schedule(const TaskDraft *draft)
{
	for (int i = 0; i < TASK_OPTIONS; i++)
	{
		if (draft->is_given[i] && task_option_needs_schedule((TaskOption) i))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" needs a schedule", task_option_name((TaskOption) i))));
	}
}

/* Does it name times of the day? Days and months differ by an hour at most, now and then. */
static bool
names_times(const Schedule *schedule)
{
	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
		case SCHEDULE_ONCE:
		case SCHEDULE_RULE:
			return true;
		case SCHEDULE_EVERY:
			return schedule->window.weekdays != 0;
		case SCHEDULE_AFTER_FINISH:
		case SCHEDULE_REBOOT:
			break;
	}
	return false;
}

/* Would the schedule mean other instants if it were read in the session's time zone? */
static bool
differs_in_session_zone(const char *text, const Schedule *schedule)
{
	Schedule	other;
	ScheduleError error;
	TimestampTz anchor = taskly_now();
	TimestampTz after = anchor;
	TimestampTz other_after = anchor;

	if (!names_times(schedule) || !schedule_parse(text, session_timezone, &other, &error))
		return false;
	if (schedule->kind == SCHEDULE_ONCE)
		return schedule->at != other.at;
	for (int i = 0; i < ZONE_SAMPLES; i++)
	{
		after = schedule_next(schedule, anchor, after);
		other_after = schedule_next(&other, anchor, other_after);
		if (after != other_after)
			return true;
	}
	return false;
}

static void
tell_of_session_zone(const TaskRow *row, const Schedule *schedule)
{
	const char *session_zone = pg_get_timezone_name(session_timezone);

	if (differs_in_session_zone(row->schedule, schedule))
		ereport(NOTICE,
				(errmsg("schedule \"%s\" is read in time zone \"%s\", not in that of the session, \"%s\"",
						row->schedule, row->timezone, session_zone),
				 errhint("Use timezone => '%s' to read it in the session's.", session_zone)));
}

static void
check_bounds(const TaskRow *row)
{
	if (TIMESTAMP_IS_NOEND(row->starts_at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("starts_at must not be infinity"),
				 errdetail("The task would never run."),
				 errhint("Use taskly.pause() to stop a task until you resume it.")));
	if (TIMESTAMP_IS_NOBEGIN(row->ends_at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ends_at must not be -infinity"),
				 errdetail("The task would never run."),
				 errhint("Use infinity, or leave ends_at out, for a schedule that does not end.")));
	if (row->starts_at >= row->ends_at)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("starts_at must be before ends_at")));
}

/*
 * The first instant at which a new schedule is due. One instant in the past
 * counts: it is due at once. DT_NOEND: never.
 */
static TimestampTz
first_due(const TaskRow *row, const Timetable *timetable, TimestampTz now)
{
	switch (timetable->schedule.kind)
	{
		case SCHEDULE_REBOOT:
		case SCHEDULE_AFTER_FINISH:
			return Max(now, row->starts_at) > row->ends_at ? DT_NOEND : now;
		case SCHEDULE_ONCE:
			if (timetable->schedule.at < row->starts_at)
				return DT_NOEND;
			return timetable_next(timetable, DT_NOBEGIN, DT_NOBEGIN);
		case SCHEDULE_CRON:
		case SCHEDULE_EVERY:
		case SCHEDULE_RULE:
			break;
	}
	return timetable_next_after(timetable, now);
}

static void
check_can_fire(const TaskRow *row, const Timetable *timetable)
{
	if (!TIMESTAMP_IS_NOEND(first_due(row, timetable, taskly_now())))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("schedule \"%s\" is never due", row->schedule),
			 TIMESTAMP_IS_NOBEGIN(row->starts_at) && TIMESTAMP_IS_NOEND(row->ends_at) ?
			 errdetail("There is no such time in the future.") :
			 errdetail("There is no such time in the future from starts_at to ends_at.")));
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/*
 * Another delay after a finish counts from the same finish: only the first run
 * of a task is due at once. For a new draft, the task that it replaces counts.
 */
static bool
continues_delay(const TaskDraft *draft, const Schedule *schedule, TimestampTz *last_fire)
{
	TaskRow		before = draft->old;
	Schedule	schedule_before;

	if (schedule->kind != SCHEDULE_AFTER_FINISH ||
		(before.name == NULL &&
		 !task_store_find(draft->row.name, draft->row.owner, &before)) ||
		before.schedule == NULL)
		return false;
	schedule_parse_or_error(before.schedule, before.timezone, &schedule_before);
	*last_fire = before.last_fire;
	return schedule_before.kind == SCHEDULE_AFTER_FINISH;
}

static bool
same_interval(const Interval *a, const Interval *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->month == b->month && a->day == b->day && a->time == b->time;
}

static bool
is_due_as_before(const TaskRow *row, const TaskRow *old)
{
	return same_text(row->timezone, old->timezone) &&
		same_text(row->schedule, old->schedule) &&
		row->starts_at == old->starts_at && row->ends_at == old->ends_at &&
		same_interval(row->jitter, old->jitter) &&
		row->calendar_id == old->calendar_id && same_text(row->on_excluded, old->on_excluded);
}

/*
 * Where a new schedule begins. An interval or cron task makes up nothing from
 * before it was given; of others, whatever fired before was not theirs.
 */
static void
begin_schedule(TaskDraft *draft, const Timetable *timetable)
{
	TaskRow    *row = &draft->row;
	const TaskRow *old = &draft->old;

	if (old->name != NULL && is_due_as_before(row, old))
		return;
	if (continues_delay(draft, &timetable->schedule, &row->last_fire))
		return;
	if (timetable_recurs(timetable))
		row->last_fire = Max(row->last_fire, taskly_now());
	else
		row->last_fire = DT_NOBEGIN;
}

static void
set_anchor(TaskDraft *draft)
{
	TaskRow    *row = &draft->row;
	const TaskRow *old = &draft->old;

	if (old->name != NULL && same_text(row->schedule, old->schedule) &&
		row->starts_at == old->starts_at)
		return;
	/* Another schedule: occurrences are counted anew. */
	row->fires = 0;
	row->anchor = TIMESTAMP_IS_NOBEGIN(row->starts_at) ?
		taskly_transaction_start() : row->starts_at;
}

/* A schedule that was over makes up nothing. */
static void
give_more_runs(TaskRow *row)
{
	Timetable	timetable;

	timetable_or_error(row, &timetable);
	if (timetable_recurs(&timetable))
		row->last_fire = Max(row->last_fire, taskly_now());
}

static bool
changes_timetable(const TaskDraft *draft)
{
	const bool *changed = draft->is_changed;

	return changed[TASK_SCHEDULE] || changed[TASK_TIMEZONE] || changed[TASK_STARTS_AT] ||
		changed[TASK_ENDS_AT] || changed[TASK_JITTER] || changed[TASK_CALENDAR] ||
		changed[TASK_ON_EXCLUDED];
}

static void
calendar_not_found(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("calendar \"%s\" does not exist", name),
			 errhint("Existing calendars: %s.", calendar_store_names())));
}

/* The calendar stays until the transaction ends, and then because the task names it. */
static void
check_calendar(TaskDraft *draft)
{
	CalendarRow calendar;

	if (draft->is_changed[TASK_CALENDAR])
		draft->row.calendar_id = 0;
	if (draft->calendar != NULL)
	{
		check_name("calendar", draft->calendar);
		if (!calendar_store_find(draft->calendar, &calendar) ||
			!calendar_store_hold(calendar.calendar_id))
			calendar_not_found(draft->calendar);
		draft->row.calendar_id = calendar.calendar_id;
	}
	if (draft->row.calendar_id == 0 && draft->is_given[TASK_ON_EXCLUDED])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"on_excluded\" needs a calendar")));
}

/* A task that comes after others has their instants. */
static void
check_one_origin(const TaskDraft *draft)
{
	bool		comes_after = draft->is_changed[TASK_AFTER] ?
		draft->after != (Datum) 0 : draft->row.after != (Datum) 0;

	if (comes_after && draft->row.schedule != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a task cannot have both a schedule and \"after\""),
				 errdetail("A task that comes after others runs for each instant of the schedule that they lead to."),
				 errhint("Use taskly.define(), or alter the task with reset => '{schedule}' or reset => '{after}'.")));
}

static void
check_schedule(TaskDraft *draft)
{
	TaskRow    *row = &draft->row;
	bool		names_zone;
	Timetable	timetable;

	check_one_origin(draft);
	if (draft->old.name == NULL)
		row->last_fire = DT_NOBEGIN;
	if (row->schedule == NULL)
	{
		check_no_schedule(draft);
		set_anchor(draft);
		return;
	}
	if (row->jitter != NULL)
		check_interval("jitter", row->jitter);
	check_given_range(draft, TASK_MAX_RUNS, row->max_runs, PG_INT64_MAX);
	check_calendar(draft);
	if (!changes_timetable(draft))
	{
		if (draft->is_changed[TASK_MAX_RUNS])
			give_more_runs(row);
		return;
	}

	names_zone = row->timezone != NULL;
	if (!names_zone)
		row->timezone = pstrdup(taskly_timezone);
	check_bounds(row);
	set_anchor(draft);
	timetable_or_error(row, &timetable);
	if (!names_zone)
		tell_of_session_zone(row, &timetable.schedule);
	begin_schedule(draft, &timetable);
	check_can_fire(row, &timetable);
}
