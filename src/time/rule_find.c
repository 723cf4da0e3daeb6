/*-------------------------------------------------------------------------
 *
 * rule_find.c
 *	  The next period of a recurrence that has occurrences.
 *
 * Periods (years, months, weeks, days; hours, minutes, seconds) have numbers.
 * Arithmetic tells which is the first that INTERVAL allows; each has a set of
 * occurrences (rule_set.h). Periods without occurrences are walked through, so
 * the question is when to give up. The calendar repeats itself every 400 years
 * (CYCLE_DAYS, which are whole weeks):
 *
 * - Years, months, weeks: after as many periods as make 400 years, every one
 *	 that INTERVAL can reach has been seen, however long the interval is.
 * - Days likewise. They are looked at by months.
 * - Shorter ones: days within 400 years that the rule allows are looked into.
 *	 Within a day, what matches from a period on depends on that one's place
 *	 in it only; places that were found empty are remembered.
 *	 Most such rules need none of that: rule_expand.c makes days of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "port/pg_bitutils.h"

#include "time/civil.h"
#include "time/rule_days.h"
#include "time/rule_find.h"

#define CYCLE_DAYS		146097
#define CYCLE_WEEKS		(CYCLE_DAYS / 7)
#define CYCLE_MONTHS	4800
#define CYCLE_YEARS		400

/* Civil times are at most that far from UTC's. */
#define LAST_DAY		(END_TIMESTAMP / USECS_PER_DAY + 8)

/* Places of an interval in a day, shorter than days, that have no match. */
typedef struct EmptyPlaces
{
	bool		is_used;
	uint64		places[CIVIL_DAY / 64 + 1];
} EmptyPlaces;

static int64 find_period(const RuleExpansion *expansion, int64 from, RuleSet *set);
static int64 number_of_period(const RuleRecur *recur, int64 day);
static int	periods_in_cycle(const RuleRecur *recur);
static void fill_set(const RuleRecur *recur, int64 number, RuleSet *set);
static void add_days(const RuleRecur *recur, int64 first, int64 end, RuleSet *set);
static void add_month(const RuleRecur *recur, int64 year, int month, RuleSet *set);
static int64 find_day(const RuleExpansion *expansion, int64 from, RuleSet *set);
static bool next_days(const RuleRecur *recur, int64 from, int64 start, int64 end, RuleMonth *result);
static int64 find_short(const RuleExpansion *expansion, int64 from, RuleSet *set);
static int64 match_in_day(const RuleRecur *recur, int64 place, int64 length);
static bool is_known_empty(const EmptyPlaces *empty, int64 place);
static void remember_empty(EmptyPlaces *empty, int64 place);
static void narrow_set(const RuleRecur *recur, int64 second_of_day, RuleSet *set);

int64
rule_find_set(const RuleExpansion *expansion, int64 from, RuleSet *set)
{
	const RuleRecur *recur = &expansion->recur;

	if (recur->seconds == 0 || recur->minutes == 0 || recur->hours == 0)
		return CIVIL_NEVER;
	set->picks = rule_recur_has(recur, RULE_BYSETPOS) ? recur : NULL;
	set->hours = recur->hours;
	set->minutes = recur->minutes;
	set->seconds = recur->seconds;

	if (recur->frequency < RULE_DAILY)
		return find_short(expansion, from, set);
	if (recur->frequency == RULE_DAILY)
		return find_day(expansion, from, set);
	return find_period(expansion, from, set);
}

/* Weeks, months and years. */
static int64
find_period(const RuleExpansion *expansion, int64 from, RuleSet *set)
{
	const RuleRecur *recur = &expansion->recur;
	int64		last = number_of_period(recur, LAST_DAY);
	int64		number = rule_align(number_of_period(recur, floor_divide(from, CIVIL_DAY)),
							   number_of_period(recur, floor_divide(expansion->start, CIVIL_DAY)),
							   recur->interval);

	/* The first period may be one that is over but for a part. */
	for (int i = periods_in_cycle(recur); i >= 0 && number <= last; i--)
	{
		int64		found;

		fill_set(recur, number, set);
		found = rule_set_next(set, from);
		if (found != CIVIL_NEVER)
			return found;
		number += recur->interval;
	}
	return CIVIL_NEVER;
}

