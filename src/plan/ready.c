/*-------------------------------------------------------------------------
 *
 * ready.c
 *	  The waiting runs in a scheduler's memory.
 *
 * An entry is in exactly one place: the timer heap (due later), the heap of its
 * line (due), the list of parked ones, its task's list of held ones, or a
 * worker's list (dispatched; those lists belong to the pool). A hash finds it by run_id, so that no run is held
 * twice. Entries with a deadline are in the deadline heap too while they wait.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/policy.h"
#include "plan/ready.h"
#include "plan/task_plan.h"

/* What the limit evicts at once, and what a refill reads at once. */
#define EVICTED_SHARE	4
#define REFILL_SHARE	4
/* Share of memory that runs of paused tasks may have together; held runs, too. */
#define PARKED_SHARE	8

static HTAB *entries = NULL;
static MemoryContext ready_context = NULL;
static pairingheap timers;
static pairingheap deadlines;
static dlist_head lines = DLIST_STATIC_INIT(lines);
static dlist_head spare_lines = DLIST_STATIC_INIT(spare_lines);
static dlist_head parked = DLIST_STATIC_INIT(parked);
static int64 parked_count = 0;
static bool left_parked = false;	/* some were left in the table */
static int64 held_count = 0;
static bool wants_left_held = false;	/* some that were left are wanted now */
static int64 arrivals = 0;
static int64 waiting_total = 0;
static int	ready_limit = 0;
static TaskIsPaused task_is_paused = NULL;

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
compare_order(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const RunEntry *x = entry_of(a);
	const RunEntry *y = entry_of(b);

	return sooner(x->order_key, y->order_key, x->run_id, y->run_id);
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
make_tables(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(RunEntry);
	control.hcxt = ready_context;
	entries = hash_create("taskly waiting runs", 1024, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
ready_init(MemoryContext parent, int limit, TaskIsPaused is_paused)
{
	ready_context = AllocSetContextCreate(parent, "taskly ready",
										  ALLOCSET_DEFAULT_SIZES);
	ready_limit = limit;
	task_is_paused = is_paused;
	timers.ph_compare = compare_wake;
	timers.ph_root = NULL;
	deadlines.ph_compare = compare_deadline;
	deadlines.ph_root = NULL;
	dlist_init(&lines);
	dlist_init(&spare_lines);
	dlist_init(&parked);
	parked_count = held_count = waiting_total = 0;
	left_parked = wants_left_held = false;
	make_tables();
}

void
ready_set_limit(int limit)
{
	ready_limit = limit;
}

int64
ready_count(void)
{
	return waiting_total;
}

RunEntry *
ready_find(int64 run_id)
{
	return hash_search(entries, &run_id, HASH_FIND, NULL);
}

dlist_head *
ready_lines(void)
{
	return &lines;
}

/* ------------------------------------------------------------------------
 * Where an entry waits
 * ------------------------------------------------------------------------ */

static ReadyLine *
line_of(const RunEntry *entry)
{
	dlist_iter	iter;
	ReadyLine  *line;

	dlist_foreach(iter, &lines)
	{
		line = dlist_container(ReadyLine, node, iter.cur);
		if (line->queue == entry->queue && line->owner == entry->owner &&
			line->is_shell == entry->is_shell)
			return line;
	}
	if (dlist_is_empty(&spare_lines))
		line = MemoryContextAlloc(ready_context, sizeof(ReadyLine));
	else
		line = dlist_container(ReadyLine, node, dlist_pop_head_node(&spare_lines));
	memset(line, 0, sizeof(ReadyLine));
	line->queue = entry->queue;
	line->owner = entry->owner;
	line->is_shell = entry->is_shell;
	line->heap.ph_compare = compare_order;
	dlist_push_tail(&lines, &line->node);
	return line;
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
	else if (plan->has_left_held)
	{
		plan->has_left_held = false;
		wants_left_held = true;
	}
}

/*
 * Put an entry where it waits; it must be nowhere now. It may be gone after
 * that: see PARKED_SHARE.
 */
static void
enter(RunEntry *entry, TimestampTz now)
{
	if (entry->wake_at > now)
	{
		entry->state = ENTRY_TIMER;
		pairingheap_add(&timers, &entry->order_node);
	}
	else if (entry->task_id != 0 && task_is_paused(entry->task_id))
	{
		if (parked_count >= ready_limit / PARKED_SHARE)
		{
			/* Left in the table: a paused task must not crowd others out. */
			left_parked = true;
			(void) hash_search(entries, &entry->run_id, HASH_REMOVE, NULL);
			return;
		}
		entry->state = ENTRY_PARKED;
		dlist_push_tail(&parked, &entry->list_node);
		parked_count++;
	}
	else if (!take_turn(entry))
	{
		TaskPlan   *plan = task_plan_find(entry->task_id);

		if (held_count >= ready_limit / PARKED_SHARE)
		{
			/* Nor must those that wait for one another. */
			plan->has_left_held = true;
			(void) hash_search(entries, &entry->run_id, HASH_REMOVE, NULL);
			return;
		}
		entry->state = ENTRY_HELD;
		dlist_push_tail(&plan->held, &entry->list_node);
		held_count++;
	}
	else
	{
		entry->state = ENTRY_READY;
		pairingheap_add(&line_of(entry)->heap, &entry->order_node);
		line_of(entry)->count++;
	}
	entry->queue->waiting++;
	waiting_total++;
	add_deadline(entry);
}

/* Lines without runs go: queues and roles come and go for ever. */
static void
leave_line(RunEntry *entry)
{
	ReadyLine  *line = line_of(entry);

	pairingheap_remove(&line->heap, &entry->order_node);
	if (--line->count > 0)
		return;
	dlist_delete(&line->node);
	dlist_push_head(&spare_lines, &line->node);
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
			leave_line(entry);
			break;
		case ENTRY_PARKED:
			dlist_delete(&entry->list_node);
			parked_count--;
			break;
		case ENTRY_HELD:
			dlist_delete(&entry->list_node);
			held_count--;
			break;
		case ENTRY_DISPATCHED:
			return;
	}
	if (entry->deadline_at != DT_NOEND)
		pairingheap_remove(&deadlines, &entry->deadline_node);
	entry->queue->waiting--;
	waiting_total--;
}

void
ready_remove(RunEntry *entry)
{
	leave(entry);
	give_turn(entry);
	(void) hash_search(entries, &entry->run_id, HASH_REMOVE, NULL);
}

void
ready_remove_range(int64 first, int64 count)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->state != ENTRY_DISPATCHED &&
			entry->run_id >= first && entry->run_id - first < count)
			ready_remove(entry);
	}
}

