/*-------------------------------------------------------------------------
 *
 * rule.c
 *	  When a calendar rule is due: from civil time to instants.
 *
 * The recurrence comes from rule_expand.c, in civil time; here it is laid on
 * the zone's clocks, bounded by DTSTART, UNTIL and COUNT, and RDATE and EXDATE
 * are worked in. Instants are in whole seconds.
 *
 * COUNT: what is due is counted from DTSTART on, by whole sets. The rule
 * remembers how far it has counted, so a task that goes on from occurrence to
 * occurrence counts each once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/rule.h"
#include "time/rule_expand.h"
#include "time/zone.h"

#define LAST_SECOND		(END_TIMESTAMP / USECS_PER_SEC - 1)

/* A rule, and all that follows from where it starts. */
typedef struct Occurrences
{
	Rule	   *rule;
	bool		has_recur;		/* and a start that it needs */
	int64		start;			/* instant of DTSTART */
	RuleExpansion expansion;
} Occurrences;

static void set_start(Occurrences *set, Rule *rule, TimestampTz anchor);
static int64 next_occurrence(const Occurrences *set, int64 after);
static int64 next_date(const Rule *rule, int64 after);
static int64 end_of_exclusion(const Rule *rule, int64 instant);
static int64 next_of_recur(const Occurrences *set, int64 after);
static int64 next_match(const Occurrences *set, int64 after);
static int64 next_fixed(const Occurrences *set, int64 after);
static int64 next_elapsed(const Occurrences *set, int64 after);
static bool is_within_count(const Occurrences *set, int64 instant);
static int64 count_matches(const Occurrences *set, int64 after, int64 until, int64 limit);
static int64 count_of_recur(const Occurrences *set, int64 after, int64 until);
static int64 count_dates(const Occurrences *set, int64 after, int64 until);

TimestampTz
rule_next(Rule *rule, TimestampTz anchor, TimestampTz after)
{
	Occurrences set;
	int64		next;

	after = Max(after, MIN_TIMESTAMP - 1);
	if (after >= END_TIMESTAMP - 1)
		return DT_NOEND;
	set_start(&set, rule, anchor);
	next = next_occurrence(&set, floor_divide(after, USECS_PER_SEC));
	return next == CIVIL_NEVER ? DT_NOEND : next * USECS_PER_SEC;
}

static void
set_start(Occurrences *set, Rule *rule, TimestampTz anchor)
{
	int64		civil = rule->start;

	set->rule = rule;
	set->has_recur = rule->has_recur && (rule->has_start || IS_VALID_TIMESTAMP(anchor));
	if (!set->has_recur)
		return;
	if (rule->has_start)
		set->start = zone_first_instant(rule->zone, civil);
	else
	{
		set->start = -floor_divide(-anchor, USECS_PER_SEC);
		civil = zone_civil(rule->zone, set->start);
	}
	rule_expand(&set->expansion, &rule->recur, civil);
}

/* The first instant after another one; CIVIL_NEVER: none. */
static int64
next_occurrence(const Occurrences *set, int64 after)
{
	for (;;)
	{
		int64		next = Min(next_of_recur(set, after), next_date(set->rule, after));
		int64		end;

		if (next > LAST_SECOND)
			return CIVIL_NEVER;
		end = end_of_exclusion(set->rule, next);
		if (end <= next)
			return next;
		after = end - 1;
	}
}

static int64
next_date(const Rule *rule, int64 after)
{
	int			low = 0;
	int			high = rule->date_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (rule->dates[middle] > after)
			high = middle;
		else
			low = middle + 1;
	}
	return low < rule->date_count ? rule->dates[low] : CIVIL_NEVER;
}

/* Where the range ends that excludes an instant; the instant: it is not excluded. */
static int64
end_of_exclusion(const Rule *rule, int64 instant)
{
	int			low = 0;
	int			high = rule->excluded_count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (rule->excluded[middle].end > instant)
			high = middle;
		else
			low = middle + 1;
	}
	if (low < rule->excluded_count && rule->excluded[low].start <= instant)
		return rule->excluded[low].end;
	return instant;
}

/* The recurrence, within its bounds. */
static int64
next_of_recur(const Occurrences *set, int64 after)
{
	int64		next;

	if (!set->has_recur)
		return CIVIL_NEVER;
	next = next_match(set, after);
	if (next > set->rule->until || next > LAST_SECOND)
		return CIVIL_NEVER;
	if (set->rule->recur.count > 0 && !is_within_count(set, next))
		return CIVIL_NEVER;
	return next;
}

/* The recurrence from DTSTART on, without its other bounds. */
static int64
next_match(const Occurrences *set, int64 after)
{
	after = Max(after, set->start - 1);
	if (after >= Min(set->rule->until, LAST_SECOND))
		return CIVIL_NEVER;
	return set->expansion.follows_clock ? next_elapsed(set, after) : next_fixed(set, after);
}

