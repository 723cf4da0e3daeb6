/*-------------------------------------------------------------------------
 *
 * test_agenda.c
 *	  The leader's agenda, what is remembered of tasks, and the order of
 *	  runs: which task is next, what is missed, what is counted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fake_backend.h"
#include "plan/agenda.h"
#include "plan/policy.h"
#include "plan/task_plan.h"
#include "tap.h"
#include "time_zone_fake.h"

#define TASKS		200
#define SECOND		USECS_PER_SEC

static pg_tz utc;
static const TimestampTz start = INT64CONST(800000000) * USECS_PER_SEC;

/* As taskly.c says; only what the counts need. */
bool
run_status_is_failure(RunStatus status)
{
	return status == RUN_FAILED;
}

static ScheduledTask
task_of(int64 task_id, const char *schedule)
{
	ScheduledTask task = {
		.task_id = task_id,
		.version = 1,
		.missed = MISSED_ONCE,
		.missed_limit = 100,
		.fires_left = -1,
		.timetable = {
			.anchor = start,
			.starts_at = DT_NOBEGIN,
			.ends_at = DT_NOEND
		},
		.last_fire = DT_NOBEGIN
	};
	ScheduleError error;

	if (!schedule_parse(schedule, &utc, &task.timetable.schedule, &error))
		ok(false, "%s: %s", schedule, error.message);
	return task;
}

static AgendaEntry *
put(const ScheduledTask *task, TimestampTz now)
{
	agenda_put(task, now);
	return agenda_find(task->task_id);
}

/* ------------------------------------------------------------------------
 * Many tasks, against a naive model
 * ------------------------------------------------------------------------ */

static TimestampTz model_next[TASKS + 1];	/* 0: no such task */
static int	model_period[TASKS + 1];

static int
model_first(void)
{
	int			best = 0;

	for (int id = 1; id <= TASKS; id++)
	{
		if (model_next[id] != 0 && (best == 0 || model_next[id] < model_next[best]))
			best = id;
	}
	return best;
}

static void
make_task(int id, TimestampTz now)
{
	char		text[32];
	ScheduledTask task;

	model_period[id] = 1 + tap_random(50);
	snprintf(text, sizeof(text), "every %d seconds", model_period[id]);
	task = task_of(id, text);
	task.timetable.anchor = now;
	(void) put(&task, now);
	/* The first instant of the grid is the anchor's; it has passed when the task is made. */
	model_next[id] = now + model_period[id] * SECOND;
}

static bool
fire_all_due(TimestampTz now)
{
	TimestampTz next;
	AgendaEntry *entry;
	int			first;

	while ((entry = agenda_next_due(now, &next)) != NULL)
	{
		first = model_first();
		if (entry->task.task_id != first || entry->next_fire != model_next[first])
			return false;
		agenda_fired(entry, entry->next_fire, true);
		model_next[first] += model_period[first] * SECOND;
	}
	first = model_first();
	return next == (first ? model_next[first] : DT_NOEND) && next > now;
}

static void
test_many(void)
{
	TimestampTz now = start;
	bool		is_right = true;
	int			count = 0;

	agenda_init(TopMemoryContext, 0);
	for (int step = 0; step < 2000 && is_right; step++)
	{
		int			id = 1 + tap_random(TASKS);

		if (tap_random(3) == 0)
		{
			agenda_remove(id);
			model_next[id] = 0;
		}
		else if (model_next[id] == 0)
			make_task(id, now);
		else if (tap_random(4) == 0)
		{
			agenda_remove(id);
			make_task(id, now);
		}
		now += tap_random(2 * SECOND);
		is_right = fire_all_due(now);
	}
	ok(is_right, "tasks fire each at its time, in order, after what was made, changed and removed");
	for (int id = 1; id <= TASKS; id++)
		count += model_next[id] != 0;
	ok(agenda_count() == count, "the agenda counts its tasks");
	agenda_clear();
	ok(agenda_count() == 0 && agenda_first() == NULL, "a cleared agenda is empty");
}

/* ------------------------------------------------------------------------
 * One task
 * ------------------------------------------------------------------------ */

