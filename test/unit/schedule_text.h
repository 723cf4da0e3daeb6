/*-------------------------------------------------------------------------
 *
 * schedule_text.h
 *	  A schedule from a text that must be one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SCHEDULE_TEXT_H
#define SCHEDULE_TEXT_H

#include "postgres.h"

#include "time/schedule.h"

#include "tap.h"

static inline Schedule
parse(const char *text, pg_tz *zone)
{
	Schedule	schedule;
	ScheduleError error;

	if (!schedule_parse(text, zone, &schedule, &error))
	{
		ok(false, "\"%s\" is read: %s", text, error.message);
		exit(1);
	}
	return schedule;
}

#endif							/* SCHEDULE_TEXT_H */