void
ready_forget_waiting(void)
{
	wants_left_held = false;
	ready_remove_range(0, PG_INT64_MAX);
}

/* ------------------------------------------------------------------------
 * The limit
 * ------------------------------------------------------------------------ */

/* Memory no longer holds all rows from this entry on. */
static void
lower_watermark(QueuePlan *queue, TimestampTz due_at, int64 run_id)
{
	if (queue->is_complete || due_at < queue->watermark_due_at ||
		(due_at == queue->watermark_due_at && run_id <= queue->watermark_run_id))
	{
		queue->is_complete = false;
		queue->watermark_due_at = due_at;
		queue->watermark_run_id = run_id - 1;
	}
}

static int
compare_worst_first(const void *a, const void *b)
{
	const RunEntry *x = *(RunEntry *const *) a;
	const RunEntry *y = *(RunEntry *const *) b;

	return sooner(x->order_key, y->order_key, x->run_id, y->run_id);
}

static void
look_for_largest(QueuePlan *queue, void *arg)
{
	QueuePlan **largest = arg;

	if (*largest == NULL || queue->waiting > (*largest)->waiting)
		*largest = queue;
}

/*
 * The queue that fills most of memory gives up its worst entries: one that is
 * paused, or slow, must not crowd out the others. Done for many at once, so that
 * the cost of sorting is spread over as many arrivals.
 */
