/*-------------------------------------------------------------------------
 *
 * rule_explain.c
 *	  What a calendar rule means, in English.
 *
 * Times come first, then days from small to large, then how often, then what
 * bounds it. With a DTSTART, what it implies is said as if it stood there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "time/civil.h"
#include "time/rule_days.h"
#include "time/rule_expand.h"
#include "time/rule_explain.h"
#include "time/zone.h"

#define DATES_MAX		3		/* of RDATE and EXDATE that are listed */
#define NTH_MAX			53		/* weeks of a year */

static const char *const units[] = {"second", "minute", "hour", "day", "week", "month", "year"};

static void say_recur(Sentence *sentence, const Rule *rule);
static void say_time_parts(Sentence *sentence, const RuleRecur *recur, bool knows_all);
static void say_days(Sentence *sentence, const RuleRecur *recur);
static void say_weekdays(Sentence *sentence, const RuleRecur *recur);
static void say_days_of_month(Sentence *sentence, const RuleRecur *recur, const char *last);
static void say_months(Sentence *sentence, const char *before, const RuleRecur *recur);
static void say_frequency(Sentence *sentence, const RuleRecur *recur);
static void say_conditions(Sentence *sentence, const RuleRecur *recur);
static void say_bounds(Sentence *sentence, const Rule *rule);
static void say_dates(Sentence *sentence, const Rule *rule);
static void say_excluded(Sentence *sentence, const Rule *rule);
static void say_range(Sentence *sentence, const pg_tz *zone, RuleRange range);

void
say_rule(Sentence *sentence, const Rule *rule)
{
	if (rule->has_recur)
	{
		say_recur(sentence, rule);
		say_bounds(sentence, rule);
	}
	if (rule->date_count > 0)
	{
		say(sentence, "%s", rule->has_recur ? ", and also on " : "on ");
		say_dates(sentence, rule);
	}
	if (rule->excluded_count > 0)
		say_excluded(sentence, rule);
}

/* DTSTART says the rest of what the parts leave open, but not for shorter ones than days. */
static void
say_recur(Sentence *sentence, const Rule *rule)
{
	const RuleRecur *recur = &rule->recur;
	const int	all_times = 1 << RULE_BYHOUR | 1 << RULE_BYMINUTE | 1 << RULE_BYSECOND;
	bool		is_daily = recur->frequency >= RULE_DAILY;
	bool		knows_start = is_daily && rule->has_start;
	bool		knows_times = knows_start || (recur->given & all_times) == all_times;
	RuleExpansion expansion;

	rule_expand(&expansion, recur, rule->start);
	if (is_daily && !(knows_times && say_times(sentence, expansion.recur.hours,
											   expansion.recur.minutes,
											   expansion.recur.seconds)))
		say_time_parts(sentence, knows_times ? &expansion.recur : recur, knows_times);
	if (recur->frequency < RULE_MONTHLY)
		say_frequency(sentence, recur);
	if (!is_daily)
		say_time_parts(sentence, recur, false);
	say_days(sentence, knows_start ? &expansion.recur : recur);
	say_conditions(sentence, recur);
}

/* Says a word that something new starts with. */
static void
begin(Sentence *sentence, const char *word)
{
	say(sentence, "%s%s", sentence->length > 0 ? " " : "", word);
}

/* ------------------------------------------------------------------------
 * Times of the day
 * ------------------------------------------------------------------------ */

/* "at second 30 of minutes 0 to 5 of hour 9", or some of that. */
static void
say_time_parts(Sentence *sentence, const RuleRecur *recur, bool knows_all)
{
	const struct
	{
		RulePart	part;
		uint64		set;
		int			max;
		const char *name;
	}			fields[] = {
		{RULE_BYSECOND, recur->seconds, 59, "second"},
		{RULE_BYMINUTE, recur->minutes, 59, "minute"},
		{RULE_BYHOUR, recur->hours, 23, "hour"}
	};
	bool		has_finer = false;

	for (int i = 0; i < (int) lengthof(fields); i++)
	{
		bool		is_second_0 = fields[i].part == RULE_BYSECOND && fields[i].set == 1;

		if (knows_all ? is_second_0 : !rule_recur_has(recur, fields[i].part))
			continue;
		begin(sentence, has_finer ? "of " : fields[i].part == RULE_BYHOUR ? "in " : "at ");
		say(sentence, "%s%s ", fields[i].name, pg_popcount64(fields[i].set) > 1 ? "s" : "");
		say_set(sentence, fields[i].set, 0, fields[i].max, say_number);
		has_finer = true;
	}
}

/* ------------------------------------------------------------------------
 * Days
 * ------------------------------------------------------------------------ */

