/*-------------------------------------------------------------------------
 *
 * command_args.c
 *	  Checks of the arguments that say what a run does and how often it is
 *	  tried.
 *
 * A command is parsed, but its names are not looked up: it may use what will
 * exist only when it runs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "pgtime.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "api/command_args.h"
#include "api/common.h"
#include "server/guc.h"
#include "time/backoff.h"
#include "time/schedule.h"

#define MAX_OUTCOMES	100		/* entries of retry_on and never_on */
#define MAX_EXIT_CODE	255

/* ------------------------------------------------------------------------
 * Commands
 * ------------------------------------------------------------------------ */

/* Show a syntax error inside the command, not inside the caller's query. */
static void
point_into_command(void *arg)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(arg);
	}
}

static List *
parse_command(const char *command)
{
	ErrorContextCallback callback;
	List	   *statements;

	callback.callback = point_into_command;
	callback.arg = unconstify(char *, command);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	statements = raw_parser(command, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;
	return statements;
}

/* A boolean among the options of a statement; what it is when not given. */
static bool
option_is_on(List *options, const char *name, bool default_value)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0)
			return defGetBoolean(option);
	}
	return default_value;
}

static bool
has_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return true;
	}
	return false;
}

static bool
detaches_concurrently(const AlterTableStmt *statement)
{
	ListCell   *cell;

	foreach(cell, statement->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		if (command->subtype == AT_DetachPartition &&
			castNode(PartitionCmd, command->def)->concurrent)
			return true;
	}
	return false;
}

static bool
creates_slot(const CreateSubscriptionStmt *statement)
{
	return option_is_on(statement->options, "create_slot",
						option_is_on(statement->options, "connect", true));
}

static bool
reindexes_many(const ReindexStmt *statement)
{
	return statement->kind == REINDEX_OBJECT_SCHEMA ||
		statement->kind == REINDEX_OBJECT_SYSTEM ||
		statement->kind == REINDEX_OBJECT_DATABASE;
}

/*
 * Does PostgreSQL refuse the statement inside of a transaction block? What
 * depends on the objects it names cannot be told from its text.
 */
static bool
is_refused_in_transaction(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_CreatedbStmt:
		case T_DropdbStmt:
		case T_CreateTableSpaceStmt:
		case T_DropTableSpaceStmt:
		case T_AlterSystemStmt:
		case T_DropSubscriptionStmt:
			return true;
		case T_VacuumStmt:
			return castNode(VacuumStmt, statement)->is_vacuumcmd;
		case T_ClusterStmt:
			return castNode(ClusterStmt, statement)->relation == NULL;
		case T_IndexStmt:
			return castNode(IndexStmt, statement)->concurrent;
		case T_DropStmt:
			return castNode(DropStmt, statement)->concurrent;
		case T_ReindexStmt:
			return reindexes_many(castNode(ReindexStmt, statement)) ||
				option_is_on(castNode(ReindexStmt, statement)->params, "concurrently", false);
		case T_DiscardStmt:
			return castNode(DiscardStmt, statement)->target == DISCARD_ALL;
		case T_AlterDatabaseStmt:
			return has_option(castNode(AlterDatabaseStmt, statement)->options, "tablespace");
		case T_AlterTableStmt:
			return detaches_concurrently(castNode(AlterTableStmt, statement));
		case T_CreateSubscriptionStmt:
			return creates_slot(castNode(CreateSubscriptionStmt, statement));
		case T_AlterSubscriptionStmt:
			return castNode(AlterSubscriptionStmt, statement)->kind == ALTER_SUBSCRIPTION_REFRESH;
		default:
			return false;
	}
}

static void
refuse_copy_with_client(Node *statement)
{
	if (IsA(statement, CopyStmt) && castNode(CopyStmt, statement)->filename == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a command cannot copy from STDIN or to STDOUT"),
				 errdetail("A run has no client.")));
}

/* What is refused in an atomic command: transaction control always is. */
static RunKind
check_statements(List *statements, AtomicChoice atomic)
{
	Node	   *refused = NULL;
	ListCell   *cell;

	foreach(cell, statements)
	{
		Node	   *statement = lfirst_node(RawStmt, cell)->stmt;

		refuse_copy_with_client(statement);
		if (IsA(statement, TransactionStmt) ||
			(refused == NULL && is_refused_in_transaction(statement)))
			refused = statement;
	}
	if (atomic == ATOMIC_NO ||
		(atomic == ATOMIC_AUTO && refused != NULL && !IsA(refused, TransactionStmt)))
		return RUN_KIND_AUTOCOMMIT;
	if (refused != NULL)
		ereport(ERROR,
				(errcode(IsA(refused, TransactionStmt) ?
						 ERRCODE_INVALID_TRANSACTION_TERMINATION :
						 ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot be part of an atomic command",
						CreateCommandName(refused)),
				 errdetail("An atomic command runs in one transaction with the record of its outcome."),
				 errhint(IsA(refused, TransactionStmt) ?
						 "Leave it out: the command is a transaction already. With atomic => false each statement is one of its own." :
						 "Use atomic => false to run each statement on its own.")));
	return RUN_KIND_SQL;
}

