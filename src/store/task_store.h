/*-------------------------------------------------------------------------
 *
 * task_store.h
 *	  Every statement about taskly.task.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TASK_STORE_H
#define TASKLY_TASK_STORE_H

#include "taskly.h"
#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/timestamp.h"

/* Columns of taskly.task, as the install script has them. */
enum
{
	TASK_COL_TASK_ID = 1,
	TASK_COL_HOME_ID,
	TASK_COL_VERSION,
	TASK_COL_NAME,
	TASK_COL_OWNER,
	TASK_COL_DESCRIPTION,
	TASK_COL_COMMAND,
	TASK_COL_KIND,
	TASK_COL_ATOMIC,
	TASK_COL_ARGS,
	TASK_COL_QUEUE_ID,
	TASK_COL_PRIORITY,
	TASK_COL_KEY,
	TASK_COL_MAX_RUNNING,
	TASK_COL_SCHEDULE,
	TASK_COL_TIMEZONE,
	TASK_COL_STARTS_AT,
	TASK_COL_ENDS_AT,
	TASK_COL_MAX_RUNS,
	TASK_COL_JITTER,
	TASK_COL_TIMEOUT,
	TASK_COL_DEADLINE,
	TASK_COL_MAX_ATTEMPTS,
	TASK_COL_BACKOFF,
	TASK_COL_RETRY_ON,
	TASK_COL_NEVER_ON,
	TASK_COL_OVERLAP,
	TASK_COL_MAX_INSTANCES,
	TASK_COL_MISSED,
	TASK_COL_MISSED_LIMIT,
	TASK_COL_ON_LOST,
	TASK_COL_ON_FAILURE,
	TASK_COL_PAUSE_AFTER_FAILURES,
	TASK_COL_AFTER,
	TASK_COL_CALENDAR_ID,
	TASK_COL_ON_EXCLUDED,
	TASK_COL_ANCHOR,
	TASK_COL_CREATED_AT,
	TASK_COL_ALTERED_AT,
	TASK_COL_PAUSED_AT,
	TASK_COL_PAUSED_REASON,
	TASK_COL_LAST_FIRE,
	TASK_COL_FIRES,
	TASK_COL_SKIPPED,
	TASK_COL_MISSED_COUNT,
	TASK_COL_RUNS,
	TASK_COL_FAILURES,
	TASK_COL_CONSECUTIVE_FAILURES,
	TASK_COL_LAST_RUN_ID,
	TASK_COL_LAST_STATUS,
	TASK_COL_LAST_STARTED_AT,
	TASK_COL_LAST_FINISHED_AT,
	TASK_COL_LAST_FAILURE_RUN_ID,
	TASK_COL_LAST_FAILURE_AT,
	TASK_COL_LAST_FAILURE_MESSAGE,
	TASK_COLS = TASK_COL_LAST_FAILURE_MESSAGE
};

/* A row as it is stored: by column number - 1. */
typedef struct TaskColumns
{
	Datum		values[TASK_COLS];
	bool		nulls[TASK_COLS];
} TaskColumns;

/* A definition in memory. Texts are NULL when the column is. */
typedef struct TaskRow
{
	int64		task_id;
	int64		home_id;
	int32		version;
	char	   *name;
	Oid			owner;
	char	   *description;
	char	   *command;
	RunKind		kind;			/* from kind and atomic */
	Datum		args;			/* jsonb, or 0 */
	int32		queue_id;
	int32		priority;
	char	   *key;
	int32		max_running;	/* 0: no limit */
	char	   *schedule;
	char	   *timezone;
	TimestampTz starts_at;		/* DT_NOBEGIN: none */
	TimestampTz ends_at;		/* DT_NOEND: none */
	int64		max_runs;		/* 0: no limit */
	Interval   *jitter;
	Interval   *timeout;
	Interval   *deadline;
	int32		max_attempts;
	char	   *backoff;
	Datum		retry_on;		/* text[], or 0 */
	Datum		never_on;
	char	   *overlap;
	int32		max_instances;	/* 0: no limit */
	char	   *missed;
	int32		missed_limit;
	char	   *on_lost;
	char	   *on_failure;
	int32		pause_after_failures;	/* 0: never */
	Datum		after;			/* bigint[] of task_ids, or 0 */
	int32		calendar_id;	/* 0: none */
	char	   *on_excluded;
	TimestampTz anchor;
	TimestampTz last_fire;
	TimestampTz last_finished_at;	/* DT_NOBEGIN: never, as far as the row was told */
	int64		fires;
	bool		is_paused;
	int32		consecutive_failures;
} TaskRow;

