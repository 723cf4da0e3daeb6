/*-------------------------------------------------------------------------
 *
 * scheduled_task.h
 *	  All that decides when a task fires: its timetable, its policies, and how
 *	  far it has come.
 *
 * The store makes it from a task's row; the agenda plays it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SCHEDULED_TASK_H
#define TASKLY_SCHEDULED_TASK_H

#include "taskly.h"
#include "time/timetable.h"

typedef struct ScheduledTask
{
	int64		task_id;
	int32		version;
	Oid			owner;
	bool		is_shell;
	bool		is_paused;
	OverlapPolicy overlap;
	int32		max_instances;	/* 0: no limit */
	MissedPolicy missed;
	int32		missed_limit;
	int64		fires_left;		/* -1: no limit */
	Timetable	timetable;
	TimestampTz last_fire;
	TimestampTz last_finished_at;	/* DT_NOBEGIN: never */
} ScheduledTask;

#endif							/* TASKLY_SCHEDULED_TASK_H */
