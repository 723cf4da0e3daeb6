/*-------------------------------------------------------------------------
 *
 * task_timetable.c
 *	  From a task's row to when it is due, and what then decides whether it
 *	  fires.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "server/guc.h"
#include "store/task_timetable.h"

/* Months of 30 days, days of 24 hours: a range for spreading, not a date. */
static int64
interval_us(const Interval *interval)
{
	return (interval->month * INT64CONST(30) + interval->day) * USECS_PER_DAY + interval->time;
}

static ExclusionRule
exclusion_rule(const char *name)
{
	if (strcmp(name, "next") == 0)
		return EXCLUDED_NEXT;
	return strcmp(name, "previous") == 0 ? EXCLUDED_PREVIOUS : EXCLUDED_SKIP;
}

bool
task_timetable(const TaskRow *task, const DaySet *excluded,
			   Timetable *result, ScheduleError *error)
{
	const char *zone_name = task->timezone != NULL ? task->timezone : taskly_timezone;
	pg_tz	   *zone = pg_tzset(zone_name);

	memset(result, 0, sizeof(*result));
	result->anchor = task->anchor;
	result->starts_at = task->starts_at;
	result->ends_at = task->ends_at;
	result->excluded = excluded;
	result->on_excluded = exclusion_rule(task->on_excluded);
	if (task->jitter != NULL)
		result->delay_us = timetable_delay_us(task->task_id, interval_us(task->jitter));
	if (zone == NULL)
		return schedule_error(error, "time zone \"%s\" is not recognized", zone_name);
	return schedule_parse(task->schedule, zone, &result->schedule, error);
}

bool
task_scheduled(const TaskRow *task, const DaySet *excluded,
			   ScheduledTask *result, ScheduleError *error)
{
	memset(result, 0, sizeof(*result));
	result->task_id = task->task_id;
	result->version = task->version;
	result->owner = task->owner;
	result->is_shell = task->kind == RUN_KIND_SHELL;
	result->is_paused = task->is_paused;
	result->overlap = task_overlap(task);
	result->max_instances = task->max_instances;
	result->missed = task_missed(task);
	result->missed_limit = task->missed_limit;
	result->fires_left = task->max_runs == 0 ? -1 : Max(0, task->max_runs - task->fires);
	result->last_fire = task->last_fire;
	result->last_finished_at = task->last_finished_at;
	return task_timetable(task, excluded, &result->timetable, error);
}
