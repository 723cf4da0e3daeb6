/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  When a task recurs: the next instant of any schedule.
 *
 * Cron fields are matched against what clocks show, in one of two ways. Fixed
 * times (the hour field does not start with *) happen when the clocks first
 * reach or pass them: at the end of a gap, in the first pass of an overlap,
 * and never twice, however clocks are moved. With * as the hour, a schedule
 * follows elapsed time: it happens whenever the clocks show a match.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/schedule.h"
#include "time/zone.h"

#define PERIOD_SAMPLES	64		/* instants looked at for a cron's period */
#define LAST_SECOND		(END_TIMESTAMP / USECS_PER_SEC - 1)

static TimestampTz next_after_finish(const Schedule *schedule,
									 TimestampTz finish, TimestampTz after);
static TimestampTz next_cron(const Schedule *schedule, TimestampTz after);
static int64 next_fixed(const Schedule *schedule, int64 after);
static int64 next_elapsed(const Schedule *schedule, int64 after);
static int64 shortest_gap(const Cron *cron);

TimestampTz
schedule_next(const Schedule *schedule, TimestampTz anchor, TimestampTz after)
{
	/* Before all time is one microsecond before its first instant. */
	after = Max(after, MIN_TIMESTAMP - 1);
	if (after >= END_TIMESTAMP - 1)
		return DT_NOEND;

	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
			return next_cron(schedule, after);
		case SCHEDULE_EVERY:
			return period_next(&schedule->period, schedule->zone, anchor, after);
		case SCHEDULE_AFTER_FINISH:
			return next_after_finish(schedule, anchor, after);
		case SCHEDULE_ONCE:
			return schedule->at > after ? schedule->at : DT_NOEND;
		case SCHEDULE_REBOOT:
			break;
	}
	return DT_NOEND;
}

static TimestampTz
next_after_finish(const Schedule *schedule, TimestampTz finish, TimestampTz after)
{
	if (!IS_VALID_TIMESTAMP(finish))
		return DT_NOEND;
	return Max(after + 1, period_nth(&schedule->period, schedule->zone, finish, 1));
}

static TimestampTz
next_cron(const Schedule *schedule, TimestampTz after)
{
	int64		after_second = floor_divide(after, USECS_PER_SEC);
	int64		next;

	if (schedule->cron.follows_clock)
		next = next_elapsed(schedule, after_second);
	else
		next = next_fixed(schedule, after_second);
	return next > LAST_SECOND ? DT_NOEND : next * USECS_PER_SEC;
}

/* What the clocks have shown has happened; what they have not comes yet. */
static int64
next_fixed(const Schedule *schedule, int64 after)
{
	int64		civil = cron_next(&schedule->cron, zone_latest_civil(schedule->zone, after));

	return civil == CIVIL_NEVER ? CIVIL_NEVER : zone_first_instant(schedule->zone, civil);
}

/*
 * Look for a match in each segment, from the first second on that the clocks
 * show in it. A parsed cron matches within 40 years, so this ends.
 */
static int64
next_elapsed(const Schedule *schedule, int64 after)
{
	while (after < LAST_SECOND)
	{
		ZoneSegment segment = zone_segment(schedule->zone, after + 1);
		int64		civil = cron_next(&schedule->cron, after + segment.offset);

		if (civil == CIVIL_NEVER)
			break;
		if (civil - segment.offset < segment.end)
			return civil - segment.offset;
		after = segment.end - 1;
	}
	return CIVIL_NEVER;
}

int64
schedule_period_us(const Schedule *schedule)
{
	if (schedule->kind == SCHEDULE_EVERY)
		return period_us(&schedule->period);
	if (schedule->kind == SCHEDULE_CRON)
		return shortest_gap(&schedule->cron) * USECS_PER_SEC;
	return 0;
}

/* From 2000-01-01 on, which is day 0: always the same for the same schedule. */
static int64
shortest_gap(const Cron *cron)
{
	int64		previous = cron_next(cron, -1);
	int64		shortest = PG_INT64_MAX;

	for (int i = 0; i < PERIOD_SAMPLES; i++)
	{
		int64		next = cron_next(cron, previous);

		shortest = Min(shortest, next - previous);
		previous = next;
	}
	return shortest;
}
