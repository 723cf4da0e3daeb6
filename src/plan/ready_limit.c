/*-------------------------------------------------------------------------
 *
 * ready_limit.c
 *	  How many waiting runs memory holds, and what it reads next.
 *
 * A run that is in no entry is found again in one of three ways: it is beyond the
 * watermark of its queue; or beyond the place from which on runs of its key were
 * left; or its task has left some, and all is read again when they are wanted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/ready_private.h"

/* A key with fewer runs in memory is refilled, with so many. */
#define KEY_LOW		64
#define KEY_REFILL	1024

static dlist_head wanting_keys = DLIST_STATIC_INIT(wanting_keys);

void
ready_limit_init(void)
{
	dlist_init(&wanting_keys);
}

/* ------------------------------------------------------------------------
 * The watermark of a queue
 * ------------------------------------------------------------------------ */

static bool
is_before(TimestampTz due_at, int64 run_id, TimestampTz other_due_at, int64 other_run_id)
{
	return due_at < other_due_at || (due_at == other_due_at && run_id < other_run_id);
}

/* Memory no longer holds all rows from this entry on. */
static void
lower_watermark(QueuePlan *queue, TimestampTz due_at, int64 run_id)
{
	if (!queue->is_complete &&
		!is_before(due_at, run_id - 1, queue->watermark_due_at, queue->watermark_run_id))
		return;
	queue->is_complete = false;
	queue->watermark_due_at = due_at;
	queue->watermark_run_id = run_id - 1;
}

bool
ready_is_beyond_watermark(const RunEntry *entry)
{
	const QueuePlan *queue = entry->queue;

	return !queue->is_complete &&
		is_before(queue->watermark_due_at, queue->watermark_run_id, entry->due_at, entry->run_id);
}

/* Each queue may have some of its runs in memory, whatever others hold there. */
static int64
own_share(void)
{
	return Max(1, ready.limit / EVICTED_SHARE / Max(1, throttle_count()));
}

bool
ready_wants_refill(const QueuePlan *queue)
{
	if (!queue->is_complete && queue->waiting < own_share())
		return true;
	return !queue->is_complete &&
		ready.waiting < ready.limit - ready.limit / EVICTED_SHARE &&
		queue->waiting < ready.limit / 2;
}

int
ready_refill_size(void)
{
	return Max(ready.limit / REFILL_SHARE, 25);
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
	else if (is_before(last_due_at, last_run_id,
					   queue->watermark_due_at, queue->watermark_run_id))
	{
		queue->watermark_due_at = last_due_at;
		queue->watermark_run_id = last_run_id;
	}
}

/* ------------------------------------------------------------------------
 * Eviction
 * ------------------------------------------------------------------------ */

static int
compare_worst_first(const void *a, const void *b)
{
	return line_compare(*(RunEntry *const *) a, *(RunEntry *const *) b);
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
void
ready_evict(void)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;
	QueuePlan  *largest = NULL;
	int64		evicted;
	RunEntry  **list = palloc(sizeof(RunEntry *) * ready.waiting);
	int64		count = 0;

	throttle_each(look_for_largest, &largest);
	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->queue == largest && entry->state != ENTRY_DISPATCHED &&
			!ready_is_pinned(entry))
			list[count++] = entry;
	}
	qsort(list, count, sizeof(RunEntry *), compare_worst_first);
	/* It keeps half at least, and so more than its own share (see above). */
	evicted = Min(count / 2, Max(count / EVICTED_SHARE, ready.limit / 64));
	for (int64 i = 0; i < evicted; i++)
	{
		lower_watermark(list[i]->queue, list[i]->due_at, list[i]->run_id);
		ready_remove(list[i]);
	}
	pfree(list);
	/* What is pinned may be more than the limit: all is not to be looked at for each that comes. */
	ready.evict_at = ready.waiting < ready.limit ? 0 :
		ready.waiting + ready.waiting / EVICTED_SHARE;
}

/* ------------------------------------------------------------------------
 * Runs that may not start, and are left in their table
 * ------------------------------------------------------------------------ */

static void
leave_of_key(KeyPlan *key, TimestampTz due_at, int64 run_id)
{
	if (key->has_left && !is_before(due_at, run_id - 1, key->left_due_at, key->left_run_id))
		return;
	key->has_left = true;
	key->left_due_at = due_at;
	key->left_run_id = run_id - 1;
}

bool
ready_is_behind_left(const RunEntry *entry)
{
	const KeyPlan *key = entry->key;

	return key != NULL && key->has_left &&
		is_before(key->left_due_at, key->left_run_id, entry->due_at, entry->run_id);
}