/* What a due entry would fire now. */
static bool
chooses(AgendaEntry *entry, TimestampTz now, TimestampTz fire_at, int64 missed, bool is_made_up)
{
	AgendaFire	fire = agenda_choose(entry, now);

	return fire.fire_at == fire_at && fire.missed == missed && fire.is_made_up == is_made_up;
}

static void
test_missed_once(void)
{
	ScheduledTask task = task_of(1, "every 10 seconds");
	AgendaEntry *entry;

	task.last_fire = start;
	entry = put(&task, start + 95 * SECOND);
	ok(entry->next_fire == start + 10 * SECOND, "what was missed is due");
	ok(chooses(entry, start + 95 * SECOND, start + 90 * SECOND, 8, false),
	   "of all missed occurrences the latest is left, and the others are counted");
	ok(agenda_choose(entry, start + 1000000007 * SECOND).fire_at == start + 1000000000 * SECOND,
	   "the latest is found after thirty years, too");
	agenda_fired(entry, start + 90 * SECOND, true);
	ok(entry->next_fire == start + 100 * SECOND, "it goes on from there, without drift");
	ok(chooses(entry, start + 109 * SECOND, start + 100 * SECOND, 0, false), "one that is late is not missed");
	agenda_remove(1);
}

static void
test_missed_skip(void)
{
	ScheduledTask task = task_of(1, "every 10 seconds");
	AgendaEntry *entry;

	task.last_fire = start;
	task.missed = MISSED_SKIP;
	entry = put(&task, start + 95 * SECOND);
	ok(entry->next_fire == start + 100 * SECOND, "a task that skips what it missed is not due for it");
	ok(chooses(entry, start + 101 * SECOND, start + 100 * SECOND, 9, false), "but counts it");
	entry = put(&task, start + 205 * SECOND);
	ok(entry->next_fire == start + 100 * SECOND && entry->missed == 9,
	   "a known one that is only read again is due for what it has not skipped");
	agenda_remove(1);
}

static void
test_missed_all(void)
{
	ScheduledTask task = task_of(1, "every 10 seconds");
	AgendaEntry *entry;

	task.last_fire = start;
	task.missed = MISSED_ALL;
	task.missed_limit = 3;
	entry = put(&task, start + 95 * SECOND);
	ok(chooses(entry, start + 95 * SECOND, start + 70 * SECOND, 6, true),
	   "all are made up, the latest within the limit");
	ok(chooses(entry, start + 96 * SECOND, start + 70 * SECOND, 6, true), "the same when it has had to wait");
	entry = put(&task, start + 96 * SECOND);
	ok(chooses(entry, start + 96 * SECOND, start + 70 * SECOND, 6, true), "or when the task was read again");
	agenda_fired(entry, start + 70 * SECOND, true);
	ok(chooses(entry, start + 96 * SECOND, start + 80 * SECOND, 0, true), "one by one");
	agenda_fired(entry, start + 80 * SECOND, true);
	ok(chooses(entry, start + 131 * SECOND, start + 90 * SECOND, 0, true), "to the last that was due at first");
	agenda_fired(entry, start + 90 * SECOND, true);
	ok(chooses(entry, start + 132 * SECOND, start + 110 * SECOND, 1, true), "and then what came due meanwhile");
	agenda_remove(1);
}

/* Dense for an hour, and then nothing for a year: what is looked for is far back. */
static void
test_long_outage(void)
{
	ScheduledTask task = task_of(1, "* * 5 3 2 *");
	TimestampTz first = timetable_next_after(&task.timetable, start);
	TimestampTz now = first + 200 * USECS_PER_DAY;
	AgendaEntry *entry;

	task.last_fire = first - 1;
	entry = put(&task, now);
	ok(chooses(entry, now, first + 3599 * SECOND, 3599, false), "once: the last second of the hour");
	task.missed = MISSED_ALL;
	task.missed_limit = 10;
	entry = put(&task, now);
	ok(chooses(entry, now, first + 3590 * SECOND, 3590, true), "all: its last ten seconds");
	agenda_clear();
}

