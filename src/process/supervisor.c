/*-------------------------------------------------------------------------
 *
 * supervisor.c
 *	  A supervisor: executes all shell runs of one database, many at once.
 *
 * It takes assignments from its slot as a worker does, but each brings a
 * reserved activity entry, which the scheduler gives back when it reads the
 * outcome. It waits for its latch (assignments, cancels, SIGCHLD) and for the
 * descriptors of all its children together, and never for a single one.
 *
 * Runs as the bootstrap superuser, but no user's SQL: bookkeeping only.
 *
 * Leaves when asked to retire, when idle for long, or when the server stops.
 * Asked to retire it takes nothing new, and goes when its children are over. If
 * it dies otherwise, their guards see its end of their pipes close and end them;
 * the start marks stay, and the runs are lost.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "exec/shell_run.h"
#include "process/process.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/slot.h"
#include "server/txn.h"
#include "store/catalog.h"

/* Runs begun, or ended, before the others are looked after. */
#define RUNS_PER_TURN	32
#define EVENTS_PER_TURN	64

typedef struct Supervised
{
	ShellRun   *run;
	bool		is_ready;		/* something has happened to it */
} Supervised;

static int	my_slot = -1;
static Supervised *supervised = NULL;	/* room for taskly_max_shell_runs */
static int	run_count = 0;
static int64 idle_since_us = 0;

/* The latch and all descriptors of all runs; user data is a run's index. */
static MemoryContext wait_context = NULL;
static WaitEventSet *wait_set = NULL;
static bool wait_set_is_stale = true;

static void begin(ProcessArgs *args);
static void handle_child_signal(SIGNAL_ARGS);
static void abandon_runs(int code, Datum arg);
static bool take_assignments(void);
static bool take_assignment(bool *is_blocked);
static void report(const Outcome *outcome);
static bool service_runs(void);
static void remove_run(int index);
static void stop_runs_without_extension(void);
static bool may_leave(void);
static void wait_for_something(bool has_written);
static void look_at_all(void);
static void rebuild_wait_set(void);

void
taskly_supervisor_main(Datum arg)
{
	ProcessArgs args;

	begin(&args);
	for (;;)
	{
		bool		has_written = take_assignments();

		has_written |= service_runs();
		if (slot_is_retiring(my_slot))
			stop_runs_without_extension();
		if (may_leave())
			break;
		wait_for_something(has_written);
	}

	slot_retire(my_slot);
	proc_exit(0);
}

