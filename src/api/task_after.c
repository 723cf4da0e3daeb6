/*-------------------------------------------------------------------------
 *
 * task_after.c
 *	  Option "after" of tasks: which tasks one comes after, and that all of them
 *	  lead to one schedule.
 *
 * What is checked is the graph of all tasks as it is once the change is written.
 * The task itself is locked FOR UPDATE and all that it comes after FOR KEY SHARE,
 * so two sessions that would close a cycle together meet, as a deadlock if need
 * be; and a fire, which locks less, goes on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/common.h"
#include "api/run_args.h"
#include "api/task_args.h"
#include "plan/task_graph.h"
#include "store/follower_store.h"

#define AFTER_MAX			100		/* tasks that one comes after directly */
#define FOLLOWERS_MAX		1000	/* tasks that follow one schedule */
#define NAMES_SHOWN			10

/* ------------------------------------------------------------------------
 * Names
 * ------------------------------------------------------------------------ */

/* A task of the same owner, or else one that the caller may manage. */
static int64
find_by_name(const TaskDraft *draft, const char *name)
{
	TaskRow		task;

	check_name("task", name);
	if (!task_store_find(name, draft->row.owner, &task))
		find_task(name, &task);
	return task.task_id;
}

static bool
has_id(const int64 *ids, int count, int64 id)
{
	for (int i = 0; i < count; i++)
	{
		if (ids[i] == id)
			return true;
	}
	return false;
}

/* The task_ids that the names stand for, each once. */
static int
find_all_by_name(const TaskDraft *draft, int64 **ids)
{
	Datum	   *names;
	bool	   *nulls;
	int			count = 0;
	int			found = 0;

	if (draft->after != (Datum) 0)
		deconstruct_array(DatumGetArrayTypeP(draft->after), TEXTOID, -1, false, TYPALIGN_INT,
						  &names, &nulls, &count);
	check_range("number of tasks in after", count, 0, AFTER_MAX);
	*ids = palloc(sizeof(int64) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		int64		id;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", "after")));
		id = find_by_name(draft, TextDatumGetCString(names[i]));
		if (!has_id(*ids, found, id))
			(*ids)[found++] = id;
	}
	return found;
}

/* For messages. The caller knows the tasks, or may at least know that there are such. */
static char *
task_name(int64 task_id)
{
	TaskRow		task;

	if (!task_store_read(task_id, &task))
		return psprintf(INT64_FORMAT, task_id);
	return task.name;
}

static char *
list_names(const IdList *list)
{
	StringInfoData text;
	int			shown = 0;

	initStringInfo(&text);
	for (int i = 0; i < list->count && shown < NAMES_SHOWN; i++)
	{
		TaskRow		task;

		if (task_store_read(list->ids[i], &task) && may_read(task.owner))
			appendStringInfo(&text, "%s\"%s\"", shown++ > 0 ? ", " : "", task.name);
	}
	if (shown < list->count)
		appendStringInfo(&text, "%s%d of other roles", shown > 0 ? ", " : "", list->count - shown);
	return text.data;
}

/* ------------------------------------------------------------------------
 * The graph
 * ------------------------------------------------------------------------ */

static void
receive_after(int64 task_id, const int64 *after, int count, void *arg)
{
	task_graph_put(arg, task_id, after, count);
}

static void
read_graph(TaskGraph *graph)
{
	CommandCounterIncrement();
	task_graph_init(graph, CurrentMemoryContext);
	follower_store_read_all(receive_after, graph);
}

static void
check_no_cycle(const TaskGraph *graph, int64 task_id)
{
	IdList		cycle = task_graph_cycle(graph, task_id);
	StringInfoData path;

	if (cycle.count == 0)
		return;
	initStringInfo(&path);
	for (int i = 0; i < cycle.count; i++)
		appendStringInfo(&path, "%s\"%s\"", i > 0 ? " after " : "", task_name(cycle.ids[i]));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("task \"%s\" cannot come after itself", task_name(task_id)),
			 errdetail("The cycle is %s.", path.data)));
}

static void
raise_followed(const char *name, const IdList *followers, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot %s task \"%s\" because other tasks come after it", what, name),
			 errdetail("Tasks that come after it: %s.", list_names(followers)),
			 errhint("Alter these first, with another \"after\" or reset => '{after}', or drop them.")));
}

/* Does a task that comes after others lead to one schedule? */
static void
check_root(const TaskGraph *graph, int64 task_id)
{
	IdList		roots = task_graph_roots(graph, task_id);
	TaskRow		root;

	if (roots.count > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task \"%s\" cannot come after tasks of several schedules", task_name(task_id)),
				 errdetail("What it comes after leads to %s.", list_names(&roots)),
				 errhint("A task runs for the instants of one schedule: let one of these come after the other.")));
	if (!task_store_read(roots.ids[0], &root) || root.schedule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task \"%s\", which task \"%s\" comes after, has no schedule",
						task_name(roots.ids[0]), task_name(task_id)),
				 errhint("Give it a schedule: taskly.alter(..., schedule => ...).")));
}

static void
check_follower_count(const TaskGraph *graph, int64 task_id)
{
	IdList		roots = task_graph_roots(graph, task_id);
	IdList		followers = task_graph_descendants(graph, roots.ids[0]);

	if (followers.count > FOLLOWERS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many tasks follow the schedule of task \"%s\"", task_name(roots.ids[0])),
				 errdetail("At most %d can.", FOLLOWERS_MAX)));
}

/* All that a task comes after stays as it is until the transaction ends. */
static void
hold_ancestors(const TaskGraph *graph, int64 task_id)
{
	IdList		ancestors = task_graph_ancestors(graph, task_id);

	for (int i = 0; i < ancestors.count; i++)
	{
		if (!follower_store_hold(ancestors.ids[i]))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("task " INT64_FORMAT " does not exist", ancestors.ids[i])));
	}
}

static void
write_after(const TaskDraft *draft, int64 task_id)
{
	int64	   *ids;
	int			count = find_all_by_name(draft, &ids);

	if (has_id(ids, count, task_id))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("task \"%s\" cannot come after itself", draft->row.name)));
	follower_store_set(task_id, ids, count);
}

void
task_draft_check_after(const TaskDraft *draft, int64 task_id)
{
	const TaskRow *row = &draft->row;
	TaskRow		locked;
	TaskGraph	graph;
	IdList		followers;

	if (!draft->is_changed[TASK_AFTER] && !draft->is_changed[TASK_SCHEDULE])
		return;
	if (draft->is_changed[TASK_AFTER])
		write_after(draft, task_id);
	(void) task_store_lock(task_id, &locked);
	read_graph(&graph);
	hold_ancestors(&graph, task_id);
	/* Who had locked one of them may have changed it. */
	read_graph(&graph);

	check_no_cycle(&graph, task_id);
	followers = task_graph_descendants(&graph, task_id);
	if (task_graph_parents(&graph, task_id)->count > 0)
		check_root(&graph, task_id);
	else if (followers.count > 0 && row->schedule == NULL)
		raise_followed(row->name, task_graph_children(&graph, task_id), "unschedule");
	for (int i = 0; i < followers.count; i++)
		check_root(&graph, followers.ids[i]);
	check_follower_count(&graph, task_id);
}

void
task_check_not_followed(const TaskRow *task)
{
	TaskGraph	graph;

	read_graph(&graph);
	if (task_graph_has_children(&graph, task->task_id))
		raise_followed(task->name, task_graph_children(&graph, task->task_id), "drop");
}
