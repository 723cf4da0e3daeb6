/*-------------------------------------------------------------------------
 *
 * cron.h
 *	  Cron schedules: in civil time, and by the clocks of a zone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CRON_H
#define TASKLY_CRON_H

#include "postgres.h"
#include "pgtime.h"

#include "time/scan.h"

/*
 * Bit n of a set: the value n is allowed. A day matches by day of month when
 * any of the four day sets has it, by weekday when any of the three has it.
 */
typedef struct Cron
{
	uint64		seconds;
	uint64		minutes;
	uint64		nth_weekdays;	/* mon#2: bit 7 * (2 - 1) + 1 */
	uint32		hours;
	uint32		days;			/* of the month: 1 to 31 */
	uint32		days_before_last;	/* L: 0; L-3: 3 */
	uint32		near_days;		/* 15W: mon-fri nearest to the 15th, in its month */
	uint32		near_days_before_last;	/* LW: 0; L-3W: 3 */
	uint16		months;			/* 1 to 12 */
	uint8		weekdays;		/* 0 is Sunday */
	uint8		last_weekdays;	/* friL: bit 5 */
	bool		any_day_rule;	/* a day of either field will do, not only of both */
	bool		follows_clock;	/* hour field starts with *: both passes of an overlap */
} Cron;

extern bool cron_parse(const char *text, Cron *result, ScheduleError *error);

/* First match after a civil time; CIVIL_NEVER: none, as on 30 February. */
extern int64 cron_next(const Cron *cron, int64 after);

/* Number of matches in (after, until]. */
extern int64 cron_count(const Cron *cron, int64 after, int64 until);

/*
 * The same by the clocks of a zone, in instants as zone.h has them. Several
 * fixed times in one gap are one instant. CIVIL_NEVER: none up to `limit`.
 */
extern int64 cron_next_instant(const Cron *cron, const pg_tz *zone, int64 after, int64 limit);
extern int64 cron_count_instants(const Cron *cron, const pg_tz *zone, int64 after, int64 until);

#endif							/* TASKLY_CRON_H */
