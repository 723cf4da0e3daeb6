/*-------------------------------------------------------------------------
 *
 * rate.h
 *	  At most so many starts in any interval: a token bucket.
 *
 * Kept as the generic cell rate algorithm: instead of a level that has to be
 * refilled, the instant at which the bucket would be full again. A start moves
 * it by the spacing of an even flow; while it is no further ahead than the burst
 * lasts, another may start. So any window of the interval sees at most rate +
 * burst starts.
 *
 * A worker begins a run a little after it was handed over. The interval is taken
 * a trifle longer for that, by 10 ms or a fiftieth, whichever is less.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RATE_H
#define TASKLY_RATE_H

#include "taskly.h"

typedef struct RateLimit
{
	int64		spacing_ns;		/* 0: no limit */
	int64		tolerance_ns;	/* how long the burst lasts */
} RateLimit;

/* What has started: wall clock, nanoseconds. */
typedef struct RateState
{
	int64		full_at_ns;
} RateState;

/* rate: starts per interval; 0: no limit. */
extern RateLimit rate_limit(int rate, int64 interval_us, int burst);

/*
 * Nothing is known of what started before an instant: there may have been as much
 * as the limit allows. DT_NOBEGIN: nothing has.
 */
extern void rate_assume_used(const RateLimit *limit, RateState *state, TimestampTz until);

/* When the next may start: in the past, or later. */
extern TimestampTz rate_open_at(const RateLimit *limit, const RateState *state);

/* The limit may be another one now: nobody waits longer than for a bucket that is empty. */
extern void rate_fit(const RateLimit *limit, RateState *state, TimestampTz now);

extern void rate_start(const RateLimit *limit, RateState *state, TimestampTz now);

/* Is the bucket full, so that nothing has to be remembered? */
extern bool rate_is_idle(const RateState *state, TimestampTz now);

extern void rate_clock_was_set(RateState *state, int64 step_us);

/* May several starts be handed over at once, since they are so close anyway? */
extern bool rate_is_dense(const RateLimit *limit);

#endif							/* TASKLY_RATE_H */
