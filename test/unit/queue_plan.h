/*
 * What the tests of src/plan share: queues that have only an order, a limit of
 * running runs, and perhaps a pause.
 */
#ifndef TASKLY_TEST_QUEUE_PLAN_H
#define TASKLY_TEST_QUEUE_PLAN_H

#include "plan/throttle.h"

static void
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
}

#endif							/* TASKLY_TEST_QUEUE_PLAN_H */
