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

#define LISTED_TIMES_MAX	6

typedef struct Text
{
	char	   *buffer;
	size_t		size;
	size_t		length;
} Text;

/* A list in a text: "a", "a and b", "a, b and c". */
typedef struct List
{
	Text	   *text;
	int			left;			/* items to come */
	bool		has_items;
} List;

static const char *const units[] = {"second", "minute", "hour", "day", "week", "month", "year"};
static const char *const weekday_names[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"
};
static const char *const month_names[] = {
	"", "January", "February", "March", "April", "May", "June", "July", "August",
	"September", "October", "November", "December"
};

static void append(Text *text, const char *format,...) pg_attribute_printf(2, 3);
static void append_months(Text *text, const RuleRecur *recur);

static void
append(Text *text, const char *format,...)
{
	va_list		args;
	int			length;

	va_start(args, format);
	length = vsnprintf(text->buffer + text->length, text->size - text->length, format, args);
	va_end(args);
	text->length = Min(text->length + Max(length, 0), text->size - 1);
}

/* Appends a word that something new starts with. */
static void
begin(Text *text, const char *word)
{
	append(text, "%s%s", text->length > 0 ? " " : "", word);
}

/* Appends what stands before the next item. */
static Text *
next_item(List *list)
{
	list->left--;
	if (list->has_items)
		append(list->text, list->left > 0 ? ", " : " and ");
	list->has_items = true;
	return list->text;
}

static void
append_numbers(Text *text, const char *before, uint64 set)
{
	List		list = {text, pg_popcount64(set)};

	begin(text, before);
	append(text, list.left > 1 ? "s " : " ");
	for (; set != 0; set &= set - 1)
		append(next_item(&list), "%d", pg_rightmost_one_pos64(set));
}

/* "1st", "22nd"; counted from the end "last", "2nd to last". */
static void
append_ordinal(Text *text, int n, int side)
{
	static const char *const endings[] = {"th", "st", "nd", "rd"};
	bool		is_teen = n / 10 % 10 == 1;

	if (side == RULE_FROM_END && n == 1)
		append(text, "last");
	else
		append(text, "%d%s%s", n, endings[is_teen || n % 10 > 3 ? 0 : n % 10],
			   side == RULE_FROM_END ? " to last" : "");
}

/* "the 1st, 15th and last": sets[side] has so many words. */
static void
append_ordinals(Text *text, const uint64 *from_start, const uint64 *from_end, int words)
{
	List		list = {text};

	for (int word = 0; word < words; word++)
		list.left += pg_popcount64(from_start[word]) + pg_popcount64(from_end[word]);
	append(text, "the ");
	for (int n = 1; n < words * 64; n++)
	{
		if ((from_start[n / 64] >> (n % 64) & 1) != 0)
			append_ordinal(next_item(&list), n, RULE_FROM_START);
	}
	for (int n = words * 64 - 1; n > 0; n--)
	{
		if ((from_end[n / 64] >> (n % 64) & 1) != 0)
			append_ordinal(next_item(&list), n, RULE_FROM_END);
	}
}

/* "Monday, the 2nd Tuesday and the last Friday": weeks start on Monday here. */
static void
append_weekdays(Text *text, const RuleRecur *recur)
{
	List		list = {text, pg_popcount64(recur->weekdays)};

	for (int weekday = 0; weekday < 7; weekday++)
		list.left += pg_popcount64(recur->nth_weekdays[RULE_FROM_START][weekday]) +
			pg_popcount64(recur->nth_weekdays[RULE_FROM_END][weekday]);
	for (int i = 1; i <= 7; i++)
	{
		int			weekday = i % 7;

		if ((recur->weekdays >> weekday & 1) != 0)
			append(next_item(&list), "%s", weekday_names[weekday]);
		for (int n = 1; n <= 106; n++)
		{
			int			side = n > 53 ? RULE_FROM_END : RULE_FROM_START;
			int			nth = side == RULE_FROM_END ? 107 - n : n;

			if ((recur->nth_weekdays[side][weekday] >> nth & 1) == 0)
				continue;
			append(next_item(&list), "the ");
			append_ordinal(text, nth, side);
			append(text, " %s", weekday_names[weekday]);
		}
	}
}

/* "09:30 and 17:30", if that is short; else hours, minutes and seconds apart. */
static void
append_times(Text *text, const RuleRecur *recur)
{
	List		list = {text, pg_popcount64(recur->hours) * pg_popcount64(recur->minutes) *
	pg_popcount64(recur->seconds)};

	if (list.left > LISTED_TIMES_MAX)
	{
		append_numbers(text, "in hour", recur->hours);
		append_numbers(text, "at minute", recur->minutes);
		if (recur->seconds != 1)
			append_numbers(text, "at second", recur->seconds);
		return;
	}
	begin(text, "at ");
	for (int second = 0; second < CIVIL_DAY && list.left > 0; second++)
	{
		if ((recur->hours >> (second / 3600) & 1) == 0 ||
			(recur->minutes >> (second / 60 % 60) & 1) == 0 ||
			(recur->seconds >> (second % 60) & 1) == 0)
			continue;
		append(next_item(&list), "%02d:%02d", second / 3600, second / 60 % 60);
		if (recur->seconds != 1)
			append(text, ":%02d", second % 60);
	}
}

/* What is said of times where not all of it is known. */
static void
append_known_times(Text *text, const RuleRecur *recur)
{
	if (rule_recur_has(recur, RULE_BYSECOND))
		append_numbers(text, "at second", recur->seconds);
	if (rule_recur_has(recur, RULE_BYMINUTE))
		append_numbers(text, "at minute", recur->minutes);
	if (rule_recur_has(recur, RULE_BYHOUR))
		append_numbers(text, "in hour", recur->hours);
}

