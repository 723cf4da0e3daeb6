/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  Between instants and what the clocks of a time zone show.
 *
 * The only file that asks PostgreSQL's time zone tables. All that it asks of a
 * zone is the offset at an instant and when that ends next; the rest is
 * arithmetic on such segments. It depends on no setting.
 *
 * Nothing is assumed about how far, how often or which way clocks move, except
 * that they are never further than ZONE_REACH from UTC. Clocks have been moved
 * by whole days.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"

#include "time/civil.h"
#include "time/zone.h"

#define UNIX_SHIFT	((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * CIVIL_DAY)

static bool is_iana_name(const char *name);
static bool look_up(const pg_tz *zone, int64 instant, ZoneSegment *segment);

ZoneNameCheck
zone_by_name(const char *name, pg_tz **zone)
{
	*zone = is_iana_name(name) ? pg_tzset(name) : NULL;
	if (*zone == NULL)
		return ZONE_NAME_UNRECOGNIZED;
	return pg_tz_acceptable(*zone) ? ZONE_NAME_VALID : ZONE_NAME_LEAP_SECONDS;
}

/*
 * PostgreSQL takes any word with a number for a zone in POSIX notation: a
 * mistyped "Europe/Berlin2" would silently be two hours west of UTC. Only
 * those names with digits are let through that the IANA tables have.
 */
static bool
is_iana_name(const char *name)
{
	static const char *const with_digits[] = {
		"EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "GMT0", "GMT+0", "GMT-0",
		"Etc/GMT0"
	};

	if (strlen(name) > TZ_STRLEN_MAX)
		return false;
	if (strpbrk(name, "0123456789") == NULL ||
		pg_strncasecmp(name, "Etc/GMT+", 8) == 0 || pg_strncasecmp(name, "Etc/GMT-", 8) == 0)
		return true;
	for (int i = 0; i < (int) lengthof(with_digits); i++)
	{
		if (pg_strcasecmp(name, with_digits[i]) == 0)
			return true;
	}
	return false;
}

/* The segment that an instant lies in. */
ZoneSegment
zone_segment(const pg_tz *zone, int64 instant)
{
	ZoneSegment segment;
	ZoneSegment later;

	/*
	 * At the very last entry of its table, and every 400 years after, the
	 * lookup sees no further change, though there is one. A second later it
	 * does.
	 */
	if (!look_up(zone, instant, &segment) &&
		look_up(zone, instant + 1, &later) && later.offset == segment.offset)
		segment.end = later.end;
	return segment;
}

/* Fills in the segment; false when no end of it is known. */
static bool
look_up(const pg_tz *zone, int64 instant, ZoneSegment *segment)
{
	pg_time_t	unix_time = instant + UNIX_SHIFT;
	long int	offset = 0;
	long int	next_offset;
	int			is_dst;
	int			next_is_dst;
	pg_time_t	boundary;
	int			found;

	found = pg_next_dst_boundary(&unix_time, &offset, &is_dst,
								 &boundary, &next_offset, &next_is_dst, zone);
	segment->offset = offset;
	segment->end = found == 1 && boundary > unix_time ? boundary - UNIX_SHIFT : PG_INT64_MAX;
	return segment->end != PG_INT64_MAX;
}

/* What the clocks show at an instant. */
int64
zone_civil(const pg_tz *zone, int64 instant)
{
	return instant + zone_segment(zone, instant).offset;
}

/*
 * The latest time that the clocks have shown up to an instant, it included.
 * It differs from what they show in the second pass of an overlap only.
 */
int64
zone_latest_civil(const pg_tz *zone, int64 instant)
{
	int64		start = instant - 2 * ZONE_REACH;
	int64		latest = PG_INT64_MIN;

	for (;;)
	{
		ZoneSegment segment = zone_segment(zone, start);

		if (segment.end > instant)
			return Max(latest, instant + segment.offset);
		latest = Max(latest, segment.end - 1 + segment.offset);
		start = segment.end;
	}
}

/*
 * The first instant at which the clocks show this time or a later one: the
 * time itself, the first pass of it in an overlap, the end of its gap. This
 * never decreases when the time grows.
 */
int64
zone_first_instant(const pg_tz *zone, int64 civil)
{
	int64		start = civil - ZONE_REACH;

	for (;;)
	{
		ZoneSegment segment = zone_segment(zone, start);
		int64		instant = Max(start, civil - segment.offset);

		if (instant < segment.end)
			return instant;
		start = segment.end;
	}
}
