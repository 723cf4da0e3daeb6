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
#include "lib/ilist.h"
#include "plan/rate.h"
#include "plan/share.h"

/* Who holds runs: a worker by its index; the supervisor runs all that it holds at once. */
#define NO_WORKER	(-1)

typedef struct QueuePlan
{
	int32		queue_id;		/* hash key */
	QueueSettings settings;
	bool		is_seen;		/* during a reload: still in the table */
	int			running;		/* dispatched and not yet ended */
	int64		waiting;		/* in memory */
	int64		ready;			/* due, of them */
	int64		timers;			/* in no line before an instant, of them */
	int64		evictable;		/* counted when memory is full */

	/* A worker runs one at a time of those that it holds: how many run at once. */
	int			concurrency;
	int			held_size;
	uint16	   *held;			/* by worker */

	Share		last_share;		/* of worker time, when a line of the queue ended last */
	const struct LineGroup *last_group; /* and whose workers'; see line.h */
	ShareClock	key_clock;		/* of its keys among themselves */
	RateLimit	rate;
	RateState	rate_state;
	RateLimit	rate_per_key;
	bool		is_rate_open;	/* as of the last turn or start */
	TimestampTz starts_unknown_until;	/* DT_NOBEGIN: it is as old as its first start */

	/* All of the queue's rows up to here are in memory, or left by their key or task. */
	RunPlace	watermark;		/* LAST_PLACE: all there are */
	bool		is_read;		/* they are being read */
	dlist_node	node;			/* in the list of all queues */
} QueuePlan;

/* All of its memory is parent's; what was known before is forgotten. */
extern void throttle_init(MemoryContext parent);

/*
 * Queues that are set from now on may have started runs until then that nobody
 * knows of: their rates assume the worst. DT_NOBEGIN: they have not.
 */
extern void throttle_assume_starts(TimestampTz until);

/* Find a queue; NULL: unknown. */
extern QueuePlan *throttle_find(int32 queue_id);

/* Take over what the tables say. */
extern void throttle_set(int32 queue_id, const QueueSettings *settings);

typedef void (*QueuePlanVisitor) (QueuePlan *queue, void *arg);

/* Around a reload: queues that were not set in between are gone; each is told before it goes. */
extern void throttle_begin_reload(void);
extern void throttle_end_reload(void (*goes) (QueuePlan *queue));

/* Look which rates allow a start now; returns when the next one will. */
extern TimestampTz throttle_advance(TimestampTz now);
extern void throttle_clock_was_set(int64 step_us);

/*
 * May a worker start a run of this queue now? One that holds some already adds
 * nothing to what runs at once.
 */
extern bool throttle_has_room(const QueuePlan *queue, int worker);

/* May any, or one more? */
extern bool throttle_is_open(const QueuePlan *queue);

/* A run is in a worker's hands; it has left them. */
extern void throttle_start(QueuePlan *queue, int worker, TimestampTz now);
extern void throttle_end(QueuePlan *queue, int worker);

/* How many queues there are. */
extern int64 throttle_count(void);

/* Call with each queue. */
extern void throttle_each(QueuePlanVisitor visit, void *arg);

#endif							/* TASKLY_THROTTLE_H */
