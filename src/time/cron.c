/*-------------------------------------------------------------------------
 *
 * cron.c
 *	  When a cron schedule matches, in civil time.
 *
 * The next match is put together from its fields: the next bit that is set in
 * each set, the first one of all smaller fields. No time is ever tried second
 * by second, and no day either: a month's days are one set, which depends on
 * nothing but the month's length and the weekday of its 1st.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "time/civil.h"
#include "time/cron.h"

/*
 * A month with the same length and first weekday comes back within 40 years:
 * February of a leap year, across a year such as 2100 that is none; all others
 * come back within 12. So nothing that has a match waits longer than that.
 */
#define WAIT_YEARS_MAX	40

static int64 next_day(const Cron *cron, int64 from);
static int64 count_days(const Cron *cron, int64 first, int64 end);
static int64 count_seconds(const Cron *cron, int end);
static uint32 days_of_month(const Cron *cron, int64 year, int month);
static uint32 by_day_of_month(const Cron *cron, int length, int first_weekday);
static uint32 nearest_weekday(int day, int length, int first_weekday);
static uint32 by_weekday(const Cron *cron, int length, int first_weekday);
static uint64 turn_week(uint64 week, int first_weekday);
static int	next_second_of_day(const Cron *cron, int from);
static int	next_in(uint64 set, int from);
static int	count_below(uint64 set, int end);

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
	int64		last_year = date.year + WAIT_YEARS_MAX;

	while (date.year <= last_year)
	{
		int			month = next_in(cron->months, date.month);
		int			day = -1;

		if (month == date.month)
			day = next_in(days_of_month(cron, date.year, month), date.day);
		if (day >= 0)
			return civil_day(date.year, month, day);

		/* On to the next month that is allowed, in this year or the next. */
		month = next_in(cron->months, date.month + 1);
		if (month < 0)
		{
			month = next_in(cron->months, 1);
			date.year++;
		}
		date.month = month;
		date.day = 1;
	}
	return CIVIL_NEVER;
}

int64
cron_count(const Cron *cron, int64 after, int64 until)
{
	int64		first_day = floor_divide(after + 1, CIVIL_DAY);
	int64		last_day = floor_divide(until + 1, CIVIL_DAY);
	int64		count;

	if (after >= until)
		return 0;

	/* All of the days up to the last one, less the start of the first. */
	count = count_days(cron, first_day, last_day) * count_seconds(cron, (int) CIVIL_DAY);
	if (next_day(cron, first_day) == first_day)
		count -= count_seconds(cron, (int) (after + 1 - first_day * CIVIL_DAY));
	if (next_day(cron, last_day) == last_day)
		count += count_seconds(cron, (int) (until + 1 - last_day * CIVIL_DAY));
	return count;
}

/* How many days match, from the first on and before the end. */
static int64
count_days(const Cron *cron, int64 first, int64 end)
{
	CivilDate	date = civil_date(first);
	CivilDate	last = civil_date(end);
	int64		count = 0;

	/* Whole months, less the days before the first, and the days before the end. */
	count -= count_below(days_of_month(cron, date.year, date.month), date.day);
	count += count_below(days_of_month(cron, last.year, last.month), last.day);
	while (date.year != last.year || date.month != last.month)
	{
		count += pg_popcount64(days_of_month(cron, date.year, date.month));
		if (++date.month > 12)
		{
			date.month = 1;
			date.year++;
		}
	}
	return count;
}

/* How many seconds of a day match, before this one. */
static int64
count_seconds(const Cron *cron, int end)
{
	int			hour = end / 3600;
	int			minute = end / 60 % 60;
	int64		per_minute = pg_popcount64(cron->seconds);
	int64		per_hour = pg_popcount64(cron->minutes) * per_minute;
	int64		count = count_below(cron->hours, hour) * per_hour;

	if (next_in(cron->hours, hour) != hour)
		return count;
	count += count_below(cron->minutes, minute) * per_minute;
	if (next_in(cron->minutes, minute) == minute)
		count += count_below(cron->seconds, end % 60);
	return count;
}

/* The set of a month's days that match. */
static uint32
days_of_month(const Cron *cron, int64 year, int month)
{
	int			length = civil_days_in_month(year, month);
	int			first_weekday;
	uint32		days;
	uint32		weekdays;

	if ((cron->months >> month & 1) == 0)
		return 0;

	first_weekday = civil_weekday(civil_day(year, month, 1));
	days = by_day_of_month(cron, length, first_weekday);
	weekdays = by_weekday(cron, length, first_weekday);
	return cron->any_day_rule ? days | weekdays : days & weekdays;
}

/* The days that the day of month field allows. */
static uint32
by_day_of_month(const Cron *cron, int length, int first_weekday)
{
	uint64		all_days = ((UINT64CONST(1) << length) - 1) << 1;
	uint32		result = (uint32) (cron->days & all_days);

	for (int n = -1; (n = next_in(cron->days_before_last, n + 1)) >= 0 && n < length;)
		result |= UINT32_C(1) << (length - n);
	for (int n = 0; (n = next_in(cron->near_days, n + 1)) >= 0 && n <= length;)
		result |= nearest_weekday(n, length, first_weekday);
	for (int n = -1; (n = next_in(cron->near_days_before_last, n + 1)) >= 0 && n < length;)
		result |= nearest_weekday(length - n, length, first_weekday);
	return result;
}

/* The day of Monday to Friday that is nearest to a day, in the same month. */
static uint32
nearest_weekday(int day, int length, int first_weekday)
{
	int			weekday = (first_weekday + day - 1) % 7;

	if (weekday == 6)
		day += day > 1 ? -1 : 2;
	else if (weekday == 0)
		day += day < length ? 1 : -2;
	return UINT32_C(1) << day;
}

/* The days that the weekday field allows. */
static uint32
by_weekday(const Cron *cron, int length, int first_weekday)
{
	uint64		all_days = ((UINT64CONST(1) << length) - 1) << 1;
	uint64		week = turn_week(cron->weekdays, first_weekday);
	uint64		result = (week | week << 7 | week << 14 | week << 21 | week << 28) << 1;

	for (int n = 0; cron->nth_weekdays >> 7 * n != 0; n++)
		result |= turn_week(cron->nth_weekdays >> 7 * n & 0x7F, first_weekday) << (7 * n + 1);

	/* The last seven days start length - 7 days, length % 7 weekdays, later. */
	if (cron->last_weekdays != 0)
		result |= turn_week(cron->last_weekdays, (first_weekday + length) % 7) << (length - 6);
	return (uint32) (result & all_days);
}

/* Rotates a set of weekdays so that bit 0 is this weekday. */
static uint64
turn_week(uint64 week, int first_weekday)
{
	return (week >> first_weekday | week << (7 - first_weekday)) & 0x7F;
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

/* How many values in a set are less than this one. */
static int
count_below(uint64 set, int end)
{
	return pg_popcount64(set & ((UINT64CONST(1) << end) - 1));
}
