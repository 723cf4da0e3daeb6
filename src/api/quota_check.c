/*-------------------------------------------------------------------------
 *
 * quota_check.c
 *	  Error 53400 when a role would have more than its quota.
 *
 * Counted is what is committed or our own. Nobody waits for others who do the
 * same at the same time, since those may be runs; together they may overrun a
 * quota.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/common.h"
#include "api/quota_check.h"
#include "api/room.h"
#include "store/quota_store.h"
#include "store/run_count_store.h"

void
quota_check_pending(Oid owner, int64 count)
{
	static RoomBelief belief = {0};
	QuotaRow	quota;
	int64		room;

	quota_store_find(owner, &quota);
	if (quota.max_pending == 0 ||
		room_is_believed(&belief, owner, quota.max_pending, count))
		return;
	room = quota.max_pending - run_count_of_owner(owner, quota.max_pending);
	if (count > room)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("role \"%s\" has reached its quota of pending runs", role_name(owner)),
				 errdetail("It may have at most " INT64_FORMAT " of them.", quota.max_pending),
				 errhint("Let some finish or cancel them, or ask an administrator to raise the quota with taskly.set_quota().")));
	room_believe(&belief, owner, quota.max_pending, room, count);
}

void
quota_check_tasks(Oid owner)
{
	QuotaRow	quota;

	quota_store_find(owner, &quota);
	if (quota.max_tasks == 0 || quota_store_count_tasks(owner) < quota.max_tasks)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("role \"%s\" has reached its quota of tasks", role_name(owner)),
			 errdetail("It may have at most %d of them.", quota.max_tasks),
			 errhint("Drop a task that is not needed, or ask an administrator to raise the quota with taskly.set_quota().")));
}
