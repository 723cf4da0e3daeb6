/*-------------------------------------------------------------------------
 *
 * queue_store.h
 *	  Every statement about taskly.queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_QUEUE_STORE_H
#define TASKLY_QUEUE_STORE_H

#include "taskly.h"
#include "datatype/timestamp.h"

/* As the table has them. */
#define QUEUE_DEFAULT_AGING_US	(60 * USECS_PER_SEC)
#define QUEUE_DEFAULT_SETTINGS \
	((QueueSettings) {.algorithm = QUEUE_PRIORITY, .weight = 1, .batch = 1, \
	 .rate_interval_us = USECS_PER_SEC, .aging_us = QUEUE_DEFAULT_AGING_US})

typedef struct QueueRow
{
	int32		queue_id;
	char	   *name;
	Oid			owner;
	int64		max_pending;	/* 0: no limit */
	QueueSettings settings;
} QueueRow;

/* Read one by name or id, in the current memory context; false: none. */
extern bool queue_store_find(const char *name, QueueRow *queue);
extern bool queue_store_read(int32 queue_id, QueueRow *queue);

/* The same of what is committed now, whatever the transaction's snapshot is. */
extern bool queue_store_read_newest(int32 queue_id, QueueRow *queue);

/* id of "default", which is made when it is missing. */
extern int32 queue_store_default(void);

typedef void (*QueueReceiver) (const QueueRow *queue, void *arg);
extern void queue_store_read_all(QueueReceiver receive, void *arg);

/* --- API ------------------------------------------------------------ */

extern const char *queue_algorithm_name(QueueAlgorithm algorithm);

/* By its text; false: no such algorithm. */
extern bool queue_algorithm_find(const char *name, QueueAlgorithm *algorithm);

/* The same for what is kept. */
extern const char *queue_keep_name(QueueKeep keep);
extern bool queue_keep_find(const char *name, QueueKeep *keep);

/* Names of all queues, sorted, quoted and separated by commas; at most 20 of them. */
extern char *queue_store_names(void);

/* Insert; returns the queue_id, or 0 when the name is taken. */
extern int32 queue_store_insert(const QueueRow *queue);

/*
 * Lock a queue's row until the transaction ends and read its latest version;
 * false: none. QUEUE_LOCK_DEFINITION waits for those who hold it, see below.
 */
typedef enum QueueLock
{
	QUEUE_LOCK_STATE,			/* to pause it */
	QUEUE_LOCK_DEFINITION		/* to alter or drop it */
} QueueLock;

extern bool queue_store_lock(const char *name, QueueLock lock, QueueRow *queue);

/* Keep a queue as it is until the transaction ends; false: it is gone. */
extern bool queue_store_hold(int32 queue_id);

/* Write what alter_queue can change of a locked queue. */
extern void queue_store_update(const QueueRow *queue);
extern void queue_store_delete(int32 queue_id);
extern void queue_store_pause(int32 queue_id, const char *reason);
extern void queue_store_resume(int32 queue_id);

#endif							/* TASKLY_QUEUE_STORE_H */
