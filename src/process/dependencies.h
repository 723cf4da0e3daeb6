/*-------------------------------------------------------------------------
 *
 * dependencies.h
 *	  Runs that wait for other runs: the scheduler releases or skips them when
 *	  their parents have ended.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DEPENDENCIES_H
#define TASKLY_DEPENDENCIES_H

#include "taskly.h"

extern void dependencies_init(MemoryContext parent);

/* Settings are being read, in a transaction: are there dependencies at all? */
extern void dependencies_read_settings(void);

/* All is read again: look at all runs that wait. */
extern void dependencies_want_all(void);

/* A run that waits for others was read, or made. */
struct RunRow;
extern void dependencies_child_waits(const struct RunRow *row);

/* A run was made that waits for others made with it; DT_NOEND: without a deadline. */
extern void dependencies_expect(TimestampTz deadline_at);

/* A run has ended, or its row is not there any more: its children may go on. */
extern void dependencies_run_ended(int64 run_id, RunStatus status);

/* Some of these runs are not there, so they may have been cancelled. */
extern void dependencies_runs_gone(int64 first, int64 count);

/* Do what there is to do, for some milliseconds at most; returns when there is more. */
extern TimestampTz dependencies_turn(TimestampTz now);

/* --- leader ------------------------------------------------------------ */

/* History was emptied in part: forget the dependencies of runs that are gone. */
extern void dependencies_want_sweep(void);

/* Forget some; returns when there are more. */
extern TimestampTz dependencies_sweep_turn(TimestampTz now);

#endif							/* TASKLY_DEPENDENCIES_H */
