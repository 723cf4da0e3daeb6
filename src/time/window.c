/*-------------------------------------------------------------------------
 *
 * window.c
 *	  The instants of an interval in the windows of chosen days.
 *
 * A window belongs to the day on which it opens, and never lasts longer than
 * until it opens next. So the last day whose window has opened is the only one
 * that can be open, and all others are passed over by arithmetic.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/window.h"
#include "time/zone.h"

#define LAST_SECOND		(END_TIMESTAMP / USECS_PER_SEC - 1)

/* One day's window: its first instant, and the last one that can be in it. */
typedef struct Opening
{
	TimestampTz first;
	TimestampTz last;
} Opening;

static int64 last_opened(const Window *window, const pg_tz *zone, TimestampTz at);
static int64 next_open_day(const Window *window, int64 from);
static bool opens_on(const Window *window, int64 day);
static bool find_opening(const Window *window, const pg_tz *zone, int64 day, Opening *result);
static void leave_to_next(const Window *window, const pg_tz *zone, int64 day, Opening *opening);
static int64 count_until(const Opening *opening, int64 interval_us, TimestampTz until);
static int64 last_regular(const Window *window, const pg_tz *zone, int64 day, int64 limit);
static int64 count_regular(const Window *window, int64 interval_us, int64 first, int64 last);
static int64 regular_length_us(const Window *window, int64 day);

TimestampTz
window_next(const Window *window, const pg_tz *zone, int64 interval_us, TimestampTz after)
{
	int64		day = next_open_day(window, last_opened(window, zone, after));
	Opening		opening;

	for (; find_opening(window, zone, day, &opening); day = next_open_day(window, day + 1))
	{
		TimestampTz next = opening.first;

		if (after >= opening.first)
			next += ((after - opening.first) / interval_us + 1) * interval_us;
		if (next <= opening.last)
			return next;
	}
	return DT_NOEND;
}

/* The last day on which it would have opened, were it to open each day. */
static int64
last_opened(const Window *window, const pg_tz *zone, TimestampTz at)
{
	int64		latest = zone_latest_civil(zone, floor_divide(at, USECS_PER_SEC));

	return floor_divide(latest - window->opens, CIVIL_DAY);
}

/* The first day on which it opens, from this one on. */
static int64
next_open_day(const Window *window, int64 from)
{
	while (!opens_on(window, from))
		from++;
	return from;
}

static bool
opens_on(const Window *window, int64 day)
{
	return (window->weekdays >> civil_weekday(day) & 1) != 0;
}

/* Finds out when a day's window is open; false when that is beyond all time. */
static bool
find_opening(const Window *window, const pg_tz *zone, int64 day, Opening *result)
{
	int64		opens = zone_first_instant(zone, day * CIVIL_DAY + window->opens);
	int64		closes = zone_first_instant(zone, day * CIVIL_DAY + window->closes);

	if (opens > LAST_SECOND)
		return false;
	result->first = opens * USECS_PER_SEC;
	result->last = Min(closes, LAST_SECOND + 1) * USECS_PER_SEC;
	if (!window->has_hours || closes > LAST_SECOND)
		result->last--;
	return true;
}

/*
 * Days between `after` and `until` that lie in one segment of the zone are
 * alike, and counted together; those where clocks are moved, and the first and
 * the last, one by one.
 */
int64
window_count(const Window *window, const pg_tz *zone, int64 interval_us,
			 TimestampTz after, TimestampTz until)
{
	int64		day = next_open_day(window, last_opened(window, zone, after));
	int64		last_day = last_opened(window, zone, until);
	int64		count = 0;
	Opening		opening;

	while (day <= last_day && find_opening(window, zone, day, &opening))
	{
		int64		last = day - 1;

		if (opening.first > after)
			last = last_regular(window, zone, day, last_day - 1);
		if (last >= day)
			count += count_regular(window, interval_us, day, last);
		else
		{
			leave_to_next(window, zone, day, &opening);
			count += count_until(&opening, interval_us, until) -
				count_until(&opening, interval_us, after);
			last = day;
		}
		day = next_open_day(window, last + 1);
	}
	return count;
}

/* An instant at which the next window opens too belongs to that one. */
static void
leave_to_next(const Window *window, const pg_tz *zone, int64 day, Opening *opening)
{
	Opening		next;

	if (find_opening(window, zone, next_open_day(window, day + 1), &next))
		opening->last = Min(opening->last, next.first - 1);
}

static int64
count_until(const Opening *opening, int64 interval_us, TimestampTz until)
{
	until = Min(until, opening->last);
	return until < opening->first ? 0 : (until - opening->first) / interval_us + 1;
}

/*
 * The last day, up to a limit, on which clocks show all times of the window as
 * on this day, in the same segment; less than `day`: this one is not such a day.
 */
static int64
last_regular(const Window *window, const pg_tz *zone, int64 day, int64 limit)
{
	int64		opens = day * CIVIL_DAY + window->opens;
	int64		instant = zone_first_instant(zone, opens);
	ZoneSegment segment = zone_segment(zone, instant);
	int64		end = Min(segment.end, LAST_SECOND);

	if (instant + segment.offset != opens)
		return day - 1;
	return Min(limit, floor_divide(end - 1 + segment.offset - window->closes, CIVIL_DAY));
}

/* Counts the instants of days on which no clock is moved. */
static int64
count_regular(const Window *window, int64 interval_us, int64 first, int64 last)
{
	int64		count = 0;

	for (int64 day = first; day <= Min(last, first + 6); day++)
	{
		int64		weeks = (last - day) / 7 + 1;

		if (opens_on(window, day))
			count += weeks * (regular_length_us(window, day) / interval_us + 1);
	}
	return count;
}

/* From the first to the last instant that can be in a day's window. */
static int64
regular_length_us(const Window *window, int64 day)
{
	int64		length = (int64) (window->closes - window->opens) * USECS_PER_SEC;
	bool		meets_next = length == USECS_PER_DAY && opens_on(window, day + 1);

	return window->has_hours && !meets_next ? length : length - 1;
}

int64
window_shortest_us(const Window *window, int64 interval_us)
{
	int64		shortest = PG_INT64_MAX;

	for (int64 day = 0; day < 7; day++)
	{
		int64		length = regular_length_us(window, day) / interval_us * interval_us;
		int64		next_day = next_open_day(window, day + 1);

		if (!opens_on(window, day))
			continue;
		if (length > 0)
			shortest = Min(shortest, interval_us);
		shortest = Min(shortest, (next_day - day) * USECS_PER_DAY - length);
	}
	return shortest;
}
