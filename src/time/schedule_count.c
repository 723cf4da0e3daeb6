/*-------------------------------------------------------------------------
 *
 * schedule_count.c
 *	  How many instants of a schedule lie in a stretch of time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/schedule.h"

/*
 * The calendar repeats every 400 years, and so do PostgreSQL's time zones after
 * the end of their tables, none of which is later than 2440.
 */
#define CYCLE_US		(146097 * USECS_PER_DAY)
#define CYCLES_START	(civil_day(2500, 1, 1) * USECS_PER_DAY)

typedef int64 (*CountFunction) (const Schedule *schedule, TimestampTz after, TimestampTz until);

static int64 count_every(const Schedule *schedule, TimestampTz anchor,
						 TimestampTz after, TimestampTz until);
static int64 count_cycles(const Schedule *schedule, CountFunction count,
						  TimestampTz after, TimestampTz until);
static int64 count_cron(const Schedule *schedule, TimestampTz after, TimestampTz until);
static int64 count_windows(const Schedule *schedule, TimestampTz after, TimestampTz until);

int64
schedule_count(const Schedule *schedule, TimestampTz anchor,
			   TimestampTz after, TimestampTz until)
{
	after = Max(after, MIN_TIMESTAMP - 1);
	until = Min(until, END_TIMESTAMP - 1);
	if (after >= until)
		return 0;

	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
			return count_cycles(schedule, count_cron, after, until);
		case SCHEDULE_EVERY:
			return count_every(schedule, anchor, after, until);
		case SCHEDULE_RULE:
			return rule_count(schedule->rule, anchor, after, until);
		case SCHEDULE_AFTER_FINISH:
		case SCHEDULE_ONCE:
		case SCHEDULE_REBOOT:
			break;
	}
	return schedule_next(schedule, anchor, after) <= until ? 1 : 0;
}

static int64
count_every(const Schedule *schedule, TimestampTz anchor, TimestampTz after, TimestampTz until)
{
	Grid		grid;

	if (!IS_VALID_TIMESTAMP(anchor))
		return 0;
	if (schedule_has_windows(schedule))
		return count_cycles(schedule, count_windows, Max(after, anchor - 1), until);
	grid = schedule_grid(schedule, anchor);
	return grid_count(&grid, after, until);
}

/* All whole cycles have as many instants as one of them. */
static int64
count_cycles(const Schedule *schedule, CountFunction count, TimestampTz after, TimestampTz until)
{
	TimestampTz start = Max(after, CYCLES_START);
	int64		cycles = until > start ? (until - start) / CYCLE_US : 0;
	int64		in_cycles = 0;

	if (after >= until)
		return 0;
	if (cycles > 0)
		in_cycles = cycles * count(schedule, start, start + CYCLE_US);
	return in_cycles + count(schedule, after, until - cycles * CYCLE_US);
}

static int64
count_cron(const Schedule *schedule, TimestampTz after, TimestampTz until)
{
	return cron_count_instants(&schedule->cron, schedule->zone,
							   floor_divide(after, USECS_PER_SEC),
							   floor_divide(until, USECS_PER_SEC));
}

static int64
count_windows(const Schedule *schedule, TimestampTz after, TimestampTz until)
{
	return window_count(&schedule->window, schedule->zone, schedule->period.us, after, until);
}
