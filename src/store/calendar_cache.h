/*-------------------------------------------------------------------------
 *
 * calendar_cache.h
 *	  A process's copies of calendars: one for all the tasks that name it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CALENDAR_CACHE_H
#define TASKLY_CALENDAR_CACHE_H

#include "taskly.h"
#include "time/day_set.h"

/* Begin with none; all of its memory is a child of parent. */
extern void calendar_cache_init(MemoryContext parent);

/* The days off of a calendar, read at first; NULL for 0. Lives until it changes. */
extern const DaySet *calendar_cache_days(int32 calendar_id);

/*
 * Read those again that have changed; all of them if somebody may have written
 * rows by hand. changed() is told where the days are now, before the old ones
 * go.
 */
typedef void (*CalendarChanged) (const DaySet *old_days, const DaySet *new_days,
								 TimestampTz now);
extern void calendar_cache_refresh(bool all, TimestampTz now, CalendarChanged changed);

#endif							/* TASKLY_CALENDAR_CACHE_H */
