/*-------------------------------------------------------------------------
 *
 * duration_store.h
 *	  What is recorded of how long the runs of tasks take.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DURATION_STORE_H
#define TASKLY_DURATION_STORE_H

#include "taskly.h"

/*
 * For each of these tasks the mean duration of its latest successful attempts,
 * in microseconds; without one in history, that of its last run, if that
 * succeeded; else 0.
 */
extern void duration_store_read(const int64 *task_ids, int64 *durations_us, int count);

#endif							/* TASKLY_DURATION_STORE_H */
