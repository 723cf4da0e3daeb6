/*-------------------------------------------------------------------------
 *
 * alarm.h
 *	  The alarm clock of a scheduler: sleeps until an instant of the wall
 *	  clock, never less, and hardly more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ALARM_H
#define TASKLY_ALARM_H

#include "taskly.h"

/* Once, at the start of the process. */
extern void alarm_init(void);

/*
 * Sleep until an instant (DT_NOEND: none), or until the latch is set or somebody
 * sets the clock; at most max_ms. The caller resets the latch.
 */
extern void alarm_sleep_until(TimestampTz until, long max_ms);

/* How late the machine lets this process go on when it is to wake; 0: not known yet. */
extern int64 alarm_latency_us(void);

#endif							/* TASKLY_ALARM_H */
