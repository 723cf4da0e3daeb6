/*-------------------------------------------------------------------------
 *
 * ready_private.h
 *	  What the parts of ready.h share: the entries, where they wait, and how many
 *	  there may be.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_READY_PRIVATE_H
#define TASKLY_READY_PRIVATE_H

#include "plan/ready.h"
#include "utils/hsearch.h"

/* Of memory, what the limit evicts at once, and what a refill reads at once. */
#define EVICTED_SHARE	4
#define REFILL_SHARE	4
/* But no more than is read within some milliseconds. */
#define REFILL_AT_ONCE	1024
#define LEAST_REFILL	25
/* What runs that may not start may have together; those that wait for a turn, too. */
#define WAITING_SHARE	8

typedef struct ReadyState
{
	HTAB	   *entries;		/* RunEntry by run_id */
	int			limit;
	int64		waiting;		/* entries that are not dispatched */
	int64		held;			/* entries that wait for their turn */
	int64		timers;			/* entries that are in no line before an instant */
	int64		evict_at;		/* with so many there may be something to evict again */
	TimestampTz now;			/* of the latest turn or arrival */
} ReadyState;

extern ReadyState ready;

/* Neither evicted nor left: there are few of them, and others depend on them. */
static inline bool
ready_is_pinned(const RunEntry *entry)
{
	return entry->is_suspect || entry->is_blocker || entry->is_adopted || entry->has_turn;
}

/* May memory take more than what keeps the workers busy? */
static inline bool
ready_has_space(void)
{
	return ready.waiting < ready.limit - ready.limit / EVICTED_SHARE;
}

/* Is most of it of what is not due? Then that goes first. */
static inline bool
ready_is_full_of_timers(void)
{
	return ready.timers >= ready.limit / 2;
}

/* A key, or task, with fewer runs in memory is refilled: less than half of what it may have there. */
static inline int64
ready_low(void)
{
	return Max(1, Min(64, ready.limit / WAITING_SHARE / 2));
}

/* A key of its own, and not what runs without one count under. */
static inline bool
ready_has_key(const KeyPlan *key)
{
	return key != NULL && key->text != NULL;
}

static inline RunPlace
ready_place_of(const RunEntry *entry)
{
	return (RunPlace) {entry->due_at, entry->run_id};
}

/* A watermark is no longer true from this entry on. */
static inline void
ready_lower(RunPlace *watermark, const RunEntry *entry)
{
	RunPlace	before = {entry->due_at, entry->run_id - 1};

	if (place_is_before(before, *watermark))
		*watermark = before;
}

/* --- ready.c --------------------------------------------------------- */

/* Do runs start in the order of their places, but for what limits hold up? */
extern bool ready_is_in_order_of_arrival(const QueuePlan *queue);

/*
 * Put an entry where it waits; it must be nowhere now. It may be gone after that:
 * left in its table.
 */
extern void ready_enter(RunEntry *entry, TimestampTz now);

/* Take a waiting entry out of its place. */
extern void ready_withdraw(RunEntry *entry);

/* Waiting entries, in no order. */
typedef bool (*EntryFilter) (const RunEntry *entry, const void *arg);
extern RunEntry **ready_collect(EntryFilter is_meant, const void *arg, int64 *count);
extern void ready_sort_worst_first(RunEntry **list, int64 count);

/* --- ready_timer.c --------------------------------------------------- */

extern void ready_timer_init(void);
extern void ready_timer_add(RunEntry *entry);
extern void ready_timer_remove(RunEntry *entry);
extern void ready_deadline_add(RunEntry *entry);
extern void ready_deadline_remove(RunEntry *entry);

/* --- ready_turn.c ---------------------------------------------------- */

/* False: another one of its task has the turn. */
extern bool ready_take_turn(RunEntry *entry);

/* The entry has left line and worker: the next one of its task goes in line. */
extern void ready_give_turn(RunEntry *entry);

/* --- ready_limit.c --------------------------------------------------- */

/* Make room, at the limit. */
extern void ready_evict(void);

/* May the table hold runs of the queue that come before it and are not in memory? */
extern bool ready_is_beyond_watermark(const RunEntry *entry);

/* Has it been read to the very end? */
extern bool ready_is_complete(const QueuePlan *queue);

/* All rows of the queue behind a place are to be read again. */
extern void ready_read_again(QueuePlan *queue, RunPlace place);

/* --- ready_left.c ---------------------------------------------------- */

/*
 * In a queue that is in order of arrival: may the table hold runs that come before
 * it? Then it stays there, too, and comes with them.
 */
extern bool ready_is_behind(const RunEntry *entry);

/*
 * Some may not go on for long, and must not crowd others out: they are left in
 * their table, and remembered there.
 */
extern bool ready_is_left(const RunEntry *entry);
extern bool ready_leave_to_task(TaskPlan *task, const RunEntry *entry);

/* Memory no longer holds it, and what is behind it. */
extern void ready_lower_key(const RunEntry *entry);

/* Closed flows give back what they have beyond their share. */
extern void ready_spill(void);

/* --- ready_refill.c -------------------------------------------------- */

extern void ready_refill_init(void);

/* From now on the task has left some. */
extern void ready_task_has_left(TaskPlan *task);

/* A key may have room, or few runs in memory: is it to be refilled? */
extern void ready_look_for_left(KeyPlan *key);

/* In each turn: which keys and tasks have space in memory now? Returns when one more may have. */
extern TimestampTz ready_look_for_wanted(void);

/* Rows behind a place are to be read again. */
extern void ready_lower_keys(QueuePlan *queue, RunPlace place);

/* All rows are. */
extern void ready_forget_left(void);

#endif							/* TASKLY_READY_PRIVATE_H */
