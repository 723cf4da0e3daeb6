/*-------------------------------------------------------------------------
 *
 * throttle.c
 *	  The queues in memory, and whether one may start a run now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/throttle.h"

static HTAB *queues = NULL;
static dlist_head all_queues = DLIST_STATIC_INIT(all_queues);	/* each turn looks at each */
static MemoryContext throttle_context = NULL;
static TimestampTz starts_unknown_until = DT_NOBEGIN;

void
throttle_init(MemoryContext parent)
{
	HASHCTL		control = {0};

	throttle_context = parent;
	control.keysize = sizeof(int32);
	control.entrysize = sizeof(QueuePlan);
	control.hcxt = parent;
	queues = hash_create("taskly queues", 16, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&all_queues);
	starts_unknown_until = DT_NOBEGIN;
}

void
throttle_assume_starts(TimestampTz until)
{
	starts_unknown_until = until;
}

QueuePlan *
throttle_find(int32 queue_id)
{
	return hash_search(queues, &queue_id, HASH_FIND, NULL);
}

static void
set_rates(QueuePlan *queue, const QueueSettings *settings)
{
	RateLimit	old = queue->rate;

	queue->rate = rate_limit(settings->rate, settings->rate_interval_us, settings->burst);
	queue->rate_per_key = rate_limit(settings->rate_per_key, settings->rate_interval_us,
									 settings->burst);
	if (old.spacing_ns == 0)
		rate_assume_used(&queue->rate, &queue->rate_state, queue->starts_unknown_until);
}

void
throttle_set(int32 queue_id, const QueueSettings *settings)
{
	bool		found;
	QueuePlan  *queue = hash_search(queues, &queue_id, HASH_ENTER, &found);

	if (!found)
	{
		memset(queue, 0, sizeof(*queue));
		queue->queue_id = queue_id;
		queue->watermark = FIRST_PLACE;
		queue->starts_unknown_until = starts_unknown_until;
		queue->is_rate_open = true;
		dlist_push_tail(&all_queues, &queue->node);
	}
	set_rates(queue, settings);
	queue->settings = *settings;
	queue->is_seen = true;
}

void
throttle_begin_reload(void)
{
	dlist_iter	iter;

	dlist_foreach(iter, &all_queues)
		dlist_container(QueuePlan, node, iter.cur)->is_seen = false;
}

/* A queue that still has runs in memory stays until they have gone. */
void
throttle_end_reload(void (*goes) (QueuePlan *queue))
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &all_queues)
	{
		QueuePlan  *queue = dlist_container(QueuePlan, node, iter.cur);

		if (queue->is_seen || queue->waiting > 0 || queue->running > 0)
			continue;
		goes(queue);
		if (queue->held != NULL)
			pfree(queue->held);
		dlist_delete(&queue->node);
		(void) hash_search(queues, &queue->queue_id, HASH_REMOVE, NULL);
	}
}

/* ------------------------------------------------------------------------
 * Rates
 * ------------------------------------------------------------------------ */

TimestampTz
throttle_advance(TimestampTz now)
{
	dlist_iter	iter;
	TimestampTz next = DT_NOEND;

	dlist_foreach(iter, &all_queues)
	{
		QueuePlan  *queue = dlist_container(QueuePlan, node, iter.cur);
		TimestampTz open_at;

		rate_fit(&queue->rate, &queue->rate_state, now);
		open_at = rate_open_at(&queue->rate, &queue->rate_state);
		queue->is_rate_open = open_at <= now;
		if (!queue->is_rate_open && queue->waiting > 0)
			next = earlier(next, open_at);
	}
	return next;
}

void
throttle_clock_was_set(int64 step_us)
{
	dlist_iter	iter;

	dlist_foreach(iter, &all_queues)
		rate_clock_was_set(&dlist_container(QueuePlan, node, iter.cur)->rate_state, step_us);
}

/* ------------------------------------------------------------------------
 * Runs that run at once
 * ------------------------------------------------------------------------ */

static bool
holds_some(const QueuePlan *queue, int worker)
{
	return worker != NO_WORKER && worker < queue->held_size && queue->held[worker] > 0;
}

static void
make_room_for(QueuePlan *queue, int worker)
{
	int			size = Max(worker + 1, queue->held_size * 2);
	MemoryContext old_context;

	if (worker < queue->held_size)
		return;
	old_context = MemoryContextSwitchTo(throttle_context);
	queue->held = queue->held == NULL ? palloc(sizeof(uint16) * size) :
		repalloc(queue->held, sizeof(uint16) * size);
	MemoryContextSwitchTo(old_context);
	memset(queue->held + queue->held_size, 0, sizeof(uint16) * (size - queue->held_size));
	queue->held_size = size;
}

bool
throttle_is_open(const QueuePlan *queue)
{
	return !queue->settings.is_paused && queue->is_rate_open;
}

bool
throttle_has_room(const QueuePlan *queue, int worker)
{
	int			max_running = queue->settings.max_running;

	return throttle_is_open(queue) &&
		(max_running == 0 || queue->concurrency < max_running || holds_some(queue, worker));
}

void
throttle_start(QueuePlan *queue, int worker, TimestampTz now)
{
	queue->running++;
	if (!holds_some(queue, worker))
		queue->concurrency++;
	if (worker != NO_WORKER)
	{
		make_room_for(queue, worker);
		queue->held[worker]++;
	}
	if (queue->rate.spacing_ns != 0)
	{
		rate_start(&queue->rate, &queue->rate_state, now);
		queue->is_rate_open = rate_open_at(&queue->rate, &queue->rate_state) <= now;
	}
}

void
throttle_end(QueuePlan *queue, int worker)
{
	Assert(queue->running > 0);
	queue->running--;
	if (worker != NO_WORKER)
		queue->held[worker]--;
	if (!holds_some(queue, worker))
		queue->concurrency--;
}

int64
throttle_count(void)
{
	return hash_get_num_entries(queues);
}

void
throttle_each(QueuePlanVisitor visit, void *arg)
{
	dlist_iter	iter;

	dlist_foreach(iter, &all_queues)
		visit(dlist_container(QueuePlan, node, iter.cur), arg);
}
