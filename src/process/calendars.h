/*-------------------------------------------------------------------------
 *
 * calendars.h
 *	  The leader's copies of calendars: one for all the tasks that name it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CALENDARS_H
#define TASKLY_CALENDARS_H

#include "taskly.h"
#include "time/day_set.h"

extern void calendars_init(void);

/* Forget all; nobody points to them any more. */
extern void calendars_clear(void);

/* The days off of a calendar, read at first; NULL for 0. Lives until it changes. */
extern const DaySet *calendars_days(int32 calendar_id);

/* Read those again that have changed, and tell the agenda. */
extern void calendars_refresh(void);

#endif							/* TASKLY_CALENDARS_H */
