/*-------------------------------------------------------------------------
 *
 * run_status_store.h
 *	  How runs have ended, many at once, from pending_run and finished_run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_STATUS_STORE_H
#define TASKLY_RUN_STATUS_STORE_H

#include "taskly.h"

typedef struct RunState
{
	Oid			owner;			/* InvalidOid: neither waiting nor in history */
	char	   *status;			/* the final one; NULL: it is not over */
	int32		queue_id;
} RunState;

/* What has become of each of count runs, as committed now. Allocated here. */
extern RunState *run_status_read(const int64 *run_ids, int count);

/*
 * Up to which id there may have been runs that are over and left nothing in
 * history; 0: all queues keep all.
 */
extern int64 run_status_last_unkept(void);

#endif							/* TASKLY_RUN_STATUS_STORE_H */
