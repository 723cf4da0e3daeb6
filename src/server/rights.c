/*-------------------------------------------------------------------------
 *
 * rights.c
 *	  What a role may do in the current database.
 *
 * Asked again when a run starts: a right may have been taken since.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/syscache.h"

#include "compat.h"
#include "server/guc.h"
#include "server/rights.h"

static bool
may_log_in(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
	ReleaseSysCache(tuple);
	return result;
}

bool
rights_may_run(Oid role)
{
	return may_log_in(role) && may_connect(MyDatabaseId, role);
}

bool
rights_may_run_shell(Oid role)
{
	return taskly_enable_shell && rights_may_run(role) &&
		has_privs_of_role(role, ROLE_PG_EXECUTE_SERVER_PROGRAM);
}
