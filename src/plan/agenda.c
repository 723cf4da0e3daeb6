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

/* Missed occurrences that are counted where only counting one by one helps. */
#define MAX_COUNTED_MISSES	10000
/* A last fire in the future by less than this is two processes' idea of now. */
#define AHEAD_MIN_US		(100 * INT64CONST(1000))
/* Times of the calendar that were fired are not repeated within this. */
#define REPEAT_GUARD_US		(3 * USECS_PER_HOUR)

static HTAB *entries = NULL;
static MemoryContext entries_context = NULL;
static pairingheap fires;
static dlist_head ahead = DLIST_STATIC_INIT(ahead);
static int64 lead_us = 0;
static uint32 reading = 0;

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
	return x->task.task_id < y->task.task_id ? 1 :
		(x->task.task_id > y->task.task_id ? -1 : 0);
}

static void
make_table(void)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(AgendaEntry);
	control.hcxt = entries_context;
	entries = hash_create("taskly agenda", 256, &control,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	fires.ph_compare = compare_fire;
	fires.ph_root = NULL;
	dlist_init(&ahead);
}

void
agenda_init(MemoryContext parent, int64 lead)
{
	lead_us = lead;
	entries_context = AllocSetContextCreate(parent, "taskly agenda", ALLOCSET_DEFAULT_SIZES);
	make_table();
}

void
agenda_clear(void)
{
	MemoryContextReset(entries_context);
	make_table();
}

int64
agenda_count(void)
{
	return hash_get_num_entries(entries);
}

MemoryContext
agenda_context(void)
{
	return entries_context;
}

AgendaEntry *
agenda_find(int64 task_id)
{
	return hash_search(entries, &task_id, HASH_FIND, NULL);
}

/* ------------------------------------------------------------------------
 * When next?
 * ------------------------------------------------------------------------ */

static TimestampTz
next_of(const AgendaEntry *entry)
{
	const ScheduledTask *task = &entry->task;

	if (task->is_paused || task->fires_left == 0)
		return DT_NOEND;
	return timetable_next(&task->timetable, Max(task->last_fire, entry->passed_until),
						  task->last_finished_at);
}

static void
wake_entry_at(AgendaEntry *entry, TimestampTz wake_at)
{
	pairingheap_remove(&fires, &entry->node);
	entry->wake_at = wake_at;
	pairingheap_add(&fires, &entry->node);
}

/* What recurs can be prepared for. */
static TimestampTz
first_look(const AgendaEntry *entry)
{
	if (TIMESTAMP_NOT_FINITE(entry->next_fire) || !timetable_recurs(&entry->task.timetable))
		return entry->next_fire;
	return entry->next_fire - lead_us;
}

static void
set_next(AgendaEntry *entry, TimestampTz next_fire)
{
	entry->next_fire = next_fire;
	entry->waits_for_finish = false;
	wake_entry_at(entry, first_look(entry));
}

static int64
count_missed(const AgendaEntry *entry, TimestampTz after, TimestampTz until)
{
	return timetable_count(&entry->task.timetable, after, until, MAX_COUNTED_MISSES);
}

/* Go on after an instant; what was due up to there is missed, or just not made up. */
static void
pass_over(AgendaEntry *entry, TimestampTz until, bool is_missed)
{
	if (entry->next_fire > until || !timetable_recurs(&entry->task.timetable))
		return;
	if (is_missed)
		entry->missed += 1 + count_missed(entry, entry->next_fire, until);
	entry->passed_until = until;
	set_next(entry, next_of(entry));
}

/* ------------------------------------------------------------------------
 * Ahead of the clock
 * ------------------------------------------------------------------------ */

static void
set_ahead(AgendaEntry *entry, bool is_ahead)
{
	if (entry->is_ahead && !is_ahead)
		dlist_delete(&entry->ahead_node);
	if (!entry->is_ahead && is_ahead)
		dlist_push_tail(&ahead, &entry->ahead_node);
	entry->is_ahead = is_ahead;
}

/* One instant is due once, whatever clocks show later. */
static bool
has_to_rewind(const AgendaEntry *entry, TimestampTz now)
{
	const ScheduledTask *task = &entry->task;
	int64		lead = TIMESTAMP_NOT_FINITE(task->last_fire) ? 0 : task->last_fire - now;

	if (lead < AHEAD_MIN_US || task->is_paused || task->timetable.schedule.kind == SCHEDULE_ONCE)
		return false;
	return timetable_follows_elapsed(&task->timetable) || lead > REPEAT_GUARD_US;
}

