/*-------------------------------------------------------------------------
 *
 * timetable_gap.c
 *	  How close together the occurrences of a timetable come, and how far apart
 *	  they are on average: a task's period, as real-time scheduling has it.
 *
 * Of fixed intervals it is known. Others are walked: the first occurrences, and
 * those around the next changes of the clocks, after which a pattern of times of
 * the day, days of a month and weekdays has shown what it can do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/timetable.h"
#include "time/zone.h"

#define WALK_MAX		512		/* occurrences; days of more than a year */
#define WALK_MIN		16		/* of what is rarer than WALK_SPAN shows */
#define WALK_SPAN		(28 * 366 * USECS_PER_DAY)	/* in which weekdays repeat */
#define LAST_WALK		(END_TIMESTAMP - 1 - WALK_SPAN)
#define YEAR_SPAN		(364 * USECS_PER_DAY)	/* of whole weeks */
#define CHANGES_SPAN	(400 * USECS_PER_DAY)	/* a year's clock changes, and more */
#define CHANGES_MAX		8
#define CHANGE_WALK_MAX 64		/* occurrences around a change */

typedef struct GapWalk
{
	int64		shortest_us;	/* 0: no gap yet */
	TimestampTz first;
	TimestampTz last;
	int			gaps;
} GapWalk;

/* Is each of its gaps as long as its interval? */
static bool
is_fixed(const Timetable *timetable)
{
	const Schedule *schedule = &timetable->schedule;

	return schedule->kind == SCHEDULE_EVERY && schedule->period.months == 0 &&
		schedule->period.days == 0 && schedule->window.weekdays == 0 &&
		(timetable->excluded == NULL || timetable->on_excluded == EXCLUDED_SKIP);
}

/* From one occurrence to the next ones: up to an instant, and in number from min to max. */
static void
walk_on(const Timetable *timetable, GapWalk *walk, TimestampTz until, int min, int max)
{
	for (int i = 0; i < max && (i < min || walk->last < until); i++)
	{
		TimestampTz next = timetable_next_after(timetable, walk->last);
		int64		gap;

		if (next == DT_NOEND)
			break;
		gap = next - walk->last;
		if (walk->shortest_us == 0 || gap < walk->shortest_us)
			walk->shortest_us = gap;
		walk->last = next;
		walk->gaps++;
	}
}

static GapWalk
walk_start(const Timetable *timetable)
{
	GapWalk		walk = {0};

	walk.first = walk.last = timetable_next(timetable, DT_NOBEGIN, DT_NOBEGIN);
	if (walk.first != DT_NOEND)
		walk_on(timetable, &walk, Min(walk.first, LAST_WALK) + WALK_SPAN,
				WALK_MIN, WALK_MAX);
	return walk;
}

/*
 * Where clocks are moved, times of the day come closer, or twice. From two gaps
 * before such a change on; in seconds.
 */
static void
walk_around(const Timetable *timetable, GapWalk *walk, int64 change)
{
	GapWalk		around = {walk->shortest_us};
	TimestampTz instant = change * USECS_PER_SEC + timetable->delay_us;

	around.last = timetable_next_after(timetable, instant - 2 * Min(walk->shortest_us, CHANGES_SPAN) - 1);
	if (around.last != DT_NOEND)
		walk_on(timetable, &around, instant + USECS_PER_DAY, 1, CHANGE_WALK_MAX);
	walk->shortest_us = around.shortest_us;
}

/* What the walk has reached it has seen. */
static void
walk_changes(const Timetable *timetable, GapWalk *walk)
{
	const Schedule *schedule = &timetable->schedule;
	const pg_tz *zone = schedule->kind == SCHEDULE_RULE ? schedule->rule->zone : schedule->zone;
	int64		reached = floor_divide(walk->last, USECS_PER_SEC);
	int64		until = floor_divide(walk->first, USECS_PER_SEC) + CHANGES_SPAN / USECS_PER_SEC;

	for (int i = 0; i < CHANGES_MAX && reached < until; i++)
	{
		ZoneSegment segment = zone_segment(zone, reached);

		if (segment.end >= until)
			break;
		walk_around(timetable, walk, segment.end);
		reached = segment.end;
	}
}

/* Windows of a day may be long: the gap between two is known, too. */
static int64
shortest_gap(const Timetable *timetable)
{
	const Schedule *schedule = &timetable->schedule;
	GapWalk		walk = walk_start(timetable);

	if (walk.gaps == 0)
		return 0;
	walk_changes(timetable, &walk);
	if (schedule->kind == SCHEDULE_EVERY && schedule_has_windows(schedule))
		return Min(walk.shortest_us, window_shortest_us(&schedule->window, schedule->period.us));
	return walk.shortest_us;
}

int64
timetable_shortest_gap(const Timetable *timetable)
{
	if (timetable->schedule.kind == SCHEDULE_AFTER_FINISH || is_fixed(timetable))
		return period_us(&timetable->schedule.period);
	return timetable_recurs(timetable) ? shortest_gap(timetable) : 0;
}

/* A week is not a year, as the first of many occurrences are not all: those of a year. */
static int64
mean_gap_of_year(const Timetable *timetable, TimestampTz first)
{
	int64		count = timetable_count(timetable, first - 1, first + YEAR_SPAN - 1,
										PG_INT64_MAX);

	/* Of rules, no more are counted. */
	return count <= 0 || count >= RULE_COUNT_MAX ? 0 : YEAR_SPAN / count;
}

int64
timetable_mean_gap(const Timetable *timetable)
{
	GapWalk		walk;
	int64		mean_us = 0;

	if (timetable->schedule.kind == SCHEDULE_AFTER_FINISH)
		return period_us(&timetable->schedule.period);
	if (!timetable_recurs(timetable))
		return 0;
	walk = walk_start(timetable);
	if (walk.gaps == 0)
		return 0;
	if (timetable->excluded == NULL && walk.gaps == WALK_MAX &&
		walk.last - walk.first < YEAR_SPAN && walk.first < Min(timetable->ends_at, LAST_WALK) - YEAR_SPAN)
		mean_us = mean_gap_of_year(timetable, walk.first);
	return mean_us != 0 ? mean_us : (walk.last - walk.first) / walk.gaps;
}
