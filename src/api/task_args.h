/*-------------------------------------------------------------------------
 *
 * task_args.h
 *	  From the arguments of schedule(), define() and alter() to a definition
 *	  that has been checked as a whole.
 *
 * A draft starts with defaults, or with the task as it is; options given or reset
 * are applied to it; then it is checked.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TASK_ARGS_H
#define TASKLY_TASK_ARGS_H

#include "taskly.h"
#include "api/command_args.h"
#include "fmgr.h"
#include "store/task_store.h"
#include "utils/array.h"

/* In the order of the arguments of schedule(), after its name. */
typedef enum TaskOption
{
	TASK_SCHEDULE,
	TASK_COMMAND,
	TASK_KIND,
	TASK_ARGS,
	TASK_ATOMIC,
	TASK_QUEUE,
	TASK_PRIORITY,
	TASK_KEY,
	TASK_MAX_RUNNING,
	TASK_TIMEZONE,
	TASK_STARTS_AT,
	TASK_ENDS_AT,
	TASK_MAX_RUNS,
	TASK_JITTER,
	TASK_TIMEOUT,
	TASK_DEADLINE,
	TASK_MAX_ATTEMPTS,
	TASK_BACKOFF,
	TASK_RETRY_ON,
	TASK_NEVER_ON,
	TASK_OVERLAP,
	TASK_MAX_INSTANCES,
	TASK_MISSED,
	TASK_MISSED_LIMIT,
	TASK_ON_LOST,
	TASK_ON_FAILURE,
	TASK_PAUSE_AFTER_FAILURES,
	TASK_AFTER,
	TASK_CALENDAR,
	TASK_ON_EXCLUDED,
	TASK_OWNER,
	TASK_DESCRIPTION,
	TASK_OPTIONS				/* how many there are */
} TaskOption;

typedef struct TaskDraft
{
	TaskRow		row;			/* what is to be written, once it is checked */
	TaskRow		old;			/* the task as it is; old.name is NULL when new */
	char	   *kind;
	AtomicChoice atomic;
	char	   *queue;			/* NULL: stay in row.queue_id */
	Datum		after;			/* text[] of names, or 0; of no meaning unless it is changed */
	char	   *calendar;		/* NULL: row.calendar_id stays, unless it was reset */
	bool		is_given[TASK_OPTIONS];
	bool		is_changed[TASK_OPTIONS];	/* given or reset; all when new */
} TaskDraft;

/* A new task of the caller's. */
extern void task_draft_new(TaskDraft *draft, char *name);

/* A task to be altered; what alter() keeps is taken from it. */
extern void task_draft_of(TaskDraft *draft, const TaskRow *task);

/*
 * Take the options from a call's arguments, the first of which is argument
 * `first`; NULL is not given. Without a schedule, there are no arguments for it
 * and for the options that depend on it.
 */
extern void task_draft_apply(TaskDraft *draft, FunctionCallInfo fcinfo, int first,
							 bool with_schedule);

/* Return options to their defaults: alter's argument reset, a text[]. */
extern void task_draft_reset(TaskDraft *draft, ArrayType *names);

/* The option's name, and whether it depends on a schedule. */
extern const char *task_option_name(TaskOption option);
extern bool task_option_needs_schedule(TaskOption option);

/*
 * Check all that was changed and what follows from it, and complete the row:
 * queue, kind, timezone, on_lost, anchor, last_fire. In task_check.c.
 */
extern void task_draft_check(TaskDraft *draft);

/*
 * Once the draft was written as a task: write what it comes after, and check what
 * it leads to, and what follows it. In task_after.c.
 */
extern void task_draft_check_after(const TaskDraft *draft, int64 task_id);

/* Error 2BP01 when others come after a task. */
extern void task_check_not_followed(const TaskRow *task);

#endif							/* TASKLY_TASK_ARGS_H */
