/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  A scheduler's workers and supervisor.
 *
 * Slots are shared by all databases of the server. The rule of sharing: a free
 * slot goes to the role (of any database) that has fewest workers among those
 * that want one; and when none is free, a role that has two more than the one in
 * need gives up one after its current run. When there are more roles than slots,
 * a worker that has served its quantum makes room.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/staffing.h"
#include "process/intake.h"
#include "process/outcomes.h"
#include "process/pool.h"
#include "process/process.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/guc.h"
#include "server/slot.h"

/* So long after its end a process's unfinished run is judged. */
#define LEFT_DELAY_US		(200 * INT64CONST(1000))
/* After a process could not be started. */
#define START_RETRY_US		USECS_PER_SEC
/* A process of a vanished scheduler that has not attached by then never will. */
#define ATTACH_TIMEOUT_US	(10 * USECS_PER_SEC)

static int	my_entry = -1;
static PoolWorker *workers = NULL;
static Assignment taken_back[SLOT_ASSIGNMENTS];
static TimestampTz start_again_at = 0;
static bool has_logged_limit = false;
static int	fewest_wanting = INT_MAX;	/* of our roles, in this turn */

void
pool_init(int entry)
{
	my_entry = entry;
	workers = MemoryContextAllocZero(TopMemoryContext,
									 sizeof(PoolWorker) * slot_count());
	for (int i = 0; i < slot_count(); i++)
		dlist_init(&workers[i].dispatched);
}

PoolWorker *
pool_worker(int slot)
{
	return workers[slot].is_mine ? &workers[slot] : NULL;
}

int
pool_supervisor_slot(void)
{
	int			slot = taskly_max_workers + my_entry;

	return workers[slot].is_mine ? slot : -1;
}

static void
own_slot(int slot, Oid role, BackgroundWorkerHandle *handle, TimestampTz now)
{
	PoolWorker *worker = &workers[slot];

	worker->is_mine = true;
	memset(&worker->load, 0, sizeof(worker->load));
	worker->load.index = slot < taskly_max_workers ? slot : NO_WORKER;
	worker->load.role = role;
	worker->load.started_at = now;
	worker->handle = handle;
	worker->left_at = 0;
	dlist_init(&worker->dispatched);
}

/* ------------------------------------------------------------------------
 * Dispatched entries
 * ------------------------------------------------------------------------ */

static void
remember_entry(RunEntry *entry, int slot)
{
	entry->slot = slot;
	dlist_push_tail(&workers[slot].dispatched, &entry->list_node);
}

void
pool_dispatch(int slot, RunEntry *entry, Assignment *assignment)
{
	if (!slot_assign(slot, assignment))
		elog(ERROR, "assignment ring of slot %d is full", slot);
	remember_entry(entry, slot);
}

void
pool_adopt_entry(RunEntry *entry, int slot, int activity, TimestampTz now)
{
	choice_adopt(&workers[slot].load, entry, now);
	entry->activity = activity;
	remember_entry(entry, slot);
}

void
pool_release(RunEntry *entry, int64 used_us)
{
	dlist_delete(&entry->list_node);
	choice_release(&workers[entry->slot].load, entry, used_us);
}

void
pool_take_back(int slot, TimestampTz now)
{
	int			count = slot_take_back(slot, taken_back);

	for (int i = 0; i < count; i++)
		outcomes_undo_dispatch(taken_back[i].run_id, now);
}

/* ------------------------------------------------------------------------
 * Processes that come and go
 * ------------------------------------------------------------------------ */

/* The process of a slot has ended: what about its runs? */
static void
clear_up(int slot, TimestampTz now)
{
	PoolWorker *worker = &workers[slot];
	Activity	activity;
	bool		was_running = slot < taskly_max_workers &&
		activity_get(slot, &activity);

	outcomes_collect(slot, now);
	pool_take_back(slot, now);
	outcomes_of_vanished(worker, was_running ? &activity : NULL,
						 worker->load.is_retiring, now);
	if (slot < taskly_max_workers)
		activity_end(slot);
	if (worker->handle != NULL)
		pfree(worker->handle);
	worker->is_mine = false;
	slot_free(slot);
}