static void
begin(ProcessArgs *args)
{
	process_begin(args);
	my_slot = args->index;
	if (!slot_attach(args->index, args->generation))
		proc_exit(0);
	process_connect(args);

	supervised = MemoryContextAllocZero(TopMemoryContext,
										sizeof(Supervised) * taskly_max_shell_runs);
	wait_context = AllocSetContextCreate(TopMemoryContext, "taskly wait set",
										 ALLOCSET_SMALL_SIZES);
	before_shmem_exit(abandon_runs, (Datum) 0);
	pqsignal(SIGCHLD, handle_child_signal);

	slot_set_ready(args->index);
	idle_since_us = taskly_monotonic_us();
	database_wake_my_scheduler();
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Who has ended is seen in the loop. */
static void
handle_child_signal(SIGNAL_ARGS)
{
	int			save_errno = errno;

	SetLatch(MyLatch);
	errno = save_errno;
}

/* On the way out. The marks of the runs stay: they are lost. */
static void
abandon_runs(int code, Datum arg)
{
	shell_abandon_all();
	for (int i = 0; i < run_count; i++)
		shell_run_hide(supervised[i].run);
	run_count = 0;
}

/* ------------------------------------------------------------------------
 * Runs
 * ------------------------------------------------------------------------ */

/*
 * Begin some of the runs in the ring; true when it had any. Their marks become
 * durable together, before the first of them is started.
 */
static bool
take_assignments(void)
{
	int			first = run_count;
	int			taken = 0;
	bool		is_blocked = false;

	while (taken < RUNS_PER_TURN && run_count < taskly_max_shell_runs &&
		   !is_blocked && !slot_is_retiring(my_slot) &&
		   take_assignment(&is_blocked))
		taken++;
	txn_wait_for_commits();
	for (int i = first; i < run_count; i++)
		shell_run_start(supervised[i].run);
	return taken > 0;
}

/* False: there is none. *is_blocked: a lock was in the way. */
static bool
take_assignment(bool *is_blocked)
{
	Assignment	assignment;
	Outcome		outcome;
	ShellRun   *run;

	if (!slot_next_assignment(my_slot, &assignment))
		return false;
	run = shell_run_begin(&assignment, &outcome);
	if (run == NULL)
	{
		*is_blocked = outcome.kind == OUTCOME_LOCKED;
		report(&outcome);
		return true;
	}
	supervised[run_count].run = run;
	supervised[run_count].is_ready = true;
	run_count++;
	wait_set_is_stale = true;
	return true;
}

/* Each outcome holds an activity entry until it is read, so there is room. */
static void
report(const Outcome *outcome)
{
	slot_add_outcome(my_slot, outcome, InvalidXLogRecPtr);
	slot_report(my_slot);
	if (outcome->kind == OUTCOME_ENDED)
		database_tell_finished();
	slot_count_run(my_slot, taskly_now());
	idle_since_us = taskly_monotonic_us();
}

/*
 * Look after those to which something has happened, or whose time has come;
 * true when one had ended. Ends become durable together, and nobody hears of one
 * before. What cannot be written may have waited for a lock: one such wait a
 * turn, or those who are to be stopped would wait for all of them.
 */
static bool
service_runs(void)
{
	int64		now_us = taskly_monotonic_us();
	ShellRun   *ended[RUNS_PER_TURN];
	Outcome		outcomes[RUNS_PER_TURN];
	int			ended_count = 0;
	bool		has_recorded = false;
	bool		may_write = true;

	/* From the end: the last one takes the place of one that is removed. */
	for (int i = run_count - 1; i >= 0 && ended_count < RUNS_PER_TURN; i--)
	{
		Supervised *s = &supervised[i];
		ShellRunState state;

		if (!s->is_ready && shell_run_look_at_us(s->run) > now_us)
			continue;
		s->is_ready = false;
		state = shell_run_service(s->run, may_write, &outcomes[ended_count]);
		has_recorded |= state != SHELL_RUN_GOES_ON;
		may_write &= state != SHELL_RUN_NOT_RECORDED;
		if (state == SHELL_RUN_RECORDED)
		{
			ended[ended_count++] = s->run;
			remove_run(i);
		}
	}
	txn_wait_for_commits();
	for (int j = 0; j < ended_count; j++)
	{
		shell_run_close(ended[j]);
		report(&outcomes[j]);
	}
	return has_recorded;
}

static void
remove_run(int index)
{
	supervised[index] = supervised[--run_count];
	wait_set_is_stale = true;
}

/*
 * A retiring supervisor lets its children finish, unless the extension is gone:
 * nobody would ever see their end.
 */
static void
stop_runs_without_extension(void)
{
	static bool was_checked = false;
	bool		is_there;

	if (was_checked || run_count == 0)
		return;
	txn_begin("taskly: look for extension");
	is_there = catalog_has_extension();
	txn_commit();
	was_checked = true;
	for (int i = 0; i < run_count && !is_there; i++)
		shell_run_stop(supervised[i].run);
}

static bool
may_leave(void)
{
	if (run_count > 0)
		return false;
	if (slot_is_retiring(my_slot))
		return true;
	return slot_assigned(my_slot) == 0 && taskly_monotonic_us() >=
		idle_since_us + taskly_worker_idle_timeout_ms * INT64CONST(1000);
}

/* ------------------------------------------------------------------------
 * Waiting
 * ------------------------------------------------------------------------ */

/* When to go on though nothing happens, in monotonic time. */
static int64
look_again_at_us(void)
{
	int64		look_at_us = SHELL_RUN_NEVER;

	if (run_count == 0)
		return idle_since_us + taskly_worker_idle_timeout_ms * INT64CONST(1000);
	for (int i = 0; i < run_count; i++)
		look_at_us = Min(look_at_us, shell_run_look_at_us(supervised[i].run));
	return look_at_us;
}

/*
 * After bookkeeping all are looked at once more: a wait for a lock or a commit
 * takes wake-ups that were for us.
 */
static void
wait_for_something(bool has_written)
{
	WaitEvent	events[EVENTS_PER_TURN];
	int64		nap_us = look_again_at_us();
	int			count;

	if (nap_us != SHELL_RUN_NEVER)
		nap_us = Max(nap_us - taskly_monotonic_us(), 0);
	if (has_written)
	{
		look_at_all();
		nap_us = 0;
	}
	else
		pgstat_report_stat(run_count == 0);
	if (wait_set_is_stale)
		rebuild_wait_set();
	count = process_wait(wait_set, nap_us, events, EVENTS_PER_TURN);
	for (int i = 0; i < count; i++)
	{
		if (events[i].events & WL_SOCKET_READABLE)
			supervised[(intptr_t) events[i].user_data].is_ready = true;
		else
			look_at_all();
	}
}

/* The latch was set: a child's end, a cancel, or an assignment. */
static void
look_at_all(void)
{
	for (int i = 0; i < run_count; i++)
		supervised[i].is_ready = true;
}

/*
 * The old set goes first: its descriptor counts among those that children may
 * use up, so only that way the new one surely gets one.
 */
static void
rebuild_wait_set(void)
{
	pgsocket	fds[SHELL_WAIT_FDS];

	if (wait_set != NULL)
		FreeWaitEventSet(wait_set);
	wait_set = NULL;
	wait_set = create_wait_event_set(wait_context, 2 + run_count * SHELL_WAIT_FDS);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (int i = 0; i < run_count; i++)
	{
		int			count = shell_run_wait_fds(supervised[i].run, fds);

		for (int j = 0; j < count; j++)
			AddWaitEventToSet(wait_set, WL_SOCKET_READABLE, fds[j], NULL,
							  (void *) (intptr_t) i);
	}
	wait_set_is_stale = false;
}
