/*-------------------------------------------------------------------------
 *
 * session.c
 *	  The session of a worker between its runs.
 *
 * Does what DISCARD ALL does, less its reset of the plan cache, each step only
 * when there is something to forget. Settings of an atomic run are undone by
 * the GUC nest level around it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "libpq/be-fsstubs.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/portal.h"
#include "utils/timeout.h"

#include "compat.h"
#include "exec/session.h"
#include "server/clock.h"
#include "server/slot.h"
#include "server/txn.h"

static TimeoutId run_timeout;
static volatile sig_atomic_t timer_went_off = false;
static volatile int64 stop_by_us = 0;	/* monotonic; set while the timer is off */
static bool used_temp_objects = false;
static bool left_something = false; /* by a utility statement */
static int	role_synchronous_commit;
static XLogRecPtr unflushed = InvalidXLogRecPtr;

/*
 * In a signal handler, as StatementCancelHandler. PostgreSQL's timers go by the
 * wall clock. When that was set forward, this one may be too early; the scheduler
 * watches, and tells us in time.
 */
static void
cancel_run(void)
{
	if (taskly_monotonic_us() < stop_by_us)
		return;
	timer_went_off = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
set_synchronous_commit(const char *value)
{
	SetConfigOption("synchronous_commit", value, PGC_USERSET, PGC_S_SESSION);
}

void
session_init(void)
{
	run_timeout = RegisterTimeout(USER_TIMEOUT, cancel_run);
	role_synchronous_commit = synchronous_commit;
	set_synchronous_commit("off");
	session_allow_cancel(false);
}

void
session_start_timer(int64 timeout_us)
{
	timer_went_off = false;
	if (timeout_us <= 0)
		return;
	stop_by_us = taskly_monotonic_us() + timeout_us;
	enable_timeout_after(run_timeout, (int) Min(timeout_us / 1000 + 1, PG_INT32_MAX));
}

void
session_stop_timer(void)
{
	disable_timeout(run_timeout, false);
}

bool
session_timer_went_off(void)
{
	return timer_went_off;
}

/* An ERROR sets the count to zero, so it is set here, not counted. */
void
session_allow_cancel(bool allow)
{
	QueryCancelHoldoffCount = allow ? 0 : 1;
}

/*
 * As CommitTransaction does it first: triggers may open portals, and closing a
 * portal may queue triggers.
 */
void
session_settle(void)
{
	do
	{
		AfterTriggerFireDeferred();
	} while (PreCommit_Portals(false));
	if (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE)
		used_temp_objects = true;
}

void
session_note_statement(const Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CallStmt:
		case T_DoStmt:
		case T_ExplainStmt:
		case T_NotifyStmt:
		case T_VariableShowStmt:
			break;
		case T_VariableSetStmt:
			/* SET TRANSACTION is not undone with the run's other settings. */
			if (((const VariableSetStmt *) statement)->kind == VAR_SET_MULTI)
				left_something = true;
			break;
		default:
			left_something = true;
			break;
	}
}

bool
session_can_go_on(void)
{
	if (left_something || (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) ||
		holds_lock_of_method(USER_LOCKMETHOD))
		return false;
	ResetSequenceCaches();
	AtEOXact_LargeObject(true);
	return true;
}

void
session_clean(void)
{
	left_something = false;
	if (used_temp_objects)
	{
		used_temp_objects = false;
		txn_begin("taskly: drop temporary objects");
		ResetTempTableNamespace();
		txn_commit();
	}
	/* These outlive the abort of a transaction, too. */
	DropAllPreparedStatements();
	PortalHashTableDeleteAll();
	LockReleaseAll(USER_LOCKMETHOD, true);
	ResetSequenceCaches();
}

void
session_reset(void)
{
	txn_begin("taskly: reset session");
	SetPGVariable("session_authorization", NIL, false);
	ResetAllOptions();
	txn_commit();
	used_temp_objects = true;
	session_clean();
	set_synchronous_commit("off");
}

static const char *
synchronous_commit_name(int level)
{
	switch (level)
	{
		case SYNCHRONOUS_COMMIT_OFF:
			return "off";
		case SYNCHRONOUS_COMMIT_LOCAL_FLUSH:
			return "local";
		case SYNCHRONOUS_COMMIT_REMOTE_WRITE:
			return "remote_write";
		case SYNCHRONOUS_COMMIT_REMOTE_APPLY:
			return "remote_apply";
		default:
			return "on";
	}
}

void
session_commits_wait(bool wait)
{
	set_synchronous_commit(wait ? synchronous_commit_name(role_synchronous_commit)
						   : "off");
}

void
session_next_commit_waits(int level)
{
	(void) set_config_option("synchronous_commit", synchronous_commit_name(level),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
}

void
session_note_commit(void)
{
	if (XactLastCommitEnd > unflushed)
		unflushed = XactLastCommitEnd;
}

XLogRecPtr
session_durable_at(void)
{
	if (role_synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		return InvalidXLogRecPtr;
	if (role_synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH &&
		max_wal_senders > 0 && SyncRepStandbyNames != NULL && *SyncRepStandbyNames != '\0')
		return SLOT_DURABLE_LATER;
	return unflushed;
}

/*
 * Interrupts are held: a FATAL half way would report runs as unfinished that
 * are. SyncRepWaitForLSN leaves by itself when the process must end.
 */
void
session_flush(void)
{
	if (unflushed == InvalidXLogRecPtr)
		return;
	HOLD_INTERRUPTS();
	/* A cancel that came late would end the wait for standbys. */
	QueryCancelPending = false;
	if (role_synchronous_commit > SYNCHRONOUS_COMMIT_OFF)
	{
		XLogFlush(unflushed);
		assign_synchronous_commit(role_synchronous_commit, NULL);
		SyncRepWaitForLSN(unflushed, true);
		assign_synchronous_commit(synchronous_commit, NULL);
	}
	unflushed = InvalidXLogRecPtr;
	RESUME_INTERRUPTS();
}