static void
append_days(Text *text, const RuleRecur *recur)
{
	const char *on = "on ";

	if (rule_recur_has(recur, RULE_BYDAY))
	{
		begin(text, on);
		append_weekdays(text, recur);
		on = "if it is ";
	}
	if (rule_recur_has(recur, RULE_BYMONTHDAY))
	{
		uint64		from_start = recur->monthdays[RULE_FROM_START];
		uint64		from_end = recur->monthdays[RULE_FROM_END];

		begin(text, on);
		append_ordinals(text, &from_start, &from_end, 1);
		append(text, recur->frequency == RULE_MONTHLY ? " day" : " day of the month");
		on = "if it is ";
	}
	if (rule_recur_has(recur, RULE_BYYEARDAY))
	{
		begin(text, on);
		append_ordinals(text, recur->yeardays[RULE_FROM_START], recur->yeardays[RULE_FROM_END],
						RULE_WORDS);
		append(text, rule_counts_in_year(recur) ? " day" : " day of the year");
	}
	if (rule_recur_has(recur, RULE_BYWEEKNO))
	{
		begin(text, "in ");
		append_ordinals(text, &recur->weeks[RULE_FROM_START], &recur->weeks[RULE_FROM_END], 1);
		append(text, " week");
	}
	append_months(text, recur);
}

static void
append_months(Text *text, const RuleRecur *recur)
{
	List		list = {text, pg_popcount64(recur->months)};

	if (!rule_recur_has(recur, RULE_BYMONTH))
		return;
	begin(text, "in ");
	for (int month = 1; month <= 12; month++)
	{
		if ((recur->months >> month & 1) != 0)
			append(next_item(&list), "%s", month_names[month]);
	}
}

/* "every 2 weeks", "of every 2nd month". */
static void
append_period(Text *text, const RuleRecur *recur)
{
	const char *unit = units[recur->frequency];

	begin(text, recur->frequency >= RULE_MONTHLY && text->length > 0 ? "of every " : "every ");
	if (recur->interval == 1)
		append(text, "%s", unit);
	else if (recur->frequency >= RULE_MONTHLY)
	{
		append_ordinal(text, recur->interval, RULE_FROM_START);
		append(text, " %s", unit);
	}
	else
		append(text, "%d %ss", recur->interval, unit);
}

/* What counts weeks or picks from what has been said. */
static void
append_conditions(Text *text, const RuleRecur *recur)
{
	bool		counts_weeks = recur->frequency == RULE_WEEKLY &&
		(recur->interval > 1 || rule_recur_has(recur, RULE_BYSETPOS));

	if (recur->week_start != 1 && (counts_weeks || rule_recur_has(recur, RULE_BYWEEKNO)))
		append(text, ", where weeks start on %s", weekday_names[recur->week_start]);
	if (rule_recur_has(recur, RULE_BYSETPOS))
	{
		append(text, ", only ");
		append_ordinals(text, recur->positions[RULE_FROM_START], recur->positions[RULE_FROM_END],
						RULE_WORDS);
		append(text, " of these in each %s", units[recur->frequency]);
	}
}

static void
append_civil(Text *text, int64 civil)
{
	int64		day = floor_divide(civil, CIVIL_DAY);
	CivilDate	date = civil_date(day);
	int			second = (int) (civil - day * CIVIL_DAY);

	append(text, "%d %.3s %d %02d:%02d", date.day, month_names[date.month], (int) date.year,
		   second / 3600, second / 60 % 60);
	if (second % 60 != 0)
		append(text, ":%02d", second % 60);
}

/* DTSTART says the rest of what the parts leave open, but not for shorter ones than days. */
static void
append_recur(Text *text, const Rule *rule)
{
	const RuleRecur *recur = &rule->recur;
	const int	all_times = 1 << RULE_BYHOUR | 1 << RULE_BYMINUTE | 1 << RULE_BYSECOND;
	bool		is_daily = recur->frequency >= RULE_DAILY;
	bool		knows_start = is_daily && rule->has_start;
	RuleExpansion expansion;

	rule_expand(&expansion, recur, rule->start);
	if (knows_start || (is_daily && (recur->given & all_times) == all_times))
		append_times(text, &expansion.recur);
	else if (is_daily)
		append_known_times(text, recur);

	if (recur->frequency < RULE_MONTHLY)
		append_period(text, recur);
	if (!is_daily)
		append_known_times(text, recur);
	append_days(text, knows_start ? &expansion.recur : recur);
	if (recur->frequency >= RULE_MONTHLY)
		append_period(text, recur);
	append_conditions(text, recur);
}

static void
append_bounds(Text *text, const Rule *rule)
{
	if (rule->has_start)
	{
		append(text, ", from ");
		append_civil(text, rule->start);
		append(text, " on");
	}
	if (rule->recur.count > 0)
		append(text, ", %d time%s", rule->recur.count, rule->recur.count > 1 ? "s" : "");
	if (rule->until != PG_INT64_MAX)
	{
		append(text, ", until ");
		append_civil(text, zone_civil(rule->zone, rule->until));
	}
}

void
rule_explain(const Rule *rule, char *buffer, size_t size)
{
	Text		text = {buffer, size, 0};

	buffer[0] = '\0';
	if (rule->has_recur)
	{
		append_recur(&text, rule);
		append_bounds(&text, rule);
	}
	if (rule->date_count > 0)
		append(&text, rule->has_recur ? ", and also on " : "on ");
	if (rule->date_count == 1)
		append_civil(&text, zone_civil(rule->zone, rule->dates[0]));
	else if (rule->date_count > 1)
		append(&text, "%d dates", rule->date_count);
	if (rule->excluded_count > 0)
		append(&text, ", except where excluded");
}
