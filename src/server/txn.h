/*-------------------------------------------------------------------------
 *
 * txn.h
 *	  Transactions of taskly's own processes. No other file opens one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TXN_H
#define TASKLY_TXN_H

#include "taskly.h"
#include "utils/resowner.h"

/*
 * Open and close a bookkeeping transaction: READ COMMITTED, read-write, with a
 * short lock_timeout, whatever the role or database has set. activity is what
 * pg_stat_activity shows meanwhile. txn_begin pushes a snapshot, txn_commit
 * pops it.
 */
extern void txn_begin(const char *activity);
extern void txn_commit(void);

/* The same, and the commit waits for the disk and for synchronous standbys. */
extern void txn_commit_durably(void);

/*
 * The same without standbys: a scheduler must not wait for one that is away,
 * and what it records can be found out again.
 */
extern void txn_commit_to_disk(void);

/*
 * The same in two steps, for many transactions at once: commits that do not
 * wait, and a wait for all of them. It cannot fail.
 */
extern void txn_commit_without_wait(void);
extern void txn_wait_for_commits(void);

/*
 * Open a tenant's transaction: isolation and read-only as the role has them.
 * No snapshot is pushed.
 */
extern void txn_begin_tenant(void);
extern void txn_commit_tenant(void);

/*
 * A part of the current transaction that can be undone alone, and whose statements
 * begin now. Ends come back to the memory context and the resources of the
 * beginning.
 */
typedef struct SubScope
{
	MemoryContext context;
	ResourceOwner owner;
} SubScope;

extern void txn_sub_begin(SubScope *scope);
extern void txn_sub_commit(const SubScope *scope);
extern void txn_sub_abort(const SubScope *scope);

/* Leave any transaction after an error; safe when none is open. */
extern void txn_abort(void);

/*
 * Run one or more statements on taskly's tables inside any transaction as the
 * owner of the extension, whatever role the caller is: rights, search_path,
 * read-only and the statement timeout of the caller do not reach them.
 * Ends must mirror begins; an error in between is undone by the abort.
 */
typedef struct BookkeepingScope
{
	Oid			save_userid;
	int			save_sec_context;
	int			guc_nest_level;
	bool		save_read_only;
} BookkeepingScope;

extern void bookkeeping_begin(BookkeepingScope *scope, Oid owner);
extern void bookkeeping_end(BookkeepingScope *scope);

/* Are we between bookkeeping_begin and _end? (Triggers ask.) */
extern bool bookkeeping_is_active(void);

#endif							/* TASKLY_TXN_H */
