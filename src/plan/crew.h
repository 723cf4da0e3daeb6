/*-------------------------------------------------------------------------
 *
 * crew.h
 *	  The imagined workers of a simulation, and the runs that it has them
 *	  execute.
 *
 * A run is here from its fire to its end. It waits in ready.c, or is in the
 * hands of a worker; the first of a worker's is the one in execution, those of
 * the supervisor all are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CREW_H
#define TASKLY_CREW_H

#include "taskly.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "plan/ready.h"
#include "plan/simulation.h"

typedef struct Act
{
	int64		run_id;			/* hash key */
	SimulatedRun run;			/* its status is how it ends if nothing happens */
	TimestampTz deadline_at;	/* DT_NOEND: none */
	bool		is_begun;		/* in execution, or found expired at its start */
	TimestampTz ends_at;		/* then */
	struct Worker *worker;		/* in whose hands; NULL: it waits */
	dlist_node	task_node;		/* in a list of the simulation's */
	dlist_node	hand_node;
	pairingheap_node end_node;
} Act;

/* Begin from scratch, with memory of context's: nobody is there, nothing runs. */
extern void crew_begin(MemoryContext context, int workers, int shell_runs);

/* A run that is put into ready.h next. */
extern Act *crew_add(int64 run_id);
extern Act *crew_find(int64 run_id);

/* A run is over, in whoever's hands; who executed it goes on. */
extern void crew_remove(Act *act, TimestampTz now);

/* As a turn of the scheduler does it. */
extern void crew_serve(TimestampTz now);

/* One that has ended by now; NULL: none. */
extern Act *crew_next_ended(TimestampTz now);

/* When something happens next; DT_NOEND: never. */
extern TimestampTz crew_next_event(void);

/* Call with each run that is not over. */
typedef void (*ActVisitor) (Act *act);
extern void crew_each(ActVisitor visit);

#endif							/* TASKLY_CREW_H */
