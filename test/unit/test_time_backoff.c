/*-------------------------------------------------------------------------
 *
 * test_time_backoff.c
 *	  Backoff: what is read, and the delays that follow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "tap.h"
#include "time_zone_fake.h"

#include "time/backoff.h"

#define SECOND	USECS_PER_SEC
#define YEAR	(365 * USECS_PER_DAY)

static void
test_parse(void)
{
	static const struct
	{
		const char *text;
		Backoff		expected;
	}			cases[] = {
		{"none", {BACKOFF_FIXED, 0, 0, JITTER_NONE}},
		{" None ", {BACKOFF_FIXED, 0, 0, JITTER_NONE}},
		{"fixed 30s", {BACKOFF_FIXED, 30 * SECOND, YEAR, JITTER_NONE}},
		{"fixed 0s", {BACKOFF_FIXED, 0, YEAR, JITTER_NONE}},
		{"fixed 30 seconds jitter equal", {BACKOFF_FIXED, 30 * SECOND, YEAR, JITTER_EQUAL}},
		{"linear 5s max 5m jitter full", {BACKOFF_LINEAR, 5 * SECOND, 300 * SECOND, JITTER_FULL}},
		{"EXPONENTIAL 10s MAX 1h", {BACKOFF_EXPONENTIAL, 10 * SECOND, 3600 * SECOND, JITTER_NONE}},
		{"exponential 1 minute 30 seconds max 1 day", {BACKOFF_EXPONENTIAL, 90 * SECOND, USECS_PER_DAY, JITTER_NONE}},
		{"exponential 10s max 10s jitter none", {BACKOFF_EXPONENTIAL, 10 * SECOND, 10 * SECOND, JITTER_NONE}},
		{"exponential 1ms max 365d", {BACKOFF_EXPONENTIAL, 1000, YEAR, JITTER_NONE}}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		const Backoff *expected = &cases[i].expected;
		Backoff		found;
		ScheduleError error;

		ok(backoff_parse(cases[i].text, &found, &error) && found.kind == expected->kind &&
		   found.base_us == expected->base_us && found.cap_us == expected->cap_us &&
		   found.jitter == expected->jitter, "backoff \"%s\"", cases[i].text);
	}
}

static void
test_errors(void)
{
	static const struct
	{
		const char *text;
		const char *message;
	}			cases[] = {
		{"", "invalid backoff: \"\""},
		{"sometimes", "invalid backoff: \"sometimes\""},
		{"none 5s", "invalid option of backoff: \"5s\""},
		{"fixed", "backoff has no delay after \"fixed\""},
		{" exponential  ", "backoff has no delay after \"exponential\""},
		{"fixed soon", "invalid number in interval: \"soon\""},
		{"fixed -1s", "invalid number in interval: \"-1s\""},
		{"fixed 5 bananas", "invalid unit in interval: \"bananas\""},
		{"fixed 5s max 1h", "invalid option of backoff: \"max\""},
		{"linear 5s max", "backoff has no delay after \"max\""},
		{"linear 5s forever", "invalid option of backoff: \"forever\""},
		{"linear 5s jitter", "invalid jitter in backoff: \"\""},
		{"linear 5s jitter some", "invalid jitter in backoff: \"some\""},
		{"linear 5s jitter full max 1h", "invalid option of backoff: \"max\""},
		{"exponential 1 month", "invalid delay in backoff: \"1 month\""},
		{"exponential 366 days", "invalid delay in backoff: \"366 days\""},
		{"exponential 1s max 1 year", "invalid delay in backoff: \"1 year\""},
		{"exponential 2h max 1h", "maximum of backoff is less than its first delay"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Backoff		found;
		ScheduleError error = {0};
		bool		parsed = backoff_parse(cases[i].text, &found, &error);

		ok(!parsed && strcmp(error.message, cases[i].message) == 0, "\"%s\": %s", cases[i].text, cases[i].message);
		if (strcmp(error.message, cases[i].message) != 0)
			printf("# parsed %d, \"%s\"\n", parsed, error.message);
	}
}

static void
test_delays(void)
{
	Backoff		fixed = {BACKOFF_FIXED, 30 * SECOND, YEAR, JITTER_NONE};
	Backoff		linear = {BACKOFF_LINEAR, 5 * SECOND, 12 * SECOND, JITTER_NONE};
	Backoff		exponential = {BACKOFF_EXPONENTIAL, 10 * SECOND, 3600 * SECOND, JITTER_NONE};
	Backoff		none = {0};
	Backoff		huge = {BACKOFF_EXPONENTIAL, PG_INT64_MAX, PG_INT64_MAX, JITTER_EQUAL};

	ok(backoff_delay_us(&none, 1, 0.5) == 0 && backoff_delay_us(&none, INT_MAX, 1) == 0, "none is no delay");
	ok(backoff_delay_us(&fixed, 1, 0.5) == 30 * SECOND &&
	   backoff_delay_us(&fixed, 1000, 0.5) == 30 * SECOND, "fixed stays");
	ok(backoff_delay_us(&linear, 1, 0) == 5 * SECOND && backoff_delay_us(&linear, 2, 0) == 10 * SECOND &&
	   backoff_delay_us(&linear, 3, 0) == 12 * SECOND &&
	   backoff_delay_us(&linear, INT_MAX, 0) == 12 * SECOND, "linear grows by its base up to its cap");
	ok(backoff_delay_us(&exponential, 1, 0) == 10 * SECOND && backoff_delay_us(&exponential, 2, 0) == 20 * SECOND &&
	   backoff_delay_us(&exponential, 9, 0) == 2560 * SECOND &&
	   backoff_delay_us(&exponential, 10, 0) == 3600 * SECOND &&
	   backoff_delay_us(&exponential, 64, 0) == 3600 * SECOND &&
	   backoff_delay_us(&exponential, INT_MAX, 0) == 3600 * SECOND, "exponential doubles up to its cap");
	ok(backoff_delay_us(&exponential, 0, 0) == 10 * SECOND &&
	   backoff_delay_us(&exponential, INT_MIN, 0) == 10 * SECOND, "less than one attempt is one");
	exponential.jitter = JITTER_FULL;
	ok(backoff_delay_us(&exponential, 2, 0) == 0 && backoff_delay_us(&exponential, 2, 0.25) == 5 * SECOND &&
	   backoff_delay_us(&exponential, 2, 1) == 20 * SECOND, "full jitter takes anything up to the delay");
	exponential.jitter = JITTER_EQUAL;
	ok(backoff_delay_us(&exponential, 2, 0) == 10 * SECOND && backoff_delay_us(&exponential, 2, 0.5) == 15 * SECOND &&
	   backoff_delay_us(&exponential, 2, 1) == 20 * SECOND, "equal jitter keeps one half");
	ok(backoff_delay_us(&exponential, 2, NAN) == 10 * SECOND && backoff_delay_us(&exponential, 2, -1) == 10 * SECOND &&
	   backoff_delay_us(&exponential, 2, INFINITY) == 20 * SECOND, "a random number out of range is brought into it");
	ok(backoff_delay_us(&huge, 5, 1) == PG_INT64_MAX && backoff_delay_us(&huge, 5, 0.999999999999) > 0,
	   "the largest number does not overflow");
}

/* Whatever is asked, a delay is within its bounds and grows with the attempts. */
static void
test_random(void)
{
	int			wrong = 0;

	for (int i = 0; i < 200000; i++)
	{
		Backoff		backoff = {tap_random(3), tap_random(INT64CONST(1) << (1 + tap_random(62)))};
		int			attempts = 1 + (int) tap_random(INT64CONST(1) << (1 + tap_random(30)));
		double		random01 = (double) tap_random(1 << 30) / (1 << 30);
		int64		plain;
		int64		delay;

		backoff.cap_us = backoff.base_us + tap_random(PG_INT64_MAX - backoff.base_us);
		plain = backoff_delay_us(&backoff, attempts, random01);
		wrong += plain < backoff.base_us || plain > backoff.cap_us;
		wrong += attempts < INT_MAX && backoff_delay_us(&backoff, attempts + 1, random01) < plain;
		backoff.jitter = tap_random(3);
		delay = backoff_delay_us(&backoff, attempts, random01);
		wrong += delay < 0 || delay > plain;
		wrong += backoff.jitter == JITTER_EQUAL && delay < plain / 2;
	}
	ok(wrong == 0, "random delays keep within bounds and never shrink (%d do not)", wrong);
}

int
main(void)
{
	tap_seed();
	test_parse();
	test_errors();
	test_delays();
	test_random();
	return tap_done();
}
