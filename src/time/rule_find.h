/*-------------------------------------------------------------------------
 *
 * rule_find.h
 *	  The next period of a recurrence that has occurrences.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_FIND_H
#define TASKLY_RULE_FIND_H

#include "postgres.h"

#include "time/rule_expand.h"
#include "time/rule_set.h"

/*
 * The first match from a civil time on, and the set that it is in: no other
 * set has members before the end of this one. CIVIL_NEVER: there is none.
 */
extern int64 rule_find_set(const RuleExpansion *expansion, int64 from, RuleSet *set);

/*
 * Of hours, minutes and seconds: how many more periods of a day, after the one
 * that a match is in, have matches and end by a civil time; *end is the end of
 * the last one. Each has as many matches as the other ones.
 */
extern int64 rule_find_more_of_day(const RuleExpansion *expansion, int64 match, int64 to,
								   int64 *end);

/* The first number from this one on that differs from start by whole intervals. */
static inline int64
rule_align(int64 number, int64 start, int64 interval)
{
	int64		rest = (start - number) % interval;

	return number + (rest < 0 ? rest + interval : rest);
}

/* Seconds of an hour, minute or second. */
static inline int64
rule_seconds_of(RuleFrequency frequency)
{
	if (frequency == RULE_HOURLY)
		return 3600;
	return frequency == RULE_MINUTELY ? 60 : 1;
}

#endif							/* TASKLY_RULE_FIND_H */
