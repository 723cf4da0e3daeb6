/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  A worker: executes the SQL runs of one role in one database.
 *
 * It logged in as that role and cannot become another. It takes assignments
 * from its slot, runs them, and reports outcomes once they are durable: when
 * its ring is empty, or a slice of time has passed. When a run behind them
 * takes long, the scheduler reports them in its stead.
 *
 * Leaves when asked to retire, when idle for long, or after many runs; what is
 * left in its ring is taken back by the scheduler.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "exec/batch.h"
#include "exec/executor.h"
#include "exec/key_stop.h"
#include "exec/session.h"
#include "process/process.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/slot.h"

/* Outcomes that may wait for the flush. */
#define MAX_UNREPORTED	1024

static int	my_slot = -1;
static int	unreported_count = 0;
static int64 slice_began_us = 0;

/* Make durable what was done, then tell: nobody hears of it before. */
static void
report_outcomes(void)
{
	if (unreported_count == 0)
		return;
	session_flush();
	slot_report(my_slot);
	unreported_count = 0;
	database_tell_finished();
	pgstat_report_stat(false);
	slice_began_us = taskly_monotonic_us();
}

/* A retry, say, has its time to be kept; what goes back follows one that is told at once. */
static bool
wants_attention(const Outcome *outcome)
{
	return outcome->kind == OUTCOME_ENDED ? outcome->status != RUN_SUCCEEDED :
		outcome->kind != OUTCOME_AGAIN;
}

/* A run is done: keep its outcome until it is time to tell. */
static void
take_outcome(const Assignment *assignment, const Outcome *outcome)
{
	key_stop_note(assignment, outcome, slot_outcome_count(my_slot));
	slot_add_outcome(my_slot, outcome, session_durable_at());
	unreported_count++;
	slot_count_run(my_slot, taskly_now());
	if (unreported_count >= MAX_UNREPORTED || wants_attention(outcome) ||
		taskly_monotonic_us() - slice_began_us >= taskly_flush_after_ms * INT64CONST(1000))
		report_outcomes();
}

/* One run, or several that share its transaction. */
static void
execute(const Assignment *assignment)
{
	Outcome		outcome;

	if (batch_may_begin(assignment))
	{
		batch_run(assignment, take_outcome);
		return;
	}
	executor_run(assignment, &outcome);
	take_outcome(assignment, &outcome);
}

/* Run what is in the ring; true when a run was executed. */
static bool
work(void)
{
	Assignment	assignment;
	bool		did_work = false;

	slice_began_us = taskly_monotonic_us();
	while (!slot_is_retiring(my_slot) &&
		   slot_next_assignment(my_slot, &assignment))
	{
		CHECK_FOR_INTERRUPTS();
		/* What is done should be known before a run that takes long. */
		if (assignment.is_slow)
			report_outcomes();
		execute(&assignment);
		did_work = true;
	}
	report_outcomes();
	return did_work;
}

static bool
has_served_its_time(void)
{
	SlotInfo	info;

	return slot_info(my_slot, &info) && info.runs >= taskly_worker_max_runs;
}

void
taskly_worker_main(Datum arg)
{
	ProcessArgs args;
	int64		idle_since_us;

	process_begin(&args);
	my_slot = args.index;
	if (!slot_attach(args.index, args.generation))
		proc_exit(0);
	process_connect(&args);
	executor_init(args.index);
	batch_init(args.index);
	slot_set_ready(args.index);
	database_wake_my_scheduler();
	pgstat_report_activity(STATE_IDLE, NULL);

	idle_since_us = taskly_monotonic_us();
	while (!slot_is_retiring(my_slot))
	{
		int64		left_us;

		if (work())
		{
			pgstat_report_activity(STATE_IDLE, NULL);
			idle_since_us = taskly_monotonic_us();
		}
		left_us = idle_since_us + taskly_worker_idle_timeout_ms * INT64CONST(1000) -
			taskly_monotonic_us();
		if (left_us <= 0 || has_served_its_time())
			break;
		if (slot_is_retiring(my_slot))
			break;
		/* A wait inside a command or flush may have taken our wake-up. */
		if (slot_assigned(my_slot) == 0)
			process_nap(left_us);
	}
	slot_retire(my_slot);
	proc_exit(0);
}
