/*-------------------------------------------------------------------------
 *
 * run_change_bulk.c
 *	  Cancel and retry of many runs: what is simple of them, chunk by chunk,
 *	  with one look at the tables and one bulk insert each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "api/common.h"
#include "api/dependency_api.h"
#include "api/run_args.h"
#include "api/run_change.h"
#include "api/unique_args.h"
#include "server/lock.h"
#include "server/wake.h"
#include "store/dependency_store.h"
#include "store/run_bulk_store.h"
#include "store/run_presence.h"

#define CANCEL_CHUNK	1000
#define RETRY_CHUNK		200		/* each has an advisory lock meanwhile */

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

int
read_run_ids(ArrayType *array, int64 **run_ids)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;
	int			kept = 0;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &values, &nulls, &count);
	*run_ids = palloc(sizeof(int64) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			(*run_ids)[kept++] = DatumGetInt64(values[i]);
	}
	qsort(*run_ids, kept, sizeof(int64), compare_ids);
	return qunique(*run_ids, kept, sizeof(int64), compare_ids);
}

/* One look and one change at a chunk of runs. */
typedef int (*ChunkChange) (int64 *run_ids, int count);

static int64
change_in_chunks(ChunkChange change, int chunk, int64 *run_ids, int count)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskly many runs",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	int64		changed = 0;

	for (int first = 0; first < count; first += chunk)
	{
		CHECK_FOR_INTERRUPTS();
		changed += change(run_ids + first, Min(chunk, count - first));
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return changed;
}

/* Rows come in the order of their ids: those in a row are one piece of news. */
static void
wake_for_rows(const RunRow *rows, int count)
{
	for (int i = 0; i < count; i++)
		wake_for_runs(run_int64(&rows[i], RUN_COL_RUN_ID), 1);
}

/* Runs of one owner often come together. */
typedef struct ManagedOwner
{
	Oid			owner;
	bool		is_managed;
} ManagedOwner;

static bool
is_managed(const RunRow *row, void *arg)
{
	ManagedOwner *last = arg;

	if (last->owner != run_oid(row, RUN_COL_OWNER))
	{
		last->owner = run_oid(row, RUN_COL_OWNER);
		last->is_managed = may_manage(last->owner);
	}
	return last->is_managed;
}

/* ------------------------------------------------------------------------
 * cancel
 * ------------------------------------------------------------------------ */

static bool
is_cancelled(const RunRow *row, void *arg)
{
	bool		result = is_managed(row, arg);

	if (result)
		unique_hold(row);
	return result;
}

static int
cancel_chunk(int64 *run_ids, int count)
{
	RunRow	   *rows = palloc(sizeof(RunRow) * count);
	ManagedOwner last = {0};
	RunEnd		end;
	int			slot;
	int			taken;

	push_newest_snapshot();
	taken = run_bulk_take_waiting(run_ids, count, is_cancelled, &last, rows);
	if (taken > 0)
	{
		cancelled_end(&end, &slot);
		history_store_insert_many(rows, taken, &end, slot);
		/* A run that blocks its key has been tried. */
		for (int i = 0; i < taken; i++)
		{
			if (run_int32(&rows[i], RUN_COL_ATTEMPT) > 0)
				cancelled_settle_key(&rows[i]);
		}
	}
	pop_newest_snapshot();
	wake_for_rows(rows, taken);
	return taken;
}

int64
cancel_in_bulk(int64 *run_ids, int count)
{
	return change_in_chunks(cancel_chunk, CANCEL_CHUNK, run_ids, count);
}

/* ------------------------------------------------------------------------
 * retry
 * ------------------------------------------------------------------------ */

static void
row_of_ended(const EndedRun *run, RunRow *row)
{
	ItemPointerSetInvalid(&row->ctid);
	memcpy(row->values, run->values, sizeof(row->values));
	memcpy(row->nulls, run->nulls, sizeof(row->nulls));
}