/* Did a process that was asked for never come? */
static bool
never_came(int slot, TimestampTz now)
{
	pid_t		pid;
	SlotInfo	info;

	/* It has come, and logs in. */
	if (slot_info(slot, &info) && info.pid != 0)
		return false;
	if (workers[slot].handle == NULL)
		return now - workers[slot].load.started_at > ATTACH_TIMEOUT_US;
	return GetBackgroundWorkerPid(workers[slot].handle, &pid) == BGWH_STOPPED &&
		slot_state(slot) == SLOT_RESERVED;
}

/*
 * A worker that ended in the middle of a run: was it alone, or does the server
 * shut down? Then we are told so in a moment, and its run is not to blame.
 */
static bool
is_left_too_soon(int slot, TimestampTz now)
{
	PoolWorker *worker = &workers[slot];
	Activity	activity;

	if (worker->left_at == 0)
		worker->left_at = now;
	return slot < taskly_max_workers && !worker->load.is_retiring &&
		activity_get(slot, &activity) && now - worker->left_at < LEFT_DELAY_US;
}

static void
tend_slot(int slot, TimestampTz now)
{
	PoolWorker *worker = &workers[slot];

	switch (slot_state(slot))
	{
		case SLOT_READY:
			if (!worker->load.is_ready)
				has_logged_limit = false;
			worker->load.is_ready = true;
			outcomes_collect(slot, now);
			break;
		case SLOT_RESERVED:
			if (!never_came(slot, now))
				break;
			outcomes_role_cannot_start(worker->load.role, now);
			start_again_at = now + START_RETRY_US;
			clear_up(slot, now);
			break;
		case SLOT_LEFT:
			if (is_left_too_soon(slot, now))
				break;
			/* One that left before it was ever ready could not log in. */
			if (!worker->load.is_ready && worker->load.count == 0)
			{
				outcomes_role_cannot_start(worker->load.role, now);
				start_again_at = now + START_RETRY_US;
			}
			clear_up(slot, now);
			break;
		case SLOT_FREE:
			worker->is_mine = false;
			break;
	}
}

TimestampTz
pool_tend(TimestampTz now)
{
	TimestampTz look_again_at = DT_NOEND;

	for (int i = 0; i < slot_count(); i++)
	{
		if (workers[i].is_mine)
			tend_slot(i, now);
		if (workers[i].is_mine && workers[i].left_at != 0)
			look_again_at = workers[i].left_at + LEFT_DELAY_US;
	}
	if (start_again_at > now)
		look_again_at = Min(look_again_at, start_again_at);
	return look_again_at;
}

void
pool_clock_was_set(int64 step_us)
{
	start_again_at += step_us;
	for (int i = 0; i < slot_count(); i++)
	{
		workers[i].load.started_at += step_us;
		if (workers[i].left_at != 0)
			workers[i].left_at += step_us;
	}
}

bool
pool_has_news(void)
{
	for (int i = 0; i < slot_count(); i++)
	{
		if (workers[i].is_mine &&
			(slot_has_outcome(i) || (slot_state(i) == SLOT_LEFT && workers[i].left_at == 0) ||
			 (slot_state(i) == SLOT_READY && !workers[i].load.is_ready)))
			return true;
	}
	return false;
}

/* Without a supervisor, what it had reserved is nobody's. */
static void
adopt_shell_runs(TimestampTz now)
{
	int			supervisor = pool_supervisor_slot();

	if (supervisor < 0 || slot_state(supervisor) != SLOT_READY)
	{
		activity_give_back_all(MyDatabaseId);
		return;
	}
	for (int i = taskly_max_workers; i < activity_count(); i++)
	{
		Activity	activity;

		if (activity_get(i, &activity) && activity.database == MyDatabaseId)
			intake_adopt(activity.run_id, supervisor, i, now);
	}
}

void
pool_adopt(TimestampTz now)
{
	for (int i = 0; i < slot_count(); i++)
	{
		SlotInfo	info;
		Activity	activity;
		Outcome		outcome;
		int			count;

		if (!slot_info(i, &info) || info.database != MyDatabaseId)
			continue;
		own_slot(i, info.role, NULL, now);
		workers[i].load.is_retiring = info.is_retiring;
		workers[i].load.is_ready = info.state != SLOT_RESERVED;
		/* What it has not begun, or has finished, the tables tell us. */
		count = slot_take_back(i, taken_back);
		for (int j = 0; j < count; j++)
		{
			if (taken_back[j].activity >= 0)
				activity_give_back(taken_back[j].activity);
		}
		while (slot_take_outcome(i, &outcome))
		{
			if (outcome.activity >= 0)
				activity_give_back(outcome.activity);
		}
		if (i < taskly_max_workers && activity_get(i, &activity))
			intake_adopt(activity.run_id, i, -1, now);
	}
	adopt_shell_runs(now);
}

