/*-------------------------------------------------------------------------
 *
 * flow.h
 *	  Flows of runs: their order, and when they are open.
 *
 * A flow has the due runs of one key and task in a line (line.h). It is open when
 * the limits of both let one more start, and of a key whose runs go one after
 * another in the line only that has the key's first run. A closed one is in no
 * heap, unless its runs may go behind those that a worker has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_FLOW_H
#define TASKLY_FLOW_H

#include "taskly.h"
#include "plan/line.h"

/* There are none; what they need besides themselves is allocated there. */
extern void flow_init(MemoryContext context);

/* Runs in closed flows. */
extern int64 flow_closed_runs(void);

/* Would a run go into a flow that is closed? */
extern bool flow_would_wait(const struct RunEntry *entry);

/* The best of a flow; and all of it, in no order: flow->count entries. */
extern struct RunEntry *flow_first(const ReadyFlow *flow);
extern void flow_entries(const ReadyFlow *flow, struct RunEntry **list);

/* Around a change of its runs. */
extern void flow_begin_change(ReadyFlow *flow);
extern void flow_end_change(ReadyFlow *flow);

/* Around a change of what the places of a key's flows depend on; NULL: no key. */
extern void flow_begin_key_change(KeyPlan *key);
extern void flow_end_key_change(KeyPlan *key);

/* A task may have room again, or no more. */
extern void flow_task_changed(TaskPlan *task);

/* Order of runs: 1 when a goes first. As the heaps of PostgreSQL want it. */
extern int	run_compare(const struct RunEntry *a, const struct RunEntry *b);

/* The same of nodes in a flow's heap, and in its line's heaps of flows. */
extern int	flow_compare_runs(const pairingheap_node *a, const pairingheap_node *b, void *arg);
extern int	flow_compare(const pairingheap_node *a, const pairingheap_node *b, void *arg);

#endif							/* TASKLY_FLOW_H */
