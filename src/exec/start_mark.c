/*-------------------------------------------------------------------------
 *
 * start_mark.c
 *	  The durable mark that an attempt has begun.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "exec/start_mark.h"
#include "server/activity.h"
#include "server/shmem.h"

ClaimResult
start_mark_set(RunRow *row, TimestampTz now)
{
	run_row_set(row, RUN_COL_ATTEMPT,
				Int32GetDatum(run_int32(row, RUN_COL_ATTEMPT) + 1));
	run_row_set(row, RUN_COL_STARTED_AT, TimestampTzGetDatum(now));
	run_row_set(row, RUN_COL_INCARNATION, Int64GetDatum(shmem_incarnation()));
	run_row_set(row, RUN_COL_PID, Int32GetDatum(MyProcPid));
	return run_store_update(row);
}

/*
 * A process shows its run in shared memory before it sets the mark and until
 * its outcome is recorded; so a mark of this life without such an entry is
 * nobody's.
 */
bool
start_mark_is_stale(const RunRow *row)
{
	return run_int64(row, RUN_COL_INCARNATION) != shmem_incarnation() ||
		activity_find(run_int64(row, RUN_COL_RUN_ID)) < 0;
}
