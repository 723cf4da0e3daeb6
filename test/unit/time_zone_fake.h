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

#include "time/civil.h"

/* A test that needs more changes defines this before it includes the file. */
#ifndef FAKE_CHANGES
#define FAKE_CHANGES	128
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
	const char *name;			/* NULL: UTC */
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

const char *
pg_get_timezone_name(pg_tz *tz)
{
	return tz->name ? tz->name : "UTC";
}

/* Adds a change, at an instant that counts from 2000 and is later than those before. */
static inline void
fake_change(struct pg_tz *zone, int64 at, long int offset)
{
	int64		unix_time = at + INT64CONST(946684800);

	if (zone->count > 0 && unix_time <= zone->changes[zone->count - 1].at)
	{
		printf("Bail out! A fake zone's changes are not in order.\n");
		exit(1);
	}
	zone->changes[zone->count].at = unix_time;
	zone->changes[zone->count].offset = offset;
	zone->count++;
}

/* A Sunday of a month, the first being 1; -1: the last. Days count from 2000. */
static inline int64
fake_sunday(int year, int month, int nth)
{
	int64		first = civil_day(year, month, 1);
	int64		sunday = first + (7 - civil_weekday(first)) % 7 + (nth - 1) * 7;

	if (nth > 0)
		return sunday;
	sunday = civil_day(year, month + 1, 1) - 1;
	return sunday - civil_weekday(sunday);
}

/* New York as it was from 1987 on, and will be to 2040 if nobody changes it. */
static inline struct pg_tz *
fake_new_york(void)
{
	static struct pg_tz zone;

	if (zone.count > 0)
		return &zone;
	zone.name = "America/New_York";
	zone.offset = -5 * 3600;
	for (int year = 1987; year <= 2040; year++)
	{
		int64		spring = year < 2007 ? fake_sunday(year, 4, 1) : fake_sunday(year, 3, 2);
		int64		autumn = year < 2007 ? fake_sunday(year, 10, -1) : fake_sunday(year, 11, 1);

		fake_change(&zone, spring * 86400 + 7 * 3600, -4 * 3600);
		fake_change(&zone, autumn * 86400 + 6 * 3600, -5 * 3600);
	}
	return &zone;
}

/* The zones that have names; any other name is none. */
pg_tz *
pg_tzset(const char *name)
{
	static struct pg_tz utc;

	if (pg_strcasecmp(name, "UTC") == 0)
		return &utc;
	return pg_strcasecmp(name, "America/New_York") == 0 ? fake_new_york() : NULL;
}

bool
pg_tz_acceptable(pg_tz *zone)
{
	return true;
}

#endif							/* TASKLY_TIME_ZONE_FAKE_H */
