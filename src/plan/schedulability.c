/*-------------------------------------------------------------------------
 *
 * schedulability.c
 *	  Will the tasks of a queue meet their deadlines? What all algorithms share:
 *	  utilisations, what is hopeless, and the verdict on the whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "plan/schedulability.h"
#include "plan/schedulability_test.h"

#define ROUNDING		1e-9	/* a sum of fractions that should be 1 may be more */

const char *
verdict_name(Verdict verdict)
{
	switch (verdict)
	{
		case VERDICT_GUARANTEED:
			return "guaranteed";
		case VERDICT_NOT_GUARANTEED:
			return "not guaranteed";
		case VERDICT_INFEASIBLE:
			break;
	}
	return "infeasible";
}

void
judge(RealTimeTask *task, Verdict verdict, const char *test, const char *reason)
{
	task->verdict = verdict;
	task->test = test;
	task->reason = reason;
}

bool
spend_steps(TaskSet *set, int64 steps)
{
	CHECK_FOR_INTERRUPTS();
	set->steps_left -= steps;
	return set->steps_left >= 0;
}

/* Of other algorithms, all have the same. */
bool
has_place(const TaskSet *set, const RealTimeTask *task)
{
	if (set->algorithm == QUEUE_EDF)
		return task->period_us > 0 && task->deadline_us > 0;
	return task->period_us > 0 || set->algorithm != QUEUE_RATE_MONOTONIC;
}

/* ------------------------------------------------------------------------
 * Sums
 * ------------------------------------------------------------------------ */

static double
mean_load(const RealTimeTask *task)
{
	int64		gap = task->mean_gap_us > 0 ? task->mean_gap_us : task->period_us;

	return gap > 0 ? (double) task->mean_us / gap : 0;
}

static void
sum_up(const TaskSet *set, Schedulability *result)
{
	double		product = 1;
	double		highest = 0;
	int			n = 0;
	int			m = set->workers;

	for (int i = 0; i < set->count; i++)
	{
		RealTimeTask *task = &set->tasks[i];

		task->blocking_us = task->response_us = -1;
		task->utilisation = task->period_us > 0 ? (double) task->wcet_us / task->period_us : 0;
		result->utilisation += task->utilisation;
		result->load += mean_load(task);
		product *= 1 + task->utilisation;
		highest = Max(highest, task->utilisation);
		n += task->period_us > 0 ? 1 : 0;
	}
	if (n == 0)
		return;
	if (set->algorithm == QUEUE_EDF)
		result->bound = m - (m - 1) * Min(highest, 1); /* Goossens, Funk and Baruah */
	else if (set->algorithm == QUEUE_RATE_MONOTONIC && m == 1)
	{
		result->bound = n * (pow(2, 1.0 / n) - 1);	/* Liu and Layland */
		result->hyperbolic = product;	/* Bini, Buttazzo and Buttazzo */
	}
	else if (set->algorithm == QUEUE_RATE_MONOTONIC)
		result->bound = (double) m * m / (3.0 * m - 2); /* Andersson, Baruah and Jonsson */
}

/* ------------------------------------------------------------------------
 * What cannot be
 * ------------------------------------------------------------------------ */

/* The deadline that a verdict is about; 0: none. */
int64
relative_deadline(const TaskSet *set, const RealTimeTask *task)
{
	if (task->deadline_us > 0 || set->algorithm == QUEUE_EDF)
		return task->deadline_us;
	return set->algorithm == QUEUE_RATE_MONOTONIC ? task->period_us : 0;
}

/* Does it take the worker from a task for ever, if it comes often enough? */
static bool
starves(const TaskSet *set, const RealTimeTask *other, const RealTimeTask *task)
{
	if (!has_place(set, task))
		return true;
	return has_place(set, other) &&
		(set->algorithm != QUEUE_RATE_MONOTONIC || other->period_us <= task->period_us);
}

