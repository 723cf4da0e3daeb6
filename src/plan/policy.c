/*-------------------------------------------------------------------------
 *
 * policy.c
 *	  Scheduling algorithms.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"

#include "plan/policy.h"

/* Saturates: priorities and aging are the user's to choose. */
static int64
priority_key(int64 aging_us, const PolicyInput *input)
{
	int64		head_start;
	int64		key;

	if (pg_mul_s64_overflow(input->priority, aging_us, &head_start))
		return input->priority > 0 ? PG_INT64_MIN : PG_INT64_MAX;
	if (pg_sub_s64_overflow(input->due_at, head_start, &key))
		return head_start > 0 ? PG_INT64_MIN : PG_INT64_MAX;
	return key;
}

int64
policy_order_key(QueueAlgorithm algorithm, int64 aging_us,
				 const PolicyInput *input)
{
	switch (algorithm)
	{
		case QUEUE_FIFO:
			return input->arrival;
		case QUEUE_PRIORITY:
			return priority_key(aging_us, input);
		case QUEUE_FAIR:
		case QUEUE_RATE_MONOTONIC:
		case QUEUE_EDF:
			break;
	}
	elog(ERROR, "queue algorithm %d is not built", (int) algorithm);
	return 0;
}
