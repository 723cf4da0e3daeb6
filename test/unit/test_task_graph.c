/*-------------------------------------------------------------------------
 *
 * test_task_graph.c
 *	  Graphs of tasks against a table of who comes after whom; lists of ranges
 *	  against a plain list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tap.h"
#include "fake_backend.h"

#include "plan/id_ranges.h"
#include "plan/task_graph.h"
#include "utils/memutils.h"

#define TASKS	12

static TaskGraph graph;
static bool after[TASKS + 1][TASKS + 1];	/* after[a][b]: a comes after b */
static bool reach[TASKS + 1][TASKS + 1];	/* the same, through others too */

/* Tell the graph what the table says of a task. */
static void
put(int task)
{
	int64		ids[TASKS];
	int			count = 0;

	for (int b = 1; b <= TASKS; b++)
	{
		if (after[task][b])
			ids[count++] = b;
	}
	task_graph_put(&graph, task, ids, count);
}

static void
close_table(void)
{
	memcpy(reach, after, sizeof(reach));
	for (int k = 1; k <= TASKS; k++)
		for (int a = 1; a <= TASKS; a++)
			for (int b = 1; b <= TASKS; b++)
				reach[a][b] |= reach[a][k] && reach[k][b];
}

static int
place_of(const IdList *list, int64 id)
{
	int			place = -1;

	for (int i = 0; i < list->count; i++)
	{
		if (list->ids[i] != id)
			continue;
		if (place >= 0)
			return -2;			/* twice */
		place = i;
	}
	return place;
}

/* All that come after it, each behind what it comes after itself. */
static bool
descendants_are_right(int task)
{
	IdList		list = task_graph_descendants(&graph, task);

	for (int a = 1; a <= TASKS; a++)
	{
		int			place = place_of(&list, a);

		if ((place >= 0) != reach[a][task] || place == -2)
			return false;
		for (int b = 1; place >= 0 && b <= TASKS; b++)
		{
			if (after[a][b] && reach[b][task] && place_of(&list, b) >= place)
				return false;
		}
	}
	return true;
}

static bool
roots_are_right(int task)
{
	IdList		list = task_graph_roots(&graph, task);

	for (int b = 1; b <= TASKS; b++)
	{
		bool		is_root = reach[task][b] || b == task;

		for (int c = 1; c <= TASKS; c++)
			is_root &= !after[b][c];
		if ((place_of(&list, b) >= 0) != is_root)
			return false;
	}
	return true;
}

/* Without cycles: who has a number comes after lower ones only. */
static void
test_random_graphs(void)
{
	int			wrong = 0;

	memset(after, 0, sizeof(after));
	for (int round = 0; round < 2000; round++)
	{
		int			task = 1 + (int) tap_random(TASKS);

		for (int b = 1; b <= TASKS; b++)
			after[task][b] = b < task && tap_random(4) == 0;
		put(task);
		close_table();
		for (int t = 1; t <= TASKS; t++)
		{
			bool		has_children = false;

			for (int a = 1; a <= TASKS; a++)
				has_children |= after[a][t];
			wrong += !descendants_are_right(t) || !roots_are_right(t) ||
				task_graph_cycle(&graph, t).count != 0 ||
				task_graph_has_children(&graph, t) != has_children;
		}
	}
	ok(wrong == 0, "descendants, roots and children of random graphs are right (%d are not)", wrong);
	for (int task = 1; task <= TASKS; task++)
		task_graph_put(&graph, task, NULL, 0);
	ok(hash_get_num_entries(graph.nodes) == 0, "nothing is left of tasks that come after none");
}

static void
test_cycle(void)
{
	IdList		cycle;
	int64		ids[] = {3, 1, 2};

	for (int i = 0; i < 3; i++)
		task_graph_put(&graph, i + 1, &ids[i], 1);
	cycle = task_graph_cycle(&graph, 2);
	ok(cycle.count == 4 && cycle.ids[0] == 2 && cycle.ids[1] == 1 && cycle.ids[2] == 3 &&
	   cycle.ids[3] == 2, "a cycle is found, from a task to itself");
	task_graph_put(&graph, 1, (const int64[]) {3, 9}, 2);
	ok(task_graph_descendants(&graph, 9).count == 0, "a walk ends, and leaves out who is in a cycle");
	task_graph_put(&graph, 1, NULL, 0);
	ok(task_graph_cycle(&graph, 2).count == 0, "and is gone with one of its edges");
}

/* Each id comes out, in order, as often as the list of ranges may leave out doubles. */
static void
test_ranges(void)
{
	IdRanges	ranges;
	int64		added[1000];
	int			in = 0;
	int			out = 0;
	bool		is_right = true;

	id_ranges_init(&ranges, TopMemoryContext);
	while (out < 1000)
	{
		if (in < 1000 && tap_random(3) > 0)
		{
			added[in] = in == 0 ? 5 : added[in - 1] + 1 + tap_random(3) / 2 * 10;
			id_ranges_add(&ranges, added[in], added[in], false);
			in++;
		}
		else if (!id_ranges_is_empty(&ranges))
		{
			IdRange		first = *id_ranges_first(&ranges);

			for (int64 id = first.first; id <= first.last; id++)
				is_right &= out < in && added[out++] == id;
			id_ranges_drop_first(&ranges);
		}
	}
	ok(is_right && id_ranges_is_empty(&ranges), "what goes into a list of ranges comes out, in order");
	id_ranges_add(&ranges, 1, 3, false);
	id_ranges_add(&ranges, 4, 4, true);
	id_ranges_add(&ranges, 5, 9, true);
	ok(ranges.count == 2 && ranges.items[1].last == 9, "ranges of one kind that follow each other are one");
	id_ranges_clear(&ranges);
}

int
main(void)
{
	(void) tap_seed();
	task_graph_init(&graph, TopMemoryContext);
	test_random_graphs();
	test_cycle();
	test_ranges();
	return tap_done();
}
