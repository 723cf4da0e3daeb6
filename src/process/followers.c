/*-------------------------------------------------------------------------
 *
 * followers.c
 *	  Tasks that come after others.
 *
 * The instant of a schedule is handed down: the run of the scheduled task and
 * those of all that follow it are made in one transaction, and wait for each
 * other as any runs do (process/dependencies.c). The graph in memory only says
 * who follows; what each is, and comes after, its row says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/task_graph.h"
#include "process/dependencies.h"
#include "process/followers.h"
#include "store/follower_store.h"

static TaskGraph graph;

void
followers_init(MemoryContext parent)
{
	task_graph_init(&graph, parent);
}

static void
receive_after(int64 task_id, const int64 *after, int count, void *arg)
{
	task_graph_put(&graph, task_id, after, count);
}

void
followers_load(void)
{
	task_graph_clear(&graph);
	follower_store_read_all(receive_after, NULL);
}

void
followers_task_changed(int64 task_id, const TaskRow *task)
{
	int64	   *after = NULL;
	int			count = task == NULL ? 0 : task_after_ids(task, &after);

	task_graph_put(&graph, task_id, after, count);
}

void
followers_fire(const RunRow *root)
{
	int64		task_id = run_int64(root, RUN_COL_TASK_ID);
	Followers	followers;
	IdList		ids;

	if (!task_graph_has_children(&graph, task_id))
		return;
	ids = task_graph_descendants(&graph, task_id);
	follower_store_load(ids.ids, ids.count, &followers);
	dependencies_expect(follower_store_insert_runs(&followers, root, NULL, NULL));
}
