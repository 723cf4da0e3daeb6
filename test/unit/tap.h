/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  What a unit test needs to speak TAP, and random numbers from a seed.
 *
 * Include it after "postgres.h". A test ends with "return tap_done();".
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TAP_H
#define TASKLY_TAP_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int	tap_count = 0;
static int	tap_failures = 0;

/* One line for one claim; the description is a format. */
static void
ok(bool claim, const char *format,...)
{
	char		description[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(description, sizeof(description), format, args);
	va_end(args);
	printf("%sok %d - %s\n", claim ? "" : "not ", ++tap_count, description);
	if (!claim)
		tap_failures++;
}

static int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures == 0 ? 0 : 1;
}

static uint64 tap_random_state;

/* Takes the seed from the environment (SEED=…), or makes one; prints it. */
static inline void
tap_seed(void)
{
	const char *given = getenv("SEED");

	tap_random_state = given ? strtoull(given, NULL, 10) : (uint64) time(NULL);
	printf("# SEED=%llu\n", (unsigned long long) tap_random_state);
}

/* splitmix64, by Sebastiano Vigna: a number from 0 to limit - 1. */
static inline int64
tap_random(int64 limit)
{
	uint64		z = (tap_random_state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	z ^= z >> 31;
	return (int64) (z % (uint64) limit);
}

#endif							/* TASKLY_TAP_H */
