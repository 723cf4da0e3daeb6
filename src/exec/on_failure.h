/*-------------------------------------------------------------------------
 *
 * on_failure.h
 *	  The run that a task's on_failure asks for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ON_FAILURE_H
#define TASKLY_ON_FAILURE_H

#include "exec/outcome.h"

/* In the transaction that records a run's bad end: enqueue the run, if there is one to. */
extern void on_failure_call(const RunRow *row, const RunDefinition *definition,
							const RunEnd *end, int consecutive_failures);

#endif							/* TASKLY_ON_FAILURE_H */
