/*-------------------------------------------------------------------------
 *
 * day_set.c
 *	  A set of days, as sorted ranges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/day_set.h"

static int
compare_first(const void *a, const void *b)
{
	int32		first_a = ((const DayRange *) a)->first;
	int32		first_b = ((const DayRange *) b)->first;

	return first_a < first_b ? -1 : first_a > first_b ? 1 : 0;
}

DaySet *
day_set_build(const DayRange *ranges, int count)
{
	DaySet	   *set = palloc(offsetof(DaySet, ranges) + count * sizeof(DayRange));

	set->count = 0;
	if (count == 0)
		return set;
	memcpy(set->ranges, ranges, count * sizeof(DayRange));
	qsort(set->ranges, count, sizeof(DayRange), compare_first);

	/* Let each range join the one before it, if no day lies between them. */
	for (int i = 1; i < count; i++)
	{
		DayRange   *before = &set->ranges[set->count];

		if ((int64) before->last + 1 >= set->ranges[i].first)
			before->last = Max(before->last, set->ranges[i].last);
		else
			set->ranges[++set->count] = set->ranges[i];
	}
	set->count++;
	return set;
}

int
day_set_find(const DaySet *set, int64 day)
{
	int			low = 0;
	int			high = set->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (set->ranges[middle].last >= day)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* The range that a day is in; NULL: none. */
static const DayRange *
range_of(const DaySet *set, int64 day)
{
	int			i = day_set_find(set, day);

	return i < set->count && set->ranges[i].first <= day ? &set->ranges[i] : NULL;
}

bool
day_set_contains(const DaySet *set, int64 day)
{
	return range_of(set, day) != NULL;
}

int64
day_set_next_free(const DaySet *set, int64 day)
{
	const DayRange *range = range_of(set, day);

	return range != NULL ? (int64) range->last + 1 : day;
}

int64
day_set_previous_free(const DaySet *set, int64 day)
{
	const DayRange *range = range_of(set, day);

	return range != NULL ? (int64) range->first - 1 : day;
}
