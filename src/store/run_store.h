/*-------------------------------------------------------------------------
 *
 * run_store.h
 *	  Every statement about taskly.pending_run.
 *
 * A RunRow is a row in memory: values and nulls by column number - 1, as
 * heap_form_tuple wants them. The hot paths go through the table access method
 * and need no plan, search_path or rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_STORE_H
#define TASKLY_RUN_STORE_H

#include "taskly.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "store/catalog.h"
#include "utils/timestamp.h"

typedef struct RunRow
{
	ItemPointerData ctid;
	Datum		values[RUN_COLS];
	bool		nulls[RUN_COLS];
} RunRow;

/* Typed access; the caller has checked that the column is not null. */
#define run_int64(row, col)		DatumGetInt64((row)->values[(col) - 1])
#define run_int32(row, col)		DatumGetInt32((row)->values[(col) - 1])
#define run_oid(row, col)		DatumGetObjectId((row)->values[(col) - 1])
#define run_time(row, col)		DatumGetTimestampTz((row)->values[(col) - 1])
#define run_is_null(row, col)	((row)->nulls[(col) - 1])

extern void run_row_set(RunRow *row, int col, Datum value);
extern void run_row_set_null(RunRow *row, int col);

/* The beginning of an error message, for last_message. NULL: there is none. */
extern void run_row_set_error(RunRow *row, const char *message);

/* A text column in the current memory context, or NULL. */
extern char *run_row_text(const RunRow *row, int col);

/* All null; the caller sets what it needs. */
extern void run_row_init(RunRow *row);

/* What a slot of pending_run holds: as long as it does, or copied into the current context. */
struct TupleTableSlot;
extern void run_row_from_slot(RunRow *row, struct TupleTableSlot *slot);
extern void run_row_copy_from_slot(RunRow *row, struct TupleTableSlot *slot);

/* Next run_id. */
extern int64 run_store_next_id(void);

/*
 * Fill a row for a run of a task (a struct TaskRow, see task_store.h), with all
 * that the task says: queue, priority, args, deadline. run_id is taken here.
 */
struct TaskRow;
extern void run_row_for_task(RunRow *row, const struct TaskRow *task,
							 TimestampTz due_at, TimestampTz now,
							 const char *source);

/*
 * Insert rows (their run_ids set) in the current transaction; sets their ctids.
 * Wakes nobody: the caller calls wake_for_runs.
 */
extern void run_store_insert(RunRow *rows, int count);

/*
 * The same for many rows, at the pace of COPY. What a row points to must live
 * until the inserter is closed, and the row itself, too, unless it is copied.
 */
typedef struct RunInserter RunInserter;
extern RunInserter *run_inserter_open(void);
extern int64 run_inserter_next_id(RunInserter *inserter);
extern void run_inserter_add(RunInserter *inserter, RunRow *row);
extern void run_inserter_add_copy(RunInserter *inserter, const RunRow *row);
extern void run_inserter_close(RunInserter *inserter);

/* --- scheduler ------------------------------------------------------ */

/*
 * Give each row with first <= run_id < first + count to receive(), under the
 * active snapshot. The row is valid during the call only.
 */
typedef void (*RunReceiver) (const RunRow *row, void *arg);
extern void run_store_read(int64 first, int64 count, RunReceiver receive, void *arg);

/* The occurrences of a task's schedule that are not over, as far as committed. */
extern void run_store_read_occurrences(int64 task_id, RunReceiver receive, void *arg);

/*
 * Up to limit rows of a queue after a place, in the order of places; returns how
 * many. Those that wait for other runs (due_at is infinity) are read only when
 * the place is there, too.
 */
extern int	run_store_read_queue(int32 queue_id, RunPlace after, int limit,
								 RunReceiver receive, void *arg);

/* The same of one key of a queue. */
extern int	run_store_read_key(int32 queue_id, const char *key, RunPlace after,
							   int limit, RunReceiver receive, void *arg);

/* Rows of a queue that have a key and have been tried before. */
extern void run_store_read_retrying(int32 queue_id, RunReceiver receive, void *arg);

/*
 * Rows that wait for other runs, up to limit of those whose deadline is not after
 * an instant, the earliest first; returns how many.
 */
extern int	run_store_read_waiting(TimestampTz until, int limit,
								   RunReceiver receive, void *arg);

/* Rows with a durable start mark. */
extern void run_store_read_started(RunReceiver receive, void *arg);

/* --- claims --------------------------------------------------------- */

typedef enum ClaimResult
{
	CLAIM_OK,
	CLAIM_LOCKED,				/* somebody else holds the row: come again */
	CLAIM_GONE,					/* no such run */
	CLAIM_CHANGED				/* changed while we looked: a new snapshot will see */
} ClaimResult;

/*
 * All four never wait. They look at ctid (NULL: nowhere) and then, when another
 * row is there, once by run_id. row gets the latest version, in the current
 * memory context.
 */

/* Read a run's row. */
extern ClaimResult run_store_get(int64 run_id, ItemPointer ctid, RunRow *row);

/* Read and lock it, to the end of the transaction. */
extern ClaimResult run_store_lock(int64 run_id, ItemPointer ctid, RunRow *row);

/* Read and delete it: the claim of an atomic run. */
extern ClaimResult run_store_take(int64 run_id, ItemPointer ctid, RunRow *row);

/* Rewrite a row that was read before with the values that it has now. */
extern ClaimResult run_store_update(RunRow *row);
extern ClaimResult run_store_delete(RunRow *row);

/* taskly.pending_run, open for many claims in one transaction. */
typedef struct RunTable
{
	Relation	rel;
	TupleTableSlot *slot;
} RunTable;

extern void run_table_open(RunTable *table);
extern void run_table_close(RunTable *table);
extern ClaimResult run_table_get(RunTable *table, int64 run_id, ItemPointer ctid, RunRow *row);

/* Delete a row that run_table_get() has given. */
extern ClaimResult run_table_take(RunTable *table, RunRow *row);

#endif							/* TASKLY_RUN_STORE_H */
