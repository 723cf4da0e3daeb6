/*-------------------------------------------------------------------------
 *
 * backoff.c
 *	  How long a run waits before its next attempt.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/backoff.h"
#include "time/period.h"

#define DELAY_MAX_US	(365 * USECS_PER_DAY)

static bool parse_kind(const char **cursor, BackoffKind *kind);
static bool parse_options(const char *at, Backoff *result, ScheduleError *error);
static bool parse_delay(const char **cursor, Part word, int64 *delay_us, ScheduleError *error);
static bool parse_jitter(const char **cursor, BackoffJitter *jitter, ScheduleError *error);
static bool check_backoff(const char *rest, const Backoff *backoff, ScheduleError *error);
static int64 plain_delay(const Backoff *backoff, int failed_attempts);

bool
backoff_parse(const char *text, Backoff *result, ScheduleError *error)
{
	const char *at = skip_spaces(text);
	Part		first = next_token(at);

	memset(result, 0, sizeof(Backoff));
	if (part_is(first, "none"))
		return check_backoff(skip_spaces(first.end), result, error);
	if (!parse_kind(&at, &result->kind))
	{
		schedule_error(error, "invalid backoff: \"%s\"", part_text(first).text);
		schedule_error_detail(error,
							  "Allowed are fixed, linear and exponential, each with a delay, and none.");
		return schedule_error_hint(error, "Use for example \"exponential 10s max 1h\".");
	}
	return parse_delay(&at, first, &result->base_us, error) && parse_options(at, result, error);
}

static bool
parse_kind(const char **cursor, BackoffKind *kind)
{
	Part		word = next_token(*cursor);

	*cursor = word.end;
	if (part_is(word, "fixed"))
		*kind = BACKOFF_FIXED;
	else if (part_is(word, "linear"))
		*kind = BACKOFF_LINEAR;
	else if (part_is(word, "exponential"))
		*kind = BACKOFF_EXPONENTIAL;
	else
		return false;
	return true;
}

/* [max delay] [jitter none|full|equal] */
static bool
parse_options(const char *at, Backoff *result, ScheduleError *error)
{
	Part		word = next_token(at);

	result->cap_us = DELAY_MAX_US;
	if (part_is(word, "max") && result->kind != BACKOFF_FIXED)
	{
		at = word.end;
		if (!parse_delay(&at, word, &result->cap_us, error))
			return false;
		word = next_token(at);
	}
	if (part_is(word, "jitter"))
	{
		at = word.end;
		if (!parse_jitter(&at, &result->jitter, error))
			return false;
	}
	return check_backoff(at, result, error);
}

/* The delay after a word. Days have 24 hours here: no zone decides how long a run waits. */
static bool
parse_delay(const char **cursor, Part word, int64 *delay_us, ScheduleError *error)
{
	const char *start = skip_spaces(*cursor);
	Period		period;

	if (*start == '\0')
	{
		schedule_error(error, "backoff has no delay after \"%s\"", part_text(word).text);
		return schedule_error_hint(error, "Use for example \"fixed 30s\" or \"exponential 10s max 1h\".");
	}
	if (!period_parse(cursor, &period, error))
		return false;
	*delay_us = period_us(&period);
	if (period.months == 0 && *delay_us <= DELAY_MAX_US)
		return true;
	schedule_error(error, "invalid delay in backoff: \"%s\"",
				   part_text(make_part(start, *cursor)).text);
	return schedule_error_detail(error, "A delay is at most 365 days, without months and years.");
}

static bool
parse_jitter(const char **cursor, BackoffJitter *jitter, ScheduleError *error)
{
	Part		word = next_token(skip_spaces(*cursor));

	*cursor = skip_spaces(word.end);
	if (part_is(word, "none"))
		*jitter = JITTER_NONE;
	else if (part_is(word, "full"))
		*jitter = JITTER_FULL;
	else if (part_is(word, "equal"))
		*jitter = JITTER_EQUAL;
	else
	{
		schedule_error(error, "invalid jitter in backoff: \"%s\"", part_text(word).text);
		return schedule_error_detail(error, "Allowed are none, full and equal.");
	}
	return true;
}

static bool
check_backoff(const char *rest, const Backoff *backoff, ScheduleError *error)
{
	if (*rest != '\0')
	{
		schedule_error(error, "invalid option of backoff: \"%s\"",
					   part_text(next_token(rest)).text);
		return schedule_error_detail(error,
									 "A delay may be followed by max with a delay (not for fixed), then jitter with none, full or equal.");
	}
	if (backoff->cap_us < backoff->base_us)
	{
		schedule_error(error, "maximum of backoff is less than its first delay");
		return schedule_error_detail(error, "The first delay is the shortest of all.");
	}
	return true;
}

int64
backoff_delay_us(const Backoff *backoff, int failed_attempts, double random01)
{
	int64		delay = plain_delay(backoff, Max(failed_attempts, 1));
	int64		certain = delay;

	if (backoff->jitter == JITTER_FULL)
		certain = 0;
	else if (backoff->jitter == JITTER_EQUAL)
		certain = delay / 2;

	if (random01 >= 1)
		return delay;
	if (!(random01 > 0))		/* also when it is not a number */
		return certain;
	return certain + Min((int64) ((double) (delay - certain) * random01), delay - certain);
}

/* Without jitter. Divisions instead of products: nothing can overflow. */
static int64
plain_delay(const Backoff *backoff, int failed_attempts)
{
	int64		factor = 1;

	if (backoff->kind == BACKOFF_LINEAR)
		factor = failed_attempts;
	else if (backoff->kind == BACKOFF_EXPONENTIAL)
		factor = INT64CONST(1) << Min(failed_attempts - 1, 62);

	if (backoff->base_us > backoff->cap_us / factor)
		return backoff->cap_us;
	return backoff->base_us * factor;
}