static void
evict_worst(void)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;
	QueuePlan  *largest = NULL;
	int64		evicted;
	RunEntry  **list = palloc(sizeof(RunEntry *) * waiting_total);
	int64		count = 0;

	throttle_each(look_for_largest, &largest);
	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->queue == largest &&
			entry->state != ENTRY_DISPATCHED && !entry->is_suspect)
			list[count++] = entry;
	}
	qsort(list, count, sizeof(RunEntry *), compare_worst_first);
	/* It keeps half at least, and so more than its own share (see below). */
	evicted = Min(count / 2, Max(count / EVICTED_SHARE, ready_limit / 64));
	for (int64 i = 0; i < evicted; i++)
	{
		lower_watermark(list[i]->queue, list[i]->due_at, list[i]->run_id);
		ready_remove(list[i]);
	}
	pfree(list);
}

/* Each queue may have some of its runs in memory, whatever others hold there. */
static int64
own_share(void)
{
	return Max(1, ready_limit / EVICTED_SHARE / Max(1, throttle_count()));
}

bool
ready_wants_refill(const QueuePlan *queue)
{
	if (!queue->is_complete && queue->waiting < own_share())
		return true;
	return !queue->is_complete &&
		waiting_total < ready_limit - ready_limit / EVICTED_SHARE &&
		queue->waiting < ready_limit / 2;
}

int
ready_refill_size(void)
{
	return Max(ready_limit / REFILL_SHARE, 25);
}

/* Nothing that is read from now on is left out as beyond the watermark. */
void
ready_begin_refill(QueuePlan *queue)
{
	queue->watermark_due_at = DT_NOEND;
}

/*
 * What was evicted meanwhile has set a watermark; it may be beyond the last row
 * that was read, for memory may hold rows from there too.
 */
void
ready_end_refill(QueuePlan *queue, TimestampTz last_due_at, int64 last_run_id,
				 bool is_end)
{
	if (is_end)
		queue->is_complete = queue->watermark_due_at == DT_NOEND;
	else if (last_due_at < queue->watermark_due_at ||
			 (last_due_at == queue->watermark_due_at && last_run_id < queue->watermark_run_id))
	{
		queue->watermark_due_at = last_due_at;
		queue->watermark_run_id = last_run_id;
	}
}

/* ------------------------------------------------------------------------
 * Arrival and change
 * ------------------------------------------------------------------------ */

/*
 * A run that arrives beyond the watermark, when the table holds more than
 * memory, is left there unless it is better than what its queue would pick next.
 */
static bool
may_stay_in_table(const QueuePlan *queue, const WaitingRun *run, int64 order_key)
{
	dlist_iter	iter;

	if (queue->is_complete || waiting_total < ready_limit / 2 || run->is_suspect)
		return false;
	if (run->due_at < queue->watermark_due_at ||
		(run->due_at == queue->watermark_due_at && run->run_id <= queue->watermark_run_id))
		return false;
	dlist_foreach(iter, &lines)
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (line->queue == queue && line->owner == run->owner &&
			line->is_shell == run->is_shell)
			return !ready_line_is_empty(line) &&
				ready_line_first(line)->order_key <= order_key;
	}
	return false;
}

void
ready_put(QueuePlan *queue, const WaitingRun *run, TimestampTz now)
{
	RunEntry   *entry = ready_find(run->run_id);
	PolicyInput input = {run->due_at, ++arrivals, run->priority};
	int64		order_key = policy_order_key(queue->settings.algorithm,
											  queue->settings.aging_us, &input);

	if (entry != NULL && entry->state == ENTRY_DISPATCHED)
	{
		/* Its outcome will tell; or a retry put it back before that was heard. */
		entry->was_told_again = true;
		return;
	}
	if (entry != NULL)
		ready_remove(entry);
	if (may_stay_in_table(queue, run, order_key))
		return;
	if (waiting_total >= ready_limit)
		evict_worst();

	entry = hash_search(entries, &run->run_id, HASH_ENTER, NULL);
	entry->order_key = order_key;
	entry->task_id = run->task_id;
	entry->due_at = run->due_at;
	entry->wake_at = run->wake_at;
	entry->deadline_at = run->deadline_at;
	entry->ctid = run->ctid;
	entry->is_shell = run->is_shell;
	entry->is_suspect = run->is_suspect;
	entry->is_serial = run->is_serial;
	entry->has_turn = false;
	entry->is_prepared = run->is_prepared;
	entry->is_retry = run->is_retry;
	entry->is_postponed = false;
	entry->slot = -1;
	entry->activity = -1;
	entry->owner = run->owner;
	entry->queue = queue;
	enter(entry, now);
}

