/*-------------------------------------------------------------------------
 *
 * ready_private.h
 *	  What ready.c and ready_limit.c share: the entries, and how many there may
 *	  be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_READY_PRIVATE_H
#define TASKLY_READY_PRIVATE_H

#include "plan/ready.h"
#include "utils/hsearch.h"

/* Of memory, what the limit evicts at once, and what a refill reads at once. */
#define EVICTED_SHARE	4
#define REFILL_SHARE	4
/* What runs that may not start may have together; those that wait for a turn, too. */
#define WAITING_SHARE	8

typedef struct ReadyState
{
	HTAB	   *entries;		/* RunEntry by run_id */
	int			limit;
	int64		waiting;		/* entries that are not dispatched */
	int64		held;			/* entries that wait for their turn */
	int64		evict_at;		/* with so many there may be something to evict again */
	bool		wants_left;		/* some that were left are wanted now */
} ReadyState;

extern ReadyState ready;

/* Neither evicted nor left: there are few of them, and others depend on them. */
static inline bool
ready_is_pinned(const RunEntry *entry)
{
	return entry->is_suspect || entry->is_blocker || entry->is_adopted || entry->has_turn;
}

/* --- ready_limit.c --------------------------------------------------- */

extern void ready_limit_init(void);

/* Make room, at the limit. */
extern void ready_evict(void);

/* A run is left in its table since it might not start now; it leaves memory. */
extern void ready_leave(RunEntry *entry);

/* May the table hold runs of the queue, or of the key, that come before it and are not in memory? */
extern bool ready_is_beyond_watermark(const RunEntry *entry);
extern bool ready_is_behind_left(const RunEntry *entry);

/* A key may have room, or few runs in memory: is it to be refilled? */
extern void ready_look_for_left(KeyPlan *key);

/* Closed flows give back what they have beyond their share. */
extern void ready_spill(void);

#endif							/* TASKLY_READY_PRIVATE_H */
