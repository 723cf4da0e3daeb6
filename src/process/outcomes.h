/*-------------------------------------------------------------------------
 *
 * outcomes.h
 *	  What a scheduler does about runs that have left their worker's hands.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_OUTCOMES_H
#define TASKLY_OUTCOMES_H

#include "taskly.h"
#include "process/pool.h"
#include "server/activity.h"

/* Read the outcomes that a slot's process has reported. */
extern void outcomes_collect(int slot, TimestampTz now);

/* A dispatched run was taken back before it began. */
extern void outcomes_undo_dispatch(int64 run_id, TimestampTz now);

/*
 * The process has gone with runs in its hands; activity: the one it was
 * executing (NULL: none). was_asked: it left because we told it to.
 */
extern void outcomes_of_vanished(PoolWorker *worker, const Activity *activity,
								 bool was_asked, TimestampTz now);

/* No process of this role could start: deny its runs if the role lost its right. */
extern void outcomes_role_cannot_start(Oid role, TimestampTz now);

/* A newer occurrence of its task is due: stop a run, or end it where it waits. */
extern void outcomes_cancel(int64 run_id, TimestampTz now);

/* A run was ended that no worker of ours has had. */
extern void outcomes_count(const Outcome *outcome);

/* End a waiting run whose deadline has passed. */
extern void outcomes_expire(RunEntry *entry, TimestampTz now);

#endif							/* TASKLY_OUTCOMES_H */
