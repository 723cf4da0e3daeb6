/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *	  Hands due runs to workers.
 *
 * A worker gets one run at a time, or several ahead when they are known to be
 * short, so that a slow run never has fast ones waiting behind it; what waits
 * behind one that turned out slow is taken back. Queues take turns; within a
 * queue the order key decides. No table is written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "plan/ready.h"
#include "plan/task_plan.h"
#include "process/dispatch.h"
#include "process/intake.h"
#include "process/pool.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/guc.h"
#include "server/slot.h"

/* Runs shorter than this may be put several ahead, up to so much work. */
#define SHORT_RUN_US		1000
#define WORK_AHEAD_US		8000
#define MAX_AHEAD			800
/* A run that takes longer gives up what waits behind it. */
#define SLOW_RUN_US			5000
#define SLOW_CHECK_US		10000
/* Work that is too little to start another process for. */
#define BACKLOG_WORTH_A_WORKER_US	10000
#define UNKNOWN_DURATION_US	100000
/* A run that has just been handed over has begun, or is over, after this. */
#define BEGIN_CHECK_US		(100 * INT64CONST(1000))
/* So late the timer of a worker never is, unless the clock was set. */
#define LATE_TIMER_US		(200 * INT64CONST(1000))
/* After its limit, a run has so long to stop before its process is ended. */
#define STOP_GRACE_US		(5 * USECS_PER_SEC)

static int64 dispatched = 0;

int64
dispatch_take_count(void)
{
	int64		result = dispatched;

	dispatched = 0;
	return result;
}

/* ------------------------------------------------------------------------
 * Which run next
 * ------------------------------------------------------------------------ */

/* The line whose turn it is among those of a role; NULL: nothing may start. */
static ReadyLine *
pick_line(Oid role, bool is_shell)
{
	ReadyLine  *best = NULL;
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (line->is_shell != is_shell || ready_line_is_empty(line) ||
			(OidIsValid(role) && line->owner != role) ||
			!throttle_has_room(line->queue))
			continue;
		if (best == NULL || line->last_pick < best->last_pick)
			best = line;
	}
	return best;
}

/* How long a run is expected to take; 0: not known. */
static int64
expected_us(const RunEntry *entry, const PoolWorker *worker)
{
	TaskPlan   *plan = entry->task_id ? task_plan_find(entry->task_id) : NULL;

	if (entry->task_id != 0)
		return plan ? plan->average_us : 0;
	return worker ? worker->average_us : 0;
}

static bool
may_push(const PoolWorker *worker, const RunEntry *entry)
{
	int64		expected = expected_us(entry, worker);

	if (worker->count == 0)
		return true;
	if (worker->holds_slow_run || entry->is_suspect ||
		expected == 0 || expected >= SHORT_RUN_US)
		return false;
	return worker->count < Min(MAX_AHEAD, Max(1, WORK_AHEAD_US / expected));
}

static void
push(int slot, ReadyLine *line, TimestampTz now)
{
	static int64 picks = 0;
	RunEntry   *entry = ready_line_first(line);
	TaskPlan   *plan = entry->task_id ? task_plan_find(entry->task_id) : NULL;
	PoolWorker *worker = pool_worker(slot);
	int64		expected = expected_us(entry, worker);
	Assignment	assignment = {0};

	assignment.run_id = entry->run_id;
	assignment.task_id = entry->task_id;
	assignment.picked_at = now;
	assignment.expires_us = taskly_monotonic_of(entry->deadline_at);
	assignment.ctid = entry->ctid;
	assignment.activity = entry->activity;
	assignment.is_suspect = entry->is_suspect;
	assignment.is_slow = expected >= SHORT_RUN_US;
	assignment.consecutive_failures = plan ? plan->consecutive_failures : 0;

	line->last_pick = ++picks;
	ready_take(entry);
	pool_dispatch(slot, entry, &assignment);
	if (expected == 0 || expected >= SHORT_RUN_US || entry->is_suspect)
		worker->holds_slow_run = true;
	if (plan != NULL)
		plan->running++;
	dispatched++;
}

/* ------------------------------------------------------------------------
 * SQL
 * ------------------------------------------------------------------------ */

/* One run for each worker that can take one; false: none could. */
static bool
serve_workers_once(bool *was_served, TimestampTz now)
{
	bool		progress = false;

	for (int i = 0; i < taskly_max_workers; i++)
	{
		PoolWorker *worker = pool_worker(i);
		ReadyLine  *line;

		if (worker == NULL || !worker->is_ready || worker->is_retiring ||
			slot_is_retiring(i) || slot_state(i) != SLOT_READY)
			continue;
		line = pick_line(worker->role, false);
		if (line == NULL || !may_push(worker, ready_line_first(line)))
			continue;
		push(i, line, now);
		was_served[i] = progress = true;
	}
	return progress;
}

static void
serve_workers(TimestampTz now)
{
	bool	   *was_served = palloc0(sizeof(bool) * taskly_max_workers);

	while (serve_workers_once(was_served, now))
		;
	for (int i = 0; i < taskly_max_workers; i++)
	{
		if (!was_served[i])
			continue;
		/* Come back before it runs dry, if there is more. */
		if (pick_line(pool_worker(i)->role, false) != NULL)
			slot_set_refill_mark(i, slot_assigned(i) / 2);
		slot_wake(i);
	}
	pfree(was_served);
}