int
agenda_ahead(AgendaEntry **result, int max)
{
	int			count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &ahead)
	{
		if (count == max)
			break;
		result[count++] = dlist_container(AgendaEntry, ahead_node, iter.cur);
	}
	return count;
}

void
agenda_rewind(AgendaEntry *entry, TimestampTz now)
{
	bool		is_rebooted = entry->task.timetable.schedule.kind == SCHEDULE_REBOOT &&
		entry->next_fire != DT_NOEND;

	set_ahead(entry, false);
	entry->task.last_fire = now;
	entry->task.last_finished_at = Min(entry->task.last_finished_at, now);
	entry->catch_up_until = entry->passed_until = DT_NOBEGIN;
	/* A start of the server that has not fired yet is later than what its row says now. */
	set_next(entry, is_rebooted ? now + 1 : next_of(entry));
}

void
agenda_clock_stepped(TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	AgendaEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		set_ahead(entry, has_to_rewind(entry, now));
		if (entry->passed_until > now)
		{
			entry->passed_until = now;
			set_next(entry, next_of(entry));
		}
		if (entry->task.missed == MISSED_SKIP)
			pass_over(entry, now, true);
		/* What waits was told until when by the old clock. */
		wake_entry_at(entry, entry->next_fire);
	}
}

/* ------------------------------------------------------------------------
 * Tasks
 * ------------------------------------------------------------------------ */

void
agenda_put(const ScheduledTask *task, TimestampTz now)
{
	TimestampTz last_finished_at = task->last_finished_at;
	AgendaEntry *entry;
	bool		found;

	entry = hash_search(entries, &task->task_id, HASH_ENTER, &found);
	if (found)
	{
		pairingheap_remove(&fires, &entry->node);
		set_ahead(entry, false);
		schedule_free(&entry->task.timetable.schedule);
		/* What we have seen ourselves may be newer than the row. */
		last_finished_at = Max(last_finished_at, entry->task.last_finished_at);
		/* The row says where to go on: another schedule, perhaps. */
		if (task->last_fire != entry->task.last_fire)
			entry->passed_until = DT_NOBEGIN;
	}
	else
	{
		memset(entry, 0, sizeof(*entry));
		entry->passed_until = DT_NOBEGIN;
	}
	entry->task = *task;
	entry->task.last_finished_at = last_finished_at;
	entry->reading = reading;
	entry->waits_for_finish = false;
	entry->catch_up_until = DT_NOBEGIN;
	entry->next_fire = next_of(entry);
	entry->wake_at = first_look(entry);
	pairingheap_add(&fires, &entry->node);
	set_ahead(entry, has_to_rewind(entry, now));
	/* What passed before we knew the task was missed. */
	if (!found && task->missed == MISSED_SKIP)
		pass_over(entry, now, true);
}

void
agenda_remove(int64 task_id)
{
	AgendaEntry *entry = agenda_find(task_id);

	if (entry == NULL)
		return;
	set_ahead(entry, false);
	pairingheap_remove(&fires, &entry->node);
	schedule_free(&entry->task.timetable.schedule);
	(void) hash_search(entries, &task_id, HASH_REMOVE, NULL);
}

void
agenda_begin_reading(void)
{
	reading++;
}

void
agenda_end_reading(void)
{
	HASH_SEQ_STATUS scan;
	AgendaEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->reading != reading)
			agenda_remove(entry->task.task_id);
	}
}

