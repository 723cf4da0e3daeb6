/*-------------------------------------------------------------------------
 *
 * task_graph.c
 *	  Which task comes after which.
 *
 * Walks are breadth-first over a list that grows as it is read, so that long
 * chains need no deep stack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "plan/task_graph.h"

typedef struct TaskNode
{
	int64		task_id;		/* hash key */
	IdList		parents;
	IdList		children;
} TaskNode;

/* What a walk knows of a task. */
typedef struct Visit
{
	int64		task_id;		/* hash key */
	int64		from;			/* the task from which it was reached */
	int			waits_for;		/* parents that are not in the order yet */
} Visit;

static const IdList no_ids = {0};

void
task_graph_init(TaskGraph *graph, MemoryContext parent)
{
	graph->context = AllocSetContextCreate(parent, "taskly task graph", ALLOCSET_DEFAULT_SIZES);
	task_graph_clear(graph);
}

void
task_graph_clear(TaskGraph *graph)
{
	HASHCTL		control = {0};

	MemoryContextReset(graph->context);
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(TaskNode);
	control.hcxt = graph->context;
	graph->nodes = hash_create("taskly task graph", 64, &control,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* ------------------------------------------------------------------------
 * Lists
 * ------------------------------------------------------------------------ */

static void
list_add(IdList *list, MemoryContext context, int64 id)
{
	if (list->count == list->size)
	{
		list->size = Max(4, 2 * list->size);
		list->ids = list->ids == NULL ?
			MemoryContextAlloc(context, list->size * sizeof(int64)) :
			repalloc(list->ids, list->size * sizeof(int64));
	}
	list->ids[list->count++] = id;
}

static void
list_remove(IdList *list, int64 id)
{
	for (int i = 0; i < list->count; i++)
	{
		if (list->ids[i] == id)
			list->ids[i--] = list->ids[--list->count];
	}
}

/* ------------------------------------------------------------------------
 * Nodes
 * ------------------------------------------------------------------------ */

static TaskNode *
find_node(const TaskGraph *graph, int64 task_id)
{
	return hash_search(graph->nodes, &task_id, HASH_FIND, NULL);
}

static TaskNode *
make_node(TaskGraph *graph, int64 task_id)
{
	bool		found;
	TaskNode   *node = hash_search(graph->nodes, &task_id, HASH_ENTER, &found);

	if (!found)
	{
		memset(&node->parents, 0, sizeof(IdList));
		memset(&node->children, 0, sizeof(IdList));
	}
	return node;
}

static void
free_if_alone(TaskGraph *graph, TaskNode *node)
{
	int64		task_id = node->task_id;

	if (node->parents.count > 0 || node->children.count > 0)
		return;
	if (node->parents.ids != NULL)
		pfree(node->parents.ids);
	if (node->children.ids != NULL)
		pfree(node->children.ids);
	(void) hash_search(graph->nodes, &task_id, HASH_REMOVE, NULL);
}

static void
take_from_parents(TaskGraph *graph, TaskNode *node)
{
	for (int i = 0; i < node->parents.count; i++)
	{
		TaskNode   *parent = find_node(graph, node->parents.ids[i]);

		if (parent == NULL)
			continue;
		list_remove(&parent->children, node->task_id);
		if (parent != node)
			free_if_alone(graph, parent);
	}
	node->parents.count = 0;
}

void
task_graph_put(TaskGraph *graph, int64 task_id, const int64 *after, int count)
{
	TaskNode   *node = find_node(graph, task_id);

	if (node == NULL && count == 0)
		return;
	node = make_node(graph, task_id);
	take_from_parents(graph, node);
	for (int i = 0; i < count; i++)
	{
		list_add(&node->parents, graph->context, after[i]);
		list_add(&make_node(graph, after[i])->children, graph->context, task_id);
	}
	free_if_alone(graph, node);
}

const IdList *
task_graph_parents(const TaskGraph *graph, int64 task_id)
{
	TaskNode   *node = find_node(graph, task_id);

	return node != NULL ? &node->parents : &no_ids;
}

const IdList *
task_graph_children(const TaskGraph *graph, int64 task_id)
{
	TaskNode   *node = find_node(graph, task_id);

	return node != NULL ? &node->children : &no_ids;
}

/* ------------------------------------------------------------------------
 * Walks
 * ------------------------------------------------------------------------ */

typedef const IdList *(*Neighbours) (const TaskGraph *graph, int64 task_id);

static HTAB *
make_visits(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Visit);
	control.hcxt = CurrentMemoryContext;
	return hash_create("taskly visits", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* All that can be reached from a task, which is not among them unless by a cycle. */
static IdList
reach(const TaskGraph *graph, int64 task_id, Neighbours neighbours, HTAB *visits)
{
	IdList		result = {0};
	int64		from = task_id;

	for (int next = 0;; from = result.ids[next++])
	{
		const IdList *list = neighbours(graph, from);

		for (int i = 0; i < list->count; i++)
		{
			bool		found;
			Visit	   *visit = hash_search(visits, &list->ids[i], HASH_ENTER, &found);

			if (found)
				continue;
			visit->from = from;
			visit->waits_for = 0;
			list_add(&result, CurrentMemoryContext, list->ids[i]);
		}
		if (next == result.count)
			return result;
	}
}

/* Those that nothing holds back any more go into the order. */
static void
let_go(const TaskGraph *graph, int64 task_id, HTAB *visits, IdList *order)
{
	const IdList *children = task_graph_children(graph, task_id);

	for (int i = 0; i < children->count; i++)
	{
		Visit	   *visit = hash_search(visits, &children->ids[i], HASH_FIND, NULL);

		if (--visit->waits_for == 0)
			list_add(order, CurrentMemoryContext, children->ids[i]);
	}
}

IdList
task_graph_descendants(const TaskGraph *graph, int64 task_id)
{
	HTAB	   *visits = make_visits();
	IdList		reached = reach(graph, task_id, task_graph_children, visits);
	IdList		order = {0};

	for (int i = 0; i < reached.count; i++)
	{
		const IdList *parents = task_graph_parents(graph, reached.ids[i]);
		Visit	   *visit = hash_search(visits, &reached.ids[i], HASH_FIND, NULL);

		/* What it comes after beyond the task has no say here. */
		for (int p = 0; p < parents->count; p++)
		{
			if (parents->ids[p] == task_id ||
				hash_search(visits, &parents->ids[p], HASH_FIND, NULL) != NULL)
				visit->waits_for++;
		}
	}
	let_go(graph, task_id, visits, &order);
	for (int i = 0; i < order.count; i++)
		let_go(graph, order.ids[i], visits, &order);
	hash_destroy(visits);
	return order;
}

IdList
task_graph_ancestors(const TaskGraph *graph, int64 task_id)
{
	HTAB	   *visits = make_visits();
	IdList		result = reach(graph, task_id, task_graph_parents, visits);

	hash_destroy(visits);
	return result;
}

IdList
task_graph_roots(const TaskGraph *graph, int64 task_id)
{
	IdList		reached = task_graph_ancestors(graph, task_id);
	IdList		roots = {0};

	if (reached.count == 0)
		list_add(&roots, CurrentMemoryContext, task_id);
	for (int i = 0; i < reached.count; i++)
	{
		if (task_graph_parents(graph, reached.ids[i])->count == 0)
			list_add(&roots, CurrentMemoryContext, reached.ids[i]);
	}
	return roots;
}

IdList
task_graph_cycle(const TaskGraph *graph, int64 task_id)
{
	HTAB	   *visits = make_visits();
	IdList		cycle = {0};
	Visit	   *visit;

	(void) reach(graph, task_id, task_graph_children, visits);
	visit = hash_search(visits, &task_id, HASH_FIND, NULL);
	if (visit != NULL)
	{
		list_add(&cycle, CurrentMemoryContext, task_id);
		for (; visit->from != task_id; visit = hash_search(visits, &visit->from, HASH_FIND, NULL))
			list_add(&cycle, CurrentMemoryContext, visit->from);
		list_add(&cycle, CurrentMemoryContext, task_id);
	}
	hash_destroy(visits);
	return cycle;
}
