/*-------------------------------------------------------------------------
 *
 * task_timetable.h
 *	  From a task's row to when it is due, and what then decides whether it
 *	  fires.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TASK_TIMETABLE_H
#define TASKLY_TASK_TIMETABLE_H

#include "taskly.h"
#include "store/task_store.h"
#include "time/scheduled_task.h"

/*
 * The timetable of a task with a schedule, in the current memory context, with
 * the days off of its calendar (NULL: none), which it does not copy. Its
 * task_id decides its share of the jitter: 0 for one that is not made yet.
 * False: zone or schedule cannot be read any more; the error says why.
 */
extern bool task_timetable(const TaskRow *task, const DaySet *excluded,
						   Timetable *result, ScheduleError *error);

/* The same with its policies and how far it has come. */
extern bool task_scheduled(const TaskRow *task, const DaySet *excluded,
						   ScheduledTask *result, ScheduleError *error);

#endif							/* TASKLY_TASK_TIMETABLE_H */
