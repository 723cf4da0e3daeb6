/*-------------------------------------------------------------------------
 *
 * dependency_store.h
 *	  Every statement about taskly.run_dependency: which run waits for which.
 *
 * A run that waits for others has due_at = infinity in taskly.pending_run. Its
 * rows here stay when it waits no more, for retry() and run_graph(), until
 * neither run is known any more.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DEPENDENCY_STORE_H
#define TASKLY_DEPENDENCY_STORE_H

#include "taskly.h"
#include "store/relation.h"
#include "store/run_store.h"

typedef struct DependencyRow
{
	ItemPointerData ctid;
	int64		run_id;
	int64		parent_id;
	bool		needs_success;	/* false: that the parent has ended is enough */
	char	   *parent_status;	/* NULL: not known to have ended as needed */
} DependencyRow;

/* taskly.run_dependency, open for reading, or for writing too. */
typedef struct DependencyTable
{
	Relation	rel;
	Relation	by_run;			/* (run_id, parent_id) */
	Relation	by_parent;		/* (parent_id, run_id) */
	TupleTableSlot *slot;
	bool		is_writable;
	RelationWriter writer;
} DependencyTable;

extern void dependency_table_open(DependencyTable *table, bool is_writable);
extern void dependency_table_close(DependencyTable *table);

/*
 * Give rows to receive() in the order of an index, under the active snapshot:
 * those whose run (or parent) is in first .. last, from (run, parent), or
 * (parent, run), > `after` on; receive() says whether to go on. The row lives
 * during the call. False: receive() has ended it.
 */
typedef bool (*DependencyReceiver) (const DependencyRow *row, void *arg);
typedef struct DependencyRange
{
	int64		first;
	int64		last;
	int64		after[2];		/* in the order of the index; {0, 0}: from the beginning */
} DependencyRange;
extern bool dependency_read_by_run(DependencyTable *table, const DependencyRange *range,
								   DependencyReceiver receive, void *arg);
extern bool dependency_read_by_parent(DependencyTable *table, const DependencyRange *range,
									  DependencyReceiver receive, void *arg);

/* All rows of one run, or of one parent. */
extern void dependency_read_parents(DependencyTable *table, int64 run_id,
									DependencyReceiver receive, void *arg);
extern void dependency_read_children(DependencyTable *table, int64 parent_id,
									 DependencyReceiver receive, void *arg);

/* Sets the row's ctid. */
extern void dependency_insert(DependencyTable *table, DependencyRow *row);

/* The parent has ended as is needed, by a status: so it is, whatever becomes of history. */
extern void dependency_mark(DependencyTable *table, const DependencyRow *row, const char *status);

/* Which of these runs has a parent, or a child, that the active snapshot sees? */
extern void dependency_store_have_parents(const int64 *run_ids, int count, bool *have);
extern void dependency_store_have_children(const int64 *run_ids, int count, bool *have);

/* Is there any row? */
extern bool dependency_store_has_any(void);

/* Does a run have children, committed or not? Such a run is to be kept in history. */
extern bool dependency_store_has_children(int64 run_id);

/*
 * Delete rows neither of whose runs is pending or in history: looks at up to max
 * rows after (run_id, parent_id), which moves on. False: there are no more.
 */
extern bool dependency_store_sweep(int64 *run_id, int64 *parent_id, int max);

/* --- what has become of a parent -------------------------------------- */

typedef enum ParentState
{
	PARENT_PENDING,				/* not over, or put back */
	PARENT_ENDED,
	PARENT_GONE					/* neither pending nor in history */
} ParentState;

typedef struct Parent
{
	int64		run_id;
	ParentState state;
	char	   *status;			/* PARENT_ENDED */
	Oid			owner;			/* unless it is gone */
	int64		task_id;		/* 0: none */
	int32		queue_id;
} Parent;

extern void dependency_find_parent(int64 run_id, Parent *parent);

typedef enum DependencyVerdict
{
	DEPENDENCY_WAITS,
	DEPENDENCY_SATISFIED,
	DEPENDENCY_FAILED			/* as things are, never */
} DependencyVerdict;

extern DependencyVerdict dependency_judge(const DependencyRow *row, const Parent *parent);

/*
 * The results of a run's parents as a JSON array, or NULL when it has none: each
 * {"run_id", "task", "status", "result"}.
 */
extern char *dependency_parent_results(int64 run_id);

#endif							/* TASKLY_DEPENDENCY_STORE_H */
