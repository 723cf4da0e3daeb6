/*-------------------------------------------------------------------------
 *
 * hooks.c
 *	  Hooks into everybody's sessions.
 *
 * DROP DATABASE, ALTER DATABASE ... RENAME or SET TABLESPACE, and CREATE DATABASE
 * ... TEMPLATE need a database that nobody is connected to. taskly's processes
 * leave it first and come back when the command has failed (or has copied).
 * Only for somebody who may run the command: leaving costs running runs.
 *
 * DROP EXTENSION, DROP SCHEMA CASCADE and DROP OWNED need taskly's tables, which
 * runs in execution hold: they end first, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "exec/session.h"
#include "process/hooks.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/slot.h"
#include "server/wake.h"
#include "store/catalog.h"

/* PostgreSQL itself waits five seconds for others to leave a database. */
#define LEAVE_TIMEOUT_MS	5000
#define LEAVE_CHECK_MS		50
/* Idle processes leave by themselves in this time. */
#define KIND_MS				200

static ProcessUtility_hook_type previous_utility_hook = NULL;
static object_access_hook_type previous_access_hook = NULL;

/* Entries that this transaction holds stopped, until its end. */
#define MAX_HELD	8
static int	held[MAX_HELD];
static int	held_count = 0;

/* ------------------------------------------------------------------------
 * Extensions
 * ------------------------------------------------------------------------ */

/*
 * Also sees DROP OWNED and DROP SCHEMA CASCADE. Which extension it is does not
 * matter: the look at commit is cheap.
 */
static void
see_object_access(ObjectAccessType access, Oid classId, Oid objectId,
				  int subId, void *arg)
{
	if (previous_access_hook)
		previous_access_hook(access, classId, objectId, subId, arg);
	if (classId == ExtensionRelationId &&
		(access == OAT_POST_CREATE || access == OAT_DROP))
		wake_launcher_for_extension();
}

/* ------------------------------------------------------------------------
 * Leaving
 * ------------------------------------------------------------------------ */

/*
 * Tell all processes of an entry to leave, kindly or by a signal that ends what
 * they do; true when none is left.
 */
static bool
tell_to_leave(int entry, Oid database, bool kindly)
{
	DatabaseInfo info;
	bool		is_empty = true;

	if (database_info(entry, &info) && info.pid != 0)
	{
		if (kindly)
			database_wake_scheduler(entry);
		else
			kill(info.pid, SIGTERM);
		is_empty = false;
	}
	for (int i = 0; i < slot_count(); i++)
	{
		SlotInfo	slot;

		if (!slot_info(i, &slot) || slot.database != database || slot.pid == 0)
			continue;
		slot_retire(i);
		if (!kindly)
			kill(slot.pid, SIGTERM);
		is_empty = false;
	}
	return is_empty;
}

/* Wait until they have left, or for as long as PostgreSQL itself would. */
static void
wait_until_left(int entry, Oid database)
{
	int64		kind_until_us = taskly_monotonic_us() + KIND_MS * INT64CONST(1000);
	int64		give_up_us = kind_until_us + LEAVE_TIMEOUT_MS * INT64CONST(1000);

	ConditionVariablePrepareToSleep(database_left_cv(entry));
	while (!tell_to_leave(entry, database, taskly_monotonic_us() < kind_until_us) &&
		   taskly_monotonic_us() < give_up_us)
		(void) ConditionVariableTimedSleep(database_left_cv(entry), LEAVE_CHECK_MS,
										   TASKLY_WAIT_EVENT("TasklyLeave"));
	ConditionVariableCancelSleep();
}

/* ------------------------------------------------------------------------
 * Commands
 * ------------------------------------------------------------------------ */

static Oid
template_of(CreatedbStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, "template") == 0 && option->arg)
			return get_database_oid(defGetString(option), true);
	}
	return InvalidOid;
}

static bool
may_create_databases(void)
{
	bool		result = superuser();
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));

	if (HeapTupleIsValid(tuple))
	{
		result = result || ((Form_pg_authid) GETSTRUCT(tuple))->rolcreatedb;
		ReleaseSysCache(tuple);
	}
	return result;
}

/* ALTER DATABASE ... SET TABLESPACE, among the options that need nothing. */
static bool
moves_tablespace(AlterDatabaseStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, "tablespace") == 0)
			return true;
	}
	return false;
}

/* The database that a command needs for itself; InvalidOid: none. */
static Oid
database_needed_by(Node *statement)
{
	Oid			database = InvalidOid;

	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			database = get_database_oid(((DropdbStmt *) statement)->dbname, true);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) statement)->renameType == OBJECT_DATABASE)
				database = get_database_oid(((RenameStmt *) statement)->subname, true);
			break;
		case T_AlterDatabaseStmt:
			if (moves_tablespace((AlterDatabaseStmt *) statement))
				database = get_database_oid(((AlterDatabaseStmt *) statement)->dbname, true);
			break;
		case T_CreatedbStmt:
			database = template_of((CreatedbStmt *) statement);
			return may_create_databases() && OidIsValid(database) &&
				database != MyDatabaseId &&
				owns_database(database, GetUserId()) ? database : InvalidOid;
		default:
			break;
	}
	if (!OidIsValid(database) || database == MyDatabaseId ||
		!owns_database(database, GetUserId()))
		return InvalidOid;
	return database;
}

