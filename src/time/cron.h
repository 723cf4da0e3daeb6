/*-------------------------------------------------------------------------
 *
 * cron.h
 *	  Cron schedules, in civil time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CRON_H
#define TASKLY_CRON_H

#include "postgres.h"

#include "time/scan.h"

/* Bit n of a set: the value n is allowed. No set is ever empty. */
typedef struct Cron
{
	uint64		seconds;
	uint64		minutes;
	uint32		hours;
	uint32		days;			/* of the month: 1 to 31 */
	uint16		months;			/* 1 to 12 */
	uint8		weekdays;		/* 0 is Sunday */
	bool		any_day_rule;	/* a day of either field will do, not only of both */
	bool		follows_clock;	/* hour field starts with *: both passes of an overlap */
} Cron;

extern bool cron_parse(const char *text, Cron *result, ScheduleError *error);

/* First match after a civil time; CIVIL_NEVER: none, as on 30 February. */
extern int64 cron_next(const Cron *cron, int64 after);

#endif							/* TASKLY_CRON_H */
