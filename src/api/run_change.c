/*-------------------------------------------------------------------------
 *
 * run_change.c
 *	  What cancel() and retry() share: one run, and many.
 *
 * Neither ever waits, for a running run or for another session. Each look at
 * the tables takes a new snapshot, whatever the caller's isolation level is: a
 * run moves on all the time, and what counts is where it is now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"

#include "api/run_args.h"
#include "api/run_change.h"
#include "compat.h"

/* A run whose row changes each time we look is given up after so many looks. */
#define MAX_LOOKS	10

static ChangeResult
change_run(RunChange change, int64 run_id, bool is_strict)
{
	ChangeResult result = CHANGE_LOOK_AGAIN;

	for (int i = 0; i < MAX_LOOKS && result == CHANGE_LOOK_AGAIN; i++)
	{
		CHECK_FOR_INTERRUPTS();
		/* A worker needs a moment from its claim until it shows the run. */
		if (i > 0)
			(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1,
							 TASKLY_WAIT_EVENT("TasklyChangeRun"));
		push_newest_snapshot();
		result = change(run_id, is_strict);
		pop_newest_snapshot();
	}
	return result;
}

Datum
change_one(RunChange change, int64 run_id)
{
	ChangeResult result = change_run(change, run_id, true);

	if (result == CHANGE_NOT_FOUND)
		run_not_found(run_id);
	return BoolGetDatum(result == CHANGE_DONE);
}

/* First what can be changed in bulk, then what needs a closer look. */
Datum
change_many(RunChange change, BulkChange change_in_bulk, ArrayType *array)
{
	int64	   *run_ids;
	int			count = read_run_ids(array, &run_ids);
	int64		changed = change_in_bulk(run_ids, count);

	for (int i = 0; i < count; i++)
	{
		if (run_ids[i] != 0 && change_run(change, run_ids[i], false) == CHANGE_DONE)
			changed++;
	}
	return Int64GetDatum(changed);
}
