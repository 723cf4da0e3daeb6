/*-------------------------------------------------------------------------
 *
 * flow.c
 *	  Flows of runs: their order, and when they are open.
 *
 * In a fair queue the flow of the key with the smallest tag is the first of its
 * line; else the one whose first run is best.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "plan/flow.h"
#include "plan/ready.h"

static MemoryContext flow_context = NULL;
static int64 closed_runs = 0;

#define entry_of(heap_node) \
	pairingheap_container(RunEntry, order_node, (pairingheap_node *) (heap_node))
#define flow_of_open(heap_node) \
	pairingheap_container(ReadyFlow, open_node, (pairingheap_node *) (heap_node))

void
flow_init(MemoryContext context)
{
	flow_context = context;
	closed_runs = 0;
}

int64
flow_closed_runs(void)
{
	return closed_runs;
}

/* ------------------------------------------------------------------------
 * Order
 * ------------------------------------------------------------------------ */

static int
smaller_first(int64 a, int64 b)
{
	return a < b ? 1 : (a > b ? -1 : 0);
}

int
run_compare(const RunEntry *a, const RunEntry *b)
{
	int			result = smaller_first(a->order_key, b->order_key);

	if (result == 0)
		result = smaller_first(a->due_at, b->due_at);
	return result != 0 ? result : smaller_first(a->run_id, b->run_id);
}

int
flow_compare_runs(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	return run_compare(entry_of(a), entry_of(b));
}

RunEntry *
flow_first(const ReadyFlow *flow)
{
	return entry_of(flow->heap.ph_root);
}

/* The list is what is left to look at, too: a heap may be as deep as it is large. */
void
flow_entries(const ReadyFlow *flow, RunEntry **list)
{
	int64		count = 1;

	list[0] = flow_first(flow);
	for (int64 i = 0; i < count; i++)
	{
		for (const pairingheap_node *node = list[i]->order_node.first_child;
			 node != NULL; node = node->next_sibling)
			list[count++] = entry_of(node);
	}
	Assert(count == flow->count);
}

int
flow_compare(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const ReadyFlow *x = flow_of_open(a);
	const ReadyFlow *y = flow_of_open(b);
	int			result = 0;

	if (x->id.line->is_fair)
		result = smaller_first(x->id.key->share.tag, y->id.key->share.tag);
	return result != 0 ? result : run_compare(flow_first(x), flow_first(y));
}

/* ------------------------------------------------------------------------
 * Open and closed
 * ------------------------------------------------------------------------ */

static int64
room_of(const ReadyFlow *flow)
{
	int64		room = flow->count;

	if (flow->id.key != NULL)
		room = Min(room, key_plan_room(flow->id.key));
	if (flow->task != NULL && flow->task->max_running > 0)
		room = Min(room, flow->task->max_running - flow->task->running);
	return Max(room, 0);
}

static bool
has_room(const KeyPlan *key, const TaskPlan *task, bool is_blocker)
{
	return (task == NULL || task_plan_has_room(task)) &&
		(key == NULL || key_plan_has_room(key, is_blocker));
}

bool
flow_would_wait(const RunEntry *entry)
{
	TaskPlan   *task = entry->task_id == 0 ? NULL : task_plan_find(entry->task_id);

	return !has_room(entry->key, task, entry->is_blocker);
}

/*
 * Runs of a key that go one after another may be in several lines: of several
 * roles, or some of them shell. Does one in another line go before this flow's?
 */
static bool
is_behind_another_line(const ReadyFlow *flow)
{
	dlist_iter	iter;

	if (flow->id.key == NULL || !key_plan_is_serial(flow->id.key))
		return false;
	dlist_foreach(iter, &flow->id.key->flows)
	{
		const ReadyFlow *other = dlist_container(ReadyFlow, key_node, iter.cur);

		if (other->id.line != flow->id.line && other->count > 0 &&
			(other->task == NULL || task_plan_has_room(other->task)) &&
			run_compare(flow_first(other), flow_first(flow)) > 0)
			return true;
	}
	return false;
}

