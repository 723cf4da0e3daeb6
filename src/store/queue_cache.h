/*-------------------------------------------------------------------------
 *
 * queue_cache.h
 *	  The queue that this process has asked for last.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_QUEUE_CACHE_H
#define TASKLY_QUEUE_CACHE_H

#include "store/queue_store.h"

/* queue_store_read_newest, for what each run asks for. */
extern bool queue_cache_read(int32 queue_id, QueueRow *queue);

/* At commit, all processes forget what they remember of queues; this one sooner. */
extern void queue_cache_forget_at_commit(void);

#endif							/* TASKLY_QUEUE_CACHE_H */
