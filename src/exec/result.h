/*-------------------------------------------------------------------------
 *
 * result.h
 *	  The result of a run: the first row of its command, as jsonb.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RESULT_H
#define TASKLY_RESULT_H

#include "taskly.h"
#include "access/htup.h"
#include "tcop/dest.h"
#include "utils/palloc.h"

/*
 * Where a command's rows go. Of each statement the first row is looked at; what
 * the last one that has something in it says stays.
 */
typedef struct ResultReceiver
{
	DestReceiver pub;
	MemoryContext context;		/* lives as long as the run */
	TupleDesc	desc;			/* of the present statement: a row's own may lack names */
	bool		has_row;		/* of it */
	HeapTuple	row;			/* its first row, if that is not converted yet; else NULL */
	Datum		value;			/* jsonb; 0: none */
	const char *problem;		/* why there is none though there was a row; else NULL */
} ResultReceiver;

extern void result_init(ResultReceiver *receiver, MemoryContext context);

/* After each statement, in its transaction. An error in a conversion is a problem only. */
extern void result_finish_statement(ResultReceiver *receiver);

#endif							/* TASKLY_RESULT_H */
