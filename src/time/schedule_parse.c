/*-------------------------------------------------------------------------
 *
 * schedule_parse.c
 *	  Reads any schedule text.
 *
 * The first characters decide which reader gets it; see parse_by_form().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/instant.h"
#include "time/schedule.h"

#define PERIOD_MIN_US	(100 * INT64CONST(1000))

static bool parse_by_form(const char *text, const pg_tz *zone,
						  Schedule *result, ScheduleError *error);
static bool parse_every(const char *text, const char *at,
						Schedule *result, ScheduleError *error);
static bool refuse_missing_interval(const char *text, ScheduleError *error);
static bool read_after_finish(const char **cursor);
static bool refuse_day(Part word, ScheduleError *error);
static bool refuse_rest(ScheduleKind kind, const char *rest, ScheduleError *error);
static bool check_period(Part text, const Period *period, ScheduleError *error);
static bool check_window(Part text, const Schedule *schedule, ScheduleError *error);
static bool starts_as_interval(const char *text);
static bool refuse_text(const char *text, ScheduleError *error);

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

	if (part_is(token, "@every"))
		return parse_every(text, skip_spaces(token.end), result, error);
	if (part_is(token, "@reboot") && *skip_spaces(token.end) == '\0')
	{
		result->kind = SCHEDULE_REBOOT;
		return true;
	}
	if (instant_is_meant(text))
	{
		result->kind = SCHEDULE_ONCE;
		return instant_parse(text, zone, &result->at, error);
	}
	if (part_is(token, "every"))
		return parse_every(text, skip_spaces(token.end), result, error);
	if (starts_as_interval(text))
		return parse_every(text, text, result, error);
	if (is_digit(*text) || *text == '*' || *text == '?' || *text == '@')
	{
		result->kind = SCHEDULE_CRON;
		return cron_parse(text, &result->cron, error);
	}
	if (rule_is_meant(text))
	{
		result->kind = SCHEDULE_RULE;
		return rule_parse(text, result->zone, &result->rule, error);
	}
	return refuse_text(text, error);
}

/* interval [after finish | window]; a unit alone after every. */
static bool
parse_every(const char *text, const char *at, Schedule *result, ScheduleError *error)
{
	result->kind = SCHEDULE_EVERY;
	if (*at == '\0')
		return refuse_missing_interval(text, error);
	if (at > text && is_letter(*at))
	{
		if (!period_parse_unit(&at, &result->period, error))
			return refuse_day(next_word(at), error);
	}
	else if (!period_parse(&at, &result->period, error))
		return false;

	if (read_after_finish(&at))
		result->kind = SCHEDULE_AFTER_FINISH;
	else if (!window_parse(&at, &result->window, error))
		return false;
	if (*at != '\0')
		return refuse_rest(result->kind, at, error);
	return check_period(make_part(text, at), &result->period, error) &&
		check_window(make_part(text, at), result, error);
}

static bool
refuse_missing_interval(const char *text, ScheduleError *error)
{
	schedule_error(error, "missing interval in schedule: \"%s\"", part_text(next_token(text)).text);
	schedule_error_detail(error, "An interval is a number and a unit, or a unit alone.");
	return schedule_error_hint(error, "Use for example \"every 5 minutes\", \"every hour\" or \"@every 90s\".");
}

/* Moves the cursor behind "after finish", if that stands there. */
static bool
read_after_finish(const char **cursor)
{
	Part		after = next_word(*cursor);
	Part		finish = next_word(skip_spaces(after.end));

	if (!part_is(after, "after") || !part_is(finish, "finish"))
		return false;
	*cursor = skip_spaces(finish.end);
	return true;
}

/* "every monday": it was refused as a unit already. */
static bool
refuse_day(Part word, ScheduleError *error)
{
	if (!window_is_day(word))
		return false;
	return schedule_error_hint(error,
							   "Use cron fields for days of the week, such as \"0 9 * * mon\" for each Monday at 9:00.");
}

static bool
refuse_rest(ScheduleKind kind, const char *rest, ScheduleError *error)
{
	Part		word = next_word(rest);

	if (part_is(word, "after") && kind == SCHEDULE_EVERY)
	{
		schedule_error(error, "invalid word after \"after\" in schedule: \"%s\"",
					   part_text(next_token(skip_spaces(word.end))).text);
		return schedule_error_hint(error, "Use \"after finish\" to count from the end of the last run.");
	}
	schedule_error(error, "invalid word after interval in schedule: \"%s\"",
				   part_text(next_token(rest)).text);
	if (kind == SCHEDULE_AFTER_FINISH)
		return schedule_error_detail(error, "Nothing follows \"after finish\".");
	if (part_is(word, "at"))
		schedule_error_hint(error, "Use cron fields for times of the day, such as \"0 9 * * *\" for 9:00.");
	return schedule_error_detail(error,
								 "An interval is followed by \"after finish\", \"between 09:00 and 17:00\", \"on mon-fri\", both of these, or nothing.");
}

static bool
check_period(Part text, const Period *period, ScheduleError *error)
{
	if (period_us(period) >= PERIOD_MIN_US)
		return true;
	schedule_error(error, "interval of schedule is too short: \"%s\"", part_text(text).text);
	return schedule_error_detail(error, "The shortest interval is 100 milliseconds.");
}

/*
 * A window needs intervals that start anew each day; weekdays alone can be
 * chosen from whole days, too, unless they are the same again and again.
 */
static bool
check_window(Part text, const Schedule *schedule, ScheduleError *error)
{
	const Period *period = &schedule->period;
	bool		is_elapsed = period->months == 0 && period->days == 0;

	if (schedule->window.weekdays == 0 || (is_elapsed && period->us < USECS_PER_DAY))
		return true;
	if (schedule->window.has_hours)
	{
		schedule_error(error, "interval of schedule is too long for a window: \"%s\"",
					   part_text(text).text);
		schedule_error_detail(error, "In a window, it must be shorter than a day.");
		return schedule_error_hint(error, "Use cron fields for times of days, such as \"0 9 * * mon-fri\".");
	}
	if (period->us != 0)
	{
		schedule_error(error, "interval of schedule does not go with weekdays: \"%s\"",
					   part_text(text).text);
		return schedule_error_detail(error,
									 "It must be shorter than a day, or of days, months and years without hours.");
	}
	if (period->months == 0 && period->days % 7 == 0)
	{
		schedule_error(error, "interval of schedule does not go with weekdays: \"%s\"",
					   part_text(text).text);
		schedule_error_detail(error, "Whole weeks always end on the weekday on which they start.");
		return schedule_error_hint(error, "Leave \"on\" out, and give a starts_at on the weekday that is wanted.");
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
refuse_text(const char *text, ScheduleError *error)
{
	schedule_error(error, "invalid schedule: \"%s\"",
				   part_text(make_part(text, text + strlen(text))).text);
	schedule_error_detail(error,
						  "It is neither cron fields, nor a nickname such as @daily, nor an interval, nor a calendar rule, nor a timestamp.");
	return schedule_error_hint(error,
							   "Use for example \"*/5 * * * *\", \"every 90 seconds\", \"90 seconds after finish\", \"RRULE:FREQ=MONTHLY;BYDAY=-1FR\" or \"2026-11-23 12:00\".");
}