/* Whose limit is it? Runs without a key of their own are their task's. */
void
ready_leave(RunEntry *entry)
{
	TaskPlan   *task = entry->task_id == 0 ? NULL : task_plan_find(entry->task_id);

	if (task != NULL && (!task_plan_has_room(task) || entry->key == NULL || entry->key->text == NULL))
		task->has_left = true;
	else
		leave_of_key(entry->key, entry->due_at, entry->run_id);
}

/* What is beyond its queue's watermark comes with the queue's rows. */
static bool
comes_with_queue(const KeyPlan *key)
{
	const QueuePlan *queue = key->queue;

	/* In a fair queue those before it may be very many, and of one key. */
	return queue->settings.algorithm != QUEUE_FAIR && !queue->is_complete &&
		!is_before(key->left_due_at, key->left_run_id,
				   queue->watermark_due_at, queue->watermark_run_id);
}

/* Less than a key's share of memory. */
static int64
key_low(void)
{
	return Max(1, Min(KEY_LOW, ready.limit / WAITING_SHARE / 2));
}

static bool
wants_refill(KeyPlan *key)
{
	bool		has_room = ready.waiting < ready.limit - ready.limit / EVICTED_SHARE;

	if (key->has_left && comes_with_queue(key))
		key->has_left = false;
	return key->has_left && key_plan_has_room(key, false) &&
		(key->waiting == 0 || (has_room && key->waiting < key_low()));
}

void
ready_look_for_left(KeyPlan *key)
{
	if (key->wants_left || key->is_read || !wants_refill(key))
		return;
	key->wants_left = true;
	dlist_push_tail(&wanting_keys, &key->want_node);
}

KeyPlan *
ready_key_wanting_refill(void)
{
	while (!dlist_is_empty(&wanting_keys))
	{
		KeyPlan    *key = dlist_container(KeyPlan, want_node,
										  dlist_pop_head_node(&wanting_keys));

		key->wants_left = false;
		/* Still? A run that holds up the others may have come. */
		if (wants_refill(key))
			return key;
	}
	return NULL;
}

bool
ready_has_key_wanting_refill(void)
{
	return !dlist_is_empty(&wanting_keys);
}

int
ready_key_refill_size(void)
{
	return KEY_REFILL;
}

void
ready_begin_key_refill(KeyPlan *key)
{
	key->has_left = false;
	key->is_read = true;
}

void
ready_end_key_refill(KeyPlan *key, TimestampTz last_due_at, int64 last_run_id,
					 bool is_end)
{
	key->is_read = false;
	/* Some of the last may have come with the rows that were read. */
	if (!is_end)
		leave_of_key(key, last_due_at, last_run_id + 1);
	ready_look_for_left(key);
}

/* A closed flow keeps its best runs, to go on with at once when it is opened. */
static void
spill_flow(ReadyFlow *flow)
{
	int64		count = 0;
	RunEntry  **list = palloc(sizeof(RunEntry *) * flow->count);
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->state == ENTRY_READY && entry->flow == flow && !ready_is_pinned(entry))
			list[count++] = entry;
	}
	qsort(list, count, sizeof(RunEntry *), compare_worst_first);
	for (int64 i = 0; i + key_low() < count; i++)
	{
		ready_leave(list[i]);
		ready_remove(list[i]);
	}
	pfree(list);
}

/* The closed flows of a line, until they hold no more than their share. */
static void
spill_line(ReadyLine *line)
{
	dlist_iter	iter;

	dlist_foreach(iter, &line->flows)
	{
		ReadyFlow  *flow = dlist_container(ReadyFlow, line_node, iter.cur);

		if (line_closed_count() <= ready.limit / WAITING_SHARE)
			break;
		if (!flow->is_open && flow->count > 2 * key_low())
			spill_flow(flow);
	}
}

static void
look_for_incomplete(QueuePlan *queue, void *arg)
{
	if (!queue->is_complete)
		*(bool *) arg = true;
}

/* Only when there is more in the tables: what is here need not be read again. */
void
ready_spill(void)
{
	dlist_iter	iter;
	bool		has_more = false;

	if (line_closed_count() <= ready.limit / WAITING_SHARE)
		return;
	throttle_each(look_for_incomplete, &has_more);
	if (!has_more)
		return;
	dlist_foreach(iter, ready_lines())
		spill_line(dlist_container(ReadyLine, node, iter.cur));
}
