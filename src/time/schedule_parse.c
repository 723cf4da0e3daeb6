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
static bool parse_every(const char *text, Schedule *result, ScheduleError *error);
static bool check_period(const char *text, const char *rest,
						 const Period *period, ScheduleError *error);
static bool starts_as_interval(const char *text);
static bool refuse_rule(const char *text, ScheduleError *error);
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
