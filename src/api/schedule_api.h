/*-------------------------------------------------------------------------
 *
 * schedule_api.h
 *	  Schedules and time zones as SQL functions take them: checked, with
 *	  ERROR for what is not allowed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SCHEDULE_API_H
#define TASKLY_SCHEDULE_API_H

#include "postgres.h"

#include "store/task_store.h"
#include "time/timetable.h"

/* The zone of an IANA name; ERROR 22023. */
extern pg_tz *schedule_zone_or_error(const char *name);

/* Reads a schedule, in taskly.timezone when zone_name is NULL; ERROR 22023. */
extern void schedule_parse_or_error(const char *text, const char *zone_name, Schedule *result);

/* When a task is due that has a schedule; the same errors. */
extern void timetable_or_error(const TaskRow *task, Timetable *result);

#endif							/* TASKLY_SCHEDULE_API_H */
