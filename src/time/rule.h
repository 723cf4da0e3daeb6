/*-------------------------------------------------------------------------
 *
 * rule.h
 *	  Calendar rules: iCalendar's DTSTART, RRULE, RDATE and EXDATE (RFC 5545).
 *
 *	  DTSTART;TZID=America/New_York:19970902T090000
 *	  RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=10  EXDATE:19971031T090000
 *
 * Lines stand in any order, separated by newlines or spaces; names are in any
 * case. A rule alone may leave out "RRULE:". iCalendar folds long lines by a
 * newline and a space, which cannot be told from two lines here: such lines
 * must be put together again first.
 *
 * Where RFC 5545 leaves a choice, or a text breaks it:
 *
 * - Without DTSTART, it is the schedule's anchor, rounded up to a whole second.
 * - DTSTART is an occurrence, and counts in COUNT, if the RRULE matches it (the
 *	 RFC calls anything else undefined); without an RRULE it is one itself.
 * - The rule's time zone is DTSTART's: its TZID; UTC with Z; else the task's.
 *	 Other dates have their own TZID, or Z, or the rule's zone.
 * - RDATE;VALUE=DATE is midnight, RDATE;VALUE=PERIOD its start. EXDATE;VALUE=DATE
 *	 excludes all of the day. UNTIL as a date includes all of that day.
 * - Days and longer: a time that clocks skip happens at the first instant after
 *	 the gap (several in one gap: once), one that they show twice at its first
 *	 pass. HOURLY, MINUTELY and SECONDLY happen whenever clocks show a match:
 *	 in both passes, and not in a gap. INTERVAL counts hours as clocks show
 *	 them, not as they elapse: every 3 hours from 9:00 on stays at 9:00 and 12:00.
 * - COUNT counts what happens. What EXDATE excludes counts, too; what RDATE adds
 *	 does not.
 * - With BYWEEKNO, a year is one of whole weeks: Monday of its week 1 may be in
 *	 December. Without BYDAY the weekday is DTSTART's.
 * - BYDAY may mix ordinals and plain weekdays: a day of either matches.
 * - A leap second in BYSECOND (60) never comes; in a time, it is second 59.
 * - One RRULE at most, no EXRULE.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_H
#define TASKLY_RULE_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "pgtime.h"

#include "time/scan.h"

#define RULE_COUNT_MAX	1000000 /* largest COUNT; rule_count() stops here, too */
#define RULE_WORDS		6		/* of a set of 1 to 366 */

typedef enum RuleFrequency
{
	RULE_SECONDLY,
	RULE_MINUTELY,
	RULE_HOURLY,
	RULE_DAILY,
	RULE_WEEKLY,
	RULE_MONTHLY,
	RULE_YEARLY
} RuleFrequency;

/* What a recurrence consists of; a bit each in RuleRecur.given. */
typedef enum RulePart
{
	RULE_FREQ,
	RULE_INTERVAL,
	RULE_COUNT,
	RULE_UNTIL,
	RULE_WKST,
	RULE_BYSECOND,
	RULE_BYMINUTE,
	RULE_BYHOUR,
	RULE_BYDAY,
	RULE_BYMONTHDAY,
	RULE_BYYEARDAY,
	RULE_BYWEEKNO,
	RULE_BYMONTH,
	RULE_BYSETPOS
} RulePart;

/* Ordinals count from the start, or from the end: BYMONTHDAY=1 and =-1. */
enum
{
	RULE_FROM_START, RULE_FROM_END
};

/* An RRULE. Bit n of a set: the value n is listed. */
typedef struct RuleRecur
{
	RuleFrequency frequency;
	int32		interval;
	int32		count;			/* 0: no COUNT */
	uint16		given;
	uint16		months;			/* 1 to 12 */
	uint8		week_start;		/* 0 is Sunday */
	uint8		weekdays;		/* without ordinals */
	uint32		hours;
	uint64		minutes;
	uint64		seconds;
	uint32		monthdays[2];	/* 1 to 31 */
	uint64		weeks[2];		/* 1 to 53 */
	uint64		nth_weekdays[2][7]; /* by weekday: 1 to 53 */
	uint64		yeardays[2][RULE_WORDS];	/* 1 to 366 */
	uint64		positions[2][RULE_WORDS];	/* 1 to 366 */
} RuleRecur;

/* Instants in seconds, the end not included. */
typedef struct RuleRange
{
	int64		start;
	int64		end;
} RuleRange;

/* How many occurrences of the recurrence lie up to an instant, no more than COUNT. */
typedef struct RuleCounted
{
	int64		start;			/* what they were counted from; civil */
	int64		upto;			/* PG_INT64_MIN: nothing counted yet */
	int64		count;
	int64		over_from;		/* from here on, COUNT is exhausted */
} RuleCounted;

/* One chunk of memory: the arrays stand behind it. */
typedef struct Rule
{
	pg_tz	   *zone;
	bool		has_start;
	bool		start_is_date;
	bool		has_recur;
	int64		start;			/* DTSTART, in civil time */
	int64		until;			/* last instant, in seconds; PG_INT64_MAX: none */
	RuleRecur	recur;
	RuleCounted counted;
	int			date_count;
	int			excluded_count;
	int64	   *dates;			/* RDATE, in seconds: sorted, each once */
	RuleRange  *excluded;		/* EXDATE: sorted, apart from each other */
} Rule;

/* Does the text start as a line of iCalendar does, or as a bare recurrence? */
extern bool rule_is_meant(const char *text);

/*
 * Reads a rule in O(length) into one chunk of the current memory context, for
 * pfree(). False: *error says why, and nothing is left. A rule that has no
 * occurrence at all is refused if it has a DTSTART, or can have none with any.
 */
extern bool rule_parse(const char *text, pg_tz *zone, Rule **result, ScheduleError *error);

/*
 * The first occurrence strictly after `after`; DT_NOEND: none. Takes time in
 * proportion to none of the distances, but for COUNT: all occurrences before
 * `after` are counted, once, by months or better. Of HOURLY, MINUTELY and
 * SECONDLY rules, gaps of more than 400 years are taken for the end.
 */
extern TimestampTz rule_next(Rule *rule, TimestampTz anchor, TimestampTz after);

/* How many occurrences lie in (after, until]; RULE_COUNT_MAX: so many or more. */
extern int64 rule_count(Rule *rule, TimestampTz anchor,
						TimestampTz after, TimestampTz until);

static inline bool
rule_recur_has(const RuleRecur *recur, RulePart part)
{
	return (recur->given >> part & 1) != 0;
}

#endif							/* TASKLY_RULE_H */
