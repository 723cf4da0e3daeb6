/*-------------------------------------------------------------------------
 *
 * overlap.h
 *	  What an occurrence does that is due while an earlier one is not over.
 *
 *	 skip				it is skipped
 *	 queue				its run waits for its turn (ready.h), if none does yet
 *	 cancel_running		the same, and the earlier ones are cancelled
 *	 allow				runs, up to max_instances
 *
 * One that is made up after a downtime is never skipped: it waits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_OVERLAP_H
#define TASKLY_OVERLAP_H

#include "taskly.h"
#include "time/scheduled_task.h"

typedef enum OverlapStep
{
	OVERLAP_STEP_RUN,
	OVERLAP_STEP_CANCEL_AND_RUN,	/* cancel the earlier ones */
	OVERLAP_STEP_PASS,			/* skip it */
	OVERLAP_STEP_WAIT			/* for a finish */
} OverlapStep;

/* Does it matter whether earlier ones are over? */
extern bool overlap_matters(const ScheduledTask *task);

/* Enqueued runs count as running. */
extern OverlapStep overlap_meet(const ScheduledTask *task, bool is_made_up,
								int running, int waiting);

#endif							/* TASKLY_OVERLAP_H */
