/*-------------------------------------------------------------------------
 *
 * test_agenda.c
 *	  The leader's agenda, what is remembered of tasks, and the order of
 *	  runs: which task is next, what is missed, what is counted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

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

static AgendaTask
task_of(int64 task_id, const char *schedule)
{
	AgendaTask	task = {
		.task_id = task_id,
		.version = 1,
		.schedule = schedule,
		.zone = &utc,
		.anchor = start,
		.starts_at = DT_NOBEGIN,
		.ends_at = DT_NOEND,
		.last_fire = DT_NOBEGIN
	};

	return task;
}

static AgendaEntry *
put(const AgendaTask *task, TimestampTz now)
{
	ScheduleError error;

	if (!agenda_put(task, now, &error))
		return NULL;
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
	AgendaTask	task = task_of(id, text);

	model_period[id] = 1 + tap_random(50);
	task.anchor = now;
	snprintf(text, sizeof(text), "every %d seconds", model_period[id]);
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
		if (entry->task_id != first || entry->next_fire != model_next[first])
			return false;
		agenda_fired(entry, entry->next_fire);
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

	agenda_init();
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

static void
test_missed(void)
{
	AgendaTask	task = task_of(1, "every 10 seconds");
	AgendaEntry *entry;
	int64		missed;

	task.last_fire = start;
	entry = put(&task, start + 95 * SECOND);
	ok(entry->next_fire == start + 10 * SECOND, "what was missed is due");
	ok(agenda_latest_due(entry, start + 95 * SECOND, &missed) == start + 90 * SECOND && missed == 8,
	   "of all missed occurrences the latest is left, and the others are counted");
	ok(agenda_latest_due(entry, start + 1000000007 * SECOND, &missed) == start + 1000000000 * SECOND,
	   "the latest is found after thirty years, too");
	agenda_fired(entry, start + 90 * SECOND);
	ok(entry->next_fire == start + 100 * SECOND, "it goes on from there, without drift");
	agenda_remove(1);
	task.skips_missed = true;
	entry = put(&task, start + 95 * SECOND);
	ok(entry->next_fire == start + 100 * SECOND, "a task that skips what it missed is not due for it");
	entry = put(&task, start + 205 * SECOND);
	ok(entry->next_fire == start + 10 * SECOND, "but a known one that is only read again is");
}

static void
test_bounds(void)
{
	AgendaTask	task = task_of(2, "every 10 seconds");
	AgendaEntry *entry;

	task.starts_at = start + 30 * SECOND;
	task.ends_at = start + 40 * SECOND;
	entry = put(&task, start);
	ok(entry->next_fire == start + 30 * SECOND, "the first fire may be at starts_at");
	agenda_fired(entry, entry->next_fire);
	ok(entry->next_fire == start + 40 * SECOND, "the last may be at ends_at");
	agenda_fired(entry, entry->next_fire);
	ok(entry->next_fire == DT_NOEND, "there is none beyond");
	task.is_paused = true;
	ok(put(&task, start)->next_fire == DT_NOEND, "a paused task has no next fire");
	task.is_paused = false;
	task.schedule = "every now and then";
	ok(put(&task, start) == NULL && agenda_find(2) == NULL, "a schedule that cannot be read leaves no entry");
}

static void
test_kinds(void)
{
	AgendaTask	task = task_of(3, "2026-01-01 00:00");
	AgendaEntry *entry = put(&task, start);
	TimestampTz at = entry->next_fire;

	ok(at > start && at < DT_NOEND, "an instant is due");
	agenda_fired(entry, at);
	ok(entry->next_fire == DT_NOEND, "once");
	task.task_id = 4;
	task.anchor = at + 5;
	ok(put(&task, start)->next_fire == at + 5, "an instant in the past is due when the task is defined");

	task = task_of(5, "10 seconds after finish");
	entry = put(&task, start);
	ok(entry->next_fire == start, "a task after finish is due at once");
	agenda_fired(entry, start);
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
	AgendaTask	held = task_of(1, "every 10 seconds");
	AgendaTask	other = task_of(2, "every 10 seconds");
	AgendaEntry *entry = put(&held, start);
	TimestampTz next;
	TimestampTz now = start + 10 * SECOND;

	(void) put(&other, start);
	agenda_postpone(entry, now + 5);
	ok(agenda_next_due(now, &next)->task_id == 2, "a task that is held up lets others pass");
	agenda_fired(agenda_find(2), now);
	ok(agenda_next_due(now, &next) == NULL && next == now + 5, "it is looked at again");
	ok(agenda_next_due(now + 5, &next) == entry && entry->next_fire == now, "for the same occurrence");
	agenda_clear();
}

/* ------------------------------------------------------------------------
 * Orders and counts
 * ------------------------------------------------------------------------ */

