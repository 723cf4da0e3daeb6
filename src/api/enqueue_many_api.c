/*-------------------------------------------------------------------------
 *
 * enqueue_many_api.c
 *	  The SQL function that makes many runs of a task in one call.
 *
 * Runs are as one model but for args and keys. Those with unique keys are looked
 * up first, key by key in the order of their bytes, so that two calls never wait
 * for each other both; then the rows are written in bulk.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/command_args.h"
#include "api/common.h"
#include "api/quota_check.h"
#include "api/run_args.h"
#include "api/unique_args.h"
#include "server/lock.h"
#include "server/wake.h"
#include "store/run_store.h"
#include "store/unique_store.h"

#define MANY_MAX	1000000

/* Arguments by number, as the install script has them. */
enum
{
	MANY_TASK,
	MANY_ARGS,
	MANY_KEYS,
	MANY_UNIQUE_KEYS,
	MANY_RUN_AT,
	MANY_PRIORITY,
	MANY_ON_CONFLICT,
	MANY_UNIQUE_FOR,
	MANY_DEADLINE
};

/* An array argument; values is NULL when it is. */
typedef struct ElementList
{
	int			count;
	Datum	   *values;
	bool	   *nulls;
} ElementList;

/* One call. */
typedef struct ManyRuns
{
	int			count;
	ElementList args;
	ElementList keys;
	ElementList unique_keys;
	UniqueArgs	unique;
	TaskRow		task;
	QueueRow	queue;
	RunRow		model;
	int64	   *run_ids;		/* of runs that stay, by element; 0: to be made. NULL: no unique keys */
	int		   *made_by;		/* which element's run an element is: its own, or one of the same key */
} ManyRuns;

PG_FUNCTION_INFO_V1(taskly_enqueue_many_v1);
PG_FUNCTION_INFO_V1(taskly_enqueue_many_by_id_v1);

/* ------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------ */

static void
read_args_list(FunctionCallInfo fcinfo, ElementList *list)
{
	if (PG_ARGISNULL(MANY_ARGS))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"args\" must not be null"),
				 errhint("Give one element, which may be null, for each run.")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(MANY_ARGS), JSONBOID, -1, false, TYPALIGN_INT,
					  &list->values, &list->nulls, &list->count);
	check_range("number of runs", list->count, 0, MANY_MAX);
	for (int i = 0; i < list->count; i++)
	{
		if (!list->nulls[i])
			check_args(list->values[i]);
	}
}

static void
read_key_list(FunctionCallInfo fcinfo, int n, const char *name, int count, ElementList *list)
{
	if (PG_ARGISNULL(n))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT,
					  &list->values, &list->nulls, &list->count);
	if (list->count != count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have as many elements as args", name),
				 errdetail("It has %d, args have %d.", list->count, count),
				 errhint("Elements may be null.")));
	for (int i = 0; i < count; i++)
	{
		char	   *key;

		if (list->nulls[i])
			continue;
		key = TextDatumGetCString(list->values[i]);
		check_key(name, key);
		pfree(key);
	}
}

static bool
has_element(const ElementList *list, int i)
{
	return list->values != NULL && !list->nulls[i];
}

static void
read_many_args(FunctionCallInfo fcinfo, ManyRuns *many)
{
	read_args_list(fcinfo, &many->args);
	many->count = many->args.count;
	read_key_list(fcinfo, MANY_KEYS, "keys", many->count, &many->keys);
	read_key_list(fcinfo, MANY_UNIQUE_KEYS, "unique_keys", many->count, &many->unique_keys);
	read_unique_args(fcinfo, MANY_ON_CONFLICT, MANY_UNIQUE_FOR,
					 many->unique_keys.values != NULL, &many->unique);
}

