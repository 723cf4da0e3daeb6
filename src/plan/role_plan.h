/*-------------------------------------------------------------------------
 *
 * role_plan.h
 *	  How many runs of a role run at once, and how many may.
 *
 * A worker that holds runs counts as one, for it runs one at a time; of shell runs
 * each counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ROLE_PLAN_H
#define TASKLY_ROLE_PLAN_H

#include "taskly.h"

/* All of its memory is parent's; what was known before is forgotten. */
extern void role_plan_init(MemoryContext parent);

/*
 * Around a reading of the quotas: roles that are not named have the limit of
 * InvalidOid. 0: no limit.
 */
extern void role_plan_begin_reload(void);
extern void role_plan_set(Oid role, int max_running);

/* How many more may run at once? */
extern int	role_plan_room(Oid role);

extern void role_plan_start(Oid role);
extern void role_plan_end(Oid role);

#endif							/* TASKLY_ROLE_PLAN_H */
