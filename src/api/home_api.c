/*-------------------------------------------------------------------------
 *
 * home_api.c
 *	  SQL functions about a database's tasks as a whole: pause_all,
 *	  resume_all, adopt, and the trigger that sees rows written around the API.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "miscadmin.h"

#include "api/common.h"
#include "server/clock.h"
#include "server/shmem.h"
#include "server/txn.h"
#include "server/wake.h"
#include "store/catalog.h"
#include "store/home_store.h"
#include "store/queue_cache.h"
#include "store/quota_store.h"

PG_FUNCTION_INFO_V1(taskly_pause_all_v1);
PG_FUNCTION_INFO_V1(taskly_resume_all_v1);
PG_FUNCTION_INFO_V1(taskly_adopt_v1);
PG_FUNCTION_INFO_V1(taskly_rows_changed_v1);

/* pause_all(reason text, until timestamptz) RETURNS boolean: was it not in force? */
Datum
taskly_pause_all_v1(PG_FUNCTION_ARGS)
{
	char	   *reason = arg_text(fcinfo, 0);
	TimestampTz until = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	HomeRow		home;

	begin_writing_call("taskly.pause_all()");
	require_administrator("taskly.pause_all()");
	(void) catalog_home_id_or_error();
	if (reason != NULL)
		check_text("reason", reason);
	if (until <= taskly_now())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("until must be in the future")));
	(void) home_store_read(&home);
	home_store_pause(reason, until);
	wake_for_settings();
	PG_RETURN_BOOL(!home.is_paused);
}

/* resume_all() RETURNS boolean: was a pause in force? */
Datum
taskly_resume_all_v1(PG_FUNCTION_ARGS)
{
	bool		was_paused;

	begin_writing_call("taskly.resume_all()");
	require_administrator("taskly.resume_all()");
	was_paused = home_store_resume();
	wake_for_settings();
	PG_RETURN_BOOL(was_paused);
}

/*
 * adopt() RETURNS bigint: how many tasks and runs came along.
 *
 * The install script calls it, too, and must not need the preload: an
 * extension can be installed before the server is restarted.
 */
Datum
taskly_adopt_v1(PG_FUNCTION_ARGS)
{
	int64		adopted;

	PreventCommandIfReadOnly("taskly.adopt()");
	require_administrator("taskly.adopt()");
	if (!shmem_is_ready())
		ereport(WARNING,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("taskly is not loaded by the server, so that no task will run"),
				 errhint("Add \"taskly\" to shared_preload_libraries and restart the server.")));
	adopted = home_store_adopt();
	/* A copied database has no scheduler yet. */
	wake_launcher_for_extension();
	PG_RETURN_INT64(adopted);
}

/*
 * Statement trigger on the tables that a scheduler holds in memory. What
 * taskly itself writes is told row by row; of what anybody else writes (an
 * administrator, a restore) only that it happened is known.
 */
Datum
taskly_rows_changed_v1(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function was not called by a trigger")));
	if (!bookkeeping_is_active())
	{
		quota_store_forget_at_commit();
		queue_cache_forget_at_commit();
		wake_for_everything();
	}
	return PointerGetDatum(NULL);
}
