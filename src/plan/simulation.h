/*-------------------------------------------------------------------------
 *
 * simulation.h
 *	  What would happen: tasks are played from one instant to another without
 *	  processes, tables or clocks.
 *
 * The parts are the scheduler's own: agenda, overlap, ready, throttle, choice.
 * Only workers are imagined: they start at once, begin a run when they are handed
 * one, and each run takes as long as its task is said to take.
 *
 * Parts have one state per process. So there is one simulation at a time, and
 * none in a process that schedules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SIMULATION_H
#define TASKLY_SIMULATION_H

#include "taskly.h"
#include "time/scheduled_task.h"

/* Occurrences in one simulation. */
#define SIMULATION_MAX_RUNS		1000000
/* What a run of a task is taken to need of which nothing is known. */
#define SIMULATION_UNKNOWN_US	(100 * INT64CONST(1000))

/* A task with all that decides what becomes of its runs. Lives as long as the simulation. */
typedef struct SimulatedTask
{
	ScheduledTask scheduled;	/* last_fire and last_finished_at do not matter */
	const char *name;
	int32		queue_id;
	int32		priority;
	int64		duration_us;	/* 0: not known */
	int64		timeout_us;		/* 0: none */
	int64		deadline_us;	/* from the due time on; 0: none */
} SimulatedTask;

typedef struct SimulatedRun
{
	const SimulatedTask *task;
	TimestampTz scheduled_for;
	TimestampTz started_at;		/* DT_NOEND: it does not start */
	TimestampTz ended_at;
	RunStatus	status;			/* succeeded, timed_out, expired, cancelled, skipped,
								 * or queued: nothing lets it start */
	bool		overlaps;		/* an earlier one was not over when it was due */
	bool		misses_deadline;
} SimulatedRun;

/* Begin from scratch, with memory of context's; queues are told to throttle.h next. */
extern void simulation_begin(MemoryContext context, int workers, int shell_runs);

/* Its first occurrence is the first one that is not before since. */
extern void simulation_add_task(const SimulatedTask *task, TimestampTz since);

/*
 * Play all occurrences before until, and their runs to the end; each is given to
 * receive() once it is over. Error 54000 for more than SIMULATION_MAX_RUNS.
 */
typedef void (*SimulatedRunReceiver) (const SimulatedRun *run, void *arg);
extern void simulation_play(TimestampTz until, SimulatedRunReceiver receive, void *arg);

#endif							/* TASKLY_SIMULATION_H */
