/*-------------------------------------------------------------------------
 *
 * run_bulk_store.h
 *	  Statements about many rows of taskly.pending_run at once: the runs of a
 *	  task, of a queue, of a home.
 *
 * None waits for a run in execution: its row is locked, and passed over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_BULK_STORE_H
#define TASKLY_RUN_BULK_STORE_H

#include "taskly.h"
#include "store/run_store.h"

/*
 * Delete those of `count` runs, in the order of their ids, that wait and that
 * is_wanted() says yes to; their rows, copied into the current memory context,
 * go to `rows`. In run_ids 0 takes the place of what is settled: deleted, not
 * there or not wanted; what somebody has begun or is changing stays. Returns how
 * many were deleted. Tells nobody. Under the active snapshot.
 */
typedef bool (*RunFilter) (const RunRow *row, void *arg);
extern int	run_bulk_take_waiting(int64 *run_ids, int count, RunFilter is_wanted, void *arg,
								  RunRow *rows);

/* Delete the waiting runs of a task and tell the scheduler at commit; returns how many. */
extern int64 run_bulk_delete_of_task(int64 task_id);

/* Give the waiting runs of a task to another role, and tell the scheduler at commit. */
extern int64 run_bulk_set_owner(int64 task_id, Oid owner);

/*
 * Cancel the waiting runs of a queue, with a message for history, and tell the
 * scheduler at commit; returns how many.
 */
extern int64 run_bulk_cancel_in_queue(int32 queue_id, int history_slot, const char *message);

extern int64 run_bulk_count_in_queue(int32 queue_id);

/*
 * Move waiting runs of queues that are not there to queue "default", and tell the
 * scheduler at commit; returns how many.
 */
extern int64 run_bulk_move_strays(void);

/* Give a home to all runs that have another; returns how many. */
extern int64 run_bulk_set_home(int64 home_id);

#endif							/* TASKLY_RUN_BULK_STORE_H */
