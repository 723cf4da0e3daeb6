/*-------------------------------------------------------------------------
 *
 * time_zone_fake.h
 *	  Stands in for PostgreSQL's time zone tables: a zone is a list of
 *	  changes. Include it in one file of a test program.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TIME_ZONE_FAKE_H
#define TASKLY_TIME_ZONE_FAKE_H

#include "datatype/timestamp.h"
#include "pgtime.h"

/* A test that needs more changes defines this before it includes the file. */
#ifndef FAKE_CHANGES
#define FAKE_CHANGES	16
#endif

/* The offset before the first change, and from each change on (UNIX seconds). */
struct pg_tz
{
	long int	offset;
	int			count;
	struct
	{
		int64		at;
		long int	offset;
	}			changes[FAKE_CHANGES];
};

/* How often a zone was asked: what most of the time goes into. */
static int64 fake_lookups = 0;

int
pg_next_dst_boundary(const pg_time_t *timep, long int *before_gmtoff, int *before_isdst,
					 pg_time_t *boundary, long int *after_gmtoff, int *after_isdst,
					 const pg_tz *tz)
{
	int			next = 0;
	int			end = tz->count;

	fake_lookups++;
	while (next < end)
	{
		int			middle = (next + end) / 2;

		if (*timep < tz->changes[middle].at)
			end = middle;
		else
			next = middle + 1;
	}
	*before_gmtoff = next > 0 ? tz->changes[next - 1].offset : tz->offset;
	*before_isdst = *after_isdst = 0;
	if (next == tz->count)
		return 0;
	*boundary = tz->changes[next].at;
	*after_gmtoff = tz->changes[next].offset;
	return 1;
}

/* Adds a change, at an instant that counts from 2000. */
static inline void
fake_change(struct pg_tz *zone, int64 at, long int offset)
{
	zone->changes[zone->count].at = at + INT64CONST(946684800);
	zone->changes[zone->count].offset = offset;
	zone->count++;
}

#endif							/* TASKLY_TIME_ZONE_FAKE_H */
