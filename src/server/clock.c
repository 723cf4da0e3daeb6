/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  The only source of time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "utils/timestamp.h"

#include "server/clock.h"

TimestampTz
taskly_now(void)
{
	return GetCurrentTimestamp();
}

int64
taskly_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
