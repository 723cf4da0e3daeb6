/*-------------------------------------------------------------------------
 *
 * exclusion.c
 *	  A schedule without the days that a calendar excludes.
 *
 * What comes due is the union of two sets: the occurrences on days that are not
 * excluded, and those that were moved. The second is not in the order of the
 * first: 10:00 on Saturday and 09:00 on Sunday both move to Monday. So, for each
 * stretch of excluded days, which is a range of the set, the smallest time of day
 * is sought among its days, by one look at each: no set is ever enumerated.
 *
 * Clocks may be moved back past midnight; then a day goes on after the next one
 * has begun. How far that can go is known (see zone.h), hence CLOCKS_REACH.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/exclusion.h"
#include "time/zone.h"

/* Once clocks show a day, they never again show one that is more days before it. */
#define CLOCKS_REACH	(2 * ZONE_REACH / CIVIL_DAY)

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

/* A time in which clocks show one day and are not moved. */
typedef struct ShownDay
{
	int64		day;
	TimestampTz midnight;		/* when it would have begun on these clocks */
	TimestampTz end;			/* first instant after it, or the end of time */
} ShownDay;

static TimestampTz next_unmoved(const Search *search, TimestampTz limit);
static TimestampTz end_of_exclusion(const pg_tz *zone, const DaySet *excluded, TimestampTz instant);
static TimestampTz next_moved(const Search *search);
static int	first_stretch(const Search *search, int64 day);
static int64 target_of(const Search *search, int stretch);
static TimestampTz first_moved(const Search *search, int stretch, int64 from);
static int64 first_time(const Search *search, DayRange days, int64 from);
static int64 first_civil_after(const pg_tz *zone, TimestampTz after);
static TimestampTz first_instant(const pg_tz *zone, int64 civil_us);
static TimestampTz start_of_day(const pg_tz *zone, int64 day);
static ShownDay shown_day(const pg_tz *zone, TimestampTz instant);
static bool is_excluded(const pg_tz *zone, const DaySet *excluded, TimestampTz instant);

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
		if (!is_excluded(search->schedule->zone, search->excluded, next))
			return next;
		after = end_of_exclusion(search->schedule->zone, search->excluded, next) - 1;
	}
}

TimestampTz
exclusion_end(const pg_tz *zone, const DaySet *excluded, TimestampTz instant)
{
	while (excluded != NULL && instant < END_TIMESTAMP && is_excluded(zone, excluded, instant))
		instant = end_of_exclusion(zone, excluded, instant);
	return instant < END_TIMESTAMP ? instant : DT_NOEND;
}

/*
 * From an instant on an excluded day: the first after it that may be on another
 * day. At the beginning of a stretch of excluded days, that is known for one day
 * only: clocks that are moved back may show what is before the stretch.
 */
static TimestampTz
end_of_exclusion(const pg_tz *zone, const DaySet *excluded, TimestampTz instant)
{
	ShownDay	shown = shown_day(zone, instant);
	TimestampTz stretch_end;

	if (shown.day - day_set_previous_free(excluded, shown.day) <= CLOCKS_REACH)
		return shown.end;
	stretch_end = start_of_day(zone, day_set_next_free(excluded, shown.day));
	return Max(shown.end, stretch_end);
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
		TimestampTz start = start_of_day(zone, excluded->ranges[stretch].first);
		TimestampTz next = schedule_next(search->schedule, search->anchor, start - 1);
		TimestampTz moved;
		int			reached;

		if (next == DT_NOEND || target >= END_DAY || start_of_day(zone, target) >= limit)
			break;
		moved = first_moved(search, stretch, from);
		if (moved != DT_NOEND)
			return moved;
		if (next > search->after && !is_excluded(zone, excluded, next))
			limit = Min(limit, next);

		/* On to the next stretch that may have an occurrence. */
		reached = day_set_find(excluded, shown_day(zone, next).day - CLOCKS_REACH);
		stretch = Max(stretch + 1, reached);
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
 * The first instant to which anything of a stretch is moved, at a civil time
 * not before `from`, in microseconds.
 */
static TimestampTz
first_moved(const Search *search, int stretch, int64 from)
{
	int64		target = target_of(search, stretch);
	int64		target_us = target * USECS_PER_DAY;
	DayRange	near = search->excluded->ranges[stretch];
	int64		time;

	near.first = Max(near.first, target - EXCLUSION_MAX_DAYS);
	near.last = Min(near.last, target + EXCLUSION_MAX_DAYS);
	time = first_time(search, near, from > target_us ? from - target_us : 0);
	return time == NO_TIME ? DT_NOEND : first_instant(search->schedule->zone, target_us + time);
}

/*
 * The smallest time of day, not before `from`, at which any of these days has an
 * occurrence: sought wherever clocks show one of them.
 */
static int64
first_time(const Search *search, DayRange days, int64 from)
{
	TimestampTz at = start_of_day(search->schedule->zone, days.first);
	int64		result = NO_TIME;

	while (at < END_TIMESTAMP && result > from)
	{
		ShownDay	shown = shown_day(search->schedule->zone, at);
		TimestampTz first = Max(at, shown.midnight + from);

		if (shown.day - CLOCKS_REACH > days.last)
			break;
		at = shown.end;
		if (shown.day >= days.first && shown.day <= days.last && first < shown.end)
		{
			TimestampTz next = schedule_next(search->schedule, search->anchor, first - 1);

			if (next < shown.end)
				result = Min(result, next - shown.midnight);
			at = Max(at, next);
		}
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

	/* Whatever clocks show for the second time has passed, all of its second. */
	if (zone_first_instant(zone, latest) < second)
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

/* The first instant at which clocks show this day or a later one; any day will do. */
static TimestampTz
start_of_day(const pg_tz *zone, int64 day)
{
	return first_instant(zone, Max(MIN_DAY, Min(day, END_DAY)) * USECS_PER_DAY);
}

/* What clocks show at an instant, and how long; never before the first instant. */
static ShownDay
shown_day(const pg_tz *zone, TimestampTz instant)
{
	int64		second = floor_divide(Max(instant, MIN_TIMESTAMP), USECS_PER_SEC);
	ZoneSegment segment = zone_segment(zone, second);
	int64		day = floor_divide(second + segment.offset, CIVIL_DAY);
	int64		midnight = day * CIVIL_DAY - segment.offset;
	int64		end = Min(midnight + CIVIL_DAY, segment.end);
	ShownDay	shown = {day, midnight * USECS_PER_SEC, Min(end, END_SECOND) * USECS_PER_SEC};

	return shown;
}

static bool
is_excluded(const pg_tz *zone, const DaySet *excluded, TimestampTz instant)
{
	return day_set_contains(excluded, shown_day(zone, instant).day);
}
