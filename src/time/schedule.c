/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  When a task recurs: from any schedule text to its next instant.
 *
 * The first characters decide which reader gets the text; see parse_by_form().
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

#include "common/int.h"

#include "time/civil.h"
#include "time/instant.h"
#include "time/schedule.h"
#include "time/zone.h"

#define PERIOD_MIN_US	(100 * INT64CONST(1000))
#define PERIOD_SAMPLES	64		/* instants looked at for a cron's period */
#define LAST_SECOND		(END_TIMESTAMP / USECS_PER_SEC - 1)

static bool parse_by_form(const char *text, const pg_tz *zone,
						  Schedule *result, ScheduleError *error);
static bool parse_every(const char *text, Schedule *result, ScheduleError *error);
static bool check_period(const char *text, const char *rest,
						 const Period *period, ScheduleError *error);
static bool starts_as_interval(const char *text);
static bool refuse_rule(const char *text, ScheduleError *error);
static bool refuse_text(const char *text, ScheduleError *error);
static TimestampTz next_after_finish(const Schedule *schedule,
									 TimestampTz finish, TimestampTz after);
static TimestampTz next_cron(const Schedule *schedule, TimestampTz after);
static int64 next_fixed(const Schedule *schedule, int64 after);
static int64 next_elapsed(const Schedule *schedule, int64 after);
static int64 shortest_gap(const Cron *cron);

bool
schedule_parse(const char *text, pg_tz *zone, Schedule *result, ScheduleError *error)
{
	memset(result, 0, sizeof(Schedule));
	result->zone = zone;
	return parse_by_form(skip_spaces(text), zone, result, error);
}

static bool
parse_by_form(const char *text, const pg_tz *zone, Schedule *result, ScheduleError *error)
{
	Part		token = next_token(text);

	if (*text == '@')
	{
		if (part_is(token, "@every"))
			return refuse_rule(text, error);
		if (part_is(token, "@reboot") && *skip_spaces(token.end) == '\0')
		{
			result->kind = SCHEDULE_REBOOT;
			return true;
		}
		result->kind = SCHEDULE_CRON;
		return cron_parse(text, &result->cron, error);
	}
	if (instant_is_meant(text))
	{
		result->kind = SCHEDULE_ONCE;
		return instant_parse(text, zone, &result->at, error);
	}
	if (part_is(token, "every") || starts_as_interval(text))
		return parse_every(text, result, error);
	if (is_digit(*text) || *text == '*' || *text == '?')
	{
		result->kind = SCHEDULE_CRON;
		return cron_parse(text, &result->cron, error);
	}
	token = next_word(text);
	if (part_is(token, "rrule") || part_is(token, "dtstart") || part_is(token, "freq"))
		return refuse_rule(text, error);
	return refuse_text(text, error);
}

/* [every] interval [after finish]; a unit alone after every. */
static bool
parse_every(const char *text, Schedule *result, ScheduleError *error)
{
	Part		word = next_word(text);
	const char *at = part_is(word, "every") ? skip_spaces(word.end) : text;

	result->kind = SCHEDULE_EVERY;
	if (is_letter(*at))
	{
		if (!period_parse_unit(&at, &result->period, error))
			return false;
	}
	else if (!period_parse(&at, &result->period, error))
		return false;

	word = next_word(at);
	if (part_is(word, "after"))
	{
		Part		finish = next_word(skip_spaces(word.end));

		if (part_is(finish, "finish"))
		{
			result->kind = SCHEDULE_AFTER_FINISH;
			at = skip_spaces(finish.end);
		}
	}
	return check_period(text, at, &result->period, error);
}

/* Nothing may follow an interval, and it must not be too short. */
static bool
check_period(const char *text, const char *rest, const Period *period, ScheduleError *error)
{
	if (*rest != '\0')
	{
		schedule_error(error, "invalid word after interval in schedule: \"%s\"",
					   part_text(next_token(rest)).text);
		return schedule_error_detail(error,
									 "An interval is followed by \"after finish\" or by nothing.");
	}
	if (period_us(period) < PERIOD_MIN_US)
	{
		schedule_error(error, "interval of schedule is too short: \"%s\"",
					  part_text(make_part(text, rest)).text);
		return schedule_error_detail(error, "The shortest interval is 100 milliseconds.");
	}
	return true;
}

/* "30 seconds", "1.5h": a number and a letter. No field of cron has that. */
static bool
starts_as_interval(const char *text)
{
	const char *at = text;

	while (is_digit(*at) || *at == '.')
		at++;
	return at > text && is_letter(*skip_spaces(at));
}

static bool
refuse_rule(const char *text, ScheduleError *error)
{
	schedule_error(error, "form of schedule is not supported: \"%s\"",
				   part_text(next_token(text)).text);
	error->unsupported = true;
	return schedule_error_hint(error,
							   "Use cron fields, \"every 90 seconds\", \"90 seconds after finish\" or a timestamp.");
}

static bool
refuse_text(const char *text, ScheduleError *error)
{
	schedule_error(error, "invalid schedule: \"%s\"",
				   part_text(make_part(text, text + strlen(text))).text);
	schedule_error_detail(error,
						  "It is neither cron fields, nor a nickname such as @daily, nor an interval, nor a timestamp.");
	return schedule_error_hint(error,
							   "Use for example \"*/5 * * * *\", \"every 90 seconds\", \"90 seconds after finish\" or \"2026-11-23 12:00\".");
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
