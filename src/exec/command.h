/*-------------------------------------------------------------------------
 *
 * command.h
 *	  Execution of a command's text inside the current process, as its user.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_COMMAND_H
#define TASKLY_COMMAND_H

#include "taskly.h"
#include "exec/result.h"

typedef struct CommandResult
{
	int64		rows;			/* of the last statement */
	const char *tag;			/* of the last statement; static storage */
	ResultReceiver receiver;
} CommandResult;

/* Before a command; its result will be in a context that outlives its transactions. */
extern void command_result_init(CommandResult *result, MemoryContext context);

/* args: jsonb for $1, or 0 for NULL. */

/*
 * Run a command inside the current transaction: a single statement by a plan
 * that is kept for the life of the process, several one after another.
 * Statements that begin or end transactions are refused.
 */
extern void command_run_atomic(const char *command, Datum args,
							   CommandResult *result);

/*
 * Run each statement of a command on its own, as psql would send it: opens and
 * commits transactions itself; called outside of one.
 */
extern void command_run_autocommit(const char *command, Datum args,
								   CommandResult *result);

#endif							/* TASKLY_COMMAND_H */
