/*-------------------------------------------------------------------------
 *
 * instant.h
 *	  One instant, written as ISO 8601 has it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_INSTANT_H
#define TASKLY_INSTANT_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "pgtime.h"

#include "time/scan.h"

/* Does the text start as a date does: at least four digits and a minus? */
extern bool instant_is_meant(const char *text);

/*
 * Reads "2026-11-23 12:00[:59[.999999]][Z|+02|+02:00|+0200]". Without an offset
 * it is the zone's civil time: its first pass, or the end of the gap it is in.
 */
extern bool instant_parse(const char *text, const pg_tz *zone,
						  TimestampTz *result, ScheduleError *error);

#endif							/* TASKLY_INSTANT_H */
