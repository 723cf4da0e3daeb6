/*-------------------------------------------------------------------------
 *
 * day_set.h
 *	  A set of days, as sorted ranges.
 *
 * Days are numbered as civil.h has it, which is how PostgreSQL's date has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DAY_SET_H
#define TASKLY_DAY_SET_H

#include "postgres.h"

/* Both days belong to it; first <= last. */
typedef struct DayRange
{
	int32		first;
	int32		last;
} DayRange;

/* One chunk of memory; at least one day lies between a range and the next. */
typedef struct DaySet
{
	int			count;
	DayRange	ranges[FLEXIBLE_ARRAY_MEMBER];
} DaySet;

/* Of ranges in any order, which may overlap, in the current memory context. */
extern DaySet *day_set_build(const DayRange *ranges, int count);

/* Index of the first range that does not end before a day; count: none. */
extern int	day_set_find(const DaySet *set, int64 day);

extern bool day_set_contains(const DaySet *set, int64 day);

/* The first day that is not in the set, from a day on, and the last up to it. */
extern int64 day_set_next_free(const DaySet *set, int64 day);
extern int64 day_set_previous_free(const DaySet *set, int64 day);

#endif							/* TASKLY_DAY_SET_H */