/* Due runs of a role that may start, and the time they should take. */
static int64
backlog_of(Oid role, int64 *work_us)
{
	int64		count = 0;
	dlist_iter	iter;

	*work_us = 0;
	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);
		int64		expected;

		if (line->is_shell || line->owner != role || ready_line_is_empty(line) ||
			!throttle_has_room(line->queue))
			continue;
		expected = expected_us(ready_line_first(line), NULL);
		count += line->count;
		*work_us += line->count * (expected ? expected : UNKNOWN_DURATION_US);
	}
	return count;
}

static bool
needs_another_worker(Oid role)
{
	int			starting;
	int			workers = pool_count_role(role, &starting);
	int64		work_us;
	int64		count = backlog_of(role, &work_us);

	if (count <= starting)
		return false;
	return workers == 0 ||
		work_us > (int64) workers * BACKLOG_WORTH_A_WORKER_US;
}

/* The role in need that has fewest workers, of those not asked for yet. */
static Oid
neediest_role(List *asked)
{
	Oid			result = InvalidOid;
	int			fewest = INT_MAX;
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);
		int			starting;
		int			workers;

		if (line->is_shell || ready_line_is_empty(line) ||
			list_member_oid(asked, line->owner) ||
			!needs_another_worker(line->owner))
			continue;
		workers = pool_count_role(line->owner, &starting);
		if (workers < fewest)
		{
			fewest = workers;
			result = line->owner;
		}
	}
	return result;
}

/* Whoever has fewest asks first, as often as it gets one. */
static void
ask_for_workers(TimestampTz now)
{
	List	   *asked = NIL;
	Oid			role;

	while (OidIsValid(role = neediest_role(asked)))
	{
		int			starting;
		int			before = pool_count_role(role, &starting);

		pool_want_worker(role, now);
		if (pool_count_role(role, &starting) == before)
			asked = lappend_oid(asked, role);
	}
	list_free(asked);
}

/* ------------------------------------------------------------------------
 * Shell
 * ------------------------------------------------------------------------ */

static void
serve_supervisor(TimestampTz now)
{
	ReadyLine  *line = pick_line(InvalidOid, true);
	int			slot;
	bool		was_served = false;

	if (line == NULL)
		return;
	pool_want_supervisor(now);
	slot = pool_supervisor_slot();
	if (slot < 0 || !pool_worker(slot)->is_ready || slot_is_retiring(slot))
		return;
	while ((line = pick_line(InvalidOid, true)) != NULL)
	{
		int			activity = activity_reserve(MyDatabaseId);

		if (activity < 0)
			break;
		ready_line_first(line)->activity = activity;
		push(slot, line, now);
		was_served = true;
	}
	if (was_served)
		slot_wake(slot);
}

/* ------------------------------------------------------------------------
 * A turn
 * ------------------------------------------------------------------------ */

void
dispatch_warm_up(Oid role, bool is_shell, TimestampTz now)
{
	int			starting;

	if (!taskly_enabled || intake_is_parked() || intake_is_paused())
		return;
	if (is_shell)
		pool_want_supervisor(now);
	else if (pool_count_role(role, &starting) == 0)
		pool_want_worker(role, now);
}

TimestampTz
dispatch_turn(TimestampTz now)
{
	pool_begin_wants();
	if (taskly_enabled && !intake_is_parked() && !intake_is_paused())
	{
		serve_workers(now);
		serve_supervisor(now);
		ask_for_workers(now);
	}
	return Min(pool_end_wants(now), intake_paused_until());
}

/* ------------------------------------------------------------------------
 * Watch
 * ------------------------------------------------------------------------ */

/* What waits behind a slow run goes elsewhere. */
static TimestampTz
watch_slow_run(int slot, const Activity *activity, TimestampTz now)
{
	if (slot_assigned(slot) == 0)
		return DT_NOEND;
	if (activity->run_id == 0 || now - activity->started_at < SLOW_RUN_US)
		return now + SLOW_CHECK_US;
	pool_take_back(slot, now);
	pool_worker(slot)->holds_slow_run = true;
	return DT_NOEND;
}

/*
 * A run that is past its limit is told so, for its worker's timer goes by the
 * wall clock, which may have been set. Past its grace, too, it loses its process.
 */
static TimestampTz
watch_limit(int slot, const Activity *activity, TimestampTz now)
{
	int64		late_us = taskly_monotonic_us() - activity->stop_by_us;

	if (activity->run_id == 0)
		return pool_worker(slot)->count > 0 ? now + BEGIN_CHECK_US : DT_NOEND;
	if (activity->stop_by_us == 0 || activity->is_stuck)
		return DT_NOEND;
	if (late_us < LATE_TIMER_US)
		return now + LATE_TIMER_US - late_us;
	if (activity_time_out(slot, activity->run_id))
		return now + STOP_GRACE_US;
	if (late_us < STOP_GRACE_US)
		return now + STOP_GRACE_US - late_us;
	activity_set_stuck(slot, activity->run_id);
	activity_terminate(slot, activity->run_id);
	return DT_NOEND;
}

TimestampTz
dispatch_watch(TimestampTz now)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < taskly_max_workers; i++)
	{
		Activity	activity;
		TimestampTz limit_at;

		if (pool_worker(i) == NULL || !pool_worker(i)->is_ready)
			continue;
		(void) activity_get(i, &activity);
		next = Min(next, watch_slow_run(i, &activity, now));
		/* Min() would call it twice. */
		limit_at = watch_limit(i, &activity, now);
		next = Min(next, limit_at);
	}
	return next;
}
