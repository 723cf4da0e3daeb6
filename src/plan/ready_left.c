/*-------------------------------------------------------------------------
 *
 * ready_left.c
 *	  Runs that are left in their table since they might not start, or since their
 *	  key has had its share of memory.
 *
 * Their key, or task, gets a watermark of its own: what is behind is left, and is
 * found again by it; see ready_refill.c.
 *
 * Where arrival decides, memory holds of each key the runs up to some place, and
 * none behind it: so no run overtakes one of its key that is in the table only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "plan/ready_private.h"

/* ------------------------------------------------------------------------
 * What stays in the table
 * ------------------------------------------------------------------------ */

static bool
is_behind_task(const RunEntry *entry)
{
	const TaskPlan *task = ready_task_of(entry);

	return task != NULL && task->has_left && task->left_queue_id == entry->queue->queue_id &&
		place_is_before(task->watermark, ready_place_of(entry));
}

/*
 * Beyond the watermark of a fair queue. Rows before it may be very many, and of one
 * key: each key is read by itself. Those without a key wait for the queue's rows,
 * but for the first one of each task.
 */
static bool
is_behind_fair_watermark(const RunEntry *entry)
{
	KeyPlan    *key = entry->key;
	QueuePlan  *queue = entry->queue;

	if (!ready_has_key(key))
		return ready.waiting >= ready.limit / 2 && key->waiting > 0;
	/* Before its first reading all come with the queue. */
	if (place_is_before(FIRST_PLACE, queue->watermark))
	{
		key->is_apart = true;
		key->watermark = queue->watermark;
	}
	return true;
}

bool
ready_is_behind(const RunEntry *entry)
{
	const KeyPlan *key = entry->key;

	if (is_behind_task(entry))
		return true;
	if (ready_has_key(key) && key->is_apart)
		return place_is_before(key->watermark, ready_place_of(entry));
	return ready_is_beyond_watermark(entry) &&
		(entry->queue->settings.algorithm == QUEUE_FIFO || is_behind_fair_watermark(entry));
}

/* ------------------------------------------------------------------------
 * Leaving
 * ------------------------------------------------------------------------ */

void
ready_lower_key(const RunEntry *entry)
{
	if (entry->key != NULL && entry->key->is_apart)
		ready_lower(&entry->key->watermark, entry);
}

static void
leave_to_key(const RunEntry *entry)
{
	KeyPlan    *key = entry->key;

	if (!key->is_apart)
		key->watermark = LAST_PLACE;
	key->is_apart = true;
	ready_lower(&key->watermark, entry);
}

/* Most tasks have runs in one queue only; of another one, theirs stay in memory. */
bool
ready_leave_to_task(TaskPlan *task, const RunEntry *entry)
{
	if (task->has_left && task->left_queue_id != entry->queue->queue_id)
		return false;
	if (!task->has_left)
	{
		ready_task_has_left(task);
		task->left_queue_id = entry->queue->queue_id;
		task->watermark = LAST_PLACE;
	}
	ready_lower(&task->watermark, entry);
	return true;
}

/* Whose limit is it? Runs without a key of their own are their task's. */
static bool
leave(const RunEntry *entry)
{
	TaskPlan   *task = ready_task_of(entry);

	if (task != NULL && (!task_plan_has_room(task) || !ready_has_key(entry->key)))
		return ready_leave_to_task(task, entry);
	leave_to_key(entry);
	return true;
}

/* Of keys that share, none may fill memory: the others' runs may be behind. */
static bool
is_beyond_share(const RunEntry *entry)
{
	return ready_has_key(entry->key) && entry->queue->settings.algorithm == QUEUE_FAIR &&
		entry->key->waiting >= ready.limit / WAITING_SHARE && ready.waiting >= ready.limit / 2;
}

