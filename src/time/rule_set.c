/*-------------------------------------------------------------------------
 *
 * rule_set.c
 *	  The occurrences of one period of a recurrence.
 *
 * All is arithmetic on ranks: how many members are before a time, and which
 * member has a rank. Nothing is ever listed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "time/civil.h"
#include "time/rule_set.h"

#define POSITION_MAX	366

static int64 times_of_day(const RuleSet *set);
static int64 size_of(const RuleSet *set);
static int64 rank_of(const RuleSet *set, int64 civil);
static int64 rank_of_time(const RuleSet *set, int second_of_day);
static int64 member_at(const RuleSet *set, int64 rank);
static int	time_at(const RuleSet *set, int64 rank);
static int64 next_picked(const RuleSet *set, int64 rank, int64 size);
static int	next_position(const uint64 *positions, int64 from);
static int	previous_position(const uint64 *positions, int64 from);
static int	count_below(uint64 set, int limit);
static int	nth_bit(uint64 set, int64 n);

int64
rule_set_next(const RuleSet *set, int64 from)
{
	int64		size = size_of(set);
	int64		rank = next_picked(set, rank_of(set, from), size);

	return rank < size ? member_at(set, rank) : CIVIL_NEVER;
}

int64
rule_set_count(const RuleSet *set, int64 from, int64 to)
{
	int64		size = size_of(set);
	int64		end = rank_of(set, to);
	int64		rank = rank_of(set, from);
	int64		count = 0;

	if (set->picks == NULL)
		return Max(end - rank, 0);
	while ((rank = next_picked(set, rank, size)) < end)
	{
		count++;
		rank++;
	}
	return count;
}

int64
rule_set_end(const RuleSet *set)
{
	return member_at(set, size_of(set) - 1) + 1;
}

static int64
times_of_day(const RuleSet *set)
{
	return (int64) pg_popcount64(set->hours) * pg_popcount64(set->minutes) *
		pg_popcount64(set->seconds);
}

static int64
size_of(const RuleSet *set)
{
	int64		days = 0;

	for (int i = 0; i < set->month_count; i++)
		days += pg_popcount64(set->months[i].days);
	return days * times_of_day(set);
}

/* How many members are before a civil time. */
static int64
rank_of(const RuleSet *set, int64 civil)
{
	int64		day = floor_divide(civil, CIVIL_DAY);
	int64		times = times_of_day(set);
	int64		rank = 0;

	for (int i = 0; i < set->month_count; i++)
	{
		const RuleMonth *month = &set->months[i];
		int			offset = (int) Max(Min(day - month->base, 32), 0);

		rank += count_below(month->days, offset) * times;
		if (offset < 32 && day >= month->base && (month->days >> offset & 1) != 0)
			rank += rank_of_time(set, (int) (civil - day * CIVIL_DAY));
	}
	return rank;
}

static int64
rank_of_time(const RuleSet *set, int second_of_day)
{
	int			hour = second_of_day / 3600;
	int			minute = second_of_day / 60 % 60;
	int64		seconds = pg_popcount64(set->seconds);
	int64		rank = count_below(set->hours, hour) * (int64) pg_popcount64(set->minutes) * seconds;

	if ((set->hours >> hour & 1) == 0)
		return rank;
	rank += count_below(set->minutes, minute) * seconds;
	if ((set->minutes >> minute & 1) == 0)
		return rank;
	return rank + count_below(set->seconds, second_of_day % 60);
}

/* The member that so many are before. */
static int64
member_at(const RuleSet *set, int64 rank)
{
	int64		times = times_of_day(set);
	int64		day_rank = rank / times;

	for (int i = 0;; i++)
	{
		const RuleMonth *month = &set->months[i];
		int			days = pg_popcount64(month->days);

		if (day_rank < days)
			return (month->base + nth_bit(month->days, day_rank)) * CIVIL_DAY +
				time_at(set, rank % times);
		day_rank -= days;
	}
}

static int
time_at(const RuleSet *set, int64 rank)
{
	int			seconds = pg_popcount64(set->seconds);
	int			minutes = pg_popcount64(set->minutes);
	int			second = nth_bit(set->seconds, rank % seconds);
	int			minute = nth_bit(set->minutes, rank / seconds % minutes);
	int			hour = nth_bit(set->hours, rank / seconds / minutes);

	return (hour * 60 + minute) * 60 + second;
}

/* The first rank from this one on that BYSETPOS picks; the size: none. */
static int64
next_picked(const RuleSet *set, int64 rank, int64 size)
{
	int			position;
	int64		next = size;

	if (set->picks == NULL || rank >= size)
		return rank;
	position = next_position(set->picks->positions[RULE_FROM_START], rank + 1);
	if (position > 0)
		next = Min(next, position - 1);
	position = previous_position(set->picks->positions[RULE_FROM_END], size - rank);
	if (position > 0)
		next = Min(next, size - position);
	return next;
}

/* The smallest position that is not less than this one; 0: none. */
static int
next_position(const uint64 *positions, int64 from)
{
	if (from > POSITION_MAX)
		return 0;
	for (int word = (int) (from / 64); word < RULE_WORDS; word++)
	{
		int			bit = rule_next_bit(positions[word], word == from / 64 ? (int) (from % 64) : 0);

		if (bit >= 0)
			return word * 64 + bit;
	}
	return 0;
}

/* The largest position that is not greater than this one; 0: none. */
static int
previous_position(const uint64 *positions, int64 from)
{
	int			start = (int) Min(from, POSITION_MAX);

	for (int word = start / 64; word >= 0; word--)
	{
		uint64		rest = positions[word];

		if (word == start / 64 && start % 64 < 63)
			rest &= (UINT64CONST(1) << (start % 64 + 1)) - 1;
		if (rest != 0)
			return word * 64 + pg_leftmost_one_pos64(rest);
	}
	return 0;
}

/* How many members of a set are less than a limit below 64. */
static int
count_below(uint64 set, int limit)
{
	return pg_popcount64(set & ((UINT64CONST(1) << limit) - 1));
}

/* The member of a set that n are less than; there is one. */
static int
nth_bit(uint64 set, int64 n)
{
	for (; n > 0; n--)
		set &= set - 1;
	return pg_rightmost_one_pos64(set);
}

int
rule_next_bit(uint64 set, int from)
{
	uint64		rest = from < 64 ? set >> from << from : 0;

	return rest == 0 ? -1 : pg_rightmost_one_pos64(rest);
}