/* Days and months from a start on, and what would have been before it. */
static void
test_calendar_grid(void)
{
	ScheduledTask days = task_of(1, "every 2 weeks");
	ScheduledTask months = task_of(2, "every 1 month");
	TimestampTz starts = start + 100 * USECS_PER_DAY + 5;

	days.timetable.starts_at = days.timetable.anchor = starts;
	ok(put(&days, start)->next_fire == starts, "an interval of weeks is due at its start");
	ok(timetable_next_after(&days.timetable, starts) == starts + 14 * USECS_PER_DAY, "and then after two");
	days.timetable.starts_at = DT_NOBEGIN;
	ok(timetable_next_after(&days.timetable, starts - 15 * USECS_PER_DAY) == starts - 14 * USECS_PER_DAY &&
	   timetable_next_after(&days.timetable, starts - 1) == starts, "before it its grid goes back by whole periods");
	/* 2005-01-31 and the last of December and November before it. */
	months.timetable.anchor = INT64CONST(1857) * USECS_PER_DAY;
	ok(timetable_next_after(&months.timetable, 1825 * USECS_PER_DAY) == 1826 * USECS_PER_DAY &&
	   timetable_next_after(&months.timetable, 1790 * USECS_PER_DAY) == 1795 * USECS_PER_DAY,
	   "months go back to the last day that they have");
	agenda_clear();
}

static void
test_max_runs(void)
{
	ScheduledTask task = task_of(1, "every 10 seconds");
	AgendaEntry *entry;

	task.fires_left = 2;
	entry = put(&task, start);
	agenda_fired(entry, start + 10 * SECOND, true);
	agenda_fired(entry, start + 20 * SECOND, false);
	ok(entry->next_fire == start + 30 * SECOND, "a skipped occurrence is not one of the runs that it has");
	agenda_fired(entry, start + 30 * SECOND, true);
	ok(entry->next_fire == DT_NOEND, "after its last run a task is not due again");
	agenda_remove(1);
}

static void
test_delay(void)
{
	ScheduledTask task = task_of(1, "every 10 seconds");
	AgendaEntry *entry;

	task.timetable.delay_us = 3 * SECOND;
	task.timetable.ends_at = start + 20 * SECOND;
	entry = put(&task, start);
	ok(entry->next_fire == start + 13 * SECOND, "an occurrence is delayed by the task's share of its jitter");
	agenda_fired(entry, entry->next_fire, true);
	ok(entry->next_fire == start + 23 * SECOND, "from the grid, not from the last; one at ends_at counts");
	agenda_fired(entry, entry->next_fire, true);
	ok(entry->next_fire == DT_NOEND, "one after it does not");
	for (int64 id = 1; id < 1000; id++)
	{
		int64		delay = timetable_delay_us(id, SECOND);

		if (delay < 0 || delay >= SECOND || delay != timetable_delay_us(id, SECOND))
			ok(false, "delay of task %d", (int) id);
	}
	ok(timetable_delay_us(1, SECOND) != timetable_delay_us(2, SECOND), "tasks have delays of their own");
	agenda_remove(1);
}

static void
test_finish(void)
{
	ScheduledTask task = task_of(1, "every 10 seconds");
	AgendaEntry *entry = put(&task, start);
	TimestampTz now = start + 10 * SECOND;
	TimestampTz next;

	agenda_wait_for_finish(entry, now + 60 * SECOND);
	ok(agenda_next_due(now, &next) == NULL && next == now + 60 * SECOND, "an entry waits for a run to end");
	agenda_finished(1, now + 2);
	ok(agenda_next_due(now + 2, &next) == entry && entry->next_fire == now, "its end makes it due again");
	agenda_pause(1);
	ok(agenda_next_due(now + 1000 * SECOND, &next) == NULL && next == DT_NOEND, "a paused one is not due");
	agenda_clear();
}

/* ------------------------------------------------------------------------
 * Clocks that are set
 * ------------------------------------------------------------------------ */

