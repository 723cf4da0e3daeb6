/*-------------------------------------------------------------------------
 *
 * intake_settings.c
 *	  What the tables say of queues, keys, quotas, the home and tasks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/ready.h"
#include "plan/role_plan.h"
#include "process/dependencies.h"
#include "process/intake_private.h"
#include "process/leader.h"
#include "server/database.h"
#include "server/txn.h"
#include "store/catalog.h"
#include "store/queue_key_store.h"
#include "store/queue_store.h"
#include "store/quota_store.h"
#include "store/task_store.h"
#include "store/task_timetable.h"

/* A task's period is asked for by queues of one algorithm only. */
#define PERIOD_UNKNOWN	(-1)

/* ------------------------------------------------------------------------
 * Settings
 * ------------------------------------------------------------------------ */

static bool
orders_alike(const QueueSettings *a, const QueueSettings *b)
{
	return a->algorithm == b->algorithm && a->aging_us == b->aging_us &&
		a->block_key_on_failure == b->block_key_on_failure;
}

static void
refresh_key(KeyPlan *key)
{
	ready_key_changed(key);
}

static void
receive_queue(const QueueRow *queue, void *arg)
{
	const QueuePlan *known = throttle_find(queue->queue_id);

	/* What is in memory was put in order by another rule. */
	if (known != NULL && !orders_alike(&known->settings, &queue->settings))
		intake_read_all_runs();
	throttle_set(queue->queue_id, &queue->settings);
}

static void
receive_new_queue(const QueueRow *queue, void *arg)
{
	if (throttle_find(queue->queue_id) == NULL)
		receive_queue(queue, arg);
}

void
intake_read_new_queues(void)
{
	queue_store_read_all(receive_new_queue, NULL);
}

static void
receive_key(const QueueKeyRow *key, void *arg)
{
	QueuePlan  *queue = throttle_find(key->queue_id);

	if (queue != NULL)
		key_plan_set(queue, key->key, key->weight, key->is_paused, key->blocked_by);
}

static void
receive_quota(const QuotaRow *quota, void *arg)
{
	role_plan_set(quota->role, quota->max_running);
}

static void
read_queues(void)
{
	throttle_begin_reload();
	queue_store_read_all(receive_queue, NULL);
	throttle_end_reload(key_plan_forget_queue);
	key_plan_begin_reload();
	queue_key_store_read_all(receive_key, NULL);
	key_plan_end_reload(refresh_key, intake.reading_at);
	role_plan_begin_reload();
	quota_store_read_all(receive_quota, NULL);
}

void
intake_read_settings(void)
{
	bool		has_home = home_store_read(&intake.home);
	int64		home_id;

	intake.is_at_home = has_home && catalog_home_id(&home_id);
	if (has_home)
		database_set_history_slot(intake.entry, intake.home.history_slot);
	read_queues();
	dependencies_read_settings();
	leader_home_changed(intake.is_at_home, intake.home.term);
	leader_settings_changed(intake.reading_at);
}

/* ------------------------------------------------------------------------
 * Tasks
 * ------------------------------------------------------------------------ */

static bool
is_by_period(const QueuePlan *queue)
{
	return queue != NULL && queue->settings.algorithm == QUEUE_RATE_MONOTONIC;
}

/* Found by walking through occurrences, so only where it matters. */
static int64
period_of(const TaskRow *task)
{
	Timetable	timetable;
	ScheduleError error;

	if (!is_by_period(throttle_find(task->queue_id)))
		return PERIOD_UNKNOWN;
	return task->schedule != NULL && task_timetable(task, NULL, &timetable, &error) ?
		timetable_shortest_gap(&timetable) : 0;
}

static TaskPlan *
remember_task(const TaskRow *task)
{
	TaskFacts	facts = {
		.task_id = task->task_id,
		.is_paused = task->is_paused,
		.is_shell = task->kind == RUN_KIND_SHELL,
		.is_serial = task_overlap(task) != OVERLAP_ALLOW,
		.max_running = task->max_running,
		.period_us = period_of(task),
		.pause_after_failures = task->pause_after_failures,
		.consecutive_failures = task->consecutive_failures
	};

	return task_plan_set(&facts);
}

void
intake_know_task(const TaskRow *task)
{
	(void) remember_task(task);
}

void
intake_read_task(int64 task_id)
{
	TaskRow		task;
	TaskPlan   *plan;

	if (!task_store_read(task_id, &task))
	{
		plan = task_plan_find(task_id);
		if (plan != NULL)
			ready_read_left(plan);
		task_plan_forget(task_id);
		leader_task_dropped(task_id);
		return;
	}
	plan = remember_task(&task);
	ready_task_changed(plan);
	leader_task_changed(&task, intake.reading_at);
}

/* Its queue may have become one that asks for periods. */
bool
intake_knows(const TaskPlan *plan, const QueuePlan *queue)
{
	return plan != NULL && (plan->period_us != PERIOD_UNKNOWN || !is_by_period(queue));
}

TaskPlan *
intake_plan_of(int64 task_id, const QueuePlan *queue)
{
	TaskPlan   *plan = task_plan_find(task_id);
	TaskRow		task;

	if (!intake_knows(plan, queue) && task_store_read(task_id, &task))
		plan = remember_task(&task);
	return plan;
}

void
intake_learn_task(int64 task_id)
{
	txn_begin("taskly: read task");
	(void) intake_plan_of(task_id, NULL);
	txn_commit();
}
