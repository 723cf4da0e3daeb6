/*-------------------------------------------------------------------------
 *
 * lock.h
 *	  Advisory locks of taskly's own, in a class that SQL cannot reach.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_LOCK_H
#define TASKLY_LOCK_H

#include "taskly.h"

/* The leader of the current database: held by its session, until it ends. */
extern bool lock_try_leader(void);
extern bool lock_is_leader(void);

/* Who may put a finished run back. */
extern bool lock_try_run(int64 run_id);
extern void lock_release_run(int64 run_id);

#endif							/* TASKLY_LOCK_H */