/* How many entries have to be set back. */
static int
count_ahead(void)
{
	AgendaEntry *ahead[10];

	return agenda_ahead(ahead, 10);
}

static void
test_step_back(void)
{
	ScheduledTask elapsed = task_of(1, "every 10 seconds");
	ScheduledTask fixed = task_of(2, "0 9 * * *");
	ScheduledTask once = task_of(3, "2026-01-01 00:00");
	TimestampTz nine;
	TimestampTz back;
	AgendaEntry *entry;

	nine = timetable_next_after(&fixed.timetable, start);
	(void) put(&elapsed, start);
	(void) put(&fixed, start);
	(void) put(&once, start);
	for (int64 id = 1; id <= 2; id++)
		agenda_fired(agenda_find(id), nine, true);
	agenda_fired(agenda_find(3), agenda_find(3)->next_fire, true);
	agenda_clock_stepped(nine - SECOND / 100);
	ok(count_ahead() == 0, "a hundredth of a second back is nobody's concern");

	back = nine - 90 * USECS_PER_MINUTE;
	agenda_clock_stepped(back);
	ok(count_ahead() == 1 && agenda_ahead(&entry, 1) == 1 && entry->task.task_id == 1,
	   "90 minutes back: what follows elapsed time goes on, times of the day are not repeated");
	agenda_rewind(entry, back);
	ok(count_ahead() == 0 && entry->next_fire <= back + 10 * SECOND && entry->next_fire > back, "at once");
	ok(agenda_find(2)->next_fire == nine + USECS_PER_DAY, "the daily one comes next day");

	back = nine - 3650 * USECS_PER_DAY;
	agenda_clock_stepped(back);
	ok(count_ahead() == 2, "ten years back: the clock was wrong, all but one instant go on");
	while (agenda_ahead(&entry, 1) == 1)
		agenda_rewind(entry, back);
	ok(agenda_find(2)->next_fire == back + USECS_PER_DAY && agenda_find(3)->next_fire == DT_NOEND,
	   "the daily one at the next nine o'clock");
	agenda_remove(2);
	fixed.last_fire = nine;
	(void) put(&fixed, back);
	ok(count_ahead() == 1, "a step while nobody looked is seen when a task is read");
	agenda_clear();
	ok(count_ahead() == 0, "a cleared agenda is not ahead");
}

static void
test_step_forward(void)
{
	ScheduledTask once = task_of(1, "every 10 seconds");
	ScheduledTask skip = task_of(2, "every 10 seconds");
	TimestampTz now = start + 3650 * USECS_PER_DAY + 5 * SECOND;

	skip.missed = MISSED_SKIP;
	(void) put(&once, start);
	(void) put(&skip, start);
	agenda_downtime_ended(start + 95 * SECOND);
	ok(agenda_find(1)->next_fire == start + 10 * SECOND && agenda_find(2)->next_fire == start + 100 * SECOND,
	   "when nothing could fire, one makes up and another one skips");
	agenda_clock_stepped(now);
	ok(agenda_find(1)->next_fire == start + 10 * SECOND, "a step forward is a downtime: one makes up");
	ok(agenda_find(2)->next_fire == now + 5 * SECOND, "another one skips");
	ok(count_ahead() == 0, "nothing is ahead");
	agenda_clear();
}

/* What waits by the old clock looks at the new one. */
static void
test_step_while_waiting(void)
{
	ScheduledTask waits = task_of(1, "every 10 seconds");
	ScheduledTask reboot = task_of(2, "@reboot");
	TimestampTz now = start + 10 * SECOND;
	AgendaEntry *entry = put(&waits, start);

	agenda_wait_for_finish(entry, now + USECS_PER_DAY);
	agenda_clock_stepped(start + 5 * SECOND);
	ok(entry->wake_at == now, "one that waits for a finish is looked at by the new clock");

	reboot.last_fire = now + USECS_PER_DAY;
	entry = put(&reboot, now);
	agenda_reboot(now);
	ok(count_ahead() == 1, "one that was started in the future is ahead");
	agenda_rewind(entry, now);
	ok(entry->next_fire == now + 1, "and this start is not lost");
	agenda_clear();
}

