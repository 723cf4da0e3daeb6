/*-------------------------------------------------------------------------
 *
 * queue_cache.c
 *	  The queue that this process has asked for last.
 *
 * Every enqueued run asks for its queue, and queues hardly ever change. A change
 * can be seen before its invalidation comes (see memo.h), and each process listens
 * before it answers. Remembered is only what is committed, or our own: a rollback
 * forgets that, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"

#include "store/catalog.h"
#include "store/memo.h"
#include "store/queue_cache.h"

static QueueRow remembered;		/* but for its name */
static char remembered_name[TASKLY_NAME_MAX + 1];
static Memo memo;

static void
remember(const QueueRow *queue)
{
	remembered = *queue;
	strlcpy(remembered_name, queue->name, sizeof(remembered_name));
}

bool
queue_cache_read(int32 queue_id, QueueRow *queue)
{
	int			begun;

	AcceptInvalidationMessages();
	if (memo.is_true && remembered.queue_id == queue_id)
	{
		*queue = remembered;
		queue->name = pstrdup(remembered_name);
		return true;
	}
	begun = memo_begin(&memo);
	if (!queue_store_read_newest(queue_id, queue))
		return false;
	remember(queue);
	memo_end(&memo, begun);
	return true;
}

void
queue_cache_forget_at_commit(void)
{
	CacheInvalidateRelcacheByRelid(catalog_relation_id("queue"));
}
