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
#include "plan/task_plan.h"

/* Charged to a share for a run of which nothing is known. */
#define UNKNOWN_CHARGE_US	1000

ReadyState	ready;

static MemoryContext ready_context = NULL;
static pairingheap timers;
static pairingheap deadlines;
static int64 arrivals = 0;
static TimestampTz last_now = 0;	/* of the latest turn or arrival */

static void enter(RunEntry *entry, TimestampTz now);
static void leave(RunEntry *entry);

/* ------------------------------------------------------------------------
 * Heaps: the pairing heap keeps the largest first, so "larger" is "sooner".
 * ------------------------------------------------------------------------ */

#define entry_of(heap_node) \
	pairingheap_container(RunEntry, order_node, (pairingheap_node *) (heap_node))
#define deadline_entry_of(heap_node) \
	pairingheap_container(RunEntry, deadline_node, (pairingheap_node *) (heap_node))

static int
sooner(int64 a, int64 b, int64 a_id, int64 b_id)
{
	if (a != b)
		return a < b ? 1 : -1;
	return a_id < b_id ? 1 : (a_id > b_id ? -1 : 0);
}

static int
compare_wake(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const RunEntry *x = entry_of(a);
	const RunEntry *y = entry_of(b);

	return sooner(x->wake_at, y->wake_at, x->run_id, y->run_id);
}

static int
compare_deadline(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const RunEntry *x = deadline_entry_of(a);
	const RunEntry *y = deadline_entry_of(b);

	return sooner(x->deadline_at, y->deadline_at, x->run_id, y->run_id);
}

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
	timers.ph_compare = compare_wake;
	timers.ph_root = NULL;
	deadlines.ph_compare = compare_deadline;
	deadlines.ph_root = NULL;
	make_table();
	line_init(ready_context);
	key_plan_init(ready_context);
	ready_limit_init();
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

static TaskPlan *
plan_of(const RunEntry *entry)
{
	return entry->task_id == 0 ? NULL : task_plan_find(entry->task_id);
}

static void
add_deadline(RunEntry *entry)
{
	if (entry->deadline_at != DT_NOEND)
		pairingheap_add(&deadlines, &entry->deadline_node);
}

/*
 * Of the serial runs of a task only one is in line or dispatched: it has the
 * turn. False: another one has it.
 */
static bool
take_turn(RunEntry *entry)
{
	TaskPlan   *plan = entry->is_serial ? task_plan_find(entry->task_id) : NULL;

	if (plan == NULL || entry->has_turn)
		return true;
	if (plan->turn_is_taken)
		return false;
	plan->turn_is_taken = entry->has_turn = true;
	return true;
}

static RunEntry *
first_held(TaskPlan *plan)
{
	if (plan == NULL || dlist_is_empty(&plan->held))
		return NULL;
	return dlist_container(RunEntry, list_node, dlist_head_node(&plan->held));
}

/* The entry has left line and worker: the next one of its task goes in line. */
static void
give_turn(RunEntry *entry)
{
	TaskPlan   *plan = entry->has_turn ? task_plan_find(entry->task_id) : NULL;
	RunEntry   *next;

	entry->has_turn = false;
	if (plan == NULL)
		return;
	plan->turn_is_taken = false;
	next = first_held(plan);
	if (next != NULL)
	{
		leave(next);
		enter(next, next->wake_at);
	}
	else if (plan->has_left)
	{
		plan->has_left = false;
		ready.wants_left = true;
	}
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
	line_begin_key_change(key);
	key->blockers += change;
	line_end_key_change(key);
}

static void
forget(RunEntry *entry)
{
	KeyPlan    *key = entry->key;

	(void) hash_search(ready.entries, &entry->run_id, HASH_REMOVE, NULL);
	if (key != NULL)
	{
		ready_look_for_left(key);
		key_plan_release(key, last_now);
	}
}

/* Of keys that share, none may fill memory: the others' runs may be behind. */
static bool
is_beyond_share(const RunEntry *entry)
{
	const KeyPlan *key = entry->key;

	return key != NULL && key->text != NULL && entry->queue->settings.algorithm == QUEUE_FAIR &&
		key->waiting >= ready.limit / WAITING_SHARE && ready.waiting >= ready.limit / 2 &&
		!ready_is_pinned(entry);
}

