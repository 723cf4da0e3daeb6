/*-------------------------------------------------------------------------
 *
 * share.h
 *	  Weighted shares of worker time: start-time fair queueing (Goyal, Vin and
 *	  Cheng, 1996), for keys of a queue and for queues.
 *
 * Each sharer has a tag in virtual time: how much it has had, divided by its
 * weight. The one with the smallest tag is served next. A run is charged with
 * what it should take when it starts, and the tag is put right when it is known
 * what it took, so that shares are of real time. Who comes to have runs again
 * begins at the present virtual time: nobody saves up while idle.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SHARE_H
#define TASKLY_SHARE_H

#include "taskly.h"

/* Virtual time for a microsecond at weight 1: divides well by usual weights. */
#define SHARE_UNIT		INT64CONST(840)

/* Tags stay where sums and differences of them cannot overflow. */
#define SHARE_MAX_US	(PG_INT64_MAX / SHARE_UNIT / 1024)

typedef struct Share
{
	int64		tag;
	int			weight;
} Share;

/* Virtual time of those who share: the tag of whoever was served last. */
typedef struct ShareClock
{
	int64		now;
} ShareClock;

static inline int64
share_cost(const Share *share, int64 us)
{
	us = Max(-SHARE_MAX_US, Min(us, SHARE_MAX_US));
	return us * SHARE_UNIT / Max(1, share->weight);
}

/* It has runs again. */
static inline void
share_join(Share *share, const ShareClock *clock)
{
	share->tag = Max(share->tag, clock->now);
}

/* It is served, with a run that should take so long. */
static inline void
share_charge(Share *share, ShareClock *clock, int64 us)
{
	clock->now = Max(clock->now, share->tag);
	share->tag += share_cost(share, us);
}

/* The run took more (or less, < 0) than it was charged with. */
static inline void
share_correct(Share *share, int64 us)
{
	share->tag += share_cost(share, us);
}

#endif							/* TASKLY_SHARE_H */
