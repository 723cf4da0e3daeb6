/*-------------------------------------------------------------------------
 *
 * explain_cron.c
 *	  What a cron schedule means, in English.
 *
 * Few times are listed ("at 09:00 and 17:00"); more are said by their fields
 * ("every 5 minutes of hours 9 to 17"). Hours that follow the clock ("every
 * hour", "every 2nd hour") are told from fixed ones ("hours 0 to 23"), since
 * they differ when clocks are moved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "time/civil.h"
#include "time/explain_cron.h"

#define STEPS_MIN		6		/* values that are said as "every 7th … from … to …" */
#define EVERY_MIN		3		/* values that are said as "every 20 minutes" */

#define ALL_DAYS		(UINT64CONST(0x7FFFFFFF) << 1)
#define ALL_MONTHS		(UINT64CONST(0xFFF) << 1)
#define ALL_WEEKDAYS	0x7F

/* One field of a time of day. */
typedef struct Field
{
	const char *name;
	uint64		set;
	int			values;			/* 0 to one less */
	bool		follows_clock;	/* always, but for hours that are fixed */
} Field;

static void say_fields(Sentence *sentence, const Cron *cron);
static bool say_finest(Sentence *sentence, const Field *field);
static bool say_coarser(Sentence *sentence, const Field *field, bool is_complete);
static void say_values(Sentence *sentence, const Field *field);
static int	even_step(const Field *field);
static int	step_of(uint64 set);
static void say_days(Sentence *sentence, const Cron *cron, bool lists_times);
static void say_either_day(Sentence *sentence, const Cron *cron);
static void say_both_days(Sentence *sentence, const Cron *cron);
static void say_only_weekdays(Sentence *sentence, const Cron *cron);
static void say_days_of_month(Sentence *sentence, const Cron *cron);
static void say_step_of_days(Items *items, uint64 days, int step);
static void say_days_before_last(Items *items, uint32 days);
static void say_near_days(Items *items, const Cron *cron);
static void say_weekdays(Sentence *sentence, const Cron *cron, const char *last);
static void say_in_months(Sentence *sentence, const char *before, const Cron *cron);
static void say_of_months(Sentence *sentence, const Cron *cron);

void
say_cron(Sentence *sentence, const Cron *cron)
{
	bool		lists_times = !cron->follows_clock &&
		say_times(sentence, cron->hours, cron->minutes, cron->seconds);

	if (!lists_times)
		say_fields(sentence, cron);
	say_days(sentence, cron, lists_times);
}

/* ------------------------------------------------------------------------
 * Times of the day
 * ------------------------------------------------------------------------ */

/* "at minute 5 of every hour", "every 10 seconds of minutes 0 to 5 of hours 9 to 17" */
static void
say_fields(Sentence *sentence, const Cron *cron)
{
	Field		fields[] = {
		{"second", cron->seconds, 60, true},
		{"minute", cron->minutes, 60, true},
		{"hour", cron->hours, 24, cron->follows_clock}
	};
	int			finest = cron->seconds == 1 ? 1 : 0;
	bool		is_complete = say_finest(sentence, &fields[finest]);

	for (int i = finest + 1; i < (int) lengthof(fields); i++)
		is_complete = say_coarser(sentence, &fields[i], is_complete);
}

/* True: the sentence could end here, if nothing coarser were restricted. */
static bool
say_finest(Sentence *sentence, const Field *field)
{
	int			step = even_step(field);

	if (step == 1)
		say(sentence, "every %s", field->name);
	else if (step > 1)
		say(sentence, "every %d %ss", step, field->name);
	else
	{
		say(sentence, "at ");
		say_values(sentence, field);
	}
	return step > 0;
}

static bool
say_coarser(Sentence *sentence, const Field *field, bool is_complete)
{
	int			step = even_step(field);

	if (step == 1 && is_complete)
		return true;
	say(sentence, " of ");
	if (step == 1)
		say(sentence, "every %s", field->name);
	else if (step > 1)
	{
		say(sentence, "every ");
		say_ordinal(sentence, step);
		say(sentence, " %s", field->name);
	}
	else
	{
		say_values(sentence, field);
		if (field->follows_clock && field->values == 24)
			say(sentence, ", whenever clocks show that");
	}
	return step > 0;
}