void
agenda_pause(int64 task_id)
{
	AgendaEntry *entry = agenda_find(task_id);

	if (entry == NULL)
		return;
	entry->task.is_paused = true;
	set_ahead(entry, false);
	set_next(entry, DT_NOEND);
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

/* A walk of the heap's upper part. */
typedef struct AgendaWalk
{
	TimestampTz until;
	int			left;
	AgendaVisitor visit;
	void	   *arg;
} AgendaWalk;

/* Nothing below a later one is sooner. As deep as there are visits, at most. */
static void
walk_heap(pairingheap_node *node, AgendaWalk *walk)
{
	for (; node != NULL && walk->left > 0; node = node->next_sibling)
	{
		const AgendaEntry *entry = entry_of(node);

		if (entry->wake_at > walk->until)
			continue;
		walk->left--;
		walk->visit(entry, walk->arg);
		walk_heap(node->first_child, walk);
	}
}

void
agenda_each_until(TimestampTz until, int max, AgendaVisitor visit, void *arg)
{
	AgendaWalk	walk = {until, max, visit, arg};

	walk_heap(fires.ph_root, &walk);
}

AgendaEntry *
agenda_next_due(TimestampTz now, TimestampTz *next)
{
	AgendaEntry *entry = agenda_first();

	*next = entry == NULL ? DT_NOEND : entry->wake_at;
	return entry != NULL && entry->wake_at <= now ? entry : NULL;
}

/* ------------------------------------------------------------------------
 * What a due entry does
 * ------------------------------------------------------------------------ */

/*
 * All that was missed is made up, from the earliest within the limit on. It may
 * have to wait for others, so the entry remembers it.
 */
static AgendaFire
begin_to_catch_up(AgendaEntry *entry, TimestampTz latest)
{
	TimestampTz first = timetable_last_n(&entry->task.timetable, entry->next_fire, latest,
										 entry->task.missed_limit);

	if (first > entry->next_fire)
	{
		entry->missed += 1 + count_missed(entry, entry->next_fire, first - 1);
		entry->passed_until = first - 1;
		entry->next_fire = first;
	}
	entry->catch_up_until = latest;
	return (AgendaFire) {first, entry->missed, true};
}

AgendaFire
agenda_choose(AgendaEntry *entry, TimestampTz now)
{
	AgendaFire	fire = {entry->next_fire, entry->missed, false};
	TimestampTz latest;

	if (!timetable_recurs(&entry->task.timetable))
		return fire;
	if (entry->next_fire <= entry->catch_up_until)
	{
		fire.is_made_up = true;
		return fire;
	}
	latest = timetable_latest(&entry->task.timetable, entry->next_fire, now);
	if (latest == entry->next_fire)
		return fire;

	if (entry->task.missed == MISSED_ALL)
		return begin_to_catch_up(entry, latest);
	fire.fire_at = latest;
	fire.missed += 1 + count_missed(entry, entry->next_fire, latest - 1);
	return fire;
}

void
agenda_fired(AgendaEntry *entry, TimestampTz fire_at, bool has_run)
{
	entry->task.last_fire = fire_at;
	entry->missed = 0;
	if (has_run && entry->task.fires_left > 0)
		entry->task.fires_left--;
	set_next(entry, next_of(entry));
}

void
agenda_postpone(AgendaEntry *entry, TimestampTz until)
{
	wake_entry_at(entry, until);
}

void
agenda_wait_for_finish(AgendaEntry *entry, TimestampTz until)
{
	entry->waits_for_finish = true;
	wake_entry_at(entry, until);
}

void
agenda_finished(int64 task_id, TimestampTz finished_at)
{
	AgendaEntry *entry = agenda_find(task_id);

	if (entry == NULL)
		return;
	entry->task.last_finished_at = Max(entry->task.last_finished_at, finished_at);
	if (entry->task.timetable.schedule.kind == SCHEDULE_AFTER_FINISH)
		set_next(entry, next_of(entry));
	else if (entry->waits_for_finish)
		wake_entry_at(entry, entry->next_fire);
}

void
agenda_calendar_changed(const DaySet *old_days, const DaySet *new_days, TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	AgendaEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->task.timetable.excluded != old_days)
			continue;
		entry->task.timetable.excluded = new_days;
		if (entry->next_fire > now && entry->passed_until < now)
			entry->passed_until = now;
		set_next(entry, next_of(entry));
	}
}

void
agenda_skip_task(int64 task_id, TimestampTz until)
{
	AgendaEntry *entry = agenda_find(task_id);

	if (entry != NULL)
		pass_over(entry, until, false);
}

void
agenda_skip_until(TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	AgendaEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		pass_over(entry, now, false);
}

void
agenda_downtime_ended(TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	AgendaEntry *entry;

	hash_seq_init(&scan, entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (entry->task.missed == MISSED_SKIP)
			pass_over(entry, now, true);
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
		if (entry->task.timetable.schedule.kind == SCHEDULE_REBOOT &&
			!entry->task.is_paused && entry->task.fires_left != 0)
			set_next(entry, now);
	}
}
