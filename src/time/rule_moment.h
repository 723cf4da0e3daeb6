/*-------------------------------------------------------------------------
 *
 * rule_moment.h
 *	  Dates and times as iCalendar writes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_MOMENT_H
#define TASKLY_RULE_MOMENT_H

#include "postgres.h"
#include "pgtime.h"

#include "time/rule.h"

/* "19970902", "19970902T090000" or "19970902T130000Z". */
typedef struct RuleMoment
{
	bool		is_date;		/* without a time of day: civil is its midnight */
	bool		is_utc;
	int64		civil;
} RuleMoment;

/* Reads one; returns where it ends, or NULL. */
extern const char *rule_moment_parse(const char *at, RuleMoment *moment);

/* The second, or all the day, that it stands for in a zone, in instants. */
extern RuleRange rule_moment_range(const RuleMoment *moment, const pg_tz *zone);

#endif							/* TASKLY_RULE_MOMENT_H */
