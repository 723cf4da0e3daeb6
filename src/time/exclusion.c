/*-------------------------------------------------------------------------
 *
 * exclusion.c
 *	  A schedule without the days that a calendar excludes.
 *
 * What comes due is the union of two sets: the occurrences on days that are not
 * excluded, and those that were moved. The second is not in the order of the
 * first: 10:00 on Saturday and 09:00 on Sunday both move to Monday. So, for each
 * stretch of excluded days, the smallest time of day is sought among its
 * days, by one look at each: no set is ever enumerated.
 *
 * Clocks may be moved back past midnight; then a day goes on after the next
 * one has begun. A zone's clocks are never further than 8 days from UTC (see
 * zone.c), hence CLOCKS_REACH.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/exclusion.h"
#include "time/zone.h"

#define CLOCKS_REACH	16		/* days by which clocks can go back at most */
#define MIN_DAY			(MIN_TIMESTAMP / USECS_PER_DAY)
#define END_DAY			(END_TIMESTAMP / USECS_PER_DAY)
#define END_SECOND		(END_TIMESTAMP / USECS_PER_SEC)
#define NO_TIME			PG_INT64_MAX

/* What does not change during a call. */
typedef struct Search
{
	const Schedule *schedule;
	const DaySet *excluded;
	ExclusionRule rule;
	TimestampTz anchor;
	TimestampTz after;
} Search;

static TimestampTz next_unmoved(const Search *search, TimestampTz limit);
static TimestampTz end_of_exclusion(const pg_tz *zone, const DaySet *excluded, TimestampTz instant);
static TimestampTz next_moved(const Search *search);
static int	first_stretch(const Search *search, int64 day);
static int64 target_of(const Search *search, int stretch);
static bool find_day_due(const Search *search, int64 from, int64 *day, TimestampTz *limit);
static TimestampTz first_moved(const Search *search, int stretch, int64 from);
static int64 first_time(const Search *search, int64 day, int64 from);
static int64 first_civil_after(const pg_tz *zone, TimestampTz after);
static TimestampTz first_instant(const pg_tz *zone, int64 civil_us);
static int64 day_of(const pg_tz *zone, TimestampTz instant);

TimestampTz
exclusion_next(const Schedule *schedule, const DaySet *excluded, ExclusionRule rule,
			   TimestampTz anchor, TimestampTz after)
{
	Search		search = {schedule, excluded, rule, anchor, Max(after, MIN_TIMESTAMP - 1)};

	if (excluded == NULL || excluded->count == 0 || after >= END_TIMESTAMP - 1)
		return schedule_next(schedule, anchor, after);
	if (rule == EXCLUDED_SKIP || schedule->kind == SCHEDULE_AFTER_FINISH)
		return next_unmoved(&search, DT_NOEND);
	return next_unmoved(&search, next_moved(&search));
}

/* The first occurrence on a day that is not excluded; limit when none comes before it. */
static TimestampTz
next_unmoved(const Search *search, TimestampTz limit)
{
	TimestampTz after = search->after;

	for (;;)
	{
		TimestampTz next = schedule_next(search->schedule, search->anchor, after);

		if (next >= limit)
			return limit;
		if (!day_set_contains(search->excluded, day_of(search->schedule->zone, next)))
			return next;
		after = end_of_exclusion(search->schedule->zone, search->excluded, next) - 1;
	}
}

TimestampTz
exclusion_end(const pg_tz *zone, const DaySet *excluded, TimestampTz instant)
{
	while (excluded != NULL && instant < END_TIMESTAMP &&
		   day_set_contains(excluded, day_of(zone, instant)))
		instant = end_of_exclusion(zone, excluded, instant);
	return instant < END_TIMESTAMP ? instant : DT_NOEND;
}

/*
 * From an instant on an excluded day: the first after it that may be on another
 * day. While clocks that go back could show what is before the stretch of
 * excluded days, that is when they are moved next.
 */
static TimestampTz
end_of_exclusion(const pg_tz *zone, const DaySet *excluded, TimestampTz instant)
{
	int64		second = floor_divide(instant, USECS_PER_SEC);
	ZoneSegment segment = zone_segment(zone, second);
	int64		day = floor_divide(second + segment.offset, CIVIL_DAY);
	int64		free_at = day_set_next_free(excluded, day) * CIVIL_DAY;
	int64		result = Min(free_at - segment.offset, segment.end);

	if (day - day_set_previous_free(excluded, day) > CLOCKS_REACH)
	{
		int64		reached = zone_first_instant(zone, free_at);

		result = Max(result, reached);
	}
	return Min(result, END_SECOND) * USECS_PER_SEC;
}

/*
 * The first instant to which an occurrence is moved; or one that stays where it
 * is, if that was met and none is moved before it. Stretches are gone through
 * in order, and their targets are in the same order.
 */
static TimestampTz
next_moved(const Search *search)
{
	const DaySet *excluded = search->excluded;
	const pg_tz *zone = search->schedule->zone;
	int64		from = first_civil_after(zone, search->after);
	int			stretch = first_stretch(search, floor_divide(from, USECS_PER_DAY));
	TimestampTz limit = DT_NOEND;

	while (stretch < excluded->count)
	{
		int64		target = target_of(search, stretch);
		TimestampTz moved = DT_NOEND;
		int64		day;
		int			next;

		if (target >= END_DAY || first_instant(zone, target * USECS_PER_DAY) >= limit ||
			!find_day_due(search, excluded->ranges[stretch].first, &day, &limit))
			break;
		if (day - CLOCKS_REACH <= excluded->ranges[stretch].last)
			moved = first_moved(search, stretch, from);
		if (moved != DT_NOEND)
			return moved;
		next = day_set_find(excluded, day - CLOCKS_REACH);
		stretch = Max(stretch + 1, next);
	}
	return limit;
}

