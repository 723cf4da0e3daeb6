/*-------------------------------------------------------------------------
 *
 * ready.c
 *	  The waiting runs in a scheduler's memory.
 *
 * An entry is in exactly one place: the timer heap (due later), a flow (due; see
 * line.c), its task's list of held ones, or a worker's list (dispatched; those
 * lists belong to the pool). A hash finds it by run_id, so that no run is held
 * twice. Entries with a deadline are in the deadline heap too while they wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/policy.h"
#include "plan/ready_private.h"

ReadyState	ready;

static MemoryContext ready_context = NULL;
static int64 arrivals = 0;

static void
make_table(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(RunEntry);
	control.hcxt = ready_context;
	ready.entries = hash_create("taskly waiting runs", 1024, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
ready_init(MemoryContext parent, int limit)
{
	ready_context = AllocSetContextCreate(parent, "taskly ready",
										  ALLOCSET_DEFAULT_SIZES);
	memset(&ready, 0, sizeof(ready));
	ready.limit = limit;
	ready_timer_init();
	make_table();
	line_init(ready_context);
	key_plan_init(ready_context);
	ready_refill_init();
}

void
ready_set_limit(int limit)
{
	ready.limit = limit;
}

int64
ready_count(void)
{
	return ready.waiting;
}

RunEntry *
ready_find(int64 run_id)
{
	return hash_search(ready.entries, &run_id, HASH_FIND, NULL);
}

/* ------------------------------------------------------------------------
 * Where an entry waits
 * ------------------------------------------------------------------------ */

TaskPlan *
ready_task_of(const RunEntry *entry)
{
	return entry->task_id == 0 ? NULL : task_plan_find(entry->task_id);
}

/* It waits, or no longer; who comes after a run that holds up others may go on. */
static void
count_waiting(RunEntry *entry, int change)
{
	KeyPlan    *key = entry->key;

	entry->queue->waiting += change;
	ready.waiting += change;
	if (key == NULL)
		return;
	key->waiting += change;
	if (!entry->is_blocker)
		return;
	flow_begin_key_change(key);
	key->blockers += change;
	flow_end_key_change(key);
}

static void
forget(RunEntry *entry)
{
	KeyPlan    *key = entry->key;

	(void) hash_search(ready.entries, &entry->run_id, HASH_REMOVE, NULL);
	if (key != NULL)
	{
		ready_look_for_left(key);
		key_plan_release(key, ready.now);
	}
}

/* None of its key, or of its task, is in line behind those. */
static void
note_last(const RunEntry *entry)
{
	RunPlace	place = ready_place_of(entry);
	KeyPlan    *key = entry->key;
	TaskPlan   *task = entry->flow->task;

	if (key != NULL && (key->waiting == 0 || place_is_before(key->last, place)))
		key->last = place;
	if (task != NULL && place_is_before(task->last, place))
		task->last = place;
}

void
ready_enter(RunEntry *entry, TimestampTz now)
{
	if (entry->wake_at > now)
	{
		entry->state = ENTRY_TIMER;
		ready_timer_add(entry);
	}
	else if (!ready_take_turn(entry))
	{
		TaskPlan   *task = ready_task_of(entry);

		if (ready.held >= ready.limit / WAITING_SHARE && ready_leave_to_task(task, entry))
		{
			forget(entry);
			return;
		}
		entry->state = ENTRY_HELD;
		dlist_push_tail(&task->held, &entry->list_node);
		ready.held++;
	}
	else if (ready_is_left(entry))
	{
		forget(entry);
		return;
	}
	else
	{
		entry->state = ENTRY_READY;
		line_add(entry);
		note_last(entry);
	}
	count_waiting(entry, 1);
	ready_deadline_add(entry);
}