/* ------------------------------------------------------------------------
 * Starting
 * ------------------------------------------------------------------------ */

int
pool_count_role(Oid role, int *starting)
{
	int			count = 0;

	*starting = 0;
	for (int i = 0; i < taskly_max_workers; i++)
	{
		if (!workers[i].is_mine || workers[i].load.role != role || workers[i].load.is_retiring)
			continue;
		count++;
		if (!workers[i].load.is_ready)
			(*starting)++;
	}
	return count;
}

static bool
start_process(const char *kind, int slot, uint64 generation, Oid role,
			  TimestampTz now)
{
	ProcessArgs args = {MyDatabaseId, role, slot, generation};
	BackgroundWorkerHandle *handle;
	char		name[BGW_MAXLEN];
	MemoryContext old_context = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	snprintf(name, sizeof(name), "taskly %s [%u/%u]", kind, MyDatabaseId, role);
	started = process_start(kind, name, &args, &handle);
	MemoryContextSwitchTo(old_context);
	if (started)
	{
		own_slot(slot, role, handle, now);
		return true;
	}

	slot_free(slot);
	start_again_at = now + START_RETRY_US;
	if (!has_logged_limit)
		ereport(LOG,
				(errmsg("taskly: no background worker slot is free; runs wait"),
				 errhint("Raise max_worker_processes: taskly uses one for its launcher, one for each database, and up to taskly.max_workers.")));
	has_logged_limit = true;
	return false;
}

void
pool_want_supervisor(TimestampTz now)
{
	uint64		generation;
	int			slot;

	if (pool_supervisor_slot() >= 0 || start_again_at > now)
		return;
	slot = slot_reserve_supervisor(my_entry, MyDatabaseId, &generation);
	if (slot >= 0)
		(void) start_process("supervisor", slot, generation, InvalidOid, now);
}

/* ------------------------------------------------------------------------
 * Sharing
 * ------------------------------------------------------------------------ */

void
pool_begin_wants(void)
{
	fewest_wanting = INT_MAX;
}

bool
pool_want_worker(Oid role, TimestampTz now)
{
	uint64		generation;
	int			starting;
	int			count = pool_count_role(role, &starting);
	int			slot;

	if (start_again_at > now)
		return false;
	/* Others, who have fewer, go first. */
	if (count <= slot_fewest_elsewhere(my_entry) &&
		(slot = slot_reserve_worker(MyDatabaseId, role, &generation)) >= 0)
	{
		return start_process("worker", slot, generation, role, now);
	}
	fewest_wanting = Min(fewest_wanting, count);
	return false;
}

/* Is one of our workers on its way out already? */
static bool
is_one_leaving(void)
{
	for (int i = 0; i < taskly_max_workers; i++)
	{
		if (workers[i].is_mine && workers[i].load.is_retiring)
			return true;
	}
	return false;
}

TimestampTz
pool_end_wants(TimestampTz now)
{
	int			fewest = Min(fewest_wanting, slot_fewest_elsewhere(my_entry));
	TimestampTz look_again_at = start_again_at > now ? start_again_at : DT_NOEND;
	WorkerLoad **loads = palloc(sizeof(WorkerLoad *) * taskly_max_workers);
	int			victim;

	slot_set_demand(my_entry, fewest_wanting);
	if (fewest == INT_MAX || is_one_leaving())
		return look_again_at;
	for (int i = 0; i < taskly_max_workers; i++)
		loads[i] = workers[i].is_mine ? &workers[i].load : NULL;
	victim = staffing_victim(loads, taskly_max_workers, fewest, now, &look_again_at);
	if (victim >= 0)
	{
		workers[victim].load.is_retiring = true;
		slot_retire(victim);
		pool_take_back(victim, now);
	}
	return look_again_at;
}

void
pool_retire_all(int entry)
{
	slot_set_demand(entry, INT_MAX);
	for (int i = 0; i < slot_count(); i++)
	{
		SlotInfo	info;

		if (slot_info(i, &info) && info.database == MyDatabaseId)
			slot_retire(i);
	}
}
