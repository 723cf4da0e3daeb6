/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between PostgreSQL versions: the only place that asks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_COMPAT_H
#define TASKLY_COMPAT_H

#include "postgres.h"
#include <unistd.h>
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "executor/executor.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "datatype/timestamp.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "utils/guc_hooks.h"
#endif

#if defined(__has_include)
#if __has_include(<sys/timerfd.h>)
#include <sys/timerfd.h>
#endif
#endif

#if PG_VERSION_NUM < 150000
#error "taskly needs PostgreSQL 15 or newer"
#endif

/* Our own place in ProcGlobal->allProcs. */
static inline int
my_proc_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

/* What tells the transactions of this session apart. */
static inline LocalTransactionId
my_local_transaction(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProc->vxid.lxid;
#else
	return MyProc->lxid;
#endif
}

/* Does a role own a database? */
static inline bool
owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

/* Does a role own an extension? */
static inline bool
owns_extension(Oid extension, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ExtensionRelationId, extension, role);
#else
	return pg_extension_ownercheck(extension, role);
#endif
}

/* May a role connect to a database? */
static inline bool
may_connect(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(DatabaseRelationId, database, role, ACL_CONNECT) == ACLCHECK_OK;
#else
	return pg_database_aclcheck(database, role, ACL_CONNECT) == ACLCHECK_OK;
#endif
}

/* Add a new row's entries to all indexes of its table. */
static inline void
insert_index_entries(ResultRelInfo *result_rel, TupleTableSlot *slot,
					 EState *estate, bool is_update)
{
#if PG_VERSION_NUM >= 160000
	(void) ExecInsertIndexTuples(result_rel, slot, estate, is_update, false,
								 NULL, NIL, false);
#else
	(void) ExecInsertIndexTuples(result_rel, slot, estate, is_update, false,
								 NULL, NIL);
#endif
}

/* Update a row; says whether indexes need entries. */
static inline TM_Result
update_row(Relation rel, ItemPointer ctid, TupleTableSlot *slot,
		   Snapshot snapshot, bool wait, bool *needs_index_entries)
{
	TM_FailureData failure;
	LockTupleMode lockmode;
	TM_Result	result;
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes update_indexes = TU_None;

	result = table_tuple_update(rel, ctid, slot, GetCurrentCommandId(true),
								snapshot, InvalidSnapshot, wait, &failure,
								&lockmode, &update_indexes);
	*needs_index_entries = update_indexes != TU_None;
#else
	result = table_tuple_update(rel, ctid, slot, GetCurrentCommandId(true),
								snapshot, InvalidSnapshot, wait, &failure,
								&lockmode, needs_index_entries);
#endif
	return result;
}

/* Run a portal to its end; rows of what it was made for go to a receiver. */
static inline void
run_portal(Portal portal, bool is_top_level, DestReceiver *receiver,
		   QueryCompletion *completion)
{
#if PG_VERSION_NUM >= 180000
	(void) PortalRun(portal, FETCH_ALL, is_top_level,
					 receiver, None_Receiver, completion);
#else
	(void) PortalRun(portal, FETCH_ALL, is_top_level, true,
					 receiver, None_Receiver, completion);
#endif
}

/* An event set that lives until it is freed. */
static inline WaitEventSet *
create_wait_event_set(MemoryContext context, int max_events)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, max_events);
#else
	return CreateWaitEventSet(context, max_events);
#endif
}

/* Does this session hold this very lock? */
static inline bool
holds_lock(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* The locks of this process in one partition of the lock table, as a list. */
#if PG_VERSION_NUM >= 160000
#define my_locks_are_none(partition) dlist_is_empty(&MyProc->myProcLocks[partition])
#else
#define my_locks_are_none(partition) SHMQueueEmpty(&MyProc->myProcLocks[partition])
#endif

static inline bool
is_method_among_my_locks(int partition, LOCKMETHODID method)
{
#if PG_VERSION_NUM >= 160000
	dlist_iter	iter;

	dlist_foreach(iter, &MyProc->myProcLocks[partition])
	{
		PROCLOCK   *lock = dlist_container(PROCLOCK, procLink, iter.cur);

		if (LOCK_LOCKMETHOD(*lock->tag.myLock) == method)
			return true;
	}
#else
	SHM_QUEUE  *queue = &MyProc->myProcLocks[partition];
	PROCLOCK   *lock = (PROCLOCK *) SHMQueueNext(queue, queue, offsetof(PROCLOCK, procLink));

	while (lock != NULL)
	{
		if (LOCK_LOCKMETHOD(*lock->tag.myLock) == method)
			return true;
		lock = (PROCLOCK *) SHMQueueNext(queue, &lock->procLink, offsetof(PROCLOCK, procLink));
	}
#endif
	return false;
}

/*
 * Does this process hold any lock of a method whose locks are all in the shared
 * table (advisory locks are, those of tables may not be)? Others put locks into
 * our lists only when they are of tables, so a list that looks empty has none.
 */
static inline bool
holds_lock_of_method(LOCKMETHODID method)
{
	bool		found = false;

	for (int i = 0; i < NUM_LOCK_PARTITIONS && !found; i++)
	{
		if (my_locks_are_none(i))
			continue;
		LWLockAcquire(LockHashPartitionLockByIndex(i), LW_SHARED);
		found = is_method_among_my_locks(i, method);
		LWLockRelease(LockHashPartitionLockByIndex(i));
	}
	return found;
}

/*
 * A descriptor that is readable when an instant of the machine's wall clock has
 * come, or when somebody sets that clock; -1: this system has no such thing, or
 * none to spare.
 */
static inline int
open_wall_timer(void)
{
#ifdef TFD_TIMER_CANCEL_ON_SET
	return timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
#else
	return -1;
#endif
}

/* DT_NOEND: never. A clock that is set in this moment makes it readable, too. */
static inline void
set_wall_timer(int fd, TimestampTz at)
{
#ifdef TFD_TIMER_CANCEL_ON_SET
	struct itimerspec spec = {0};

	if (at != DT_NOEND)
	{
		spec.it_value.tv_sec = at / USECS_PER_SEC +
			(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
		spec.it_value.tv_nsec = at % USECS_PER_SEC * 1000;
	}
	(void) timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL);
#endif
}

/* It is readable: true when its instant has come, false when the clock was set. */
static inline bool
read_wall_timer(int fd)
{
	uint64		times;

	return read(fd, &times, sizeof(times)) == sizeof(times);
}

/* The wait event that extensions show. */
#if PG_VERSION_NUM >= 170000
#define TASKLY_WAIT_EVENT(name) WaitEventExtensionNew(name)
#else
#define TASKLY_WAIT_EVENT(name) PG_WAIT_EXTENSION
#endif

#endif							/* TASKLY_COMPAT_H */
