/*-------------------------------------------------------------------------
 *
 * guc.c
 *	  The settings of taskly. What guards rights or memory is fixed at server
 *	  start; what an administrator tunes is read again on reload.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "pgtime.h"
#include "utils/guc.h"

#include "server/guc.h"

bool		taskly_enabled = true;
int			taskly_max_databases = 16;
int			taskly_max_workers = 4;
int			taskly_max_shell_runs = 32;
bool		taskly_enable_shell = false;
char	   *taskly_timezone = NULL;
char	   *taskly_on_failure = NULL;
int			taskly_ready_limit = 100000;
int			taskly_flush_after_ms = 10;
int			taskly_worker_idle_timeout_ms = 60000;
int			taskly_worker_max_runs = 1000000;
int			taskly_kill_grace_ms = 5000;
int			taskly_output_limit = 65536;
int			taskly_history_retention_s = 7 * 24 * 3600;
int			taskly_history_max_size_mb = 10 * 1024;
bool		taskly_log_runs = false;

/* Accept only zones that PostgreSQL's own tables know. */
static bool
check_timezone(char **newval, void **extra, GucSource source)
{
	pg_tz	   *zone = pg_tzset(*newval);

	if (zone == NULL || !pg_tz_acceptable(zone))
	{
		GUC_check_errdetail("Time zone \"%s\" is not recognized.", *newval);
		return false;
	}
	return true;
}

/* Sizes of shared memory: fixed at server start. */
static void
define_limits(void)
{
	DefineCustomIntVariable("taskly.max_databases",
							"Databases of this server that may use taskly at the same time.",
							NULL, &taskly_max_databases, 16, 1, 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.max_workers",
							"Background workers of this server that execute SQL runs.",
							NULL, &taskly_max_workers, 4, 1, 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.max_shell_runs",
							"Shell runs of this server that run at the same time.",
							NULL, &taskly_max_shell_runs, 32, 1, 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("taskly.enable_shell",
							 "Allows shell tasks to members of pg_execute_server_program.",
							 "A shell task runs as the server's operating system user.",
							 &taskly_enable_shell, false,
							 PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

/* Processes: what an administrator changes with a reload. */
static void
define_processes(void)
{
	DefineCustomBoolVariable("taskly.enabled",
							 "Starts due runs; when off, running ones finish and no other starts.",
							 NULL, &taskly_enabled, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.ready_limit",
							"Waiting runs that a scheduler holds in memory.",
							"Further ones stay in their table and are read when there is room.",
							&taskly_ready_limit, 100000, 100, 10000000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.flush_after",
							"Longest time that finished SQL runs wait for the flush that makes them durable.",
							NULL, &taskly_flush_after_ms, 10, 0, 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.worker_idle_timeout",
							"Time after which a worker without runs exits.",
							NULL, &taskly_worker_idle_timeout_ms, 60000, 1000, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.worker_max_runs",
							"Runs after which a worker is replaced by a new process.",
							NULL, &taskly_worker_max_runs, 1000000, 1, INT_MAX,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.kill_grace",
							"Time between SIGTERM and SIGKILL for a shell run that must end.",
							NULL, &taskly_kill_grace_ms, 5000, 0, 3600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.output_limit",
							"Bytes of a shell run's output that are kept, half from its start and half from its end.",
							NULL, &taskly_output_limit, 65536, 1024, 16 * 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomBoolVariable("taskly.log_runs",
							 "Writes the end of each run to the server log.",
							 NULL, &taskly_log_runs, false,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/* History and defaults of tasks. */
static void
define_defaults(void)
{
	DefineCustomIntVariable("taskly.history_retention",
							"Time for which finished runs are kept.",
							NULL, &taskly_history_retention_s, 7 * 24 * 3600, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("taskly.history_max_size",
							"Size of history beyond which the oldest part is dropped early.",
							NULL, &taskly_history_max_size_mb, 10 * 1024, 1, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomStringVariable("taskly.timezone",
							   "Time zone of schedules that name none.",
							   NULL, &taskly_timezone, "UTC",
							   PGC_SUSET, 0, check_timezone, NULL, NULL);
	DefineCustomStringVariable("taskly.on_failure",
							   "Task that is enqueued when a run ends badly and its task names none.",
							   NULL, &taskly_on_failure, "",
							   PGC_SUSET, 0, NULL, NULL, NULL);
}

void
guc_define(bool is_preloaded)
{
	if (is_preloaded)
		define_limits();
	define_processes();
	define_defaults();
	/* taskly.run_id and taskly.args are defined by current_run.c */
}
