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
 * one month is the last of February. DT_NOEND beyond the ends of time.
 */
extern TimestampTz period_nth(const Period *period, const pg_tz *zone,
							  TimestampTz anchor, int64 n);

/* The instants of a period: 0 is the anchor. */
typedef struct Grid
{
	Period		period;
	const pg_tz *zone;
	TimestampTz anchor;
	uint8		weekdays;		/* only those on these days; bit 0 is Sunday; 0: all */
} Grid;

/* The first instant that is later than `after`; DT_NOEND: none. */
extern TimestampTz grid_next(const Grid *grid, TimestampTz after);

/* Number of instants in (after, until]; two at the same time are one. */
extern int64 grid_count(const Grid *grid, TimestampTz after, TimestampTz until);

#endif							/* TASKLY_PERIOD_H */