void
ready_withdraw(RunEntry *entry)
{
	switch ((EntryState) entry->state)
	{
		case ENTRY_TIMER:
			ready_timer_remove(entry);
			break;
		case ENTRY_READY:
			line_remove(entry);
			break;
		case ENTRY_HELD:
			dlist_delete(&entry->list_node);
			ready.held--;
			break;
		case ENTRY_DISPATCHED:
			return;
	}
	ready_deadline_remove(entry);
	count_waiting(entry, -1);
}

void
ready_remove(RunEntry *entry)
{
	ready_withdraw(entry);
	ready_give_turn(entry);
	forget(entry);
}

RunEntry **
ready_collect(EntryFilter is_meant, const void *arg, int64 *count)
{
	RunEntry  **list = palloc(sizeof(RunEntry *) * (ready.waiting + 1));
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	*count = 0;
	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->state != ENTRY_DISPATCHED && is_meant(entry, arg))
			list[(*count)++] = entry;
	}
	return list;
}

/*
 * Where arrival decides, by places: what goes is found again by these. Elsewhere
 * what is not due yet goes before all that is, however urgent it will be.
 */
static int
compare_worst_first(const void *a, const void *b)
{
	const RunEntry *x = *(RunEntry *const *) a;
	const RunEntry *y = *(RunEntry *const *) b;

	if (ready_is_in_order_of_arrival(x->queue))
		return place_is_before(ready_place_of(x), ready_place_of(y)) ? 1 : -1;
	if ((x->due_at > ready.now) != (y->due_at > ready.now))
		return x->due_at > ready.now ? -1 : 1;
	return run_compare(x, y);
}

void
ready_sort_worst_first(RunEntry **list, int64 count)
{
	qsort(list, count, sizeof(RunEntry *), compare_worst_first);
}

typedef struct IdRange
{
	int64		first;
	int64		count;
} IdRange;

static bool
is_in_range(const RunEntry *entry, const void *arg)
{
	const IdRange *range = arg;

	return entry->run_id >= range->first && entry->run_id - range->first < range->count;
}

void
ready_remove_range(int64 first, int64 count)
{
	IdRange		range = {first, count};
	int64		found;
	RunEntry  **list = ready_collect(is_in_range, &range, &found);
	int64	   *ids = palloc(sizeof(int64) * (found + 1));

	for (int64 i = 0; i < found; i++)
		ids[i] = list[i]->run_id;
	/* One that goes may give its turn to another one of them, which is left then, and gone. */
	for (int64 i = 0; i < found; i++)
	{
		RunEntry   *entry = ready_find(ids[i]);

		if (entry != NULL)
			ready_remove(entry);
	}
	pfree(list);
	pfree(ids);
}

/* ------------------------------------------------------------------------
 * Arrival and change
 * ------------------------------------------------------------------------ */

bool
ready_is_in_order_of_arrival(const QueuePlan *queue)
{
	return policy_is_by_arrival(queue->settings.algorithm);
}

/*
 * A run that arrives beyond the watermark, when the table holds more than memory,
 * is left there unless it should go before what is there. What that is nobody
 * knows, but that it is due later than the watermark, and that few runs have an
 * urgency of their own.
 */
static bool
may_stay_in_table(const RunEntry *entry)
{
	const QueuePlan *queue = entry->queue;

	if (ready_is_pinned(entry))
		return false;
	if (ready_is_in_order_of_arrival(queue))
		return ready_is_behind(entry);
	if (!ready_is_beyond_watermark(entry) || ready.waiting < ready.limit / 2)
		return false;
	if (queue->settings.algorithm == QUEUE_PRIORITY)
		return entry->order_key >= queue->watermark.due_at;
	return entry->order_key == PG_INT64_MAX;
}

static int64
order_key_of(const QueuePlan *queue, const WaitingRun *run)
{
	const QueueSettings *settings = &queue->settings;
	const TaskPlan *plan = run->task_id == 0 ? NULL : task_plan_find(run->task_id);
	PolicyInput input = {
		.due_at = run->due_at,
		.deadline_at = run->deadline_at,
		.arrival = ++arrivals,
		.period_us = plan ? plan->period_us : 0,
		.priority = run->priority
	};

	return policy_order_key(settings->algorithm, settings->aging_us, &input);
}

