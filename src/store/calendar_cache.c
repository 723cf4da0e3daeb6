/*-------------------------------------------------------------------------
 *
 * calendar_cache.c
 *	  A process's copies of calendars.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "store/calendar_cache.h"
#include "store/calendar_store.h"

typedef struct CalendarCopy
{
	int32		calendar_id;	/* hash key */
	int32		version;
	DaySet	   *days;
} CalendarCopy;

static HTAB *copies = NULL;
static MemoryContext copies_context = NULL;

void
calendar_cache_init(MemoryContext parent)
{
	HASHCTL		control = {0};

	copies_context = AllocSetContextCreate(parent, "taskly calendars",
										   ALLOCSET_DEFAULT_SIZES);
	control.keysize = sizeof(int32);
	control.entrysize = sizeof(CalendarCopy);
	control.hcxt = copies_context;
	copies = hash_create("taskly calendars", 16, &control,
						 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static DaySet *
read_days(int32 calendar_id)
{
	MemoryContext old_context = MemoryContextSwitchTo(copies_context);
	DaySet	   *days = calendar_store_days(calendar_id);

	MemoryContextSwitchTo(old_context);
	return days;
}

const DaySet *
calendar_cache_days(int32 calendar_id)
{
	CalendarRow row = {0};
	CalendarCopy *copy;
	DaySet	   *days;

	if (calendar_id == 0)
		return NULL;
	copy = hash_search(copies, &calendar_id, HASH_FIND, NULL);
	if (copy != NULL)
		return copy->days;

	/* Nothing is entered before all is read: reading may fail. */
	(void) calendar_store_read(calendar_id, &row);
	days = read_days(calendar_id);
	copy = hash_search(copies, &calendar_id, HASH_ENTER, NULL);
	copy->days = days;
	copy->version = row.version;
	return days;
}

typedef struct Refresh
{
	bool		all;
	TimestampTz now;
	CalendarChanged changed;
} Refresh;

static void
refresh_one(const CalendarRow *calendar, void *arg)
{
	const Refresh *refresh = arg;
	CalendarCopy *copy = hash_search(copies, &calendar->calendar_id, HASH_FIND, NULL);
	DaySet	   *old_days;

	if (copy == NULL || (copy->version == calendar->version && !refresh->all))
		return;
	old_days = copy->days;
	copy->days = read_days(calendar->calendar_id);
	copy->version = calendar->version;
	refresh->changed(old_days, copy->days, refresh->now);
	pfree(old_days);
}

void
calendar_cache_refresh(bool all, TimestampTz now, CalendarChanged changed)
{
	Refresh		refresh = {all, now, changed};

	calendar_store_read_all(refresh_one, &refresh);
}
