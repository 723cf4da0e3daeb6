/*-------------------------------------------------------------------------
 *
 * ready_pick.c
 *	  Runs that are handed to workers, end there, or come back to wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/ready_private.h"

/* Charged to a share for a run of which nothing is known. */
#define UNKNOWN_CHARGE_US	1000

void
ready_take(RunEntry *entry, int worker, int64 expected_us, TimestampTz now)
{
	TaskPlan   *task = ready_task_of(entry);
	KeyPlan    *key = entry->key;
	/* Who had it handed over by another scheduler does not know what that is to those behind it. */
	int			leader = entry->is_adopted ? NO_WORKER : worker;
	int64		charge_us = key && key->average_us ? key->average_us : expected_us;

	entry->charged_us = Min(charge_us ? charge_us : UNKNOWN_CHARGE_US, PG_INT32_MAX);
	if (entry->state == ENTRY_READY)
		line_charge(entry->flow->id.line, entry->charged_us);
	ready_withdraw(entry);
	entry->is_adopted = false;
	throttle_start(entry->queue, worker, now);
	flow_begin_key_change(key);
	if (key != NULL)
		key_plan_start(key, leader, entry->charged_us, now);
	flow_end_key_change(key);
	/* It may go on beside this one, however long that takes. */
	if (key != NULL)
		ready_look_for_left(key);
	if (task != NULL)
	{
		task->running++;
		if (task->max_running > 0)
			ready_task_changed(task);
	}
	entry->was_told_again = false;
	entry->state = ENTRY_DISPATCHED;
}

void
ready_release(RunEntry *entry, int worker, int64 used_us)
{
	TaskPlan   *task = ready_task_of(entry);
	KeyPlan    *key = entry->key;

	throttle_end(entry->queue, worker);
	line_correct(entry, used_us - entry->charged_us);
	flow_begin_key_change(key);
	if (key != NULL)
	{
		key_plan_end(key);
		key_plan_learn(key, entry->charged_us, used_us);
	}
	flow_end_key_change(key);
	/* Others of its key may go on, even when it waits again. */
	if (key != NULL)
		ready_look_for_left(key);
	/* Not counted: handed over before its task was known. */
	if (task == NULL || task->running == 0)
		return;
	task->running--;
	if (task->max_running > 0)
		ready_task_changed(task);
}

void
ready_hold_up_others(RunEntry *entry)
{
	Assert(entry->state == ENTRY_DISPATCHED);
	entry->is_blocker = true;
	entry->order_key = PG_INT64_MIN;
}

static void
wait_again(RunEntry *entry, TimestampTz wake_at, TimestampTz now)
{
	Assert(entry->state == ENTRY_DISPATCHED);
	entry->slot = -1;
	entry->activity = -1;
	entry->wake_at = wake_at;
	/* Its queue may have become fair since it was taken: there all have one. */
	if (entry->key == NULL)
		entry->key = key_plan_of(entry->queue, NULL, entry->task_id, entry->owner, now);
	ready_enter(entry, now);
}

void
ready_return(RunEntry *entry)
{
	entry->is_postponed = false;
	wait_again(entry, DT_NOBEGIN, DT_NOBEGIN);
}

void
ready_postpone(RunEntry *entry, TimestampTz until, TimestampTz now)
{
	entry->is_postponed = true;
	ready_give_turn(entry);
	wait_again(entry, until, now);
}
