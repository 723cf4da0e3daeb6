/*-------------------------------------------------------------------------
 *
 * txn.c
 *	  Transactions of taskly's own processes, and the scope in which its own
 *	  statements run inside a transaction of somebody else.
 *
 * A role or database may set default_transaction_isolation, _read_only,
 * lock_timeout or search_path to anything; none of it may reach bookkeeping.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "replication/syncrep.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "compat.h"
#include "server/txn.h"

/* A lock that bookkeeping cannot get in this time is tried again later. */
#define BOOKKEEPING_LOCK_TIMEOUT	"2s"

#define BOOKKEEPING_CONTEXT \
	(SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION)

/* A commit leaves TopMemoryContext as the current one: what is made then would stay. */
static MemoryContext caller_context = NULL;

void
txn_begin(const char *activity)
{
	caller_context = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_READ_COMMITTED;
	XactReadOnly = false;
	XactDeferrable = false;
	(void) set_config_option("lock_timeout", BOOKKEEPING_LOCK_TIMEOUT,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, activity);
}

void
txn_commit(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller_context);
	pgstat_report_activity(STATE_IDLE, NULL);
}

static void
commit_at(const char *synchronous_commit_level)
{
	(void) set_config_option("synchronous_commit", synchronous_commit_level,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
	txn_commit();
}

void
txn_commit_durably(void)
{
	commit_at("on");
}

void
txn_commit_to_disk(void)
{
	commit_at("local");
}

void
txn_commit_without_wait(void)
{
	(void) set_config_option("synchronous_commit", "off",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
	txn_commit();
}

/* Interrupts are held: who asks us to leave is heard when what was done is told. */
void
txn_wait_for_commits(void)
{
	static XLogRecPtr waited_for = InvalidXLogRecPtr;

	if (XactLastCommitEnd <= waited_for)
		return;
	HOLD_INTERRUPTS();
	XLogFlush(XactLastCommitEnd);
	assign_synchronous_commit(SYNCHRONOUS_COMMIT_ON, NULL);
	SyncRepWaitForLSN(XactLastCommitEnd, true);
	assign_synchronous_commit(synchronous_commit, NULL);
	waited_for = XactLastCommitEnd;
	RESUME_INTERRUPTS();
}

void
txn_begin_tenant(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
}

void
txn_commit_tenant(void)
{
	CommitTransactionCommand();
}

void
txn_sub_begin(SubScope *scope)
{
	scope->context = CurrentMemoryContext;
	scope->owner = CurrentResourceOwner;
	SetCurrentStatementStartTimestamp();
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(scope->context);
}

static void
return_to(const SubScope *scope)
{
	MemoryContextSwitchTo(scope->context);
	CurrentResourceOwner = scope->owner;
}

void
txn_sub_commit(const SubScope *scope)
{
	ReleaseCurrentSubTransaction();
	return_to(scope);
}

void
txn_sub_abort(const SubScope *scope)
{
	RollbackAndReleaseCurrentSubTransaction();
	return_to(scope);
}

void
txn_abort(void)
{
	/* As PostgresMain does: no timer or cancel of the past may fire later. */
	disable_all_timeouts(false);
	QueryCancelPending = false;
	AbortOutOfAnyTransaction();
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
bookkeeping_begin(BookkeepingScope *scope, Oid owner)
{
	GetUserIdAndSecContext(&scope->save_userid, &scope->save_sec_context);
	SetUserIdAndSecContext(owner, scope->save_sec_context | BOOKKEEPING_CONTEXT);
	scope->guc_nest_level = NewGUCNestLevel();
	scope->save_read_only = XactReadOnly;
	XactReadOnly = false;
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	(void) set_config_option("row_security", "off",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

void
bookkeeping_end(BookkeepingScope *scope)
{
	AtEOXact_GUC(false, scope->guc_nest_level);
	XactReadOnly = scope->save_read_only;
	SetUserIdAndSecContext(scope->save_userid, scope->save_sec_context);
}

bool
bookkeeping_is_active(void)
{
	Oid			userid;
	int			sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	return (sec_context & BOOKKEEPING_CONTEXT) == BOOKKEEPING_CONTEXT;
}
