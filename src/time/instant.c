/*-------------------------------------------------------------------------
 *
 * instant.c
 *	  One instant, written as ISO 8601 has it.
 *
 * Deliberately less than PostgreSQL's timestamps, which depend on DateStyle
 * and know words such as "tomorrow": a schedule must mean the same wherever
 * it is read again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"

#include "time/civil.h"
#include "time/instant.h"
#include "time/zone.h"

#define YEAR_MAX		294276
#define OFFSET_HOURS_MAX 15

/* What stands in the text. */
typedef struct Fields
{
	int64		year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
	int64		us;
	bool		has_offset;
	int			offset;			/* seconds east of UTC */
} Fields;

static const char *parse_date(const char *at, Fields *fields);
static const char *parse_time(const char *at, Fields *fields);
static const char *parse_fraction(const char *at, int64 *us);
static const char *parse_offset(const char *at, Fields *fields);
static const char *parse_two_digits(const char *at, int max, int *value);
static bool to_instant(const Fields *fields, const pg_tz *zone, TimestampTz *result);

bool
instant_is_meant(const char *text)
{
	int64		year;
	const char *start = skip_spaces(text);
	const char *end = read_number(start, &year);

	return end - start >= 4 && *end == '-';
}

bool
instant_parse(const char *text, const pg_tz *zone,
			  TimestampTz *result, ScheduleError *error)
{
	const char *start = skip_spaces(text);
	Fields		fields = {0};
	const char *at = parse_date(start, &fields);
	const char *what = "Its date is not one of the calendar, written as 2026-11-23.";

	if (at != NULL)
	{
		what = "Its time of day is not written as 12:00, 12:00:59 or 12:00:59.999999.";
		at = parse_time(at, &fields);
	}
	if (at != NULL)
	{
		what = "After its time stands what is not an offset such as Z, +02, +02:00 or -0730.";
		at = parse_offset(at, &fields);
	}
	if (at != NULL && *at == '\0')
	{
		what = "It is beyond the largest timestamp.";
		if (to_instant(&fields, zone, result))
			return true;
	}
	schedule_error(error, "invalid timestamp in schedule: \"%s\"",
				  part_text(make_part(start, start + strlen(start))).text);
	schedule_error_detail(error, "%s", what);
	return schedule_error_hint(error,
							   "Use for example \"2026-11-23 12:00\". Name a time zone in the argument timezone, not here.");
}

/* Each reader returns where it stopped; NULL: not what it reads. */
static const char *
parse_date(const char *at, Fields *fields)
{
	at = read_number(at, &fields->year);
	if (fields->year < 1 || fields->year > YEAR_MAX || *at != '-')
		return NULL;
	at = parse_two_digits(at + 1, 12, &fields->month);
	if (at == NULL || *at != '-' || fields->month < 1)
		return NULL;
	at = parse_two_digits(at + 1, civil_days_in_month(fields->year, fields->month), &fields->day);
	return fields->day < 1 ? NULL : at;
}

static const char *
parse_time(const char *at, Fields *fields)
{
	if (*at != 'T' && *at != 't' && !is_space(*at))
		return NULL;
	at = is_space(*at) ? skip_spaces(at) : at + 1;

	at = parse_two_digits(at, 23, &fields->hour);
	if (at == NULL || *at != ':')
		return NULL;
	at = parse_two_digits(at + 1, 59, &fields->minute);
	if (at == NULL || *at != ':')
		return at;
	at = parse_two_digits(at + 1, 59, &fields->second);
	if (at == NULL || *at != '.')
		return at;
	return parse_fraction(at + 1, &fields->us);
}

/* One to six digits behind the point of seconds. */
static const char *
parse_fraction(const char *at, int64 *us)
{
	const char *end = read_number(at, us);

	if (end == at || end - at > 6)
		return NULL;
	for (int digits = (int) (end - at); digits < 6; digits++)
		*us *= 10;
	return end;
}

/* An offset, or nothing; and spaces. */
static const char *
parse_offset(const char *at, Fields *fields)
{
	int			hours = 0;
	int			minutes = 0;
	int			sign;

	at = skip_spaces(at);
	fields->has_offset = *at != '\0';
	if (*at == 'Z' || *at == 'z')
		at++;
	else if (*at == '+' || *at == '-')
	{
		sign = *at == '-' ? -1 : 1;
		at = parse_two_digits(at + 1, OFFSET_HOURS_MAX, &hours);
		if (at != NULL && (*at == ':' || is_digit(*at)))
			at = parse_two_digits(*at == ':' ? at + 1 : at, 59, &minutes);
		fields->offset = sign * (hours * 60 + minutes) * 60;
	}
	return at == NULL ? NULL : skip_spaces(at);
}

static const char *
parse_two_digits(const char *at, int max, int *value)
{
	if (!is_digit(at[0]) || !is_digit(at[1]))
		return NULL;
	*value = (at[0] - '0') * 10 + (at[1] - '0');
	return *value > max ? NULL : at + 2;
}

static bool
to_instant(const Fields *fields, const pg_tz *zone, TimestampTz *result)
{
	int64		civil = civil_day(fields->year, fields->month, fields->day) * CIVIL_DAY +
		(fields->hour * 60 + fields->minute) * 60 + fields->second;
	int64		second = civil - fields->offset;
	int64		us = fields->us;

	if (!fields->has_offset)
	{
		second = zone_first_instant(zone, civil);
		if (zone_civil(zone, second) != civil)
			us = 0;
	}
	return !pg_mul_s64_overflow(second, USECS_PER_SEC, result) &&
		!pg_add_s64_overflow(*result, us, result) &&
		IS_VALID_TIMESTAMP(*result);
}
