/*-------------------------------------------------------------------------
 *
 * task_queue_store.c
 *	  Statements about the tasks of a queue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"

#include "server/wake.h"
#include "store/spi.h"
#include "store/task_store.h"

/* Asked under a lock: who held it before has committed. */
static Statement count_in_queue = {
	"SELECT pg_catalog.count(*) FROM taskly.task"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1"
	" AND (priority OPERATOR(pg_catalog.<>) 0 OR NOT $2)",
	2, {INT4OID, BOOLOID}, .sees_newest = true
};

static Statement move_all = {
	"UPDATE taskly.task SET queue_id = $2, version = version OPERATOR(pg_catalog.+) 1"
	" WHERE queue_id OPERATOR(pg_catalog.=) $1 RETURNING task_id",
	2, {INT4OID, INT4OID}, .sees_newest = true
};

int64
task_store_count_in_queue(int32 queue_id, bool with_priority_only)
{
	Datum		values[] = {Int32GetDatum(queue_id), BoolGetDatum(with_priority_only)};
	Datum		count;

	if (!store_fetch_value(&count_in_queue, values, NULL, &count))
		elog(ERROR, "could not count the tasks of queue %d", queue_id);
	return DatumGetInt64(count);
}

static void
wake_for_row(HeapTuple row, TupleDesc desc, void *arg)
{
	bool		isnull;

	wake_for_task(DatumGetInt64(heap_getattr(row, 1, desc, &isnull)));
}

int64
task_store_move_all(int32 queue_id, int32 to_queue_id)
{
	Datum		values[] = {Int32GetDatum(queue_id), Int32GetDatum(to_queue_id)};

	return store_execute(&move_all, values, NULL, wake_for_row, NULL);
}
