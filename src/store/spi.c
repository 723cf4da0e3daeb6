/*-------------------------------------------------------------------------
 *
 * spi.c
 *	  Statements on taskly's own tables.
 *
 * A saved plan does not keep the search_path it was made under: when it is
 * invalidated it is analysed again under whatever path is current. So the scope
 * of the extension's owner and its path is set around each execution.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "server/txn.h"
#include "store/catalog.h"
#include "store/spi.h"

static void
prepare_statement(Statement *statement)
{
	SPIPlanPtr	plan;

	/* Rows are found by key: planning anew for the values would gain nothing. */
	plan = SPI_prepare_cursor(statement->sql, statement->nargs, statement->argtypes,
							  CURSOR_OPT_GENERIC_PLAN);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", statement->sql,
			 SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", statement->sql);
	statement->plan = plan;
}

/* Open SPI as the owner, run, and leave the result in SPI_tuptable. */
static uint64
execute_in_scope(Statement *statement, const Datum *values, const bool *nulls)
{
	char		null_flags[STORE_MAX_ARGS + 1];
	int			code;

	if (statement->plan == NULL)
		prepare_statement(statement);
	for (int i = 0; i < statement->nargs; i++)
		null_flags[i] = (nulls != NULL && nulls[i]) ? 'n' : ' ';

	if (statement->sees_newest)
		code = SPI_execute_snapshot(statement->plan, (Datum *) values, null_flags,
									GetLatestSnapshot(), InvalidSnapshot, false, true, 0);
	else
		code = SPI_execute_plan(statement->plan, (Datum *) values, null_flags,
								false, 0);
	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->sql,
			 SPI_result_code_string(code));
	return SPI_processed;
}

uint64
store_execute(Statement *statement, const Datum *values, const bool *nulls,
			  RowReceiver receive, void *arg)
{
	BookkeepingScope scope;
	uint64		count;

	Assert(statement->nargs <= STORE_MAX_ARGS);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	bookkeeping_begin(&scope, catalog_owner());
	count = execute_in_scope(statement, values, nulls);
	bookkeeping_end(&scope);

	/* The rows are given out with the caller's rights: they are only data. */
	for (uint64 i = 0; receive != NULL && i < SPI_processed && SPI_tuptable; i++)
		receive(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, arg);
	SPI_finish();
	return count;
}

typedef struct FirstValue
{
	Datum		value;
	bool		found;
} FirstValue;

static void
receive_first_value(HeapTuple row, TupleDesc desc, void *arg)
{
	FirstValue *first = arg;
	bool		isnull;

	if (first->found)
		return;
	first->value = SPI_getbinval(row, desc, 1, &isnull);
	first->found = !isnull;
}

bool
store_fetch_value(Statement *statement, const Datum *values, const bool *nulls,
				  Datum *result)
{
	FirstValue	first = {0};

	store_execute(statement, values, nulls, receive_first_value, &first);
	*result = first.value;
	return first.found;
}
