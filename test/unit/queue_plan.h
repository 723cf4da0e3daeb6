/*
 * What the tests of src/plan share: queues that have only an order, a limit of
 * running runs, and perhaps a pause.
 */
#ifndef TASKLY_TEST_QUEUE_PLAN_H
#define TASKLY_TEST_QUEUE_PLAN_H

#include "plan/ready.h"

/* As after a reading of all its rows, of which there are none. */
static inline void
mark_as_read(QueuePlan *queue, void *arg)
{
	queue->watermark = LAST_PLACE;
}

static inline void
read_queue(int32 queue_id)
{
	mark_as_read(throttle_find(queue_id), NULL);
}

/* Nothing waits, neither in memory nor in the tables. */
static inline void
empty_queues(void)
{
	ready_forget_waiting();
	throttle_each(mark_as_read, NULL);
}

static inline void
set_queue(int32 queue_id, QueueAlgorithm algorithm, int64 aging_us,
		  int max_running, bool is_paused)
{
	QueueSettings settings = {
		.algorithm = algorithm,
		.weight = 1,
		.max_running = max_running,
		.batch = 1,
		.rate_interval_us = USECS_PER_SEC,
		.aging_us = aging_us,
		.is_paused = is_paused
	};

	throttle_set(queue_id, &settings);
	read_queue(queue_id);
}

#endif							/* TASKLY_TEST_QUEUE_PLAN_H */
