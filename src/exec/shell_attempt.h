/*-------------------------------------------------------------------------
 *
 * shell_attempt.h
 *	  What the tables are told about one attempt at a shell run: that it has
 *	  begun, how it ended, or that it has not begun after all.
 *
 * For shell_run.c only. Each function opens and closes a transaction of its
 * own, and may throw. The commits do not wait: see txn_wait_for_commits().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SHELL_ATTEMPT_H
#define TASKLY_SHELL_ATTEMPT_H

#include "taskly.h"
#include "exec/outcome.h"
#include "exec/shell.h"
#include "server/slot.h"

typedef struct ShellAttempt
{
	Assignment	assignment;
	RunDefinition definition;
	ShellSpec	spec;			/* what to start */
	RunEnd		end;			/* started_at is the mark's */
	int64		stop_by_us;		/* monotonic; 0: no limit */
} ShellAttempt;

/* Why a run ends without having begun. */
typedef struct Obstacle
{
	RunStatus	status;
	const char *sqlstate;
	const char *message;
	const char *hint;
} Obstacle;

/*
 * Show the run in shared memory and set its start mark. The texts of the
 * attempt are made in the given context.
 *
 * OUTCOME_ENDED: done, unless *obstacle is set, which the caller has to record.
 * Everything else, and an error: not begun; the caller hides the run.
 */
extern OutcomeKind shell_attempt_mark(ShellAttempt *attempt, MemoryContext context,
									  const Obstacle **obstacle);

/* Record attempt->end; OUTCOME_LOCKED: not recorded, try again. */
extern OutcomeKind shell_attempt_record(ShellAttempt *attempt, Outcome *outcome);

/*
 * Take the mark back: nothing was started, and the attempt does not count.
 * OUTCOME_LOCKED when done, as the run is to be tried again in a second;
 * OUTCOME_AGAIN: not undone, try again.
 */
extern OutcomeKind shell_attempt_undo(ShellAttempt *attempt);

#endif							/* TASKLY_SHELL_ATTEMPT_H */
