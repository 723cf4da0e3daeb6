/*-------------------------------------------------------------------------
 *
 * line.c
 *	  Where due runs wait: lines of flows of runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "plan/flow.h"
#include "plan/ready.h"

static MemoryContext line_context = NULL;
static HTAB *flows = NULL;
static dlist_head lines = DLIST_STATIC_INIT(lines);
static dlist_head spare_lines = DLIST_STATIC_INIT(spare_lines);
static dlist_head groups = DLIST_STATIC_INIT(groups);

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
	flow_init(line_context);
}

dlist_head *
ready_lines(void)
{
	return &lines;
}

/* ------------------------------------------------------------------------
 * The first
 * ------------------------------------------------------------------------ */

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
						  flow_compare(&follower->open_node, &first->open_node, NULL) > 0))
		first = follower;
	return first != NULL ? flow_first(first) : NULL;
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
	line->open.ph_compare = flow_compare;
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
	flow->heap.ph_compare = flow_compare_runs;
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
	flow_begin_change(flow);
	entry->flow = flow;
	pairingheap_add(&flow->heap, &entry->order_node);
	flow->count++;
	flow_end_change(flow);
}

void
line_remove(RunEntry *entry)
{
	ReadyFlow  *flow = entry->flow;

	flow_begin_change(flow);
	pairingheap_remove(&flow->heap, &entry->order_node);
	flow->count--;
	entry->flow = NULL;
	entry->queue->ready--;
	flow_end_change(flow);
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
