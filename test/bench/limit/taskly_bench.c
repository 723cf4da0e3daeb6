/*-------------------------------------------------------------------------
 *
 * taskly_bench.c
 *	  What script/bench measures with: the in-server limit, and the instant of
 *	  a commit.
 *
 * The limit is what a process inside the server reaches that does only what an
 * executor of runs must do, with nobody to tell it what comes next: delete the
 * queue's row by key, execute a command given as text, insert a row of history,
 * in a transaction of its own whose commit does not wait for the disk.
 *
 * Each worker takes a share of consecutive run_ids. They begin at the same
 * instant, so that starting them is no part of the measurement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

#define MAX_WORKERS		64
/* Time for all workers to connect and prepare. */
#define START_DELAY_MS	500
#define COMMAND_SIZE	88

typedef struct Share
{
	Oid			database;
	Oid			role;
	int64		first;
	int64		count;
	TimestampTz begin_at;
	char		command[COMMAND_SIZE];
} Share;

StaticAssertDecl(sizeof(Share) <= BGW_EXTRALEN, "what a worker is told must fit");

static SPIPlanPtr delete_plan;
static SPIPlanPtr history_plan;
static SPIPlanPtr worker_plan;
static TimestampTz committed_at = 0;

void		_PG_init(void);
PGDLLEXPORT void taskly_bench_limit_main(Datum arg);

PG_FUNCTION_INFO_V1(taskly_bench_limit_v1);
PG_FUNCTION_INFO_V1(taskly_bench_committed_at_v1);

/* ------------------------------------------------------------------------
 * The instant of a commit
 * ------------------------------------------------------------------------ */

/*
 * Callbacks that were registered last are called first: this one is loaded by
 * its first call, after taskly, so the instant is before taskly wakes anybody.
 */
static void
note_commit(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
		committed_at = GetCurrentTimestamp();
}

void
_PG_init(void)
{
	RegisterXactCallback(note_commit, NULL);
}

Datum
taskly_bench_committed_at_v1(PG_FUNCTION_ARGS)
{
	if (committed_at == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(committed_at);
}

/* ------------------------------------------------------------------------
 * A worker
 * ------------------------------------------------------------------------ */

static void
begin_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
end_transaction(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

static SPIPlanPtr
keep_plan(const char *sql, int nargs, Oid *argtypes)
{
	SPIPlanPtr	plan = SPI_prepare(sql, nargs, argtypes);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql,
			 SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

static void
prepare_plans(void)
{
	Oid			argtypes[] = {INT8OID, TIMESTAMPTZOID};

	begin_transaction();
	delete_plan = keep_plan("DELETE FROM bench.queue WHERE run_id = $1", 1, argtypes);
	history_plan = keep_plan("INSERT INTO bench.history "
							 "VALUES ($1, 'succeeded', $2, pg_catalog.clock_timestamp())",
							 2, argtypes);
	worker_plan = keep_plan("INSERT INTO bench.worker "
							"VALUES ($1, $2, pg_catalog.clock_timestamp())",
							2, argtypes);
	end_transaction();
}

/* Execute a kept statement that must concern one row. */
static void
execute_plan(SPIPlanPtr plan, int64 number, TimestampTz at)
{
	Datum		values[] = {Int64GetDatum(number), TimestampTzGetDatum(at)};
	int			code = SPI_execute_plan(plan, values, NULL, false, 0);

	if (code < 0 || SPI_processed != 1)
		elog(ERROR, "statement for " INT64_FORMAT " concerned " UINT64_FORMAT " rows: %s",
			 number, SPI_processed, SPI_result_code_string(code));
}

static void
execute_run(int64 run_id, const char *command)
{
	TimestampTz started_at = GetCurrentTimestamp();

	begin_transaction();
	execute_plan(delete_plan, run_id, started_at);
	if (SPI_execute(command, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\": %s", command,
			 SPI_result_code_string(SPI_result));
	execute_plan(history_plan, run_id, started_at);
	end_transaction();
}

static void
wait_until(TimestampTz at)
{
	long		left_ms;

	while ((left_ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), at)) > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 left_ms, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

void
taskly_bench_limit_main(Datum arg)
{
	Share		share;
	TimestampTz started_at;

	memcpy(&share, MyBgworkerEntry->bgw_extra, sizeof(share));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(share.database, share.role, 0);
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION);
	prepare_plans();

	wait_until(share.begin_at);
	started_at = GetCurrentTimestamp();
	for (int64 i = 0; i < share.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		execute_run(share.first + i, share.command);
	}
	begin_transaction();
	execute_plan(worker_plan, share.count, started_at);
	end_transaction();
}

/* ------------------------------------------------------------------------
 * All of them
 * ------------------------------------------------------------------------ */

static BackgroundWorkerHandle *
start_worker(const Share *share)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "taskly_bench", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "taskly_bench_limit_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "bench limit", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "bench limit", BGW_MAXLEN);
	memcpy(worker.bgw_extra, share, sizeof(*share));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start a background worker"),
				 errhint("Increase max_worker_processes.")));
	return handle;
}

Datum
taskly_bench_limit_v1(PG_FUNCTION_ARGS)
{
	int			workers = PG_GETARG_INT32(0);
	int64		runs = PG_GETARG_INT64(1);
	char	   *command = text_to_cstring(PG_GETARG_TEXT_PP(2));
	BackgroundWorkerHandle *handles[MAX_WORKERS];
	Share		share = {MyDatabaseId, GetUserId(), 1};

	if (workers < 1 || workers > MAX_WORKERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid number of workers: %d", workers),
				 errdetail("There can be 1 to %d.", MAX_WORKERS)));
	if (strlcpy(share.command, command, COMMAND_SIZE) >= COMMAND_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("command is too long"),
				 errdetail("It can have %d bytes.", COMMAND_SIZE - 1)));
	share.begin_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), START_DELAY_MS);
	for (int i = 0; i < workers; i++)
	{
		share.count = runs * (i + 1) / workers - runs * i / workers;
		handles[i] = start_worker(&share);
		share.first += share.count;
	}
	for (int i = 0; i < workers; i++)
		(void) WaitForBackgroundWorkerShutdown(handles[i]);
	PG_RETURN_VOID();
}