/*
 * Some may not go on for long, and must not crowd others out: they are left in
 * their table, and the entry is gone.
 */
static bool
is_left(RunEntry *entry, TaskPlan *held_by)
{
	int64		share = ready.limit / WAITING_SHARE;

	if (held_by != NULL && ready.held >= share)
		held_by->has_left = true;
	else if (held_by == NULL && is_beyond_share(entry))
		ready_leave(entry);
	else if (held_by == NULL && line_closed_count() >= share && !ready_is_pinned(entry) &&
			 line_would_wait(entry))
		ready_leave(entry);
	else
		return false;
	forget(entry);
	return true;
}

/*
 * Put an entry where it waits; it must be nowhere now. It may be gone after
 * that: see is_left().
 */
static void
enter(RunEntry *entry, TimestampTz now)
{
	if (entry->wake_at > now)
	{
		entry->state = ENTRY_TIMER;
		pairingheap_add(&timers, &entry->order_node);
	}
	else if (!take_turn(entry))
	{
		TaskPlan   *plan = plan_of(entry);

		if (is_left(entry, plan))
			return;
		entry->state = ENTRY_HELD;
		dlist_push_tail(&plan->held, &entry->list_node);
		ready.held++;
	}
	else
	{
		if (is_left(entry, NULL))
			return;
		entry->state = ENTRY_READY;
		line_add(entry);
	}
	count_waiting(entry, 1);
	add_deadline(entry);
}

/* Take a waiting entry out of its place. */
static void
leave(RunEntry *entry)
{
	switch ((EntryState) entry->state)
	{
		case ENTRY_TIMER:
			pairingheap_remove(&timers, &entry->order_node);
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
	if (entry->deadline_at != DT_NOEND)
		pairingheap_remove(&deadlines, &entry->deadline_node);
	count_waiting(entry, -1);
}

void
ready_remove(RunEntry *entry)
{
	leave(entry);
	give_turn(entry);
	forget(entry);
}

void
ready_remove_range(int64 first, int64 count)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->state != ENTRY_DISPATCHED &&
			entry->run_id >= first && entry->run_id - first < count)
			ready_remove(entry);
	}
}

static void
forget_left(KeyPlan *key)
{
	key->has_left = false;
}

/* All is read again, so nothing is left any more. */
void
ready_forget_waiting(void)
{
	ready_remove_range(0, PG_INT64_MAX);
	key_plan_each(forget_left);
	ready.wants_left = false;
}

/* ------------------------------------------------------------------------
 * Arrival and change
 * ------------------------------------------------------------------------ */

static bool
is_in_order_of_arrival(const QueuePlan *queue)
{
	return queue->settings.algorithm == QUEUE_FIFO || queue->settings.algorithm == QUEUE_FAIR;
}

/*
 * A run that arrives beyond the watermark, when the table holds more than memory,
 * is left there unless it should go before what is there. What that is nobody
 * knows, but that it is due later than the watermark, and that few runs have an
 * urgency of their own. Where arrival decides, none overtakes those before it that
 * are in the table, be there room for it or not.
 */
static bool
may_stay_in_table(const RunEntry *entry)
{
	const QueuePlan *queue = entry->queue;

	if (ready_is_pinned(entry))
		return false;
	if (is_in_order_of_arrival(queue) && ready_is_behind_left(entry))
		return true;
	if (!ready_is_beyond_watermark(entry))
		return false;
	/* Before its first reading none has been left. */
	if (queue->settings.algorithm == QUEUE_FIFO && queue->watermark_due_at != DT_NOBEGIN)
		return true;
	if (ready.waiting < ready.limit / 2)
		return false;
	switch (queue->settings.algorithm)
	{
		case QUEUE_FIFO:
			return true;
		case QUEUE_PRIORITY:
			return entry->order_key >= queue->watermark_due_at;
		case QUEUE_FAIR:
			/* A key's further runs are left by the key: see is_left(). */
			return entry->key->text == NULL && entry->key->waiting > 0;
		case QUEUE_RATE_MONOTONIC:
		case QUEUE_EDF:
			return entry->order_key == PG_INT64_MAX;
	}
	return false;
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
	return is_in_order_of_arrival(queue) && entry->queue == queue &&
		entry->due_at == run->due_at && !entry->is_blocker;
}

