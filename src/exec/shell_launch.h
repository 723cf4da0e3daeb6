/*-------------------------------------------------------------------------
 *
 * shell_launch.h
 *	  Start a taskly_guard: its environment, its descriptors, its process.
 *
 * For shell.c only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SHELL_LAUNCH_H
#define TASKLY_SHELL_LAUNCH_H

#include "exec/shell.h"

/* Our ends of the pipes. */
typedef enum ShellFd
{
	SHELL_FD_STDOUT,
	SHELL_FD_STDERR,
	SHELL_FD_STATUS,
	SHELL_FD_CONTROL,
	SHELL_FDS
} ShellFd;

typedef struct ShellLaunch ShellLaunch;

/* All the memory that a launch takes, from the current context. */
extern ShellLaunch *shell_launch_prepare(const ShellSpec *spec);

/*
 * Start the guard; its pid and our ends of its pipes. -1 and errno, and nothing
 * left open, when a process or descriptor could not be had. Never raises.
 */
extern pid_t shell_launch(ShellLaunch *launch, int fds[SHELL_FDS]);

/* Close, give the place among the server's descriptors back, and set to -1. */
extern void shell_close(int *fd);
extern void shell_close_all(int *fds, int count);

#endif							/* TASKLY_SHELL_LAUNCH_H */
