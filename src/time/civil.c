/*-------------------------------------------------------------------------
 *
 * civil.c
 *	  The calendar: days and dates, without clocks and zones.
 *
 * Years are counted from March here, so that the leap day is the last of its
 * year and month lengths follow one line (153 days in each 5 months). 400
 * years, an era, have 146097 days and start at a multiple of 400.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"

#define ERA_DAYS		146097
#define EPOCH_DAY		730425	/* 2000-01-01, counted from 0000-03-01 */

/* The number of a date's day; a day beyond its month runs on into the next. */
int64
civil_day(int64 year, int month, int day)
{
	int64		march_year = month > 2 ? year : year - 1;
	int			march_month = month > 2 ? month - 3 : month + 9;
	int64		era = floor_divide(march_year, 400);
	int64		year_of_era = march_year - era * 400;
	int64		day_of_year = (153 * march_month + 2) / 5 + day - 1;
	int64		day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * ERA_DAYS + day_of_era - EPOCH_DAY;
}

/* The date of a day: the inverse of civil_day(). */
CivilDate
civil_date(int64 day)
{
	int64		era = floor_divide(day + EPOCH_DAY, ERA_DAYS);
	int			day_of_era = (int) (day + EPOCH_DAY - era * ERA_DAYS);
	int			year_of_era;
	int			day_of_year;
	int			march_month;
	CivilDate	date;

	/* Take out leap days: one in 4 years, but none in 100, but one in 400. */
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	march_month = (5 * day_of_year + 2) / 153;

	date.day = day_of_year - (153 * march_month + 2) / 5 + 1;
	date.month = march_month < 10 ? march_month + 3 : march_month - 9;
	date.year = era * 400 + year_of_era + (date.month <= 2 ? 1 : 0);
	return date;
}

int
civil_days_in_month(int64 year, int month)
{
	if (month == 2)
		return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* 2000-01-01 was a Saturday. */
int
civil_weekday(int64 day)
{
	return (int) (day + 6 - floor_divide(day + 6, 7) * 7);
}