/* The first stretch from which occurrences are moved to this day or a later one. */
static int
first_stretch(const Search *search, int64 day)
{
	const DaySet *excluded = search->excluded;
	int			stretch;

	if (search->rule == EXCLUDED_NEXT)
		return day_set_find(excluded, day - 1);
	stretch = day_set_find(excluded, day);
	if (stretch < excluded->count && excluded->ranges[stretch].first <= day)
		stretch++;
	return stretch;
}

/* The day to which its occurrences are moved. */
static int64
target_of(const Search *search, int stretch)
{
	const DayRange *range = &search->excluded->ranges[stretch];

	return search->rule == EXCLUDED_NEXT ? (int64) range->last + 1 : (int64) range->first - 1;
}

/*
 * The day of the first occurrence from the beginning of a day on; false: there
 * is none. If that stays where it is, it limits what need be looked at.
 */
static bool
find_day_due(const Search *search, int64 from, int64 *day, TimestampTz *limit)
{
	const pg_tz *zone = search->schedule->zone;
	TimestampTz start = first_instant(zone, Max(from, MIN_DAY) * USECS_PER_DAY);
	TimestampTz next = schedule_next(search->schedule, search->anchor, start - 1);

	if (next == DT_NOEND)
		return false;
	*day = day_of(zone, next);
	if (next > search->after && !day_set_contains(search->excluded, *day))
		*limit = Min(*limit, next);
	return true;
}

/*
 * The first instant to which anything of a stretch is moved, at a civil time
 * not before `from`, in microseconds: the smallest time of day among its days
 * that are near enough.
 */
static TimestampTz
first_moved(const Search *search, int stretch, int64 from)
{
	const DayRange *range = &search->excluded->ranges[stretch];
	int64		target = target_of(search, stretch);
	int64		target_us = target * USECS_PER_DAY;
	int64		first = Max(range->first, target - EXCLUSION_MAX_DAYS);
	int64		last = Min(range->last, target + EXCLUSION_MAX_DAYS);
	int64		from_time = from > target_us ? from - target_us : 0;
	int64		found = NO_TIME;

	first = Max(first, MIN_DAY);
	last = Min(last, END_DAY - 1);
	for (int64 day = first; day <= last && found > from_time; day++)
	{
		int64		time = first_time(search, day, from_time);

		found = Min(found, time);
	}
	return found == NO_TIME ? DT_NOEND : first_instant(search->schedule->zone, target_us + found);
}

/*
 * The smallest time of day, not before `from`, at which a day has an occurrence:
 * sought wherever clocks that are not moved show this day.
 */
static int64
first_time(const Search *search, int64 day, int64 from)
{
	const pg_tz *zone = search->schedule->zone;
	int64		civil_us = day * USECS_PER_DAY + from;
	int64		start = zone_first_instant(zone, floor_divide(civil_us, USECS_PER_SEC));
	int64		end = Min(start + (CLOCKS_REACH + 1) * CIVIL_DAY, END_SECOND);
	int64		result = NO_TIME;

	while (start < end)
	{
		ZoneSegment segment = zone_segment(zone, start);
		int64		offset_us = segment.offset * USECS_PER_SEC;
		TimestampTz first = Max(start * USECS_PER_SEC, civil_us - offset_us);
		int64		day_end = Min((day + 1) * CIVIL_DAY - segment.offset, END_SECOND);
		TimestampTz last = Min(segment.end, day_end) * USECS_PER_SEC - 1;

		if (first <= last)
		{
			TimestampTz next = schedule_next(search->schedule, search->anchor, first - 1);

			if (next <= last)
				result = Min(result, next + offset_us - day * USECS_PER_DAY);
		}
		start = segment.end;
	}
	return result;
}

/*
 * The smallest civil time, in microseconds, whose first instant is later than
 * `after`.
 */
static int64
first_civil_after(const pg_tz *zone, TimestampTz after)
{
	int64		second = floor_divide(after, USECS_PER_SEC);
	int64		latest = zone_latest_civil(zone, second);

	if (latest != zone_civil(zone, second))
		return (latest + 1) * USECS_PER_SEC;
	return latest * USECS_PER_SEC + (after - second * USECS_PER_SEC) + 1;
}

/* Where clocks skip a time, they skip its fraction of a second too. */
static TimestampTz
first_instant(const pg_tz *zone, int64 civil_us)
{
	int64		civil = floor_divide(civil_us, USECS_PER_SEC);
	int64		instant = zone_first_instant(zone, civil);
	bool		is_skipped = zone_civil(zone, instant) != civil;

	if (instant >= END_SECOND)
		return DT_NOEND;
	return instant * USECS_PER_SEC + (is_skipped ? 0 : civil_us - civil * USECS_PER_SEC);
}

static int64
day_of(const pg_tz *zone, TimestampTz instant)
{
	return floor_divide(zone_civil(zone, floor_divide(instant, USECS_PER_SEC)), CIVIL_DAY);
}
