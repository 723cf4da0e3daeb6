/*-------------------------------------------------------------------------
 *
 * intake.c
 *	  How a scheduler learns what to do.
 *
 * Sessions push news at commit: ranges of run_ids, ids of tasks, "settings", or
 * "everything". The tables are read by primary key for what the news name; in
 * the order (queue, due_at, run_id) when memory is (re)filled.
 *
 * The entry's ring is emptied before the snapshot of the first reading is taken,
 * so no commit falls between the two.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "plan/ready.h"
#include "plan/role_plan.h"
#include "plan/task_plan.h"
#include "plan/throttle.h"
#include "process/dependencies.h"
#include "process/intake.h"
#include "process/leader.h"
#include "process/pool.h"
#include "process/strays.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/txn.h"
#include "store/catalog.h"
#include "store/home_store.h"
#include "store/queue_key_store.h"
#include "store/quota_store.h"
#include "store/queue_store.h"
#include "store/run_store.h"
#include "store/task_store.h"
#include "store/task_timetable.h"

#define NEWS_AT_ONCE	512
/* Ids of runs that are looked up in one reading: others are not to wait for long. */
#define RUNS_AT_ONCE	2048
/* Keys whose runs are read on in one reading. */
#define KEYS_AT_ONCE	256
/* A task's period is asked for by queues of one algorithm only. */
#define PERIOD_UNKNOWN	(-1)

/* What is to be read in the next transaction. */
typedef struct Wanted
{
	bool		everything;
	bool		all_runs;
	bool		dependencies;	/* all that wait for others */
	bool		settings;
	List	   *news;			/* of News: runs and tasks, in the order in which they came */
} Wanted;

static Wanted wanted;
static MemoryContext wanted_context = NULL;
static int	my_entry = -1;
static bool is_orphaned = false;
static bool has_rescanned = false;
static bool is_adopting = false;	/* the run that is read runs already */
static bool wants_blockers = false;	/* before other runs are read */
static HomeRow home;
static bool is_at_home = false;
static TimestampTz reading_at;	/* now, of the present reading */

void
intake_init(int entry)
{
	my_entry = entry;
	wanted_context = AllocSetContextCreate(TopMemoryContext, "taskly intake",
										   ALLOCSET_DEFAULT_SIZES);
	wanted.everything = true;
}

/* ------------------------------------------------------------------------
 * What is wanted
 * ------------------------------------------------------------------------ */

void
intake_want_everything(void)
{
	wanted.everything = true;
}

void
intake_want_settings(void)
{
	wanted.settings = true;
}

static void
want_news(const News *news)
{
	MemoryContext old_context = MemoryContextSwitchTo(wanted_context);
	News	   *copy = palloc(sizeof(News));

	*copy = *news;
	wanted.news = lappend(wanted.news, copy);
	MemoryContextSwitchTo(old_context);
}

void
intake_want_run(int64 run_id)
{
	News		news = {run_id, 1, NEWS_RUNS};

	want_news(&news);
}

void
intake_want_task(int64 task_id)
{
	News		news = {task_id, 1, NEWS_TASK};

	want_news(&news);
}

static void
sort_news(const News *news)
{
	switch (news->kind)
	{
		case NEWS_RUNS:
			/* More than memory holds is better read in order. */
			if (news->count > taskly_ready_limit / 2)
				wanted.all_runs = wanted.dependencies = true;
			else
				want_news(news);
			break;
		case NEWS_TASK:
			want_news(news);
			break;
		case NEWS_SETTINGS:
			wanted.settings = true;
			break;
		case NEWS_ALL_RUNS:
			wanted.all_runs = wanted.dependencies = true;
			break;
		case NEWS_EVERYTHING:
			wanted.everything = true;
			break;
	}
}

void
intake_take_news(void)
{
	News		news[NEWS_AT_ONCE];
	bool		overflow;
	int			count;

	do
	{
		count = database_take_news(my_entry, news, NEWS_AT_ONCE, &overflow);
		if (overflow)
			wanted.everything = true;
		for (int i = 0; i < count; i++)
			sort_news(&news[i]);
	} while (count == NEWS_AT_ONCE);
}

/* ------------------------------------------------------------------------
 * Settings
 * ------------------------------------------------------------------------ */

