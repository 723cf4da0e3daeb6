/*-------------------------------------------------------------------------
 *
 * staffing.h
 *	  Which roles get workers.
 *
 * A worker is of one role for life. Those in need that have fewest come first,
 * and who has most gives up one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_STAFFING_H
#define TASKLY_STAFFING_H

#include "taskly.h"
#include "plan/choice.h"

/* Workers of a role that do not retire: all, and those not yet ready. */
typedef int (*CountRole) (Oid role, int *starting);

/*
 * Whoever has fewest workers and needs one asks first, as often as it gets one.
 * want_worker() says whether it did.
 */
typedef bool (*WantWorker) (Oid role, TimestampTz now);
extern void staffing_ask(CountRole count_role, WantWorker want_worker, TimestampTz now);

/*
 * Who makes room for a role in need that has `fewest` workers; -1: nobody now,
 * perhaps at *look_again_at. NULL among the workers: not ours to give.
 */
extern int	staffing_victim(WorkerLoad *const *workers, int count, int fewest,
							TimestampTz now, TimestampTz *look_again_at);

#endif							/* TASKLY_STAFFING_H */
