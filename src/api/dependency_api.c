/*-------------------------------------------------------------------------
 *
 * dependency_api.c
 *	  Dependencies of runs in the calls that make runs and put them back, and
 *	  taskly.parent_results().
 *
 * Whether a run waits is decided here, by what has become of its parents so
 * far; that it waits no more, by the scheduler (process/dependencies.c), which
 * looks at each run that waits again when its transaction has committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/dependency_api.h"
#include "api/run_args.h"
#include "compat.h"
#include "server/current_run.h"
#include "server/lock.h"
#include "store/dependency_store.h"
#include "store/run_presence.h"

#define DEPENDENCIES_MAX	1000
#define LOCK_TRIES			1000	/* a millisecond each */

PG_FUNCTION_INFO_V1(taskly_parent_results_v1);

/* ------------------------------------------------------------------------
 * enqueue, submit
 * ------------------------------------------------------------------------ */

static int
compare_int64(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

/* The ids of an array, in order. */
static int64 *
read_ids(ArrayType *array, int *count)
{
	Datum	   *items;
	bool	   *nulls;
	int64	   *ids;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &items, &nulls, count);
	check_range("number of runs in depends_on", *count, 0, DEPENDENCIES_MAX);
	ids = palloc(sizeof(int64) * Max(*count, 1));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", "depends_on")));
		ids[i] = DatumGetInt64(items[i]);
	}
	qsort(ids, *count, sizeof(int64), compare_int64);
	return ids;
}

void
arg_depends_on(FunctionCallInfo fcinfo, int depends_on, int depends_when, DependsOn *result)
{
	static const char *const allowed[] = {"succeeded", "ended", NULL};
	bool		needs_success =
		check_choice("depends_when", required_text(fcinfo, depends_when, "depends_when"), allowed) == 0;
	int64	   *ids;
	int			count;

	memset(result, 0, sizeof(*result));
	if (PG_ARGISNULL(depends_on))
	{
		if (!needs_success)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s needs %s", "depends_when", "depends_on")));
		return;
	}
	ids = read_ids(PG_GETARG_ARRAYTYPE_P(depends_on), &count);
	result->rows = palloc0(sizeof(DependencyRow) * Max(count, 1));
	result->parents = palloc0(sizeof(Parent) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		if (i > 0 && ids[i] == ids[i - 1])
			continue;
		result->rows[result->count].parent_id = ids[i];
		result->rows[result->count++].needs_success = needs_success;
	}
}

static void
refuse_failed_parent(const Parent *parent)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run " INT64_FORMAT " has ended as %s", parent->run_id, parent->status),
			 errdetail("A run that depends on its success would never run."),
			 errhint("Call taskly.retry(" INT64_FORMAT ") first, or use depends_when => 'ended'.",
					 parent->run_id)));
}

void
depends_on_check(DependsOn *depends_on, RunRow *row)
{
	bool		waits = false;

	if (depends_on->count == 0)
		return;
	/* We may have waited for another session, since the caller took one. */
	push_newest_snapshot();
	for (int i = 0; i < depends_on->count; i++)
	{
		DependencyRow *dependency = &depends_on->rows[i];
		Parent	   *parent = &depends_on->parents[i];

		CHECK_FOR_INTERRUPTS();
		dependency_find_parent(dependency->parent_id, parent);
		if (parent->state == PARENT_GONE || !may_read(parent->owner))
			run_not_found(dependency->parent_id);
		switch (dependency_judge(dependency, parent))
		{
			case DEPENDENCY_WAITS:
				waits = true;
				break;
			case DEPENDENCY_SATISFIED:
				dependency->parent_status = parent->status;
				break;
			case DEPENDENCY_FAILED:
				refuse_failed_parent(parent);
		}
	}
	pop_newest_snapshot();
	if (waits)
		run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(DT_NOEND));
}

static void
refuse_unknown_end(int64 run_id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("run " INT64_FORMAT " does not exist", run_id),
			 errdetail("It is over, and its queue keeps no history that says how it has ended."),
			 errhint("Enqueue both in one transaction, or use depends_when => 'ended'.")));
}

/* A parent was waiting or running, and is gone: how has it ended? */
static void
settle_gone_parent(DependencyTable *table, const DependencyRow *dependency, const Parent *parent)
{
	const char *status = status_without_history(parent->queue_id);

	if (status == NULL)
		run_not_found(parent->run_id);
	if (strcmp(status, run_status_name(RUN_SUCCEEDED)) != 0)
	{
		if (dependency->needs_success)
			refuse_unknown_end(parent->run_id);
		status = "ended";
	}
	dependency_mark(table, dependency, status);
}

/*
 * A parent that looks for its children from now on finds our rows, and is kept in
 * history. One that has looked before, and so is not, has a lock until it has committed.
 */
