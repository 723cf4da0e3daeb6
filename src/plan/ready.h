/*-------------------------------------------------------------------------
 *
 * ready.h
 *	  The waiting runs that a scheduler holds in memory: those due in the
 *	  future by time, those due by the order of their queue.
 *
 * Memory is bounded. For each queue a watermark (due_at, run_id) says up to
 * where memory holds every waiting run; perhaps better ones beyond it too. What
 * is beyond is read when there is room, from the watermark on. Of the runs of
 * paused tasks, and of those that wait for their turn, only a share is held; the
 * others are read when they are wanted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_READY_H
#define TASKLY_READY_H

#include "taskly.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "plan/throttle.h"
#include "storage/itemptr.h"

typedef enum EntryState
{
	ENTRY_TIMER,				/* due in the future */
	ENTRY_READY,				/* due: in its line */
	ENTRY_PARKED,				/* due, but its task is paused */
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
	uint8		state;			/* EntryState */
	int16		slot;			/* dispatched: to whom */
	int16		activity;		/* dispatched shell: reserved entry */
	Oid			owner;
	struct QueuePlan *queue;
	pairingheap_node order_node;	/* in the timer heap or its line */
	pairingheap_node deadline_node;
	dlist_node	list_node;		/* dispatched: the worker's; parked: all parked;
								 * held: the task's */
} RunEntry;

/* The due runs of one role in one queue, SQL and shell apart. */
typedef struct ReadyLine
{
	struct QueuePlan *queue;
	Oid			owner;
	bool		is_shell;
	int64		count;
	int64		last_pick;		/* count of picks then: lines take turns */
	pairingheap heap;
	dlist_node	node;			/* in the list of all lines */
} ReadyLine;

/* What is known of a waiting run when it is read. */
typedef struct WaitingRun
{
	int64		run_id;
	int64		task_id;
	TimestampTz due_at;
	TimestampTz wake_at;		/* due_at, or DT_NOBEGIN: it has been due already */
	TimestampTz deadline_at;	/* DT_NOEND: none */
	ItemPointerData ctid;
	int32		priority;
	Oid			owner;
	bool		is_shell;
	bool		is_suspect;
	bool		is_serial;		/* its task is known to task_plan.h */
	bool		is_prepared;	/* an occurrence whose row was made before it is due */
	bool		is_retry;		/* waits for its next attempt */
} WaitingRun;

/*
 * All of its memory is a child of parent; what was known before is forgotten.
 * is_paused: asked of each run's task before the run goes in line.
 */
typedef bool (*TaskIsPaused) (int64 task_id);
extern void ready_init(MemoryContext parent, int limit, TaskIsPaused is_paused);
extern void ready_set_limit(int limit);

/* Forget every waiting run (not the dispatched ones), before all is read again. */
extern void ready_forget_waiting(void);

/*
 * Add a run, or change the one that is known and not dispatched. Beyond the
 * limit the worst of its queue are evicted.
 */
extern void ready_put(struct QueuePlan *queue, const WaitingRun *run, TimestampTz now);
extern RunEntry *ready_find(int64 run_id);
extern void ready_remove(RunEntry *entry);

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

/* A task was paused or resumed: its due runs leave their line, or go back. */
extern void ready_task_paused(int64 task_id);
extern void ready_task_resumed(int64 task_id);

/* Since the last call: were runs of paused tasks left in their table? */
extern bool ready_has_left_parked(void);

/* Runs that were left in their table since they had to wait for others are wanted now. */
extern bool ready_wants_left_held(void);

/* --- picking -------------------------------------------------------- */

/* All lines, in no order. A line goes with the last run that is taken from it. */
extern dlist_head *ready_lines(void);

static inline bool
ready_line_is_empty(const ReadyLine *line)
{
	return pairingheap_is_empty(&line->heap);
}

extern RunEntry *ready_line_first(ReadyLine *line);

/* Take an entry out of where it waits, for dispatch. */
extern void ready_take(RunEntry *entry);

/*
 * An entry that is about to be taken runs already, so it has the turn of its
 * task: the one that seemed to be next waits for it.
 */
extern void ready_seize_turn(RunEntry *entry);

/*
 * A dispatched run waits again in its line, where it keeps its turn, or not until
 * a later instant.
 */
extern void ready_return(RunEntry *entry);
extern void ready_postpone(RunEntry *entry, TimestampTz until, TimestampTz now);

/* --- refilling ------------------------------------------------------ */

/* Does memory have room for more of this queue, and the table perhaps more? */
extern bool ready_wants_refill(const struct QueuePlan *queue);
extern int	ready_refill_size(void);

/*
 * Around a reading of a queue's rows from its watermark on, up to the last row
 * that was read or (is_end) to the end: moves the watermark.
 */
extern void ready_begin_refill(struct QueuePlan *queue);
extern void ready_end_refill(struct QueuePlan *queue, TimestampTz last_due_at,
							 int64 last_run_id, bool is_end);

#endif							/* TASKLY_READY_H */
