/*-------------------------------------------------------------------------
 *
 * civil.h
 *	  The calendar: days and dates, without clocks and zones.
 *
 * A day is a number, counted from 2000-01-01 (day 0). Civil time is what a
 * wall clock shows, in seconds since 2000-01-01 00:00 on that clock. The
 * calendar is the proleptic Gregorian one, in years of astronomers: year 0 is
 * 1 BC.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CIVIL_H
#define TASKLY_CIVIL_H

#include "postgres.h"

#define CIVIL_DAY		INT64CONST(86400)	/* seconds */
#define CIVIL_NEVER		PG_INT64_MAX

typedef struct CivilDate
{
	int64		year;
	int			month;			/* 1 to 12 */
	int			day;			/* 1 to 31 */
} CivilDate;

extern int64 civil_day(int64 year, int month, int day);
extern CivilDate civil_date(int64 day);
extern int	civil_days_in_month(int64 year, int month);
extern int	civil_weekday(int64 day);	/* 0 is Sunday */

/* Division that rounds down, for times before 2000. The divisor is positive. */
static inline int64
floor_divide(int64 dividend, int64 divisor)
{
	return dividend / divisor - (dividend % divisor < 0 ? 1 : 0);
}

#endif							/* TASKLY_CIVIL_H */