/* They are read in order as queues are refilled. */
static void
read_all_runs(void)
{
	has_rescanned = true;
	ready_forget_waiting();
	wants_blockers = true;
}

static bool
orders_alike(const QueueSettings *a, const QueueSettings *b)
{
	return a->algorithm == b->algorithm && a->aging_us == b->aging_us &&
		a->block_key_on_failure == b->block_key_on_failure;
}

static void
refresh_key(KeyPlan *key)
{
	ready_key_changed(key);
}

static void
receive_queue(const QueueRow *queue, void *arg)
{
	const QueuePlan *known = throttle_find(queue->queue_id);

	/* In the middle of a reading of runs only new ones are taken over. */
	if (known != NULL && arg != NULL)
		return;
	/* What is in memory was put in order by another rule. */
	if (known != NULL && !orders_alike(&known->settings, &queue->settings))
		read_all_runs();
	throttle_set(queue->queue_id, &queue->settings);
}

static void
receive_key(const QueueKeyRow *key, void *arg)
{
	QueuePlan  *queue = throttle_find(key->queue_id);

	if (queue != NULL)
		key_plan_set(queue, key->key, key->weight, key->is_paused, key->blocked_by);
}

static void
receive_quota(const QuotaRow *quota, void *arg)
{
	role_plan_set(quota->role, quota->max_running);
}

static void
read_queues(void)
{
	throttle_begin_reload();
	queue_store_read_all(receive_queue, NULL);
	throttle_end_reload(key_plan_forget_queue);
	key_plan_begin_reload();
	queue_key_store_read_all(receive_key, NULL);
	key_plan_end_reload(refresh_key, reading_at);
	role_plan_begin_reload();
	quota_store_read_all(receive_quota, NULL);
}

static void
read_settings(void)
{
	bool		has_home = home_store_read(&home);
	int64		home_id;

	is_at_home = has_home && catalog_home_id(&home_id);
	if (has_home)
		database_set_history_slot(my_entry, home.history_slot);
	read_queues();
	dependencies_read_settings();
	leader_home_changed(is_at_home, home.term);
	leader_settings_changed(reading_at);
}

bool
intake_is_parked(void)
{
	return !is_at_home;
}

bool
intake_is_paused(void)
{
	return home.is_paused;
}

TimestampTz
intake_paused_until(void)
{
	return home.is_paused ? home.paused_until : DT_NOEND;
}

bool
intake_is_orphaned(void)
{
	return is_orphaned;
}

/* ------------------------------------------------------------------------
 * Tasks
 * ------------------------------------------------------------------------ */

static bool
is_by_period(const QueuePlan *queue)
{
	return queue != NULL && queue->settings.algorithm == QUEUE_RATE_MONOTONIC;
}

/* Found by walking through occurrences, so only where it matters. */
static int64
period_of(const TaskRow *task)
{
	Timetable	timetable;
	ScheduleError error;

	if (!is_by_period(throttle_find(task->queue_id)))
		return PERIOD_UNKNOWN;
	return task->schedule != NULL && task_timetable(task, NULL, &timetable, &error) ?
		timetable_shortest_gap(&timetable) : 0;
}

static TaskPlan *
remember_task(const TaskRow *task)
{
	TaskFacts	facts = {
		.task_id = task->task_id,
		.is_paused = task->is_paused,
		.is_shell = task->kind == RUN_KIND_SHELL,
		.is_serial = task_overlap(task) != OVERLAP_ALLOW,
		.max_running = task->max_running,
		.period_us = period_of(task),
		.pause_after_failures = task->pause_after_failures,
		.consecutive_failures = task->consecutive_failures
	};

	return task_plan_set(&facts);
}

void
intake_know_task(const TaskRow *task)
{
	(void) remember_task(task);
}

static void
read_task(int64 task_id)
{
	TaskRow		task;
	TaskPlan   *plan;

	if (!task_store_read(task_id, &task))
	{
		plan = task_plan_find(task_id);
		if (plan != NULL)
			ready_read_left(plan);
		task_plan_forget(task_id);
		leader_task_dropped(task_id);
		return;
	}
	plan = remember_task(&task);
	ready_task_changed(plan);
	leader_task_changed(&task, reading_at);
}

