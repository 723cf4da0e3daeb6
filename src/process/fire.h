/*-------------------------------------------------------------------------
 *
 * fire.h
 *	  Turns due schedules into runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_FIRE_H
#define TASKLY_FIRE_H

#include "taskly.h"

/* Fire all that is due on the agenda; returns when the next is. */
extern TimestampTz fire_due(TimestampTz now);

#endif							/* TASKLY_FIRE_H */
