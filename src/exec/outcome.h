/*-------------------------------------------------------------------------
 *
 * outcome.h
 *	  The end of an attempt: what a run is, how it ended, whether it is tried
 *	  again, and how all that is recorded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_OUTCOME_H
#define TASKLY_OUTCOME_H

#include "taskly.h"
#include "server/slot.h"
#include "store/history_store.h"
#include "store/run_store.h"
#include "time/backoff.h"

/* What a run does and by which policies: from its task, or its own row. */
typedef struct RunDefinition
{
	int64		task_id;		/* 0: none */
	int32		version;
	char	   *task_name;		/* NULL: none */
	Oid			owner;			/* as whom it runs */
	RunKind		kind;
	char	   *command;
	int64		timeout_us;		/* 0: none */
	int			max_attempts;
	Backoff		backoff;
	Datum		retry_on;		/* text[], or 0 */
	Datum		never_on;
	bool		retry_when_lost;
	char	   *on_failure;		/* NULL: the default of taskly.on_failure */
} RunDefinition;

/*
 * The definition of a run's row, in the current memory context. False: its task
 * is gone.
 */
extern bool definition_load(const RunRow *row, RunDefinition *definition);

/*
 * The same for a process that executes one run after another: what it knows of a
 * task is good until the task's row changes. Texts live at least as long as the
 * current memory context is not reset.
 */
extern bool definition_recall(const RunRow *row, RunDefinition *definition);

/* Fill the end of an attempt from an error of its command; NULL: of what is before it. */
extern void run_end_from_error(RunEnd *end, const ErrorData *error, const char *command);
extern void run_end_init(RunEnd *end, RunStatus status);

/* The attempt begins, and ends, now. */
extern void run_end_start(RunEnd *end);
extern void run_end_finish(RunEnd *end);

/*
 * Is such an end of a run kept in history, by what its queue keeps? The end of a
 * run for which others wait is, in any case: they are told by it. Asked last in
 * the transaction that has deleted the run's row, since who comes now to wait for
 * the run has to wait for that transaction (server/lock.h).
 */
extern bool outcome_is_kept(QueueKeep keep, int64 run_id, const RunEnd *end);

/*
 * Record the end of an attempt in the current transaction: history, and the
 * pending row is deleted or, for another attempt, given its next due time. The
 * row must be locked (or have been read and not be anybody else's), and its
 * attempt column say how many attempts are over, this one included. Its queue is
 * asked what is kept. Calls
 * on_failure when the run is over.
 */
extern ClaimResult outcome_record(RunRow *row, const RunDefinition *definition,
								  RunEnd *end, int consecutive_failures);

/* The same for a row that the current transaction has deleted, as its claim. */
extern void outcome_record_claimed(RunRow *row, const RunDefinition *definition,
								   RunEnd *end, int consecutive_failures);

/*
 * Make of the row of a run that has asked for it (end->snooze_us) one that waits
 * again; whoever has it in his hands writes it, instead of an outcome.
 */
extern void outcome_snooze(RunRow *row, RunEnd *end);

/* In a transaction: the message of a cancelled run says who has cancelled it. */
extern void outcome_name_canceller(RunEnd *end, int activity);
/*
 * A run that ended badly for good blocks its key, where its queue says so; one
 * that did and now ended otherwise does so no more. In the transaction that ends
 * the run; outcome_record does it.
 */
extern void outcome_settle_key(const RunRow *row, const RunEnd *end);

/* The outcome of a run that is over, or tried again, for the scheduler. */
extern void outcome_fill(Outcome *outcome, const RunEnd *end);

#endif							/* TASKLY_OUTCOME_H */
