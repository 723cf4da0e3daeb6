/*-------------------------------------------------------------------------
 *
 * agenda.c
 *	  The leader's agenda.
 *
 * Memory only: what has fired stands in each task's last_fire, and the agenda
 * can be made again from the tasks at any time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/agenda.h"

/* Missed occurrences that are counted one by one. */
#define MAX_COUNTED_MISSES	1000

static HTAB *entries = NULL;
static MemoryContext agenda_context = NULL;
static pairingheap fires;

#define entry_of(heap_node) \
	pairingheap_container(AgendaEntry, node, (pairingheap_node *) (heap_node))

/* The pairing heap keeps the largest first: the sooner is the larger. */
static int
compare_fire(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const AgendaEntry *x = entry_of(a);
	const AgendaEntry *y = entry_of(b);

	if (x->wake_at != y->wake_at)
		return x->wake_at < y->wake_at ? 1 : -1;
	return x->task_id < y->task_id ? 1 : (x->task_id > y->task_id ? -1 : 0);
}

static void
make_table(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(AgendaEntry);
	control.hcxt = agenda_context;
	entries = hash_create("taskly agenda", 256, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	fires.ph_compare = compare_fire;
	fires.ph_root = NULL;
}

void
agenda_init(void)
{
	agenda_context = AllocSetContextCreate(TopMemoryContext, "taskly agenda",
										   ALLOCSET_DEFAULT_SIZES);
	make_table();
}

void
agenda_clear(void)
{
	MemoryContextReset(agenda_context);
	make_table();
}

int64
agenda_count(void)
{
	return hash_get_num_entries(entries);
}

AgendaEntry *
agenda_find(int64 task_id)
{
	return hash_search(entries, &task_id, HASH_FIND, NULL);
}

/* ------------------------------------------------------------------------
 * When next?
 * ------------------------------------------------------------------------ */

/*
 * An instant is due once; one that had passed when the task was defined is due
 * at the definition.
 */
static TimestampTz
next_of_once(const AgendaEntry *entry)
{
	TimestampTz at = Max(entry->schedule.at, entry->anchor);

	return at > entry->last_fire ? at : DT_NOEND;
}

/* The first run is due at once; one that still runs is found running then. */
static TimestampTz
next_after_finish(const AgendaEntry *entry)
{
	if (entry->last_fire == DT_NOBEGIN)
		return Max(entry->anchor, entry->starts_at);
	return schedule_next(&entry->schedule,
						 Max(entry->last_fire, entry->last_finished_at),
						 entry->last_fire);
}

static TimestampTz
next_of(const AgendaEntry *entry, TimestampTz not_before)
{
	TimestampTz after = Max(entry->last_fire, not_before);
	TimestampTz next;

	switch (entry->schedule.kind)
	{
		case SCHEDULE_ONCE:
			next = next_of_once(entry);
			break;
		case SCHEDULE_AFTER_FINISH:
			next = next_after_finish(entry);
			break;
		case SCHEDULE_REBOOT:
			next = DT_NOEND;
			break;
		default:
			/* A bound counts itself: the first fire may be at starts_at. */
			if (entry->starts_at != DT_NOBEGIN)
				after = Max(after, entry->starts_at - 1);
			else
				after = Max(after, entry->anchor);
			next = schedule_next(&entry->schedule, entry->anchor, after);
			break;
	}
	return entry->is_paused || next > entry->ends_at ? DT_NOEND : next;
}

static void
set_next(AgendaEntry *entry, TimestampTz next_fire)
{
	pairingheap_remove(&fires, &entry->node);
	entry->next_fire = entry->wake_at = next_fire;
	pairingheap_add(&fires, &entry->node);
}

bool
agenda_put(const AgendaTask *task, TimestampTz now, ScheduleError *error)
{
	Schedule	schedule;
	AgendaEntry *entry;
	bool		found;

	if (!schedule_parse(task->schedule, task->zone, &schedule, error))
	{
		agenda_remove(task->task_id);
		return false;
	}
	entry = hash_search(entries, &task->task_id, HASH_ENTER, &found);
	if (found)
		pairingheap_remove(&fires, &entry->node);
	entry->version = task->version;
	entry->owner = task->owner;
	entry->is_shell = task->is_shell;
	entry->skips_overlap = task->skips_overlap;
	entry->skips_missed = task->skips_missed;
	entry->is_paused = task->is_paused;
	entry->schedule = schedule;
	entry->anchor = task->anchor;
	entry->starts_at = task->starts_at;
	entry->ends_at = task->ends_at;
	entry->last_fire = task->last_fire;
	/* What we have seen ourselves may be newer than the row. */
	entry->last_finished_at = found ? Max(entry->last_finished_at, task->last_finished_at) :
		task->last_finished_at;
	/* What passed before we knew the task was missed. */
	entry->next_fire = next_of(entry, !found && entry->skips_missed ? now : DT_NOBEGIN);
	entry->wake_at = entry->next_fire;
	pairingheap_add(&fires, &entry->node);
	return true;
}

void
agenda_remove(int64 task_id)
{
	AgendaEntry *entry = agenda_find(task_id);

	if (entry == NULL)
		return;
	pairingheap_remove(&fires, &entry->node);
	(void) hash_search(entries, &task_id, HASH_REMOVE, NULL);
}

AgendaEntry *
agenda_first(void)
{
	AgendaEntry *entry;

	if (pairingheap_is_empty(&fires))
		return NULL;
	entry = entry_of(pairingheap_first(&fires));
	return entry->wake_at == DT_NOEND ? NULL : entry;
}

AgendaEntry *
agenda_next_due(TimestampTz now, TimestampTz *next)
{
	AgendaEntry *entry;

	*next = DT_NOEND;
	if (pairingheap_is_empty(&fires))
		return NULL;
	entry = entry_of(pairingheap_first(&fires));
	if (entry->wake_at <= now)
		return entry;
	*next = entry->wake_at;
	return NULL;
}

void
agenda_fired(AgendaEntry *entry, TimestampTz fire_at)
{
	entry->last_fire = fire_at;
	set_next(entry, next_of(entry, DT_NOBEGIN));
}

void
agenda_postpone(AgendaEntry *entry, TimestampTz until)
{
	pairingheap_remove(&fires, &entry->node);
	entry->wake_at = until;
	pairingheap_add(&fires, &entry->node);
}

void
agenda_finished(int64 task_id, TimestampTz finished_at)
{
	AgendaEntry *entry = agenda_find(task_id);
	TimestampTz next;

	if (entry == NULL || entry->schedule.kind != SCHEDULE_AFTER_FINISH)
		return;
	entry->last_finished_at = Max(entry->last_finished_at, finished_at);
	if (entry->is_paused)
		return;
	next = schedule_next(&entry->schedule, finished_at, finished_at);
	set_next(entry, next > entry->ends_at ? DT_NOEND : next);
}

/*
 * Long outages of a frequent schedule: the distance to look back is doubled
 * until an occurrence is found, so the work does not grow with the outage.
 */
static TimestampTz
latest_before(const AgendaEntry *entry, TimestampTz from, TimestampTz now)
{
	TimestampTz latest = from;
	int64		distance = USECS_PER_SEC;
	TimestampTz next;

	while (now - distance > from)
	{
		next = schedule_next(&entry->schedule, entry->anchor, now - distance);
		if (next <= now)
		{
			latest = next;
			break;
		}
		distance *= 2;
	}
	while ((next = schedule_next(&entry->schedule, entry->anchor, latest)) <= now)
		latest = next;
	return latest;
}

TimestampTz
agenda_latest_due(const AgendaEntry *entry, TimestampTz now, int64 *missed)
{
	TimestampTz latest = entry->next_fire;

	*missed = 0;
	if (entry->schedule.kind != SCHEDULE_CRON && entry->schedule.kind != SCHEDULE_EVERY)
		return latest;
	while (*missed < MAX_COUNTED_MISSES)
	{
		TimestampTz next = schedule_next(&entry->schedule, entry->anchor, latest);

		if (next > now || next > entry->ends_at)
			return latest;
		latest = next;
		(*missed)++;
	}
	return latest_before(entry, latest, Min(now, entry->ends_at));
}

void
agenda_skip_until(TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	AgendaEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->next_fire < now &&
			(entry->schedule.kind == SCHEDULE_CRON || entry->schedule.kind == SCHEDULE_EVERY))
			set_next(entry, next_of(entry, now));
	}
}

void
agenda_reboot(TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	AgendaEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->schedule.kind == SCHEDULE_REBOOT && !entry->is_paused)
			set_next(entry, now);
	}
}
