/*
 * taskly_guard.h
 *		What a supervisor and taskly_guard say to each other.
 *
 * taskly_guard <grace_ms> is started with exactly these descriptors.  It never
 * includes PostgreSQL's headers, so this file does not either.
 */
#ifndef TASKLY_GUARD_H
#define TASKLY_GUARD_H

#include <stdint.h>

/* The descriptors of the guard; the command itself gets 0, 1 and 2 only. */
#define GUARD_FD_STDIN		0
#define GUARD_FD_STDOUT		1
#define GUARD_FD_STDERR		2
#define GUARD_FD_CONTROL	3	/* reads: EOF or GUARD_TERMINATE ends the run */
#define GUARD_FD_STATUS		4	/* writes: GuardMessage */
#define GUARD_FD_COMMAND	5	/* reads to EOF: the text for /bin/sh -c */
#define GUARD_FD_COUNT		6

/* Sent by the supervisor: end the command and all its descendants. */
#define GUARD_TERMINATE		'T'

/* How long the guard goes on sending SIGKILL to what does not die of it. */
#define GUARD_KILL_LIMIT_MS 10000

typedef enum GuardMessageKind
{
	GUARD_UNAVAILABLE = 1,		/* value: errno; the guard itself failed */
	GUARD_EXEC_FAILED,			/* value: errno; no command was started */
	GUARD_STARTED,				/* value: pid of the command */
	GUARD_EXITED,				/* value: exit code of the command */
	GUARD_KILLED				/* value: signal that ended the command */
} GuardMessageKind;

typedef struct GuardMessage
{
	int32_t		kind;
	int32_t		value;
} GuardMessage;

#endif							/* TASKLY_GUARD_H */
