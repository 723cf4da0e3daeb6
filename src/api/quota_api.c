/*-------------------------------------------------------------------------
 *
 * quota_api.c
 *	  The SQL function that says how much a role may have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "utils/syscache.h"

#include "api/common.h"
#include "server/wake.h"
#include "store/quota_store.h"

PG_FUNCTION_INFO_V1(taskly_set_quota_v1);

/* A limit, of which 0 is none; a null argument is none, too. */
static int64
arg_limit(FunctionCallInfo fcinfo, int n, const char *name, int64 value)
{
	if (PG_ARGISNULL(n))
		return 0;
	if (value < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range: " INT64_FORMAT, name, value),
				 errdetail("It must be at least 1."),
				 errhint("Use null for no limit. To keep a role from using taskly, revoke its USAGE on schema \"%s\".",
						 TASKLY_SCHEMA)));
	return value;
}

/* What was set for a role that is gone can still be dropped. */
static void
check_role(const QuotaRow *quota)
{
	bool		has_limit = quota->max_pending != 0 || quota->max_tasks != 0 ||
		quota->max_running != 0;

	if (has_limit && OidIsValid(quota->role) &&
		!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(quota->role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", quota->role)));
}

/* set_quota(role regrole, max_pending bigint, max_tasks integer, max_running integer) RETURNS boolean */
Datum
taskly_set_quota_v1(PG_FUNCTION_ARGS)
{
	QuotaRow	quota;

	begin_writing_call("taskly.set_quota()");
	require_administrator("taskly.set_quota()");
	quota.role = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	quota.max_pending = arg_limit(fcinfo, 1, "max_pending", PG_GETARG_INT64(1));
	quota.max_tasks = (int) arg_limit(fcinfo, 2, "max_tasks", PG_GETARG_INT32(2));
	quota.max_running = (int) arg_limit(fcinfo, 3, "max_running", PG_GETARG_INT32(3));
	check_role(&quota);
	if (!quota_store_set(&quota))
		PG_RETURN_BOOL(false);
	wake_for_settings();
	PG_RETURN_BOOL(true);
}
