/*-------------------------------------------------------------------------
 *
 * line.c
 *	  Where due runs wait: lines of flows of runs.
 *
 * In a fair queue the flow of the key with the smallest tag is the first of its
 * line; else the one whose first run is best.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "plan/line.h"
#include "plan/ready.h"

static MemoryContext line_context = NULL;
static HTAB *flows = NULL;
static dlist_head lines = DLIST_STATIC_INIT(lines);
static dlist_head spare_lines = DLIST_STATIC_INIT(spare_lines);
static dlist_head groups = DLIST_STATIC_INIT(groups);
static int64 closed_count = 0;

#define entry_of(heap_node) \
	pairingheap_container(RunEntry, order_node, (pairingheap_node *) (heap_node))
#define flow_of_open(heap_node) \
	pairingheap_container(ReadyFlow, open_node, (pairingheap_node *) (heap_node))

void
line_init(MemoryContext parent)
{
	HASHCTL		control = {0};

	line_context = AllocSetContextCreate(parent, "taskly lines", ALLOCSET_DEFAULT_SIZES);
	control.keysize = sizeof(FlowId);
	control.entrysize = sizeof(ReadyFlow);
	control.hcxt = line_context;
	flows = hash_create("taskly flows", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&lines);
	dlist_init(&spare_lines);
	dlist_init(&groups);
	closed_count = 0;
}

dlist_head *
ready_lines(void)
{
	return &lines;
}

int64
line_closed_count(void)
{
	return closed_count;
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
line_compare(const RunEntry *a, const RunEntry *b)
{
	int			result = smaller_first(a->order_key, b->order_key);

	if (result == 0)
		result = smaller_first(a->due_at, b->due_at);
	return result != 0 ? result : smaller_first(a->run_id, b->run_id);
}

static int
compare_runs(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	return line_compare(entry_of(a), entry_of(b));
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

static int
compare_flows(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const ReadyFlow *x = flow_of_open(a);
	const ReadyFlow *y = flow_of_open(b);
	int			result = 0;

	if (x->id.line->is_fair)
		result = smaller_first(x->id.key->share.tag, y->id.key->share.tag);
	return result != 0 ? result : line_compare(flow_first(x), flow_first(y));
}

static ReadyFlow *
first_flow(const pairingheap *heap)
{
	return pairingheap_is_empty(heap) ? NULL : flow_of_open(heap->ph_root);
}

RunEntry *
ready_line_first(const ReadyLine *line, int worker)
{
	ReadyFlow  *first = first_flow(&line->open);
	ReadyFlow  *follower = worker == NO_WORKER || worker >= line->followers_size ? NULL :
		first_flow(&line->followers[worker]);

	if (first == NULL || (follower != NULL &&
						  compare_flows(&follower->open_node, &first->open_node, NULL) > 0))
		first = follower;
	return first != NULL ? flow_first(first) : NULL;
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
line_would_wait(const RunEntry *entry)
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
			line_compare(flow_first(other), flow_first(flow)) > 0)
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
	old_context = MemoryContextSwitchTo(line_context);
	line->followers = line->followers == NULL ? palloc(sizeof(pairingheap) * size) :
		repalloc(line->followers, sizeof(pairingheap) * size);
	MemoryContextSwitchTo(old_context);
	for (int i = line->followers_size; i < size; i++)
		line->followers[i] = (pairingheap) {.ph_compare = compare_flows};
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
		closed_count -= flow->count;
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
		closed_count += flow->count;
		return;
	}
	if (!has_room(flow->id.key, flow->task, flow_first(flow)->is_blocker))
	{
		closed_count += flow->count;
		follow(flow, leader_of(flow));
		return;
	}
	flow->is_open = true;
	flow->startable = room_of(flow);
	line->startable += flow->startable;
	pairingheap_add(&line->open, &flow->open_node);
}

void
line_begin_key_change(KeyPlan *key)
{
	dlist_iter	iter;

	if (key == NULL)
		return;
	dlist_foreach(iter, &key->flows)
		close_flow(dlist_container(ReadyFlow, key_node, iter.cur));
}

void
line_end_key_change(KeyPlan *key)
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
static void
begin_flow_change(ReadyFlow *flow)
{
	if (flow->id.key != NULL && key_plan_is_serial(flow->id.key))
		line_begin_key_change(flow->id.key);
	else
		close_flow(flow);
}

static void
end_flow_change(ReadyFlow *flow)
{
	if (flow->id.key != NULL && key_plan_is_serial(flow->id.key))
		line_end_key_change(flow->id.key);
	else if (flow->count > 0)
		settle_flow(flow);
}

void
line_task_changed(TaskPlan *task)
{
	dlist_iter	iter;

	dlist_foreach(iter, &task->flows)
	{
		ReadyFlow  *flow = dlist_container(ReadyFlow, task_node, iter.cur);

		begin_flow_change(flow);
		end_flow_change(flow);
	}
}

/* ------------------------------------------------------------------------
 * Coming and going
 * ------------------------------------------------------------------------ */

static ReadyLine *
find_line(const RunEntry *entry)
{
	dlist_iter	iter;

	dlist_foreach(iter, &lines)
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (line->queue == entry->queue && line->owner == entry->owner &&
			line->is_shell == entry->is_shell)
			return line;
	}
	return NULL;
}

