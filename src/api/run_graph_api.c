/*-------------------------------------------------------------------------
 *
 * run_graph_api.c
 *	  The graph of runs that depend on each other: which there are around one, how
 *	  deep each is, and in which order a tree shows them.
 *
 * taskly.run_graph() joins that with the view taskly.runs. A run that the caller
 * may not see is left out, and so is what only it leads to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "api/common.h"
#include "api/run_args.h"
#include "plan/task_graph.h"
#include "store/dependency_store.h"

#define GRAPH_MAX	10000

/* The end of all ways up: what depends on nothing comes after it. */
#define TOP			INT64CONST(0)

typedef struct GraphRun
{
	int64		run_id;			/* hash key */
	bool		is_visible;
	int			depth;
} GraphRun;

typedef struct RunGraph
{
	HTAB	   *runs;
	DependencyTable table;
	List	   *found;			/* of GraphRun *: visible ones, the nearest first */
	bool		is_cut;
	TaskGraph	graph;			/* of runs, by their run_ids */
	TaskGraph	tree;			/* each below its deepest parent only */
} RunGraph;

PG_FUNCTION_INFO_V1(taskly_run_graph_v1);

/* ------------------------------------------------------------------------
 * Finding
 * ------------------------------------------------------------------------ */

static bool
is_visible(int64 run_id)
{
	Parent		run;

	dependency_find_parent(run_id, &run);
	return run.state != PARENT_GONE && may_read(run.owner);
}

static void
find_run(RunGraph *graph, int64 run_id)
{
	bool		found;
	GraphRun   *run = hash_search(graph->runs, &run_id, HASH_ENTER, &found);

	if (found)
		return;
	run->depth = 0;
	run->is_visible = list_length(graph->found) < GRAPH_MAX && is_visible(run_id);
	if (run->is_visible)
		graph->found = lappend(graph->found, run);
	else if (list_length(graph->found) == GRAPH_MAX)
		graph->is_cut = true;
}

static bool
receive_parent(const DependencyRow *row, void *arg)
{
	find_run(arg, row->parent_id);
	return !((RunGraph *) arg)->is_cut;
}

static bool
receive_child(const DependencyRow *row, void *arg)
{
	find_run(arg, row->run_id);
	return !((RunGraph *) arg)->is_cut;
}

/* Up and down from what was found, until there is no more. */
static void
find_all(RunGraph *graph, int64 run_id)
{
	find_run(graph, run_id);
	if (graph->found == NIL)
		run_not_found(run_id);
	for (int i = 0; i < list_length(graph->found) && !graph->is_cut; i++)
	{
		const GraphRun *run = list_nth(graph->found, i);

		CHECK_FOR_INTERRUPTS();
		dependency_read_parents(&graph->table, run->run_id, receive_parent, graph);
		dependency_read_children(&graph->table, run->run_id, receive_child, graph);
	}
	if (graph->is_cut)
		ereport(NOTICE,
				(errmsg("there are more runs than are shown"),
				 errdetail("Shown are the %d nearest to run " INT64_FORMAT ".", GRAPH_MAX, run_id)));
}

/* ------------------------------------------------------------------------
 * Order
 * ------------------------------------------------------------------------ */

static GraphRun *
known_run(const RunGraph *graph, int64 run_id)
{
	GraphRun   *run = hash_search(graph->runs, &run_id, HASH_FIND, NULL);

	return run != NULL && run->is_visible ? run : NULL;
}

typedef struct Edges
{
	const RunGraph *graph;
	int64	   *parents;
	int			count;
	int			size;
} Edges;

static bool
receive_edge(const DependencyRow *row, void *arg)
{
	Edges	   *edges = arg;

	if (known_run(edges->graph, row->parent_id) == NULL)
		return true;
	if (edges->count == edges->size)
		edges->parents = repalloc(edges->parents, sizeof(int64) * (edges->size *= 2));
	edges->parents[edges->count++] = row->parent_id;
	return true;
}

static void
connect_runs(RunGraph *graph)
{
	Edges		edges = {graph, palloc(sizeof(int64) * 16), 0, 16};
	ListCell   *cell;

	foreach(cell, graph->found)
	{
		const GraphRun *run = lfirst(cell);

		edges.count = 0;
		dependency_read_parents(&graph->table, run->run_id, receive_edge, &edges);
		if (edges.count == 0)
			edges.parents[edges.count++] = TOP;
		task_graph_put(&graph->graph, run->run_id, edges.parents, edges.count);
	}
}

/* How deep each is: one more than its deepest parent, below which the tree has it. */
static void
measure(RunGraph *graph)
{
	IdList		order = task_graph_descendants(&graph->graph, TOP);

	for (int i = 0; i < order.count; i++)
	{
		GraphRun   *run = known_run(graph, order.ids[i]);
		const IdList *parents = task_graph_parents(&graph->graph, run->run_id);
		int64		deepest = TOP;

		for (int p = 0; p < parents->count; p++)
		{
			const GraphRun *parent = known_run(graph, parents->ids[p]);

			if (parent != NULL && parent->depth >= run->depth)
			{
				run->depth = parent->depth + 1;
				deepest = parent->run_id;
			}
		}
		task_graph_put(&graph->tree, run->run_id, &deepest, 1);
	}
}

static int
compare_newest_first(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left > right ? -1 : left < right;
}

/* Put what is below a run on the stack, the oldest on top. */
static void
push_children(const RunGraph *graph, int64 run_id, List **stack)
{
	const IdList *children = task_graph_children(&graph->tree, run_id);
	int64	   *ids = palloc(sizeof(int64) * Max(children->count, 1));

	if (children->count > 0)
		memcpy(ids, children->ids, sizeof(int64) * children->count);
	qsort(ids, children->count, sizeof(int64), compare_newest_first);
	for (int i = 0; i < children->count; i++)
		*stack = lappend(*stack, known_run(graph, ids[i]));
	pfree(ids);
}

static void
put_tree(FunctionCallInfo fcinfo, const RunGraph *graph)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *stack = NIL;
	int			place = 0;

	push_children(graph, TOP, &stack);
	while (stack != NIL)
	{
		const GraphRun *run = llast(stack);
		Datum		values[3];
		bool		nulls[3] = {false};

		stack = list_delete_last(stack);
		values[0] = Int64GetDatum(run->run_id);
		values[1] = Int32GetDatum(run->depth);
		values[2] = Int32GetDatum(++place);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		push_children(graph, run->run_id, &stack);
	}
}

/* _run_graph(run_id bigint) RETURNS TABLE (run_id, depth, place) */
Datum
taskly_run_graph_v1(PG_FUNCTION_ARGS)
{
	HASHCTL		control = {0};
	RunGraph	graph = {0};

	InitMaterializedSRF(fcinfo, 0);
	control.keysize = sizeof(int64);
	control.entrysize = sizeof(GraphRun);
	control.hcxt = CurrentMemoryContext;
	graph.runs = hash_create("taskly run graph", 128, &control,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	task_graph_init(&graph.graph, CurrentMemoryContext);
	task_graph_init(&graph.tree, CurrentMemoryContext);
	dependency_table_open(&graph.table, false);
	find_all(&graph, required_int64(fcinfo, 0, "run_id"));
	connect_runs(&graph);
	dependency_table_close(&graph.table);
	measure(&graph);
	put_tree(fcinfo, &graph);
	return (Datum) 0;
}
