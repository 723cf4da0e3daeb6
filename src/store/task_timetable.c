/*-------------------------------------------------------------------------
 *
 * task_timetable.c
 *	  From a task's row to when it is due.
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
