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
#include "store/run_presence.h"
#include "store/run_status_store.h"

/* Look again after so long, even when nobody called. */
#define SAFETY_NAP_MS	1000

/* Runs to wait for. */
typedef struct WaitList
{
	int			count;
	int64	   *run_ids;
	int32	   *queue_ids;		/* of those that were seen to wait; 0: not yet */
	bool		any_of;
	int			last;			/* all: those behind it are over */
} WaitList;

PG_FUNCTION_INFO_V1(taskly_wait_v1);
PG_FUNCTION_INFO_V1(taskly_wait_many_v1);

/* ------------------------------------------------------------------------
 * What cannot be waited for
 * ------------------------------------------------------------------------ */

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

/* ------------------------------------------------------------------------
 * What has become of the runs
 * ------------------------------------------------------------------------ */

/*
 * The status of a run that is neither waiting nor in history. One that was not
 * seen to wait may have ended before, where there are queues that do not keep
 * all: that is said of any that was made, since nobody knows better.
 */
static const char *
status_of_gone(int64 run_id, int32 queue_id, int64 last_unkept)
{
	const char *status = NULL;

	if (queue_id != 0)
		status = status_without_history(queue_id);
	else if (run_id > 0 && run_id <= last_unkept && !run_presence_test(run_id))
		status = "finished";
	if (status == NULL)
		run_not_found(run_id);
	return status;
}

/*
 * The status of each, in one look; NULL: it is not over. An error when one is
 * not there for the caller, or could never end.
 */
static const char **
final_statuses(WaitList *list)
{
	RunState   *states = run_status_read(list->run_ids, list->count);
	const char **statuses = palloc(sizeof(char *) * Max(list->count, 1));
	int64		last_unkept = -1;

	for (int i = 0; i < list->count; i++)
	{
		int64		run_id = list->run_ids[i];

		statuses[i] = states[i].status;
		if (!OidIsValid(states[i].owner))
		{
			if (last_unkept < 0)
				last_unkept = run_status_last_unkept();
			statuses[i] = status_of_gone(run_id, list->queue_ids[i], last_unkept);
		}
		else if (!may_read(states[i].owner))
			run_not_found(run_id);
		else if (statuses[i] == NULL)
		{
			refuse_uncommitted_run(run_id);
			list->queue_ids[i] = states[i].queue_id;
		}
	}
	return statuses;
}

/* ------------------------------------------------------------------------
 * Waiting
 * ------------------------------------------------------------------------ */

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
is_over(WaitList *list, const char **statuses)
{
	int			ended = 0;

	for (int i = 0; i < list->count; i++)
		ended += statuses[i] != NULL;
	list->last = list->count - 1;
	return ended == list->count || (list->any_of && ended > 0);
}

static const char **
wait_for_list(WaitList *list, int64 give_up_us)
{
	const char **statuses = final_statuses(list);

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

/* ------------------------------------------------------------------------
 * The calls
 * ------------------------------------------------------------------------ */

/* wait(run_id bigint, timeout interval) RETURNS text */
Datum
taskly_wait_v1(PG_FUNCTION_ARGS)
{
	int64		run_id;
	int32		queue_id = 0;
	WaitList	list = {1, &run_id, &queue_id};
	int64		give_up_us;
	const char *status;

	shmem_require();
	run_id = required_int64(fcinfo, 0, "run_id");
	give_up_us = give_up_at(PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1));
	refuse_own_run(run_id);
	status = wait_for_list(&list, give_up_us)[0];
	if (status == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(status));
}

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
	list->queue_ids = palloc0(sizeof(int32) * Max(list->count, 1));
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
}

/* wait(run_ids bigint[], timeout interval, any_of boolean) RETURNS TABLE (run_id, status) */
Datum
taskly_wait_many_v1(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	WaitList	list;
	int64		give_up_us;
	const char **statuses;

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
