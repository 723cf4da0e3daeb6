/*-------------------------------------------------------------------------
 *
 * schedulability_edf.c
 *	  Processor demand of earliest-deadline-first queues.
 *
 * In any stretch of time that starts with releases, the work that is released
 * and due in it, with the rest of the longest run due later that has begun
 * before, must not be longer than the stretch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/schedulability_test.h"

#define TEST_SINGLE		"processor demand"
#define TEST_GLOBAL		"density, several workers"

static void
judge_edf(const TaskSet *set, Verdict verdict, const char *test, const char *reason)
{
	for (int i = 0; i < set->count; i++)
	{
		if (has_place(set, &set->tasks[i]))
			judge(&set->tasks[i], verdict, test, reason);
	}
}

/* ------------------------------------------------------------------------
 * One worker
 * ------------------------------------------------------------------------ */

/* By what is due later than so long after a release. */
static int64
blocking_beyond(const TaskSet *set, int64 deadline)
{
	int64		longest = 0;

	for (int i = 0; i < set->count; i++)
	{
		const RealTimeTask *task = &set->tasks[i];

		if (!has_place(set, task) || task->deadline_us > deadline)
			longest = Max(longest, task->wcet_us - 1);
	}
	return longest;
}

/* Work that is released and due within a length. */
static int64
demand(const TaskSet *set, int64 length)
{
	int64		work = 0;

	for (int i = 0; i < set->count; i++)
	{
		const RealTimeTask *task = &set->tasks[i];

		if (has_place(set, task) && task->deadline_us <= length)
			work = time_add(work, time_times((length - task->deadline_us) / task->period_us + 1,
											 task->wcet_us));
	}
	return work;
}

/* The last deadline before a length; -1: none. */
static int64
deadline_before(const TaskSet *set, int64 length)
{
	int64		last = -1;

	for (int i = 0; i < set->count; i++)
	{
		const RealTimeTask *task = &set->tasks[i];

		if (has_place(set, task) && task->deadline_us < length)
			last = Max(last, task->deadline_us +
					   (length - 1 - task->deadline_us) / task->period_us * task->period_us);
	}
	return last;
}

/* No stretch that is looked at need be longer; -1: no end found. */
static int64
longest_stretch(TaskSet *set)
{
	int64		length = 1;

	for (;;)
	{
		int64		work = blocking_beyond(set, 0);

		for (int i = 0; i < set->count; i++)
		{
			const RealTimeTask *task = &set->tasks[i];

			if (has_place(set, task))
				work = time_add(work, time_times((length - 1) / task->period_us + 1, task->wcet_us));
		}
		if (work == length)
			return length;
		if (work >= TIME_LIMIT || !spend_steps(set, set->count))
			return -1;
		length = work;
	}
}

static int
compare_ascending(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/*
 * Is the demand met at all deadlines from one length to before another, between
 * which the blocking is the same? Quick processor-demand analysis: what is met
 * with time to spare is met at all deadlines in that time, since demand grows.
 */
static bool
is_met_between(TaskSet *set, int64 from, int64 to)
{
	int64		blocking = blocking_beyond(set, from);
	int64		at = deadline_before(set, to);

	while (at >= from)
	{
		int64		work = time_add(demand(set, at), blocking);

		if (work > at || !spend_steps(set, 3 * (int64) set->count))
			return false;
		at = work < at ? work : deadline_before(set, at);
	}
	return true;
}

static bool
is_demand_met(TaskSet *set, int64 longest)
{
	int64	   *deadlines = palloc(sizeof(int64) * (set->count + 1));
	int			count = 0;
	bool		is_met = true;

	for (int i = 0; i < set->count; i++)
	{
		if (has_place(set, &set->tasks[i]) && set->tasks[i].deadline_us <= longest)
			deadlines[count++] = set->tasks[i].deadline_us;
	}
	qsort(deadlines, count, sizeof(int64), compare_ascending);
	deadlines[count] = longest + 1;
	for (int i = 0; i < count && is_met; i++)
		is_met = deadlines[i] == deadlines[i + 1] || is_met_between(set, deadlines[i], deadlines[i + 1]);
	pfree(deadlines);
	return is_met;
}

static void
test_single(TaskSet *set)
{
	double		utilisation = 0;
	int64		longest;

	for (int i = 0; i < set->count; i++)
	{
		RealTimeTask *task = &set->tasks[i];

		if (!has_place(set, task))
			continue;
		utilisation += task->utilisation;
		task->blocking_us = blocking_beyond(set, task->deadline_us);
	}
	if (utilisation > 1 + 1e-9)
	{
		judge_edf(set, VERDICT_NOT_GUARANTEED, "utilisation",
				  "The tasks with deadlines can need more than one worker.");
		return;
	}
	longest = longest_stretch(set);
	if (longest >= 0 && is_demand_met(set, longest))
		judge_edf(set, VERDICT_GUARANTEED, TEST_SINGLE, NULL);
	else if (set->steps_left < 0 || longest < 0)
		judge_edf(set, VERDICT_NOT_GUARANTEED, TEST_SINGLE, NOT_DECIDED);
	else
		judge_edf(set, VERDICT_NOT_GUARANTEED, TEST_SINGLE,
				  "More work can be due in some time than can be done in it.");
}

/* ------------------------------------------------------------------------
 * Several workers
 * ------------------------------------------------------------------------ */

/*
 * Baruah (2006): with deadlines that are shorter by the longest run, the bound of
 * Goossens, Funk and Baruah holds for runs that are not preempted.
 */
static void
test_global(TaskSet *set)
{
	int64		longest = 0;
	double		sum = 0;
	double		highest = 0;
	bool		is_met = true;

	for (int i = 0; i < set->count; i++)
		longest = Max(longest, set->tasks[i].wcet_us);
	for (int i = 0; i < set->count; i++)
	{
		RealTimeTask *task = &set->tasks[i];
		double		density;

		if (!has_place(set, task))
			continue;
		task->blocking_us = longest;
		if (task->deadline_us <= longest || task->deadline_us > task->period_us)
			is_met = false;
		density = (double) task->wcet_us / Max(task->deadline_us - longest, 1);
		sum += density;
		highest = Max(highest, density);
	}
	if (is_met && highest <= 1 && sum <= set->workers - (set->workers - 1) * highest)
		judge_edf(set, VERDICT_GUARANTEED, TEST_GLOBAL, NULL);
	else
		judge_edf(set, VERDICT_NOT_GUARANTEED, TEST_GLOBAL,
				  "The test is sufficient only, and does not say that deadlines are met.");
}

void
test_edf(TaskSet *set)
{
	if (set->workers == 1)
		test_single(set);
	else
		test_global(set);
}
