/*-------------------------------------------------------------------------
 *
 * unique_args.h
 *	  Runs with a unique key: what becomes of one that is there already.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_UNIQUE_ARGS_H
#define TASKLY_UNIQUE_ARGS_H

#include "taskly.h"
#include "fmgr.h"
#include "store/queue_store.h"
#include "store/run_store.h"

/* What the newcomer does to the one that waits. */
typedef enum OnConflict
{
	CONFLICT_KEEP,				/* nothing: it is not made */
	CONFLICT_REPLACE,			/* takes its place, but for the run_id */
	CONFLICT_POSTPONE			/* moves it to its own time */
} OnConflict;

typedef struct UniqueArgs
{
	OnConflict	on_conflict;
	TimestampTz queued_after;	/* runs since then count, whatever they do; DT_NOEND: none */
} UniqueArgs;

/* The arguments of these numbers; has_key: is there a unique key? Error 22023. */
extern void read_unique_args(FunctionCallInfo fcinfo, int on_conflict, int unique_for,
							 bool has_key, UniqueArgs *args);

/* Error 22023 when unique_for is to look at a history that the queue does not keep. */
extern void check_unique_in_queue(const UniqueArgs *args, const QueueRow *queue);

/*
 * Look for the run that a row with a unique key would be a second of, and do to
 * it what on_conflict says. True: there is one; the row gets its run_id, and
 * must not be inserted. False: insert it. Until the transaction ends, other
 * transactions wait when they come with the same key.
 *
 * attempts: what the task or the call allows the row.
 */
extern bool unique_run_stays(RunRow *row, const UniqueArgs *args, int attempts);

/* The same, for the caller that has locked the key already. */
extern bool unique_run_stays_locked(RunRow *row, const UniqueArgs *args, int attempts);

/*
 * Let who comes with the run's unique key, if it has one, wait for what becomes
 * of it in this transaction. Never waits: it does nothing when somebody is there
 * already.
 */
extern void unique_hold(const RunRow *row);

/*
 * May a run that is over wait again? False: another one of its unique key waits,
 * or is being made. Never waits.
 */
extern bool unique_allows_retry(const RunRow *row);

#endif							/* TASKLY_UNIQUE_ARGS_H */
