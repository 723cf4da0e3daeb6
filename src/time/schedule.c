/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  When a task recurs: the next instant of any schedule.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/schedule.h"

#define LAST_SECOND		(END_TIMESTAMP / USECS_PER_SEC - 1)

static TimestampTz next_every(const Schedule *schedule, TimestampTz anchor, TimestampTz after);
static TimestampTz next_after_finish(const Schedule *schedule,
									 TimestampTz finish, TimestampTz after);
static TimestampTz next_cron(const Schedule *schedule, TimestampTz after);

void
schedule_free(Schedule *schedule)
{
	if (schedule->kind == SCHEDULE_RULE)
		pfree(schedule->rule);
}

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
			return next_every(schedule, anchor, after);
		case SCHEDULE_AFTER_FINISH:
			return next_after_finish(schedule, anchor, after);
		case SCHEDULE_ONCE:
			return schedule->at > after ? schedule->at : DT_NOEND;
		case SCHEDULE_RULE:
			return rule_next(schedule->rule, anchor, after);
		case SCHEDULE_REBOOT:
			break;
	}
	return DT_NOEND;
}

/* Windows have grids of their own: of the anchor, only what precedes it matters. */
static TimestampTz
next_every(const Schedule *schedule, TimestampTz anchor, TimestampTz after)
{
	Grid		grid = schedule_grid(schedule, anchor);

	if (!IS_VALID_TIMESTAMP(anchor))
		return DT_NOEND;
	if (schedule_has_windows(schedule))
		return window_next(&schedule->window, schedule->zone, schedule->period.us,
						   Max(after, anchor - 1));
	return grid_next(&grid, after);
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
	int64		next = cron_next_instant(&schedule->cron, schedule->zone,
										 floor_divide(after, USECS_PER_SEC), LAST_SECOND);

	return next == CIVIL_NEVER ? DT_NOEND : next * USECS_PER_SEC;
}