/* Behind whose runs may those of a flow go that has no room? */
static int
leader_of(const ReadyFlow *flow)
{
	const ReadyLine *line = flow->id.line;

	if (flow->id.key == NULL || line->is_shell ||
		(flow->task != NULL && !task_plan_has_room(flow->task)))
		return NO_WORKER;
	return key_plan_leader(flow->id.key, flow_first(flow)->is_blocker);
}

static void
make_followers(ReadyLine *line, int worker)
{
	int			size = Max(worker + 1, line->followers_size * 2);
	MemoryContext old_context;

	if (worker < line->followers_size)
		return;
	old_context = MemoryContextSwitchTo(flow_context);
	line->followers = line->followers == NULL ? palloc(sizeof(pairingheap) * size) :
		repalloc(line->followers, sizeof(pairingheap) * size);
	MemoryContextSwitchTo(old_context);
	for (int i = line->followers_size; i < size; i++)
		line->followers[i] = (pairingheap) {.ph_compare = flow_compare};
	line->followers_size = size;
}

static void
follow(ReadyFlow *flow, int leader)
{
	ReadyLine  *line = flow->id.line;

	flow->leader = leader;
	if (leader == NO_WORKER)
		return;
	make_followers(line, leader);
	pairingheap_add(&line->followers[leader], &flow->open_node);
	line->following++;
}

static void
stop_following(ReadyFlow *flow)
{
	ReadyLine  *line = flow->id.line;

	if (flow->leader == NO_WORKER)
		return;
	pairingheap_remove(&line->followers[flow->leader], &flow->open_node);
	line->following--;
	flow->leader = NO_WORKER;
}

/* Out of its line's heaps, before anything changes that its place depends on. */
static void
close_flow(ReadyFlow *flow)
{
	ReadyLine  *line = flow->id.line;

	if (flow->is_open)
	{
		pairingheap_remove(&line->open, &flow->open_node);
		line->startable -= flow->startable;
	}
	else
	{
		stop_following(flow);
		closed_runs -= flow->count;
	}
	flow->is_open = false;
}

/* After close_flow() and any change: into the heap, if it may be in one. */
static void
settle_flow(ReadyFlow *flow)
{
	ReadyLine  *line = flow->id.line;

	if (is_behind_another_line(flow))
	{
		closed_runs += flow->count;
		return;
	}
	if (!has_room(flow->id.key, flow->task, flow_first(flow)->is_blocker))
	{
		closed_runs += flow->count;
		follow(flow, leader_of(flow));
		return;
	}
	flow->is_open = true;
	flow->startable = room_of(flow);
	line->startable += flow->startable;
	pairingheap_add(&line->open, &flow->open_node);
}

void
flow_begin_key_change(KeyPlan *key)
{
	dlist_iter	iter;

	if (key == NULL)
		return;
	dlist_foreach(iter, &key->flows)
		close_flow(dlist_container(ReadyFlow, key_node, iter.cur));
}

void
flow_end_key_change(KeyPlan *key)
{
	dlist_iter	iter;

	if (key == NULL)
		return;
	dlist_foreach(iter, &key->flows)
	{
		ReadyFlow  *flow = dlist_container(ReadyFlow, key_node, iter.cur);

		/* An empty one is about to go. */
		if (flow->count > 0)
			settle_flow(flow);
	}
}

/* Around a change of a flow: others of its key may come to be first, or no longer. */
void
flow_begin_change(ReadyFlow *flow)
{
	if (flow->id.key != NULL && key_plan_is_serial(flow->id.key))
		flow_begin_key_change(flow->id.key);
	else
		close_flow(flow);
}

void
flow_end_change(ReadyFlow *flow)
{
	if (flow->id.key != NULL && key_plan_is_serial(flow->id.key))
		flow_end_key_change(flow->id.key);
	else if (flow->count > 0)
		settle_flow(flow);
}

void
flow_task_changed(TaskPlan *task)
{
	dlist_iter	iter;

	dlist_foreach(iter, &task->flows)
	{
		ReadyFlow  *flow = dlist_container(ReadyFlow, task_node, iter.cur);

		flow_begin_change(flow);
		flow_end_change(flow);
	}
}
