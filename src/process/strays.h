/*-------------------------------------------------------------------------
 *
 * strays.h
 *	  Runs whose queue was dropped while they were in execution, or while
 *	  somebody was about to commit them: they go on in the queue "default".
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_STRAYS_H
#define TASKLY_STRAYS_H

#include "taskly.h"

/* There is a run of a queue that is not there. */
extern void strays_want(void);

/* The leader's: move them, if there may be some. Returns when to come again. */
extern TimestampTz strays_turn(TimestampTz now);

#endif							/* TASKLY_STRAYS_H */
