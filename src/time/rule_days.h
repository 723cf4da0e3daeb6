/*-------------------------------------------------------------------------
 *
 * rule_days.h
 *	  Which days a recurrence allows, and weeks of a year.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_DAYS_H
#define TASKLY_RULE_DAYS_H

#include "postgres.h"

#include "time/rule.h"

/* Days of a month that BYMONTH and all other BYxxx of days allow: bits 1 to 31. */
extern uint32 rule_days_of_month(const RuleRecur *recur, int64 year, int month);

/* Do ordinals of BYDAY count within the year, not within the month? */
extern bool rule_counts_in_year(const RuleRecur *recur);

/* The year whose week a day is in; the first day of a year's first week. */
extern int64 rule_week_year(const RuleRecur *recur, int64 day);
extern int64 rule_first_week(const RuleRecur *recur, int64 year);

#endif							/* TASKLY_RULE_DAYS_H */