/* No SQL, and hardly the name of a program, looks like one. */
static void
refuse_schedule(const char *command)
{
	Schedule	schedule;
	ScheduleError error;

	if (schedule_parse(command, session_timezone, &schedule, &error))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("command is a schedule: \"%s\"", command),
				 errhint("The schedule comes before the command: taskly.schedule(name, schedule, command).")));
}

static void
refuse_empty(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("command must not be empty")));
}

RunKind
check_command(const char *kind, const char *command, AtomicChoice atomic)
{
	static const char *const kinds[] = {"sql", "shell", NULL};
	bool		is_shell = check_choice("kind", kind, kinds) == 1;
	List	   *statements;

	check_text("command", command);
	if (is_blank(command))
		refuse_empty();
	refuse_schedule(command);
	if (is_shell)
	{
		if (atomic == ATOMIC_YES)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a shell command cannot be atomic")));
		return RUN_KIND_SHELL;
	}
	statements = parse_command(command);
	if (statements == NIL)
		refuse_empty();
	return check_statements(statements, atomic);
}

void
check_shell_right(Oid owner)
{
	if (!taskly_enable_shell)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("shell commands are not enabled"),
				 errhint("Set taskly.enable_shell to on and restart the server.")));
	if (!has_privs_of_role(owner, ROLE_PG_EXECUTE_SERVER_PROGRAM))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for role \"%s\" to run shell commands",
						role_name(owner)),
				 errdetail("Only roles with the privileges of role \"%s\" may run them.",
						   "pg_execute_server_program")));
}

/* ------------------------------------------------------------------------
 * Arguments and attempts
 * ------------------------------------------------------------------------ */

void
check_args(Datum args)
{
	Jsonb	   *jsonb;
	size_t		length;

	if (args == (Datum) 0)
		return;
	jsonb = DatumGetJsonbP(args);
	length = strlen(JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb)));
	if (length > TASKLY_ARGS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("args are too long"),
				 errdetail("They have %zu bytes; at most %d are allowed.",
						   length, TASKLY_ARGS_MAX)));
}

void
check_backoff(const char *backoff)
{
	Backoff		result;
	ScheduleError error = {0};

	if (!backoff_parse(backoff, &result, &error))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg_internal("%s", error.message),
				 error.detail[0] != '\0' ? errdetail_internal("%s", error.detail) : 0,
				 error.hint[0] != '\0' ? errhint("%s", error.hint) : 0));
}

/* "08006" or "08". */
static bool
is_sqlstate(const char *text)
{
	size_t		length = strlen(text);

	return (length == 5 || length == 2) &&
		strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == length;
}

/* As a number is printed: outcomes are compared as text. */
static bool
is_exit_code(const char *text)
{
	size_t		length = strlen(text);

	return length >= 1 && length <= 3 && strspn(text, "0123456789") == length &&
		text[0] != '0' && atoi(text) <= MAX_EXIT_CODE;
}

static void
check_outcome(const char *argument, const char *outcome, RunKind kind)
{
	if (kind == RUN_KIND_SHELL && !is_exit_code(outcome))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid exit code in %s: \"%s\"", argument, outcome),
				 errhint("Use numbers from 1 to %d for shell commands.", MAX_EXIT_CODE)));
	if (kind != RUN_KIND_SHELL && !is_sqlstate(outcome))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid SQLSTATE in %s: \"%s\"", argument, outcome),
				 errhint("Use five characters, such as \"40P01\", or the two of a class, such as \"08\".")));
}

void
check_outcomes(const char *argument, Datum list, RunKind kind)
{
	ArrayType  *array;
	Datum	   *items;
	bool	   *nulls;
	int			count;

	if (list == (Datum) 0)
		return;
	array = DatumGetArrayTypeP(list);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &count);
	if (ARR_NDIM(array) != 1 || count > MAX_OUTCOMES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a list of 1 to %d entries", argument, MAX_OUTCOMES)));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", argument)));
		check_outcome(argument, TextDatumGetCString(items[i]), kind);
	}
}

const char *
check_on_lost(const char *on_lost, RunKind kind)
{
	static const char *const allowed[] = {"retry", "fail", NULL};

	if (on_lost == NULL)
		return kind == RUN_KIND_SQL ? "retry" : "fail";
	(void) check_choice("on_lost", on_lost, allowed);
	return on_lost;
}
