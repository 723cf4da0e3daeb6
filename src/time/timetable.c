/*-------------------------------------------------------------------------
 *
 * timetable.c
 *	  When a task is due: its schedule with all that bounds and moves it.
 *
 * Looking back is done by looking forward from earlier and earlier: the next
 * occurrence after an instant never decreases when the instant grows, so a
 * binary search finds where it passes a bound.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/int.h"

#include "time/timetable.h"

/* After 400 years the calendar repeats. */
#define CALENDAR_MONTHS	4800

int64
timetable_delay_us(int64 task_id, int64 jitter_us)
{
	if (jitter_us <= 0)
		return 0;
	return (int64) (hash_bytes_extended((unsigned char *) &task_id, sizeof(task_id), 0) %
					(uint64) jitter_us);
}

bool
timetable_recurs(const Timetable *timetable)
{
	switch (timetable->schedule.kind)
	{
		case SCHEDULE_CRON:
		case SCHEDULE_EVERY:
		case SCHEDULE_RULE:
			return true;
		case SCHEDULE_AFTER_FINISH:
		case SCHEDULE_ONCE:
		case SCHEDULE_REBOOT:
			break;
	}
	return false;
}

bool
timetable_follows_elapsed(const Timetable *timetable)
{
	const Schedule *schedule = &timetable->schedule;

	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
			return schedule->cron.follows_clock;
		case SCHEDULE_EVERY:
			return schedule->period.months == 0 && schedule->period.days == 0;
		case SCHEDULE_RULE:
			return schedule->rule->has_recur && schedule->rule->recur.frequency < RULE_DAILY;
		case SCHEDULE_AFTER_FINISH:
		case SCHEDULE_REBOOT:
			return true;
		case SCHEDULE_ONCE:
			break;
	}
	return false;
}

/* ------------------------------------------------------------------------
 * Forward
 * ------------------------------------------------------------------------ */

/* An instant without its delay, and with it. The ends of time stay. */
static TimestampTz
undelayed(const Timetable *timetable, TimestampTz instant)
{
	if (TIMESTAMP_NOT_FINITE(instant))
		return instant;
	return Max(instant - timetable->delay_us, MIN_TIMESTAMP);
}

static TimestampTz
delayed(const Timetable *timetable, TimestampTz instant)
{
	TimestampTz result;

	if (TIMESTAMP_NOT_FINITE(instant) || instant > timetable->ends_at ||
		pg_add_s64_overflow(instant, timetable->delay_us, &result) ||
		!IS_VALID_TIMESTAMP(result))
		return DT_NOEND;
	return result;
}

static int64
greatest_divisor(int64 a, int64 b)
{
	return b == 0 ? a : greatest_divisor(b, a % b);
}

/*
 * An instant of an interval's grid that is so many periods before the anchor, and
 * some more: months go back by multiples of 400 years, in which the calendar
 * repeats, so that the 31st stays the 31st.
 */
static TimestampTz
grid_before(const Schedule *schedule, TimestampTz anchor, int64 periods)
{
	int64		months = schedule->period.months;
	int64		unit = months == 0 ? 1 : CALENDAR_MONTHS / greatest_divisor(CALENDAR_MONTHS, months);

	periods += unit - periods % unit;
	return period_nth(&schedule->period, schedule->zone, anchor, -periods);
}

/*
 * Where the grid of an interval starts: at its anchor, or earlier where it is
 * asked for what was before: by backfill(), or since the clock was set back.
 */
static TimestampTz
grid_start(const Timetable *timetable, TimestampTz after)
{
	const Schedule *schedule = &timetable->schedule;
	TimestampTz anchor = timetable->anchor;
	TimestampTz start;

	/* The anchor itself is the first instant of its grid. */
	if (schedule->kind != SCHEDULE_EVERY || TIMESTAMP_IS_NOBEGIN(after) || after >= anchor - 1)
		return anchor;
	start = grid_before(schedule, anchor, (anchor - after) / period_us(&schedule->period) + 1);
	return start <= after ? start : anchor;
}