static int64
number_of_period(const RuleRecur *recur, int64 day)
{
	CivilDate	date;

	/* Day 0 was a Saturday. */
	if (recur->frequency == RULE_WEEKLY)
		return floor_divide(day + 6 - recur->week_start, 7);
	if (rule_recur_has(recur, RULE_BYWEEKNO))
		return rule_week_year(recur, day);
	date = civil_date(day);
	return recur->frequency == RULE_YEARLY ? date.year : date.year * 12 + date.month - 1;
}

static int
periods_in_cycle(const RuleRecur *recur)
{
	if (recur->frequency == RULE_WEEKLY)
		return CYCLE_WEEKS;
	return recur->frequency == RULE_MONTHLY ? CYCLE_MONTHS : CYCLE_YEARS;
}

static void
fill_set(const RuleRecur *recur, int64 number, RuleSet *set)
{
	int64		year = floor_divide(number, 12);

	set->month_count = 0;
	if (recur->frequency == RULE_WEEKLY)
	{
		int64		first = number * 7 - 6 + recur->week_start;

		add_days(recur, first, first + 7, set);
	}
	else if (recur->frequency == RULE_MONTHLY)
		add_month(recur, year, (int) (number - year * 12) + 1, set);
	else if (rule_recur_has(recur, RULE_BYWEEKNO))
		add_days(recur, rule_first_week(recur, number), rule_first_week(recur, number + 1), set);
	else
	{
		for (int month = 1; month <= 12; month++)
			add_month(recur, number, month, set);
	}
}

/* Adds what is allowed of some days, which may begin and end within months. */
static void
add_days(const RuleRecur *recur, int64 first, int64 end, RuleSet *set)
{
	CivilDate	date = civil_date(first);

	for (int64 base = first - date.day; base + 1 < end;
		 base += civil_days_in_month(date.year, date.month), date = civil_date(base + 1))
	{
		int			before = set->month_count;

		add_month(recur, date.year, date.month, set);
		if (set->month_count == before)
			continue;
		if (base + 1 < first)
			set->months[before].days &= (uint32) (UINT64CONST(0xFFFFFFFF) << (first - base));
		if (end - base < 32)
			set->months[before].days &= (UINT32_C(1) << (end - base)) - 1;
	}
}

/* Adds a month's days, if it has any. */
static void
add_month(const RuleRecur *recur, int64 year, int month, RuleSet *set)
{
	uint32		days = rule_days_of_month(recur, year, month);

	if (days == 0)
		return;
	set->months[set->month_count].base = civil_day(year, month, 1) - 1;
	set->months[set->month_count].days = days;
	set->month_count++;
}

/* Without BYSETPOS, the days of a month that are left make one set. */
static int64
find_day(const RuleExpansion *expansion, int64 from, RuleSet *set)
{
	const RuleRecur *recur = &expansion->recur;
	int64		start = floor_divide(expansion->start, CIVIL_DAY);
	int64		day = floor_divide(from, CIVIL_DAY);
	int64		end = day + (int64) CYCLE_DAYS * recur->interval;

	/* The day itself may be over but for a part; the next one is not. */
	for (int i = 0; i < 2; i++)
	{
		RuleMonth  *month = &set->months[0];
		int64		found;

		if (!next_days(recur, day, start, end, month))
			return CIVIL_NEVER;
		day = month->base + pg_rightmost_one_pos32(month->days);
		if (set->picks != NULL)
			month->days &= -month->days;
		set->month_count = 1;
		found = rule_set_next(set, from);
		if (found != CIVIL_NEVER)
			return found;
		day++;
	}
	return CIVIL_NEVER;
}

/* Days from this one on of the first month that has any; false: none before the end. */
static bool
next_days(const RuleRecur *recur, int64 from, int64 start, int64 end, RuleMonth *result)
{
	int64		day = rule_align(from, start, recur->interval);

	while (day < end && day <= LAST_DAY)
	{
		CivilDate	date = civil_date(day);
		uint32		allowed = rule_days_of_month(recur, date.year, date.month);

		result->base = day - date.day;
		result->days = 0;
		if (allowed != 0)
		{
			for (int64 bit = date.day; bit < 32; bit += recur->interval)
				result->days |= allowed & (UINT32_C(1) << bit);
		}
		if (result->days != 0)
			return true;
		day = rule_align(result->base + 1 + civil_days_in_month(date.year, date.month),
					start, recur->interval);
	}
	return false;
}

/*
 * Hours, minutes and seconds that do not come at the same times each day. The
 * number of a period counts from day 0; its place is counted from its day.
 */
