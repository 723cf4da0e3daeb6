/*-------------------------------------------------------------------------
 *
 * period.h
 *	  Lengths of time as users write them, and the grids that they make.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_PERIOD_H
#define TASKLY_PERIOD_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "pgtime.h"

#include "time/scan.h"

/* Months and days are kept apart, since they are not always equally long. */
typedef struct Period
{
	int32		months;
	int32		days;
	int64		us;
} Period;

/*
 * Reads "1 hour 30 minutes" up to what is neither number nor unit; *cursor is
 * moved behind it. No part is negative, but all may be zero. period_parse_unit
 * reads a unit alone, which stands for one of it.
 */
extern bool period_parse(const char **cursor, Period *result, ScheduleError *error);
extern bool period_parse_unit(const char **cursor, Period *result, ScheduleError *error);

/* With months of 30 days and days of 24 hours. */
extern int64 period_us(const Period *period);

/*
 * anchor + n * period, months and days by the zone's calendar: 31 January plus
 * one month is the last of February. DT_NOEND beyond the end of time. n >= 0.
 */
extern TimestampTz period_nth(const Period *period, const pg_tz *zone,
							  TimestampTz anchor, int64 n);

/* The first of these instants that is later than `after`; the anchor is the 0th. */
extern TimestampTz period_next(const Period *period, const pg_tz *zone,
							   TimestampTz anchor, TimestampTz after);

#endif							/* TASKLY_PERIOD_H */
