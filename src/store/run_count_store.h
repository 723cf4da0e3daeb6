/*-------------------------------------------------------------------------
 *
 * run_count_store.h
 *	  How many runs of a role have not finished.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_COUNT_STORE_H
#define TASKLY_RUN_COUNT_STORE_H

#include "taskly.h"

/* Counted up to a limit, under the active snapshot. */
extern int64 run_count_of_owner(Oid owner, int64 limit);

#endif							/* TASKLY_RUN_COUNT_STORE_H */
