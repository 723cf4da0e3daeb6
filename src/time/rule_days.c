/*-------------------------------------------------------------------------
 *
 * rule_days.c
 *	  Which days a recurrence allows.
 *
 * A BYxxx that expands a period and one that limits it come to the same here:
 * a day is allowed when every BYxxx that is given allows it. What is not given
 * but implied by DTSTART has been filled in before.
 *
 * Week 1 of a year is the first one with at least four days in it (ISO 8601,
 * but weeks start on WKST): the one with 4 January.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/rule_days.h"

/* A month, as the sets of its days are made. */
typedef struct Month
{
	int64		year;
	int64		first_day;
	int			length;
	int			first_weekday;
} Month;

static uint32 by_monthday(const RuleRecur *recur, const Month *month);
static uint32 by_weekday(const RuleRecur *recur, const Month *month);
static uint32 by_nth_of_month(const RuleRecur *recur, const Month *month, int weekday);
static uint32 by_nth_of_year(const RuleRecur *recur, const Month *month);
static uint32 by_yearday(const RuleRecur *recur, const Month *month);
static uint32 by_week(const RuleRecur *recur, const Month *month);
static int64 week_start(const RuleRecur *recur, int64 day);
static bool has_yearday(const uint64 *set, int yearday);

uint32
rule_days_of_month(const RuleRecur *recur, int64 year, int month_of_year)
{
	Month		month;
	uint32		days;

	if (rule_recur_has(recur, RULE_BYMONTH) && (recur->months >> month_of_year & 1) == 0)
		return 0;

	month.year = year;
	month.first_day = civil_day(year, month_of_year, 1);
	month.length = civil_days_in_month(year, month_of_year);
	month.first_weekday = civil_weekday(month.first_day);

	days = (uint32) (((UINT64CONST(1) << month.length) - 1) << 1);
	if (rule_recur_has(recur, RULE_BYMONTHDAY))
		days &= by_monthday(recur, &month);
	if (rule_recur_has(recur, RULE_BYDAY))
		days &= by_weekday(recur, &month);
	if (rule_recur_has(recur, RULE_BYYEARDAY))
		days &= by_yearday(recur, &month);
	if (rule_recur_has(recur, RULE_BYWEEKNO))
		days &= by_week(recur, &month);
	return days;
}

bool
rule_counts_in_year(const RuleRecur *recur)
{
	return recur->frequency == RULE_YEARLY && !rule_recur_has(recur, RULE_BYMONTH);
}

static uint32
by_monthday(const RuleRecur *recur, const Month *month)
{
	uint32		days = recur->monthdays[RULE_FROM_START];

	if (recur->monthdays[RULE_FROM_END] == 0)
		return days;
	for (int day = 1; day <= month->length; day++)
		days |= (recur->monthdays[RULE_FROM_END] >> (month->length + 1 - day) & 1) << day;
	return days;
}

static uint32
by_weekday(const RuleRecur *recur, const Month *month)
{
	uint64		days = 0;

	for (int weekday = 0; weekday < 7; weekday++)
	{
		int			first = 1 + (weekday - month->first_weekday + 7) % 7;

		if ((recur->weekdays >> weekday & 1) != 0)
			days |= (UINT64CONST(1) | 1 << 7 | 1 << 14 | 1 << 21 | 1 << 28) << first;
		else if (!rule_counts_in_year(recur))
			days |= by_nth_of_month(recur, month, weekday);
	}
	if (rule_counts_in_year(recur))
		days |= by_nth_of_year(recur, month);
	return (uint32) days;
}

static uint32
by_nth_of_month(const RuleRecur *recur, const Month *month, int weekday)
{
	uint64		from_start = recur->nth_weekdays[RULE_FROM_START][weekday];
	uint64		from_end = recur->nth_weekdays[RULE_FROM_END][weekday];
	uint32		days = 0;

	if ((from_start | from_end) == 0)
		return 0;
	for (int day = 1 + (weekday - month->first_weekday + 7) % 7; day <= month->length; day += 7)
	{
		if ((from_start >> ((day + 6) / 7) & 1) != 0 ||
			(from_end >> ((month->length - day) / 7 + 1) & 1) != 0)
			days |= UINT32_C(1) << day;
	}
	return days;
}

static uint32
by_nth_of_year(const RuleRecur *recur, const Month *month)
{
	int64		new_year = civil_day(month->year, 1, 1);
	int			days_in_year = (int) (civil_day(month->year + 1, 1, 1) - new_year);
	uint32		days = 0;

	for (int day = 1; day <= month->length; day++)
	{
		int			weekday = (month->first_weekday + day - 1) % 7;
		int			before = (int) (month->first_day - new_year) + day - 1;

		if ((recur->nth_weekdays[RULE_FROM_START][weekday] >> (before / 7 + 1) & 1) != 0 ||
			(recur->nth_weekdays[RULE_FROM_END][weekday] >>
			 ((days_in_year - 1 - before) / 7 + 1) & 1) != 0)
			days |= UINT32_C(1) << day;
	}
	return days;
}

static uint32
by_yearday(const RuleRecur *recur, const Month *month)
{
	int64		new_year = civil_day(month->year, 1, 1);
	int			days_in_year = (int) (civil_day(month->year + 1, 1, 1) - new_year);
	int			before = (int) (month->first_day - new_year);
	uint32		days = 0;

	for (int day = 1; day <= month->length; day++)
	{
		if (has_yearday(recur->yeardays[RULE_FROM_START], before + day) ||
			has_yearday(recur->yeardays[RULE_FROM_END], days_in_year + 1 - before - day))
			days |= UINT32_C(1) << day;
	}
	return days;
}

static bool
has_yearday(const uint64 *set, int yearday)
{
	return (set[yearday / 64] >> (yearday % 64) & 1) != 0;
}

static uint32
by_week(const RuleRecur *recur, const Month *month)
{
	uint32		days = 0;

	for (int day = 1; day <= month->length;)
	{
		int64		start = week_start(recur, month->first_day + day - 1);
		int64		year = rule_week_year(recur, start);
		int64		first = rule_first_week(recur, year);
		int			weeks = (int) (rule_first_week(recur, year + 1) - first) / 7;
		int			week = (int) (start - first) / 7 + 1;
		bool		is_listed = (recur->weeks[RULE_FROM_START] >> week & 1) != 0 ||
			(recur->weeks[RULE_FROM_END] >> (weeks + 1 - week) & 1) != 0;

		/* All days up to the next week are in this one. */
		for (; day <= month->length && month->first_day + day - 1 < start + 7; day++)
		{
			if (is_listed)
				days |= UINT32_C(1) << day;
		}
	}
	return days;
}

static int64
week_start(const RuleRecur *recur, int64 day)
{
	return day - (civil_weekday(day) - recur->week_start + 7) % 7;
}

int64
rule_week_year(const RuleRecur *recur, int64 day)
{
	return civil_date(week_start(recur, day) + 3).year;
}

int64
rule_first_week(const RuleRecur *recur, int64 year)
{
	return week_start(recur, civil_day(year, 1, 4));
}
