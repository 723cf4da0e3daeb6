/*-------------------------------------------------------------------------
 *
 * rule_moment.c
 *	  Dates and times as iCalendar writes them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/rule_moment.h"
#include "time/zone.h"

static bool read_digits(const char *at, int count, int *value);

const char *
rule_moment_parse(const char *at, RuleMoment *moment)
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;

	if (!read_digits(at, 4, &year) || year < 1 ||
		!read_digits(at + 4, 2, &month) || month < 1 || month > 12 ||
		!read_digits(at + 6, 2, &day) || day < 1 || day > civil_days_in_month(year, month))
		return NULL;
	moment->civil = civil_day(year, month, day) * CIVIL_DAY;
	moment->is_utc = false;
	moment->is_date = to_lower(at[8]) != 't';
	if (moment->is_date)
		return at + 8;

	if (!read_digits(at + 9, 2, &hour) || hour > 23 ||
		!read_digits(at + 11, 2, &minute) || minute > 59 ||
		!read_digits(at + 13, 2, &second) || second > 60)
		return NULL;
	/* There are no leap seconds in PostgreSQL's time. */
	moment->civil += (hour * 60 + minute) * 60 + Min(second, 59);
	moment->is_utc = to_lower(at[15]) == 'z';
	return at + (moment->is_utc ? 16 : 15);
}

/* Reads exactly so many digits. */
static bool
read_digits(const char *at, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++)
	{
		if (!is_digit(at[i]))
			return false;
		*value = *value * 10 + (at[i] - '0');
	}
	return true;
}

RuleRange
rule_moment_range(const RuleMoment *moment, const pg_tz *zone)
{
	RuleRange	range;

	range.start = moment->is_utc ? moment->civil : zone_first_instant(zone, moment->civil);
	range.end = range.start + 1;
	if (moment->is_date)
		range.end = zone_first_instant(zone, moment->civil + CIVIL_DAY);
	return range;
}
