/*-------------------------------------------------------------------------
 *
 * queue_args.h
 *	  From the arguments of create_queue() and alter_queue() to settings that
 *	  have been checked as a whole; and the queue that a call is about.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_QUEUE_ARGS_H
#define TASKLY_QUEUE_ARGS_H

#include "taskly.h"
#include "fmgr.h"
#include "store/queue_store.h"
#include "utils/array.h"

/* Of queues, and of keys. */
#define QUEUE_WEIGHT_MAX	1000000

/* In the order of the arguments of create_queue(), after its name. */
typedef enum QueueOption
{
	QUEUE_ALGORITHM,
	QUEUE_WEIGHT,
	QUEUE_MAX_RUNNING,
	QUEUE_MAX_RUNNING_PER_KEY,
	QUEUE_RATE,
	QUEUE_RATE_PER_KEY,
	QUEUE_RATE_INTERVAL,
	QUEUE_BURST,
	QUEUE_MAX_PENDING,
	QUEUE_AGING,
	QUEUE_BLOCK_KEY_ON_FAILURE,
	QUEUE_KEEP,
	QUEUE_BATCH,
	QUEUE_OPTIONS				/* how many there are */
} QueueOption;

/* Take the options that are not null, from argument 1 on; returns how many. */
extern int	queue_options_apply(QueueRow *queue, FunctionCallInfo fcinfo, bool *is_given);

/* Return options to their defaults: argument reset, a text[]; returns how many. */
extern int	queue_options_reset(QueueRow *queue, ArrayType *names, const bool *is_given);

/* Error 22023 when options do not go together; completes those that follow from others. */
extern void queue_options_check(QueueRow *queue);

/*
 * Lock the queue that argument 0 names, which an argument is called. Error 42704
 * when there is none, 42501 when it is not the caller's to change.
 */
extern void lock_own_queue(FunctionCallInfo fcinfo, const char *argument, QueueLock lock,
						   QueueRow *queue);

#endif							/* TASKLY_QUEUE_ARGS_H */
