/*-------------------------------------------------------------------------
 *
 * executor.h
 *	  Executes assignments in a worker: turns whatever a run does, errors
 *	  included, into an outcome that is recorded in tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_EXECUTOR_H
#define TASKLY_EXECUTOR_H

#include "taskly.h"
#include "server/slot.h"
#include "store/history_store.h"

/* Once, after the worker's connection is made. */
extern void executor_init(int slot);

/* Run one assignment. Does not throw; a FATAL ends the process. */
extern void executor_run(const Assignment *assignment, Outcome *outcome);

/* How a run is to be ended that nobody executes (any more). */
typedef struct EndRequest
{
	int64		run_id;
	ItemPointerData ctid;
	RunStatus	status;
	const char *sqlstate;
	const char *message;
	const char *hint;
	int			consecutive_failures;	/* with this one */
	bool		counts_attempt; /* it had begun */
	bool		is_lost_when_marked;	/* a start mark makes it RUN_LOST */
	bool		only_when_marked;	/* without a start mark it just waits on */
	TimestampTz picked_at;		/* 0: not known */
	TimestampTz started_at;
	int			pid;
} EndRequest;

/*
 * End a run so: expired, denied, lost, quarantined. Opens and commits a
 * transaction and does not throw; any process may call it. Fills the outcome but
 * for its run_id and activity when the run is over or tried again.
 */
extern OutcomeKind executor_end(const EndRequest *request, Outcome *outcome);

/* The same for a run that has not begun. */
extern OutcomeKind executor_end_run(int64 run_id, ItemPointer ctid,
									RunStatus status, const char *sqlstate,
									const char *message, const char *hint,
									int consecutive_failures, Outcome *outcome);

#endif							/* TASKLY_EXECUTOR_H */
