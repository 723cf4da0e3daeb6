/*-------------------------------------------------------------------------
 *
 * period_parse.c
 *	  Reads lengths of time: numbers with units, such as "1 hour 30 minutes".
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/period.h"

#define YEARS_MAX		10000
#define MONTHS_MAX		(YEARS_MAX * 12)
#define DAYS_MAX		(YEARS_MAX * 365)
#define US_MAX			(DAYS_MAX * USECS_PER_DAY)
#define FRACTION_DIGITS	6

/* A unit is some months, some days or some microseconds. */
typedef struct Unit
{
	const char *name;
	Period		length;
} Unit;

/* A decimal number: digits after the point are counted in millionths. */
typedef struct Decimal
{
	int64		whole;
	int64		millionths;
} Decimal;

static const Unit units[] = {
	{"ms", {0, 0, 1000}},
	{"millisecond", {0, 0, 1000}},
	{"milliseconds", {0, 0, 1000}},
	{"s", {0, 0, USECS_PER_SEC}},
	{"sec", {0, 0, USECS_PER_SEC}},
	{"secs", {0, 0, USECS_PER_SEC}},
	{"second", {0, 0, USECS_PER_SEC}},
	{"seconds", {0, 0, USECS_PER_SEC}},
	{"m", {0, 0, USECS_PER_MINUTE}},
	{"min", {0, 0, USECS_PER_MINUTE}},
	{"mins", {0, 0, USECS_PER_MINUTE}},
	{"minute", {0, 0, USECS_PER_MINUTE}},
	{"minutes", {0, 0, USECS_PER_MINUTE}},
	{"h", {0, 0, USECS_PER_HOUR}},
	{"hour", {0, 0, USECS_PER_HOUR}},
	{"hours", {0, 0, USECS_PER_HOUR}},
	{"d", {0, 1, 0}},
	{"day", {0, 1, 0}},
	{"days", {0, 1, 0}},
	{"week", {0, 7, 0}},
	{"weeks", {0, 7, 0}},
	{"month", {1, 0, 0}},
	{"months", {1, 0, 0}},
	{"year", {12, 0, 0}},
	{"years", {12, 0, 0}}
};

static const char *parse_decimal(const char *at, Decimal *result);
static const Unit *find_unit(Part word);
static bool refuse_unit(Part word, ScheduleError *error);
static bool add_units(Period *period, const Unit *unit, Decimal count);

bool
period_parse(const char **cursor, Period *result, ScheduleError *error)
{
	const char *at = skip_spaces(*cursor);

	memset(result, 0, sizeof(Period));
	do
	{
		const char *start = at;
		Decimal		count;
		Part		word;
		const Unit *unit;

		at = parse_decimal(at, &count);
		if (at == NULL)
		{
			schedule_error(error, "invalid number in interval: \"%s\"",
						   part_text(next_token(start)).text);
			return schedule_error_detail(error,
										 "A number has digits, and at most %d after a point.", FRACTION_DIGITS);
		}
		word = next_word(skip_spaces(at));
		unit = find_unit(word);
		if (unit == NULL)
			return refuse_unit(word, error);
		if (!add_units(result, unit, count))
		{
			schedule_error(error, "invalid interval: \"%s\"",
						   part_text(make_part(start, word.end)).text);
			schedule_error_detail(error, "An interval is at most %d years, of whole microseconds.",
								  YEARS_MAX);
			return schedule_error_hint(error,
									   "Use whole numbers of days and longer units: 36 hours, not 1.5 days.");
		}
		at = skip_spaces(word.end);
	} while (is_digit(*at));

	*cursor = at;
	return true;
}

bool
period_parse_unit(const char **cursor, Period *result, ScheduleError *error)
{
	Part		word = next_word(skip_spaces(*cursor));
	const Unit *unit = find_unit(word);

	if (unit == NULL)
		return refuse_unit(word, error);
	*result = unit->length;
	*cursor = skip_spaces(word.end);
	return true;
}

/* Reads digits with at most one point among them; NULL when there are none. */
static const char *
parse_decimal(const char *at, Decimal *result)
{
	const char *end = read_number(at, &result->whole);
	const char *fraction = end + 1;

	result->millionths = 0;
	if (end == at || *end != '.')
		return end == at ? NULL : end;

	end = read_number(fraction, &result->millionths);
	if (end == fraction || end - fraction > FRACTION_DIGITS)
		return NULL;
	for (int digits = (int) (end - fraction); digits < FRACTION_DIGITS; digits++)
		result->millionths *= 10;
	return end;
}

static const Unit *
find_unit(Part word)
{
	for (int i = 0; i < (int) lengthof(units); i++)
	{
		if (part_is(word, units[i].name))
			return &units[i];
	}
	return NULL;
}

static bool
refuse_unit(Part word, ScheduleError *error)
{
	if (word.start == word.end)
		word = next_token(word.start);
	if (word.start == word.end)
		schedule_error(error, "unit is missing at the end of interval");
	else
		schedule_error(error, "invalid unit in interval: \"%s\"", part_text(word).text);
	return schedule_error_detail(error,
								 "Allowed are ms, s (second), m (minute), h (hour), d (day), week, month and year.");
}

/*
 * Adds count units; false when the sum is out of range or has parts that
 * cannot be kept: of a microsecond, or of a unit whose length varies.
 */
static bool
add_units(Period *period, const Unit *unit, Decimal count)
{
	const Period *one = &unit->length;
	int64		part = one->us * count.millionths;

	if (count.whole > US_MAX / Max(one->us, 1) ||
		part % 1000000 != 0 ||
		(one->us == 0 && count.millionths != 0))
		return false;
	if ((one->days > 0 && count.whole > DAYS_MAX) || (one->months > 0 && count.whole > MONTHS_MAX))
		return false;

	if (period->us + one->us * count.whole > US_MAX ||
		period->days + one->days * count.whole > DAYS_MAX ||
		period->months + one->months * count.whole > MONTHS_MAX)
		return false;
	period->us += one->us * count.whole + part / 1000000;
	period->days += (int32) (one->days * count.whole);
	period->months += (int32) (one->months * count.whole);
	return true;
}
