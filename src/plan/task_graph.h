/*-------------------------------------------------------------------------
 *
 * task_graph.h
 *	  Which task comes after which: a graph of task_ids in memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TASK_GRAPH_H
#define TASKLY_TASK_GRAPH_H

#include "taskly.h"
#include "utils/hsearch.h"

typedef struct IdList
{
	int			count;
	int			size;
	int64	   *ids;
} IdList;

typedef struct TaskGraph
{
	MemoryContext context;
	HTAB	   *nodes;
} TaskGraph;

/* An empty graph; all of its memory is a child of parent. */
extern void task_graph_init(TaskGraph *graph, MemoryContext parent);
extern void task_graph_clear(TaskGraph *graph);

/* A task comes after these now; count 0: after none. */
extern void task_graph_put(TaskGraph *graph, int64 task_id, const int64 *after, int count);

/* What a task comes after, and what comes after it, directly. */
extern const IdList *task_graph_parents(const TaskGraph *graph, int64 task_id);
extern const IdList *task_graph_children(const TaskGraph *graph, int64 task_id);

static inline bool
task_graph_has_children(const TaskGraph *graph, int64 task_id)
{
	return hash_get_num_entries(graph->nodes) > 0 &&
		task_graph_children(graph, task_id)->count > 0;
}

/*
 * All that come after a task, directly or through others, in the current memory
 * context: each behind all that it comes after itself. Those in a cycle of which
 * the task is no part are left out.
 */
extern IdList task_graph_descendants(const TaskGraph *graph, int64 task_id);

/* All that a task comes after, directly or through others; in no order. */
extern IdList task_graph_ancestors(const TaskGraph *graph, int64 task_id);

/* The tasks that come after none, and that a task leads to: its roots. Itself, when it is one. */
extern IdList task_graph_roots(const TaskGraph *graph, int64 task_id);

/* The way from a task to itself, it first and last; empty: there is none. */
extern IdList task_graph_cycle(const TaskGraph *graph, int64 task_id);

#endif							/* TASKLY_TASK_GRAPH_H */
