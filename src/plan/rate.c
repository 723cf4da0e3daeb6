/*-------------------------------------------------------------------------
 *
 * rate.c
 *	  At most so many starts in any interval.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/timestamp.h"

#include "plan/rate.h"

#define NS_PER_US			INT64CONST(1000)
/* How much later than the others one start of a window may be, and earlier one before it. */
#define JITTER_US			10000
#define JITTER_SHARE		50
/* Starts that are closer are handed over several at once. */
#define DENSE_SPACING_NS	INT64CONST(1000000)
/* Longer than this nothing is allowed for at once, or has to wait. */
#define LONGEST_NS			(PG_INT64_MAX / 4)

/* Saturates: the century that an interval may last is more than it can count. */
static int64
us_to_ns(int64 us)
{
	return us >= LONGEST_NS / NS_PER_US ? LONGEST_NS : us * NS_PER_US;
}

RateLimit
rate_limit(int rate, int64 interval_us, int burst)
{
	RateLimit	limit = {0, 0};
	int64		jitter_us = Min(JITTER_US, interval_us / JITTER_SHARE);

	if (rate == 0)
		return limit;
	limit.spacing_ns = Max(1, (us_to_ns(interval_us + jitter_us) + rate - 1) / rate);
	if (pg_mul_s64_overflow(limit.spacing_ns, burst, &limit.tolerance_ns))
		limit.tolerance_ns = LONGEST_NS;
	/* Who was late to start one may make up for it, by half of what is allowed for. */
	limit.tolerance_ns = Min(limit.tolerance_ns, LONGEST_NS) + us_to_ns(jitter_us) / 2;
	return limit;
}

void
rate_assume_used(const RateLimit *limit, RateState *state, TimestampTz until)
{
	state->full_at_ns = until == DT_NOBEGIN ? PG_INT64_MIN :
		us_to_ns(until) + limit->tolerance_ns + limit->spacing_ns;
}

TimestampTz
rate_open_at(const RateLimit *limit, const RateState *state)
{
	if (limit->spacing_ns == 0 || state->full_at_ns == PG_INT64_MIN)
		return DT_NOBEGIN;
	/* The next whole microsecond. */
	return (state->full_at_ns - limit->tolerance_ns + NS_PER_US - 1) / NS_PER_US;
}

void
rate_fit(const RateLimit *limit, RateState *state, TimestampTz now)
{
	if (limit->spacing_ns != 0)
		state->full_at_ns = Min(state->full_at_ns,
								us_to_ns(now) + limit->tolerance_ns + limit->spacing_ns);
}

void
rate_start(const RateLimit *limit, RateState *state, TimestampTz now)
{
	if (limit->spacing_ns != 0)
		state->full_at_ns = Max(state->full_at_ns, us_to_ns(now)) + limit->spacing_ns;
}

bool
rate_is_idle(const RateState *state, TimestampTz now)
{
	return state->full_at_ns <= us_to_ns(now);
}

void
rate_clock_was_set(RateState *state, int64 step_us)
{
	if (state->full_at_ns != PG_INT64_MIN)
		state->full_at_ns += step_us * NS_PER_US;
}

bool
rate_is_dense(const RateLimit *limit)
{
	return limit->spacing_ns < DENSE_SPACING_NS;
}