/* "minutes 0 to 5 and 30", "every 7th minute from 3 to 59" */
static void
say_values(Sentence *sentence, const Field *field)
{
	int			step = step_of(field->set);

	if (step > 1 && pg_popcount64(field->set) >= STEPS_MIN)
	{
		say(sentence, "every ");
		say_ordinal(sentence, step);
		say(sentence, " %s from %d to %d", field->name, pg_rightmost_one_pos64(field->set),
			pg_leftmost_one_pos64(field->set));
		return;
	}
	say(sentence, "%s%s ", field->name, pg_popcount64(field->set) > 1 ? "s" : "");
	say_set(sentence, field->set, 0, field->values - 1, say_number);
}

/* n when the field has every nth value, round and round; else 0. */
static int
even_step(const Field *field)
{
	int			step = step_of(field->set);

	if (!field->follows_clock || (field->set & 1) == 0 || step == 0 ||
		field->values % step != 0 ||
		pg_popcount64(field->set) != field->values / step)
		return 0;
	return field->values / step >= EVERY_MIN || field->values == 24 ? step : 0;
}

/* n when each value of a set is n more than the one before; else 0. */
static int
step_of(uint64 set)
{
	uint64		rest = set & (set - 1);
	int			first;
	int			step;

	if (rest == 0)
		return 0;
	first = pg_rightmost_one_pos64(set);
	step = pg_rightmost_one_pos64(rest) - first;
	for (int value = first; value <= pg_leftmost_one_pos64(set); value += step)
	{
		if ((set >> value & 1) == 0)
			return 0;
		rest &= ~(UINT64CONST(1) << value);
	}
	return rest == 0 ? step : 0;
}

/* ------------------------------------------------------------------------
 * Days
 * ------------------------------------------------------------------------ */

static bool
has_weekday_rules(const Cron *cron)
{
	return cron->nth_weekdays != 0 || cron->last_weekdays != 0;
}

static void
say_days(Sentence *sentence, const Cron *cron, bool lists_times)
{
	bool		any_day = cron->days == ALL_DAYS;
	bool		any_weekday = cron->weekdays == ALL_WEEKDAYS;

	if (cron->any_day_rule ? any_day || any_weekday : any_day && any_weekday)
	{
		say(sentence, "%s", lists_times ? " every day" : "");
		say_in_months(sentence, " in ", cron);
	}
	else if (cron->any_day_rule)
		say_either_day(sentence, cron);
	else if (any_day)
		say_only_weekdays(sentence, cron);
	else
		say_both_days(sentence, cron);
}

/* "on the 13th of the month and on every Friday, in January" */
static void
say_either_day(Sentence *sentence, const Cron *cron)
{
	say(sentence, " on ");
	say_days_of_month(sentence, cron);
	say(sentence, " of the month and on %s", cron->weekdays != 0 ? "every " : "");
	say_weekdays(sentence, cron, " and ");
	say_in_months(sentence, ", in ", cron);
}

/* "on the 1st to 7th of every month if it is Monday", or without the weekday */
static void
say_both_days(Sentence *sentence, const Cron *cron)
{
	say(sentence, " on ");
	say_days_of_month(sentence, cron);
	say_of_months(sentence, cron);
	if (cron->weekdays == ALL_WEEKDAYS)
		return;
	say(sentence, " if it is ");
	say_weekdays(sentence, cron, " or ");
}

static void
say_only_weekdays(Sentence *sentence, const Cron *cron)
{
	say(sentence, " on ");
	say_weekdays(sentence, cron, " and ");
	if (has_weekday_rules(cron) && (cron->weekdays == 0 || cron->months == ALL_MONTHS))
		say_of_months(sentence, cron);
	else
		say_in_months(sentence, " in ", cron);
}

