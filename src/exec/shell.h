/*-------------------------------------------------------------------------
 *
 * shell.h
 *	  A supervisor's shell runs: start one, watch it, end it, take its result.
 *
 * Nothing here waits. The caller's SIGCHLD handler sets its latch, and no more;
 * it calls shell_service() for every child when the latch is set, when one of
 * the child's descriptors is readable, and after shell_nap_ms().
 *
 * The process becomes the reaper of its orphaned descendants. It must start no
 * other child processes of its own: what is not a guard is taken for the remains
 * of one, and killed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SHELL_H
#define TASKLY_SHELL_H

#include "taskly.h"

/* Longer args are not in the environment, only on standard input. */
#define SHELL_ARGS_ENVIRONMENT_MAX	100000

/* The results of parents are there when they are at most so long. */
#define SHELL_RESULTS_ENVIRONMENT_MAX	65536

#define SHELL_WAIT_FDS	3

typedef struct ShellSpec
{
	int64		run_id;
	const char *task;			/* NULL: no task */
	int			attempt;
	const char *scheduled_for;	/* NULL: left out */
	const char *args;			/* JSON text, or NULL */
	const char *parent_results; /* JSON text, or NULL */
	const char *command;		/* for /bin/sh -c */
	const char *database;
	const char *owner;
	int			grace_ms;		/* from SIGTERM to SIGKILL */
	int			output_limit;	/* bytes of output to keep */
} ShellSpec;

typedef enum ShellState
{
	SHELL_RUNNING,
	SHELL_ENDED
} ShellState;

/*
 * How it went. Not started, with exec_errno: nothing was executed. Neither that
 * nor exited nor signal: the guard was killed, and all of the run with it.
 */
typedef struct ShellResult
{
	bool		started;
	int			exec_errno;		/* why not started, else 0 */
	bool		exited;
	int			exit_code;		/* when exited */
	int			signal;			/* what killed it, else 0 */
	char	   *output;			/* valid text of the database encoding */
	int64		output_bytes;	/* as the command wrote them */
	bool		truncated;		/* output is not all of them */
} ShellResult;

typedef struct ShellChild ShellChild;

/*
 * Start a run. The child's memory is taken from context, which must outlive it.
 * NULL, and errno, when no process or descriptor could be had: try later.
 */
extern ShellChild *shell_start(const ShellSpec *spec, MemoryContext context);

/*
 * The guard's pid: the run's session id and the ancestor of all its processes,
 * the same from start to end. SIGTERM to it ends the run as shell_terminate().
 */
extern pid_t shell_pid(const ShellChild *child);

/* Descriptors to wait on for reading, those still open; how many. */
extern int	shell_wait_fds(const ShellChild *child, pgsocket fds[SHELL_WAIT_FDS]);

/* Milliseconds until shell_service() is due though nothing happens; -1: never. */
extern long shell_nap_ms(const ShellChild *child);

/* Read what there is, see who has ended. Never blocks, never raises. */
extern ShellState shell_service(ShellChild *child);

/* Ask for the end: SIGTERM, grace, SIGKILL. Returns at once. */
extern void shell_terminate(ShellChild *child);

/* After SHELL_ENDED: the result, its output in the current context. Frees child. */
extern void shell_finish(ShellChild *child, ShellResult *result);

/* On the way out: let go of all children. Their guards end their trees. */
extern void shell_abandon_all(void);

#endif							/* TASKLY_SHELL_H */