/* What a schedule passed over is nothing to the one that follows it. */
static void
test_new_schedule(void)
{
	ScheduledTask task = task_of(1, "every 10 seconds");
	AgendaEntry *entry;

	task.missed = MISSED_SKIP;
	task.last_fire = start;
	(void) put(&task, start + 95 * SECOND);
	task = task_of(1, "1 hour after finish");
	entry = put(&task, start + 96 * SECOND);
	ok(entry->next_fire == start, "another schedule begins anew");
	agenda_clear();
}

static void
test_bounds(void)
{
	ScheduledTask task = task_of(2, "every 10 seconds");
	AgendaEntry *entry;

	task.timetable.starts_at = start + 30 * SECOND;
	task.timetable.ends_at = start + 40 * SECOND;
	entry = put(&task, start);
	ok(entry->next_fire == start + 30 * SECOND, "the first fire may be at starts_at");
	agenda_fired(entry, entry->next_fire, true);
	ok(entry->next_fire == start + 40 * SECOND, "the last may be at ends_at");
	agenda_fired(entry, entry->next_fire, true);
	ok(entry->next_fire == DT_NOEND, "there is none beyond");
	task.is_paused = true;
	ok(put(&task, start)->next_fire == DT_NOEND, "a paused task has no next fire");
}

static void
test_kinds(void)
{
	ScheduledTask task = task_of(3, "2026-01-01 00:00");
	AgendaEntry *entry = put(&task, start);
	TimestampTz at = entry->next_fire;

	ok(at > start && at < DT_NOEND, "an instant is due");
	agenda_fired(entry, at, true);
	ok(entry->next_fire == DT_NOEND, "once");
	task.task_id = 4;
	task.timetable.anchor = at + 5;
	ok(put(&task, start)->next_fire == at + 5, "an instant in the past is due when the task is defined");

	task = task_of(5, "10 seconds after finish");
	entry = put(&task, start);
	ok(entry->next_fire == start, "a task after finish is due at once");
	agenda_fired(entry, start, true);
	ok(entry->next_fire == start + 10 * SECOND, "and looked at again after its delay at the earliest");
	agenda_finished(5, start + 33 * SECOND);
	ok(entry->next_fire == start + 43 * SECOND, "but its delay after the end of it");

	task = task_of(6, "@reboot");
	entry = put(&task, start);
	ok(entry->next_fire == DT_NOEND, "a task at reboot is not due by itself");
	agenda_reboot(start + 7);
	ok(entry->next_fire == start + 7, "but when the server starts");
	agenda_clear();
}

static void
test_postpone(void)
{
	ScheduledTask held = task_of(1, "every 10 seconds");
	ScheduledTask other = task_of(2, "every 10 seconds");
	AgendaEntry *entry = put(&held, start);
	TimestampTz next;
	TimestampTz now = start + 10 * SECOND;

	(void) put(&other, start);
	agenda_postpone(entry, now + 5);
	ok(agenda_next_due(now, &next)->task.task_id == 2, "a task that is held up lets others pass");
	agenda_fired(agenda_find(2), now, true);
	ok(agenda_next_due(now, &next) == NULL && next == now + 5, "it is looked at again");
	ok(agenda_next_due(now + 5, &next) == entry && entry->next_fire == now, "for the same occurrence");
	agenda_clear();
}

/* A day that is not off any more is no reason to fire for this morning. */
static void
test_calendar_changed(void)
{
	DayRange	range = {start / USECS_PER_DAY, start / USECS_PER_DAY};
	DaySet	   *off = day_set_build(&range, 1);
	DaySet	   *none = day_set_build(&range, 0);
	ScheduledTask task = task_of(1, "0 * * * *");
	TimestampTz noon = (start / USECS_PER_DAY) * USECS_PER_DAY + 12 * USECS_PER_HOUR;
	AgendaEntry *entry;

	task.timetable.excluded = off;
	task.last_fire = noon - USECS_PER_DAY;
	entry = put(&task, noon);
	agenda_fired(entry, noon - 13 * USECS_PER_HOUR, true);
	ok(entry->next_fire == noon + 12 * USECS_PER_HOUR, "nothing is due on a day off");
	agenda_calendar_changed(off, none, noon + 1);
	ok(entry->next_fire == noon + USECS_PER_HOUR && entry->missed == 0,
	   "when it is off no more, it goes on from then");
	agenda_clear();
	pfree(off);
	pfree(none);
}

