/*-------------------------------------------------------------------------
 *
 * load_store.h
 *	  What the runs of a queue have asked of its workers, as the tables tell:
 *	  how long they took, how many came, how many wait.
 *
 * All of it is per task; task_id 0 stands for runs without a task. All but the
 * number of those that wait is found by indexes, with bounds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_LOAD_STORE_H
#define TASKLY_LOAD_STORE_H

#include "taskly.h"

#define LOAD_WINDOW_US	USECS_PER_HOUR	/* in which arrivals are counted */

/* Attempts of a task, the latest 1000 (of runs without one: those of 10000 in the queue). */
typedef struct MeasuredTask
{
	int64		task_id;
	int64		attempts;
	int64		longest_us;
	int64		mean_us;
	int64		deadline_us;	/* the longest that was given; 0: none */
	int64		deadline_misses;
} MeasuredTask;

typedef void (*MeasuredReceiver) (const MeasuredTask *task, void *arg);

/* Each task of a queue, also those without attempts; in the order of their ids. */
extern void load_store_read_tasks(int32 queue_id, MeasuredReceiver receive, void *arg);

/* Runs without a task that a role may see; every role, if all is true. */
extern void load_store_read_submitted(int32 queue_id, bool all, MeasuredTask *result);

/* A number of runs of a task. */
typedef void (*CountReceiver) (int64 task_id, double count, void *arg);

/* Runs that are due and not over. */
extern void load_store_read_backlog(int32 queue_id, bool all, TimestampTz now,
									CountReceiver receive, void *arg);

/*
 * Runs that were queued in the last LOAD_WINDOW_US, but for those that schedules
 * make. Of more than 2000 in the database, so many are looked at, spread over all.
 */
extern void load_store_read_arrivals(int32 queue_id, bool all, TimestampTz now,
									 CountReceiver receive, void *arg);

#endif							/* TASKLY_LOAD_STORE_H */
