/*-------------------------------------------------------------------------
 *
 * period.c
 *	  The grid of instants that an anchor and a period make.
 *
 * Every instant is computed from the anchor, so errors never add up: a task
 * that runs each month from the 31st on is back at the 31st after February,
 * and one that runs each day at 9 stays at 9 when the clocks are moved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"

#include "time/civil.h"
#include "time/period.h"
#include "time/zone.h"

#define MONTH_SECONDS	2629746 /* on average: a 4800th of 400 years */

/*
 * How far an instant may be from where periods of average length would put it:
 * lengths of months (6 days), clocks that are moved (16 days). With a margin.
 */
#define SLACK_US		(30 * USECS_PER_DAY)

static TimestampTz next_by_arithmetic(int64 period_length, TimestampTz anchor, TimestampTz after);
static TimestampTz next_by_calendar(const Period *period, const pg_tz *zone,
									TimestampTz anchor, TimestampTz after);
static int64 add_calendar(const Period *period, int64 civil, int64 n);

int64
period_us(const Period *period)
{
	return (period->months * INT64CONST(30) + period->days) * USECS_PER_DAY + period->us;
}

TimestampTz
period_next(const Period *period, const pg_tz *zone,
			TimestampTz anchor, TimestampTz after)
{
	if (!IS_VALID_TIMESTAMP(anchor))
		return DT_NOEND;
	if (after < anchor)
		return anchor;
	if (period->months == 0 && period->days == 0)
		return next_by_arithmetic(period->us, anchor, after);
	return next_by_calendar(period, zone, anchor, after);
}

/* All steps are equally long. Unsigned: the whole range of time exceeds int64. */
static TimestampTz
next_by_arithmetic(int64 period_length, TimestampTz anchor, TimestampTz after)
{
	uint64		elapsed = (uint64) after - (uint64) anchor;
	int64		left = period_length - (int64) (elapsed % period_length);
	TimestampTz next;

	if (pg_add_s64_overflow(after, left, &next) || !IS_VALID_TIMESTAMP(next))
		return DT_NOEND;
	return next;
}

/*
 * Average lengths tell where to look to within SLACK_US; a binary search among
 * the few instants there finds the right one. They never decrease.
 */
static TimestampTz
next_by_calendar(const Period *period, const pg_tz *zone,
				 TimestampTz anchor, TimestampTz after)
{
	uint64		elapsed = (uint64) after - (uint64) anchor;
	uint64		average = period->months * (MONTH_SECONDS * USECS_PER_SEC) +
		period->days * USECS_PER_DAY + period->us;
	int64		low = (int64) (elapsed < SLACK_US ? 0 : (elapsed - SLACK_US) / average);
	int64		high = (int64) ((elapsed + SLACK_US) / average + 1);

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (period_nth(period, zone, anchor, middle) > after)
			high = middle;
		else
			low = middle + 1;
	}
	return period_nth(period, zone, anchor, low);
}

TimestampTz
period_nth(const Period *period, const pg_tz *zone, TimestampTz anchor, int64 n)
{
	int64		start = floor_divide(anchor, USECS_PER_SEC);
	int64		fraction = anchor - start * USECS_PER_SEC;
	int64		time_us;
	TimestampTz result = anchor;

	if (n == 0)
		return anchor;
	if (period->months != 0 || period->days != 0)
	{
		int64		civil = add_calendar(period, zone_civil(zone, start), n);
		int64		instant = zone_first_instant(zone, civil);

		/* Where the clocks skip this time, they skip its fraction too. */
		if (zone_civil(zone, instant) != civil)
			fraction = 0;
		if (pg_mul_s64_overflow(instant, USECS_PER_SEC, &result) ||
			pg_add_s64_overflow(result, fraction, &result))
			return DT_NOEND;
	}
	if (pg_mul_s64_overflow(n, period->us, &time_us) ||
		pg_add_s64_overflow(result, time_us, &result) ||
		!IS_VALID_TIMESTAMP(result))
		return DT_NOEND;
	return result;
}

/* Adds n times the months, then n times the days, to a civil time. */
static int64
add_calendar(const Period *period, int64 civil, int64 n)
{
	int64		day = floor_divide(civil, CIVIL_DAY);
	int64		second_of_day = civil - day * CIVIL_DAY;
	CivilDate	date = civil_date(day);
	int64		month = date.year * 12 + (date.month - 1) + n * period->months;
	int64		year = floor_divide(month, 12);
	int			month_of_year = (int) (month - year * 12) + 1;
	int			last_day = civil_days_in_month(year, month_of_year);

	day = civil_day(year, month_of_year, Min(date.day, last_day)) + n * period->days;
	return day * CIVIL_DAY + second_of_day;
}