static LineGroup *
group_of(Oid role)
{
	dlist_iter	iter;
	LineGroup  *group;

	dlist_foreach(iter, &groups)
	{
		group = dlist_container(LineGroup, node, iter.cur);
		if (group->role == role)
			return group;
	}
	group = MemoryContextAllocZero(line_context, sizeof(LineGroup));
	group->role = role;
	dlist_push_tail(&groups, &group->node);
	return group;
}

/* What a queue has had of a group's workers is remembered while it has no runs. */
static Share *
remembered_share(const RunEntry *entry, const LineGroup *group)
{
	return entry->queue->last_group == group ? &entry->queue->last_share : NULL;
}

static ReadyLine *
line_of(const RunEntry *entry)
{
	ReadyLine  *line = find_line(entry);
	Share	   *share;

	if (line != NULL)
		return line;
	if (dlist_is_empty(&spare_lines))
		line = MemoryContextAlloc(line_context, sizeof(ReadyLine));
	else
	{
		line = dlist_container(ReadyLine, node, dlist_pop_head_node(&spare_lines));
		if (line->followers != NULL)
			pfree(line->followers);
	}
	memset(line, 0, sizeof(ReadyLine));
	line->queue = entry->queue;
	line->owner = entry->owner;
	line->is_shell = entry->is_shell;
	line->group = group_of(entry->is_shell ? InvalidOid : entry->owner);
	share = remembered_share(entry, line->group);
	if (share != NULL)
		line->share = *share;
	share_join(&line->share, &line->group->clock);
	line->is_fair = entry->queue->settings.algorithm == QUEUE_FAIR;
	line->open.ph_compare = compare_flows;
	dlist_init(&line->flows);
	dlist_push_tail(&lines, &line->node);
	return line;
}

static void
begin_flow(ReadyFlow *flow)
{
	KeyPlan    *key = flow->id.key;

	flow->task = flow->id.task_id == 0 ? NULL : task_plan_find(flow->id.task_id);
	flow->count = flow->startable = 0;
	flow->is_open = false;
	flow->leader = NO_WORKER;
	flow->heap.ph_compare = compare_runs;
	flow->heap.ph_root = NULL;
	dlist_push_tail(&flow->id.line->flows, &flow->line_node);
	if (key != NULL && dlist_is_empty(&key->flows))
		share_join(&key->share, &key->queue->key_clock);
	if (key != NULL)
		dlist_push_tail(&key->flows, &flow->key_node);
	if (flow->task != NULL)
		dlist_push_tail(&flow->task->flows, &flow->task_node);
}

static void
end_flow(ReadyFlow *flow)
{
	ReadyLine  *line = flow->id.line;

	dlist_delete(&flow->line_node);
	if (flow->id.key != NULL)
		dlist_delete(&flow->key_node);
	if (flow->task != NULL)
		dlist_delete(&flow->task_node);
	(void) hash_search(flows, &flow->id, HASH_REMOVE, NULL);
	if (!dlist_is_empty(&line->flows))
		return;
	/* Queues and roles come and go for ever. */
	line->queue->last_group = line->group;
	line->queue->last_share = line->share;
	dlist_delete(&line->node);
	dlist_push_head(&spare_lines, &line->node);
}

static ReadyFlow *
flow_of(const RunEntry *entry)
{
	FlowId		id = {line_of(entry), entry->key, entry->task_id};
	bool		found;
	ReadyFlow  *flow = hash_search(flows, &id, HASH_ENTER, &found);

	if (!found)
		begin_flow(flow);
	return flow;
}

void
line_add(RunEntry *entry)
{
	ReadyFlow  *flow = flow_of(entry);

	entry->queue->ready++;
	begin_flow_change(flow);
	entry->flow = flow;
	pairingheap_add(&flow->heap, &entry->order_node);
	flow->count++;
	end_flow_change(flow);
}

void
line_remove(RunEntry *entry)
{
	ReadyFlow  *flow = entry->flow;

	begin_flow_change(flow);
	pairingheap_remove(&flow->heap, &entry->order_node);
	flow->count--;
	entry->flow = NULL;
	entry->queue->ready--;
	end_flow_change(flow);
	if (flow->count == 0)
		end_flow(flow);
}

/* ------------------------------------------------------------------------
 * Shares of queues
 * ------------------------------------------------------------------------ */

void
line_charge(ReadyLine *line, int64 us)
{
	line->share.weight = line->queue->settings.weight;
	share_charge(&line->share, &line->group->clock, us);
}

void
line_correct(const RunEntry *entry, int64 us)
{
	ReadyLine  *line = find_line(entry);
	Share	   *share = line != NULL ? &line->share :
		remembered_share(entry, group_of(entry->is_shell ? InvalidOid : entry->owner));

	if (share != NULL)
		share_correct(share, us);
}

bool
line_take_part(ReadyLine *line, bool may_start)
{
	if (may_start && line->is_kept_back)
		share_join(&line->share, &line->group->clock);
	line->is_kept_back = !may_start;
	return may_start;
}
