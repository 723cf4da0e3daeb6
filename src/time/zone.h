/*-------------------------------------------------------------------------
 *
 * zone.h
 *	  Between instants and what the clocks of a time zone show.
 *
 * An instant is in seconds since 2000-01-01 00:00 UTC, civil time in seconds
 * as civil.h has it. Clocks are moved forward (a gap: some civil times do not
 * exist) and back (an overlap: some exist twice, in a first and a second pass).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ZONE_H
#define TASKLY_ZONE_H

#include "postgres.h"
#include "pgtime.h"

/* Clocks are never further than this from UTC; PostgreSQL's limit is a week. */
#define ZONE_REACH		(8 * INT64CONST(86400))

/* A stretch of time in which a zone's clocks are not moved. */
typedef struct ZoneSegment
{
	int64		offset;			/* civil time minus instant */
	int64		end;			/* first instant after it; PG_INT64_MAX: none */
} ZoneSegment;

/* What a name stands for. */
typedef enum ZoneNameCheck
{
	ZONE_NAME_VALID,
	ZONE_NAME_UNRECOGNIZED,		/* no IANA name that PostgreSQL's tables have */
	ZONE_NAME_LEAP_SECONDS		/* a zone with leap seconds, which PostgreSQL cannot use */
} ZoneNameCheck;

/* The zone of an IANA name, in any case; it lives as long as the process. */
extern ZoneNameCheck zone_by_name(const char *name, pg_tz **zone);

extern ZoneSegment zone_segment(const pg_tz *zone, int64 instant);
extern int64 zone_civil(const pg_tz *zone, int64 instant);
extern int64 zone_latest_civil(const pg_tz *zone, int64 instant);
extern int64 zone_first_instant(const pg_tz *zone, int64 civil);

#endif							/* TASKLY_ZONE_H */
