/*-------------------------------------------------------------------------
 *
 * queue_cache.c
 *	  The queue that this process has asked for last.
 *
 * Every enqueued run asks for its queue, and queues hardly ever change. A change
 * sends an invalidation of the table's relcache entry after it can be seen, and
 * each process listens before it answers. Remembered is only what is committed,
 * or our own: a rollback forgets that, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"

#include "store/catalog.h"
#include "store/queue_cache.h"

static QueueRow remembered;		/* but for its name */
static char remembered_name[TASKLY_NAME_MAX + 1];
static bool is_remembered = false;
static int	invalidations = 0;

static void
forget_queue(Datum arg, Oid relation_id)
{
	is_remembered = false;
	invalidations++;
}

static void
listen_for_changes(void)
{
	static bool is_listening = false;

	if (is_listening)
		return;
	CacheRegisterRelcacheCallback(forget_queue, (Datum) 0);
	is_listening = true;
}

static void
remember(const QueueRow *queue)
{
	remembered = *queue;
	strlcpy(remembered_name, queue->name, sizeof(remembered_name));
	is_remembered = true;
}

bool
queue_cache_read(int32 queue_id, QueueRow *queue)
{
	int			before;

	AcceptInvalidationMessages();
	if (is_remembered && remembered.queue_id == queue_id)
	{
		*queue = remembered;
		queue->name = pstrdup(remembered_name);
		return true;
	}
	listen_for_changes();
	before = invalidations;
	if (!queue_store_read_newest(queue_id, queue))
		return false;
	/* What changed while we read is read again next time. */
	if (invalidations == before)
		remember(queue);
	return true;
}

void
queue_cache_forget_at_commit(void)
{
	CacheInvalidateRelcacheByRelid(catalog_relation_id("queue"));
}
