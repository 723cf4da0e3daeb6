/*-------------------------------------------------------------------------
 *
 * run_presence.h
 *	  Is a run's row there?
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_PRESENCE_H
#define TASKLY_RUN_PRESENCE_H

#include "taskly.h"

/*
 * True when pending_run has a row of this run that is committed, or that some
 * open transaction has inserted or is deleting. Never waits.
 */
extern bool run_presence_test(int64 run_id);
extern void run_presence_test_many(const int64 *run_ids, int count, bool *is_there);

/* The open transaction that is deleting the run's row, if there is one. */
extern TransactionId run_presence_deleter(int64 run_id);

/* True when the active snapshot sees such a row. */
extern bool run_presence_visible(int64 run_id);

#endif							/* TASKLY_RUN_PRESENCE_H */