TimestampTz
ready_advance(TimestampTz now)
{
	while (!pairingheap_is_empty(&timers))
	{
		RunEntry   *entry = entry_of(pairingheap_first(&timers));

		if (entry->wake_at > now)
			return entry->wake_at;
		leave(entry);
		enter(entry, now);
	}
	return DT_NOEND;
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
	pairingheap_remove(&timers, &entry->order_node);
	entry->wake_at = entry->is_postponed ? now : entry->wake_at + step_us;
	pairingheap_add(&timers, &entry->order_node);
}

void
ready_clock_was_set(int64 step_us, TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	hash_seq_init(&scan, entries);
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
 * Pause
 * ------------------------------------------------------------------------ */

bool
ready_wants_left_held(void)
{
	return wants_left_held;
}

bool
ready_has_left_parked(void)
{
	bool		result = left_parked;

	left_parked = false;
	return result;
}

void
ready_task_resumed(int64 task_id)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &parked)
	{
		RunEntry   *entry = dlist_container(RunEntry, list_node, iter.cur);

		if (entry->task_id != task_id)
			continue;
		leave(entry);
		enter(entry, entry->wake_at);
	}
}

void
ready_task_paused(int64 task_id)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	/* First, since a scan may lose none but its current entry. */
	while ((entry = first_held(task_plan_find(task_id))) != NULL)
	{
		leave(entry);
		enter(entry, entry->wake_at);
	}
	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->task_id != task_id || entry->state != ENTRY_READY)
			continue;
		leave(entry);
		give_turn(entry);
		enter(entry, entry->wake_at);
	}
}

/* ------------------------------------------------------------------------
 * Picking
 * ------------------------------------------------------------------------ */

RunEntry *
ready_line_first(ReadyLine *line)
{
	return entry_of(pairingheap_first(&line->heap));
}

void
ready_take(RunEntry *entry)
{
	leave(entry);
	entry->was_told_again = false;
	entry->state = ENTRY_DISPATCHED;
}

static RunEntry *
find_turn_holder(int64 task_id)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;
	RunEntry   *holder = NULL;

	hash_seq_init(&scan, entries);
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

	if (plan == NULL || entry->has_turn)
		return;
	holder = plan->turn_is_taken ? find_turn_holder(entry->task_id) : NULL;
	if (holder != NULL)
	{
		if (holder->state != ENTRY_READY)
			return;
		holder->has_turn = false;
		leave(holder);
		enter(holder, holder->wake_at);
		/* It was the first of those that wait. */
		dlist_move_head(&plan->held, &holder->list_node);
	}
	plan->turn_is_taken = entry->has_turn = true;
}

static void
wait_again(RunEntry *entry, TimestampTz wake_at, TimestampTz now)
{
	Assert(entry->state == ENTRY_DISPATCHED);
	entry->slot = -1;
	entry->activity = -1;
	entry->wake_at = wake_at;
	enter(entry, now);
}

void
ready_return(RunEntry *entry)
{
	entry->is_postponed = false;
	if (entry->task_id != 0 && task_is_paused(entry->task_id))
		give_turn(entry);
	wait_again(entry, DT_NOBEGIN, DT_NOBEGIN);
}

void
ready_postpone(RunEntry *entry, TimestampTz until, TimestampTz now)
{
	entry->is_postponed = true;
	give_turn(entry);
	wait_again(entry, until, now);
}