/* The row of one element, but for its run_id. */
static void
fill_element(const ManyRuns *many, int i, RunRow *row)
{
	*row = many->model;
	if (has_element(&many->args, i))
		run_row_set(row, RUN_COL_ARGS, many->args.values[i]);
	if (has_element(&many->keys, i))
		run_row_set(row, RUN_COL_KEY, many->keys.values[i]);
	if (has_element(&many->unique_keys, i))
		run_row_set(row, RUN_COL_UNIQUE_KEY, many->unique_keys.values[i]);
}

/* ------------------------------------------------------------------------
 * Unique keys
 * ------------------------------------------------------------------------ */

static int
compare_keys(Datum a, Datum b)
{
	text	   *x = DatumGetTextPP(a);
	text	   *y = DatumGetTextPP(b);
	Size		x_size = VARSIZE_ANY_EXHDR(x);
	Size		y_size = VARSIZE_ANY_EXHDR(y);
	int			result = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), Min(x_size, y_size));

	return result != 0 ? result : (x_size > y_size) - (x_size < y_size);
}

/* By key, and in the order given among those of one key. */
static int
compare_elements(const void *a, const void *b, void *arg)
{
	const ElementList *keys = arg;
	int			i = *(const int *) a;
	int			j = *(const int *) b;
	int			result = compare_keys(keys->values[i], keys->values[j]);

	return result != 0 ? result : (i > j) - (i < j);
}

/* Elements that have a unique key, sorted; returns how many. */
static int
sort_elements(ManyRuns *many, int *sorted)
{
	int			count = 0;

	for (int i = 0; i < many->count; i++)
	{
		if (has_element(&many->unique_keys, i))
			sorted[count++] = i;
	}
	qsort_arg(sorted, count, sizeof(int), compare_elements, &many->unique_keys);
	return count;
}

/*
 * Of the elements of one key, one is made: the first, or the last when that
 * replaces the others. `sorted` becomes a list of these; returns how many.
 */
static int
collapse_elements(ManyRuns *many, int *sorted, int count)
{
	const Datum *keys = many->unique_keys.values;
	int			kept = 0;

	for (int first = 0, end; first < count; first = end)
	{
		int			made_by;

		for (end = first + 1; end < count; end++)
		{
			if (compare_keys(keys[sorted[first]], keys[sorted[end]]) != 0)
				break;
		}
		made_by = sorted[many->unique.on_conflict == CONFLICT_REPLACE ? end - 1 : first];
		for (int i = first; i < end; i++)
			many->made_by[sorted[i]] = made_by;
		sorted[kept++] = made_by;
	}
	return kept;
}

