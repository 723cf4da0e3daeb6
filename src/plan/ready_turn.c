/*-------------------------------------------------------------------------
 *
 * ready_turn.c
 *	  Tasks whose occurrences run one at a time.
 *
 * Of the serial runs of a task only one is in line or dispatched: it has the turn.
 * The others are held, and get it one after another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/ready_private.h"

bool
ready_take_turn(RunEntry *entry)
{
	TaskPlan   *plan = entry->is_serial ? task_plan_find(entry->task_id) : NULL;

	if (plan == NULL || entry->has_turn)
		return true;
	if (plan->turn_is_taken)
		return false;
	plan->turn_is_taken = entry->has_turn = true;
	return true;
}

void
ready_give_turn(RunEntry *entry)
{
	TaskPlan   *plan = entry->has_turn ? task_plan_find(entry->task_id) : NULL;
	RunEntry   *next;

	entry->has_turn = false;
	if (plan == NULL)
		return;
	plan->turn_is_taken = false;
	if (dlist_is_empty(&plan->held))
		return;
	next = dlist_container(RunEntry, list_node, dlist_head_node(&plan->held));
	ready_withdraw(next);
	ready_enter(next, next->wake_at);
}

static RunEntry *
find_turn_holder(int64 task_id)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;
	RunEntry   *holder = NULL;

	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->task_id == task_id && entry->has_turn)
			holder = entry;
	}
	return holder;
}

void
ready_seize_turn(RunEntry *entry)
{
	TaskPlan   *plan = entry->is_serial ? task_plan_find(entry->task_id) : NULL;
	RunEntry   *holder;
	int64		holder_id;

	if (plan == NULL || entry->has_turn)
		return;
	holder = plan->turn_is_taken ? find_turn_holder(entry->task_id) : NULL;
	if (holder != NULL)
	{
		if (holder->state != ENTRY_READY)
			return;
		holder_id = holder->run_id;
		holder->has_turn = false;
		ready_withdraw(holder);
		ready_enter(holder, holder->wake_at);
		/* It was the first of those that wait; with very many, it is left. */
		holder = ready_find(holder_id);
		if (holder != NULL)
			dlist_move_head(&plan->held, &holder->list_node);
	}
	plan->turn_is_taken = entry->has_turn = true;
}
