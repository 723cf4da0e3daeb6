/*-------------------------------------------------------------------------
 *
 * fire.c
 *	  Turns due schedules into runs.
 *
 * One transaction for all that is due moves each task's last_fire forward and
 * inserts its pending run; a task whose row somebody holds is passed over and
 * tried again. The agenda in memory follows only once that has committed.
 *
 * That is done a little before they are due: then nothing is left to do but to
 * hand the runs over. What depends on whether an earlier run is over is decided
 * when it is due.
 *
 * What an occurrence does that is due while an earlier one is not over, is for
 * plan/overlap.c to say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/agenda.h"
#include "plan/overlap.h"
#include "plan/ready.h"
#include "plan/task_plan.h"
#include "process/fire.h"
#include "process/followers.h"
#include "process/intake.h"
#include "process/outcomes.h"
#include "server/clock.h"
#include "server/txn.h"
#include "store/run_store.h"
#include "store/task_tuple.h"

/* Fires in one transaction: others are not to wait for more. */
#define MAX_FIRES_AT_ONCE	256
/* To find what was missed may take long, so after this the others come in the next turn. */
#define MAX_CHOOSING_US		10000
#define LOCKED_RETRY_US		(200 * INT64CONST(1000))
/* A task that cannot be fired for an error is tried again after this. */
#define ERROR_RETRY_US		USECS_PER_MINUTE
/* How often a task "after finish" is looked at while it runs. */
#define FINISH_CHECK_US		(10 * USECS_PER_SEC)

typedef enum FireStep
{
	STEP_FIRED,
	STEP_SKIPPED,
	STEP_WAIT_UNTIL_DUE,
	STEP_WAIT_FOR_FINISH,
	STEP_WAIT_FOR_LOCK,
	STEP_READ_AGAIN
} FireStep;

/* One fire: what was done in the transaction, to be remembered after it. */
typedef struct Fire
{
	AgendaEntry *entry;
	AgendaFire	choice;
	TimestampTz fire_at;
	FireStep	step;
	List	   *earlier;		/* of int64 *: run_ids that it cancels */
	RunRow		row;			/* STEP_FIRED */
} Fire;

/* ------------------------------------------------------------------------
 * Overlap
 * ------------------------------------------------------------------------ */

/* Occurrences of a task that are not over. */
typedef struct Unfinished
{
	int			running;		/* enqueued runs included */
	int			waiting;
	List	   *run_ids;		/* of int64 * */
} Unfinished;

static void
receive_unfinished(const RunRow *row, void *arg)
{
	Unfinished *unfinished = arg;
	RunEntry   *entry = ready_find(run_int64(row, RUN_COL_RUN_ID));
	int64	   *run_id = palloc(sizeof(int64));

	*run_id = run_int64(row, RUN_COL_RUN_ID);
	unfinished->run_ids = lappend(unfinished->run_ids, run_id);
	if (!run_is_null(row, RUN_COL_STARTED_AT) ||
		(entry != NULL && entry->state == ENTRY_DISPATCHED))
		unfinished->running++;
	else
		unfinished->waiting++;
}

/* An enqueued run counts while it runs; a run whose row has gone, until its end was heard. */
static Unfinished
find_unfinished(int64 task_id)
{
	TaskPlan   *plan = task_plan_find(task_id);
	Unfinished	result = {0};

	run_store_read_occurrences(task_id, receive_unfinished, &result);
	if (plan != NULL)
		result.running = Max(result.running, plan->running);
	return result;
}

/* What becomes of an occurrence, by the policy of its task. */
static FireStep
meet_overlap(Fire *fire, bool is_made_up, TimestampTz now)
{
	const ScheduledTask *task = &fire->entry->task;
	Unfinished	unfinished;

	if (!overlap_matters(task))
		return STEP_FIRED;
	unfinished = find_unfinished(task->task_id);
	if (unfinished.running + unfinished.waiting > 0 && fire->fire_at > now)
		return STEP_WAIT_UNTIL_DUE;
	switch (overlap_meet(task, is_made_up, unfinished.running, unfinished.waiting))
	{
		case OVERLAP_STEP_RUN:
			break;
		case OVERLAP_STEP_CANCEL_AND_RUN:
			fire->earlier = unfinished.run_ids;
			break;
		case OVERLAP_STEP_PASS:
			return STEP_SKIPPED;
		case OVERLAP_STEP_WAIT:
			return STEP_WAIT_FOR_FINISH;
	}
	return STEP_FIRED;
}

/* ------------------------------------------------------------------------
 * Fire
 * ------------------------------------------------------------------------ */

/* What is to be done about a due entry, before its row is asked. */
static void
prepare_fire(Fire *fire, TaskFire *task_fire, TimestampTz now)
{
	fire->fire_at = fire->choice.fire_at;
	fire->earlier = NIL;
	fire->step = meet_overlap(fire, fire->choice.is_made_up, now);
	task_fire->task_id = fire->entry->task.task_id;
	task_fire->version = fire->entry->task.version;
	task_fire->fire_at = fire->choice.fire_at;
	task_fire->missed = fire->choice.missed;
	task_fire->is_skipped = fire->step == STEP_SKIPPED;
}

