/*-------------------------------------------------------------------------
 *
 * queue_key_store.h
 *	  Every statement about taskly.queue_key and taskly.key_block: what owners
 *	  of queues have said of keys, and runs that block theirs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_QUEUE_KEY_STORE_H
#define TASKLY_QUEUE_KEY_STORE_H

#include "taskly.h"

typedef struct QueueKeyRow
{
	int32		queue_id;
	char	   *key;
	int			weight;
	bool		is_paused;
	int64		blocked_by;		/* first run that ended badly and blocks it; 0: none */
} QueueKeyRow;

/* Give all to receive(); the row lives during the call. */
typedef void (*QueueKeyReceiver) (const QueueKeyRow *key, void *arg);
extern void queue_key_store_read_all(QueueKeyReceiver receive, void *arg);

/* --- API ------------------------------------------------------------ */

/* False: it was so already. */
extern bool queue_key_store_set_weight(int32 queue_id, const char *key, int weight);

/* Sets the reason, too, of a key that is paused already; then false. */
extern bool queue_key_store_pause(int32 queue_id, const char *key, const char *reason);

/* Ends a pause and a block; false: there was neither. */
extern bool queue_key_store_resume(int32 queue_id, const char *key);

/* Keys of a queue whose weight is not 1. */
extern int64 queue_key_store_count_weights(int32 queue_id);

/* All keys of a queue are blocked no more; of a queue that is dropped, all is forgotten. */
extern void queue_key_store_unblock_all(int32 queue_id);
extern void queue_key_store_forget(int32 queue_id);

/* --- the end of a run ----------------------------------------------- */

/*
 * A run that ended badly blocks its key, if its queue is one where they do. True:
 * it does, and the scheduler is to hear of it.
 */
extern bool queue_key_store_block(int32 queue_id, const char *key, int64 run_id);

/* It does so no more; false: it did not. Never waits. */
extern bool queue_key_store_unblock(int32 queue_id, const char *key, int64 run_id);

#endif							/* TASKLY_QUEUE_KEY_STORE_H */
