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
	Datum		value;			/* jsonb; 0: none */
	bool		is_too_large;	/* there was one that is longer than allowed */
} ResultReceiver;

extern void result_init(ResultReceiver *receiver, MemoryContext context);

#endif							/* TASKLY_RESULT_H */
