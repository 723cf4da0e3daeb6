/*-------------------------------------------------------------------------
 *
 * schedulability_api.h
 *	  What taskly.schedulability() has found out, and the rows made of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SCHEDULABILITY_API_H
#define TASKLY_SCHEDULABILITY_API_H

#include "taskly.h"
#include "fmgr.h"
#include "plan/schedulability.h"
#include "store/load_store.h"
#include "store/queue_store.h"
#include "store/task_store.h"

/* A task of the queue, or all runs without a task: task_id 0. */
typedef struct LoadRow
{
	MeasuredTask measured;
	TaskRow		task;
	const char *idle_reason;	/* why it does not take part; NULL: it does */
	double		arrivals;		/* per second, from schedule and history */
	double		enqueued;		/* of these, by history */
	double		backlog;
} LoadRow;

typedef struct LoadCall
{
	QueueRow	queue;
	double		safety;
	bool		reads_all;
	bool		has_others;		/* tasks that the caller may not see */
	bool		has_shell;
	bool		has_sql;
	int			workers;
	TimestampTz now;
	MemoryContext context;
	LoadRow    *rows;			/* in the order of task ids */
	int			count;
	int			size;
} LoadCall;

/* Put the row of a task, or that of the queue, into the function's result. */
extern void put_task_load(FunctionCallInfo fcinfo, const LoadCall *call, const LoadRow *row,
						  const RealTimeTask *task);
extern void put_queue_load(FunctionCallInfo fcinfo, const LoadCall *call,
						   const Schedulability *verdict);

#endif							/* TASKLY_SCHEDULABILITY_API_H */
