/*-------------------------------------------------------------------------
 *
 * id_ranges.h
 *	  A list of ranges of ids, first in first out. Ids that follow each other are
 *	  one range, so that many of them take little room.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ID_RANGES_H
#define TASKLY_ID_RANGES_H

#include "taskly.h"

typedef struct IdRange
{
	int64		first;
	int64		last;
	bool		flag;			/* the caller's; ranges of different flags stay apart */
} IdRange;

typedef struct IdRanges
{
	MemoryContext context;
	IdRange    *items;
	int			head;
	int			count;			/* items[head .. count - 1] are in the list */
	int			size;
} IdRanges;

extern void id_ranges_init(IdRanges *ranges, MemoryContext context);
extern void id_ranges_add(IdRanges *ranges, int64 first, int64 last, bool flag);
extern void id_ranges_clear(IdRanges *ranges);

static inline bool
id_ranges_is_empty(const IdRanges *ranges)
{
	return ranges->head == ranges->count;
}

/* The list must not be empty. */
static inline const IdRange *
id_ranges_first(const IdRanges *ranges)
{
	return &ranges->items[ranges->head];
}

extern void id_ranges_drop_first(IdRanges *ranges);

#endif							/* TASKLY_ID_RANGES_H */
