/*-------------------------------------------------------------------------
 *
 * exclusion.h
 *	  A schedule without the days that a calendar excludes.
 *
 * An occurrence is on the day that the clocks of the schedule's zone show then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_EXCLUSION_H
#define TASKLY_EXCLUSION_H

#include "time/day_set.h"
#include "time/schedule.h"

/* No occurrence is moved further; what would be is skipped. */
#define EXCLUSION_MAX_DAYS	366

/* What becomes of an occurrence on an excluded day. */
typedef enum ExclusionRule
{
	EXCLUDED_SKIP,				/* it does not take place */
	EXCLUDED_NEXT,				/* moved to the next day that is not excluded */
	EXCLUDED_PREVIOUS			/* moved to the previous one */
} ExclusionRule;

/*
 * The first instant strictly after `after`; DT_NOEND when there is none.
 *
 * What is moved keeps its time of day: in an overlap it is the first pass, in
 * a gap its end. What falls together is one instant. SCHEDULE_AFTER_FINISH has
 * nothing that could be moved: it is due when an excluded day is over, whatever
 * the rule. excluded NULL: schedule_next(), as is the meaning of anchor.
 */
extern TimestampTz exclusion_next(const Schedule *schedule, const DaySet *excluded,
								  ExclusionRule rule, TimestampTz anchor,
								  TimestampTz after);

/* The first instant from one on, itself included, on a day that is not excluded. */
extern TimestampTz exclusion_end(const pg_tz *zone, const DaySet *excluded,
								 TimestampTz instant);

#endif							/* TASKLY_EXCLUSION_H */
