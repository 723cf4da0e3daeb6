/*-------------------------------------------------------------------------
 *
 * choice.h
 *	  Which run is handed to which worker: decided here, done by dispatch.
 *
 * Queues share worker time by their weights; within a queue the order key
 * decides. A worker gets one run at a time, or several ahead when they are known
 * to be short or nothing is known of them, so that no fast run waits long behind
 * a slow one.
 *
 * Functions of ready, throttle and task_plan alone: the scheduler plays them with
 * processes, a simulation without.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CHOICE_H
#define TASKLY_CHOICE_H

#include "taskly.h"
#include "nodes/pg_list.h"
#include "plan/ready.h"
#include "plan/task_plan.h"

/* So many runs may a worker have before it, however short they are. */
#define CHOICE_MAX_AHEAD	512

/* A worker, and what it has in its hands. */
typedef struct WorkerLoad
{
	int			index;			/* among the workers; NO_WORKER: the supervisor */
	Oid			role;			/* InvalidOid: the supervisor */
	bool		is_ready;		/* attached */
	bool		is_retiring;
	bool		holds_slow_run; /* nothing may be put behind it */
	int			count;			/* runs handed to it of which it has not reported the end */
	int			done;			/* of these, ended */
	int			keys;			/* of these runs, with runs that go one after another */
	bool		may_follow;		/* runs of these keys may be put behind */
	int64		average_us;		/* of its runs without a task; 0: not known */
	TimestampTz started_at;
} WorkerLoad;

/* A run that is to be handed to a worker. */
typedef struct Choice
{
	RunEntry   *entry;
	ReadyLine  *line;
	TaskPlan   *plan;			/* NULL: without a task, or nothing known of it */
	int64		expected_us;	/* 0: not known */
	bool		is_slow;		/* known to take its time */
	bool		blocks_worker;	/* nothing may be put behind it */
} Choice;

/* What a worker should be handed now; false: nothing. */
extern bool choice_next(const WorkerLoad *worker, Choice *choice);

/* It is handed over. */
extern void choice_take(WorkerLoad *worker, const Choice *choice, TimestampTz now);

/* A waiting run is found in a worker's hands already. */
extern void choice_adopt(WorkerLoad *worker, RunEntry *entry, TimestampTz now);

/*
 * A run has left the worker's hands, in whatever way; it was executed for so
 * long, or (0) not.
 */
extern void choice_release(WorkerLoad *worker, RunEntry *entry, int64 used_us);

/*
 * Hand out what can be, one run after another to each worker in turn. NULL
 * among the workers: it cannot take any now. Each run is in its worker's hands
 * before hand_over is called.
 */
typedef void (*HandOver) (int worker, const Choice *choice, void *arg);
extern void choice_hand_out(WorkerLoad *const *workers, int count,
							HandOver hand_over, void *arg, TimestampTz now);

/* Is there a run for this worker, when it has room? */
extern bool choice_has_more(const WorkerLoad *worker);

/* Is there a shell run that may start? */
extern bool choice_has_shell_run(void);

/* When to take back what waits behind the run that a worker is at. */
extern TimestampTz choice_slow_at(TimestampTz started_at);

#endif							/* TASKLY_CHOICE_H */