/* Counted from the end: "last", "2nd to last". */
static void
say_place(Sentence *sentence, int n, int side)
{
	if (side == RULE_FROM_START || n > 1)
		say_ordinal(sentence, n);
	if (side == RULE_FROM_END)
		say(sentence, "%slast", n > 1 ? " to " : "");
}

/* "the 1st, 15th and last": the sets have so many words; last stands before the last. */
static void
say_places(Sentence *sentence, const uint64 *from_start, const uint64 *from_end, int words,
		   const char *last)
{
	Items		items = {sentence, last};

	for (int word = 0; word < words; word++)
		items.left += pg_popcount64(from_start[word]) + pg_popcount64(from_end[word]);
	say(sentence, "the ");
	for (int n = 1; n < words * 64; n++)
	{
		if ((from_start[n / 64] >> (n % 64) & 1) != 0)
			say_place(say_next(&items), n, RULE_FROM_START);
	}
	for (int n = words * 64 - 1; n > 0; n--)
	{
		if ((from_end[n / 64] >> (n % 64) & 1) != 0)
			say_place(say_next(&items), n, RULE_FROM_END);
	}
}

/* Which days, and of which months and years. */
static void
say_days(Sentence *sentence, const RuleRecur *recur)
{
	const char *on = "on ";
	const char *last = " and ";

	if (rule_recur_has(recur, RULE_BYDAY))
	{
		begin(sentence, on);
		say_weekdays(sentence, recur);
		on = "if it is ";
		last = " or ";
	}
	if (rule_recur_has(recur, RULE_BYMONTHDAY))
	{
		begin(sentence, on);
		say_days_of_month(sentence, recur, last);
		on = "if it is ";
		last = " or ";
	}
	if (rule_recur_has(recur, RULE_BYYEARDAY))
	{
		begin(sentence, on);
		say_places(sentence, recur->yeardays[RULE_FROM_START], recur->yeardays[RULE_FROM_END],
				   RULE_WORDS, last);
		say(sentence, "%s", rule_counts_in_year(recur) ? " day" : " day of the year");
	}
	if (rule_recur_has(recur, RULE_BYWEEKNO))
	{
		begin(sentence, "in ");
		say_places(sentence, &recur->weeks[RULE_FROM_START], &recur->weeks[RULE_FROM_END], 1,
				   " and ");
		say(sentence, " week");
	}
	if (recur->frequency == RULE_MONTHLY)
		say_frequency(sentence, recur);
	if (!rule_recur_has(recur, RULE_BYMONTHDAY) || recur->frequency == RULE_MONTHLY)
		say_months(sentence, "in ", recur);
	if (recur->frequency == RULE_YEARLY)
		say_frequency(sentence, recur);
}

/* "Monday to Friday, the 2nd Saturday and the last Sunday"; weeks start on Monday. */
static void
say_weekdays(Sentence *sentence, const RuleRecur *recur)
{
	uint64		week = week_from_monday(recur->weekdays);
	Items		items = {sentence, " and ", count_ranges(week, 1, 7)};

	for (int weekday = 0; weekday < 7; weekday++)
		items.left += pg_popcount64(recur->nth_weekdays[RULE_FROM_START][weekday]) +
			pg_popcount64(recur->nth_weekdays[RULE_FROM_END][weekday]);
	say_ranges(&items, week, 1, 7, say_weekday);
	for (int i = 0; i < 2 * NTH_MAX * 7; i++)
	{
		int			weekday = (i + 1) % 7;
		int			side = i < NTH_MAX * 7 ? RULE_FROM_START : RULE_FROM_END;
		int			n = side == RULE_FROM_START ? i / 7 + 1 : 2 * NTH_MAX - i / 7;

		if ((recur->nth_weekdays[side][weekday] >> n & 1) == 0)
			continue;
		say(say_next(&items), "the ");
		say_place(sentence, n, side);
		say(sentence, " ");
		say_weekday(sentence, weekday);
	}
}

/* "the 1st and last day of January": of a month's frequency, that is said elsewhere. */
static void
say_days_of_month(Sentence *sentence, const RuleRecur *recur, const char *last)
{
	uint64		from_start = recur->monthdays[RULE_FROM_START];
	uint64		from_end = recur->monthdays[RULE_FROM_END];

	say_places(sentence, &from_start, &from_end, 1, last);
	say(sentence, " day");
	if (recur->frequency == RULE_MONTHLY)
		return;
	if (rule_recur_has(recur, RULE_BYMONTH))
		say_months(sentence, "of ", recur);
	else
		say(sentence, " of the month");
}

