/*-------------------------------------------------------------------------
 *
 * command_args.h
 *	  Checks of the arguments that say what a run does and how often it is
 *	  tried, for tasks and for runs without one. All raise ERRORs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_COMMAND_ARGS_H
#define TASKLY_COMMAND_ARGS_H

#include "taskly.h"

/* The argument atomic: NULL leaves the choice to check_command(). */
typedef enum AtomicChoice
{
	ATOMIC_AUTO,
	ATOMIC_NO,
	ATOMIC_YES
} AtomicChoice;

/*
 * kind ("sql" or "shell"), command and atomic together: not empty, at most
 * TASKLY_COMMAND_MAX bytes, SQL without syntax errors, and nothing in an atomic
 * command that PostgreSQL refuses inside of a transaction.
 */
extern RunKind check_command(const char *kind, const char *command, AtomicChoice atomic);

/* Are shell runs enabled, and may this role have them? */
extern void check_shell_right(Oid owner);

/* jsonb, or 0: at most TASKLY_ARGS_MAX bytes as text. */
extern void check_args(Datum args);
extern void check_backoff(const char *backoff);

/* retry_on or never_on, a text[] or 0: SQLSTATEs and classes; for shell exit codes. */
extern void check_outcomes(const char *argument, Datum list, RunKind kind);

/* on_lost, NULL: the default of this kind. */
extern const char *check_on_lost(const char *on_lost, RunKind kind);

#endif							/* TASKLY_COMMAND_ARGS_H */
