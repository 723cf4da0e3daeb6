/*-------------------------------------------------------------------------
 *
 * ready_timer.c
 *	  When waiting runs become due, and when their deadlines pass.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "plan/ready_private.h"

static pairingheap timers;
static pairingheap deadlines;

/* ------------------------------------------------------------------------
 * Heaps: the pairing heap keeps the largest first, so "larger" is "sooner".
 * ------------------------------------------------------------------------ */

#define entry_of(heap_node) \
	pairingheap_container(RunEntry, order_node, (pairingheap_node *) (heap_node))
#define deadline_entry_of(heap_node) \
	pairingheap_container(RunEntry, deadline_node, (pairingheap_node *) (heap_node))

static int
sooner(int64 a, int64 b, int64 a_id, int64 b_id)
{
	if (a != b)
		return a < b ? 1 : -1;
	return a_id < b_id ? 1 : (a_id > b_id ? -1 : 0);
}

static int
compare_wake(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const RunEntry *x = entry_of(a);
	const RunEntry *y = entry_of(b);

	return sooner(x->wake_at, y->wake_at, x->run_id, y->run_id);
}

static int
compare_deadline(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const RunEntry *x = deadline_entry_of(a);
	const RunEntry *y = deadline_entry_of(b);

	return sooner(x->deadline_at, y->deadline_at, x->run_id, y->run_id);
}

void
ready_timer_init(void)
{
	timers.ph_compare = compare_wake;
	timers.ph_root = NULL;
	deadlines.ph_compare = compare_deadline;
	deadlines.ph_root = NULL;
}

void
ready_timer_add(RunEntry *entry)
{
	pairingheap_add(&timers, &entry->order_node);
	entry->queue->timers++;
	ready.timers++;
}

void
ready_timer_remove(RunEntry *entry)
{
	pairingheap_remove(&timers, &entry->order_node);
	entry->queue->timers--;
	ready.timers--;
}

RunEntry *
ready_first_timer(void)
{
	return pairingheap_is_empty(&timers) ? NULL : entry_of(pairingheap_first(&timers));
}

void
ready_deadline_add(RunEntry *entry)
{
	if (entry->deadline_at != DT_NOEND)
		pairingheap_add(&deadlines, &entry->deadline_node);
}

void
ready_deadline_remove(RunEntry *entry)
{
	if (entry->deadline_at != DT_NOEND)
		pairingheap_remove(&deadlines, &entry->deadline_node);
}

RunEntry *
ready_next_expired(TimestampTz now, TimestampTz *next)
{
	RunEntry   *entry;

	*next = DT_NOEND;
	if (pairingheap_is_empty(&deadlines))
		return NULL;
	entry = deadline_entry_of(pairingheap_first(&deadlines));
	if (entry->deadline_at <= now)
		return entry;
	*next = entry->deadline_at;
	return NULL;
}

/* ------------------------------------------------------------------------
 * The wall clock is set
 * ------------------------------------------------------------------------ */

/* Has it not been due yet? Then it waits for a date. */
static bool
waits_for_date(const RunEntry *entry)
{
	return entry->state == ENTRY_TIMER && !entry->is_prepared && !entry->is_retry &&
		!entry->is_postponed;
}

static void
move_deadline(RunEntry *entry, int64 step_us)
{
	bool		is_in_heap = entry->state != ENTRY_DISPATCHED;

	if (entry->deadline_at == DT_NOEND)
		return;
	if (is_in_heap)
		ready_deadline_remove(entry);
	entry->deadline_at += step_us;
	if (is_in_heap)
		ready_deadline_add(entry);
}

static void
move_timer(RunEntry *entry, int64 step_us, TimestampTz now)
{
	if (entry->wake_at == DT_NOEND)
		return;
	ready_timer_remove(entry);
	entry->wake_at = entry->is_postponed ? now : entry->wake_at + step_us;
	ready_timer_add(entry);
}

void
ready_clock_was_set(int64 step_us, TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	RunEntry   *entry;

	throttle_clock_was_set(step_us);
	key_plan_clock_was_set(step_us);
	hash_seq_init(&scan, ready.entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (waits_for_date(entry))
			continue;
		move_deadline(entry, step_us);
		if (entry->state == ENTRY_TIMER)
			move_timer(entry, step_us, now);
	}
}