/* --- any process ---------------------------------------------------- */

/* Read one task by the table access method, in the current memory context; false: none. */
extern bool task_store_read(int64 task_id, TaskRow *task);

/* Which version of a task's row has been read. */
typedef struct TaskVersion
{
	ItemPointerData ctid;
	TransactionId xmin;
} TaskVersion;

extern bool task_store_read_version(int64 task_id, TaskRow *task, TaskVersion *version);

/* Is that still the task's row, as the active snapshot sees it? Costs less than to read it. */
extern bool task_store_is_version(int64 task_id, const TaskVersion *version);

/* The task of an owner by its name. */
extern bool task_store_find(const char *name, Oid owner, TaskRow *task);

/* A whole row of the table, copied into the current memory context. */
extern void task_row_read(HeapTuple tuple, TupleDesc desc, TaskRow *task);
extern void task_row_from(const TaskColumns *columns, TaskRow *task);

/* The policies of a row, which the table's constraints have checked. */
extern OverlapPolicy task_overlap(const TaskRow *task);
extern MissedPolicy task_missed(const TaskRow *task);

/* --- API ------------------------------------------------------------ */

/* Give id and owner of all tasks of a name, whoever owns them, to receive(). */
typedef void (*TaskOwnerReceiver) (int64 task_id, Oid owner, void *arg);
extern void task_store_find_all(const char *name, TaskOwnerReceiver receive, void *arg);

/* The same for names of so many letters, in their order. */
typedef void (*TaskNameReceiver) (const char *name, Oid owner, void *arg);
extern void task_store_find_names(int min_letters, int max_letters,
								  TaskNameReceiver receive, void *arg);

/* Lock a task's row until the transaction ends and read its latest version; false: none. */
extern bool task_store_lock(int64 task_id, TaskRow *task);

/*
 * Insert a definition, or replace that of the same owner and name; returns its
 * task_id. What is replaced keeps its anchor and fires when schedule and starts_at
 * are the same, and its last_fire when all is that says when it is due; else
 * last_fire becomes the given one, which moves it only forward unless it is
 * DT_NOBEGIN. Pause state, counts and history stay.
 */
extern int64 task_store_replace(const TaskRow *task);

/* Write all that defines a locked task, with anchor and last_fire as given. */
extern void task_store_update(const TaskRow *task);
extern void task_store_delete(int64 task_id);
extern void task_store_pause(int64 task_id, const char *reason);

/*
 * last_fire moves forward to `until`: what the pause has skipped is not made up.
 * Failures are counted anew.
 */
extern void task_store_resume(int64 task_id, TimestampTz until);

/* Tasks in a queue; those among them with a priority other than 0. In task_queue_store.c. */
extern int64 task_store_count_in_queue(int32 queue_id, bool with_priority_only);

/* Move all tasks of a queue to another and tell the scheduler at commit; returns how many. */
extern int64 task_store_move_all(int32 queue_id, int32 to_queue_id);

/* Give a home to all tasks that have another; returns how many. */
extern int64 task_store_set_home(int64 home_id);

/* --- leader (implemented in task_fire_store.c) ---------------------- */

/*
 * Give the tasks of a home that have a schedule to receive(), in order of their
 * ids, those after an id; the row lives during the call. Looks at max tasks of
 * any kind; returns the id of the last, or PG_INT64_MAX when there are no more.
 */
typedef void (*TaskReceiver) (const TaskRow *task, void *arg);
extern int64 task_store_read_scheduled(int64 home_id, int64 after_task_id, int64 max,
									   TaskReceiver receive, void *arg);

#endif							/* TASKLY_TASK_STORE_H */
