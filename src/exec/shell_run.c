/*-------------------------------------------------------------------------
 *
 * shell_run.c
 *	  One shell run in the hands of a supervisor.
 *
 *	 MARKED --+--> EXECUTE ---child has ended---> RECORD ---> closed
 *			  |									  ^
 *			  +--cancelled before its start-------+
 *			  |
 *			  +--no process or descriptor---> UNDO ---> closed
 *
 * As an autocommit run (autocommit.c), but its middle step takes its time while
 * others go on: a durable start mark, the child, the outcome. kill -9 anywhere
 * between the first and the last leaves the mark; the run is lost then, its guard
 * ends what was started, and on_lost decides.
 *
 * What RECORD and UNDO have to write must not be lost because a lock could not
 * be had, or a disk was full: they try again until it is written, or until the
 * row is not ours any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "utils/memutils.h"

#include "exec/executor.h"
#include "exec/shell_attempt.h"
#include "exec/shell_run.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/txn.h"

#define RETRY_US	INT64CONST(1000000)
#define QUIET_US	INT64CONST(60000000)

typedef enum RunPhase
{
	RUN_PHASE_MARKED,			/* not started yet */
	RUN_PHASE_EXECUTE,			/* has a child */
	RUN_PHASE_UNDO,				/* the start mark is to be taken back */
	RUN_PHASE_RECORD			/* the end is to be recorded */
} RunPhase;

struct ShellRun
{
	MemoryContext context;		/* holds all of this */
	RunPhase	phase;
	ShellAttempt attempt;
	ShellChild *child;			/* until its result has been taken */
	RunStatus	stop_status;	/* why it was told to end; RUN_RUNNING: it was not */
	int64		look_at_us;		/* monotonic: to be serviced by then */
};

static OutcomeKind try_mark(ShellRun *run, const Obstacle **obstacle);
static void start_child(ShellRun *run);
static void log_no_start(int why);
static void plan_look(ShellRun *run);
static void stop_if_due(ShellRun *run);
static void stop(ShellRun *run, RunStatus status);
static bool try_finish(ShellRun *run, Outcome *outcome);
static void take_result(ShellRun *run);
static void judge_result(RunEnd *end, const ShellResult *result);

static void
outcome_init(Outcome *outcome, const Assignment *assignment)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->run_id = assignment->run_id;
	outcome->task_id = assignment->task_id;
	outcome->activity = assignment->activity;
}

/* After an error that concerns this run only: say it, and go on. */
static void
swallow_error(ShellRun *run)
{
	MemoryContextSwitchTo(run->context);
	EmitErrorReport();
	FlushErrorState();
	txn_abort();
	MemoryContextSwitchTo(run->context);
}

/* ------------------------------------------------------------------------
 * Begin
 * ------------------------------------------------------------------------ */

ShellRun *
shell_run_begin(const Assignment *assignment, Outcome *outcome)
{
	MemoryContext old_context = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "taskly supervised run",
												  ALLOCSET_SMALL_SIZES);
	ShellRun   *run = MemoryContextAllocZero(context, sizeof(ShellRun));
	const Obstacle *obstacle = NULL;

	run->context = context;
	run->attempt.assignment = *assignment;
	run->stop_status = RUN_RUNNING;
	outcome_init(outcome, assignment);

	outcome->kind = try_mark(run, &obstacle);
	MemoryContextSwitchTo(context);
	if (outcome->kind == OUTCOME_ENDED && obstacle == NULL)
	{
		MemoryContextSwitchTo(old_context);
		return run;
	}
	if (obstacle != NULL)
		outcome->kind = executor_end_run(assignment->run_id,
										 &run->attempt.assignment.ctid,
										 obstacle->status, obstacle->sqlstate,
										 obstacle->message, obstacle->hint,
										 assignment->consecutive_failures + 1,
										 outcome);
	MemoryContextSwitchTo(old_context);
	shell_run_close(run);
	return NULL;
}

static OutcomeKind
try_mark(ShellRun *run, const Obstacle **obstacle)
{
	volatile OutcomeKind kind = OUTCOME_LOCKED;

	PG_TRY();
	{
		kind = shell_attempt_mark(&run->attempt, run->context, obstacle);
	}
	PG_CATCH();
	{
		swallow_error(run);
		*obstacle = NULL;
	}
	PG_END_TRY();
	return kind;
}

void
shell_run_hide(const ShellRun *run)
{
	activity_end(run->attempt.assignment.activity);
}

void
shell_run_close(ShellRun *run)
{
	shell_run_hide(run);
	MemoryContextDelete(run->context);
}

/* ------------------------------------------------------------------------
 * Execute
 * ------------------------------------------------------------------------ */

void
shell_run_start(ShellRun *run)
{
	int			entry = run->attempt.assignment.activity;

	if (activity_is_cancelled(entry))
	{
		run->stop_status = RUN_CANCELLED;
		run->phase = RUN_PHASE_RECORD;
		return;
	}
	start_child(run);
	if (run->child == NULL)
	{
		run->phase = RUN_PHASE_UNDO;
		return;
	}
	run->phase = RUN_PHASE_EXECUTE;
	run->attempt.end.pid = shell_pid(run->child);
	activity_set_pid(entry, run->attempt.end.pid);
}

static void
start_child(ShellRun *run)
{
	MemoryContext old_context = CurrentMemoryContext;
	volatile int why = 0;

	PG_TRY();
	{
		run->child = shell_start(&run->attempt.spec, run->context);
		why = run->child == NULL ? errno : 0;
	}
	PG_CATCH();
	{
		swallow_error(run);
		why = ENOMEM;
	}
	PG_END_TRY();

	MemoryContextSwitchTo(old_context);
	if (run->child == NULL)
		log_no_start(why);
}

