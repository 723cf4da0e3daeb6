/*-------------------------------------------------------------------------
 *
 * history.h
 *	  The leader's care for history: which partition is written, and when the
 *	  oldest is emptied.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_HISTORY_H
#define TASKLY_HISTORY_H

#include "taskly.h"

/* One turn; returns when the next is wanted. */
extern TimestampTz history_turn(int entry, TimestampTz now);

#endif							/* TASKLY_HISTORY_H */
