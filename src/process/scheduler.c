/*-------------------------------------------------------------------------
 *
 * scheduler.c
 *	  The scheduler of one database: dispatch, limits, the timing of retries,
 *	  and leading when it holds the lock.
 *
 * Its memory is a cache: it can die at any line, and the next one reads the
 * tables again. Everything it waits for sets its latch: commits of others,
 * outcomes, processes that come and go. With nothing to do it sleeps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/agenda.h"
#include "plan/ready.h"
#include "plan/role_plan.h"
#include "plan/task_plan.h"
#include "plan/throttle.h"
#include "process/alarm.h"
#include "process/dependencies.h"
#include "process/dispatch.h"
#include "process/intake.h"
#include "process/leader.h"
#include "process/outcomes.h"
#include "process/pool.h"
#include "process/process.h"
#include "process/recovery.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/txn.h"
#include "store/catalog.h"
#include "store/task_tuple.h"

/* Counts of so many tasks are written in one transaction. */
#define MAX_COUNTS_AT_ONCE	1000
/* And so often while they change. */
#define COUNTS_INTERVAL_US	USECS_PER_SEC
/* So late may be read what could not start any sooner. */
#define NAP_US				1000

static int	my_entry = -1;
static int64 next_counts_us = 0;	/* monotonic */

/* Is the extension here at all? A launcher cannot see it. */
static bool
is_needed(void)
{
	bool		result;

	txn_begin("taskly: look for the extension");
	result = catalog_has_extension();
	txn_commit();
	return result;
}

static void
init_scheduler(int entry)
{
	my_entry = entry;
	SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION);
	alarm_init();
	throttle_init(TopMemoryContext);
	task_plan_init(TopMemoryContext);
	role_plan_init(TopMemoryContext);
	ready_init(TopMemoryContext, taskly_ready_limit);
	intake_init(entry);
	dependencies_init(TopMemoryContext);
	leader_init(entry);
	pool_init(entry);
}

/* ------------------------------------------------------------------------
 * Counts
 * ------------------------------------------------------------------------ */

/* Of some tasks: with very many, others are not to wait for all of them. True: there are more. */
static bool
write_counts(void)
{
	dlist_mutable_iter iter;
	TaskTable	table;
	int			count = 0;

	txn_begin("taskly: write counts");
	task_table_open(&table);
	dlist_foreach_modify(iter, task_plan_dirty())
	{
		TaskPlan   *plan = dlist_container(TaskPlan, dirty_node, iter.cur);

		if (count++ == MAX_COUNTS_AT_ONCE)
			break;
		switch (task_store_add_counts(&table, &plan->counts))
		{
			case FIRE_OK:
				task_plan_clean(plan);
				break;
			case FIRE_CHANGED:
				/* Dropped while runs of it were not over: its counts are nobody's. */
				task_plan_forget(plan->task_id);
				break;
			case FIRE_LOCKED:
				break;
		}
	}
	task_table_close(&table);
	txn_commit();
	return count > MAX_COUNTS_AT_ONCE;
}

static TimestampTz
counts_turn(void)
{
	int64		now_us = taskly_monotonic_us();

	if (dlist_is_empty(task_plan_dirty()))
		return DT_NOEND;
	if (next_counts_us == 0)
		next_counts_us = now_us + COUNTS_INTERVAL_US;
	if (task_plan_take_urgent())
		next_counts_us = now_us;
	if (now_us >= next_counts_us)
		next_counts_us = write_counts() ? now_us : now_us + COUNTS_INTERVAL_US;
	return dlist_is_empty(task_plan_dirty()) ? DT_NOEND : taskly_wall_of(next_counts_us);
}

/* ------------------------------------------------------------------------
 * A turn
 * ------------------------------------------------------------------------ */

static TimestampTz
expire_turn(TimestampTz now)
{
	TimestampTz next;
	RunEntry   *entry;

	while ((entry = ready_next_expired(now, &next)) != NULL)
		outcomes_expire(entry, now);
	return next;
}

/*
 * Before a turn asks what time it is: what waits for a length of time is known by
 * the instant of its end, which moves when somebody sets the clock.
 */
