/*-------------------------------------------------------------------------
 *
 * fire.c
 *	  Turns due schedules into runs.
 *
 * One transaction for all that is due moves each task's last_fire forward and
 * inserts its pending run; a task whose row somebody holds is passed over and
 * tried again. The agenda in memory follows only once that has committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/agenda.h"
#include "plan/task_plan.h"
#include "process/fire.h"
#include "process/intake.h"
#include "server/txn.h"
#include "store/run_store.h"
#include "store/task_store.h"

#define MAX_FIRES_AT_ONCE	1000
#define LOCKED_RETRY_US		(200 * INT64CONST(1000))
/* A task that cannot be fired for an error is tried again after this. */
#define ERROR_RETRY_US		USECS_PER_MINUTE
/* How often a task "after finish" is looked at while it runs. */
#define FINISH_CHECK_US		(10 * USECS_PER_SEC)

typedef enum FireStep
{
	STEP_FIRED,
	STEP_SKIPPED,
	STEP_WAIT_FOR_FINISH,
	STEP_WAIT_FOR_LOCK,
	STEP_READ_AGAIN
} FireStep;

/* One fire: what was done in the transaction, to be remembered after it. */
typedef struct Fire
{
	AgendaEntry *entry;
	TimestampTz fire_at;
	FireStep	step;
	RunRow		row;			/* STEP_FIRED */
} Fire;

static bool
is_running(int64 task_id)
{
	TaskPlan   *plan = task_plan_find(task_id);

	return (plan != NULL && plan->running > 0) || run_store_has_unfinished(task_id);
}

/* What is to be done about a due entry, before its row is asked. */
static void
prepare_fire(Fire *fire, TaskFire *task_fire, TimestampTz now)
{
	AgendaEntry *entry = fire->entry;
	bool		may_overlap = !entry->skips_overlap &&
		entry->schedule.kind != SCHEDULE_AFTER_FINISH;

	fire->step = STEP_FIRED;
	task_fire->task_id = entry->task_id;
	task_fire->version = entry->version;
	task_fire->fire_at = fire->fire_at =
		agenda_latest_due(entry, now, &task_fire->missed);
	task_fire->is_skipped = false;
	if (may_overlap || !is_running(entry->task_id))
		return;
	if (entry->schedule.kind == SCHEDULE_AFTER_FINISH)
		fire->step = STEP_WAIT_FOR_FINISH;
	else
		task_fire->is_skipped = true;
}

/* The row has moved on, or not: make the run. */
static void
conclude_fire(Fire *fire, const TaskFire *task_fire, TimestampTz now)
{
	TaskRow		task;

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
	{
		fire->step = STEP_SKIPPED;
		return;
	}
	if (!task_store_read(task_fire->task_id, &task))
		elog(ERROR, "task " INT64_FORMAT " has vanished", task_fire->task_id);
	intake_know_task(&task);
	run_row_for_task(&fire->row, &task, fire->fire_at, now, RUN_SOURCE_SCHEDULE);
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
	int			row_count = 0;

	for (int i = 0; i < count; i++)
	{
		prepare_fire(&fires[i], &task_fires[asked_count], now);
		if (fires[i].step == STEP_FIRED)
			asked[asked_count++] = i;
	}
	task_store_fire(task_fires, asked_count);
	for (int i = 0; i < asked_count; i++)
	{
		Fire	   *fire = &fires[asked[i]];

		conclude_fire(fire, &task_fires[i], now);
		if (fire->step == STEP_FIRED)
			rows[row_count++] = fire->row;
	}
	run_store_insert(rows, row_count);
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
	switch (fire->step)
	{
		case STEP_FIRED:
			agenda_fired(fire->entry, fire->fire_at);
			intake_put(&fire->row, now);
			break;
		case STEP_SKIPPED:
			agenda_fired(fire->entry, fire->fire_at);
			break;
		case STEP_WAIT_FOR_FINISH:
			/* Its end tells us, unless it is cancelled while it waits. */
			agenda_postpone(fire->entry, now + FINISH_CHECK_US);
			break;
		case STEP_WAIT_FOR_LOCK:
			agenda_postpone(fire->entry, now + LOCKED_RETRY_US);
			break;
		case STEP_READ_AGAIN:
			agenda_postpone(fire->entry, now + ERROR_RETRY_US);
			intake_want_task(fire->entry->task_id);
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
	TimestampTz next;

	PG_TRY();
	{
		AgendaEntry *entry;

		txn_begin("taskly: fire");
		while (count < max && (entry = agenda_next_due(now, &next)) != NULL)
		{
			fires[count].entry = entry;
			/* Out of the way, so that the next one comes up. */
			agenda_postpone(entry, now + ERROR_RETRY_US);
			count++;
		}
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
 * All that is due, many at once. When one of them fails, each is fired alone:
 * the bad one waits a minute, the others do not wait for it.
 */
TimestampTz
fire_due(TimestampTz now)
{
	TimestampTz next = DT_NOEND;
	int			fired;

	while (agenda_next_due(now, &next) != NULL)
	{
		if (fire_batch(MAX_FIRES_AT_ONCE, now, &fired))
			continue;
		for (int i = 0; i < fired; i++)
		{
			int			ignored;

			if (agenda_next_due(now, &next) != NULL)
				(void) fire_batch(1, now, &ignored);
		}
	}
	return next;
}
