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

void
throttle_init(MemoryContext parent)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int32);
	control.entrysize = sizeof(QueuePlan);
	control.hcxt = parent;
	queues = hash_create("taskly queues", 16, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

QueuePlan *
throttle_find(int32 queue_id)
{
	return hash_search(queues, &queue_id, HASH_FIND, NULL);
}

void
throttle_set(int32 queue_id, const QueueSettings *settings)
{
	bool		found;
	QueuePlan  *queue = hash_search(queues, &queue_id, HASH_ENTER, &found);

	if (!found)
	{
		queue->running = 0;
		queue->waiting = 0;
		queue->is_complete = false;
		queue->watermark_due_at = DT_NOBEGIN;
		queue->watermark_run_id = 0;
	}
	queue->settings = *settings;
	queue->is_seen = true;
}

void
throttle_begin_reload(void)
{
	HASH_SEQ_STATUS scan;
	QueuePlan  *queue;

	hash_seq_init(&scan, queues);
	while ((queue = hash_seq_search(&scan)) != NULL)
		queue->is_seen = false;
}

/* A queue that still has runs in memory stays until they have gone. */
void
throttle_end_reload(void)
{
	HASH_SEQ_STATUS scan;
	QueuePlan  *queue;

	hash_seq_init(&scan, queues);
	while ((queue = hash_seq_search(&scan)) != NULL)
	{
		if (!queue->is_seen && queue->waiting == 0 && queue->running == 0)
			(void) hash_search(queues, &queue->queue_id, HASH_REMOVE, NULL);
	}
}

bool
throttle_has_room(const QueuePlan *queue)
{
	const QueueSettings *settings = &queue->settings;

	return !settings->is_paused &&
		(settings->max_running == 0 || queue->running < settings->max_running);
}

void
throttle_start(QueuePlan *queue)
{
	queue->running++;
}

void
throttle_end(QueuePlan *queue)
{
	Assert(queue->running > 0);
	queue->running--;
}

int64
throttle_count(void)
{
	return hash_get_num_entries(queues);
}

void
throttle_each(QueuePlanVisitor visit, void *arg)
{
	HASH_SEQ_STATUS scan;
	QueuePlan  *queue;

	hash_seq_init(&scan, queues);
	while ((queue = hash_seq_search(&scan)) != NULL)
		visit(queue, arg);
}
