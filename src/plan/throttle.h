/*-------------------------------------------------------------------------
 *
 * throttle.h
 *	  The queues in memory, and whether one may start a run now.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_THROTTLE_H
#define TASKLY_THROTTLE_H

#include "taskly.h"
#include "datatype/timestamp.h"

typedef struct QueuePlan
{
	int32		queue_id;		/* hash key */
	QueueSettings settings;
	bool		is_seen;		/* during a reload: still in the table */
	int			running;		/* dispatched and not yet ended */
	int64		waiting;		/* in memory */

	/* All of the queue's rows up to here are in memory. */
	bool		is_complete;	/* to the very end */
	TimestampTz watermark_due_at;
	int64		watermark_run_id;
} QueuePlan;

/* All of its memory is parent's; what was known before is forgotten. */
extern void throttle_init(MemoryContext parent);

/* Find a queue; NULL: unknown. */
extern QueuePlan *throttle_find(int32 queue_id);

/* Take over what the tables say. */
extern void throttle_set(int32 queue_id, const QueueSettings *settings);

/* Around a reload: queues that were not set in between are gone. */
extern void throttle_begin_reload(void);
extern void throttle_end_reload(void);

/* May a run of this queue start now? */
extern bool throttle_has_room(const QueuePlan *queue);
extern void throttle_start(QueuePlan *queue);
extern void throttle_end(QueuePlan *queue);

/* How many queues there are. */
extern int64 throttle_count(void);

/* Call with each queue. */
typedef void (*QueuePlanVisitor) (QueuePlan *queue, void *arg);
extern void throttle_each(QueuePlanVisitor visit, void *arg);

#endif							/* TASKLY_THROTTLE_H */