static void
say_months(Sentence *sentence, const char *before, const RuleRecur *recur)
{
	if (!rule_recur_has(recur, RULE_BYMONTH))
		return;
	begin(sentence, before);
	say_set(sentence, recur->months, 1, 12, say_month);
}

/* ------------------------------------------------------------------------
 * How often, and what bounds it
 * ------------------------------------------------------------------------ */

/* "every 2 weeks", "of every 2nd month" */
static void
say_frequency(Sentence *sentence, const RuleRecur *recur)
{
	const char *unit = units[recur->frequency];

	begin(sentence, recur->frequency >= RULE_MONTHLY && sentence->length > 0 ?
		  "of every " : "every ");
	if (recur->interval == 1)
		say(sentence, "%s", unit);
	else if (recur->frequency >= RULE_MONTHLY)
	{
		say_ordinal(sentence, recur->interval);
		say(sentence, " %s", unit);
	}
	else
		say_amount(sentence, recur->interval, unit);
}

/* What counts weeks, or picks from what has been said. */
static void
say_conditions(Sentence *sentence, const RuleRecur *recur)
{
	bool		counts_weeks = recur->frequency == RULE_WEEKLY &&
		(recur->interval > 1 || rule_recur_has(recur, RULE_BYSETPOS));

	if (recur->week_start != 1 && (counts_weeks || rule_recur_has(recur, RULE_BYWEEKNO)))
	{
		say(sentence, ", where weeks start on ");
		say_weekday(sentence, recur->week_start);
	}
	if (rule_recur_has(recur, RULE_BYSETPOS))
	{
		say(sentence, ", only ");
		say_places(sentence, recur->positions[RULE_FROM_START], recur->positions[RULE_FROM_END],
				   RULE_WORDS, " and ");
		say(sentence, " of these in each %s", units[recur->frequency]);
	}
}

/* Is it the last second of a day? */
static bool
is_end_of_day(const pg_tz *zone, int64 instant)
{
	return floor_divide(zone_civil(zone, instant), CIVIL_DAY) <
		floor_divide(zone_civil(zone, instant + 1), CIVIL_DAY);
}

static void
say_bounds(Sentence *sentence, const Rule *rule)
{
	if (rule->has_start)
	{
		int64		day = floor_divide(rule->start, CIVIL_DAY);

		say(sentence, ", from ");
		say_date(sentence, day);
		say(sentence, " at ");
		say_time(sentence, (int) (rule->start - day * CIVIL_DAY));
		say(sentence, " on");
	}
	else
		say(sentence, ", counted from its start");
	if (rule->recur.count > 0)
	{
		say(sentence, ", ");
		say_amount(sentence, rule->recur.count, "time");
	}
	if (rule->until == PG_INT64_MAX)
		return;
	say(sentence, ", until ");
	if (is_end_of_day(rule->zone, rule->until))
		say_date(sentence, floor_divide(zone_civil(rule->zone, rule->until), CIVIL_DAY));
	else
		say_instant(sentence, rule->zone, rule->until);
}

/* Few dates are listed; of more, the number is said. */
static void
say_dates(Sentence *sentence, const Rule *rule)
{
	Items		items = {sentence, " and ", rule->date_count};

	if (rule->date_count > DATES_MAX)
		say_amount(sentence, rule->date_count, "date");
	else
	{
		for (int i = 0; i < rule->date_count; i++)
			say_instant(say_next(&items), rule->zone, rule->dates[i]);
	}
}

static void
say_excluded(Sentence *sentence, const Rule *rule)
{
	Items		items = {sentence, " and ", rule->excluded_count};

	say(sentence, ", except on ");
	if (rule->excluded_count > DATES_MAX)
		say_amount(sentence, rule->excluded_count, "date");
	else
	{
		for (int i = 0; i < rule->excluded_count; i++)
			say_range(say_next(&items), rule->zone, rule->excluded[i]);
	}
}

/* One instant, whole days, or what both make together. */
static void
say_range(Sentence *sentence, const pg_tz *zone, RuleRange range)
{
	int64		first = floor_divide(zone_civil(zone, range.start), CIVIL_DAY);
	int64		last = floor_divide(zone_civil(zone, range.end - 1), CIVIL_DAY);
	bool		is_days = is_end_of_day(zone, range.start - 1) && is_end_of_day(zone, range.end - 1);

	if (is_days)
		say_date(sentence, first);
	else
		say_instant(sentence, zone, range.start);
	if (is_days ? last == first : range.end == range.start + 1)
		return;
	say(sentence, " to ");
	if (is_days)
		say_date(sentence, last);
	else
		say_instant(sentence, zone, range.end - 1);
}