/* Is it over, the caller's, and of a status that can be retried? */
static bool
is_retried_in_bulk(const EndedRun *run, bool has_parents, ManagedOwner *last, bool *is_settled)
{
	RunRow		row;

	*is_settled = false;
	if (run->slot < 0)
		return false;
	row_of_ended(run, &row);
	*is_settled = !is_managed(&row, last) ||
		!can_be_retried(TextDatumGetCString(run->values[FINISHED_COL_STATUS - 1]));
	/* Who has a unique key has to look for others of it, a child at its parents. */
	return !*is_settled && !has_parents && run_is_null(&row, RUN_COL_UNIQUE_KEY);
}

/*
 * Lock what can be retried: nobody else puts it back meanwhile, and who has done
 * so shows, see retry_locked().
 */
static void
lock_ended(int64 *run_ids, int count, const EndedRun *runs, const bool *has_parents,
		   bool *is_locked)
{
	ManagedOwner last = {0};
	bool	   *is_there = palloc(sizeof(bool) * count);

	for (int i = 0; i < count; i++)
	{
		bool		is_settled;

		is_locked[i] = is_retried_in_bulk(&runs[i], has_parents[i], &last, &is_settled) &&
			lock_try_run(run_ids[i]);
		if (is_settled)
			run_ids[i] = 0;
	}
	run_presence_test_many(run_ids, count, is_there);
	for (int i = 0; i < count; i++)
	{
		if (is_locked[i] && is_there[i])
		{
			lock_release_run(run_ids[i]);
			is_locked[i] = false;
		}
	}
}

/*
 * Put back what is locked, into rows; returns how many. What has moved since we
 * found it is left.
 */
static int
put_back_ended(int64 *run_ids, int count, EndedRun *runs, const bool *is_locked, RunRow *rows)
{
	HistoryReopener reopener = {0};
	RetryNeeds	needs = {0};
	int			back = 0;

	for (int i = 0; i < count; i++)
	{
		if (!is_locked[i])
			continue;
		row_of_ended(&runs[i], &rows[back]);
		if (!prepare_simple_retry(&rows[back], &needs))
			run_ids[i] = 0;
		else if (history_reopener_add(&reopener, &runs[i]))
		{
			run_ids[i] = 0;
			back++;
		}
	}
	history_reopener_close(&reopener);
	if (back > 0)
		run_store_insert(rows, back);
	wake_for_rows(rows, back);
	return back;
}

/* Now that their rows are there, and their locks released. */
static void
bring_back_children(const RunRow *rows, int count)
{
	int64	   *run_ids = palloc(sizeof(int64) * count);
	bool	   *have_children = palloc(sizeof(bool) * count);

	for (int i = 0; i < count; i++)
		run_ids[i] = run_int64(&rows[i], RUN_COL_RUN_ID);
	push_newest_snapshot();
	dependency_store_have_children(run_ids, count, have_children);
	pop_newest_snapshot();
	for (int i = 0; i < count; i++)
	{
		if (have_children[i])
			retry_children(run_ids[i]);
	}
}

/* Now that their rows are there. */
static void
unlock_ended(int count, const EndedRun *runs, const bool *is_locked)
{
	for (int i = 0; i < count; i++)
	{
		if (is_locked[i])
			lock_release_run(DatumGetInt64(runs[i].values[RUN_COL_RUN_ID - 1]));
	}
}

static int
retry_chunk(int64 *run_ids, int count)
{
	EndedRun   *runs = palloc(sizeof(EndedRun) * count);
	bool	   *has_parents = palloc(sizeof(bool) * count);
	bool	   *is_locked = palloc(sizeof(bool) * count);
	RunRow	   *rows = palloc(sizeof(RunRow) * count);
	int			back;

	push_newest_snapshot();
	history_store_find_many(run_ids, count, runs);
	dependency_store_have_parents(run_ids, count, has_parents);
	pop_newest_snapshot();
	lock_ended(run_ids, count, runs, has_parents, is_locked);
	push_newest_snapshot();
	back = put_back_ended(run_ids, count, runs, is_locked, rows);
	pop_newest_snapshot();
	unlock_ended(count, runs, is_locked);
	bring_back_children(rows, back);
	return back;
}

int64
retry_in_bulk(int64 *run_ids, int count)
{
	return change_in_chunks(retry_chunk, RETRY_CHUNK, run_ids, count);
}
