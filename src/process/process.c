/*-------------------------------------------------------------------------
 *
 * process.c
 *	  The common life of taskly's background processes.
 *
 * All of them are crash-only: an ERROR that nobody expected exits with 1, and
 * the one above (postmaster, launcher, scheduler) starts a new one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "process/alarm.h"
#include "process/process.h"

/* A wake that heals whatever was overlooked. */
#define SAFETY_WAKE_MS		60000
#define LAUNCHER_RESTART_S	1

static bool was_reloaded = false;
static emit_log_hook_type earlier_log_hook = NULL;

static void
fill_worker(BackgroundWorker *worker, const char *kind, const char *name)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker->bgw_library_name, "taskly", sizeof(worker->bgw_library_name));
	snprintf(worker->bgw_function_name, sizeof(worker->bgw_function_name),
			 "taskly_%s_main", kind);
	snprintf(worker->bgw_type, BGW_MAXLEN, "taskly %s", kind);
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
}

void
process_register_launcher(void)
{
	BackgroundWorker worker;

	fill_worker(&worker, "launcher", "taskly launcher");
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	RegisterBackgroundWorker(&worker);
}

bool
process_start(const char *kind, const char *name, const ProcessArgs *args,
			  BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	StaticAssertStmt(sizeof(ProcessArgs) <= BGW_EXTRALEN, "arguments fit");
	fill_worker(&worker, kind, name);
	memcpy(worker.bgw_extra, args, sizeof(*args));
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

void
process_begin(ProcessArgs *args)
{
	memcpy(args, MyBgworkerEntry->bgw_extra, sizeof(*args));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
}

/* A database that was dropped since the process was asked for is nothing to alarm anybody. */
static void
soften_missing_database(ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_UNDEFINED_DATABASE && error->elevel == FATAL)
		error->elevel = LOG;
	if (earlier_log_hook != NULL)
		earlier_log_hook(error);
}

/* The level that is logged changes, not what the error does: it ends the process. */
void
process_connect(const ProcessArgs *args)
{
	earlier_log_hook = emit_log_hook;
	emit_log_hook = soften_missing_database;
	BackgroundWorkerInitializeConnectionByOid(args->database, args->role, 0);
	emit_log_hook = earlier_log_hook;
}

/* A length in milliseconds, rounded up, within the safety wake. */
static long
nap_ms(int64 nap_us)
{
	return (long) Min(nap_us / 1000 + (nap_us % 1000 != 0), SAFETY_WAKE_MS);
}

static void
after_sleep(void)
{
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		was_reloaded = true;
	}
}

void
process_sleep_until(TimestampTz until)
{
	alarm_sleep_until(until, SAFETY_WAKE_MS);
	ResetLatch(MyLatch);
	after_sleep();
}

void
process_nap(int64 nap_us)
{
	(void) WaitLatch(MyLatch,
					 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 nap_ms(Max(nap_us, 0)), TASKLY_WAIT_EVENT("TasklyMain"));
	ResetLatch(MyLatch);
	after_sleep();
}

int
process_wait(WaitEventSet *set, int64 nap_us, WaitEvent *events, int max_events)
{
	int			count = WaitEventSetWait(set, nap_ms(nap_us), events, max_events,
										 TASKLY_WAIT_EVENT("TasklyMain"));

	/* Only what the caller is told of: it may look at no more than that. */
	for (int i = 0; i < count; i++)
	{
		if (events[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
	}
	QueryCancelPending = false;
	after_sleep();
	return count;
}

bool
process_was_reloaded(void)
{
	bool		result = was_reloaded;

	was_reloaded = false;
	return result;
}