static int64
key(QueueAlgorithm algorithm, int64 aging, TimestampTz due_at, int64 arrival, int32 priority)
{
	PolicyInput input = {due_at, arrival, priority};

	return policy_order_key(algorithm, aging, &input);
}

static void
test_policy(void)
{
	sigjmp_buf	jump;

	ok(key(QUEUE_FIFO, 60, 999, 1, 0) < key(QUEUE_FIFO, 60, 1, 2, 0), "fifo: by arrival");
	ok(key(QUEUE_PRIORITY, 60, 1000, 2, 1) < key(QUEUE_PRIORITY, 60, 1000, 1, 0), "priority: higher first");
	ok(key(QUEUE_PRIORITY, 60, 1000, 2, 0) < key(QUEUE_PRIORITY, 60, 1001, 1, 0), "among equals by due time");
	ok(key(QUEUE_PRIORITY, 60, 1000, 1, 0) < key(QUEUE_PRIORITY, 60, 1061, 1, 1) &&
	   key(QUEUE_PRIORITY, 60, 1000, 1, 0) > key(QUEUE_PRIORITY, 60, 1059, 1, 1),
	   "one step of priority is worth the aging interval");
	ok(key(QUEUE_PRIORITY, PG_INT64_MAX / 2, 0, 1, TASKLY_PRIORITY_MAX) == PG_INT64_MIN &&
	   key(QUEUE_PRIORITY, PG_INT64_MAX / 2, 0, 1, -TASKLY_PRIORITY_MAX) == PG_INT64_MAX,
	   "keys saturate");
	fake_error_jump = &jump;
	if (sigsetjmp(jump, 0) == 0)
		ok(key(QUEUE_EDF, 0, 0, 0, 0) == 0 && false, "an algorithm that is not built is an error");
	else
		ok(true, "an algorithm that is not built is an error");
	fake_error_jump = NULL;
}

static void
test_task_plan(void)
{
	TaskPlan   *plan;

	task_plan_init();
	plan = task_plan_set(1, true, false, 3);
	ok(task_plan_is_paused(1) && !task_plan_is_paused(2), "paused is known of each task");
	ok(task_plan_set(1, false, true, 9) == plan && plan->consecutive_failures == 3 && !plan->is_paused,
	   "a change keeps what the scheduler counts itself");
	task_plan_count(plan, 11, RUN_FAILED, false, 100, 180);
	ok(plan->average_us == 80 && plan->counts.runs == 0 && dlist_is_empty(task_plan_dirty()),
	   "an attempt that is not the last counts for the duration only");
	task_plan_count(plan, 11, RUN_FAILED, true, 200, 360);
	ok(plan->average_us == 90 && plan->counts.runs == 1 && plan->counts.failures == 1 &&
	   plan->counts.consecutive_failures == 4 && plan->counts.last_failure_run_id == 11, "a failure is counted");
	task_plan_count(plan, 12, RUN_SUCCEEDED, true, 400, 490);
	ok(plan->counts.runs == 2 && plan->counts.failures == 1 && plan->counts.consecutive_failures == 0 &&
	   plan->counts.last_run_id == 12 && plan->counts.last_failure_run_id == 11, "a success ends the series");
	ok(dlist_container(TaskPlan, dirty_node, dlist_head_node(task_plan_dirty())) == plan &&
	   !dlist_has_next(task_plan_dirty(), dlist_head_node(task_plan_dirty())), "it is to be written, once");
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
	test_missed();
	test_bounds();
	test_kinds();
	test_postpone();
	test_policy();
	test_task_plan();
	return tap_done();
}