/* "the 1st, 15th and the last day" */
static void
say_days_of_month(Sentence *sentence, const Cron *cron)
{
	int			step = step_of(cron->days);
	bool		has_step = step > 1 && pg_popcount64(cron->days) >= STEPS_MIN;
	int			rules = pg_popcount64(cron->days_before_last) + pg_popcount64(cron->near_days) +
		pg_popcount64(cron->near_days_before_last);
	Items		items = {sentence, " and "};

	items.left = rules + (has_step ? 1 : count_ranges(cron->days, 1, 31));
	if (has_step)
		say_step_of_days(&items, cron->days, step);
	else if (cron->days != 0)
	{
		say(sentence, "the ");
		say_ranges(&items, cron->days, 1, 31, say_ordinal);
	}
	say_days_before_last(&items, cron->days_before_last);
	say_near_days(&items, cron);
}

/* "every 2nd day from the 1st to the 31st" */
static void
say_step_of_days(Items *items, uint64 days, int step)
{
	Sentence   *sentence = say_next(items);

	say(sentence, "every ");
	say_ordinal(sentence, step);
	say(sentence, " day from the ");
	say_ordinal(sentence, pg_rightmost_one_pos64(days));
	say(sentence, " to the ");
	say_ordinal(sentence, pg_leftmost_one_pos64(days));
}

/* "last", "4th to last" */
static void
say_place_before_last(Sentence *sentence, int before)
{
	if (before > 0)
	{
		say_ordinal(sentence, before + 1);
		say(sentence, " to ");
	}
	say(sentence, "last");
}

static void
say_days_before_last(Items *items, uint32 days)
{
	for (; days != 0; days &= days - 1)
	{
		Sentence   *sentence = say_next(items);

		say(sentence, "the ");
		say_place_before_last(sentence, pg_rightmost_one_pos32(days));
		say(sentence, " day");
	}
}

static void
say_near_days(Items *items, const Cron *cron)
{
	const char *nearest = "the weekday (Monday to Friday) nearest to the ";

	for (uint32 days = cron->near_days; days != 0; days &= days - 1)
	{
		say(say_next(items), "%s", nearest);
		say_ordinal(items->sentence, pg_rightmost_one_pos32(days));
	}
	for (uint32 days = cron->near_days_before_last; days != 0; days &= days - 1)
	{
		int			before = pg_rightmost_one_pos32(days);

		if (before == 0)
		{
			say(say_next(items), "the last weekday (Monday to Friday)");
			continue;
		}
		say(say_next(items), "%s", nearest);
		say_place_before_last(items->sentence, before);
		say(items->sentence, " day");
	}
}

/* "Monday to Friday, the 2nd Saturday and the last Sunday"; weeks start on Monday. */
static void
say_weekdays(Sentence *sentence, const Cron *cron, const char *last)
{
	uint64		week = week_from_monday(cron->weekdays);
	Items		items = {sentence, last};

	items.left = count_ranges(week, 1, 7) + pg_popcount64(cron->nth_weekdays) +
		pg_popcount64(cron->last_weekdays);
	say_ranges(&items, week, 1, 7, say_weekday);
	for (uint64 rest = cron->nth_weekdays; rest != 0; rest &= rest - 1)
	{
		int			bit = pg_rightmost_one_pos64(rest);

		say(say_next(&items), "the ");
		say_ordinal(sentence, bit / 7 + 1);
		say(sentence, " ");
		say_weekday(sentence, bit % 7);
	}
	for (uint32 rest = cron->last_weekdays; rest != 0; rest &= rest - 1)
	{
		say(say_next(&items), "the last ");
		say_weekday(sentence, pg_rightmost_one_pos32(rest));
	}
}

/* ------------------------------------------------------------------------
 * Months
 * ------------------------------------------------------------------------ */

static void
say_in_months(Sentence *sentence, const char *before, const Cron *cron)
{
	if (cron->months == ALL_MONTHS)
		return;
	say(sentence, "%s", before);
	say_set(sentence, cron->months, 1, 12, say_month);
}

static void
say_of_months(Sentence *sentence, const Cron *cron)
{
	if (cron->months == ALL_MONTHS)
		say(sentence, " of every month");
	else
		say_in_months(sentence, " of ", cron);
}
