/*-------------------------------------------------------------------------
 *
 * shell_run.h
 *	  One shell run in the hands of a supervisor: from its assignment to the
 *	  record of its end.
 *
 * Nothing here waits, or throws. An ERROR in bookkeeping concerns one run only:
 * what could not be recorded is recorded later. Commits do not wait for the disk;
 * the caller does, once for many runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SHELL_RUN_H
#define TASKLY_SHELL_RUN_H

#include "taskly.h"
#include "exec/shell.h"
#include "server/slot.h"

/* shell_run_look_at_us() of a run that waits for its descriptors only. */
#define SHELL_RUN_NEVER		PG_INT64_MAX

typedef struct ShellRun ShellRun;

/*
 * Mark the attempt. NULL: it does not begin, and the outcome says why. The mark
 * must be durable before the start: txn_wait_for_commits().
 */
extern ShellRun *shell_run_begin(const Assignment *assignment, Outcome *outcome);

/* Start the child. */
extern void shell_run_start(ShellRun *run);

typedef enum ShellRunState
{
	SHELL_RUN_GOES_ON,
	SHELL_RUN_NOT_RECORDED,		/* is over, but that could not be written */
	SHELL_RUN_RECORDED
} ShellRunState;

/*
 * Look after a run. Recorded: the outcome says how; it is to be closed, once
 * that is durable. Without may_write an end is left for the next call.
 */
extern ShellRunState shell_run_service(ShellRun *run, bool may_write,
									   Outcome *outcome);

/* The run shows no more, and is freed. */
extern void shell_run_close(ShellRun *run);

/* Descriptors to wait on for reading; how many. */
extern int	shell_run_wait_fds(const ShellRun *run, pgsocket fds[SHELL_WAIT_FDS]);

/* When shell_run_service() is due though nothing happens, in monotonic time. */
extern int64 shell_run_look_at_us(const ShellRun *run);

/* End a run whose end nobody will see: the extension is gone. */
extern void shell_run_stop(ShellRun *run);

/* On the way out: the run shows no more as one in execution. Its mark stays. */
extern void shell_run_hide(const ShellRun *run);

#endif							/* TASKLY_SHELL_RUN_H */
