/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  Advisory locks of taskly's own.
 *
 * pg_advisory_lock() uses 1 and 2 as the fourth field of its lock tag; another
 * value there keeps users from taking our locks by accident.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"

#include "compat.h"
#include "server/lock.h"

#define TASKLY_LOCK_CLASS	0x7461	/* 'ta' */
#define TASKLY_LOCK_LEADER	1
#define TASKLY_RUN_LOCK_CLASS	0x7462

static void
leader_tag(LOCKTAG *tag)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, 0, TASKLY_LOCK_LEADER,
						 TASKLY_LOCK_CLASS);
}

bool
lock_try_leader(void)
{
	LOCKTAG		tag;

	if (lock_is_leader())
		return true;
	leader_tag(&tag);
	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
lock_is_leader(void)
{
	LOCKTAG		tag;

	leader_tag(&tag);
	return holds_lock(&tag, ExclusiveLock);
}

static void
run_tag(LOCKTAG *tag, int64 run_id)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (run_id >> 32),
						 (uint32) run_id, TASKLY_RUN_LOCK_CLASS);
}

bool
lock_try_run(int64 run_id)
{
	LOCKTAG		tag;

	run_tag(&tag, run_id);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
lock_release_run(int64 run_id)
{
	LOCKTAG		tag;

	run_tag(&tag, run_id);
	(void) LockRelease(&tag, ExclusiveLock, false);
}
