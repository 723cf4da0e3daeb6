/*-------------------------------------------------------------------------
 *
 * taskly.h
 *	  The words that every room shares: states, kinds, limits.
 *
 * The text of each word is what tables, views and messages show; the tables
 * hold text, C holds these values, and taskly.c translates.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_H
#define TASKLY_H

#include "postgres.h"
#include "datatype/timestamp.h"

#define TASKLY_SCHEMA			"taskly"
#define TASKLY_EXTENSION		"taskly"

/* The earlier of two instants. Min() would compute one of them, and do all it does, twice. */
static inline TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	return a < b ? a : b;
}

/* Where a run stands among those of its queue: by due time, then by id. */
typedef struct RunPlace
{
	TimestampTz due_at;
	int64		run_id;
} RunPlace;

#define FIRST_PLACE ((RunPlace) {DT_NOBEGIN, 0})
#define LAST_PLACE ((RunPlace) {DT_NOEND, PG_INT64_MAX})

static inline bool
place_is_before(RunPlace a, RunPlace b)
{
	return a.due_at < b.due_at || (a.due_at == b.due_at && a.run_id < b.run_id);
}

/* Limits of what a user can ask for. */
#define TASKLY_NAME_MAX			200		/* bytes of a task's or queue's name */
#define TASKLY_COMMAND_MAX		(1024 * 1024)	/* bytes of a command */
#define TASKLY_ARGS_MAX			(16 * 1024 * 1024)	/* bytes of args as text */
#define TASKLY_ATTEMPTS_MAX		1000000
#define TASKLY_PRIORITY_MAX		1000000	/* and as much below zero */
#define TASKLY_HISTORY_SLOTS	16		/* partitions of finished_run */
#define TASKLY_MISSED_MAX		10000	/* occurrences that are made up at once */
#define TASKLY_BATCH_MAX		1000	/* runs that share a transaction */
#define TASKLY_CRASHES_MAX		3		/* then a run is quarantined */
#define TASKLY_SNOOZES_MAX		1000000	/* of one run */
#define TASKLY_RESULT_MAX		(64 * 1024)	/* bytes of a run's result, as jsonb is stored */

/* What a run is, or was at the end of an attempt. */
typedef enum RunStatus
{
	RUN_SCHEDULED,				/* due in the future */
	RUN_QUEUED,					/* due, waits for a worker */
	RUN_WAITING,				/* for another run */
	RUN_RETRYING,				/* failed, waits for its next attempt */
	RUN_RUNNING,
	RUN_SUCCEEDED,
	RUN_FAILED,
	RUN_TIMED_OUT,
	RUN_CANCELLED,
	RUN_EXPIRED,				/* deadline passed before the start */
	RUN_LOST,					/* its process, server or node vanished */
	RUN_SKIPPED,
	RUN_DENIED,					/* the owner lost a right */
	RUN_QUARANTINED				/* it crashed the server */
} RunStatus;

extern PGDLLEXPORT const char *run_status_name(RunStatus status);

/* Has a run of this status ended badly, so that on_failure is called? */
extern bool run_status_is_failure(RunStatus status);

/* Who made a run. */
#define RUN_SOURCE_SCHEDULE		"schedule"
#define RUN_SOURCE_ENQUEUE		"enqueue"
#define RUN_SOURCE_BACKFILL		"backfill"
#define RUN_SOURCE_SUBMIT		"submit"
#define RUN_SOURCE_HOOK			"on_failure"

/* How a queue orders its runs. */
typedef enum QueueAlgorithm
{
	QUEUE_FIFO,
	QUEUE_PRIORITY,
	QUEUE_FAIR,
	QUEUE_RATE_MONOTONIC,
	QUEUE_EDF
} QueueAlgorithm;

/* Which attempts of a queue's runs are kept in history. */
typedef enum QueueKeep
{
	KEEP_ALL,
	KEEP_FAILURES,
	KEEP_NONE
} QueueKeep;

/* What the owner of a queue has chosen. A limit of 0 is none. */
typedef struct QueueSettings
{
	QueueAlgorithm algorithm;
	int			weight;			/* share of the workers, beside other queues */
	int			max_running;
	int			max_running_per_key;
	int			rate;			/* starts per rate_interval_us */
	int			rate_per_key;
	int			burst;			/* so many starts more in any such time */
	int			batch;			/* runs that may share a transaction */
	int64		rate_interval_us;
	int64		aging_us;
	QueueKeep	keep;
	bool		block_key_on_failure;
	bool		is_paused;
} QueueSettings;

/* What an occurrence does that is due while an earlier one is not over. */
typedef enum OverlapPolicy
{
	OVERLAP_SKIP,
	OVERLAP_QUEUE,				/* one waits, further ones are skipped */
	OVERLAP_ALLOW,
	OVERLAP_CANCEL_RUNNING
} OverlapPolicy;

/* What becomes of occurrences that were due during a downtime. */
typedef enum MissedPolicy
{
	MISSED_SKIP,
	MISSED_ONCE,				/* the latest is made up */
	MISSED_ALL					/* each is, up to a limit */
} MissedPolicy;

/* What has happened to a task since its row was last told. */
typedef struct TaskCounts
{
	int64		task_id;
	int64		runs;
	int64		failures;
	int32		consecutive_failures;	/* as it is now */
	bool		pauses;			/* too many of them: pause the task */
	int64		last_run_id;
	RunStatus	last_status;
	TimestampTz last_started_at;	/* 0: it did not start */
	TimestampTz last_finished_at;
	int64		last_failure_run_id;	/* 0: none */
	TimestampTz last_failure_at;
} TaskCounts;

/* How a run's command is executed. */
typedef enum RunKind
{
	RUN_KIND_SQL,				/* one transaction with its outcome */
	RUN_KIND_AUTOCOMMIT,		/* each statement on its own */
	RUN_KIND_SHELL
} RunKind;

#endif							/* TASKLY_H */
