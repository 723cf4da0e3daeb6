/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  What a schedule means, in English.
 *
 * The time zone is named at the end, where it plays a part.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/english.h"
#include "time/explain.h"
#include "time/explain_cron.h"
#include "time/rule_explain.h"

#define EVERY_DAY	0x7F

static void say_every(Sentence *sentence, const Schedule *schedule);
static void say_period(Sentence *sentence, const Period *period, bool is_alone);
static void say_units(Sentence *sentence, const Period *period);
static void say_seconds(Sentence *sentence, int64 us);
static void say_window(Sentence *sentence, const Window *window);
static void say_on_weekdays(Sentence *sentence, const char *before, uint8 weekdays);
static void say_once(Sentence *sentence, const Schedule *schedule);
static void say_zone(Sentence *sentence, const Schedule *schedule);

size_t
schedule_explain(const Schedule *schedule, char *buffer, size_t size)
{
	Sentence	sentence = {buffer, size, 0};

	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
			say_cron(&sentence, &schedule->cron);
			break;
		case SCHEDULE_EVERY:
			say_every(&sentence, schedule);
			break;
		case SCHEDULE_AFTER_FINISH:
			say_period(&sentence, &schedule->period, false);
			say(&sentence, " after the last run has finished");
			break;
		case SCHEDULE_ONCE:
			say_once(&sentence, schedule);
			break;
		case SCHEDULE_REBOOT:
			say(&sentence, "when the server has started");
			break;
		case SCHEDULE_RULE:
			say_rule(&sentence, schedule->rule);
			break;
	}
	say_zone(&sentence, schedule);
	return sentence.length;
}

/* ------------------------------------------------------------------------
 * Intervals
 * ------------------------------------------------------------------------ */

static void
say_every(Sentence *sentence, const Schedule *schedule)
{
	say(sentence, "every");
	say_period(sentence, &schedule->period, true);
	if (schedule_has_windows(schedule))
	{
		say_window(sentence, &schedule->window);
		return;
	}
	say(sentence, ", counted from its start");
	if (schedule->window.weekdays != 0)
		say_on_weekdays(sentence, ", only on ", schedule->window.weekdays);
}

/* "minute" and "hour" alone after "every"; else "1 minute", "90 minutes" */
static void
say_period(Sentence *sentence, const Period *period, bool is_alone)
{
	static const struct
	{
		Period		period;
		const char *name;
	}			ones[] = {
		{{12, 0, 0}, "year"},
		{{1, 0, 0}, "month"},
		{{0, 7, 0}, "week"},
		{{0, 1, 0}, "day"},
		{{0, 0, USECS_PER_HOUR}, "hour"},
		{{0, 0, USECS_PER_MINUTE}, "minute"},
		{{0, 0, USECS_PER_SEC}, "second"}
	};

	for (int i = 0; is_alone && i < (int) lengthof(ones); i++)
	{
		if (period->months == ones[i].period.months && period->days == ones[i].period.days &&
			period->us == ones[i].period.us)
		{
			say(sentence, " %s", ones[i].name);
			return;
		}
	}
	say_units(sentence, period);
}

static void
say_space(Sentence *sentence)
{
	if (sentence->length > 0)
		say(sentence, " ");
}

/* Says as many of a unit as there are, and returns the rest. */
static int64
say_unit(Sentence *sentence, int64 length, int64 unit, const char *name)
{
	int64		n = length / unit;

	/* "90 minutes" rather than "1 hour 30 minutes" */
	if (n == 0 || (n == 1 && length % unit != 0))
		return length;
	say_space(sentence);
	say_amount(sentence, n, name);
	return length % unit;
}

static void
say_units(Sentence *sentence, const Period *period)
{
	int64		months = say_unit(sentence, period->months, 12, "year");
	int64		us;

	(void) say_unit(sentence, months, 1, "month");
	if (period->days % 7 == 0)
		(void) say_unit(sentence, period->days, 7, "week");
	else
		(void) say_unit(sentence, period->days, 1, "day");
	us = say_unit(sentence, period->us, USECS_PER_HOUR, "hour");
	us = say_unit(sentence, us, USECS_PER_MINUTE, "minute");
	say_seconds(sentence, us);
}

/* "1.5 seconds", "250 milliseconds" */
static void
say_seconds(Sentence *sentence, int64 us)
{
	bool		is_short = us < USECS_PER_SEC;
	int64		unit = is_short ? 1000 : USECS_PER_SEC;
	const char *name = is_short ? "millisecond" : "second";
	char		fraction[8];
	int			digits;

	if (us % unit == 0)
	{
		(void) say_unit(sentence, us, unit, name);
		return;
	}
	digits = snprintf(fraction, sizeof(fraction), "%0*d", is_short ? 3 : 6, (int) (us % unit));
	while (fraction[digits - 1] == '0')
		fraction[--digits] = '\0';
	say_space(sentence);
	say(sentence, INT64_FORMAT ".%s %ss", us / unit, fraction, name);
}

/* ------------------------------------------------------------------------
 * Windows
 * ------------------------------------------------------------------------ */

static void
say_on_weekdays(Sentence *sentence, const char *before, uint8 weekdays)
{
	if (weekdays == EVERY_DAY)
	{
		say(sentence, " every day");
		return;
	}
	say(sentence, "%s", before);
	say_set(sentence, week_from_monday(weekdays), 1, 7, say_weekday);
}

/* "from 09:00 to 17:00 on Monday to Friday" */
static void
say_window(Sentence *sentence, const Window *window)
{
	if (!window->has_hours)
	{
		say(sentence, ", counted from midnight,");
		say_on_weekdays(sentence, " on ", window->weekdays);
		return;
	}
	say(sentence, " from ");
	say_time(sentence, window->opens);
	if (window->closes <= CIVIL_DAY)
	{
		say(sentence, " to ");
		say_time(sentence, window->closes);
		say_on_weekdays(sentence, " on ", window->weekdays);
		return;
	}
	say_on_weekdays(sentence, " on ", window->weekdays);
	say(sentence, " to ");
	say_time(sentence, window->closes - (int32) CIVIL_DAY);
	say(sentence, " the next day");
}

/* ------------------------------------------------------------------------
 * Instants and zones
 * ------------------------------------------------------------------------ */

static void
say_once(Sentence *sentence, const Schedule *schedule)
{
	int64		second = floor_divide(schedule->at, USECS_PER_SEC);
	int			us = (int) (schedule->at - second * USECS_PER_SEC);

	say(sentence, "once, on ");
	say_instant(sentence, schedule->zone, second);
	if (us != 0)
		say(sentence, " and %d microseconds", us);
}

/* Elapsed time is the same in all zones. */
static bool
depends_on_zone(const Schedule *schedule)
{
	switch (schedule->kind)
	{
		case SCHEDULE_CRON:
		case SCHEDULE_ONCE:
		case SCHEDULE_RULE:
			return true;
		case SCHEDULE_EVERY:
			if (schedule->window.weekdays != 0)
				return true;
			break;
		case SCHEDULE_AFTER_FINISH:
			break;
		case SCHEDULE_REBOOT:
			return false;
	}
	return schedule->period.months != 0 || schedule->period.days != 0;
}

/* A rule may name its own. */
static void
say_zone(Sentence *sentence, const Schedule *schedule)
{
	pg_tz	   *zone = schedule->kind == SCHEDULE_RULE ? schedule->rule->zone : schedule->zone;

	if (depends_on_zone(schedule))
		say(sentence, ", %s", pg_get_timezone_name(zone));
}
