/*-------------------------------------------------------------------------
 *
 * english.c
 *	  What explanations of schedules are put together from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "time/civil.h"
#include "time/english.h"
#include "time/zone.h"

#define RANGE_MIN	3			/* values in a row that are said as a range */
#define TIMES_MAX	6			/* of a day, that are listed */

static const char *const weekdays[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"
};
static const char *const months[] = {
	"January", "February", "March", "April", "May", "June", "July", "August",
	"September", "October", "November", "December"
};

static int	run_length(uint64 set, int from, int max);
static int	first_of_round(uint64 set, int min, int max);
static int	range_after(uint64 set, int from, int min, int max);

static inline bool
is_in(uint64 set, int value)
{
	return (set >> value & 1) != 0;
}

void
say(Sentence *sentence, const char *format,...)
{
	bool		is_full = sentence->length >= sentence->size;
	va_list		args;
	int			length;

	va_start(args, format);
	length = vsnprintf(is_full ? NULL : sentence->buffer + sentence->length,
					   is_full ? 0 : sentence->size - sentence->length, format, args);
	va_end(args);
	sentence->length += Max(length, 0);
}

Sentence *
say_next(Items *items)
{
	items->left--;
	if (items->has_some)
		say(items->sentence, "%s", items->left > 0 ? ", " : items->last);
	items->has_some = true;
	return items->sentence;
}

void
say_number(Sentence *sentence, int n)
{
	say(sentence, "%d", n);
}

void
say_ordinal(Sentence *sentence, int n)
{
	static const char *const endings[] = {"th", "st", "nd", "rd"};
	bool		is_teen = n / 10 % 10 == 1;

	say(sentence, "%d%s", n, endings[is_teen || n % 10 > 3 ? 0 : n % 10]);
}

void
say_weekday(Sentence *sentence, int weekday)
{
	say(sentence, "%s", weekdays[weekday % 7]);
}

void
say_month(Sentence *sentence, int month)
{
	say(sentence, "%s", months[month - 1]);
}

void
say_amount(Sentence *sentence, int64 n, const char *unit)
{
	say(sentence, INT64_FORMAT " %s%s", n, unit, n == 1 ? "" : "s");
}

void
say_time(Sentence *sentence, int second_of_day)
{
	say(sentence, "%02d:%02d", second_of_day / 3600, second_of_day / 60 % 60);
	if (second_of_day % 60 != 0)
		say(sentence, ":%02d", second_of_day % 60);
}

bool
say_times(Sentence *sentence, uint64 hours, uint64 minutes, uint64 seconds)
{
	int			count = pg_popcount64(hours) * pg_popcount64(minutes) * pg_popcount64(seconds);
	Items		items = {sentence, " and ", count};

	if (count > TIMES_MAX)
		return false;
	say(sentence, "at ");
	for (int second = 0; second < CIVIL_DAY && items.left > 0; second++)
	{
		if (is_in(hours, second / 3600) && is_in(minutes, second / 60 % 60) &&
			is_in(seconds, second % 60))
			say_time(say_next(&items), second);
	}
	return true;
}

void
say_date(Sentence *sentence, int64 day)
{
	CivilDate	date = civil_date(day);

	say(sentence, "%d %s %d", date.day, months[date.month - 1], (int) date.year);
}

void
say_instant(Sentence *sentence, const pg_tz *zone, int64 instant)
{
	int64		civil = zone_civil(zone, instant);
	int64		day = floor_divide(civil, CIVIL_DAY);

	say_date(sentence, day);
	say(sentence, " at ");
	say_time(sentence, (int) (civil - day * CIVIL_DAY));
	if (zone_first_instant(zone, civil) == instant)
		return;
	say(sentence, " (UTC%c", civil < instant ? '-' : '+');
	say_time(sentence, (int) (civil < instant ? instant - civil : civil - instant));
	say(sentence, ")");
}

/* ------------------------------------------------------------------------
 * Sets
 * ------------------------------------------------------------------------ */

/* How many values follow each other from this one on. */
static int
run_length(uint64 set, int from, int max)
{
	int			end = from;

	while (end <= max && is_in(set, end))
		end++;
	return end - from;
}

/* Where a set starts: at min, but where a range goes on past max, with that one. */
static int
first_of_round(uint64 set, int min, int max)
{
	int			first = max + 1;

	while (first > min && is_in(set, first - 1))
		first--;
	if (first == min || first > max || !is_in(set, min) ||
		max + 1 - first + run_length(set, min, max) < RANGE_MIN)
		return min;
	return first;
}

/* Number of values that make the next item, the one at `from` being in the set. */
static int
range_after(uint64 set, int from, int min, int max)
{
	int			length = run_length(set, from, max);

	if (from + length > max && from == first_of_round(set, min, max) && from > min)
		length += run_length(set, min, max);
	return length < RANGE_MIN ? 1 : length;
}

int
count_ranges(uint64 set, int min, int max)
{
	Sentence	nothing = {NULL, 0, 0};
	Items		items = {&nothing, ""};

	say_ranges(&items, set, min, max, say_number);
	return -items.left;
}

void
say_ranges(Items *items, uint64 set, int min, int max, SayValue say_value)
{
	int			values = max - min + 1;
	int			first = first_of_round(set, min, max);
	int			length;

	for (int value = first; value < first + values; value += length)
	{
		int			start = value > max ? value - values : value;
		int			last;

		length = 1;
		if (!is_in(set, start))
			continue;
		length = range_after(set, start, min, max);
		last = start + length - 1;
		say_value(say_next(items), start);
		if (length == 1)
			continue;
		say(items->sentence, " to ");
		say_value(items->sentence, last > max ? last - values : last);
	}
}

void
say_set(Sentence *sentence, uint64 set, int min, int max, SayValue say_value)
{
	Items		items = {sentence, " and ", count_ranges(set, min, max)};

	say_ranges(&items, set, min, max, say_value);
}