static void
test_reading(void)
{
	ScheduledTask kept = task_of(1, "every 10 seconds");
	ScheduledTask gone = task_of(2, "every 10 seconds");

	kept.missed = MISSED_SKIP;
	(void) put(&kept, start);
	(void) put(&gone, start);
	agenda_begin_reading();
	ok(put(&kept, start + 15 * SECOND)->next_fire == start + 10 * SECOND,
	   "what was due while all is read again is not missed");
	agenda_end_reading();
	ok(agenda_find(1) != NULL && agenda_find(2) == NULL && agenda_count() == 1, "what was not read is gone");
	agenda_clear();
}

static void
test_lead(void)
{
	ScheduledTask every = task_of(1, "every 10 seconds");
	ScheduledTask once = task_of(2, "2026-01-01 00:00");
	AgendaEntry *entry;
	TimestampTz next;

	agenda_init(TopMemoryContext, SECOND);
	entry = put(&every, start);
	ok(agenda_next_due(start + 8 * SECOND, &next) == NULL && next == start + 9 * SECOND &&
	   entry->next_fire == start + 10 * SECOND, "what recurs is looked at a lead before it fires");
	ok(agenda_next_due(next, &next) == entry && chooses(entry, start + 9 * SECOND, start + 10 * SECOND, 0, false),
	   "and fires for the time when it is due");
	entry = put(&once, start);
	ok(entry->wake_at == entry->next_fire, "one instant is not looked at before");
	agenda_clear();
	agenda_init(TopMemoryContext, 0);
}

static void
count_visit(const AgendaEntry *entry, void *arg)
{
	(*(int *) arg)++;
}

static void
test_each_until(void)
{
	int			expected = 0;
	int			count = 0;
	TimestampTz until = start + 25 * SECOND;

	for (int id = 1; id <= TASKS; id++)
	{
		char		text[32];
		int			period = 1 + tap_random(50);
		ScheduledTask task;

		snprintf(text, sizeof(text), "every %d seconds", period);
		task = task_of(id, text);
		(void) put(&task, start);
		expected += period <= 25;
	}
	agenda_each_until(until, TASKS, count_visit, &count);
	ok(count == expected, "those that are due until an instant are visited: %d", expected);
	count = 0;
	agenda_each_until(until, 10, count_visit, &count);
	ok(count == 10, "as many as are wanted");
	agenda_clear();
}

/* ------------------------------------------------------------------------
 * Orders and counts
 * ------------------------------------------------------------------------ */

static int64
key(QueueAlgorithm algorithm, int64 aging, TimestampTz due_at, int64 arrival, int32 priority)
{
	PolicyInput input = {.due_at = due_at, .arrival = arrival, .priority = priority};

	return policy_order_key(algorithm, aging, &input);
}

static void
test_policy(void)
{
	ok(key(QUEUE_FIFO, 60, 999, 1, 0) < key(QUEUE_FIFO, 60, 1, 2, 0), "fifo: by arrival");
	ok(key(QUEUE_PRIORITY, 60, 1000, 2, 1) < key(QUEUE_PRIORITY, 60, 1000, 1, 0), "priority: higher first");
	ok(key(QUEUE_PRIORITY, 60, 1000, 2, 0) < key(QUEUE_PRIORITY, 60, 1001, 1, 0), "among equals by due time");
	ok(key(QUEUE_PRIORITY, 60, 1000, 1, 0) < key(QUEUE_PRIORITY, 60, 1061, 1, 1) &&
	   key(QUEUE_PRIORITY, 60, 1000, 1, 0) > key(QUEUE_PRIORITY, 60, 1059, 1, 1),
	   "one step of priority is worth the aging interval");
	ok(key(QUEUE_PRIORITY, PG_INT64_MAX / 2, 0, 1, TASKLY_PRIORITY_MAX) == PG_INT64_MIN &&
	   key(QUEUE_PRIORITY, PG_INT64_MAX / 2, 0, 1, -TASKLY_PRIORITY_MAX) == PG_INT64_MAX,
	   "keys saturate");
}

