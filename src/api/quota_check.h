/*-------------------------------------------------------------------------
 *
 * quota_check.h
 *	  Error 53400 when a role would have more than its quota.
 *
 * It is the role that a task or run runs as whose quota counts, whoever calls.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_QUOTA_CHECK_H
#define TASKLY_QUOTA_CHECK_H

#include "taskly.h"

/* May a role have so many more pending runs? Looks with the active snapshot. */
extern void quota_check_pending(Oid owner, int64 count);

/* May it have one more task? */
extern void quota_check_tasks(Oid owner);

#endif							/* TASKLY_QUOTA_CHECK_H */
