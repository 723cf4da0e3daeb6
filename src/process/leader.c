/*-------------------------------------------------------------------------
 *
 * leader.c
 *	  Leading a database.
 *
 * The leader is the scheduler whose session holds the advisory lock; everything
 * that leading writes goes through that very session, so one that lost its lock
 * (with its session) cannot write. A term number shows who led when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/agenda.h"
#include "plan/ready.h"
#include "process/dependencies.h"
#include "process/dispatch.h"
#include "process/fire.h"
#include "process/followers.h"
#include "process/history.h"
#include "process/intake.h"
#include "process/leader.h"
#include "process/strays.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/lock.h"
#include "server/txn.h"
#include "store/calendar_cache.h"
#include "store/home_store.h"
#include "store/run_store.h"
#include "store/task_store.h"
#include "store/task_timetable.h"
#include "store/task_tuple.h"

/* Another session leads: look again after this. */
#define LEAD_RETRY_US		USECS_PER_SEC
/* Rows that are set back in one transaction, and a pause before the others. */
#define MAX_REWINDS_AT_ONCE	256
#define REWIND_RETRY_US		(50 * INT64CONST(1000))
/* Tasks that are read in one transaction. */
#define MAX_LOADS_AT_ONCE	5000
/* Rows of runs are made so long before they are due. */
#define FIRE_LEAD_US		(10 * INT64CONST(1000))
/* A process is started so long before a run is due. */
#define WARM_UP_US			(200 * INT64CONST(1000))
/* Of so many that are due at the same time the owners are looked at. */
#define MAX_WARM_UPS		256

static int	my_entry = -1;
static bool is_at_home = false;
static bool am_leader = false;
static bool needs_tasks = true;
static int64 loaded_up_to = PG_INT64_MAX;	/* task_id; PG_INT64_MAX: all are loaded */
static bool was_paused = false;
static bool was_enabled = true;
static bool has_told_parked = false;

void
leader_init(int entry)
{
	my_entry = entry;
	agenda_init(TopMemoryContext, FIRE_LEAD_US);
	followers_init(TopMemoryContext);
	calendar_cache_init(TopMemoryContext);
}

/* ------------------------------------------------------------------------
 * News
 * ------------------------------------------------------------------------ */

void
leader_home_changed(bool at_home, int64 term)
{
	if (is_at_home && !at_home)
		agenda_clear();
	if (!at_home && !has_told_parked)
		ereport(LOG,
				(errmsg("taskly: the tasks of database %u are parked, since they were copied from another database",
						MyDatabaseId),
				 errhint("Run SELECT taskly.adopt() there to let them run.")));
	has_told_parked = !at_home;
	if (at_home != is_at_home)
		needs_tasks = true;
	is_at_home = at_home;
	database_show_leader(my_entry, am_leader, !at_home, term);
}

void
leader_settings_changed(TimestampTz now)
{
	if (am_leader)
		calendar_cache_refresh(false, now, agenda_calendar_changed);
}

void
leader_forget_tasks(void)
{
	needs_tasks = true;
}

static void
put_task(const TaskRow *task, TimestampTz now)
{
	ScheduledTask scheduled;
	ScheduleError error;
	MemoryContext old_context = MemoryContextSwitchTo(agenda_context());
	bool		is_readable = task_scheduled(task, calendar_cache_days(task->calendar_id),
											 &scheduled, &error);

	MemoryContextSwitchTo(old_context);
	if (is_readable)
	{
		agenda_put(&scheduled, now);
		return;
	}
	agenda_remove(task->task_id);
	ereport(LOG,
			(errmsg("taskly: schedule of task " INT64_FORMAT " cannot be read; it does not fire",
					task->task_id),
			 errdetail_internal("%s", error.message)));
}

void
leader_task_changed(const TaskRow *task, TimestampTz now)
{
	HomeRow		home;

	if (!am_leader || needs_tasks)
		return;
	followers_task_changed(task->task_id, task);
	if (task->schedule == NULL || !is_at_home ||
		!home_store_read(&home) || task->home_id != home.home_id)
		agenda_remove(task->task_id);
	else
		put_task(task, now);
}

void
leader_task_dropped(int64 task_id)
{
	followers_task_changed(task_id, NULL);
	agenda_remove(task_id);
}

void
leader_run_ended(int64 task_id, TimestampTz finished_at)
{
	if (am_leader)
		agenda_finished(task_id, finished_at);
}

void
leader_pause_task(int64 task_id)
{
	agenda_pause(task_id);
}

/* ------------------------------------------------------------------------
 * Clocks that were set
 * ------------------------------------------------------------------------ */

/*
 * Tasks that fired in what is the future now go on from now. Their rows first:
 * an occurrence fires only when it is later than what its row says. Returns
 * when to look again.
 */
