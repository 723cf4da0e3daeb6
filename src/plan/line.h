/*-------------------------------------------------------------------------
 *
 * line.h
 *	  Where due runs wait: lines of flows of runs.
 *
 * A flow is the due runs of one key and task in one line, in the order of their
 * queue; a line has the flows of one role in one queue, SQL and shell apart. The
 * limits of keys and tasks close and open flows: what is at its limit leaves the
 * line's heap as a whole, so that no run that may not start is ever looked at.
 *
 * Runs of a key that go one after another are closed to all but the worker that
 * has one of them: it may have others put behind that. Those are in a heap of
 * their own for each worker.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_LINE_H
#define TASKLY_LINE_H

#include "taskly.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "plan/key_plan.h"
#include "plan/task_plan.h"
#include "plan/throttle.h"

struct RunEntry;

/* Lines from which the same workers are served: their queues share them. */
typedef struct LineGroup
{
	Oid			role;			/* InvalidOid: the supervisor, which serves all */
	ShareClock	clock;
	dlist_node	node;
} LineGroup;

typedef struct ReadyLine
{
	QueuePlan  *queue;
	LineGroup  *group;
	Share		share;			/* of its group's workers */
	bool		is_kept_back;	/* it might not start any when it was looked at last */
	Oid			owner;
	bool		is_shell;
	bool		is_fair;		/* its flows share by the tags of their keys */
	int64		last_pick;		/* count of picks then */
	int64		startable;		/* runs of its open flows, as far as their limits go */
	pairingheap open;			/* of open flows */
	pairingheap *followers;		/* by worker: closed flows that may go behind its runs */
	int			followers_size;
	int			following;		/* flows in these */
	dlist_head	flows;			/* all */
	dlist_node	node;			/* in the list of all lines */
} ReadyLine;

typedef struct FlowId
{
	ReadyLine  *line;
	KeyPlan    *key;			/* NULL: none that matters */
	int64		task_id;		/* 0: none */
} FlowId;

typedef struct ReadyFlow
{
	FlowId		id;				/* hash key */
	TaskPlan   *task;			/* NULL: none, or not known */
	int64		count;
	int64		startable;		/* counted in its line */
	bool		is_open;
	int			leader;			/* closed: the worker whose runs it may follow, or NO_WORKER */
	pairingheap heap;			/* RunEntry.order_node */
	pairingheap_node open_node;
	dlist_node	line_node;
	dlist_node	key_node;
	dlist_node	task_node;
} ReadyFlow;

/* All of its memory is parent's; there are no lines. */
extern void line_init(MemoryContext parent);

/* A run goes in line, or leaves it. A flow, and a line, go with their last run. */
extern void line_add(struct RunEntry *entry);
extern void line_remove(struct RunEntry *entry);

/* A run of the line is started, and should take so long. */
extern void line_charge(ReadyLine *line, int64 us);

/* A run that was charged has taken more, or less, than that. */
extern void line_correct(const struct RunEntry *entry, int64 us);

/* May it start a run now? Who could not for a while has not saved up its share. */
extern bool line_take_part(ReadyLine *line, bool may_start);

/* All lines, in no order. */
extern dlist_head *ready_lines(void);

/* The best of those that may start; with a worker, also behind what it has. NULL: none. */
extern struct RunEntry *ready_line_first(const ReadyLine *line, int worker);

/* Is there no run that its flow lets start? */
static inline bool
ready_line_is_empty(const ReadyLine *line, int worker)
{
	return pairingheap_is_empty(&line->open) &&
		(worker == NO_WORKER || worker >= line->followers_size ||
		 pairingheap_is_empty(&line->followers[worker]));
}

#endif							/* TASKLY_LINE_H */