/* The extension's owner if the caller may drop it; InvalidOid: none, or not. */
static Oid
droppable_extension_owner(void)
{
	Oid			extension = get_extension_oid(TASKLY_EXTENSION, true);

	if (!OidIsValid(extension) || !owns_extension(extension, GetUserId()))
		return InvalidOid;
	return catalog_owner();
}

/* Does a list of names of extensions or schemas, which are strings, name ours? */
static bool
names_taskly(List *objects, const char *name)
{
	ListCell   *cell;

	foreach(cell, objects)
	{
		if (strcmp(strVal(lfirst(cell)), name) == 0)
			return OidIsValid(droppable_extension_owner());
	}
	return false;
}

/* DROP OWNED: is the extension's owner among the roles? */
static bool
drops_owned_taskly(List *roles)
{
	Oid			owner = droppable_extension_owner();
	ListCell   *cell;

	foreach(cell, roles)
	{
		if (OidIsValid(owner) && get_rolespec_oid(lfirst(cell), true) == owner)
			return true;
	}
	return false;
}

static bool
drops_taskly(Node *statement)
{
	DropStmt   *drop = (DropStmt *) statement;

	if (IsA(statement, DropOwnedStmt))
		return drops_owned_taskly(((DropOwnedStmt *) statement)->roles);
	if (!IsA(statement, DropStmt))
		return false;
	if (drop->removeType == OBJECT_EXTENSION)
		return names_taskly(drop->objects, TASKLY_EXTENSION);
	/* Without CASCADE it fails, as the extension is there. */
	return drop->removeType == OBJECT_SCHEMA && drop->behavior == DROP_CASCADE &&
		names_taskly(drop->objects, TASKLY_SCHEMA);
}

static void
run_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
			ProcessUtilityContext context, ParamListInfo params,
			QueryEnvironment *environment, DestReceiver *dest,
			QueryCompletion *completion)
{
	if (previous_utility_hook)
		previous_utility_hook(pstmt, query, read_only_tree, context, params,
							  environment, dest, completion);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params,
								environment, dest, completion);
}

/* What becomes visible, rows or the extension itself, no callback has seen. */
static void
wake_after_commit_prepared(void)
{
	DatabaseInfo info;
	int			entry = database_my_entry();
	bool		has_scheduler = entry >= 0 && database_info(entry, &info) &&
		info.state == SCHEDULER_RUNNING;

	wake_for_everything();
	if (!has_scheduler &&
		OidIsValid(get_extension_oid(TASKLY_EXTENSION, true)))
		wake_launcher_for_extension();
}

static bool
commits_prepared(Node *statement)
{
	return IsA(statement, TransactionStmt) &&
		((TransactionStmt *) statement)->kind == TRANS_STMT_COMMIT_PREPARED;
}

static void
see_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree,
			ProcessUtilityContext context, ParamListInfo params,
			QueryEnvironment *environment, DestReceiver *dest,
			QueryCompletion *completion)
{
	Node	   *statement = pstmt->utilityStmt;
	bool		may_look = !IsAbortedTransactionBlockState() &&
		IsTransactionState() && !RecoveryInProgress();
	Oid			database = InvalidOid;
	int			entry = -1;

	session_note_statement(statement);
	if (may_look && context == PROCESS_UTILITY_TOPLEVEL)
		database = database_needed_by(statement);
	if (may_look && !OidIsValid(database) && drops_taskly(statement))
		database = MyDatabaseId;
	if (OidIsValid(database) && held_count < MAX_HELD)
		entry = database_hold(database);
	if (entry < 0)
	{
		run_utility(pstmt, query, read_only_tree, context, params,
					environment, dest, completion);
		if (may_look && commits_prepared(statement))
			wake_after_commit_prepared();
		return;
	}

	held[held_count++] = entry;
	wait_until_left(entry, database);
	run_utility(pstmt, query, read_only_tree, context, params,
				environment, dest, completion);
}

/*
 * Only then do others see what the command has done, and are its locks gone. A
 * FATAL aborts the transaction, too.
 */
static void
release_after_transaction(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	while (held_count > 0)
		database_release(held[--held_count]);
}

void
hooks_install(void)
{
	previous_utility_hook = ProcessUtility_hook;
	ProcessUtility_hook = see_utility;
	previous_access_hook = object_access_hook;
	object_access_hook = see_object_access;
	RegisterXactCallback(release_after_transaction, NULL);
}