/* Its queue may have become one that asks for periods. */
static bool
is_known(const TaskPlan *plan, const QueuePlan *queue)
{
	return plan != NULL && (plan->period_us != PERIOD_UNKNOWN || !is_by_period(queue));
}

/* What is known of a run's task, read when it is not known yet; queue may be NULL. */
static TaskPlan *
plan_of(int64 task_id, const QueuePlan *queue)
{
	TaskPlan   *plan = task_plan_find(task_id);
	TaskRow		task;

	if (!is_known(plan, queue) && task_store_read(task_id, &task))
		plan = remember_task(&task);
	return plan;
}

void
intake_learn_task(int64 task_id)
{
	txn_begin("taskly: read task");
	(void) plan_of(task_id, NULL);
	txn_commit();
}

/* ------------------------------------------------------------------------
 * Runs
 * ------------------------------------------------------------------------ */

/* Rows of a dumped role that does not exist here wait for it. */
static bool
owner_exists(Oid owner)
{
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(owner));
}

static bool
is_shell_run(const RunRow *row, int64 task_id, const QueuePlan *queue)
{
	TaskPlan   *plan;

	if (task_id == 0)
		return strcmp(run_row_text(row, RUN_COL_KIND), "shell") == 0;
	plan = plan_of(task_id, queue);
	return plan != NULL && plan->is_shell;
}

/* The occurrences of a task run one at a time, unless they may overlap. */
static bool
is_serial_run(const RunRow *row, int64 task_id)
{
	TaskPlan   *plan = task_id == 0 ? NULL : task_plan_find(task_id);
	char	   *source;

	if (plan == NULL || !plan->is_serial)
		return false;
	source = run_row_text(row, RUN_COL_SOURCE);
	return strcmp(source, RUN_SOURCE_SCHEDULE) == 0 || strcmp(source, RUN_SOURCE_BACKFILL) == 0;
}

static QueuePlan *
queue_of(const RunRow *row)
{
	int32		queue_id = run_int32(row, RUN_COL_QUEUE_ID);
	QueuePlan  *queue = throttle_find(queue_id);

	/* A queue that was made in the same moment. */
	if (queue == NULL)
	{
		queue_store_read_all(receive_queue, &home);
		queue = throttle_find(queue_id);
	}
	return queue;
}

/* Its agenda made it a little before it is due. */
static bool
is_prepared_run(const RunRow *row)
{
	return run_int32(row, RUN_COL_ATTEMPT) == 0 && run_is_null(row, RUN_COL_SNOOZES) &&
		run_time(row, RUN_COL_DUE_AT) > run_time(row, RUN_COL_QUEUED_AT) &&
		strcmp(run_row_text(row, RUN_COL_SOURCE), RUN_SOURCE_SCHEDULE) == 0;
}

/* Take a row into memory; needs no transaction if its task is known. */
static void
put_run(const RunRow *row, QueuePlan *queue)
{
	TimestampTz queued_at = run_time(row, RUN_COL_QUEUED_AT);
	WaitingRun	run;

	run.run_id = run_int64(row, RUN_COL_RUN_ID);
	run.task_id = run_is_null(row, RUN_COL_TASK_ID) ? 0 :
		run_int64(row, RUN_COL_TASK_ID);
	run.due_at = run_time(row, RUN_COL_DUE_AT);
	/* Due when it was made: that the clock was set back since must not hold it up. */
	run.wake_at = run.due_at <= queued_at ? DT_NOBEGIN : run.due_at;
	run.is_prepared = is_prepared_run(row);
	if (run.is_prepared)
		run.wake_at = Min(run.due_at, reading_at + (run.due_at - queued_at));
	run.deadline_at = run_is_null(row, RUN_COL_DEADLINE_AT) ? DT_NOEND :
		run_time(row, RUN_COL_DEADLINE_AT);
	run.ctid = row->ctid;
	run.key = run_is_null(row, RUN_COL_KEY) ? NULL : run_row_text(row, RUN_COL_KEY);
	run.priority = run_int32(row, RUN_COL_PRIORITY);
	run.owner = run_oid(row, RUN_COL_OWNER);
	run.is_shell = is_shell_run(row, run.task_id, queue);
	run.is_suspect = run_int32(row, RUN_COL_CRASHES) > 0;
	run.is_serial = is_serial_run(row, run.task_id);
	run.is_retry = run_int32(row, RUN_COL_ATTEMPT) > 0 ||
		!run_is_null(row, RUN_COL_SNOOZES);
	run.is_adopted = is_adopting;
	ready_put(queue, &run, reading_at);
}