static TimestampTz
rewind_tasks(TimestampTz now)
{
	AgendaEntry *entries[MAX_REWINDS_AT_ONCE];
	bool		is_done[MAX_REWINDS_AT_ONCE];
	TaskTable	table;
	int			count = agenda_ahead(entries, MAX_REWINDS_AT_ONCE);

	if (count == 0)
		return DT_NOEND;
	txn_begin("taskly: rewind");
	task_table_open(&table);
	for (int i = 0; i < count; i++)
		is_done[i] = task_store_rewind(&table, entries[i]->task.task_id, now);
	task_table_close(&table);
	txn_commit_to_disk();
	for (int i = 0; i < count; i++)
	{
		if (is_done[i])
			agenda_rewind(entries[i], now);
	}
	return now + REWIND_RETRY_US;
}

void
leader_clock_stepped(int64 step_us, TimestampTz now)
{
	if (!am_leader)
		return;
	ereport(LOG,
			(errmsg("taskly: the clock was set %s by %.3f s",
					step_us > 0 ? "forward" : "back", fabs(step_us / 1e6))));
	agenda_clock_stepped(now);
}

/* ------------------------------------------------------------------------
 * Becoming leader
 * ------------------------------------------------------------------------ */

typedef struct Loading
{
	TimestampTz now;
	TimestampTz skipped_until;	/* a pause makes up nothing */
} Loading;

static void
receive_scheduled(const TaskRow *task, void *arg)
{
	const Loading *loading = arg;

	put_task(task, loading->now);
	agenda_skip_task(task->task_id, loading->skipped_until);
}

/*
 * Some tasks a turn: with very many, dispatch is not to wait for all of them.
 * What changes meanwhile is put into the agenda as always, and what is there
 * already goes on firing. Returns when to go on.
 */
static TimestampTz
load_tasks(TimestampTz now)
{
	HomeRow		home;
	Loading		loading = {now, DT_NOBEGIN};

	if (!needs_tasks && loaded_up_to == PG_INT64_MAX)
		return DT_NOEND;
	txn_begin("taskly: load tasks");
	if (needs_tasks)
	{
		agenda_begin_reading();
		calendar_cache_refresh(true, now, agenda_calendar_changed);
		followers_load();
		loaded_up_to = 0;
		needs_tasks = false;
	}
	if (home_store_read(&home))
	{
		loading.skipped_until = Min(now, home.was_paused_until);
		loaded_up_to = task_store_read_scheduled(home.home_id, loaded_up_to, MAX_LOADS_AT_ONCE,
												 receive_scheduled, &loading);
	}
	else
		loaded_up_to = PG_INT64_MAX;
	txn_commit();
	if (loaded_up_to != PG_INT64_MAX)
		return now;
	agenda_end_reading();
	if (database_is_first_lead(my_entry))
		agenda_reboot(now);
	return DT_NOEND;
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
	txn_commit_to_disk();
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
 * A turn
 * ------------------------------------------------------------------------ */

/* First: what was due in the future is due again only when its row has followed. */
static TimestampTz
fire_turn(TimestampTz now)
{
	TimestampTz rewinding = rewind_tasks(now);

	return earlier(rewinding, fire_due(now));
}

TimestampTz
leader_turn(TimestampTz now)
{
	TimestampTz next;
	TimestampTz loading;

	if (!is_at_home)
		return DT_NOEND;
	if (!am_leader && !try_to_lead())
		return now + LEAD_RETRY_US;
	loading = load_tasks(now);
	/* What was due during a pause is not made up. */
	if (was_paused && !intake_is_paused())
		agenda_skip_until(now);
	was_paused = intake_is_paused();
	if (taskly_enabled && !was_enabled)
		agenda_downtime_ended(now);
	was_enabled = taskly_enabled;
	next = DT_NOEND;
	if (taskly_enabled && !was_paused)
		next = fire_turn(now);
	next = earlier(next, strays_turn(now));
	next = earlier(next, dependencies_sweep_turn(now));
	return earlier(earlier(next, loading), history_turn(my_entry, now));
}

static void
warm_up_for(const AgendaEntry *entry, void *arg)
{
	dispatch_warm_up(entry->task.owner, entry->task.is_shell, *(TimestampTz *) arg);
}

/* Start processes for what is due soon; returns when there is something to start. */
TimestampTz
leader_warm_up(TimestampTz now)
{
	AgendaEntry *fire = am_leader ? agenda_first() : NULL;
	RunEntry   *timer = ready_first_timer();
	TimestampTz next = DT_NOEND;

	if (fire != NULL && fire->wake_at - WARM_UP_US <= now)
		agenda_each_until(now + WARM_UP_US, MAX_WARM_UPS, warm_up_for, &now);
	else if (fire != NULL)
		next = fire->wake_at - WARM_UP_US;
	if (timer != NULL && timer->wake_at - WARM_UP_US <= now)
		dispatch_warm_up(timer->owner, timer->is_shell, now);
	else if (timer != NULL)
		next = Min(next, timer->wake_at - WARM_UP_US);
	return next;
}
