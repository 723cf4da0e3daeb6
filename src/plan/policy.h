/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  Scheduling algorithms: a run's place in its queue, as one number.
 *
 * The key is computed once, when the run becomes known; smaller runs first, and
 * among equals the one that is due first. None of the algorithms interrupts a run
 * that has begun: they are non-preemptive.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_POLICY_H
#define TASKLY_POLICY_H

#include "taskly.h"

typedef struct PolicyInput
{
	TimestampTz due_at;
	TimestampTz deadline_at;	/* DT_NOEND: none */
	int64		arrival;		/* counts up as runs become known, and due */
	int64		period_us;		/* of the run's task; 0: none */
	int32		priority;		/* higher runs first */
} PolicyInput;

/*
 * FIFO: first come, first served, by arrival.
 *
 * Priority with linear aging (Kleinrock's delay-dependent priorities): a run's
 * urgency grows with its waiting time at the same rate for all, so the order of
 * two runs never changes and one number fixes it: due time less priority times
 * the aging interval. Nothing waits for ever behind higher priorities.
 *
 * Fair: among the runs of one key by arrival; keys share by share.h.
 *
 * Rate-monotonic (Liu and Layland, 1973): the shorter the task's period, the
 * sooner. Earliest deadline first: by absolute deadline. What has no period or
 * deadline comes after all that has.
 */
extern int64 policy_order_key(QueueAlgorithm algorithm, int64 aging_us,
							  const PolicyInput *input);

/* Do runs of the same key start in the order in which they arrive? */
extern bool policy_is_by_arrival(QueueAlgorithm algorithm);

#endif							/* TASKLY_POLICY_H */
