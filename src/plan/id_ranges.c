/*-------------------------------------------------------------------------
 *
 * id_ranges.c
 *	  A list of ranges of ids.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "plan/id_ranges.h"

#define FIRST_SIZE	64

void
id_ranges_init(IdRanges *ranges, MemoryContext context)
{
	memset(ranges, 0, sizeof(*ranges));
	ranges->context = context;
}

void
id_ranges_clear(IdRanges *ranges)
{
	if (ranges->items != NULL)
		pfree(ranges->items);
	id_ranges_init(ranges, ranges->context);
}

/* What was dropped in front makes room, if it is at least half. */
static void
make_room(IdRanges *ranges)
{
	if (ranges->items == NULL)
	{
		ranges->items = MemoryContextAlloc(ranges->context, FIRST_SIZE * sizeof(IdRange));
		ranges->size = FIRST_SIZE;
	}
	else if (ranges->head >= ranges->size / 2)
	{
		ranges->count -= ranges->head;
		memmove(ranges->items, ranges->items + ranges->head, ranges->count * sizeof(IdRange));
		ranges->head = 0;
	}
	else
	{
		ranges->size *= 2;
		ranges->items = repalloc_huge(ranges->items, ranges->size * sizeof(IdRange));
	}
}

void
id_ranges_add(IdRanges *ranges, int64 first, int64 last, bool flag)
{
	IdRange    *end = id_ranges_is_empty(ranges) ? NULL : &ranges->items[ranges->count - 1];

	if (end != NULL && end->flag == flag && first >= end->first && first <= end->last + 1)
	{
		end->last = Max(end->last, last);
		return;
	}
	if (ranges->count == ranges->size)
		make_room(ranges);
	ranges->items[ranges->count].first = first;
	ranges->items[ranges->count].last = last;
	ranges->items[ranges->count++].flag = flag;
}

void
id_ranges_drop_first(IdRanges *ranges)
{
	ranges->head++;
	if (ranges->head == ranges->count)
		id_ranges_clear(ranges);
}
