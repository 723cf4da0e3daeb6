/*-------------------------------------------------------------------------
 *
 * task_plan.h
 *	  What a scheduler remembers of each task that has runs: whether it is
 *	  paused, whose turn it is, how long its runs take, and counts not yet
 *	  written to its row.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TASK_PLAN_H
#define TASKLY_TASK_PLAN_H

#include "taskly.h"
#include "lib/ilist.h"

typedef struct TaskPlan
{
	int64		task_id;		/* hash key */
	bool		is_paused;
	bool		is_shell;
	bool		is_serial;		/* its occurrences run one at a time */
	bool		turn_is_taken;	/* by one of them: ready or dispatched */
	bool		is_dirty;		/* has counts to write: in the list of dirty ones */
	int			running;		/* dispatched and not yet ended */
	int			max_running;	/* 0: no limit */
	int64		period_us;		/* shortest time between two occurrences; 0: none */
	int32		pause_after_failures;	/* 0: never */
	int32		consecutive_failures;
	int64		average_us;		/* moving average of durations; 0: not known */
	TaskCounts	counts;
	dlist_node	dirty_node;
	dlist_head	held;			/* RunEntry.list_node: due, and wait for their turn */
	dlist_head	flows;			/* ReadyFlow.task_node: due */

	/* Runs that were left in their table: of one queue, none up to the watermark. */
	bool		has_left;
	int32		left_queue_id;
	RunPlace	watermark;
	RunPlace	last;			/* none in line is behind it */
	dlist_node	left_node;		/* in the list of tasks that have left some */
} TaskPlan;

/* What its row says of a task. */
typedef struct TaskFacts
{
	int64		task_id;
	bool		is_paused;
	bool		is_shell;
	bool		is_serial;
	int			max_running;
	int64		period_us;
	int32		pause_after_failures;
	int32		consecutive_failures;
} TaskFacts;

/* All of its memory is parent's; what was known before is forgotten. */
extern void task_plan_init(MemoryContext parent);

/* NULL: not known. */
extern TaskPlan *task_plan_find(int64 task_id);

/*
 * Make or change what is known. The failures only when the task is new or no
 * longer paused: else ours are newer.
 */
extern TaskPlan *task_plan_set(const TaskFacts *facts);

/* Its row is gone: so are we, once the last of its runs is. */
extern void task_plan_forget(int64 task_id);

/* May one more of its runs start? */
static inline bool
task_plan_has_room(const TaskPlan *plan)
{
	return !plan->is_paused && (plan->max_running == 0 || plan->running < plan->max_running);
}

/* A moving average that knows one duration more; 0: it knew none. */
extern int64 task_plan_average(int64 average_us, int64 duration_us);

/* An attempt that is over. */
typedef struct TaskAttempt
{
	int64		run_id;
	RunStatus	status;
	bool		is_final;		/* and the run with it */
	TimestampTz started_at;		/* 0: it never was */
	TimestampTz finished_at;
	int64		duration_us;	/* not their difference, when the clock was set */
} TaskAttempt;

/* An attempt of a run of this task has ended. True: that pauses the task. */
extern bool task_plan_count(TaskPlan *plan, const TaskAttempt *attempt);

/* Since the last call: is a pause among the counts, which is not to wait? */
extern bool task_plan_take_urgent(void);

/* Tasks with counts to write; cleared one by one. */
extern dlist_head *task_plan_dirty(void);
extern void task_plan_clean(TaskPlan *plan);

#endif							/* TASKLY_TASK_PLAN_H */
