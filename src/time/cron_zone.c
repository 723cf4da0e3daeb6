/*-------------------------------------------------------------------------
 *
 * cron_zone.c
 *	  When a cron schedule comes due by the clocks of a zone.
 *
 * Fields are matched against what clocks show, in one of two ways. Fixed times
 * (the hour field does not start with *) happen when the clocks first reach or
 * pass them: at the end of a gap, in the first pass of an overlap, and never
 * twice, however clocks are moved. With * as the hour, a schedule follows
 * elapsed time: it happens whenever the clocks show a match.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/cron.h"
#include "time/zone.h"

static int64 next_fixed(const Cron *cron, const pg_tz *zone, int64 after);
static int64 next_elapsed(const Cron *cron, const pg_tz *zone, int64 after, int64 limit);
static int64 count_fixed(const Cron *cron, const pg_tz *zone, int64 after, int64 until);
static int64 count_elapsed(const Cron *cron, const pg_tz *zone, int64 after, int64 until);

int64
cron_next_instant(const Cron *cron, const pg_tz *zone, int64 after, int64 limit)
{
	int64		next = cron->follows_clock ?
	next_elapsed(cron, zone, after, limit) : next_fixed(cron, zone, after);

	return next > limit ? CIVIL_NEVER : next;
}

/* What the clocks have shown has happened; what they have not comes yet. */
static int64
next_fixed(const Cron *cron, const pg_tz *zone, int64 after)
{
	int64		civil = cron_next(cron, zone_latest_civil(zone, after));

	return civil == CIVIL_NEVER ? CIVIL_NEVER : zone_first_instant(zone, civil);
}

/*
 * Looks for a match in each segment, from the first second on that the clocks
 * show in it. Since they show nothing that is further than ZONE_REACH from UTC,
 * the segments in which they cannot show the match are passed over, once they
 * cannot go back to what was looked at already either.
 */
static int64
next_elapsed(const Cron *cron, const pg_tz *zone, int64 after, int64 limit)
{
	while (after < limit)
	{
		ZoneSegment segment = zone_segment(zone, after + 1);
		int64		shown = after + segment.offset;
		int64		civil = cron_next(cron, shown);

		if (civil == CIVIL_NEVER)
			break;
		if (civil - segment.offset < segment.end)
			return civil - segment.offset;
		after = segment.end - 1;
		if (segment.end - ZONE_REACH > shown)
			after = Max(after, civil - ZONE_REACH - 1);
	}
	return CIVIL_NEVER;
}

int64
cron_count_instants(const Cron *cron, const pg_tz *zone, int64 after, int64 until)
{
	if (after >= until)
		return 0;
	return cron->follows_clock ?
		count_elapsed(cron, zone, after, until) : count_fixed(cron, zone, after, until);
}

/* All that the clocks reach or pass for the first time; a gap is one instant. */
static int64
count_fixed(const Cron *cron, const pg_tz *zone, int64 after, int64 until)
{
	int64		latest = zone_latest_civil(zone, after);
	int64		count = 0;

	for (int64 start = after + 1; start <= until;)
	{
		ZoneSegment segment = zone_segment(zone, start);
		int64		last = Min(until, segment.end - 1);
		int64		shown = start + segment.offset;

		if (shown > latest)
		{
			count += cron_count(cron, latest, shown) > 0 ? 1 : 0;
			latest = shown;
		}
		if (last + segment.offset > latest)
		{
			count += cron_count(cron, latest, last + segment.offset);
			latest = last + segment.offset;
		}
		start = last + 1;
	}
	return count;
}

static int64
count_elapsed(const Cron *cron, const pg_tz *zone, int64 after, int64 until)
{
	int64		count = 0;

	while (after < until)
	{
		ZoneSegment segment = zone_segment(zone, after + 1);
		int64		last = Min(until, segment.end - 1);

		count += cron_count(cron, after + segment.offset, last + segment.offset);
		after = last;
	}
	return count;
}
