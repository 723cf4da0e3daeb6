/*-------------------------------------------------------------------------
 *
 * dependency_api.h
 *	  Dependencies of runs in the calls that make runs and put them back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DEPENDENCY_API_H
#define TASKLY_DEPENDENCY_API_H

#include "taskly.h"
#include "fmgr.h"
#include "store/run_store.h"

/* --- enqueue, submit --------------------------------------------------- */

/* What a new run depends on. */
typedef struct DependsOn
{
	int			count;			/* 0: on nothing */
	struct DependencyRow *rows; /* each parent once; run_id is set at last */
	struct Parent *parents;		/* as the check has found them */
} DependsOn;

/* Arguments depends_on and depends_when, at these places; checked for their form. */
extern void arg_depends_on(FunctionCallInfo fcinfo, int depends_on, int depends_when,
						   DependsOn *result);

/*
 * Before the run's row is inserted: looks at each parent, as it is now, with an error when the run could never run, and lets the row wait
 * unless all of them have ended already as is needed.
 */
extern void depends_on_check(DependsOn *depends_on, RunRow *row);

/*
 * After it was inserted. Waits for parents that are just ending, which takes them moments, and leave no history;
 * an error when the run needs one's success, and nobody knows of it.
 */
extern void depends_on_insert(const DependsOn *depends_on, const RunRow *row);

/* --- retry -------------------------------------------------------------- */

/*
 * The lock of a run, under which it is put back: the scheduler holds it for
 * moments only. False: not even in a second. Goes with the transaction.
 */
extern bool dependency_lock_run(int64 run_id);

/*
 * A run that is over is to be put back, by a row that is due now: lets the row
 * wait when there are parents to wait for. False, or an error when is_strict:
 * a parent has failed.
 */
extern bool dependency_come_back(RunRow *row, bool is_strict);

/*
 * A run was put back: bring back, by put_back(), those that were skipped because
 * of it, and those that were because of them. put_back() says whether it could.
 */
typedef bool (*PutBack) (int64 run_id);
extern void dependency_bring_back_children(int64 run_id, PutBack put_back);

#endif							/* TASKLY_DEPENDENCY_API_H */