/* Where arrival decides, none stays in line that would be behind it. */
static bool
is_last(const RunEntry *entry)
{
	RunPlace	place = ready_place_of(entry);
	const KeyPlan *key = entry->key;
	const TaskPlan *task = ready_task_of(entry);

	if (!ready_is_in_order_of_arrival(entry->queue))
		return true;
	return (!ready_has_key(key) || key->waiting == 0 || !place_is_before(place, key->last)) &&
		(task == NULL || !place_is_before(place, task->last));
}

bool
ready_is_left(const RunEntry *entry)
{
	if (ready_is_pinned(entry))
		return false;
	/* It may have waited for its time while others of its key were left. */
	if (ready_is_in_order_of_arrival(entry->queue) && ready_is_behind(entry))
		return true;
	if (!is_last(entry))
		return false;
	if (is_beyond_share(entry))
	{
		leave_to_key(entry);
		return true;
	}
	return flow_closed_runs() >= ready.limit / WAITING_SHARE && flow_would_wait(entry) &&
		leave(entry);
}

/* ------------------------------------------------------------------------
 * Spilling: closed flows that have become too long
 * ------------------------------------------------------------------------ */

typedef struct Collected
{
	RunEntry  **list;
	int64		count;
} Collected;

static void
collect_flow(Collected *collected, const ReadyFlow *flow)
{
	int64		known = collected->count;
	int64		end = known + flow->count;

	collected->list = repalloc(collected->list, sizeof(RunEntry *) * (end + 1));
	flow_entries(flow, collected->list + known);
	for (int64 i = known; i < end; i++)
	{
		if (!ready_is_pinned(collected->list[i]))
			collected->list[collected->count++] = collected->list[i];
	}
}

/* What is closed along with a flow: it is its task that has no room, or its key. */
static Collected
collect_closed(const ReadyFlow *flow)
{
	Collected	result = {palloc(sizeof(RunEntry *)), 0};
	dlist_iter	iter;

	if (flow->task != NULL && !task_plan_has_room(flow->task))
	{
		dlist_foreach(iter, &flow->task->flows)
		{
			const ReadyFlow *other = dlist_container(ReadyFlow, task_node, iter.cur);

			if (other->id.line->queue == flow->id.line->queue)
				collect_flow(&result, other);
		}
		return result;
	}
	Assert(flow->id.key != NULL);
	dlist_foreach(iter, &flow->id.key->flows)
		collect_flow(&result, dlist_container(ReadyFlow, key_node, iter.cur));
	return result;
}

/* It keeps its best runs, to go on with at once when it is opened. */
static int64
spill_flow(const ReadyFlow *flow)
{
	Collected	closed = collect_closed(flow);
	int64		spilled = 0;

	ready_sort_worst_first(closed.list, closed.count);
	while (spilled + ready_low() < closed.count && leave(closed.list[spilled]))
		ready_remove(closed.list[spilled++]);
	pfree(closed.list);
	return spilled;
}

static ReadyFlow *
find_long_closed_flow(void)
{
	dlist_iter	line_iter;
	dlist_iter	iter;

	dlist_foreach(line_iter, ready_lines())
	{
		dlist_foreach(iter, &dlist_container(ReadyLine, node, line_iter.cur)->flows)
		{
			ReadyFlow  *flow = dlist_container(ReadyFlow, line_node, iter.cur);

			if (!flow->is_open && flow->count > 2 * ready_low())
				return flow;
		}
	}
	return NULL;
}

static void
look_for_incomplete(QueuePlan *queue, void *arg)
{
	if (!ready_is_complete(queue))
		*(bool *) arg = true;
}

/* Only when there is more in the tables: what is here need not be read again. */
void
ready_spill(void)
{
	bool		has_more = false;

	if (flow_closed_runs() <= ready.limit / WAITING_SHARE)
		return;
	throttle_each(look_for_incomplete, &has_more);
	while (has_more && flow_closed_runs() > ready.limit / WAITING_SHARE)
	{
		ReadyFlow  *flow = find_long_closed_flow();

		if (flow == NULL || spill_flow(flow) == 0)
			break;
	}
}
