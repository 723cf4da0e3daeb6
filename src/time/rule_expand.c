/*-------------------------------------------------------------------------
 *
 * rule_expand.c
 *	  A recurrence from a DTSTART on, in civil time.
 *
 * Here is what DTSTART implies; rule_find.c looks for periods that match.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/rule_expand.h"
#include "time/rule_find.h"
#include "time/rule_set.h"

#define ALL_HOURS		((UINT32_C(1) << 24) - 1)
#define ALL_SIXTY		((UINT64CONST(1) << 60) - 1)

static void imply_days(RuleRecur *recur, int64 start);
static void imply_times(RuleRecur *recur, int64 start);
static void turn_into_days(RuleRecur *recur, int64 start);
static uint64 congruent_bits(int size, int64 interval, int64 start);

void
rule_expand(RuleExpansion *expansion, const RuleRecur *recur, int64 start)
{
	expansion->recur = *recur;
	expansion->start = start;
	expansion->follows_clock = recur->frequency < RULE_DAILY;
	imply_days(&expansion->recur, start);
	imply_times(&expansion->recur, start);
	if (expansion->follows_clock)
		turn_into_days(&expansion->recur, start);
}

/* Where a recurrence expands to days, but says nothing of which, DTSTART does. */
static void
imply_days(RuleRecur *recur, int64 start)
{
	int64		day = floor_divide(start, CIVIL_DAY);
	CivilDate	date = civil_date(day);

	if (recur->frequency < RULE_WEEKLY ||
		rule_recur_has(recur, RULE_BYDAY) ||
		rule_recur_has(recur, RULE_BYMONTHDAY) ||
		rule_recur_has(recur, RULE_BYYEARDAY))
		return;
	if (recur->frequency == RULE_WEEKLY || rule_recur_has(recur, RULE_BYWEEKNO))
	{
		recur->weekdays = (uint8) (1 << civil_weekday(day));
		recur->given |= 1 << RULE_BYDAY;
		return;
	}
	recur->monthdays[RULE_FROM_START] = UINT32_C(1) << date.day;
	recur->given |= 1 << RULE_BYMONTHDAY;
	if (recur->frequency == RULE_YEARLY && !rule_recur_has(recur, RULE_BYMONTH))
	{
		recur->months = (uint16) (1 << date.month);
		recur->given |= 1 << RULE_BYMONTH;
	}
}

/* So it does of hours, minutes and seconds; what only limits, allows all. */
static void
imply_times(RuleRecur *recur, int64 start)
{
	int			second = (int) (start - floor_divide(start, CIVIL_DAY) * CIVIL_DAY);

	if (!rule_recur_has(recur, RULE_BYHOUR))
		recur->hours = recur->frequency < RULE_DAILY ? ALL_HOURS : UINT32_C(1) << (second / 3600);
	if (!rule_recur_has(recur, RULE_BYMINUTE))
		recur->minutes = recur->frequency < RULE_HOURLY ? ALL_SIXTY :
			UINT64CONST(1) << (second / 60 % 60);
	if (!rule_recur_has(recur, RULE_BYSECOND))
		recur->seconds = recur->frequency < RULE_MINUTELY ? ALL_SIXTY :
			UINT64CONST(1) << (second % 60);
	recur->seconds &= ALL_SIXTY;
}

/* "Every 15 minutes" is minutes 0, 15, 30 and 45 of each day, counted from DTSTART. */
static void
turn_into_days(RuleRecur *recur, int64 start)
{
	int64		number = floor_divide(start, rule_seconds_of(recur->frequency));
	int			size = recur->frequency == RULE_HOURLY ? 24 : 60;

	if (rule_recur_has(recur, RULE_BYSETPOS) || size % recur->interval != 0)
		return;
	if (recur->frequency == RULE_HOURLY)
		recur->hours &= (uint32) congruent_bits(size, recur->interval, number);
	else if (recur->frequency == RULE_MINUTELY)
		recur->minutes &= congruent_bits(size, recur->interval, number);
	else
		recur->seconds &= congruent_bits(size, recur->interval, number);
	recur->frequency = RULE_DAILY;
	recur->interval = 1;
}

/* The numbers below size that differ from start by whole intervals. */
static uint64
congruent_bits(int size, int64 interval, int64 start)
{
	uint64		bits = 0;

	for (int64 bit = rule_align(0, start, interval); bit < size; bit += interval)
		bits |= UINT64CONST(1) << bit;
	return bits;
}

int64
rule_expansion_next(const RuleExpansion *expansion, int64 from)
{
	RuleSet		set;

	return rule_find_set(expansion, from, &set);
}

int64
rule_expansion_count(const RuleExpansion *expansion, int64 from, int64 to, int64 limit)
{
	RuleSet		set;
	int64		count = 0;
	int64		match;

	while (count < limit && from < to && (match = rule_find_set(expansion, from, &set)) < to)
	{
		count += rule_set_count(&set, from, to);
		if (expansion->recur.frequency < RULE_DAILY)
			count += rule_find_more_of_day(expansion, match, to, &from) *
				rule_set_count(&set, PG_INT64_MIN / 2, PG_INT64_MAX / 2);
		else
			from = rule_set_end(&set);
	}
	return Min(count, limit);
}

bool
rule_may_match(const RuleRecur *recur)
{
	RuleExpansion any;

	/* All that DTSTART could imply or INTERVAL and BYSETPOS leave out is in. */
	any.recur = *recur;
	any.recur.given &= ~(1 << RULE_BYSETPOS);
	any.recur.interval = 1;
	any.recur.seconds &= ALL_SIXTY;
	any.start = 0;
	if (!rule_recur_has(recur, RULE_BYHOUR))
		any.recur.hours = ALL_HOURS;
	if (!rule_recur_has(recur, RULE_BYMINUTE))
		any.recur.minutes = ALL_SIXTY;
	if (!rule_recur_has(recur, RULE_BYSECOND))
		any.recur.seconds = ALL_SIXTY;
	return rule_expansion_next(&any, 0) != CIVIL_NEVER;
}
