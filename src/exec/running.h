/*-------------------------------------------------------------------------
 *
 * running.h
 *	  The run that a worker has in its hands: what executor.c, batch.c and
 *	  autocommit.c share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUNNING_H
#define TASKLY_RUNNING_H

#include "taskly.h"
#include "exec/command.h"
#include "exec/outcome.h"
#include "server/slot.h"
#include "utils/palloc.h"

/* What is left to do about a run. */
typedef enum NextStep
{
	STEP_DONE,
	STEP_RERUN,					/* at once, at no cost */
	STEP_AUTOCOMMIT,
	STEP_NOT_OURS,				/* it is a shell run now */
	STEP_EXPIRE,
	STEP_DENY,
	STEP_CANCEL,				/* what is left of it */
	STEP_END_WITHOUT_TASK
} NextStep;

typedef struct RunningRun
{
	int			slot;
	const Assignment *assignment;
	Outcome    *outcome;
	MemoryContext context;		/* lives as long as the run */
	ItemPointerData ctid;
	RunRow		row;
	RunDefinition definition;
	Datum		args;			/* jsonb, or 0 */
	int			attempt;		/* number of this attempt, from 1 */
	bool		is_attempt_counted; /* in the row, by its start mark */
	int			reruns;
	NextStep	next_step;
	RunEnd		end;
} RunningRun;

/* In a worker, once. */
extern void running_install(int slot);

/* Definition, args and attempt from a row that has been read; false: no task. */
extern bool running_load(RunningRun *run);
extern bool running_is_denied(RunningRun *run);
extern bool running_is_expired(const RunningRun *run);

/* What is to be done about a run whose row has been read; STEP_DONE: execute it. */
extern NextStep running_check(RunningRun *run);
extern OutcomeKind running_kind_of_claim(ClaimResult claim);

extern void running_init(RunningRun *run, const Assignment *assignment, Outcome *outcome);

/* Forget what the last try has found out. */
extern void running_begin_try(RunningRun *run);

/*
 * Execute the command of a claimed run in its own level of settings, in the
 * current transaction; returns the synchronous_commit that it has asked for.
 */
extern int	running_execute(RunningRun *run);

/* It has ended well: write its outcome, or its row anew if it comes again. */
extern void running_record_end(RunningRun *run);

/* End, without executing it, a run for which running_check() said so. */
extern void running_end_unstarted(RunningRun *run, NextStep step);

/* Is it an error of running beside others, so that the run is to be tried again? */
extern bool running_lost_race(const ErrorData *error);

/* Publish the run in shared memory, to its own command, and start its timer. */
extern void running_show(RunningRun *run);
extern void running_hide(void);

/* The command has succeeded: what it returned, and what it has asked for. */
extern void running_succeeded(RunningRun *run, const CommandResult *result);

/* What an error means for the run's end; false: nothing, run it again. */
extern bool running_judge_error(RunningRun *run, ErrorData *error);

/* Record run->end in a transaction of its own; does not throw. */
extern void running_record_attempt(RunningRun *run);

#endif							/* TASKLY_RUNNING_H */
