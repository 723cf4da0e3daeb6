/*-------------------------------------------------------------------------
 *
 * window.h
 *	  Hours of chosen days, and the instants of an interval in them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_WINDOW_H
#define TASKLY_WINDOW_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "pgtime.h"

#include "time/scan.h"

/* Times are seconds since the day on which it opens began. No days: no window. */
typedef struct Window
{
	int32		opens;
	int32		closes;			/* later than it opens, by a day at most */
	uint8		weekdays;		/* on which it opens; bit 0 is Sunday */
	bool		has_hours;		/* else it is all day, and midnight is the next day's */
} Window;

/*
 * Reads "between 22:00 and 06:00", "on mon-fri,sun", or both, up to what is
 * neither; *cursor is moved behind it.
 */
extern bool window_parse(const char **cursor, Window *result, ScheduleError *error);

/* Is it a word for days of the week: "monday", "mon", "weekdays"? */
extern bool window_is_day(Part word);

/*
 * An interval in windows: when each opens, and at each interval after that, up
 * to and including when it closes. The interval is shorter than a day. Times of
 * a window are fixed times, as cron.h has them; in it, time is elapsed time.
 */

/* The first instant later than `after`; DT_NOEND: none. */
extern TimestampTz window_next(const Window *window, const pg_tz *zone,
							   int64 interval_us, TimestampTz after);

/* Number of instants in (after, until]. */
extern int64 window_count(const Window *window, const pg_tz *zone,
						  int64 interval_us, TimestampTz after, TimestampTz until);

/* Shortest time between two instants, on days of 24 hours. */
extern int64 window_shortest_us(const Window *window, int64 interval_us);

#endif							/* TASKLY_WINDOW_H */