/* They wait no longer. */
static void
forget_runs(int64 first, int64 count)
{
	if (count > ready_count())
	{
		ready_remove_range(first, count);
		return;
	}
	for (int64 id = first; id < first + count; id++)
	{
		RunEntry   *entry = ready_find(id);

		if (entry != NULL && entry->state != ENTRY_DISPATCHED)
			ready_remove(entry);
	}
}

/*
 * A row with a start mark is in somebody's hands, or recovery's; one that is due
 * never waits for other runs. The others of this home wait for us.
 */
static void
receive_run(const RunRow *row, void *arg)
{
	QueuePlan  *queue = queue_of(row);
	bool		is_ours;

	if (queue == NULL || !queue->is_seen)
		strays_want();
	is_ours = is_at_home && queue != NULL &&
		run_int64(row, RUN_COL_HOME_ID) == home.home_id &&
		run_is_null(row, RUN_COL_STARTED_AT) && owner_exists(run_oid(row, RUN_COL_OWNER));
	if (is_ours && !TIMESTAMP_IS_NOEND(run_time(row, RUN_COL_DUE_AT)))
	{
		put_run(row, queue);
		return;
	}
	forget_runs(run_int64(row, RUN_COL_RUN_ID), 1);
	if (is_ours)
		dependencies_child_waits(row);
}

void
intake_put(const RunRow *row, TimestampTz now)
{
	QueuePlan  *queue = throttle_find(run_int32(row, RUN_COL_QUEUE_ID));

	reading_at = now;
	if (queue != NULL && is_known(task_plan_find(run_int64(row, RUN_COL_TASK_ID)), queue))
		put_run(row, queue);
	else
		intake_want_run(run_int64(row, RUN_COL_RUN_ID));
}

/* Ids that are named by news, up to which rows have been read. */
typedef struct Reading
{
	int64		next;
	int64		found;
} Reading;

/* Between the rows, in order of their ids, there are none any more. */
static void
receive_news(const RunRow *row, void *arg)
{
	Reading    *reading = arg;
	int64		run_id = run_int64(row, RUN_COL_RUN_ID);

	forget_runs(reading->next, run_id - reading->next);
	receive_run(row, NULL);
	reading->next = run_id + 1;
	reading->found++;
}

static void
read_runs(int64 first, int64 count)
{
	Reading		reading = {first, 0};

	run_store_read(first, count, receive_news, &reading);
	forget_runs(reading.next, first + count - reading.next);
	if (reading.found < count)
		dependencies_runs_gone(first, count);
}

/* The rest of a large range, and of very many, comes with the next reading. */
static void
read_news(List **list)
{
	int64		room = RUNS_AT_ONCE;
	int			done = 0;

	while (done < list_length(*list) && room > 0)
	{
		News	   *news = list_nth(*list, done);
		int64		count = Min(news->count, room);

		if (news->kind == NEWS_TASK)
			read_task(news->id);
		else
			read_runs(news->id, count);
		room -= count;
		news->id += count;
		news->count -= count;
		if (news->count > 0)
			break;
		pfree(news);
		done++;
	}
	*list = list_delete_first_n(*list, done);
}

static void
receive_refill(const RunRow *row, void *arg)
{
	RunPlace   *last_read = arg;

	last_read->due_at = run_time(row, RUN_COL_DUE_AT);
	last_read->run_id = run_int64(row, RUN_COL_RUN_ID);
	receive_run(row, NULL);
}

/*
 * Read on from a queue's watermark, never from the dead head of the index; so
 * many at once that nothing else has to wait for long.
 */
static void
refill_queue(QueuePlan *queue, void *arg)
{
	RunPlace	last_read = queue->watermark;
	int			limit = *(int *) arg;
	int			count;

	if (!ready_wants_refill(queue))
		return;
	ready_begin_refill(queue);
	count = run_store_read_queue(queue->queue_id, last_read, limit, receive_refill, &last_read);
	ready_end_refill(queue, last_read, count < limit);
}

