/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  Executes short runs of a queue in one transaction.
 *
 * The transaction claims a run (deletes its row), executes its command in a
 * subtransaction, and goes on with the next one; outcomes are written, and all is
 * committed, together. What a run leaves behind that only the end of a
 * transaction undoes ends the batch, and so does a run that took long.
 *
 * A command that fails costs its own run only: its subtransaction rolls back, and
 * the attempt is recorded. What may be the batch's own fault (a deadlock, say, by
 * locks of a run that is over) rolls back all of it, and its runs are executed one
 * by one, as if there had been no batch.
 *
 * kill -9 at any line: before the commit nothing has happened and all rows are
 * still there. Shared memory names the run that executes, no other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "exec/batch.h"
#include "exec/executor.h"
#include "exec/running.h"
#include "exec/session.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/txn.h"

/* What a run has locked is kept from others until the batch ends. */
#define MAX_BATCH_US	5000

typedef struct BatchedRun
{
	Assignment	assignment;
	Outcome		outcome;
	RunningRun	run;
	bool		is_claimed;
	bool		has_succeeded;	/* and history is to be written */
	bool		has_late_cancel;
} BatchedRun;

typedef struct Batch
{
	int64		began_us;
	int			limit;
	int			count;
	int			asked_synchronous_commit;
	bool		has_leftover;	/* the last one is to be executed alone */
	BatchedRun **runs;
	RunTable	table;
} Batch;

static int	my_slot = -1;
static MemoryContext batch_context = NULL;

void
batch_init(int slot)
{
	my_slot = slot;
	batch_context = AllocSetContextCreate(TopMemoryContext, "taskly batch",
										  ALLOCSET_DEFAULT_SIZES);
}

/* A snapshot of the whole transaction would be too old for all but the first run. */
bool
batch_may_begin(const Assignment *assignment)
{
	return assignment_may_share(assignment) && slot_assigned(my_slot) > 0 &&
		DefaultXactIsoLevel <= XACT_READ_COMMITTED;
}

/* ------------------------------------------------------------------------
 * One run of a batch
 * ------------------------------------------------------------------------ */

static BatchedRun *
add_run(Batch *batch, const Assignment *assignment)
{
	BatchedRun *batched = palloc0(sizeof(BatchedRun));

	batched->assignment = *assignment;
	running_init(&batched->run, &batched->assignment, &batched->outcome);
	batched->run.context = batch_context;
	batch->runs[batch->count++] = batched;
	return batched;
}

/* Read a run's row and, if the run may be executed here, delete it. */
static void
claim_run(Batch *batch, BatchedRun *batched)
{
	RunningRun *run = &batched->run;
	ClaimResult claim;

	PushActiveSnapshot(GetTransactionSnapshot());
	claim = run_table_get(&batch->table, run->assignment->run_id, &run->ctid, &run->row);
	if (claim == CLAIM_OK)
	{
		run->ctid = run->row.ctid;
		if (!run_is_null(&run->row, RUN_COL_STARTED_AT) || running_check(run) != STEP_DONE)
			batch->has_leftover = true;
		else
			claim = run_table_take(&batch->table, &run->row);
	}
	PopActiveSnapshot();
	if (claim != CLAIM_OK)
		batched->outcome.kind = running_kind_of_claim(claim);
	else if (!batch->has_leftover)
		batched->is_claimed = true;
}

/* The command has failed, and is undone; its row is deleted as before. */
static void
record_failure(RunningRun *run, ErrorData *error)
{
	if (running_lost_race(error) || !running_judge_error(run, error))
		ReThrowError(error);
	run_row_set(&run->row, RUN_COL_ATTEMPT, Int32GetDatum(run->attempt));
	run_end_finish(&run->end);
	PushActiveSnapshot(GetTransactionSnapshot());
	outcome_record_claimed(&run->row, &run->definition, &run->end,
						   run->assignment->consecutive_failures + 1);
	PopActiveSnapshot();
}

/* It has succeeded: its row in history is written with the others', later. */
static void
note_success(BatchedRun *batched)
{
	RunningRun *run = &batched->run;

	if (run->end.snooze_us >= 0)
	{
		running_record_end(run);
		return;
	}
	run_end_finish(&run->end);
	/* What the run has set is forgotten with the run. */
	if (run->end.result != (Datum) 0)
		run->end.result = datumCopy(run->end.result, false, -1);
	run_row_set(&run->row, RUN_COL_ATTEMPT, Int32GetDatum(run->attempt));
	batched->has_succeeded = true;
}