/* The row has moved on, or not: make the run. */
static void
conclude_fire(Fire *fire, const TaskFire *task_fire, TimestampTz now)
{
	switch (task_fire->result)
	{
		case FIRE_LOCKED:
			fire->step = STEP_WAIT_FOR_LOCK;
			return;
		case FIRE_CHANGED:
			fire->step = STEP_READ_AGAIN;
			return;
		case FIRE_OK:
			break;
	}
	if (task_fire->is_skipped)
		return;
	intake_know_task(&task_fire->task);
	run_row_for_task(&fire->row, &task_fire->task, fire->fire_at, now, RUN_SOURCE_SCHEDULE);
}

/*
 * In a transaction: all fires. What is to live longer than the transaction is
 * made in context.
 */
static void
fire_all(Fire *fires, int count, MemoryContext context, TimestampTz now)
{
	MemoryContext old_context = MemoryContextSwitchTo(context);
	TaskFire   *task_fires = palloc(sizeof(TaskFire) * count);
	RunRow	   *rows = palloc(sizeof(RunRow) * count);
	int		   *asked = palloc(sizeof(int) * count);
	int			asked_count = 0;
	TaskTable	table;
	int			row_count = 0;

	for (int i = 0; i < count; i++)
	{
		prepare_fire(&fires[i], &task_fires[asked_count], now);
		if (fires[i].step == STEP_FIRED || fires[i].step == STEP_SKIPPED)
			asked[asked_count++] = i;
	}
	task_table_open(&table);
	for (int i = 0; i < asked_count; i++)
		task_store_fire(&table, &task_fires[i]);
	task_table_close(&table);
	for (int i = 0; i < asked_count; i++)
	{
		Fire	   *fire = &fires[asked[i]];

		conclude_fire(fire, &task_fires[i], now);
		if (fire->step == STEP_FIRED)
			rows[row_count++] = fire->row;
	}
	run_store_insert(rows, row_count);
	for (int i = 0; i < row_count; i++)
		followers_fire(&rows[i]);
	/* Each knows its place now. */
	for (int i = 0, r = 0; i < asked_count; i++)
	{
		if (fires[asked[i]].step == STEP_FIRED)
			fires[asked[i]].row.ctid = rows[r++].ctid;
	}
	MemoryContextSwitchTo(old_context);
}

/* After the commit: the agenda and the ready runs follow. */
static void
remember_fire(const Fire *fire, TimestampTz now)
{
	ListCell   *cell;

	switch (fire->step)
	{
		case STEP_FIRED:
			agenda_fired(fire->entry, fire->fire_at, true);
			intake_put(&fire->row, now);
			foreach(cell, fire->earlier)
				outcomes_cancel(*(int64 *) lfirst(cell), now);
			break;
		case STEP_SKIPPED:
			agenda_fired(fire->entry, fire->fire_at, false);
			break;
		case STEP_WAIT_UNTIL_DUE:
			agenda_postpone(fire->entry, fire->fire_at);
			break;
		case STEP_WAIT_FOR_FINISH:
			/* Its end tells us, unless it is cancelled while it waits. */
			agenda_wait_for_finish(fire->entry, now + FINISH_CHECK_US);
			break;
		case STEP_WAIT_FOR_LOCK:
			agenda_postpone(fire->entry, now + LOCKED_RETRY_US);
			break;
		case STEP_READ_AGAIN:
			agenda_postpone(fire->entry, now + ERROR_RETRY_US);
			intake_want_task(fire->entry->task.task_id);
			break;
	}
}

/* Take up to max entries that are due; counts those that it has touched. */
static void
take_due(Fire *fires, int max, TimestampTz now, volatile int *count)
{
	int64		stop_us = taskly_monotonic_us() + MAX_CHOOSING_US;
	AgendaEntry *entry;
	TimestampTz next;

	while (*count < max && (entry = agenda_next_due(now, &next)) != NULL)
	{
		Fire	   *fire = &fires[(*count)++];

		fire->entry = entry;
		/* Out of the way, so that the next one comes up. */
		agenda_postpone(entry, now + ERROR_RETRY_US);
		fire->choice = agenda_choose(entry, now);
		if (taskly_monotonic_us() >= stop_us)
			break;
	}
}

/* Fire up to max entries in one transaction; false: an error undid them all. */
static bool
fire_batch(int max, TimestampTz now, int *fired)
{
	MemoryContext context = CurrentMemoryContext;
	Fire	   *fires = palloc(sizeof(Fire) * max);
	volatile int count = 0;
	volatile bool ok = true;

	PG_TRY();
	{
		txn_begin("taskly: fire");
		take_due(fires, max, now, &count);
		fire_all(fires, count, context, now);
		txn_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		txn_abort();
		ok = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);

	for (int i = 0; i < count; i++)
	{
		if (ok)
			remember_fire(&fires[i], now);
		else if (max > 1)
			agenda_postpone(fires[i].entry, now);
	}
	pfree(fires);
	*fired = count;
	return ok;
}

/*
 * What is due, many at once. When one of them fails, each is fired alone: the
 * bad one waits a minute, the others do not wait for it.
 */
TimestampTz
fire_due(TimestampTz now)
{
	TimestampTz next;
	int			fired;

	if (agenda_next_due(now, &next) == NULL)
		return next;
	if (!fire_batch(MAX_FIRES_AT_ONCE, now, &fired))
	{
		for (int i = 0; i < fired; i++)
		{
			int			ignored;

			if (agenda_next_due(now, &next) != NULL)
				(void) fire_batch(1, now, &ignored);
		}
	}
	/* What is due still comes in the next turn: dispatch is not to wait for it. */
	(void) agenda_next_due(now, &next);
	return next;
}
