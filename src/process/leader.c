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
#include "process/dispatch.h"
#include "process/fire.h"
#include "process/history.h"
#include "process/intake.h"
#include "process/leader.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/lock.h"
#include "server/txn.h"
#include "store/home_store.h"
#include "store/run_store.h"
#include "store/task_store.h"

/* Another session leads: look again after this. */
#define LEAD_RETRY_US		USECS_PER_SEC
/* A process is started so long before a run is due. */
#define WARM_UP_US			(200 * INT64CONST(1000))

static int	my_entry = -1;
static bool is_at_home = false;
static bool am_leader = false;
static bool needs_tasks = true;
static bool was_paused = false;
static bool has_told_parked = false;

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
	agenda_task.last_finished_at = task->last_finished_at;
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

/* Schedules are dates, so nothing is to be corrected: say what will look odd. */
void
leader_clock_stepped(int64 step_us, TimestampTz now)
{
	if (am_leader)
		ereport(LOG,
				(errmsg("taskly: the clock was set %s by %.3f s",
						step_us > 0 ? "forward" : "back", fabs(step_us / 1e6))));
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
	if (timer != NULL && timer->wake_at - WARM_UP_US <= now)
		dispatch_warm_up(timer->owner, timer->is_shell, now);
	else if (timer != NULL)
		next = Min(next, timer->wake_at - WARM_UP_US);
	return next;
}
