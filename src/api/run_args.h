/*-------------------------------------------------------------------------
 *
 * run_args.h
 *	  What the calls about runs share: looks at the newest state, rights to
 *	  read, and checks of their arguments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_ARGS_H
#define TASKLY_RUN_ARGS_H

#include "taskly.h"
#include "fmgr.h"
#include "store/queue_store.h"
#include "store/run_store.h"
#include "store/task_store.h"
#include "utils/timestamp.h"

/*
 * A snapshot that sees all that is committed now and all that this transaction
 * has done, in every isolation level.
 */
extern void push_newest_snapshot(void);
extern void pop_newest_snapshot(void);

/* May the caller see what a role owns? All owners'? */
extern bool may_read(Oid owner);
extern bool may_read_all(void);

/* Error 42704: there is none, or it is not the caller's to know. */
extern void run_not_found(int64 run_id) pg_attribute_noreturn();

/*
 * Of a run that was seen to wait, and is now neither waiting nor in history: its
 * queue keeps no such end. NULL: it does, so the run was not executed.
 */
extern const char *status_without_history(int32 queue_id);

/* Argument n, run_at: when the run is due; -infinity is now. */
extern TimestampTz arg_run_at(FunctionCallInfo fcinfo, int n);

/* Argument n; error 22004 when it is null. */
extern int32 required_int32(FunctionCallInfo fcinfo, int n, const char *name);

/* Argument n, a positive interval of a name, or NULL. */
extern Interval *arg_interval(FunctionCallInfo fcinfo, int n, const char *name);

/* Argument n, args: checked. 0: it is null. */
extern Datum arg_jsonb(FunctionCallInfo fcinfo, int n);

/* Argument n, a key: checked. 0: it is null. */
extern Datum arg_key(FunctionCallInfo fcinfo, int n, const char *name);

/* Where calls about runs of a task have their common arguments; the task is argument 0. */
typedef struct TaskRunArgs
{
	int			run_at;
	int			priority;
	int			deadline;
} TaskRunArgs;

/* A task by the name or id in argument 0, and a row for a run of it, as the arguments say. */
extern void fill_row_for_task(FunctionCallInfo fcinfo, bool is_by_id, const TaskRunArgs *places,
							  TaskRow *task, RunRow *row);

/* A length after the time for which the row is scheduled; NULL: leave it. */
extern void set_run_deadline(RunRow *row, Interval *deadline);


/* A queue by its name; error 42704. Should it be dropped meanwhile, its runs go on elsewhere. */
extern void find_queue_for_run(const char *name, QueueRow *queue);

/* The queue of a task, which the task keeps from being dropped. */
extern void read_queue_of_task(int32 queue_id, QueueRow *queue);

/* Error 22023 unless it knows priorities, or 53400 unless it takes so many more runs, which may be none. */
extern void check_queue_takes(const QueueRow *queue, int32 priority, int64 count);

#endif							/* TASKLY_RUN_ARGS_H */
