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

/*
 * The final status of each of count runs, as committed now; NULL: it is not
 * over. owners gets who owns each, InvalidOid: there is no such run. Both are
 * allocated here.
 */
extern char **run_status_read(const int64 *run_ids, int count, Oid **owners);

#endif							/* TASKLY_RUN_STATUS_STORE_H */
