/*-------------------------------------------------------------------------
 *
 * followers.h
 *	  Tasks that come after others: what the leader knows of them, and their runs
 *	  when an occurrence of a schedule is fired.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_FOLLOWERS_H
#define TASKLY_FOLLOWERS_H

#include "taskly.h"

extern void followers_init(MemoryContext parent);

/* Read all of them, in a transaction. */
extern void followers_load(void);

/* What a task comes after may have changed; NULL: it was dropped. */
struct TaskRow;
extern void followers_task_changed(int64 task_id, const struct TaskRow *task);

/*
 * In the transaction that has inserted a run of a scheduled task: insert those of
 * the tasks that follow it. Does next to nothing when none does.
 */
struct RunRow;
extern void followers_fire(const struct RunRow *root);

#endif							/* TASKLY_FOLLOWERS_H */
