/*-------------------------------------------------------------------------
 *
 * follower_store.h
 *	  Tasks that come after others, and their runs for an instant of the schedule
 *	  that they lead to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_FOLLOWER_STORE_H
#define TASKLY_FOLLOWER_STORE_H

#include "taskly.h"
#include "store/run_store.h"
#include "store/task_store.h"

/* --- tasks (column after) ----------------------------------------------- */

/* What a task comes after, as task_ids; returns how many. */
extern int	task_after_ids(const TaskRow *task, int64 **ids);

/* Give each task that comes after others to receive(), as committed by now. */
typedef void (*AfterReceiver) (int64 task_id, const int64 *after, int count, void *arg);
extern void follower_store_read_all(AfterReceiver receive, void *arg);

/* Write what a task comes after; count 0: nothing. */
extern void follower_store_set(int64 task_id, const int64 *after, int count);

/* Keep a task from being dropped or redefined until the transaction ends; false: there is none. */
extern bool follower_store_hold(int64 task_id);

/* --- runs ---------------------------------------------------------------- */

/* Tasks that follow a scheduled one, each behind those that it comes after. */
typedef struct Followers
{
	int			count;
	TaskRow    *tasks;
} Followers;

/* Read them in the current memory context; what is gone or comes after nothing is left out. */
extern void follower_store_load(const int64 *task_ids, int count, Followers *result);

/*
 * Insert the followers' runs for the instant of a run of the scheduled task,
 * which is inserted in the same transaction, with that run's source. They wait
 * for it and for each other. Returns the first of their deadlines, or DT_NOEND.
 */
typedef void (*FollowerRunReceiver) (int64 run_id, void *arg);
extern TimestampTz follower_store_insert_runs(const Followers *followers, const RunRow *root,
											  FollowerRunReceiver receive, void *arg);

#endif							/* TASKLY_FOLLOWER_STORE_H */
