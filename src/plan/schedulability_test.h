/*-------------------------------------------------------------------------
 *
 * schedulability_test.h
 *	  What schedulability.c shares with its tests of each algorithm.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SCHEDULABILITY_TEST_H
#define TASKLY_SCHEDULABILITY_TEST_H

#include "common/int.h"

#include "plan/schedulability.h"

/* Looks at a task, in one analysis: some tenths of a second. */
#define STEPS_MAX		INT64CONST(30000000)
#define TIME_LIMIT		(INT64CONST(1) << 60)	/* 36,000 years: without end */

typedef struct TaskSet
{
	QueueAlgorithm algorithm;
	int			workers;
	RealTimeTask *tasks;
	int			count;
	int64		steps_left;
} TaskSet;

#define NOT_DECIDED		"The test did not come to an end within its bound of steps."

extern void judge(RealTimeTask *task, Verdict verdict, const char *test, const char *reason);

/* False: the analysis has taken long enough. */
extern bool spend_steps(TaskSet *set, int64 steps);

/* Has the task what the algorithm orders by? What has not comes last. */
extern bool has_place(const TaskSet *set, const RealTimeTask *task);

/* 0: none. */
extern int64 relative_deadline(const TaskSet *set, const RealTimeTask *task);

/* Each judges all tasks that have a place, and sets what it finds. */
extern void test_rate_monotonic(TaskSet *set);
extern void test_edf(TaskSet *set);

/* Sums and products that stop at TIME_LIMIT; nothing is negative. */
static inline int64
time_add(int64 a, int64 b)
{
	return a > TIME_LIMIT - b ? TIME_LIMIT : a + b;
}

static inline int64
time_times(int64 count, int64 us)
{
	int64		result;

	return pg_mul_s64_overflow(count, us, &result) || result > TIME_LIMIT ? TIME_LIMIT : result;
}

#endif							/* TASKLY_SCHEDULABILITY_TEST_H */
