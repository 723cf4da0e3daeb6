/*-------------------------------------------------------------------------
 *
 * taskly.c
 *	  Wiring: what happens when the server loads taskly.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "process/hooks.h"
#include "process/process.h"
#include "server/crash.h"
#include "server/current_run.h"
#include "server/guc.h"
#include "server/run_request.h"
#include "server/shmem.h"
#include "server/wake.h"
#include "taskly.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	guc_define(process_shared_preload_libraries_in_progress);
	current_run_define_settings();
	MarkGUCPrefixReserved("taskly");
	wake_install();
	run_request_install();

	/* Loaded by a session, or by pg_upgrade: no processes, no shared memory. */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	shmem_install_hooks();
	crash_recorder_create();
	hooks_install();
	process_register_launcher();
}

const char *
run_status_name(RunStatus status)
{
	switch (status)
	{
		case RUN_SCHEDULED:
			return "scheduled";
		case RUN_QUEUED:
			return "queued";
		case RUN_WAITING:
			return "waiting";
		case RUN_RETRYING:
			return "retrying";
		case RUN_RUNNING:
			return "running";
		case RUN_SUCCEEDED:
			return "succeeded";
		case RUN_FAILED:
			return "failed";
		case RUN_TIMED_OUT:
			return "timed_out";
		case RUN_CANCELLED:
			return "cancelled";
		case RUN_EXPIRED:
			return "expired";
		case RUN_LOST:
			return "lost";
		case RUN_SKIPPED:
			return "skipped";
		case RUN_DENIED:
			return "denied";
		case RUN_QUARANTINED:
			return "quarantined";
	}
	return NULL;
}

bool
run_status_is_failure(RunStatus status)
{
	switch (status)
	{
		case RUN_FAILED:
		case RUN_TIMED_OUT:
		case RUN_EXPIRED:
		case RUN_LOST:
		case RUN_DENIED:
		case RUN_QUARANTINED:
			return true;
		default:
			return false;
	}
}
