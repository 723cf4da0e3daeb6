/*-------------------------------------------------------------------------
 *
 * wait_api.c
 *	  wait(): sleep until a run is over.
 *
 * The schedulers broadcast a condition variable when runs have ended; a coarse
 * timer heals what a scheduler that died could not say. Each look takes a new
 * snapshot, so that wait() ends in a REPEATABLE READ transaction too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "api/common.h"
#include "api/run_args.h"
#include "compat.h"
#include "server/clock.h"
#include "server/current_run.h"
#include "server/database.h"
#include "server/shmem.h"
#include "server/wake.h"
#include "store/history_store.h"
#include "store/run_store.h"

/* Look again after so long, even when nobody called. */
#define SAFETY_NAP_MS	1000

PG_FUNCTION_INFO_V1(taskly_wait_v1);

/* NULL: it is not over yet. An error when there is none that the caller may see. */
static char *
final_status(int64 run_id)
{
	RunRow		row;
	char	   *status = NULL;
	bool		is_pending;
	bool		may_see;

	push_newest_snapshot();
	is_pending = run_store_get(run_id, NULL, &row) == CLAIM_OK;
	may_see = (is_pending || history_store_find(run_id, &row, &status)) &&
		may_read(run_oid(&row, RUN_COL_OWNER));
	pop_newest_snapshot();
	if (!may_see)
		run_not_found(run_id);
	return is_pending ? NULL : status;
}

/* A run in execution: its own row may be gone already, by its own transaction. */
static void
refuse_own_run(int64 run_id)
{
	const CurrentRun *current = current_run_get();

	if (current != NULL && current->run_id == run_id)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run " INT64_FORMAT " cannot wait for itself", run_id)));
}

static void
refuse_uncommitted_run(int64 run_id)
{
	if (wake_has_run(run_id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run " INT64_FORMAT " cannot start before this transaction ends",
						run_id),
				 errdetail("It was enqueued or changed by this transaction."),
				 errhint("Commit before you wait.")));
}

/* Monotonic instant at which to give up. */
static int64
give_up_at(Interval *timeout)
{
	int64		length_us;

	if (timeout == NULL)
		return PG_INT64_MAX;
	length_us = interval_to_us(timeout);
	if (length_us < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must not be negative")));
	if (length_us > PG_INT64_MAX / 2)
		return PG_INT64_MAX;
	return taskly_monotonic_us() + length_us;
}

/* Sleep until runs have ended somewhere, or for a while. */
static void
nap(int64 give_up_us)
{
	int64		left_us = give_up_us - taskly_monotonic_us();
	long		nap_ms = (long) Min(SAFETY_NAP_MS, (left_us + 999) / 1000);
	int			entry = database_my_entry();

	if (entry >= 0)
	{
		(void) ConditionVariableTimedSleep(database_finished_cv(entry), nap_ms,
										   TASKLY_WAIT_EVENT("TasklyWaitForRun"));
		return;
	}

	/* No scheduler yet. */
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 nap_ms, TASKLY_WAIT_EVENT("TasklyWaitForRun"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
prepare_nap(void)
{
	int			entry = database_my_entry();

	if (entry >= 0)
		ConditionVariablePrepareToSleep(database_finished_cv(entry));
}

/* wait(run_id bigint, timeout interval) RETURNS text */
Datum
taskly_wait_v1(PG_FUNCTION_ARGS)
{
	int64		run_id;
	int64		give_up_us;
	char	   *status;

	shmem_require();
	run_id = required_int64(fcinfo, 0, "run_id");
	give_up_us = give_up_at(PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1));
	refuse_own_run(run_id);
	status = final_status(run_id);
	if (status == NULL)
		refuse_uncommitted_run(run_id);

	/* Prepared before each look, so that no call between look and sleep is missed. */
	prepare_nap();
	while (status == NULL && taskly_monotonic_us() < give_up_us)
	{
		status = final_status(run_id);
		if (status == NULL)
			nap(give_up_us);
	}
	ConditionVariableCancelSleep();

	if (status == NULL)
		status = final_status(run_id);
	if (status == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(status));
}
