/*-------------------------------------------------------------------------
 *
 * rule_recur.h
 *	  Reads RRULE: FREQ=MONTHLY;BYDAY=-1FR;COUNT=10
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_RECUR_H
#define TASKLY_RULE_RECUR_H

#include "postgres.h"

#include "time/rule.h"
#include "time/rule_moment.h"

/* *until is set if the recurrence has one; see recur->given. */
extern bool rule_recur_parse(Part text, RuleRecur *recur, RuleMoment *until, ScheduleError *error);

/* "BYDAY", "YEARLY". */
extern const char *rule_part_name(RulePart part);
extern const char *rule_frequency_name(RuleFrequency frequency);

#endif							/* TASKLY_RULE_RECUR_H */
