/*-------------------------------------------------------------------------
 *
 * ready.h
 *	  The waiting runs that a scheduler holds in memory: those due in the
 *	  future by time, those due by the order of their queue.
 *
 * Memory is bounded. For each queue a watermark (due_at, run_id) says up to
 * where memory holds every waiting run; perhaps better ones beyond it too. What
 * is beyond is read when there is room, from the watermark on. Of the runs that
 * may not start, since their key or task is paused or at its limit, or since it is
 * another one's turn, only a share is held; the others are left in their table
 * and read when they are wanted. Where arrival decides, no run starts before an
 * earlier one of its key, be that in memory or not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_READY_H
#define TASKLY_READY_H

#include "taskly.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "plan/flow.h"
#include "plan/task_plan.h"
#include "plan/throttle.h"
#include "storage/itemptr.h"

typedef enum EntryState
{
	ENTRY_TIMER,				/* due in the future */
	ENTRY_READY,				/* due: in its flow */
	ENTRY_HELD,					/* due, but it is not its turn in its task */
	ENTRY_DISPATCHED			/* in a worker's hands */
} EntryState;

typedef struct RunEntry
{
	int64		run_id;			/* hash key */
	int64		order_key;
	int64		task_id;		/* 0: none */
	TimestampTz due_at;			/* as its row says */
	TimestampTz wake_at;		/* in no line before that */
	TimestampTz deadline_at;	/* DT_NOEND: none */
	ItemPointerData ctid;
	bool		is_shell;
	bool		is_suspect;
	bool		is_serial;		/* one of its task at a time, in order of arrival */
	bool		has_turn;		/* it is that one */
	bool		is_prepared;
	bool		is_retry;
	bool		is_postponed;	/* timer: it was due before */
	bool		was_told_again; /* dispatched: there was news of it since */
	bool		is_adopted;		/* it runs already, in a worker that is about to be told of */
	bool		is_blocker;		/* others of its key wait until it is over */
	uint8		state;			/* EntryState */
	int16		slot;			/* dispatched: to whom */
	int16		activity;		/* dispatched shell: reserved entry */
	Oid			owner;
	int32		charged_us;		/* dispatched: what it was expected to take, saturated */
	QueuePlan  *queue;
	KeyPlan    *key;			/* NULL: none that matters */
	ReadyFlow  *flow;			/* ready: where it waits */
	pairingheap_node order_node;	/* in the timer heap or its flow */
	pairingheap_node deadline_node;
	dlist_node	list_node;		/* dispatched: the worker's; held: the task's */
} RunEntry;

/* What is known of a waiting run when it is read. */
typedef struct WaitingRun
{
	int64		run_id;
	int64		task_id;
	TimestampTz due_at;
	TimestampTz wake_at;		/* due_at, or DT_NOBEGIN: it has been due already */
	TimestampTz deadline_at;	/* DT_NOEND: none */
	ItemPointerData ctid;
	const char *key;			/* NULL: none */
	int32		priority;
	Oid			owner;
	bool		is_shell;
	bool		is_suspect;
	bool		is_serial;		/* its task is known to task_plan.h */
	bool		is_prepared;	/* an occurrence whose row was made before it is due */
	bool		is_retry;		/* waits for its next attempt */
	bool		is_adopted;		/* runs already */
} WaitingRun;

/* All of its memory is a child of parent; what was known before is forgotten. */
extern void ready_init(MemoryContext parent, int limit);
extern void ready_set_limit(int limit);

/* Forget every waiting run (not the dispatched ones), before all is read again. */
extern void ready_forget_waiting(void);

/*
 * Add a run, or change the one that is known and not dispatched. Beyond the
 * limit the worst of its queue are evicted.
 */
extern void ready_put(QueuePlan *queue, const WaitingRun *run, TimestampTz now);
extern RunEntry *ready_find(int64 run_id);
extern void ready_remove(RunEntry *entry);

/* What is known of its task; NULL: nothing, or it has none. */
extern TaskPlan *ready_task_of(const RunEntry *entry);

/* Forget waiting runs whose ids are in a range. */
extern void ready_remove_range(int64 first, int64 count);

/* Runs in memory: all, and waiting ones of a queue. */
extern int64 ready_count(void);

/* Move what has become due into its line; returns the next wake_at (DT_NOEND: none). */
extern TimestampTz ready_advance(TimestampTz now);

/*
 * Somebody has set the wall clock. Runs that have not been due wait for their
 * date. What was due stays due; retries, and occurrences that are about to be due,
 * wait as long as they would have, and who waits for a lock looks again at once.
 * All of these have as long to their deadline as they had.
 */
extern void ready_clock_was_set(int64 step_us, TimestampTz now);

/* The next of those due in the future; NULL: none. */
extern RunEntry *ready_first_timer(void);

/* A waiting run whose deadline has passed, NULL: none; *next: the next deadline. */
extern RunEntry *ready_next_expired(TimestampTz now, TimestampTz *next);

/* What its row says of a key has changed. */
extern void ready_key_changed(KeyPlan *key);

/* A task may have room again, or no more. */
extern void ready_task_changed(TaskPlan *task);

/*
 * Runs of tasks that were left in their table since they might not start are
 * wanted now; all that are, or those of one task, come with the next refill.
 */
extern bool ready_wants_left(void);
extern void ready_read_left_tasks(void);
extern void ready_read_left(TaskPlan *task);

/* --- picking -------------------------------------------------------- */

/* Take an entry out of where it waits, for dispatch; it is expected to take so long. */
extern void ready_take(RunEntry *entry, int worker, int64 expected_us, TimestampTz now);

/* It has left the hands of its worker, where it was executed for so long; 0: not at all. */
extern void ready_release(RunEntry *entry, int worker, int64 used_us);

/*
 * An entry that is about to be taken runs already, so it has the turn of its
 * task: the one that seemed to be next waits for it.
 */
extern void ready_seize_turn(RunEntry *entry);

/* While a dispatched run waits again, no other of its key may start. */
extern void ready_hold_up_others(RunEntry *entry);

/*
 * A dispatched run waits again in its line, where it keeps its turn, or not until
 * a later instant.
 */
extern void ready_return(RunEntry *entry);
extern void ready_postpone(RunEntry *entry, TimestampTz until, TimestampTz now);

/* --- refilling ------------------------------------------------------ */

/*
 * Does memory have room for more of this queue, and the table perhaps more? So
 * many are read of each, where several want more.
 */
extern bool ready_wants_refill(const QueuePlan *queue);
extern int	ready_refill_size(int queues);

/*
 * Around a reading of a queue's rows from its watermark on, up to the last row
 * that was read or (is_end) to the end: moves the watermark.
 */
extern void ready_begin_refill(QueuePlan *queue);
extern void ready_end_refill(QueuePlan *queue, RunPlace last_read, bool is_end);

/* A key with room of which memory has few runs, and the table more; NULL: none. */
extern KeyPlan *ready_key_wanting_refill(void);
extern bool ready_has_key_wanting_refill(void);
extern int	ready_key_refill_size(void);

/* The same around a reading of a key's rows, from where they were left. */
extern void ready_begin_key_refill(KeyPlan *key);
extern void ready_end_key_refill(KeyPlan *key, RunPlace last_read, bool is_end);

#endif							/* TASKLY_READY_H */
