/*-------------------------------------------------------------------------
 *
 * pool.h
 *	  A scheduler's workers and supervisor: started on demand, watched, and
 *	  given up when others need their slots more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_POOL_H
#define TASKLY_POOL_H

#include "taskly.h"
#include "lib/ilist.h"
#include "plan/choice.h"
#include "postmaster/bgworker.h"
#include "server/slot.h"

typedef struct PoolWorker
{
	bool		is_mine;
	WorkerLoad	load;
	BackgroundWorkerHandle *handle; /* NULL: adopted */
	TimestampTz left_at;		/* it was gone when we looked; 0: it is not */
	dlist_head	dispatched;		/* RunEntry.list_node */
} PoolWorker;

extern void pool_init(int entry);

/* Take over the processes of a scheduler that was here before; once, at start. */
extern void pool_adopt(TimestampTz now);

/* Worker of a slot; NULL when the slot is not ours. */
extern PoolWorker *pool_worker(int slot);

/*
 * See who has come or gone. Runs that a vanished process had in its hands are
 * returned to their queues, or judged. Returns when to look again.
 */
extern TimestampTz pool_tend(TimestampTz now);

/* Somebody has set the wall clock: what lasts lasts as long as it would have. */
extern void pool_clock_was_set(int64 step_us);

/* Is there something for pool_tend() to see? */
extern bool pool_has_news(void);

/* Hand an entry that was chosen to its worker; the caller wakes the slot. */
extern void pool_dispatch(int slot, RunEntry *entry, Assignment *assignment);

/* At start: an entry is in a worker's hands already. */
extern void pool_adopt_entry(RunEntry *entry, int slot, int activity, TimestampTz now);

/* An entry is out of its worker's hands. */
extern void pool_release(RunEntry *entry, int64 used_us);

/* Take back what a worker has not begun; the entries wait again. */
extern void pool_take_back(int slot, TimestampTz now);

/* Start one more worker for a role, if its fair share allows: true, if so; the supervisor. */
extern bool pool_want_worker(Oid role, TimestampTz now);
extern void pool_want_supervisor(TimestampTz now);
extern int	pool_supervisor_slot(void);

/* Processes of a role: all, and those not yet ready. */
extern int	pool_count_role(Oid role, int *starting);

/* Around a turn's calls of pool_want_worker: gives slots up for others. */
extern void pool_begin_wants(void);
extern TimestampTz pool_end_wants(TimestampTz now);

/* The extension is gone: let every process leave. */
extern void pool_retire_all(int entry);

#endif							/* TASKLY_POOL_H */
