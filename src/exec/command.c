/*-------------------------------------------------------------------------
 *
 * command.c
 *	  Execution of a command's text.
 *
 * Parsing costs more than running a short command, so a single statement's plan
 * is kept, found by the command's text. Rows are counted and, but for the first
 * (result.c), thrown away.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "parser/analyze.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "exec/command.h"
#include "server/txn.h"

#define MAX_KEPT_COMMANDS	512

/* A single statement with its plan, or the knowledge that there are several. */
typedef struct KeptCommand
{
	uint64		hash;			/* hash key */
	char	   *text;
	bool		is_single;
	SPIPlanPtr	plan;			/* single: made on first use */
	CommandTag	tag;
} KeptCommand;

static HTAB *kept_commands = NULL;
static MemoryContext kept_context = NULL;

/* ------------------------------------------------------------------------
 * Kept commands
 * ------------------------------------------------------------------------ */

static void
forget_all(void)
{
	HASH_SEQ_STATUS scan;
	KeptCommand *kept;

	if (kept_commands != NULL)
	{
		hash_seq_init(&scan, kept_commands);
		while ((kept = hash_seq_search(&scan)) != NULL)
		{
			if (kept->plan != NULL)
				SPI_freeplan(kept->plan);
		}
		MemoryContextDelete(kept_context);
		kept_commands = NULL;
	}
}

static void
make_table(void)
{
	HASHCTL		control = {0};

	kept_context = AllocSetContextCreate(TopMemoryContext, "taskly commands",
										 ALLOCSET_DEFAULT_SIZES);
	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(KeptCommand);
	control.hcxt = kept_context;
	kept_commands = hash_create("taskly commands", 64, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static bool
is_transaction_control(const RawStmt *statement)
{
	return IsA(statement->stmt, TransactionStmt);
}

static void
refuse_transaction_control(List *statements)
{
	ListCell   *cell;

	foreach(cell, statements)
	{
		if (is_transaction_control(lfirst_node(RawStmt, cell)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
					 errmsg("a command in a transaction with its outcome cannot begin or end transactions"),
					 errhint("Use atomic => false to run each statement on its own.")));
	}
}

/* Look a command up by its text; remember it when it is new. */
static KeptCommand *
keep_command(const char *command, List **statements)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) command,
										   strlen(command), 0);
	KeptCommand *kept;
	bool		found;

	if (kept_commands != NULL && hash_get_num_entries(kept_commands) >= MAX_KEPT_COMMANDS)
		forget_all();
	if (kept_commands == NULL)
		make_table();

	kept = hash_search(kept_commands, &hash, HASH_FIND, NULL);
	if (kept != NULL && strcmp(kept->text, command) == 0)
		return kept;

	*statements = pg_parse_query(command);
	refuse_transaction_control(*statements);
	kept = hash_search(kept_commands, &hash, HASH_ENTER, &found);
	if (found && kept->plan != NULL)
		SPI_freeplan(kept->plan);
	kept->text = MemoryContextStrdup(kept_context, command);
	kept->plan = NULL;
	kept->is_single = list_length(*statements) == 1;
	kept->tag = kept->is_single ?
		CreateCommandTag(linitial_node(RawStmt, *statements)->stmt) : CMDTAG_UNKNOWN;
	return kept;
}

static void
run_kept_plan(KeptCommand *kept, Datum args, CommandResult *result)
{
	SPIExecuteOptions options = {0};
	Oid			argtypes[1] = {JSONBOID};
	int			code;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (kept->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(kept->text, 1, argtypes);

		if (plan == NULL)
			elog(ERROR, "could not prepare the command: %s",
				 SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		kept->plan = plan;
	}
	options.params = makeParamList(1);
	options.params->params[0].value = args;
	options.params->params[0].isnull = args == (Datum) 0;
	options.params->params[0].pflags = PARAM_FLAG_CONST;
	options.params->params[0].ptype = JSONBOID;
	options.dest = &result->receiver.pub;
	code = SPI_execute_plan_extended(kept->plan, &options);
	if (code < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the command cannot run in a task: %s",
						SPI_result_code_string(code))));
	result->rows = SPI_processed;
	result->tag = GetCommandTagName(kept->tag);
	SPI_finish();
	result_finish_statement(&result->receiver);
}

/* ------------------------------------------------------------------------
 * Statements through a portal
 * ------------------------------------------------------------------------ */

/* Analyse, plan and run one statement in the current transaction. */
static void
run_statement(RawStmt *statement, const char *source, Datum args,
			  bool is_top_level, CommandResult *result)
{
	Oid			argtypes[1] = {JSONBOID};
	ParamListInfo params = makeParamList(1);
	bool		needs_snapshot = analyze_requires_snapshot(statement);
	QueryCompletion completion;
	List	   *plans;
	Portal		portal;

	params->params[0].value = args;
	params->params[0].isnull = args == (Datum) 0;
	params->params[0].pflags = PARAM_FLAG_CONST;
	params->params[0].ptype = JSONBOID;

	if (needs_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	plans = pg_analyze_and_rewrite_fixedparams(statement, source, argtypes, 1, NULL);
	plans = pg_plan_queries(plans, source, CURSOR_OPT_PARALLEL_OK, params);
	if (needs_snapshot)
		PopActiveSnapshot();

	portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, source, CreateCommandTag(statement->stmt),
					  plans, NULL);
	PortalStart(portal, params, 0, InvalidSnapshot);
	InitializeQueryCompletion(&completion);
	run_portal(portal, is_top_level, &result->receiver.pub, &completion);
	PortalDrop(portal, false);
	result_finish_statement(&result->receiver);

	result->tag = GetCommandTagName(CreateCommandTag(statement->stmt));
	result->rows = command_tag_display_rowcount(CreateCommandTag(statement->stmt)) ?
		(int64) completion.nprocessed : -1;
}

void
command_result_init(CommandResult *result, MemoryContext context)
{
	result->rows = -1;
	result->tag = NULL;
	result_init(&result->receiver, context);
}

void
command_run_atomic(const char *command, Datum args, CommandResult *result)
{
	List	   *statements = NIL;
	KeptCommand *kept = keep_command(command, &statements);
	ListCell   *cell;

	if (kept->is_single)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		run_kept_plan(kept, args, result);
		PopActiveSnapshot();
		return;
	}
	if (statements == NIL)
		statements = pg_parse_query(command);
	foreach(cell, statements)
	{
		run_statement(lfirst_node(RawStmt, cell), command, args, false, result);
		CommandCounterIncrement();
	}
}

void
command_run_autocommit(const char *command, Datum args, CommandResult *result)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *statements = pg_parse_query(command);
	ListCell   *cell;

	foreach(cell, statements)
	{
		CHECK_FOR_INTERRUPTS();
		txn_begin_tenant();
		/* Plans must outlive the transactions that a statement ends itself. */
		MemoryContextSwitchTo(context);
		run_statement(lfirst_node(RawStmt, cell), command, args, true, result);
		txn_commit_tenant();
		MemoryContextSwitchTo(context);
	}
	if (IsTransactionBlock())
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("the command left a transaction open")));
}
