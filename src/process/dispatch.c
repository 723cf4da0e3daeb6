/*-------------------------------------------------------------------------
 *
 * dispatch.c
 *	  Hands due runs to workers.
 *
 * Which run goes to whom is plan/choice.c's to say; here it is done: rings are
 * filled, latches set, processes asked for. What waits behind a run that turned
 * out slow is taken back. No table is written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "plan/choice.h"
#include "plan/staffing.h"
#include "process/dispatch.h"
#include "process/intake.h"
#include "process/outcomes.h"
#include "process/pool.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/slot.h"

#define SLOW_CHECK_US		10000
/* A run that has just been handed over has begun, or is over, after this. */
#define BEGIN_CHECK_US		(100 * INT64CONST(1000))
/* So late the timer of a worker never is, unless the clock was set. */
#define LATE_TIMER_US		(200 * INT64CONST(1000))
/* After its limit, a run has so long to stop before its process is ended. */
#define STOP_GRACE_US		(5 * USECS_PER_SEC)

/* One handing out to all workers. */
static bool is_saturated = false;	/* nothing that comes now could start */

typedef struct Round
{
	TimestampTz now;
	bool	   *was_served;		/* by slot */
} Round;

static int64 dispatched = 0;

int64
dispatch_take_count(void)
{
	int64		result = dispatched;

	dispatched = 0;
	return result;
}

static void
push(int slot, const Choice *choice, TimestampTz now)
{
	RunEntry   *entry = choice->entry;
	Assignment	assignment = {0};

	assignment.run_id = entry->run_id;
	assignment.task_id = entry->task_id;
	assignment.picked_at = now;
	assignment.expires_us = taskly_monotonic_of(entry->deadline_at);
	assignment.ctid = entry->ctid;
	assignment.activity = entry->activity;
	assignment.is_suspect = entry->is_suspect;
	assignment.is_slow = choice->is_slow;
	assignment.consecutive_failures = choice->plan ? choice->plan->consecutive_failures : 0;
	assignment.queue_id = entry->queue->queue_id;
	assignment.batch = entry->queue->settings.batch;
	assignment.keep = entry->queue->settings.keep;
	if (entry->key != NULL && key_plan_is_strict(entry->key))
	{
		assignment.is_strict = true;
		assignment.key_hash = entry->key->id.hash[0];
	}
	pool_dispatch(slot, entry, &assignment);
	dispatched++;
}

/* ------------------------------------------------------------------------
 * SQL
 * ------------------------------------------------------------------------ */

static bool
takes_runs(int slot)
{
	const PoolWorker *worker = pool_worker(slot);

	return worker != NULL && worker->load.is_ready && !worker->load.is_retiring &&
		!slot_is_retiring(slot) && slot_state(slot) == SLOT_READY &&
		slot_assigned(slot) + CHOICE_MAX_AHEAD <= SLOT_ASSIGNMENTS;
}

/* How far a worker is; nothing goes behind a run that has turned out slow. */
static void
look_at_worker(int slot, TimestampTz now)
{
	WorkerLoad *load = &pool_worker(slot)->load;
	Activity	activity;

	/* An earlier scheduler may have left outcomes in its ring. */
	load->done = Min(slot_done(slot), load->count);
	if (load->count > 0 && activity_get(slot, &activity) &&
		choice_slow_at(activity.started_at) <= now)
		load->holds_slow_run = true;
}

static void
hand_over(int slot, const Choice *choice, void *arg)
{
	Round	   *round = arg;

	push(slot, choice, round->now);
	round->was_served[slot] = true;
}

/* Has every worker all that it may have, while more runs wait? */
static bool
all_are_full(WorkerLoad *const *loads)
{
	bool		result = false;

	for (int i = 0; i < taskly_max_workers; i++)
	{
		if (loads[i] == NULL)
			continue;
		if (!choice_has_more(loads[i]))
			return false;
		result = true;
	}
	return result;
}

static void
serve_workers(TimestampTz now)
{
	Round		round = {now, palloc0(sizeof(bool) * taskly_max_workers)};
	WorkerLoad **loads = palloc(sizeof(WorkerLoad *) * taskly_max_workers);

	for (int i = 0; i < taskly_max_workers; i++)
	{
		loads[i] = takes_runs(i) ? &pool_worker(i)->load : NULL;
		if (loads[i] != NULL)
			look_at_worker(i, now);
	}
	choice_hand_out(loads, taskly_max_workers, hand_over, &round, now);
	for (int i = 0; i < taskly_max_workers; i++)
	{
		if (!round.was_served[i])
			continue;
		/* Come back before it runs dry, if there is more. */
		if (choice_has_more(loads[i]))
			slot_set_refill_mark(i, slot_assigned(i) / 2);
		slot_wake(i);
	}
	is_saturated = all_are_full(loads);
}

/* ------------------------------------------------------------------------
 * Shell
 * ------------------------------------------------------------------------ */

static void
serve_supervisor(TimestampTz now)
{
	int			slot;
	bool		was_served = false;
	WorkerLoad *load;
	Choice		choice;

	if (!choice_has_shell_run())
		return;
	pool_want_supervisor(now);
	slot = pool_supervisor_slot();
	if (slot < 0 || !pool_worker(slot)->load.is_ready || slot_is_retiring(slot))
		return;
	load = &pool_worker(slot)->load;
	while (choice_next(load, &choice))
	{
		int			activity = activity_reserve(MyDatabaseId);

		if (activity < 0)
			break;
		choice.entry->activity = activity;
		choice_take(load, &choice, now);
		push(slot, &choice, now);
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
	is_saturated = true;
	if (taskly_enabled && !intake_is_parked() && !intake_is_paused())
	{
		serve_workers(now);
		serve_supervisor(now);
		staffing_ask(pool_count_role, pool_want_worker, now);
	}
	return earlier(pool_end_wants(now), intake_paused_until());
}

bool
dispatch_is_saturated(void)
{
	return is_saturated;
}

/* ------------------------------------------------------------------------
 * Watch
 * ------------------------------------------------------------------------ */

/*
 * A run that takes long keeps neither what is done before it from being known,
 * nor what waits behind it from going elsewhere.
 */
static TimestampTz
watch_slow_run(int slot, const Activity *activity, TimestampTz now)
{
	WorkerLoad *load = &pool_worker(slot)->load;
	XLogRecPtr	durable_at;
	uint64		done;
	bool		is_unreported = slot_unreported(slot, &done, &durable_at);

	if (slot_assigned(slot) == 0 && !is_unreported)
		return DT_NOEND;
	if (activity->run_id == 0)
		return now + SLOW_CHECK_US;
	if (choice_slow_at(activity->started_at) > now)
		return choice_slow_at(activity->started_at);
	if (is_unreported)
	{
		XLogFlush(durable_at);
		slot_report_for(slot, done);
		outcomes_collect(slot, now);
		database_tell_finished();
	}
	pool_take_back(slot, now);
	load->holds_slow_run = load->count > 0;
	/* There is room, or work for others. */
	return now;
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
		return pool_worker(slot)->load.count > 0 ? now + BEGIN_CHECK_US : DT_NOEND;
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

		if (pool_worker(i) == NULL || !pool_worker(i)->load.is_ready)
			continue;
		(void) activity_get(i, &activity);
		next = earlier(next, watch_slow_run(i, &activity, now));
		next = earlier(next, watch_limit(i, &activity, now));
	}
	return next;
}
