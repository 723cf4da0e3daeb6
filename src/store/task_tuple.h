/*-------------------------------------------------------------------------
 *
 * task_tuple.h
 *	  A row of taskly.task that a scheduler changes: read by its id, changed
 *	  value by value, and written back without waiting.
 *
 * Without planning a statement or checking constraints that do not concern the
 * change: it is done for each fire, and once a second for each task that runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TASK_TUPLE_H
#define TASKLY_TASK_TUPLE_H

#include "taskly.h"
#include "store/relation.h"
#include "store/task_store.h"

/* taskly.task, open for changes. */
typedef struct TaskTable
{
	Relation	index;
	RelationWriter writer;
} TaskTable;

typedef struct TaskTuple
{
	ItemPointerData ctid;
	TaskColumns columns;
} TaskTuple;

extern void task_table_open(TaskTable *table);
extern void task_table_close(TaskTable *table);

/* As the active snapshot sees it, in the current memory context; false: there is none. */
extern bool task_tuple_read(TaskTable *table, int64 task_id, TaskTuple *tuple);

/* False when somebody holds the row or has changed it. */
extern bool task_tuple_write(TaskTable *table, TaskTuple *tuple);

extern void task_tuple_set(TaskTuple *tuple, int col, Datum value);
extern void task_tuple_add(TaskTuple *tuple, int col, int64 count);

/* Bring an instant back to another where it is later. */
extern void task_tuple_bound(TaskTuple *tuple, int col, TimestampTz latest);

/* --- changes (task_fire_store.c, task_count_store.c) ------------------ */

typedef enum FireResult
{
	FIRE_OK,					/* moved: insert its run in this transaction */
	FIRE_LOCKED,				/* somebody holds or changes the row: come again */
	FIRE_CHANGED				/* another version, fired already, or gone: read it again */
} FireResult;

/* An occurrence that is due, and what came of it. */
typedef struct TaskFire
{
	int64		task_id;
	int32		version;		/* as the caller last saw it */
	TimestampTz fire_at;
	bool		is_skipped;		/* counted as skipped, not as fired */
	int64		missed;			/* earlier occurrences that are given up */
	FireResult	result;
	TaskRow		task;			/* FIRE_OK: as it is now */
} TaskFire;

/*
 * Move a task's last_fire forward, only from what the caller last saw; at most
 * once in a transaction. The task is read in the current memory context.
 */
extern void task_store_fire(TaskTable *table, TaskFire *fire);

/*
 * The clock was set back: so are last_fire and last_finished_at where they are
 * later than now. False when somebody holds the row: come again.
 */
extern bool task_store_rewind(TaskTable *table, int64 task_id, TimestampTz now);

/*
 * Add to a task's counts: FIRE_OK, FIRE_LOCKED, or FIRE_CHANGED when there is no
 * such task any more.
 */
extern FireResult task_store_add_counts(TaskTable *table, const TaskCounts *counts);

#endif							/* TASKLY_TASK_TUPLE_H */