void
ready_put(QueuePlan *queue, const WaitingRun *run, TimestampTz now)
{
	RunEntry   *entry = ready_find(run->run_id);
	int64		order_key = order_key_of(queue, run);

	last_now = now;
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
		enter(entry, now);
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

TimestampTz
ready_advance(TimestampTz now)
{
	TimestampTz next = earlier(throttle_advance(now), open_keys(now));

	last_now = now;
	while (!pairingheap_is_empty(&timers))
	{
		RunEntry   *entry = entry_of(pairingheap_first(&timers));

		if (entry->wake_at > now)
		{
			next = earlier(next, entry->wake_at);
			break;
		}
		leave(entry);
		enter(entry, now);
	}
	ready_spill();
	return next;
}

/* Has it not been due yet? Then it waits for a date. */
static bool
waits_for_date(const RunEntry *entry)
{
	return entry->state == ENTRY_TIMER && !entry->is_prepared && !entry->is_retry &&
		!entry->is_postponed;
}

static void
move_deadline(RunEntry *entry, int64 step_us)
{
	bool		is_in_heap = entry->state != ENTRY_DISPATCHED;

	if (entry->deadline_at == DT_NOEND)
		return;
	if (is_in_heap)
		pairingheap_remove(&deadlines, &entry->deadline_node);
	entry->deadline_at += step_us;
	if (is_in_heap)
		pairingheap_add(&deadlines, &entry->deadline_node);
}

static void
move_timer(RunEntry *entry, int64 step_us, TimestampTz now)
{
	if (entry->wake_at == DT_NOEND)
		return;
	pairingheap_remove(&timers, &entry->order_node);
	entry->wake_at = entry->is_postponed ? now : entry->wake_at + step_us;
	pairingheap_add(&timers, &entry->order_node);
}

void
ready_clock_was_set(int64 step_us, TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	throttle_clock_was_set(step_us);
	key_plan_clock_was_set(step_us);
	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (waits_for_date(entry))
			continue;
		move_deadline(entry, step_us);
		if (entry->state == ENTRY_TIMER)
			move_timer(entry, step_us, now);
	}
}

RunEntry *
ready_first_timer(void)
{
	return pairingheap_is_empty(&timers) ? NULL : entry_of(pairingheap_first(&timers));
}

RunEntry *
ready_next_expired(TimestampTz now, TimestampTz *next)
{
	RunEntry   *entry;

	*next = DT_NOEND;
	if (pairingheap_is_empty(&deadlines))
		return NULL;
	entry = deadline_entry_of(pairingheap_first(&deadlines));
	if (entry->deadline_at <= now)
		return entry;
	*next = entry->deadline_at;
	return NULL;
}

/* ------------------------------------------------------------------------
 * Limits that change
 * ------------------------------------------------------------------------ */

bool
ready_wants_left(void)
{
	return ready.wants_left;
}

/* Those of keys that wait do not count. */
static bool
has_open_flow(TaskPlan *task)
{
	dlist_iter	iter;

	dlist_foreach(iter, &task->flows)
	{
		if (dlist_container(ReadyFlow, task_node, iter.cur)->is_open)
			return true;
	}
	return false;
}

static void
look_for_left_of_task(TaskPlan *task)
{
	if (!task->has_left || !task_plan_has_room(task) || has_open_flow(task))
		return;
	task->has_left = false;
	ready.wants_left = true;
}

void
ready_task_changed(TaskPlan *task)
{
	line_task_changed(task);
	if (!task->has_left || !task_plan_has_room(task))
		return;
	task->has_left = false;
	ready.wants_left = true;
}

