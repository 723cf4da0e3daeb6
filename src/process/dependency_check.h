/*-------------------------------------------------------------------------
 *
 * dependency_check.h
 *	  A run that waits for others: released, skipped, or waiting on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DEPENDENCY_CHECK_H
#define TASKLY_DEPENDENCY_CHECK_H

#include "taskly.h"
#include "store/dependency_store.h"
#include "store/history_store.h"
#include "utils/hsearch.h"

/* A turn's transaction, and what is to be done after it. */
typedef struct DependencyTurn
{
	MemoryContext context;		/* lives longer than the transaction */
	MemoryContext child_context;	/* reset for each child */
	DependencyTable table;
	HTAB	   *known;			/* of Parent: what has become of it */
	int64		home_id;
	TimestampTz now;
	int64		stop_us;		/* monotonic */
	List	   *released;		/* of int64 * */
	List	   *ended;			/* of Outcome *: skipped and expired */
	List	   *undecided;		/* of int64 *: somebody holds them, or puts back a parent */
} DependencyTurn;

/* Around all that is done in the transaction; context, home_id, now and stop_us are set. */
extern void dependency_turn_begin(DependencyTurn *turn);
extern void dependency_turn_end(DependencyTurn *turn);

/* A parent's worker has told that it succeeded: it need not be looked up. */
extern void dependency_know_success(DependencyTurn *turn, int64 run_id);

/* Look at a run, if it waits, and do what follows from its parents. */
extern void dependency_check_child(DependencyTurn *turn, int64 run_id);

/* End a run that waits, without an attempt. */
extern void dependency_end_waiting(DependencyTurn *turn, RunRow *row, RunEnd *end);

#endif							/* TASKLY_DEPENDENCY_CHECK_H */
