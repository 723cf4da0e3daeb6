/*-------------------------------------------------------------------------
 *
 * reason_store.c
 *	  Why a run does not run now, as far as tables and shared memory tell.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/reason_store.h"
#include "store/spi.h"

static Statement read_reason = {
	"SELECT r.owner, r.is_shell, r.due_since, r.reason, r.rate FROM taskly._reasons r"
	" WHERE r.run_id OPERATOR(pg_catalog.=) $1 LIMIT 1",
	1, {INT8OID}, .sees_newest = true
};

typedef struct Reading
{
	MemoryContext context;
	RunReason  *reason;
} Reading;

static char *
copy_text(HeapTuple row, TupleDesc desc, int column, MemoryContext context)
{
	bool		isnull;
	Datum		value = heap_getattr(row, column, desc, &isnull);

	return isnull ? NULL : MemoryContextStrdup(context, TextDatumGetCString(value));
}

static void
receive_reason(HeapTuple row, TupleDesc desc, void *arg)
{
	Reading    *reading = arg;
	RunReason  *reason = reading->reason;
	bool		isnull;

	reason->owner = DatumGetObjectId(heap_getattr(row, 1, desc, &isnull));
	reason->is_shell = DatumGetBool(heap_getattr(row, 2, desc, &isnull)) && !isnull;
	reason->due_since = DatumGetTimestampTz(heap_getattr(row, 3, desc, &isnull));
	reason->reason = copy_text(row, desc, 4, reading->context);
	reason->rate = copy_text(row, desc, 5, reading->context);
}

bool
reason_store_read(int64 run_id, RunReason *reason)
{
	Reading		reading = {CurrentMemoryContext, reason};
	Datum		values[] = {Int64GetDatum(run_id)};

	return store_execute(&read_reason, values, NULL, receive_reason, &reading) > 0;
}
