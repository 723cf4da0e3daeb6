/*-------------------------------------------------------------------------
 *
 * current_run.h
 *	  The run that this process executes now, as its own command may see it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CURRENT_RUN_H
#define TASKLY_CURRENT_RUN_H

#include "taskly.h"

typedef struct CurrentRun
{
	int64		run_id;
	int64		task_id;		/* 0: the run has no task */
	const char *task;			/* its name; NULL: none */
	int			attempt;		/* from 1 */
	TimestampTz scheduled_for;
	const char *args;			/* json text; NULL: none */
	int			snoozes;		/* before this start */
	int			activity;		/* its entry, see activity.h */
} CurrentRun;

/* The texts must live until the run is cleared or another one is set. */
extern void current_run_set(const CurrentRun *run);
extern void current_run_clear(void);

/* NULL outside a run. */
extern const CurrentRun *current_run_get(void);

/* From _PG_init: taskly.run_id and taskly.args, which show the run. */
extern void current_run_define_settings(void);

#endif							/* TASKLY_CURRENT_RUN_H */
