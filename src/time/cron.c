/*-------------------------------------------------------------------------
 *
 * cron.c
 *	  When a cron schedule matches next, in civil time.
 *
 * The next match is put together from its fields: the next bit that is set in
 * each set, the first one of all smaller fields. No time is ever tried second
 * by second, and no day either: a month's days are one set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "time/civil.h"
#include "time/cron.h"

/*
 * Nothing waits longer than 29 February on a given weekday, across a year such
 * as 2100 that is no leap year: 40 years.
 */
#define WAIT_MONTHS_MAX	(40 * 12 + 1)

static int64 next_day(const Cron *cron, int64 from);
static uint32 days_of_month(const Cron *cron, int64 year, int month);
static int	next_second_of_day(const Cron *cron, int from);
static int	next_in(uint64 set, int from);

int64
cron_next(const Cron *cron, int64 after)
{
	int64		today = floor_divide(after + 1, CIVIL_DAY);
	int64		day = next_day(cron, today);

	if (day == today)
	{
		int			second = next_second_of_day(cron, (int) (after + 1 - today * CIVIL_DAY));

		if (second >= 0)
			return day * CIVIL_DAY + second;
		day = next_day(cron, today + 1);
	}
	if (day == CIVIL_NEVER)
		return CIVIL_NEVER;
	return day * CIVIL_DAY + next_second_of_day(cron, 0);
}

/* The first day that matches, from this one on. */
static int64
next_day(const Cron *cron, int64 from)
{
	CivilDate	date = civil_date(from);

	for (int i = 0; i <= WAIT_MONTHS_MAX; i++)
	{
		int			day = next_in(days_of_month(cron, date.year, date.month), date.day);

		if (day >= 0)
			return civil_day(date.year, date.month, day);
		date.day = 1;
		if (++date.month > 12)
		{
			date.month = 1;
			date.year++;
		}
	}
	return CIVIL_NEVER;
}

/* The set of a month's days that match. */
static uint32
days_of_month(const Cron *cron, int64 year, int month)
{
	uint64		all_days = ((UINT64CONST(1) << civil_days_in_month(year, month)) - 1) << 1;
	int			first_weekday;
	uint64		week;
	uint64		by_weekday;
	uint64		matching;

	if ((cron->months >> month & 1) == 0)
		return 0;

	/* Rotate the week so that bit 0 is the weekday of the 1st, and repeat it. */
	first_weekday = civil_weekday(civil_day(year, month, 1));
	week = (cron->weekdays >> first_weekday | cron->weekdays << (7 - first_weekday)) & 0x7F;
	by_weekday = (week | week << 7 | week << 14 | week << 21 | week << 28) << 1;

	if (cron->any_day_rule)
		matching = cron->days | by_weekday;
	else
		matching = cron->days & by_weekday;
	return (uint32) (matching & all_days);
}

/* The first matching second of a day, from this one on; -1: none. */
static int
next_second_of_day(const Cron *cron, int from)
{
	int			from_hour = from / 3600;
	int			from_minute = from / 60 % 60;
	int			hour = next_in(cron->hours, from_hour);
	int			minute = next_in(cron->minutes, 0);
	int			second = next_in(cron->seconds, 0);

	if (hour == from_hour)
	{
		minute = next_in(cron->minutes, from_minute);
		if (minute == from_minute)
		{
			second = next_in(cron->seconds, from % 60);
			if (second < 0)
			{
				minute = next_in(cron->minutes, from_minute + 1);
				second = next_in(cron->seconds, 0);
			}
		}
		if (minute < 0)
		{
			hour = next_in(cron->hours, from_hour + 1);
			minute = next_in(cron->minutes, 0);
		}
	}
	return hour < 0 ? -1 : (hour * 60 + minute) * 60 + second;
}

/* The smallest value in a set that is not less than this one; -1: none. */
static int
next_in(uint64 set, int from)
{
	uint64		rest = set >> from << from;

	return rest == 0 ? -1 : pg_rightmost_one_pos64(rest);
}
