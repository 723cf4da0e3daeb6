/*-------------------------------------------------------------------------
 *
 * why_api.c
 *	  why(): what keeps a run from running now.
 *
 * The store says what tables and the runs in execution tell. Where they have no
 * reason the run is due, and it is about rights, workers or a rate.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "api/run_args.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/current_run.h"
#include "server/guc.h"
#include "server/rights.h"
#include "server/slot.h"
#include "server/wake.h"
#include "store/reason_store.h"

/* What starts at once has started by then. */
#define SOON_US		USECS_PER_SEC

PG_FUNCTION_INFO_V1(taskly_why_v1);

/* Worker slots, of the whole server, and those of one role in this database. */
typedef struct WorkerCounts
{
	int			taken;
	int			of_role;
	int			idle;			/* of the role */
} WorkerCounts;

static WorkerCounts
count_workers(Oid role)
{
	WorkerCounts counts = {0};

	for (int i = 0; i < taskly_max_workers; i++)
	{
		SlotInfo	info;
		Activity	activity;

		if (!slot_info(i, &info) || info.state == SLOT_FREE)
			continue;
		counts.taken++;
		if (info.database != MyDatabaseId || info.role != role || info.is_retiring)
			continue;
		counts.of_role++;
		if (info.state == SLOT_READY && info.assigned == 0 && !activity_get(i, &activity))
			counts.idle++;
	}
	return counts;
}

static char *
why_no_worker(Oid role, bool is_late)
{
	WorkerCounts counts = count_workers(role);

	if (counts.idle > 0)
		return NULL;
	if (counts.taken >= taskly_max_workers)
		return psprintf("All %d workers are taken: see taskly.max_workers.", taskly_max_workers);
	if (counts.of_role > 0)
		return psprintf("The workers of its owner \"%s\" are busy: %d.", role_name(role),
						counts.of_role);
	if (!is_late)
		return pstrdup("A worker is started for it.");
	return psprintf("No worker could be started for its owner \"%s\": "
					"see max_worker_processes and the server log.", role_name(role));
}

static char *
why_no_shell(void)
{
	int			taken = 0;
	Activity	activity;

	for (int i = taskly_max_workers; i < activity_count(); i++)
		taken += activity_get(i, &activity);
	if (taken < taskly_max_shell_runs)
		return NULL;
	return psprintf("As many shell commands are in execution as may be: %d, see taskly.max_shell_runs.",
					taskly_max_shell_runs);
}

static char *
show_time(TimestampTz time)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(time)));
}

/* Nothing in the tables holds it back. */
static char *
why_not_started(int64 run_id, const RunReason *run)
{
	bool		is_late = taskly_now() - run->due_since > SOON_US;
	bool		has_rights = run->is_shell ? rights_may_run_shell(run->owner) : rights_may_run(run->owner);
	char	   *result;

	if (wake_has_run(run_id))
		return pstrdup("It was made or changed by this transaction, and cannot start before that commits.");
	if (!has_rights)
		return psprintf(run->is_shell ?
						"Its owner \"%s\" may not run shell commands in this database, so that it will be denied." :
						"Its owner \"%s\" may not log in to this database, so that it will be denied.",
						role_name(run->owner));
	result = run->is_shell ? why_no_shell() : why_no_worker(run->owner, is_late);
	if (result == NULL && is_late)
		result = run->rate;
	if (result == NULL && is_late)
		result = psprintf("It has been due since %s, and waits for its turn.", show_time(run->due_since));
	return result != NULL ? result : pstrdup("It is about to start.");
}

/* why(run_id bigint) RETURNS text */
Datum
taskly_why_v1(PG_FUNCTION_ARGS)
{
	int64		run_id = required_int64(fcinfo, 0, "run_id");
	const CurrentRun *current = current_run_get();
	RunReason	run;

	/* Its own row may be gone already, by its own transaction. */
	if (current != NULL && current->run_id == run_id)
		PG_RETURN_TEXT_P(cstring_to_text("It is running: it is the run that asks."));
	if (!reason_store_read(run_id, &run) || !may_read(run.owner))
		run_not_found(run_id);
	if (run.reason == NULL)
		run.reason = why_not_started(run_id, &run);
	PG_RETURN_TEXT_P(cstring_to_text(run.reason));
}
