/*-------------------------------------------------------------------------
 *
 * task_plan.c
 *	  What a scheduler remembers of each task that has runs.
 *
 * Counts are written to the task's row now and then, not at each run: at high
 * rates one row would be updated thousands of times a second.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "plan/task_plan.h"

/* Weight of the latest duration in the moving average: one in this many. */
#define AVERAGE_WEIGHT	8

static HTAB *plans = NULL;
static dlist_head dirty = DLIST_STATIC_INIT(dirty);
static bool is_urgent = false;

void
task_plan_init(MemoryContext parent)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(TaskPlan);
	control.hcxt = parent;
	plans = hash_create("taskly tasks", 256, &control,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&dirty);
	is_urgent = false;
}

TaskPlan *
task_plan_find(int64 task_id)
{
	return hash_search(plans, &task_id, HASH_FIND, NULL);
}

TaskPlan *
task_plan_set(const TaskFacts *facts)
{
	bool		found;
	TaskPlan   *plan = hash_search(plans, &facts->task_id, HASH_ENTER, &found);

	if (!found)
	{
		memset(plan, 0, sizeof(*plan));
		plan->task_id = facts->task_id;
		plan->last = FIRST_PLACE;
		dlist_init(&plan->held);
		dlist_init(&plan->flows);
	}
	if (!found || (plan->is_paused && !facts->is_paused))
		plan->consecutive_failures = facts->consecutive_failures;
	plan->is_paused = facts->is_paused;
	plan->is_shell = facts->is_shell;
	plan->is_serial = facts->is_serial;
	plan->max_running = facts->max_running;
	plan->period_us = facts->period_us;
	plan->pause_after_failures = facts->pause_after_failures;
	return plan;
}

void
task_plan_forget(int64 task_id)
{
	TaskPlan   *plan = task_plan_find(task_id);

	if (plan == NULL)
		return;
	task_plan_clean(plan);
	if (plan->running == 0 && !plan->turn_is_taken && !plan->has_left && dlist_is_empty(&plan->held) &&
		dlist_is_empty(&plan->flows))
		(void) hash_search(plans, &task_id, HASH_REMOVE, NULL);
}

int64
task_plan_average(int64 average_us, int64 duration_us)
{
	if (average_us == 0)
		return Max(duration_us, 1);
	return Max(1, average_us + (duration_us - average_us) / AVERAGE_WEIGHT);
}

bool
task_plan_count(TaskPlan *plan, const TaskAttempt *attempt)
{
	TaskCounts *counts = &plan->counts;

	if (attempt->started_at != 0)
		plan->average_us = task_plan_average(plan->average_us, attempt->duration_us);
	if (!attempt->is_final)
		return false;

	counts->task_id = plan->task_id;
	counts->runs++;
	counts->last_run_id = attempt->run_id;
	counts->last_status = attempt->status;
	counts->last_started_at = attempt->started_at;
	counts->last_finished_at = attempt->finished_at;
	if (run_status_is_failure(attempt->status))
	{
		counts->failures++;
		plan->consecutive_failures++;
		counts->last_failure_run_id = attempt->run_id;
		counts->last_failure_at = attempt->finished_at;
	}
	else if (attempt->status == RUN_SUCCEEDED)
		plan->consecutive_failures = 0;
	counts->consecutive_failures = plan->consecutive_failures;
	if (!plan->is_dirty)
	{
		plan->is_dirty = true;
		dlist_push_tail(&dirty, &plan->dirty_node);
	}
	if (plan->is_paused || plan->pause_after_failures == 0 ||
		plan->consecutive_failures < plan->pause_after_failures)
		return false;
	plan->is_paused = counts->pauses = is_urgent = true;
	dlist_move_head(&dirty, &plan->dirty_node);
	return true;
}

bool
task_plan_take_urgent(void)
{
	bool		result = is_urgent;

	is_urgent = false;
	return result;
}

dlist_head *
task_plan_dirty(void)
{
	return &dirty;
}

void
task_plan_clean(TaskPlan *plan)
{
	if (plan->is_dirty)
		dlist_delete(&plan->dirty_node);
	plan->is_dirty = false;
	memset(&plan->counts, 0, sizeof(plan->counts));
}