static void
look_at_clock(void)
{
	TimestampTz now;
	int64		step_us;

	if (!taskly_clock_was_set(&step_us))
		return;
	now = taskly_now();
	pool_clock_was_set(step_us);
	activity_clock_was_set(step_us);
	ready_clock_was_set(step_us, now);
	leader_clock_stepped(step_us, now);
}

static void
leave_if_orphaned(void)
{
	if (!intake_is_orphaned())
		return;
	pool_retire_all(my_entry);
	database_set_not_needed(my_entry);
	proc_exit(0);
}

static void
count_turn(void)
{
	TurnCounts	counts = {
		.waiting = ready_count(),
		.scheduled = agenda_count(),
		.dispatched = dispatch_take_count(),
		.was_rescan = intake_take_rescan()
	};

	database_count_turn(my_entry, &counts);
}

/*
 * While runs come that could not start now, they are read some at a time: to be
 * woken for each would take a tenth of two processors from those who enqueue them.
 * False: there is other news.
 */
static bool
nap(void)
{
	/* Who has set it for a run need not have; all is looked at after the nap. */
	ResetLatch(MyLatch);
	if (!database_nap(my_entry) || pool_has_news())
		return false;
	process_nap(NAP_US);
	return true;
}

static void
sleep_until(TimestampTz next, bool news_came)
{
	if (news_came && dispatch_is_saturated() && next > taskly_now() + NAP_US && nap())
		return;
	/* The latch alone does not tell: a wait for a lock or a standby may have reset it. */
	if (database_has_news(my_entry) || pool_has_news())
		next = taskly_now();
	process_sleep_until(next);
}

/* Everything there is to do now; returns when there will be more. */
static TimestampTz
scheduler_turn(TimestampTz now, bool *news_came)
{
	TimestampTz next;

	/* The database is wanted without us: the launcher brings us back. */
	if (database_should_stop(my_entry))
		proc_exit(0);
	if (process_was_reloaded())
	{
		ready_set_limit(taskly_ready_limit);
		/* Roles may have come that rows wait for. */
		intake_want_everything();
	}
	*news_came = intake_take_news();
	next = pool_tend(now);
	next = earlier(next, recovery_turn());
	intake_read(now);
	leave_if_orphaned();
	next = earlier(next, dependencies_turn(now));
	next = earlier(next, leader_turn(now));
	next = earlier(next, ready_advance(now));
	next = earlier(next, expire_turn(now));
	next = earlier(next, dispatch_turn(taskly_now()));
	next = earlier(next, leader_warm_up(now));
	next = earlier(next, dispatch_watch(now));
	next = earlier(next, counts_turn());
	/* What has come up in this turn is for the next one. */
	if (intake_wants_anything())
		next = now;
	database_show_wakeup_latency(my_entry, alarm_latency_us());
	count_turn();
	return next;
}

void
taskly_scheduler_main(Datum arg)
{
	ProcessArgs args;
	MemoryContext turn_context;

	process_begin(&args);
	if (!database_attach_scheduler(args.index, args.database))
		proc_exit(0);
	process_connect(&args);
	if (!is_needed())
	{
		/* An earlier scheduler may have left some behind. */
		pool_retire_all(args.index);
		database_set_not_needed(args.index);
		proc_exit(0);
	}
	init_scheduler(args.index);
	turn_context = AllocSetContextCreate(TopMemoryContext, "taskly turn",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(turn_context);
	/* What an earlier scheduler has just started is not known. */
	throttle_assume_starts(taskly_now());
	intake_read(taskly_now());
	throttle_assume_starts(DT_NOBEGIN);
	pool_adopt(taskly_now());
	pgstat_report_activity(STATE_IDLE, NULL);

	for (;;)
	{
		TimestampTz next;
		bool		news_came;

		MemoryContextSwitchTo(turn_context);
		look_at_clock();
		next = scheduler_turn(taskly_now(), &news_came);
		MemoryContextSwitchTo(TopMemoryContext);
		MemoryContextReset(turn_context);
		pgstat_report_stat(false);
		sleep_until(next, news_came);
	}
}
