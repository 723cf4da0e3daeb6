/*-------------------------------------------------------------------------
 *
 * wait_api.c
 *	  wait(): sleep until a run is over, or several.
 *
 * The schedulers broadcast a condition variable when runs have ended; a coarse
 * timer heals what a scheduler that died could not say. Each look takes a new
 * snapshot, so that wait() ends in a REPEATABLE READ transaction too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "utils/array.h"
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
#include "store/run_presence.h"
#include "store/run_status_store.h"
#include "store/run_store.h"

/* Look again after so long, even when nobody called. */
#define SAFETY_NAP_MS	1000

/* Runs to wait for. */
typedef struct WaitList
{
	int			count;
	int64	   *run_ids;
	bool		any_of;
	int			last;			/* all: those behind it are over */
} WaitList;

PG_FUNCTION_INFO_V1(taskly_wait_v1);
PG_FUNCTION_INFO_V1(taskly_wait_many_v1);

/*
 * NULL: it is not over yet. An error when there is none that the caller may see.
 * queue_id: of the run when it was seen to wait, here or by an earlier call.
 */
static const char *
final_status(int64 run_id, int32 *queue_id)
{
	RunRow		row;
	char	   *kept = NULL;
	const char *status;
	bool		is_pending;
	bool		may_see;

	push_newest_snapshot();
	is_pending = run_store_get(run_id, NULL, &row) == CLAIM_OK;
	may_see = (is_pending || history_store_find(run_id, &row, &kept)) &&
		may_read(run_oid(&row, RUN_COL_OWNER));
	pop_newest_snapshot();
	status = kept;
	if (!may_see && *queue_id != 0)
		status = status_without_history(*queue_id);
	if (!may_see && status == NULL)
		run_not_found(run_id);
	if (is_pending)
		*queue_id = run_int32(&row, RUN_COL_QUEUE_ID);
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
	int32		queue_id = 0;
	const char *status;

	shmem_require();
	run_id = required_int64(fcinfo, 0, "run_id");
	give_up_us = give_up_at(PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1));
	refuse_own_run(run_id);
	status = final_status(run_id, &queue_id);
	if (status == NULL)
		refuse_uncommitted_run(run_id);

	/* Prepared before each look, so that no call between look and sleep is missed. */
	prepare_nap();
	while (status == NULL && taskly_monotonic_us() < give_up_us)
	{
		status = final_status(run_id, &queue_id);
		if (status == NULL)
			nap(give_up_us);
	}
	ConditionVariableCancelSleep();

	if (status == NULL)
		status = final_status(run_id, &queue_id);
	if (status == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(status));
}

/* ------------------------------------------------------------------------
 * Several runs
 * ------------------------------------------------------------------------ */

static void
read_list(FunctionCallInfo fcinfo, WaitList *list)
{
	Datum	   *items;
	bool	   *nulls;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "run_ids")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &items, &nulls, &list->count);
	list->run_ids = palloc(sizeof(int64) * Max(list->count, 1));
	for (int i = 0; i < list->count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a run_id must not be null")));
		list->run_ids[i] = DatumGetInt64(items[i]);
		refuse_own_run(list->run_ids[i]);
	}
	list->any_of = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	list->last = list->count - 1;
}

/*
 * The status of each, in one look; NULL: it is not over. An error when one is
 * not there for the caller, or could never end.
 */
static char **
final_statuses(const WaitList *list)
{
	char	  **statuses;
	Oid		   *owners;

	statuses = run_status_read(list->run_ids, list->count, &owners);
	for (int i = 0; i < list->count; i++)
	{
		if (!OidIsValid(owners[i]) || !may_read(owners[i]))
			run_not_found(list->run_ids[i]);
		if (statuses[i] == NULL)
			refuse_uncommitted_run(list->run_ids[i]);
	}
	return statuses;
}

/*
 * Is the waiting over, as far as waiting rows tell? Of all, each is looked at
 * until it is over, whatever the order is in which they end.
 */
static bool
looks_over(WaitList *list)
{
	bool		result = false;

	push_newest_snapshot();
	if (list->any_of)
	{
		for (int i = 0; i < list->count && !result; i++)
			result = !run_presence_visible(list->run_ids[i]);
	}
	else
	{
		while (list->last >= 0 && !run_presence_visible(list->run_ids[list->last]))
			list->last--;
		result = list->last < 0;
	}
	pop_newest_snapshot();
	return result;
}

/* One that ended may have been put back by retry() meanwhile: then it goes on. */
static bool
is_over(WaitList *list, char **statuses)
{
	int			ended = 0;

	for (int i = 0; i < list->count; i++)
		ended += statuses[i] != NULL;
	list->last = list->count - 1;
	return ended == list->count || (list->any_of && ended > 0);
}

static char **
wait_for_list(WaitList *list, int64 give_up_us)
{
	char	  **statuses = final_statuses(list);

	prepare_nap();
	while (!is_over(list, statuses) && taskly_monotonic_us() < give_up_us)
	{
		while (!looks_over(list) && taskly_monotonic_us() < give_up_us)
			nap(give_up_us);
		statuses = final_statuses(list);
	}
	ConditionVariableCancelSleep();
	return statuses;
}

/* wait(run_ids bigint[], timeout interval, any_of boolean) RETURNS TABLE (run_id, status) */
Datum
taskly_wait_many_v1(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	WaitList	list;
	int64		give_up_us;
	char	  **statuses;

	shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	read_list(fcinfo, &list);
	give_up_us = give_up_at(PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1));
	statuses = wait_for_list(&list, give_up_us);
	for (int i = 0; i < list.count; i++)
	{
		Datum		values[2] = {Int64GetDatum(list.run_ids[i])};
		bool		nulls[2] = {false, statuses[i] == NULL};

		if (statuses[i] != NULL)
			values[1] = CStringGetTextDatum(statuses[i]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
