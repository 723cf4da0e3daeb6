/*-------------------------------------------------------------------------
 *
 * cancel_api.c
 *	  cancel(): a waiting run is deleted here, a running one asked to stop when the
 *	  transaction commits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"

#include "api/common.h"
#include "api/run_args.h"
#include "api/run_change.h"
#include "api/unique_args.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/wake.h"
#include "store/history_store.h"
#include "store/home_store.h"
#include "store/queue_key_store.h"
#include "store/run_store.h"

PG_FUNCTION_INFO_V1(taskly_cancel_v1);
PG_FUNCTION_INFO_V1(taskly_cancel_many_v1);

/* Ask at commit; the process that runs it records the end. */
static ChangeResult
cancel_running(int64 run_id)
{
	int			entry = activity_find(run_id);

	if (entry < 0)
		return CHANGE_NOT_POSSIBLE;
	wake_to_cancel(entry, run_id);
	return CHANGE_DONE;
}

void
cancelled_end(RunEnd *end, int *history_slot)
{
	HomeRow		home = {0};

	memset(end, 0, sizeof(*end));
	end->status = RUN_CANCELLED;
	end->is_final = true;
	end->finished_at = taskly_now();
	end->rows = end->exit_code = end->output_bytes = -1;
	end->message = psprintf("cancelled by role \"%s\"", role_name(GetUserId()));
	if (!home_store_read(&home))
		(void) catalog_home_id_or_error();
	*history_slot = home.history_slot;
}

void
cancelled_settle_key(const RunRow *row)
{
	if (!run_is_null(row, RUN_COL_KEY) &&
		queue_key_store_unblock(run_int32(row, RUN_COL_QUEUE_ID), run_row_text(row, RUN_COL_KEY),
								run_int64(row, RUN_COL_RUN_ID)))
		wake_for_settings();
}

/* The row is deleted; leave its end in history. It blocks its key no more. */
static void
record_cancelled(const RunRow *row)
{
	RunEnd		end;
	int			slot;

	cancelled_end(&end, &slot);
	history_store_insert(row, &end, slot);
	cancelled_settle_key(row);
}

static ChangeResult
cancel_waiting(int64 run_id, RunRow *row)
{
	unique_hold(row);
	switch (run_store_take(run_id, &row->ctid, row))
	{
		case CLAIM_OK:
			record_cancelled(row);
			wake_for_runs(run_id, 1);
			return CHANGE_DONE;
		case CLAIM_LOCKED:
			/* A worker that has just claimed it is about to show it. */
			if (cancel_running(run_id) == CHANGE_DONE)
				return CHANGE_DONE;
			break;
		case CLAIM_GONE:
		case CLAIM_CHANGED:
			break;
	}
	return CHANGE_LOOK_AGAIN;
}

static ChangeResult
cancel_run(int64 run_id, bool is_strict)
{
	RunRow		row;
	char	   *status;

	if (run_store_get(run_id, NULL, &row) == CLAIM_OK)
	{
		if (!may_manage(run_oid(&row, RUN_COL_OWNER)))
			return CHANGE_NOT_FOUND;
		if (!run_is_null(&row, RUN_COL_STARTED_AT))
			return cancel_running(run_id);
		return cancel_waiting(run_id, &row);
	}
	if (history_store_find(run_id, &row, &status) &&
		may_manage(run_oid(&row, RUN_COL_OWNER)))
		return CHANGE_NOT_POSSIBLE;
	return CHANGE_NOT_FOUND;
}

/* cancel(run_id bigint) RETURNS boolean */
Datum
taskly_cancel_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.cancel()");
	return change_one(cancel_run, PG_GETARG_INT64(0));
}

/* cancel(run_ids bigint[]) RETURNS bigint */
Datum
taskly_cancel_many_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.cancel()");
	/* As array_agg() of no rows is. */
	if (PG_ARGISNULL(0))
		PG_RETURN_INT64(0);
	return change_many(cancel_run, cancel_in_bulk, PG_GETARG_ARRAYTYPE_P(0));
}
