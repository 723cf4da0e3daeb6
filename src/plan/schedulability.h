/*-------------------------------------------------------------------------
 *
 * schedulability.h
 *	  Will the tasks of a queue meet their deadlines? Tests of real-time theory
 *	  for runs that are not preempted, on one or several workers.
 *
 * The model is that of sporadic tasks: releases come at least a period apart, at
 * any time; a run takes at most its worst-case execution time (WCET), and has
 * the workers for it to share with its queue only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SCHEDULABILITY_H
#define TASKLY_SCHEDULABILITY_H

#include "taskly.h"

typedef enum Verdict
{
	VERDICT_GUARANTEED,			/* no release misses its deadline */
	VERDICT_NOT_GUARANTEED,		/* one may, or the test cannot tell */
	VERDICT_INFEASIBLE			/* some must, of it or of what is preferred to it */
} Verdict;

typedef struct RealTimeTask
{
	int64		period_us;		/* least time between releases; 0: they come at any time */
	int64		deadline_us;	/* after the release; 0: none given */
	int64		wcet_us;		/* 0: not known */
	int64		mean_gap_us;	/* between releases, on average; 0: not known */
	int64		mean_us;		/* a run takes, on average */
	int64		longest_us;		/* a run has taken; 0: not measured */
	bool		may_overlap;	/* can several of its runs be in execution at a time? */
	bool		is_irregular;	/* do runs come besides those of its schedule? */

	/* Set by schedulability_analyse(). */
	double		utilisation;	/* WCET per period; 0: not known */
	int64		blocking_us;	/* by runs of lower priority; -1: not known */
	int64		response_us;	/* worst, from release to end; -1: without bound, or not known */
	Verdict		verdict;
	const char *test;			/* that says so */
	const char *reason;			/* why it is no guarantee; NULL: it is one */
} RealTimeTask;

typedef struct Schedulability
{
	double		utilisation;	/* of all with a period */
	double		load;			/* of all, on average: means of durations and gaps */
	double		bound;			/* of utilisation, without blocking; 0: has none */
	double		hyperbolic;		/* product of utilisations + 1; 0: does not apply */
	Verdict		verdict;		/* the worst of those with a period */
	const char *test;
	const char *reason;
} Schedulability;

extern const char *verdict_name(Verdict verdict);

/*
 * The verdicts on a task set.
 *
 * Rate-monotonic: on one worker the exact response-time analysis for runs that
 * are not preempted (Davis, Burns, Bril and Lukkien, 2007), deadlines of any
 * length; on several a sufficient one: Bertogna and Cirinei's bound on the work
 * of others (2007), with the runs of lower priority that have begun.
 *
 * EDF: on one worker the processor-demand test for runs that are not preempted
 * (Jeffay, Stanat and Martel, 1991; George, Rivierre and Spuri, 1996), by QPA
 * (Zhang and Burns, 2009); on several Baruah's bound (2006), which is sufficient.
 *
 * No other algorithm guarantees a thing, but any is hopeless beyond its workers.
 *
 * Work is bounded: what is not decided by then is not guaranteed, and says so.
 */
extern void schedulability_analyse(QueueAlgorithm algorithm, int workers,
								   RealTimeTask *tasks, int count, Schedulability *result);

#endif							/* TASKLY_SCHEDULABILITY_H */
