/*-------------------------------------------------------------------------
 *
 * reason_store.h
 *	  Why a run does not run now, as far as tables and shared memory tell.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_REASON_STORE_H
#define TASKLY_REASON_STORE_H

#include "taskly.h"

typedef struct RunReason
{
	Oid			owner;
	bool		is_shell;
	TimestampTz due_since;
	char	   *reason;			/* NULL: the tables have none, so it is due */
	char	   *rate;			/* the rate that it may wait for; NULL: none */
} RunReason;

/* As committed now, and changed by this transaction; false: neither pending nor in history. */
extern bool reason_store_read(int64 run_id, RunReason *reason);

#endif							/* TASKLY_REASON_STORE_H */
