/*-------------------------------------------------------------------------
 *
 * activity.h
 *	  What runs right now: one shared entry for each run in execution.
 *
 * Running is a fact of a live process, so it is shown here and in no table.
 * Entry i < taskly_max_workers belongs to worker slot i; the ones behind are
 * taken by shell runs, reserved by the scheduler that dispatches them.
 *
 * A cancel writes the run's id into the entry, then signals the process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ACTIVITY_H
#define TASKLY_ACTIVITY_H

#include "taskly.h"

typedef struct Activity
{
	int64		run_id;			/* 0: nothing runs */
	int64		task_id;
	Oid			database;
	Oid			owner;
	int			pid;			/* of the worker, or of the shell child */
	int			attempt;
	TimestampTz picked_at;
	TimestampTz started_at;
	int64		stop_by_us;		/* monotonic: should be over by then; 0: no limit */
	bool		is_stuck;		/* did not stop when told */
} Activity;

/* How far a run says that it is. */
#define PROGRESS_NOTE_MAX	200	/* bytes */
typedef struct Progress
{
	int64		done;
	int64		total;			/* -1: not said */
	char		note[PROGRESS_NOTE_MAX + 1];	/* empty: not said */
} Progress;

extern Size activity_shmem_size(void);
extern void activity_shmem_init(void);
extern int	activity_count(void);

/* Copy an entry out; false when nothing runs in it. */
extern bool activity_get(int index, Activity *activity);

/* The progress of the run that an entry shows; false: it shows another, or it has said nothing. */
extern bool activity_progress(int index, int64 run_id, Progress *progress);

/* --- scheduler: entries of shell runs ------------------------------- */
extern int	activity_reserve(Oid database);	/* -1: all are taken */
extern void activity_give_back(int index);
extern void activity_give_back_all(Oid database);
extern void activity_set_stuck(int index, int64 run_id);

/* Somebody has set the wall clock: runs of this database go on as long as they do. */
extern void activity_clock_was_set(int64 step_us);

/* --- the process that executes -------------------------------------- */
extern void activity_begin(int index, const Activity *activity);
extern void activity_set_progress(int index, const Progress *progress);

/* True when somebody has asked to cancel it: too late for whoever executed it. */
extern bool activity_end(int index);
extern void activity_set_pid(int index, int pid);

/* Has somebody asked to cancel the run that this entry shows? */
extern bool activity_is_cancelled(int index);

/* Who has; InvalidOid: the scheduler, for the next occurrence of its task. */
extern Oid	activity_cancelled_by(int index);

/* Has the scheduler told it that its time is over? */
extern bool activity_is_overdue(int index);

/*
 * Was the run before this one told to stop? Then a cancel that arrives now may
 * have been meant for that one.
 */
extern bool activity_may_get_stray_cancel(int index);

/* --- cancel --------------------------------------------------------- */

/* Entry that runs a run of the current database now; -1: none. */
extern int	activity_find(int64 run_id);

/*
 * Ask the process that runs it to stop, in the name of a role (InvalidOid: the
 * scheduler's). False when the entry has moved on. Cannot fail: called from the
 * commit callback.
 */
extern bool activity_cancel(int index, int64 run_id, Oid role);

/*
 * Tell a worker's run that its time is over: its own timer is late. False when it
 * has moved on, or was told before.
 */
extern bool activity_time_out(int index, int64 run_id);

/* End a run's process: the last resort of the scheduler's watchdog. */
extern void activity_terminate(int index, int64 run_id);

#endif							/* TASKLY_ACTIVITY_H */