/* What the clocks have shown has happened; what they have not comes yet. */
static int64
next_fixed(const Occurrences *set, int64 after)
{
	int64		latest = zone_latest_civil(set->rule->zone, after);
	int64		civil = rule_expansion_next(&set->expansion,
											Max(latest + 1, set->expansion.start));

	return civil == CIVIL_NEVER ? CIVIL_NEVER : zone_first_instant(set->rule->zone, civil);
}

/*
 * Whenever the clocks show a match. One that was found for an earlier segment
 * is the first one of a later segment, too, unless that begins before where
 * was looked, or behind the match.
 */
static int64
next_elapsed(const Occurrences *set, int64 after)
{
	int64		searched = PG_INT64_MAX;
	int64		match = PG_INT64_MIN;

	while (after < LAST_SECOND)
	{
		ZoneSegment segment = zone_segment(set->rule->zone, after + 1);
		int64		first = after + 1 + segment.offset;

		if (first < searched || first > match)
		{
			searched = first;
			match = rule_expansion_next(&set->expansion, first);
			if (match == CIVIL_NEVER)
				break;
		}
		if (match - segment.offset < segment.end)
			return match - segment.offset;
		if (segment.end > set->rule->until)
			break;
		after = segment.end - 1;
	}
	return CIVIL_NEVER;
}

/* Is a match one of the first ones, as many as COUNT says? */
static bool
is_within_count(const Occurrences *set, int64 instant)
{
	RuleCounted *counted = &set->rule->counted;
	int64		limit = set->rule->recur.count;
	int64		count;

	if (counted->upto == PG_INT64_MIN || counted->start != set->start)
	{
		counted->start = set->start;
		counted->over_from = PG_INT64_MAX;
		counted->upto = set->start - 1;
		counted->count = 0;
	}
	if (instant >= counted->over_from)
		return false;
	if (instant <= counted->upto)
		return true;

	/* Remember what is within COUNT only: what is asked next may be less. */
	count = counted->count + count_matches(set, counted->upto, instant, limit + 1 - counted->count);
	if (count > limit)
	{
		counted->over_from = instant;
		return false;
	}
	counted->upto = instant;
	counted->count = count;
	return true;
}

/*
 * How many matches are due in (after, until], which lies behind DTSTART; counts
 * to limit. In each segment of the zone, civil time goes on evenly.
 */
static int64
count_matches(const Occurrences *set, int64 after, int64 until, int64 limit)
{
	const pg_tz *zone = set->rule->zone;
	const RuleExpansion *expansion = &set->expansion;
	int64		latest = zone_latest_civil(zone, after);
	int64		count = 0;

	latest = Max(latest, expansion->start - 1);
	while (after < until && count < limit)
	{
		ZoneSegment segment = zone_segment(zone, after + 1);
		int64		first = after + 1 + segment.offset;
		int64		last = Min(until, segment.end - 1) + segment.offset;

		after = last - segment.offset;
		if (!expansion->follows_clock)
		{
			/* All that a gap has skipped happens at its end, once. */
			if (first > latest + 1)
			{
				count += rule_expansion_count(expansion, latest + 1, first + 1, 1);
				latest = first;
			}
			first = latest + 1;
			latest = Max(latest, last);
		}
		count += rule_expansion_count(expansion, first, last + 1, limit - count);
	}
	return Min(count, limit);
}

int64
rule_count(Rule *rule, TimestampTz anchor, TimestampTz after, TimestampTz until)
{
	Occurrences set;
	int64		first = floor_divide(Max(after, MIN_TIMESTAMP - 1), USECS_PER_SEC);
	int64		last = floor_divide(Min(until, END_TIMESTAMP - 1), USECS_PER_SEC);
	int64		count;

	if (after >= until)
		return 0;
	set_start(&set, rule, anchor);
	count = count_of_recur(&set, first, last);
	for (int i = 0; i < rule->excluded_count && count < RULE_COUNT_MAX; i++)
		count -= count_of_recur(&set, Max(first, rule->excluded[i].start - 1),
								Min(last, rule->excluded[i].end - 1));
	return Min(count + count_dates(&set, first, last), RULE_COUNT_MAX);
}

/* How many of the recurrence, within its bounds, are due in (after, until]. */
static int64
count_of_recur(const Occurrences *set, int64 after, int64 until)
{
	int64		limit = set->rule->recur.count;

	if (!set->has_recur)
		return 0;
	until = Min(until, set->rule->until);
	after = Max(after, set->start - 1);
	if (after >= until)
		return 0;
	if (limit == 0)
		return count_matches(set, after, until, RULE_COUNT_MAX);
	return count_matches(set, set->start - 1, until, limit) -
		count_matches(set, set->start - 1, after, limit);
}

/* How many dates of RDATE add something in (after, until]. */
static int64
count_dates(const Occurrences *set, int64 after, int64 until)
{
	int64		count = 0;

	for (int64 at = next_date(set->rule, after); at <= until; at = next_date(set->rule, at))
	{
		if (at == CIVIL_NEVER)
			break;
		if (end_of_exclusion(set->rule, at) == at && next_of_recur(set, at - 1) != at)
			count++;
	}
	return count;
}
