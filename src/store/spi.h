/*-------------------------------------------------------------------------
 *
 * spi.h
 *	  Statements on taskly's own tables, as the extension's owner, under
 *	  search_path = pg_catalog, pg_temp: see bookkeeping_begin().
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SPI_H
#define TASKLY_SPI_H

#include "taskly.h"
#include "executor/spi.h"

#define STORE_MAX_ARGS	48

/*
 * A statement: a static one per text. The plan is made on first use and kept
 * for the life of the process.
 */
typedef struct Statement
{
	const char *sql;			/* constant, $n, schema-qualified */
	int			nargs;
	Oid			argtypes[STORE_MAX_ARGS];
	bool		sees_newest;	/* what has committed, whatever the transaction's snapshot */
	SPIPlanPtr	plan;
} Statement;

/*
 * Run a statement inside the caller's transaction and snapshot and give each
 * row to receive() (NULL: ignore rows). Values may be NULL when nulls[i].
 * Returns the number of rows processed.
 *
 * receive() is called with the SPI context current; what it keeps it must copy.
 */
typedef void (*RowReceiver) (HeapTuple row, TupleDesc desc, void *arg);
extern uint64 store_execute(Statement *statement, const Datum *values,
							const bool *nulls, RowReceiver receive, void *arg);

/* The first column of the first row; false: no row (or it is NULL). By-value types only. */
extern bool store_fetch_value(Statement *statement, const Datum *values,
							  const bool *nulls, Datum *result);

#endif							/* TASKLY_SPI_H */
