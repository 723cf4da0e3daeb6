/*-------------------------------------------------------------------------
 *
 * rule_expand.h
 *	  A recurrence from a DTSTART on, in civil time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_EXPAND_H
#define TASKLY_RULE_EXPAND_H

#include "postgres.h"

#include "time/rule.h"

/* A recurrence with all filled in that DTSTART implies. */
typedef struct RuleExpansion
{
	RuleRecur	recur;
	int64		start;			/* civil */
	bool		follows_clock;	/* shorter than days: both passes of an overlap */
} RuleExpansion;

extern void rule_expand(RuleExpansion *expansion, const RuleRecur *recur, int64 start);

/* The first match from a civil time on; CIVIL_NEVER: none. Before DTSTART, too. */
extern int64 rule_expansion_next(const RuleExpansion *expansion, int64 from);

/* Number of matches from a civil time to before another one; counts to limit. */
extern int64 rule_expansion_count(const RuleExpansion *expansion,
								  int64 from, int64 to, int64 limit);

/* Is there any match, with any DTSTART? True: perhaps. */
extern bool rule_may_match(const RuleRecur *recur);

#endif							/* TASKLY_RULE_EXPAND_H */
