/*-------------------------------------------------------------------------
 *
 * dispatch.h
 *	  Hands due runs to workers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DISPATCH_H
#define TASKLY_DISPATCH_H

#include "taskly.h"

/* Dispatch what can be; returns when to look again. */
extern TimestampTz dispatch_turn(TimestampTz now);

/* Since then: could nothing start that comes now, as all is paused or every worker has enough? */
extern bool dispatch_is_saturated(void);

/* Runs handed over since the last call. */
extern int64 dispatch_take_count(void);

/* A role will have a run soon: have a process ready. */
extern void dispatch_warm_up(Oid role, bool is_shell, TimestampTz now);

/* Runs that do not stop when told; returns when to look again. */
extern TimestampTz dispatch_watch(TimestampTz now);

#endif							/* TASKLY_DISPATCH_H */