static int64
find_short(const RuleExpansion *expansion, int64 from, RuleSet *set)
{
	const RuleRecur *recur = &expansion->recur;
	int64		length = rule_seconds_of(recur->frequency);
	int64		day_length = CIVIL_DAY / length;
	int64		start = floor_divide(expansion->start, length);
	int64		number = rule_align(floor_divide(from, length), start, recur->interval);
	int64		end = floor_divide(from, CIVIL_DAY) + CYCLE_DAYS;
	RuleRecur	every_day = *recur;
	EmptyPlaces empty;

	every_day.interval = 1;
	empty.is_used = false;
	set->month_count = 1;
	for (;;)
	{
		int64		day = floor_divide(number, day_length);
		int64		place;
		int64		match = -1;

		if (!next_days(&every_day, day, day, end, &set->months[0]))
			return CIVIL_NEVER;
		set->months[0].days &= -set->months[0].days;
		if (set->months[0].base + pg_rightmost_one_pos32(set->months[0].days) > day)
		{
			day = set->months[0].base + pg_rightmost_one_pos32(set->months[0].days);
			number = rule_align(day * day_length, start, recur->interval);
		}
		place = number - day * day_length;
		if (place >= day_length)
			continue;
		if (!is_known_empty(&empty, place))
			match = match_in_day(recur, place, length);
		if (match >= 0)
		{
			int64		found;

			narrow_set(recur, match * length, set);
			found = rule_set_next(set, from);
			/* What BYSETPOS picks is the same in each of these periods. */
			if (found != CIVIL_NEVER || (day * day_length + match) * length >= from)
				return found;
			number = day * day_length + match + recur->interval;
			continue;
		}
		remember_empty(&empty, place);
		number = rule_align((day + 1) * day_length, start, recur->interval);
	}
}

int64
rule_find_more_of_day(const RuleExpansion *expansion, int64 match, int64 to, int64 *end)
{
	const RuleRecur *recur = &expansion->recur;
	int64		length = rule_seconds_of(recur->frequency);
	int64		midnight = floor_divide(match, CIVIL_DAY) * CIVIL_DAY;
	int64		place = (match - midnight) / length;
	int64		count = 0;

	*end = midnight + (place + 1) * length;
	while ((place = match_in_day(recur, place + recur->interval, length)) >= 0 &&
		   midnight + (place + 1) * length <= to)
	{
		*end = midnight + (place + 1) * length;
		count++;
	}
	return count;
}

/*
 * The place of the first period from this one on that BYHOUR, BYMINUTE and
 * BYSECOND allow; -1: none in the day. Where one does not, go on from the next
 * hour, minute or second that it does.
 */
static int64
match_in_day(const RuleRecur *recur, int64 place, int64 length)
{
	int64		start = place;

	while (place < CIVIL_DAY / length)
	{
		int			second = (int) (place * length);
		int			hour = second / 3600;
		int			minute = second / 60 % 60;
		int			next = rule_next_bit(recur->hours, hour);

		if (next < 0)
			return -1;
		if (next > hour)
			second = next * 3600;
		else if (length < 3600 && (next = rule_next_bit(recur->minutes, minute)) != minute)
			second = next < 0 ? (hour + 1) * 3600 : (hour * 60 + next) * 60;
		else if (length == 1 && (next = rule_next_bit(recur->seconds, second % 60)) != second % 60)
			second += (next < 0 ? 60 : next) - second % 60;
		else
			return place;
		place = rule_align(second / length, start, recur->interval);
	}
	return -1;
}

static bool
is_known_empty(const EmptyPlaces *empty, int64 place)
{
	return empty->is_used && (empty->places[place / 64] >> (place % 64) & 1) != 0;
}

static void
remember_empty(EmptyPlaces *empty, int64 place)
{
	if (!empty->is_used)
		memset(empty, 0, sizeof(EmptyPlaces));
	empty->is_used = true;
	empty->places[place / 64] |= UINT64CONST(1) << (place % 64);
}

/* Leaves the times of the period that starts at this second of the day. */
static void
narrow_set(const RuleRecur *recur, int64 second_of_day, RuleSet *set)
{
	set->hours = UINT32_C(1) << (second_of_day / 3600);
	if (recur->frequency < RULE_HOURLY)
		set->minutes = UINT64CONST(1) << (second_of_day / 60 % 60);
	if (recur->frequency < RULE_MINUTELY)
		set->seconds = UINT64CONST(1) << (second_of_day % 60);
}
