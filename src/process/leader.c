/*-------------------------------------------------------------------------
 *
 * leader.c
 *	  Leading a database.
 *
 * The leader is the scheduler whose session holds the advisory lock; everything
 * that leading writes goes through that very session, so one that lost its lock
 * (with its session) cannot write. A term number shows who led when.
 *
 * An occurrence of a schedule becomes a run by one transaction that moves the
 * task's last_fire and inserts the pending run. The agenda in memory follows
 * only once that has committed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/agenda.h"
#include "plan/task_plan.h"
#include "process/dispatch.h"
#include "process/history.h"
#include "process/intake.h"
#include "process/leader.h"
#include "plan/ready.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/lock.h"
#include "server/txn.h"
#include "store/home_store.h"
#include "store/run_store.h"
#include "store/task_store.h"

#define MAX_FIRES_AT_ONCE	1000
/* Another session leads, or a task's row is held: look again after this. */
#define LEAD_RETRY_US		USECS_PER_SEC
#define LOCKED_RETRY_US		(200 * INT64CONST(1000))
/* A task that cannot be fired for an error is tried again after this. */
#define ERROR_RETRY_US		USECS_PER_MINUTE
/* How often a task "after finish" is looked at while it runs. */
#define FINISH_CHECK_US		(10 * USECS_PER_SEC)
/* A process is started so long before a run is due. */
#define WARM_UP_US			(200 * INT64CONST(1000))

static int	my_entry = -1;
static bool is_at_home = false;
static bool am_leader = false;
static bool needs_tasks = true;
static bool was_paused = false;

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

void
leader_init(int entry)
{
	my_entry = entry;
	agenda_init();
}

/* ------------------------------------------------------------------------
 * News
 * ------------------------------------------------------------------------ */

void
leader_home_changed(bool at_home, int64 term)
{
	if (is_at_home && !at_home)
		agenda_clear();
	if (at_home != is_at_home)
		needs_tasks = true;
	is_at_home = at_home;
	database_show_leader(my_entry, am_leader, !at_home, term);
}

void
leader_forget_tasks(void)
{
	needs_tasks = true;
}

static void
put_task(const TaskRow *task, TimestampTz now)
{
	AgendaTask	agenda_task = {0};
	ScheduleError error;

	agenda_task.task_id = task->task_id;
	agenda_task.version = task->version;
	agenda_task.schedule = task->schedule;
	agenda_task.zone = pg_tzset(task->timezone ? task->timezone : taskly_timezone);
	agenda_task.owner = task->owner;
	agenda_task.is_shell = task->kind == RUN_KIND_SHELL;
	agenda_task.skips_overlap = strcmp(task->overlap, "skip") == 0;
	agenda_task.skips_missed = strcmp(task->missed, "skip") == 0;
	agenda_task.is_paused = task->is_paused;
	agenda_task.anchor = task->anchor;
	agenda_task.starts_at = task->starts_at;
	agenda_task.ends_at = task->ends_at;
	agenda_task.last_fire = task->last_fire;
	if (agenda_task.zone == NULL || !agenda_put(&agenda_task, now, &error))
		ereport(LOG,
				(errmsg("taskly: schedule of task " INT64_FORMAT " cannot be read; it does not fire",
						task->task_id)));
}

void
leader_task_changed(const TaskRow *task, TimestampTz now)
{
	HomeRow		home;

	if (!am_leader || needs_tasks)
		return;
	if (task->schedule == NULL || !is_at_home ||
		!home_store_read(&home) || task->home_id != home.home_id)
		agenda_remove(task->task_id);
	else
		put_task(task, now);
}

void
leader_task_dropped(int64 task_id)
{
	agenda_remove(task_id);
}

void
leader_run_ended(int64 task_id, TimestampTz finished_at)
{
	if (am_leader)
		agenda_finished(task_id, finished_at);
}

/* ------------------------------------------------------------------------
 * Becoming leader
 * ------------------------------------------------------------------------ */

static void
receive_scheduled(const TaskRow *task, void *arg)
{
	put_task(task, *(TimestampTz *) arg);
}

