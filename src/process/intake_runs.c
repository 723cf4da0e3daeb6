/*-------------------------------------------------------------------------
 *
 * intake_runs.c
 *	  What the tables say of runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/syscache.h"

#include "plan/ready.h"
#include "plan/task_plan.h"
#include "process/dependencies.h"
#include "process/intake_private.h"
#include "process/pool.h"
#include "process/strays.h"
#include "server/database.h"
#include "server/txn.h"
#include "store/queue_store.h"
#include "store/task_store.h"

/* Ids of runs that are looked up in one reading: others are not to wait for long. */
#define RUNS_AT_ONCE	2048
/* Keys whose runs are read on in one reading. */
#define KEYS_AT_ONCE	256

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
	plan = intake_plan_of(task_id, queue);
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
		intake_read_new_queues();
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
		run.wake_at = Min(run.due_at, intake.reading_at + (run.due_at - queued_at));
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
	run.is_adopted = intake.is_adopting;
	ready_put(queue, &run, intake.reading_at);
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
 * never waits for other runs. The others of this intake.home wait for us.
 */
static void
receive_run(const RunRow *row, void *arg)
{
	QueuePlan  *queue = queue_of(row);
	bool		is_ours;

	if (queue == NULL || !queue->is_seen)
		strays_want();
	is_ours = intake.is_at_home && queue != NULL &&
		run_int64(row, RUN_COL_HOME_ID) == intake.home.home_id &&
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

	intake.reading_at = now;
	if (queue != NULL && intake_knows(task_plan_find(run_int64(row, RUN_COL_TASK_ID)), queue))
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
void
intake_read_news(List **list)
{
	int64		room = RUNS_AT_ONCE;
	int			done = 0;

	while (done < list_length(*list) && room > 0)
	{
		News	   *news = list_nth(*list, done);
		int64		count = Min(news->count, room);

		if (news->kind == NEWS_TASK)
			intake_read_task(news->id);
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

	if (intake.is_at_home)
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
intake_wants_refill(void)
{
	return (intake.is_at_home && (ready_wants_left() || ready_has_key_wanting_refill())) ||
		count_refills() > 0;
}

void
intake_refill(void)
{
	if (intake.wants_blockers)
		throttle_each(read_blockers, NULL);
	intake.wants_blockers = false;
	ready_read_left_tasks();
	refill_queues();
	refill_keys();
}

/* ------------------------------------------------------------------------
 * All of them, and one that runs
 * ------------------------------------------------------------------------ */

void
intake_read_all_runs(void)
{
	intake.has_rescanned = true;
	ready_forget_waiting();
	intake.wants_blockers = true;
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
		intake.reading_at = now;
		intake.is_adopting = true;
		receive_run(&row, NULL);
		intake.is_adopting = false;
		entry = ready_find(run_id);
	}
	txn_commit();
	if (entry != NULL)
		pool_adopt_entry(entry, slot, activity, now);
}
