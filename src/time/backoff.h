/*-------------------------------------------------------------------------
 *
 * backoff.h
 *	  How long a run waits before its next attempt.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_BACKOFF_H
#define TASKLY_BACKOFF_H

#include "postgres.h"

#include "time/scan.h"

typedef enum BackoffKind
{
	BACKOFF_FIXED,				/* base */
	BACKOFF_LINEAR,				/* base, 2 base, 3 base, … */
	BACKOFF_EXPONENTIAL			/* base, 2 base, 4 base, … */
} BackoffKind;

/* Full and equal jitter as named by Marc Brooker. */
typedef enum BackoffJitter
{
	JITTER_NONE,
	JITTER_FULL,				/* anything up to the delay */
	JITTER_EQUAL				/* half the delay, and anything up to the other half */
} BackoffJitter;

typedef struct Backoff
{
	BackoffKind kind;
	int64		base_us;
	int64		cap_us;			/* no delay is longer; a year when none is written */
	BackoffJitter jitter;
} Backoff;

/*
 * Reads "none" or "fixed|linear|exponential 10s [max 1h] [jitter none|full|equal]".
 * False: *error says why, *result is undefined.
 */
extern bool backoff_parse(const char *text, Backoff *result, ScheduleError *error);

/*
 * The delay after so many failed attempts (at least 1), from 0 to cap_us.
 * random01 is from 0 to 1 and decides where jitter leaves a choice.
 */
extern int64 backoff_delay_us(const Backoff *backoff, int failed_attempts, double random01);

#endif							/* TASKLY_BACKOFF_H */