/* Of strictly ordered keys, one that has failed goes before all that wait for it. */
static void
set_key(RunEntry *entry, const WaitingRun *run, TimestampTz now)
{
	QueuePlan  *queue = entry->queue;
	KeyPlan    *key = key_plan_of(queue, run->key, run->task_id, run->owner, now);

	entry->key = key;
	entry->is_blocker = key != NULL && key->text != NULL &&
		queue->settings.block_key_on_failure &&
		(run->is_retry || run->run_id == key->blocked_by);
	if (entry->is_blocker)
		entry->order_key = PG_INT64_MIN;
}

/* Read again, it has not arrived again. */
static bool
keeps_its_place(const RunEntry *entry, const QueuePlan *queue, const WaitingRun *run)
{
	return ready_is_in_order_of_arrival(queue) && entry->queue == queue &&
		entry->due_at == run->due_at && !entry->is_blocker;
}

void
ready_put(QueuePlan *queue, const WaitingRun *run, TimestampTz now)
{
	RunEntry   *entry = ready_find(run->run_id);
	int64		order_key = order_key_of(queue, run);

	ready.now = now;
	if (entry != NULL && entry->state == ENTRY_DISPATCHED)
	{
		/* Its outcome will tell; or a retry put it back before that was heard. */
		entry->was_told_again = true;
		return;
	}
	if (entry != NULL)
	{
		if (keeps_its_place(entry, queue, run))
			order_key = entry->order_key;
		ready_remove(entry);
	}
	if (ready.waiting >= ready.limit &&
		(ready.waiting >= ready.evict_at || ready.waiting == ready.limit))
		ready_evict();

	entry = hash_search(ready.entries, &run->run_id, HASH_ENTER, NULL);
	memset((char *) entry + sizeof(entry->run_id), 0, sizeof(*entry) - sizeof(entry->run_id));
	entry->order_key = order_key;
	entry->task_id = run->task_id;
	entry->due_at = run->due_at;
	entry->wake_at = run->wake_at;
	entry->deadline_at = run->deadline_at;
	entry->ctid = run->ctid;
	entry->is_shell = run->is_shell;
	entry->is_suspect = run->is_suspect;
	entry->is_serial = run->is_serial;
	entry->is_adopted = run->is_adopted;
	entry->is_prepared = run->is_prepared;
	entry->is_retry = run->is_retry;
	entry->slot = -1;
	entry->activity = -1;
	entry->owner = run->owner;
	entry->queue = queue;
	set_key(entry, run, now);
	if (may_stay_in_table(entry))
		forget(entry);
	else
		ready_enter(entry, now);
}

/* Keys whose rate lets them start again; returns when the next one does. */
static TimestampTz
open_keys(TimestampTz now)
{
	TimestampTz next;
	KeyPlan    *key;

	while ((key = key_plan_next_open(now, &next)) != NULL)
		ready_key_changed(key);
	return next;
}

/* It was known before, but arrives now. */
static void
become_due(RunEntry *entry, TimestampTz now)
{
	ready_withdraw(entry);
	if (ready_is_in_order_of_arrival(entry->queue) && !entry->is_postponed && !entry->is_blocker)
		entry->order_key = ++arrivals;
	ready_enter(entry, now);
}

TimestampTz
ready_advance(TimestampTz now)
{
	TimestampTz next = earlier(throttle_advance(now), open_keys(now));
	RunEntry   *entry;

	ready.now = now;
	while ((entry = ready_first_timer()) != NULL)
	{
		if (entry->wake_at > now)
		{
			next = earlier(next, entry->wake_at);
			break;
		}
		become_due(entry, now);
	}
	ready_spill();
	return earlier(next, ready_look_for_wanted());
}

void
ready_key_changed(KeyPlan *key)
{
	flow_begin_key_change(key);
	key_plan_rejoin(key);
	flow_end_key_change(key);
	ready_look_for_left(key);
}
