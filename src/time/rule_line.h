/*-------------------------------------------------------------------------
 *
 * rule_line.h
 *	  Splits a line of iCalendar into its name, parameters and value.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_LINE_H
#define TASKLY_RULE_LINE_H

#include "postgres.h"
#include "pgtime.h"

#include "time/scan.h"

typedef enum RuleLineKind
{
	RULE_LINE_DTSTART,
	RULE_LINE_RRULE,
	RULE_LINE_RDATE,
	RULE_LINE_EXDATE
} RuleLineKind;

typedef enum RuleValueType
{
	RULE_VALUE_ANY,
	RULE_VALUE_DATE,
	RULE_VALUE_DATE_TIME,
	RULE_VALUE_PERIOD
} RuleValueType;

typedef struct RuleLine
{
	RuleLineKind kind;
	RuleValueType type;			/* as VALUE says */
	pg_tz	   *zone;			/* as TZID says; NULL: it is not given */
	Part		name;
	Part		value;
} RuleLine;

/* The text is one token; a bare recurrence (FREQ=...) is an RRULE. */
extern bool rule_line_parse(Part text, RuleLine *line, ScheduleError *error);

#endif							/* TASKLY_RULE_LINE_H */