/* The load of a task and of all that are preferred to it for ever. */
static double
load_up_to(const TaskSet *set, const RealTimeTask *task)
{
	double		load = 0;

	for (int i = 0; i < set->count; i++)
	{
		if (starves(set, &set->tasks[i], task))
			load += mean_load(&set->tasks[i]);
	}
	return load;
}

static void
find_infeasible(const TaskSet *set, double load)
{
	for (int i = 0; i < set->count; i++)
	{
		RealTimeTask *task = &set->tasks[i];
		int64		deadline = relative_deadline(set, task);

		if (deadline > 0 && task->longest_us > deadline)
			judge(task, VERDICT_INFEASIBLE, "duration",
				  "A run has taken longer than its deadline allows.");
		else if (load > set->workers + ROUNDING && task->verdict != VERDICT_GUARANTEED &&
				 load_up_to(set, task) > set->workers + ROUNDING)
			judge(task, VERDICT_INFEASIBLE, "utilisation",
				  "More work comes in than the workers can do.");
	}
}

/* ------------------------------------------------------------------------
 * What the tests need to know
 * ------------------------------------------------------------------------ */

/* NULL: all is known. */
static const char *
missing(const TaskSet *set)
{
	for (int i = 0; i < set->count; i++)
	{
		const RealTimeTask *task = &set->tasks[i];

		if (task->wcet_us == 0 && task->period_us > 0)
			return "How long runs of some task of the queue take is not known.";
		if (set->algorithm == QUEUE_EDF && task->deadline_us > 0 && task->period_us == 0)
			return "Runs with deadlines come to the queue that have no schedule to say how often.";
		if (task->is_irregular && task->period_us > 0 && has_place(set, task))
			return "Runs of some task of the queue are enqueued besides those of its schedule.";
	}
	return NULL;
}

static void
judge_all(const TaskSet *set, const char *test, const char *reason)
{
	for (int i = 0; i < set->count; i++)
		judge(&set->tasks[i], VERDICT_NOT_GUARANTEED, test, reason);
}

static void
judge_placeless(const TaskSet *set)
{
	for (int i = 0; i < set->count; i++)
	{
		RealTimeTask *task = &set->tasks[i];

		if (has_place(set, task))
			continue;
		judge(task, VERDICT_NOT_GUARANTEED, "none",
			  task->period_us == 0 ? "Runs without a recurring schedule come last."
			  : "Runs without a deadline come last.");
	}
}

static void
run_tests(TaskSet *set)
{
	const char *unknown = missing(set);

	if (set->algorithm != QUEUE_RATE_MONOTONIC && set->algorithm != QUEUE_EDF)
		judge_all(set, "none", "The algorithm of the queue guarantees no deadline.");
	else if (unknown != NULL)
		judge_all(set, "none", unknown);
	else
	{
		if (set->algorithm == QUEUE_EDF)
			test_edf(set);
		else
			test_rate_monotonic(set);
		judge_placeless(set);
	}
}

static void
judge_queue(const TaskSet *set, Schedulability *result)
{
	const RealTimeTask *worst = NULL;

	for (int i = 0; i < set->count; i++)
	{
		const RealTimeTask *task = &set->tasks[i];

		if (task->period_us > 0 && (worst == NULL || task->verdict > worst->verdict))
			worst = task;
	}
	result->verdict = worst != NULL ? worst->verdict : VERDICT_NOT_GUARANTEED;
	result->test = worst != NULL ? worst->test : "none";
	result->reason = worst != NULL ? worst->reason : "No task of the queue has a schedule.";
	if (result->load > set->workers + ROUNDING)
	{
		result->verdict = VERDICT_INFEASIBLE;
		result->test = "utilisation";
		result->reason = "More work comes in than the workers can do.";
	}
}

void
schedulability_analyse(QueueAlgorithm algorithm, int workers,
					   RealTimeTask *tasks, int count, Schedulability *result)
{
	TaskSet		set = {algorithm, workers, tasks, count, STEPS_MAX};

	memset(result, 0, sizeof(*result));
	sum_up(&set, result);
	run_tests(&set);
	find_infeasible(&set, result->load);
	judge_queue(&set, result);
}