static void
load_tasks(TimestampTz now)
{
	HomeRow		home;

	txn_begin("taskly: load tasks");
	agenda_clear();
	if (home_store_read(&home))
		task_store_read_scheduled(home.home_id, receive_scheduled, &now);
	txn_commit();
	needs_tasks = false;
	if (database_is_first_lead(my_entry))
		agenda_reboot(now);
}

static bool
try_to_lead(void)
{
	int64		term;
	char	   *name;

	txn_begin("taskly: become leader");
	if (!lock_try_leader())
	{
		txn_commit();
		return false;
	}
	term = home_store_next_term();
	name = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
	txn_commit_durably();
	am_leader = true;
	needs_tasks = true;
	database_show_leader(my_entry, true, false, term);
	ereport(LOG,
			(errmsg("taskly: this scheduler leads database \"%s\", term " INT64_FORMAT,
					name, term)));
	pfree(name);
	return true;
}

/* ------------------------------------------------------------------------
 * Firing
 * ------------------------------------------------------------------------ */

static bool
is_running(int64 task_id)
{
	TaskPlan   *plan = task_plan_find(task_id);

	return (plan != NULL && plan->running > 0) || run_store_has_unfinished(task_id);
}

/* In the transaction: one task's due occurrence. Rows live in context. */
static void
fire_one(Fire *fire, MemoryContext context, TimestampTz now)
{
	AgendaEntry *entry = fire->entry;
	MemoryContext old_context;
	TaskRow		task;
	int64		missed;
	bool		is_skipped = false;

	fire->fire_at = agenda_latest_due(entry, now, &missed);
	old_context = MemoryContextSwitchTo(context);
	if (!task_store_read(entry->task_id, &task))
		fire->step = STEP_READ_AGAIN;
	else if (is_running(entry->task_id) &&
			 entry->schedule.kind == SCHEDULE_AFTER_FINISH)
		fire->step = STEP_WAIT_FOR_FINISH;
	else
	{
		is_skipped = entry->skips_overlap && is_running(entry->task_id);
		switch (task_store_fire(entry->task_id, entry->version, fire->fire_at,
								is_skipped, missed))
		{
			case FIRE_OK:
				fire->step = is_skipped ? STEP_SKIPPED : STEP_FIRED;
				break;
			case FIRE_LOCKED:
				fire->step = STEP_WAIT_FOR_LOCK;
				break;
			case FIRE_CHANGED:
				fire->step = STEP_READ_AGAIN;
				break;
		}
	}
	if (fire->step == STEP_FIRED)
	{
		intake_know_task(&task);
		run_row_for_task(&fire->row, &task, fire->fire_at, now, RUN_SOURCE_SCHEDULE);
		run_store_insert(&fire->row, 1);
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
			fire_one(&fires[count - 1], context, now);
		}
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
static TimestampTz
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

/* ------------------------------------------------------------------------
 * A turn
 * ------------------------------------------------------------------------ */

TimestampTz
leader_turn(TimestampTz now)
{
	TimestampTz next;

	if (!is_at_home)
		return DT_NOEND;
	if (!am_leader && !try_to_lead())
		return now + LEAD_RETRY_US;
	if (needs_tasks)
		load_tasks(now);
	/* What was due during a pause is not made up. */
	if (was_paused && !intake_is_paused())
		agenda_skip_until(now);
	was_paused = intake_is_paused();
	next = DT_NOEND;
	if (taskly_enabled && !was_paused)
		next = fire_due(now);
	return Min(next, history_turn(my_entry, now));
}

/* Start a process for what is due soon; returns when there is something to start. */
TimestampTz
leader_warm_up(TimestampTz now)
{
	AgendaEntry *fire = am_leader ? agenda_first() : NULL;
	RunEntry   *timer = ready_first_timer();
	TimestampTz next = DT_NOEND;

	if (fire != NULL && fire->wake_at - WARM_UP_US <= now)
		dispatch_warm_up(fire->owner, fire->is_shell, now);
	else if (fire != NULL)
		next = fire->wake_at - WARM_UP_US;
	if (timer != NULL && timer->due_at - WARM_UP_US <= now)
		dispatch_warm_up(timer->owner, timer->is_shell, now);
	else if (timer != NULL)
		next = Min(next, timer->due_at - WARM_UP_US);
	return next;
}