/* Say it once, until it has worked for a while. */
static void
log_no_start(int why)
{
	static int64 quiet_until_us = 0;
	int64		now_us = taskly_monotonic_us();

	if (now_us >= quiet_until_us)
	{
		errno = why;
		ereport(LOG,
				(errmsg("taskly: could not start a shell run: %m"),
				 errdetail("It is tried again every second.")));
	}
	quiet_until_us = now_us + QUIET_US;
}

ShellRunState
shell_run_service(ShellRun *run, bool may_write, Outcome *outcome)
{
	if (run->phase == RUN_PHASE_EXECUTE)
	{
		if (shell_service(run->child) == SHELL_RUNNING)
		{
			stop_if_due(run);
			plan_look(run);
			return SHELL_RUN_GOES_ON;
		}
		run->phase = RUN_PHASE_RECORD;
		run->look_at_us = 0;
	}
	if (!may_write || taskly_monotonic_us() < run->look_at_us)
		return SHELL_RUN_GOES_ON;
	run->look_at_us = taskly_monotonic_us() + RETRY_US;
	return try_finish(run, outcome) ? SHELL_RUN_RECORDED : SHELL_RUN_NOT_RECORDED;
}

/* When to look again at a child to which nothing happens. */
static void
plan_look(ShellRun *run)
{
	long		nap_ms = shell_nap_ms(run->child);

	run->look_at_us = SHELL_RUN_NEVER;
	if (nap_ms >= 0)
		run->look_at_us = taskly_monotonic_us() + nap_ms * INT64CONST(1000);
	if (run->attempt.stop_by_us != 0 && run->stop_status == RUN_RUNNING)
		run->look_at_us = Min(run->look_at_us, run->attempt.stop_by_us);
}

static void
stop_if_due(ShellRun *run)
{
	if (activity_is_cancelled(run->attempt.assignment.activity))
		stop(run, RUN_CANCELLED);
	else if (run->attempt.stop_by_us != 0 &&
			 taskly_monotonic_us() >= run->attempt.stop_by_us)
		stop(run, RUN_TIMED_OUT);
}

/* The first reason stands. */
static void
stop(ShellRun *run, RunStatus status)
{
	if (run->stop_status != RUN_RUNNING)
		return;
	run->stop_status = status;
	shell_terminate(run->child);
	run->look_at_us = 0;
}

void
shell_run_stop(ShellRun *run)
{
	if (run->phase == RUN_PHASE_EXECUTE)
		stop(run, RUN_CANCELLED);
}

int
shell_run_wait_fds(const ShellRun *run, pgsocket fds[SHELL_WAIT_FDS])
{
	return run->child == NULL ? 0 : shell_wait_fds(run->child, fds);
}

int64
shell_run_look_at_us(const ShellRun *run)
{
	return run->look_at_us;
}

/* ------------------------------------------------------------------------
 * Record, or undo
 * ------------------------------------------------------------------------ */

/* False: not now. */
static bool
try_finish(ShellRun *run, Outcome *outcome)
{
	MemoryContext old_context = CurrentMemoryContext;
	volatile OutcomeKind kind = OUTCOME_LOCKED;
	volatile bool is_done = false;

	outcome_init(outcome, &run->attempt.assignment);
	PG_TRY();
	{
		if (run->phase == RUN_PHASE_UNDO)
		{
			kind = shell_attempt_undo(&run->attempt);
			is_done = kind != OUTCOME_AGAIN;
		}
		else
		{
			take_result(run);
			kind = shell_attempt_record(&run->attempt, outcome);
			is_done = kind != OUTCOME_LOCKED;
		}
	}
	PG_CATCH();
	{
		swallow_error(run);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old_context);
	outcome->kind = kind;
	return is_done;
}

/* Once: what has become of the run, and of its child, which is freed. */
static void
take_result(ShellRun *run)
{
	MemoryContext old_context;
	RunEnd	   *end = &run->attempt.end;
	ShellResult result;

	if (end->finished_at != 0)
		return;
	old_context = MemoryContextSwitchTo(run->context);
	if (run->child != NULL)
	{
		shell_finish(run->child, &result);
		run->child = NULL;
		end->output = result.output;
		end->output_bytes = result.output_bytes;
		judge_result(end, &result);
	}
	if (run->stop_status != RUN_RUNNING)
	{
		end->status = run->stop_status;
		end->sqlstate = "57014";
		end->message = run->stop_status == RUN_CANCELLED ?
			"run was cancelled" : "run timed out";
	}
	run_end_finish(end);
	MemoryContextSwitchTo(old_context);
}

static void
judge_result(RunEnd *end, const ShellResult *result)
{
	end->status = RUN_FAILED;
	if (result->exited)
	{
		end->exit_code = result->exit_code;
		if (result->exit_code == 0)
			end->status = RUN_SUCCEEDED;
		else
			end->message = psprintf("command exited with code %d", result->exit_code);
	}
	else if (result->signal != 0)
	{
		/* As a shell counts it. */
		end->exit_code = 128 + result->signal;
		end->message = psprintf("command was terminated by signal %d (%s)",
								result->signal, pg_strsignal(result->signal));
	}
	else if (result->exec_errno != 0)
	{
		end->sqlstate = "58000";
		end->message = psprintf("could not execute the command: %s",
								strerror(result->exec_errno));
	}
	else
	{
		/* Nobody knows what it has done. */
		end->status = RUN_LOST;
		end->message = "the guard of the run was killed";
	}
}
