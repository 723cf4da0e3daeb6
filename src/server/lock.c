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

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "compat.h"
#include "server/lock.h"

#define TASKLY_LOCK_CLASS	0x7461	/* 'ta' */
#define TASKLY_LOCK_LEADER	1
#define TASKLY_RUN_LOCK_CLASS	0x7462
#define TASKLY_SCOPE_LOCK_CLASS	0x7463
#define TASKLY_KEY_LOCK_CLASS	0x7464
#define TASKLY_END_LOCK_CLASS	0x7465

/*
 * One key is a shared lock on its scope, then an exclusive one on its hash. Two
 * keys of one hash only wait for each other more often than they need.
 */
#define ONE_KEY_OF_SCOPE	RowExclusiveLock
#define ALL_KEYS_OF_SCOPE	ShareRowExclusiveLock

/* With more keys than this, a transaction waits for a scope, or is told of a deadlock. */
#define LOCK_KEYS_OF_TRANSACTION_MAX	1000

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

static void
number_tag(LOCKTAG *tag, uint64 number, uint16 lock_class)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (number >> 32),
						 (uint32) number, lock_class);
}

static bool
lock_number(uint64 number, uint16 lock_class, LOCKMODE mode, bool wait)
{
	LOCKTAG		tag;

	number_tag(&tag, number, lock_class);
	return LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

bool
lock_try_unkept_end(void)
{
	return lock_number(GetCurrentTransactionId(), TASKLY_END_LOCK_CLASS, ExclusiveLock, false);
}

void
lock_wait_unkept_end(TransactionId transaction)
{
	LOCKTAG		tag;

	(void) lock_number(transaction, TASKLY_END_LOCK_CLASS, ShareLock, true);
	number_tag(&tag, transaction, TASKLY_END_LOCK_CLASS);
	(void) LockRelease(&tag, ShareLock, false);
}

/* How many keys this transaction has asked for before. */
static int
count_key(void)
{
	static LocalTransactionId transaction = InvalidLocalTransactionId;
	static int	keys = 0;

	if (transaction != my_local_transaction())
	{
		transaction = my_local_transaction();
		keys = 0;
	}
	return keys++;
}

static bool
lock_key(int64 scope, const char *key, int length, bool wait)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) key, length, (uint64) scope);
	int			keys = count_key();

	/*
	 * Who has keys of the scope must not wait for all of it: another one who does
	 * the same would wait for him. So it is taken when it is free, and some more
	 * keys are locked while it is not, for as many as memory has room.
	 */
	if (keys >= LOCK_UNIQUE_KEYS_MAX &&
		lock_number((uint64) scope, TASKLY_SCOPE_LOCK_CLASS, ALL_KEYS_OF_SCOPE, false))
		return true;
	if (keys >= LOCK_KEYS_OF_TRANSACTION_MAX)
		return lock_number((uint64) scope, TASKLY_SCOPE_LOCK_CLASS, ALL_KEYS_OF_SCOPE, wait);
	return lock_number((uint64) scope, TASKLY_SCOPE_LOCK_CLASS, ONE_KEY_OF_SCOPE, wait) &&
		lock_number(hash, TASKLY_KEY_LOCK_CLASS, ExclusiveLock, wait);
}

void
lock_unique_key(int64 scope, const char *key, int length)
{
	(void) lock_key(scope, key, length, true);
}

bool
lock_try_unique_key(int64 scope, const char *key, int length)
{
	return lock_key(scope, key, length, false);
}

void
lock_unique_scope(int64 scope)
{
	(void) lock_number((uint64) scope, TASKLY_SCOPE_LOCK_CLASS, ALL_KEYS_OF_SCOPE, true);
}
