/*-------------------------------------------------------------------------
 *
 * rule_set.h
 *	  The occurrences of one period of a recurrence: days times hours times
 *	  minutes times seconds, of which BYSETPOS may pick some by their ordinal.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_SET_H
#define TASKLY_RULE_SET_H

#include "postgres.h"

#include "time/rule.h"

#define RULE_SET_MONTHS 14		/* a year of weeks touches so many at most */

/* Days of a month: bit n is the day base + n. */
typedef struct RuleMonth
{
	int64		base;
	uint32		days;
} RuleMonth;

typedef struct RuleSet
{
	const RuleRecur *picks;		/* whose BYSETPOS picks; NULL: all */
	uint32		hours;
	uint64		minutes;
	uint64		seconds;
	int			month_count;
	RuleMonth	months[RULE_SET_MONTHS];	/* in order */
} RuleSet;

/* The first member that is not before a civil time; CIVIL_NEVER: none. */
extern int64 rule_set_next(const RuleSet *set, int64 from);

/* How many members there are from a civil time to before another one. */
extern int64 rule_set_count(const RuleSet *set, int64 from, int64 to);

/* The end of its last member, picked or not; there is one. */
extern int64 rule_set_end(const RuleSet *set);

/* The smallest value in a set that is not less than this one; -1: none. */
extern int	rule_next_bit(uint64 set, int from);

#endif							/* TASKLY_RULE_SET_H */