/* An attempt during which the clock was set back. */
static bool
count_attempt(TaskPlan *plan, int64 run_id, RunStatus status, bool is_final, int64 duration_us)
{
	TaskAttempt attempt = {run_id, status, is_final, start, start - USECS_PER_HOUR, duration_us};

	return task_plan_count(plan, &attempt);
}

static void
test_task_plan(void)
{
	TaskFacts	facts = {.task_id = 1, .is_paused = true, .consecutive_failures = 3};
	TaskPlan   *plan;

	task_plan_init(TopMemoryContext);
	plan = task_plan_set(&facts);
	ok(!task_plan_has_room(plan) && task_plan_find(2) == NULL, "a paused task has no room for its runs");
	facts.consecutive_failures = 9;
	ok(task_plan_set(&facts) == plan && plan->consecutive_failures == 3,
	   "a change keeps what the scheduler counts itself");
	count_attempt(plan, 11, RUN_FAILED, false, 80);
	ok(plan->average_us == 80 && plan->counts.runs == 0 && dlist_is_empty(task_plan_dirty()),
	   "an attempt that is not the last counts for the duration only");
	count_attempt(plan, 11, RUN_FAILED, true, 160);
	ok(plan->average_us == 90 && plan->counts.runs == 1 && plan->counts.failures == 1 &&
	   plan->counts.consecutive_failures == 4 && plan->counts.last_failure_run_id == 11, "a failure is counted");
	count_attempt(plan, 12, RUN_SUCCEEDED, true, 90);
	ok(plan->counts.runs == 2 && plan->counts.failures == 1 && plan->counts.consecutive_failures == 0 &&
	   plan->counts.last_run_id == 12 && plan->counts.last_failure_run_id == 11, "a success ends the series");
	ok(dlist_container(TaskPlan, dirty_node, dlist_head_node(task_plan_dirty())) == plan &&
	   !dlist_has_next(task_plan_dirty(), dlist_head_node(task_plan_dirty())), "it is to be written, once");
	facts.is_paused = false;
	facts.consecutive_failures = 0;
	ok(!task_plan_set(&facts)->is_paused && plan->consecutive_failures == 0, "a resume counts anew");
	plan->pause_after_failures = 2;
	ok(!count_attempt(plan, 13, RUN_FAILED, true, 90) && !plan->is_paused, "one failure is not two");
	ok(count_attempt(plan, 14, RUN_FAILED, true, 90) && plan->is_paused && plan->counts.pauses &&
	   task_plan_take_urgent() && !task_plan_take_urgent(), "two pause the task, which is to be written at once");
	ok(!count_attempt(plan, 15, RUN_FAILED, true, 90), "a paused task is not paused again");
	task_plan_clean(plan);
	ok(dlist_is_empty(task_plan_dirty()) && plan->counts.runs == 0, "what was written is not written again");
	plan->running = 1;
	task_plan_forget(1);
	ok(task_plan_find(1) == plan, "a task stays while a run of it runs");
	plan->running = 0;
	task_plan_forget(1);
	ok(task_plan_find(1) == NULL, "then it goes");
}

int
main(void)
{
	tap_seed();
	test_many();
	test_missed_once();
	test_missed_skip();
	test_missed_all();
	test_long_outage();
	test_calendar_grid();
	test_max_runs();
	test_delay();
	test_finish();
	test_step_back();
	test_step_forward();
	test_step_while_waiting();
	test_new_schedule();
	test_bounds();
	test_kinds();
	test_postpone();
	test_calendar_changed();
	test_reading();
	test_lead();
	test_each_until();
	test_policy();
	test_task_plan();
	return tap_done();
}
