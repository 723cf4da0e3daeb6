/*-------------------------------------------------------------------------
 *
 * ready_limit.c
 *	  How many waiting runs memory holds, and up to where it has read each queue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "plan/ready_private.h"

/* ------------------------------------------------------------------------
 * The watermark of a queue
 * ------------------------------------------------------------------------ */

bool
ready_is_beyond_watermark(const RunEntry *entry)
{
	return place_is_before(entry->queue->watermark, ready_place_of(entry));
}

bool
ready_is_complete(const QueuePlan *queue)
{
	return !place_is_before(queue->watermark, LAST_PLACE);
}

/* Each queue may have some of its runs in memory, whatever others hold there. */
static int64
own_share(void)
{
	return Max(1, ready.limit / EVICTED_SHARE / Max(1, throttle_count()));
}

/* What is not due yet does not keep out what may be. */
static int64
count_in_own_share(const QueuePlan *queue)
{
	return queue->watermark.due_at <= ready.now ? queue->waiting - queue->timers : queue->waiting;
}

bool
ready_wants_refill(const QueuePlan *queue)
{
	return !ready_is_complete(queue) &&
		(count_in_own_share(queue) < own_share() ||
		 (ready_has_space() && queue->waiting < ready.limit / 2));
}

int
ready_refill_size(int queues)
{
	return Max(Min(REFILL_AT_ONCE, ready.limit / REFILL_SHARE) / queues, LEAST_REFILL);
}

/* Nothing that is read from now on is left out as beyond the watermark. */
void
ready_begin_refill(QueuePlan *queue)
{
	queue->watermark = LAST_PLACE;
	queue->is_read = true;
}

/*
 * What was evicted meanwhile has set a watermark; it may be beyond the last row
 * that was read, for memory may hold rows from there too.
 */
void
ready_end_refill(QueuePlan *queue, RunPlace last_read, bool is_end)
{
	queue->is_read = false;
	if (!is_end && place_is_before(last_read, queue->watermark))
		queue->watermark = last_read;
}

/* ------------------------------------------------------------------------
 * Eviction
 * ------------------------------------------------------------------------ */

static bool
is_evictable(const RunEntry *entry, const void *queue)
{
	return entry->queue == queue && !ready_is_pinned(entry);
}

static void
begin_count(QueuePlan *queue, void *arg)
{
	queue->evictable = 0;
}

static void
look_for_largest(QueuePlan *queue, void *arg)
{
	QueuePlan **largest = arg;

	if (*largest == NULL || queue->evictable > (*largest)->evictable)
		*largest = queue;
}

/* The queue that fills most of memory with what may go, and is not due if there is much of that. */
static QueuePlan *
find_largest(void)
{
	QueuePlan  *largest = NULL;
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;
	bool		of_timers = ready_is_full_of_timers();

	throttle_each(begin_count, NULL);
	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->state != ENTRY_DISPATCHED && !ready_is_pinned(entry) &&
			(!of_timers || entry->state == ENTRY_TIMER))
			entry->queue->evictable++;
	}
	throttle_each(look_for_largest, &largest);
	return largest;
}

/* It gives up its worst entries, but keeps half at least, and so more than its own share. */
static int64
evict_from(QueuePlan *queue)
{
	int64		count;
	RunEntry  **list = ready_collect(is_evictable, queue, &count);
	int64		evicted = Min(count / 2, Max(count / EVICTED_SHARE, ready.limit / 64));

	ready_sort_worst_first(list, count);
	for (int64 i = 0; i < evicted; i++)
	{
		ready_lower(&queue->watermark, list[i]);
		ready_lower_key(list[i]);
		ready_remove(list[i]);
	}
	pfree(list);
	return evicted;
}

/*
 * A queue that is paused, or slow, must not crowd out the others. Done for many at
 * once, so that the cost of sorting is spread over as many arrivals.
 */
void
ready_evict(void)
{
	int64		evicted;

	do
		evicted = evict_from(find_largest());
	while (evicted > 0 && ready.waiting >= ready.limit);
	/* What is pinned may be more than the limit: all is not to be looked at for each that comes. */
	ready.evict_at = ready.waiting < ready.limit ? 0 :
		ready.waiting + ready.waiting / EVICTED_SHARE;
}

typedef struct QueuePlace
{
	QueuePlan  *queue;
	RunPlace	place;
} QueuePlace;

static bool
is_behind(const RunEntry *entry, const void *arg)
{
	const QueuePlace *after = arg;

	return is_evictable(entry, after->queue) &&
		place_is_before(after->place, ready_place_of(entry));
}

/* Where arrival decides, what is behind goes, to make room for what is before it. */
void
ready_read_again(QueuePlan *queue, RunPlace place)
{
	QueuePlace	after = {queue, place};
	RunEntry  **list;
	int64		count;

	if (place_is_before(place, queue->watermark))
		queue->watermark = place;
	ready_lower_keys(queue, place);
	if (!ready_is_in_order_of_arrival(queue))
		return;
	list = ready_collect(is_behind, &after, &count);
	for (int64 i = 0; i < count; i++)
		ready_remove(list[i]);
	pfree(list);
}

static void
forget_watermark(QueuePlan *queue, void *arg)
{
	queue->watermark = FIRST_PLACE;
}

void
ready_forget_waiting(void)
{
	ready_remove_range(0, PG_INT64_MAX);
	ready_forget_left();
	throttle_each(forget_watermark, NULL);
}
