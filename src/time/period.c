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

#define CYCLE_MONTHS	(400 * 12)	/* after which the calendar repeats, weekdays too */

/* No zone's clocks are moved by a day or more after the end of its table. */
#define DAY_MOVES_END	(civil_day(2500, 1, 1) * CIVIL_DAY)

static TimestampTz next_by_arithmetic(int64 period_length, TimestampTz anchor, TimestampTz after);
static bool is_elapsed(const Grid *grid);
static int64 index_after(const Grid *grid, TimestampTz after);
static int64 index_by_calendar(const Grid *grid, uint64 elapsed, TimestampTz after);
static int64 next_on_weekdays(const Grid *grid, int64 from);
static int64 count_indexes(const Grid *grid, int64 first, int64 end);
static int64 count_doubles(const Grid *grid, TimestampTz after, TimestampTz until);
static int64 cycle_steps(const Period *period);
static int64 anchor_civil(const Grid *grid);
static bool is_on_weekdays(const Grid *grid, int64 anchor, int64 n);
static int64 add_calendar(const Period *period, int64 civil, int64 n);

int64
period_us(const Period *period)
{
	return (period->months * INT64CONST(30) + period->days) * USECS_PER_DAY + period->us;
}

TimestampTz
grid_next(const Grid *grid, TimestampTz after)
{
	int64		n;

	if (!IS_VALID_TIMESTAMP(grid->anchor))
		return DT_NOEND;
	if (is_elapsed(grid) && after >= grid->anchor)
		return next_by_arithmetic(grid->period.us, grid->anchor, after);
	n = index_after(grid, after);
	if (grid->weekdays != 0)
		n = next_on_weekdays(grid, n);
	return n < 0 ? DT_NOEND : period_nth(&grid->period, grid->zone, grid->anchor, n);
}

int64
grid_count(const Grid *grid, TimestampTz after, TimestampTz until)
{
	int64		count;

	until = Min(until, END_TIMESTAMP - 1);
	if (!IS_VALID_TIMESTAMP(grid->anchor) || after >= until)
		return 0;
	count = count_indexes(grid, index_after(grid, after), index_after(grid, until));

	/* Only steps of whole days fall together, where clocks skip days. */
	if (grid->period.us == 0)
		count -= count_doubles(grid, after, until);
	return count;
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

/* Are all steps equally long? */
static bool
is_elapsed(const Grid *grid)
{
	return grid->period.months == 0 && grid->period.days == 0;
}

/* The first n whose instant is later. */
static int64
index_after(const Grid *grid, TimestampTz after)
{
	uint64		elapsed = (uint64) after - (uint64) grid->anchor;

	if (after < grid->anchor)
		return 0;
	if (is_elapsed(grid))
		return (int64) (elapsed / grid->period.us) + 1;
	return index_by_calendar(grid, elapsed, after);
}

/*
 * Average lengths tell where to look to within SLACK_US; a binary search among
 * the few instants there finds the right one. They never decrease.
 */
static int64
index_by_calendar(const Grid *grid, uint64 elapsed, TimestampTz after)
{
	const Period *period = &grid->period;
	uint64		average = period->months * (MONTH_SECONDS * USECS_PER_SEC) +
	period->days * USECS_PER_DAY + period->us;
	int64		low = (int64) (elapsed < SLACK_US ? 0 : (elapsed - SLACK_US) / average);
	int64		high = (int64) ((elapsed + SLACK_US) / average + 1);

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (period_nth(period, grid->zone, grid->anchor, middle) > after)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* The first n, from this one on, that is on its weekdays; -1: none ever is. */
static int64
next_on_weekdays(const Grid *grid, int64 from)
{
	int64		anchor = anchor_civil(grid);
	int64		end = from + cycle_steps(&grid->period);

	for (int64 n = from; n < end; n++)
	{
		if (is_on_weekdays(grid, anchor, n))
			return n;
	}
	return -1;
}

/* How many of the n from the first on and before the end are on its weekdays. */
static int64
count_indexes(const Grid *grid, int64 first, int64 end)
{
	int64		cycle = cycle_steps(&grid->period);
	int64		cycles = (end - first) / cycle;
	int64		count = 0;
	int64		anchor;

	if (grid->weekdays == 0)
		return end - first;

	anchor = anchor_civil(grid);
	/* Each counts as often as there are cycles, and once more in what is left. */
	for (int64 n = first; n < end && n < first + cycle; n++)
	{
		if (is_on_weekdays(grid, anchor, n))
			count += cycles + (n < end - cycles * cycle ? 1 : 0);
	}
	return count;
}

/* How many instants are at the same time as another one: in gaps of a day or more. */
static int64
count_doubles(const Grid *grid, TimestampTz after, TimestampTz until)
{
	int64		last = Min(floor_divide(until, USECS_PER_SEC), DAY_MOVES_END);
	int64		count = 0;
	ZoneSegment segment = zone_segment(grid->zone, floor_divide(after, USECS_PER_SEC));

	while (segment.end <= last)
	{
		ZoneSegment next = zone_segment(grid->zone, segment.end);

		if (next.offset - segment.offset >= CIVIL_DAY)
		{
			TimestampTz at = segment.end * USECS_PER_SEC;
			int64		together = count_indexes(grid, index_after(grid, at - 1),
												 index_after(grid, at));

			count += Max(together - 1, 0);
		}
		segment = next;
	}
	return count;
}

/* After so many steps, the weekdays of a grid come again. */
static int64
cycle_steps(const Period *period)
{
	int			a = CYCLE_MONTHS;
	int			b = period->months % CYCLE_MONTHS;

	if (period->months == 0)
		return 7;
	while (b != 0)
	{
		int			rest = a % b;

		a = b;
		b = rest;
	}
	/* a is the greatest common divisor (Euclid). */
	return CYCLE_MONTHS / a * (period->days % 7 == 0 ? 1 : 7);
}

static int64
anchor_civil(const Grid *grid)
{
	return zone_civil(grid->zone, floor_divide(grid->anchor, USECS_PER_SEC));
}

/* The weekday is that of the date asked for, also where clocks skip it. */
static bool
is_on_weekdays(const Grid *grid, int64 anchor, int64 n)
{
	int64		day = floor_divide(add_calendar(&grid->period, anchor, n), CIVIL_DAY);

	return (grid->weekdays >> civil_weekday(day) & 1) != 0;
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
