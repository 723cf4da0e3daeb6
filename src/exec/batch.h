/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  Short runs of a queue that share a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_BATCH_H
#define TASKLY_BATCH_H

#include "taskly.h"
#include "server/slot.h"

typedef void (*OutcomeReceiver) (const Assignment *assignment, const Outcome *outcome);

/* Once, after executor_init(). */
extern void batch_init(int slot);

/* May this run, with others, be in one transaction? */
extern bool batch_may_begin(const Assignment *assignment);

/*
 * Run one assignment and those behind it in the slot's ring that may share its
 * transaction; gives an outcome for each to receive(), when they are committed.
 * Does not throw; a FATAL ends the process.
 */
extern void batch_run(const Assignment *first, OutcomeReceiver receive);

#endif							/* TASKLY_BATCH_H */
