/*-------------------------------------------------------------------------
 *
 * queue_key_store.h
 *	  Every statement about taskly.queue_key.
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
	int64		blocked_by;		/* run that ended badly; 0: none */
} QueueKeyRow;

/* Give all to receive(); the row lives during the call. */
typedef void (*QueueKeyReceiver) (const QueueKeyRow *key, void *arg);
extern void queue_key_store_read_all(QueueKeyReceiver receive, void *arg);

#endif							/* TASKLY_QUEUE_KEY_STORE_H */