static TimestampTz
occurrence_after(const Timetable *timetable, TimestampTz after)
{
	return exclusion_next(&timetable->schedule, timetable->excluded, timetable->on_excluded,
						  grid_start(timetable, after), after);
}

static TimestampTz
next_once(const Timetable *timetable, TimestampTz last)
{
	TimestampTz at = Max(occurrence_after(timetable, DT_NOBEGIN), timetable->anchor);

	return at > last ? at : DT_NOEND;
}

static TimestampTz
next_after_finish(const Timetable *timetable, TimestampTz last, TimestampTz last_finished_at)
{
	if (last == DT_NOBEGIN)
		return exclusion_end(timetable->schedule.zone, timetable->excluded,
							 Max(timetable->anchor, timetable->starts_at));
	return exclusion_next(&timetable->schedule, timetable->excluded, timetable->on_excluded,
						  Max(last, last_finished_at), last);
}

/*
 * starts_at counts itself. The anchor bounds the first occurrence only: what has
 * fired goes on from there, though the clock was set back.
 */
static TimestampTz
next_recurrence(const Timetable *timetable, TimestampTz last)
{
	if (timetable->starts_at != DT_NOBEGIN)
		return occurrence_after(timetable, Max(last, timetable->starts_at - 1));
	return occurrence_after(timetable, last == DT_NOBEGIN ? timetable->anchor : last);
}

TimestampTz
timetable_next(const Timetable *timetable, TimestampTz last_fire, TimestampTz last_finished_at)
{
	TimestampTz last = undelayed(timetable, last_fire);
	TimestampTz next = DT_NOEND;

	switch (timetable->schedule.kind)
	{
		case SCHEDULE_ONCE:
			next = next_once(timetable, last);
			break;
		case SCHEDULE_AFTER_FINISH:
			next = next_after_finish(timetable, last, last_finished_at);
			break;
		case SCHEDULE_REBOOT:
			break;
		case SCHEDULE_CRON:
		case SCHEDULE_EVERY:
		case SCHEDULE_RULE:
			next = next_recurrence(timetable, last);
			break;
	}
	return delayed(timetable, next);
}

TimestampTz
timetable_next_after(const Timetable *timetable, TimestampTz after)
{
	return delayed(timetable, next_recurrence(timetable, undelayed(timetable, after)));
}

/* ------------------------------------------------------------------------
 * Backward
 * ------------------------------------------------------------------------ */

/* Nothing is later than the last occurrence up to there but what is after it. */
TimestampTz
timetable_latest(const Timetable *timetable, TimestampTz first, TimestampTz until)
{
	TimestampTz low = first;	/* an instant up to the one that is sought */
	TimestampTz high = until;	/* not before it */

	if (timetable_next_after(timetable, first) > until)
		return first;
	while (low < high)
	{
		TimestampTz middle = low + (high - low) / 2;

		if (timetable_next_after(timetable, middle) <= until)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64
timetable_count(const Timetable *timetable, TimestampTz after, TimestampTz until, int64 max)
{
	int64		count = 0;

	if (timetable->excluded == NULL)
	{
		after = undelayed(timetable, after);
		if (timetable->starts_at != DT_NOBEGIN)
			after = Max(after, timetable->starts_at - 1);
		return schedule_count(&timetable->schedule, grid_start(timetable, after), after,
							  Min(undelayed(timetable, until), timetable->ends_at));
	}
	while (count < max && (after = timetable_next_after(timetable, after)) <= until)
		count++;
	return count;
}

/* The latest instant after which there still are n. */
TimestampTz
timetable_last_n(const Timetable *timetable, TimestampTz first, TimestampTz until, int64 n)
{
	TimestampTz low = first - 1;	/* n or more are after it */
	TimestampTz high = until;	/* fewer are */

	if (timetable_count(timetable, low, until, n) < n)
		return first;
	while (high - low > 1)
	{
		TimestampTz middle = low + (high - low) / 2;

		if (timetable_count(timetable, middle, until, n) >= n)
			low = middle;
		else
			high = middle;
	}
	return timetable_next_after(timetable, low);
}
