/*-------------------------------------------------------------------------
 *
 * quota_store.c
 *	  Every statement about taskly.quota.
 *
 * Every enqueued run asks for a quota, and most databases have none. So each
 * process remembers the last answer. A change sends an invalidation of the
 * table's relcache entry, which every process hears of at its next look at any
 * table, after the change can be seen.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/inval.h"

#include "store/catalog.h"
#include "store/memo.h"
#include "store/quota_store.h"
#include "store/spi.h"

#define QUOTA_COLUMNS		"role, max_pending, max_tasks, max_running"
#define QUOTA_COLUMN_COUNT	4

static Statement find_quota = {
	"SELECT " QUOTA_COLUMNS " FROM taskly.quota"
	" WHERE role OPERATOR(pg_catalog.=) $1 OR role IS NULL ORDER BY role NULLS LAST LIMIT 1",
	1, {REGROLEOID}, .sees_newest = true
};

static Statement read_quotas = {
	"SELECT " QUOTA_COLUMNS " FROM taskly.quota"
	" UNION ALL SELECT r.oid::pg_catalog.regrole, NULL, NULL, NULL FROM pg_catalog.pg_roles r"
	" WHERE r.rolsuper AND EXISTS (SELECT FROM taskly.quota q WHERE q.role IS NULL)"
	" AND NOT EXISTS (SELECT FROM taskly.quota q WHERE q.role OPERATOR(pg_catalog.=) r.oid)",
	0, {0}
};

static Statement put_quota = {
	"INSERT INTO taskly.quota AS q (" QUOTA_COLUMNS ") VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (role) DO UPDATE SET max_pending = excluded.max_pending,"
	" max_tasks = excluded.max_tasks, max_running = excluded.max_running"
	" WHERE (q.max_pending, q.max_tasks, q.max_running) IS DISTINCT FROM"
	" (excluded.max_pending, excluded.max_tasks, excluded.max_running)",
	QUOTA_COLUMN_COUNT, {REGROLEOID, INT8OID, INT4OID, INT4OID}
};

static Statement delete_quota = {
	"DELETE FROM taskly.quota WHERE role IS NOT DISTINCT FROM $1",
	1, {REGROLEOID}
};

static Statement count_tasks = {
	"SELECT pg_catalog.count(*) FROM taskly.task WHERE owner OPERATOR(pg_catalog.=) $1",
	1, {REGROLEOID}, .sees_newest = true
};

/* The answer to the last question. */
static QuotaRow remembered;
static Oid	remembered_for = InvalidOid;
static Memo memo;

static void
quota_row_read(HeapTuple row, TupleDesc desc, QuotaRow *quota)
{
	Datum		values[QUOTA_COLUMN_COUNT];
	bool		nulls[QUOTA_COLUMN_COUNT];

	Assert(desc->natts == QUOTA_COLUMN_COUNT);
	heap_deform_tuple(row, desc, values, nulls);
	quota->role = nulls[0] ? InvalidOid : DatumGetObjectId(values[0]);
	quota->max_pending = nulls[1] ? 0 : DatumGetInt64(values[1]);
	quota->max_tasks = nulls[2] ? 0 : DatumGetInt32(values[2]);
	quota->max_running = nulls[3] ? 0 : DatumGetInt32(values[3]);
}

/* ------------------------------------------------------------------------
 * The quota of a role
 * ------------------------------------------------------------------------ */

static void
receive_found(HeapTuple row, TupleDesc desc, void *arg)
{
	quota_row_read(row, desc, arg);
}

void
quota_store_find(Oid role, QuotaRow *quota)
{
	Datum		values[] = {ObjectIdGetDatum(role)};

	if (!memo.is_true || remembered_for != role)
	{
		int			begun = memo_begin(&memo);

		memset(&remembered, 0, sizeof(remembered));
		(void) store_execute(&find_quota, values, NULL, receive_found, &remembered);
		remembered_for = role;
		memo_end(&memo, begun);
	}
	*quota = remembered;
	if (!OidIsValid(quota->role) && superuser_arg(role))
		memset(quota, 0, sizeof(*quota));
}

void
quota_store_forget_at_commit(void)
{
	CacheInvalidateRelcacheByRelid(catalog_relation_id("quota"));
}

/* ------------------------------------------------------------------------
 * All of them
 * ------------------------------------------------------------------------ */

typedef struct QuotaRelay
{
	QuotaReceiver receive;
	void	   *arg;
} QuotaRelay;

static void
relay_quota(HeapTuple row, TupleDesc desc, void *arg)
{
	QuotaRelay *relay = arg;
	QuotaRow	quota;

	quota_row_read(row, desc, &quota);
	relay->receive(&quota, relay->arg);
}

void
quota_store_read_all(QuotaReceiver receive, void *arg)
{
	QuotaRelay	relay = {receive, arg};

	(void) store_execute(&read_quotas, NULL, NULL, relay_quota, &relay);
}

bool
quota_store_set(const QuotaRow *quota)
{
	bool		is_dropped = quota->max_pending == 0 && quota->max_tasks == 0 &&
		quota->max_running == 0;
	Datum		values[QUOTA_COLUMN_COUNT];
	bool		nulls[QUOTA_COLUMN_COUNT];
	uint64		changed;

	values[0] = ObjectIdGetDatum(quota->role);
	nulls[0] = !OidIsValid(quota->role);
	values[1] = Int64GetDatum(quota->max_pending);
	nulls[1] = quota->max_pending == 0;
	values[2] = Int32GetDatum(quota->max_tasks);
	nulls[2] = quota->max_tasks == 0;
	values[3] = Int32GetDatum(quota->max_running);
	nulls[3] = quota->max_running == 0;
	changed = store_execute(is_dropped ? &delete_quota : &put_quota, values, nulls, NULL, NULL);
	quota_store_forget_at_commit();
	return changed > 0;
}

int64
quota_store_count_tasks(Oid role)
{
	Datum		values[] = {ObjectIdGetDatum(role)};
	Datum		count;

	if (!store_fetch_value(&count_tasks, values, NULL, &count))
		elog(ERROR, "could not count the tasks of role %u", role);
	return DatumGetInt64(count);
}