void
ready_key_changed(KeyPlan *key)
{
	line_begin_key_change(key);
	key_plan_rejoin(key);
	line_end_key_change(key);
	ready_look_for_left(key);
}

/* ------------------------------------------------------------------------
 * Picking
 * ------------------------------------------------------------------------ */

void
ready_take(RunEntry *entry, int worker, int64 expected_us, TimestampTz now)
{
	TaskPlan   *task = plan_of(entry);
	KeyPlan    *key = entry->key;
	int64		charge_us = key && key->average_us ? key->average_us : expected_us;

	entry->charged_us = Min(charge_us ? charge_us : UNKNOWN_CHARGE_US, PG_INT32_MAX);
	if (entry->state == ENTRY_READY)
		line_charge(entry->flow->id.line, entry->charged_us);
	leave(entry);
	entry->is_adopted = false;
	throttle_start(entry->queue, worker, now);
	line_begin_key_change(key);
	if (key != NULL)
		key_plan_start(key, entry->charged_us, now);
	line_end_key_change(key);
	/* It may go on beside this one, however long that takes. */
	if (key != NULL)
		ready_look_for_left(key);
	if (task != NULL)
	{
		task->running++;
		if (task->max_running > 0)
			line_task_changed(task);
	}
	entry->was_told_again = false;
	entry->state = ENTRY_DISPATCHED;
}

void
ready_release(RunEntry *entry, int worker, int64 used_us)
{
	TaskPlan   *task = plan_of(entry);
	KeyPlan    *key = entry->key;

	throttle_end(entry->queue, worker);
	line_correct(entry, used_us - entry->charged_us);
	line_begin_key_change(key);
	if (key != NULL)
	{
		key_plan_end(key);
		key_plan_learn(key, entry->charged_us, used_us);
	}
	line_end_key_change(key);
	/* Not counted: handed over before its task was known. */
	if (task == NULL || task->running == 0)
		return;
	task->running--;
	if (task->max_running > 0)
	{
		line_task_changed(task);
		look_for_left_of_task(task);
	}
}

static RunEntry *
find_turn_holder(int64 task_id)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;
	RunEntry   *holder = NULL;

	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->task_id == task_id && entry->has_turn)
			holder = entry;
	}
	return holder;
}

void
ready_seize_turn(RunEntry *entry)
{
	TaskPlan   *plan = entry->is_serial ? task_plan_find(entry->task_id) : NULL;
	RunEntry   *holder;
	int64		holder_id;

	if (plan == NULL || entry->has_turn)
		return;
	holder = plan->turn_is_taken ? find_turn_holder(entry->task_id) : NULL;
	if (holder != NULL)
	{
		if (holder->state != ENTRY_READY)
			return;
		holder_id = holder->run_id;
		holder->has_turn = false;
		leave(holder);
		enter(holder, holder->wake_at);
		/* It was the first of those that wait; with very many, it is left. */
		holder = ready_find(holder_id);
		if (holder != NULL)
			dlist_move_head(&plan->held, &holder->list_node);
	}
	plan->turn_is_taken = entry->has_turn = true;
}

void
ready_hold_up_others(RunEntry *entry)
{
	Assert(entry->state == ENTRY_DISPATCHED);
	entry->is_blocker = true;
	entry->order_key = PG_INT64_MIN;
}

static void
wait_again(RunEntry *entry, TimestampTz wake_at, TimestampTz now)
{
	Assert(entry->state == ENTRY_DISPATCHED);
	entry->slot = -1;
	entry->activity = -1;
	entry->wake_at = wake_at;
	/* Its queue may have become fair since it was taken: there all have one. */
	if (entry->key == NULL)
		entry->key = key_plan_of(entry->queue, NULL, entry->task_id, entry->owner, now);
	enter(entry, now);
}

void
ready_return(RunEntry *entry)
{
	entry->is_postponed = false;
	wait_again(entry, DT_NOBEGIN, DT_NOBEGIN);
}

void
ready_postpone(RunEntry *entry, TimestampTz until, TimestampTz now)
{
	entry->is_postponed = true;
	give_turn(entry);
	wait_again(entry, until, now);
}