static void
settle_parents(DependencyTable *table, const DependsOn *depends_on)
{
	for (int i = 0; i < depends_on->count; i++)
	{
		TransactionId deleter;
		Parent		parent;

		if (depends_on->parents[i].state != PARENT_PENDING)
			continue;
		CHECK_FOR_INTERRUPTS();
		deleter = run_presence_deleter(depends_on->parents[i].run_id);
		if (TransactionIdIsValid(deleter))
			lock_wait_unkept_end(deleter);
		push_newest_snapshot();
		dependency_find_parent(depends_on->parents[i].run_id, &parent);
		if (parent.state == PARENT_GONE)
			settle_gone_parent(table, &depends_on->rows[i], &depends_on->parents[i]);
		pop_newest_snapshot();
	}
}

void
depends_on_insert(const DependsOn *depends_on, const RunRow *row)
{
	DependencyTable table;

	if (depends_on->count == 0)
		return;
	dependency_table_open(&table, true);
	for (int i = 0; i < depends_on->count; i++)
	{
		depends_on->rows[i].run_id = run_int64(row, RUN_COL_RUN_ID);
		dependency_insert(&table, &depends_on->rows[i]);
	}
	settle_parents(&table, depends_on);
	dependency_table_close(&table);
}

/* ------------------------------------------------------------------------
 * retry
 * ------------------------------------------------------------------------ */

bool
dependency_lock_run(int64 run_id)
{
	for (int i = 0; i < LOCK_TRIES; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (lock_try_run(run_id))
			return true;
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1,
						 TASKLY_WAIT_EVENT("TasklyChangeRun"));
	}
	return false;
}

typedef struct ComeBack
{
	bool		waits;
	bool		has_failed;
	Parent		failed;
} ComeBack;

/* A parent that is gone from history has nothing to say any more. */
static bool
receive_parent(const DependencyRow *row, void *arg)
{
	ComeBack   *come_back = arg;
	Parent		parent;

	dependency_find_parent(row->parent_id, &parent);
	if (parent.state == PARENT_GONE)
		return true;
	switch (dependency_judge(row, &parent))
	{
		case DEPENDENCY_WAITS:
			come_back->waits = true;
			break;
		case DEPENDENCY_SATISFIED:
			break;
		case DEPENDENCY_FAILED:
			come_back->has_failed = true;
			come_back->failed = parent;
			return false;
	}
	return true;
}

static void
refuse_to_come_back(int64 run_id, const Parent *failed)
{
	bool		is_skipped = strcmp(failed->status, run_status_name(RUN_SKIPPED)) == 0;

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run " INT64_FORMAT " cannot be retried", run_id),
			 errdetail("Run " INT64_FORMAT ", which it depends on, has ended as %s.",
					   failed->run_id, failed->status),
			 is_skipped ?
			 errhint("taskly.run_graph(" INT64_FORMAT ") shows which run has failed; to retry that one brings back all.",
					 run_id) :
			 errhint("Call taskly.retry(" INT64_FORMAT "), which brings back what was skipped because of it.",
					 failed->run_id)));
}

bool
dependency_come_back(RunRow *row, bool is_strict)
{
	DependencyTable table;
	ComeBack	come_back = {0};

	dependency_table_open(&table, false);
	dependency_read_parents(&table, run_int64(row, RUN_COL_RUN_ID), receive_parent, &come_back);
	dependency_table_close(&table);
	if (come_back.has_failed && is_strict)
		refuse_to_come_back(run_int64(row, RUN_COL_RUN_ID), &come_back.failed);
	if (come_back.waits)
		run_row_set(row, RUN_COL_DUE_AT, TimestampTzGetDatum(DT_NOEND));
	return !come_back.has_failed;
}

static bool
receive_child(const DependencyRow *row, void *arg)
{
	List	  **list = arg;
	int64	   *run_id = palloc(sizeof(int64));

	*run_id = row->run_id;
	*list = lappend(*list, run_id);
	return true;
}

static List *
find_children(int64 run_id)
{
	DependencyTable table;
	List	   *list = NIL;

	push_newest_snapshot();
	dependency_table_open(&table, false);
	dependency_read_children(&table, run_id, receive_child, &list);
	dependency_table_close(&table);
	pop_newest_snapshot();
	return list;
}

/*
 * One after another, not deeper and deeper. A child of several parents comes back
 * with the last of them: before that it is refused.
 */
void
dependency_bring_back_children(int64 run_id, PutBack put_back)
{
	List	   *todo = find_children(run_id);

	for (int i = 0; i < list_length(todo); i++)
	{
		int64		child_id = *(int64 *) list_nth(todo, i);

		CHECK_FOR_INTERRUPTS();
		if (put_back(child_id))
			todo = list_concat(todo, find_children(child_id));
	}
}

/* ------------------------------------------------------------------------
 * parent_results
 * ------------------------------------------------------------------------ */

/* parent_results_json() RETURNS jsonb: an array of objects; NULL outside a run, and without parents */
Datum
taskly_parent_results_v1(PG_FUNCTION_ARGS)
{
	const CurrentRun *run = current_run_get();
	char	   *results = run != NULL ? dependency_parent_results(run->run_id) : NULL;

	if (results == NULL)
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(results));
}