/* The same for a key of which runs were left in the table. */
static void
refill_key(KeyPlan *key)
{
	RunPlace	last_read = key->watermark;
	int			limit = ready_key_refill_size();
	int			count;

	ready_begin_key_refill(key);
	count = run_store_read_key(key->queue->queue_id, key->text, last_read, limit,
							   receive_refill, &last_read);
	ready_end_key_refill(key, last_read, count < limit);
}

static void
refill_keys(void)
{
	for (int i = 0; i < KEYS_AT_ONCE; i++)
	{
		KeyPlan    *key = ready_key_wanting_refill();

		if (key == NULL)
			break;
		refill_key(key);
	}
}

/* Those that hold up others of their key come first, wherever they are in the table. */
static void
read_blockers(QueuePlan *queue, void *arg)
{
	if (queue->settings.block_key_on_failure)
		run_store_read_retrying(queue->queue_id, receive_run, NULL);
}

static void
count_refill(QueuePlan *queue, void *arg)
{
	if (ready_wants_refill(queue))
		(*(int *) arg)++;
}

/* Queues of which memory has too few runs. */
static int
count_refills(void)
{
	int			result = 0;

	if (is_at_home)
		throttle_each(count_refill, &result);
	return result;
}

/* They share what is read at once. */
static void
refill_queues(void)
{
	int			wanting = count_refills();
	int			limit;

	if (wanting == 0)
		return;
	limit = ready_refill_size(wanting);
	throttle_each(refill_queue, &limit);
}

bool
intake_wants_anything(void)
{
	return wanted.everything || wanted.all_runs || wanted.settings || wanted.news != NIL ||
		(is_at_home && (ready_wants_left() || ready_has_key_wanting_refill())) || count_refills() > 0;
}

bool
intake_take_rescan(void)
{
	bool		result = has_rescanned;

	has_rescanned = false;
	return result;
}

/* ------------------------------------------------------------------------
 * One reading
 * ------------------------------------------------------------------------ */

/* Nobody has told which runs wait for others, and which of these are over. */
static void
read_dependencies(void)
{
	dependencies_read_settings();
	dependencies_want_all();
}

static void
read_everything(void)
{
	read_settings();
	read_all_runs();
	read_dependencies();
	leader_forget_tasks();
}

static void
read_wanted(Wanted *now_wanted)
{
	if (now_wanted->everything)
		read_everything();
	else if (now_wanted->settings)
		read_settings();
	if (now_wanted->all_runs && !now_wanted->everything)
		read_all_runs();
	if (now_wanted->dependencies && !now_wanted->everything)
		read_dependencies();
	read_news(&wanted.news);
	if (!is_at_home)
		return;
	if (wants_blockers)
		throttle_each(read_blockers, NULL);
	wants_blockers = false;
	ready_read_left_tasks();
	refill_queues();
	refill_keys();
}

void
intake_read(TimestampTz now)
{
	Wanted		now_wanted;

	if (home.is_paused && home.paused_until <= now)
		wanted.settings = true;
	if (!intake_wants_anything())
		return;
	now_wanted = wanted;

	memset(&wanted, 0, sizeof(wanted));
	wanted.news = now_wanted.news;
	reading_at = now;
	txn_begin("taskly: read");
	if (now_wanted.everything && !catalog_has_extension())
		is_orphaned = true;
	else
		read_wanted(&now_wanted);
	txn_commit();
}

void
intake_adopt(int64 run_id, int slot, int activity, TimestampTz now)
{
	RunRow		row;
	RunEntry   *entry = NULL;

	txn_begin("taskly: adopt run");
	if (run_store_get(run_id, NULL, &row) == CLAIM_OK)
	{
		/* In execution, so its start mark, if any, is not in the way. */
		run_row_set_null(&row, RUN_COL_STARTED_AT);
		reading_at = now;
		is_adopting = true;
		receive_run(&row, NULL);
		is_adopting = false;
		entry = ready_find(run_id);
	}
	txn_commit();
	if (entry != NULL)
		pool_adopt_entry(entry, slot, activity, now);
}