/* A few keys are locked one by one, in their order; of many, the scope is. */
static void
lock_elements(const ManyRuns *many, const int *sorted, int count)
{
	int64		scope = unique_scope(&many->model);

	if (count > LOCK_UNIQUE_KEYS_MAX)
	{
		lock_unique_scope(scope);
		return;
	}
	for (int i = 0; i < count; i++)
	{
		text	   *key = DatumGetTextPP(many->unique_keys.values[sorted[i]]);

		lock_unique_key(scope, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	}
}

/* Find what is there of the unique keys; returns how many runs are not to be made. */
static int
find_duplicates(ManyRuns *many)
{
	MemoryContext look = AllocSetContextCreate(CurrentMemoryContext, "taskly unique key",
											   ALLOCSET_SMALL_SIZES);
	int		   *sorted = palloc(sizeof(int) * many->count);
	int			with_key = sort_elements(many, sorted);
	int			distinct = collapse_elements(many, sorted, with_key);
	int			staying = with_key - distinct;

	lock_elements(many, sorted, distinct);
	for (int i = 0; i < distinct; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(look);
		RunRow		row;

		fill_element(many, sorted[i], &row);
		if (unique_run_stays_locked(&row, &many->unique, many->task.max_attempts))
		{
			many->run_ids[sorted[i]] = run_int64(&row, RUN_COL_RUN_ID);
			staying++;
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(look);
	}
	MemoryContextDelete(look);
	pfree(sorted);
	return staying;
}

/* ------------------------------------------------------------------------
 * Rows
 * ------------------------------------------------------------------------ */

static bool
is_to_be_made(const ManyRuns *many, int i)
{
	return many->run_ids == NULL || (many->made_by[i] == i && many->run_ids[i] == 0);
}

/*
 * Insert what is to be made and tell of it: the ids of others that may stand
 * between ours do no harm. Each id goes to where the caller wants it.
 */
static void
insert_elements(ManyRuns *many, ReturnSetInfo *rsinfo)
{
	RunInserter *inserter = run_inserter_open();
	int64		first = 0;
	int64		run_id = run_int64(&many->model, RUN_COL_RUN_ID);
	bool		no_null = false;

	for (int i = 0; i < many->count; i++)
	{
		RunRow		row;

		if (!is_to_be_made(many, i))
			continue;
		if (first == 0)
			first = run_id;
		else
			run_id = run_inserter_next_id(inserter);
		fill_element(many, i, &row);
		run_row_set(&row, RUN_COL_RUN_ID, Int64GetDatum(run_id));
		run_inserter_add_copy(inserter, &row);
		if (many->run_ids != NULL)
			many->run_ids[i] = run_id;
		else
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc,
								 &row.values[RUN_COL_RUN_ID - 1], &no_null);
	}
	run_inserter_close(inserter);
	if (first != 0)
		wake_for_runs(first, (int) Min(run_id - first + 1, PG_INT32_MAX));
}

/* The ids of all elements, in their order, some of which stay or are shared. */
static void
return_run_ids(const ManyRuns *many, ReturnSetInfo *rsinfo)
{
	bool		no_null = false;

	for (int i = 0; i < many->count; i++)
	{
		Datum		run_id = Int64GetDatum(many->run_ids[many->made_by[i]]);

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &run_id, &no_null);
	}
}

static void
prepare_unique(ManyRuns *many)
{
	many->run_ids = palloc0(sizeof(int64) * many->count);
	many->made_by = palloc(sizeof(int) * many->count);
	for (int i = 0; i < many->count; i++)
		many->made_by[i] = i;
}

static Datum
enqueue_many(FunctionCallInfo fcinfo, bool is_by_id)
{
	static const TaskRunArgs places = {MANY_RUN_AT, MANY_PRIORITY, MANY_DEADLINE};
	ManyRuns	many = {0};
	int			staying = 0;
	int32		priority;

	begin_writing_call("taskly.enqueue_many()");
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	read_many_args(fcinfo, &many);

	push_newest_snapshot();
	fill_row_for_task(fcinfo, is_by_id, &places, &many.task, &many.model);
	read_queue_of_task(many.task.queue_id, &many.queue);
	check_unique_in_queue(&many.unique, &many.queue);
	priority = run_int32(&many.model, RUN_COL_PRIORITY);
	check_queue_takes(&many.queue, priority, 0);
	if (many.unique_keys.values != NULL)
	{
		prepare_unique(&many);
		staying = find_duplicates(&many);
	}
	check_queue_takes(&many.queue, priority, many.count - staying);
	quota_check_pending(many.task.owner, many.count - staying);
	insert_elements(&many, (ReturnSetInfo *) fcinfo->resultinfo);
	if (many.run_ids != NULL)
		return_run_ids(&many, (ReturnSetInfo *) fcinfo->resultinfo);
	pop_newest_snapshot();
	return (Datum) 0;
}

/* enqueue_many(task text, args jsonb[], ...) RETURNS SETOF bigint */
Datum
taskly_enqueue_many_v1(PG_FUNCTION_ARGS)
{
	return enqueue_many(fcinfo, false);
}

/* enqueue_many(task_id bigint, args jsonb[], ...) RETURNS SETOF bigint */
Datum
taskly_enqueue_many_by_id_v1(PG_FUNCTION_ARGS)
{
	return enqueue_many(fcinfo, true);
}
