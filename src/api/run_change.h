/*-------------------------------------------------------------------------
 *
 * run_change.h
 *	  What cancelling and retrying one run and many have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_CHANGE_H
#define TASKLY_RUN_CHANGE_H

#include "taskly.h"
#include "store/history_store.h"
#include "store/run_store.h"
#include "store/task_store.h"
#include "utils/array.h"

/* --- one run, and many (run_change.c) ----------------------------------- */

typedef enum ChangeResult
{
	CHANGE_DONE,
	CHANGE_NOT_POSSIBLE,		/* the run is not in a state for it */
	CHANGE_NOT_FOUND,			/* no such run, or not the caller's */
	CHANGE_LOOK_AGAIN			/* it moved while we looked */
} ChangeResult;

/* Changes a run, under a snapshot that sees the newest. is_strict: an error says why it cannot. */
typedef ChangeResult (*RunChange) (int64 run_id, bool is_strict);

/* Sets those that it has settled to 0; returns how many it has changed. */
typedef int64 (*BulkChange) (int64 *run_ids, int count);

/* Has it been changed? An error when it is not there for the caller. */
extern Datum change_one(RunChange change, int64 run_id);

/* How many could be changed; what is not there, or not the caller's, is passed over. */
extern Datum change_many(RunChange change, BulkChange change_in_bulk, ArrayType *array);

/* --- what the changes of one and of many share ------------------------- */

/* The end of waiting runs that the caller cancels, and where history has it. */
extern void cancelled_end(RunEnd *end, int *history_slot);

/* A run whose row is deleted blocks its key no more. */
extern void cancelled_settle_key(const RunRow *row);

/* May a run that is over and has this status be tried again? */
extern bool can_be_retried(const char *status);

/* What runs need to be put back, as the last one was found to have it. Begins as zeros. */
typedef struct RetryNeeds
{
	int64		home_id;
	int32		queue_id;
	bool		has_queue;
	int64		task_id;		/* 0: none */
	bool		has_task;
	TaskRow		task;			/* if so */
} RetryNeeds;

/*
 * Make the row of a finished run, which has neither a unique key nor parents, one
 * that waits: due now, with an attempt left. False: it cannot wait. What needs
 * refer to lives in the current memory context.
 */
extern bool prepare_simple_retry(RunRow *row, RetryNeeds *needs);

/* A run was put back, and its lock released: those that were skipped because of it come back. */
extern void retry_children(int64 run_id);

/* The run_ids of an array: sorted, each once, without nulls. Returns how many. */
extern int	read_run_ids(ArrayType *array, int64 **run_ids);

/*
 * Change those of many runs that need no look at each other: returns how many,
 * and puts 0 in the place of those that are settled, changed or not. The rest is
 * for the calls that change one. run_ids are sorted.
 */
extern int64 cancel_in_bulk(int64 *run_ids, int count);
extern int64 retry_in_bulk(int64 *run_ids, int count);

#endif							/* TASKLY_RUN_CHANGE_H */
