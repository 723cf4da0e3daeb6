/*-------------------------------------------------------------------------
 *
 * lock.h
 *	  Advisory locks of taskly's own, in a class that SQL cannot reach.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_LOCK_H
#define TASKLY_LOCK_H

#include "taskly.h"

/* The leader of the current database: held by its session, until it ends. */
extern bool lock_try_leader(void);
extern bool lock_is_leader(void);

/* Who may put a finished run back. */
extern bool lock_try_run(int64 run_id);
extern void lock_release_run(int64 run_id);

/*
 * Ends of runs that history does not keep. A transaction that ends some takes its
 * lock before it looks whether anybody waits for them, and has it until it has
 * committed: false when somebody is about to look at one of its runs. Who tells a
 * run to wait for one that such a transaction may be about to end waits for it.
 */
extern bool lock_try_unkept_end(void);
extern void lock_wait_unkept_end(TransactionId transaction);

/*
 * Who may make or change runs of a unique key, to the end of the transaction.
 * A scope is the task (its id), or the runs that a role has submitted (its OID,
 * negated). One key waits for whoever has it, or all of its scope; a
 * transaction that comes to have many keys of any scope is given the whole scope
 * instead, since each lock takes shared memory: with more than 100 when nobody
 * else has a key of it, with more than 1000 in any case. Two of the latter that
 * have begun with single keys of a scope end in error 40P01 for one of them.
 */
extern void lock_unique_key(int64 scope, const char *key, int length);
extern bool lock_try_unique_key(int64 scope, const char *key, int length);

/* All keys of a scope, for a call that names many. */
extern void lock_unique_scope(int64 scope);

/* More keys than this are better locked as a scope. */
#define LOCK_UNIQUE_KEYS_MAX	100

#endif							/* TASKLY_LOCK_H */