static void
execute_run(Batch *batch, BatchedRun *batched)
{
	RunningRun *run = &batched->run;
	ErrorData  *volatile caught = NULL;
	volatile int asked = SYNCHRONOUS_COMMIT_OFF;
	SubScope	scope;

	CommandCounterIncrement();
	run_end_start(&run->end);
	txn_sub_begin(&scope);
	PG_TRY();
	{
		asked = running_execute(run);
		txn_sub_commit(&scope);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(batch_context);
		session_allow_cancel(false);
		session_stop_timer();
		caught = CopyErrorData();
		FlushErrorState();
		txn_sub_abort(&scope);
	}
	PG_END_TRY();

	if (caught != NULL)
		record_failure(run, caught);
	else
	{
		note_success(batched);
		batch->asked_synchronous_commit = Max(batch->asked_synchronous_commit, asked);
	}
	/* Nothing executes now, so nothing is to be blamed or cancelled. */
	running_hide();
	batched->has_late_cancel = activity_end(my_slot);
}

/* ------------------------------------------------------------------------
 * A batch
 * ------------------------------------------------------------------------ */

static bool
goes_on(const Batch *batch)
{
	return batch->count < batch->limit && !batch->has_leftover &&
		session_can_go_on() && !slot_is_retiring(my_slot) &&
		taskly_monotonic_us() - batch->began_us < MAX_BATCH_US;
}

static void
write_history(const Batch *batch)
{
	HistoryWriter history;

	PushActiveSnapshot(GetTransactionSnapshot());
	history_writer_open(&history, database_history_slot(database_my_entry()));
	for (int i = 0; i < batch->count; i++)
	{
		RunningRun *run = &batch->runs[i]->run;

		if (batch->runs[i]->has_succeeded &&
			outcome_is_kept((QueueKeep) run->assignment->keep, run->assignment->run_id, &run->end))
			history_writer_add(&history, &run->row, &run->end);
	}
	history_writer_close(&history);
	PopActiveSnapshot();
}

static void
execute_all(Batch *batch, const Assignment *first)
{
	Assignment	assignment = *first;

	txn_begin_tenant();
	MemoryContextSwitchTo(batch_context);
	run_table_open(&batch->table);
	do
	{
		BatchedRun *batched = add_run(batch, &assignment);

		claim_run(batch, batched);
		if (batched->is_claimed)
			execute_run(batch, batched);
	} while (goes_on(batch) && slot_next_to_share(my_slot, first, &assignment));
	run_table_close(&batch->table);

	write_history(batch);
	if (batch->asked_synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
		session_next_commit_waits(batch->asked_synchronous_commit);
	txn_commit_tenant();
	session_note_commit();
}

/* False: all of it is undone. */
static bool
try_batch(Batch *batch, const Assignment *first)
{
	volatile bool is_done = false;

	PG_TRY();
	{
		execute_all(batch, first);
		is_done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(batch_context);
		session_allow_cancel(false);
		error = CopyErrorData();
		FlushErrorState();
		txn_abort();
		ereport(DEBUG1,
				(errmsg_internal("taskly: %d runs that shared a transaction are executed one by one: %s",
								 batch->count, error->message)));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(batch_context);
	running_hide();
	(void) activity_end(my_slot);
	session_clean();
	return is_done;
}

static void
run_alone(BatchedRun *batched, OutcomeReceiver receive)
{
	executor_run(&batched->assignment, &batched->outcome);
	receive(&batched->assignment, &batched->outcome);
}

static void
report(BatchedRun *batched, OutcomeReceiver receive)
{
	if (batched->is_claimed)
		outcome_fill(&batched->outcome, &batched->run.end);
	/* A cancel that came too late for this attempt is in time for the next one. */
	if (batched->has_late_cancel && batched->outcome.kind == OUTCOME_LOOK_AGAIN)
		running_end_unstarted(&batched->run, STEP_CANCEL);
	receive(&batched->assignment, &batched->outcome);
}

void
batch_run(const Assignment *first, OutcomeReceiver receive)
{
	MemoryContext old_context = MemoryContextSwitchTo(batch_context);
	Batch	   *batch = palloc0(sizeof(Batch));
	bool		is_done;

	batch->began_us = taskly_monotonic_us();
	batch->limit = first->batch;
	batch->runs = palloc(sizeof(BatchedRun *) * batch->limit);
	is_done = try_batch(batch, first);
	for (int i = 0; i < batch->count; i++)
	{
		bool		is_leftover = batch->has_leftover && i == batch->count - 1;

		if (is_done && !is_leftover)
			report(batch->runs[i], receive);
		else
			run_alone(batch->runs[i], receive);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(batch_context);
}
