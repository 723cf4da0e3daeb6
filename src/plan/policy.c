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
		case QUEUE_FAIR:
			return input->arrival;
		case QUEUE_PRIORITY:
			return priority_key(aging_us, input);
		case QUEUE_RATE_MONOTONIC:
			return input->period_us > 0 ? input->period_us : PG_INT64_MAX;
		case QUEUE_EDF:
			return input->deadline_at;	/* DT_NOEND is the largest there is */
	}
	elog(ERROR, "unexpected queue algorithm: %d", (int) algorithm);
	return 0;
}

bool
policy_is_by_arrival(QueueAlgorithm algorithm)
{
	return algorithm == QUEUE_FIFO || algorithm == QUEUE_FAIR;
}
