/*-------------------------------------------------------------------------
 *
 * schedulability_rm.c
 *	  Response-time analysis of rate-monotonic queues.
 *
 * The task with the shorter period goes first; of equal ones, the run that was
 * due first. A run that has begun is not interrupted, so the longest of lower
 * priority, begun just before, delays all that are released with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/schedulability_test.h"

#define TEST_SINGLE		"response time"
#define TEST_GLOBAL		"response time, several workers"

/* How a task stands to the one that is looked at. */
typedef enum Rank
{
	RANK_HIGHER,
	RANK_EQUAL,
	RANK_LOWER,
	RANK_SELF
} Rank;

static Rank
rank_of(const RealTimeTask *other, const RealTimeTask *task)
{
	if (other == task)
		return RANK_SELF;
	if (other->period_us == 0 || other->period_us > task->period_us)
		return RANK_LOWER;
	return other->period_us == task->period_us ? RANK_EQUAL : RANK_HIGHER;
}

/* ------------------------------------------------------------------------
 * One worker
 * ------------------------------------------------------------------------ */

/* By the longest of lower priority; it has begun, so its first microsecond is over. */
static int64
longest_blocking(const TaskSet *set, const RealTimeTask *task)
{
	int64		longest = 0;

	for (int i = 0; i < set->count; i++)
	{
		if (rank_of(&set->tasks[i], task) == RANK_LOWER)
			longest = Max(longest, set->tasks[i].wcet_us - 1);
	}
	return longest;
}

/* Work of a task and of all before it that is released in a stretch of time. */
static int64
released_work(const TaskSet *set, const RealTimeTask *task, int64 length)
{
	int64		work = task->blocking_us;

	for (int i = 0; i < set->count; i++)
	{
		const RealTimeTask *other = &set->tasks[i];

		if (rank_of(other, task) != RANK_LOWER)
			work = time_add(work, time_times((length - 1) / other->period_us + 1, other->wcet_us));
	}
	return work;
}

/* The longest time without a pause of all that precede the task; -1: no end found. */
static int64
busy_period(TaskSet *set, const RealTimeTask *task)
{
	int64		length = 1;

	for (;;)
	{
		int64		work = released_work(set, task, length);

		if (work == length)
			return length;
		if (work >= TIME_LIMIT || !spend_steps(set, set->count))
			return -1;
		length = work;
	}
}

/*
 * What is done before the n-th release of a busy period starts, when it has
 * waited so long: earlier ones of its own, and of equal tasks those up to its
 * release; of higher tasks also what comes until it starts.
 */
static int64
work_before(const TaskSet *set, const RealTimeTask *task, int64 n, int64 start)
{
	int64		work = time_add(task->blocking_us, time_times(n, task->wcet_us));

	for (int i = 0; i < set->count; i++)
	{
		const RealTimeTask *other = &set->tasks[i];
		Rank		rank = rank_of(other, task);

		if (rank == RANK_HIGHER)
			work = time_add(work, time_times(start / other->period_us + 1, other->wcet_us));
		else if (rank == RANK_EQUAL)
			work = time_add(work, time_times(n + 1, other->wcet_us));
	}
	return work;
}

/* When the n-th release of a busy period starts; -1: no end found. */
static int64
start_of(TaskSet *set, const RealTimeTask *task, int64 n)
{
	int64		start = 0;

	for (;;)
	{
		int64		work = work_before(set, task, n, start);

		if (work == start)
			return start;
		if (work >= TIME_LIMIT || !spend_steps(set, set->count))
			return -1;
		start = work;
	}
}

/* The worst of all releases in the busy period; -1: not known. */
static int64
response_time(TaskSet *set, const RealTimeTask *task)
{
	int64		busy = busy_period(set, task);
	int64		worst = -1;

	for (int64 n = 0; busy > 0 && n <= (busy - 1) / task->period_us; n++)
	{
		int64		start = start_of(set, task, n);

		if (start < 0)
			return -1;
		worst = Max(worst, start + task->wcet_us - n * task->period_us);
	}
	return worst;
}

/* Of this task and all before it: beyond 1, the busy period never ends. */
static double
utilisation_up_to(const TaskSet *set, const RealTimeTask *task)
{
	double		sum = 0;

	for (int i = 0; i < set->count; i++)
	{
		if (rank_of(&set->tasks[i], task) != RANK_LOWER)
			sum += set->tasks[i].utilisation;
	}
	return sum;
}

static void
judge_single(TaskSet *set, RealTimeTask *task)
{
	task->blocking_us = longest_blocking(set, task);
	if (utilisation_up_to(set, task) > 1 + 1e-9)
	{
		judge(task, VERDICT_NOT_GUARANTEED, TEST_SINGLE,
			  "With what is preferred to it, more than one worker can be needed.");
		return;
	}
	task->response_us = response_time(set, task);
	if (task->response_us < 0)
		judge(task, VERDICT_NOT_GUARANTEED, TEST_SINGLE, NOT_DECIDED);
	else if (task->response_us > relative_deadline(set, task))
		judge(task, VERDICT_NOT_GUARANTEED, TEST_SINGLE,
			  "The worst response time is beyond the deadline.");
	else
		judge(task, VERDICT_GUARANTEED, TEST_SINGLE, NULL);
}

/* ------------------------------------------------------------------------
 * Several workers
 * ------------------------------------------------------------------------ */

/* Runs of one task do not meet, where none lasts beyond its period. */
static int64
effective_deadline(const TaskSet *set, const RealTimeTask *task)
{
	return Min(relative_deadline(set, task), task->period_us);
}

/* Work that can be done in a time, and how it grows while the time does. */
typedef struct Workload
{
	int64		work;
	int64		slope;			/* per microsecond, as long as that */
	int64		until;			/* is true */
} Workload;

static void
add_work(Workload *sum, int64 runs, int64 work, bool grows, int64 until)
{
	sum->work = time_add(sum->work, time_times(runs, work));
	sum->slope += grows ? runs : 0;
	sum->until = Min(sum->until, until);
}

/*
 * The most work of a task that meets its deadlines in a stretch of time: a run
 * that ends at its deadline, as late as can be, and then those that come as
 * early as can be; but no more than the stretch.
 */
static void
add_carried_work(const TaskSet *set, const RealTimeTask *task, int64 length, Workload *sum)
{
	int64		reach = length + effective_deadline(set, task) - task->wcet_us;
	int64		rest = reach % task->period_us;
	int64		work = time_add(time_times(reach / task->period_us, task->wcet_us),
								Min(task->wcet_us, rest));
	bool		grows = rest < task->wcet_us;
	int64		until = (grows ? task->wcet_us : task->period_us) - rest;

	if (work > length || (work == length && grows))
		add_work(sum, 1, length, true, grows ? until : Min(until, work - length));
	else
		add_work(sum, 1, work, grows, until);
}

static int
compare_durations(const void *a, const void *b)
{
	int64		x = (*(const RealTimeTask *const *) a)->wcet_us;
	int64		y = (*(const RealTimeTask *const *) b)->wcet_us;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The tasks by their duration, the longest first. */
static const RealTimeTask **
by_duration(const TaskSet *set)
{
	const RealTimeTask **tasks = palloc(sizeof(*tasks) * Max(set->count, 1));

	for (int i = 0; i < set->count; i++)
		tasks[i] = &set->tasks[i];
	qsort(tasks, set->count, sizeof(*tasks), compare_durations);
	return tasks;
}

/*
 * What runs of lower priority that have begun fill of a time: the longest, on as
 * many workers as there are, and none more than that time.
 */
static void
add_blocked_work(const TaskSet *set, const RealTimeTask *task, const RealTimeTask **longest,
				 int64 length, Workload *sum)
{
	int			free_workers = set->workers;

	for (int i = 0; i < set->count && free_workers > 0; i++)
	{
		int			runs = longest[i]->may_overlap ? free_workers : 1;
		int64		rest = longest[i]->wcet_us - 1;

		if (rank_of(longest[i], task) != RANK_LOWER || rest < 0)
			continue;
		add_work(sum, runs, Min(rest, length), length < rest,
				 length < rest ? rest - length : TIME_LIMIT);
		free_workers -= runs;
	}
}

static Workload
work_of_others(const TaskSet *set, const RealTimeTask *task, const RealTimeTask **longest,
			   int64 length)
{
	Workload	sum = {0, 0, TIME_LIMIT};

	add_blocked_work(set, task, longest, length, &sum);
	for (int i = 0; i < set->count; i++)
	{
		Rank		rank = rank_of(&set->tasks[i], task);

		if (rank == RANK_HIGHER || rank == RANK_EQUAL)
			add_carried_work(set, &set->tasks[i], length, &sum);
	}
	return sum;
}

/*
 * The time after which a worker must have been free, since it is more than all
 * others can fill on all workers; -1: not known. All times up to the one that is
 * looked at are filled; so is what that work lasts, and while it grows as fast
 * as time does.
 */
static int64
waiting_time(TaskSet *set, const RealTimeTask *task, const RealTimeTask **longest)
{
	int64		m = set->workers;
	int64		wait = 0;

	for (;;)
	{
		Workload	others = work_of_others(set, task, longest, wait);
		int64		step = others.until;

		if (others.work / m < wait)
			return wait - 1;
		if (others.slope < m)
			step = Min(step, (others.work - m * wait) / (m - others.slope) + 1);
		wait = Max(wait + step, others.work / m + 1);
		if (wait > task->period_us || !spend_steps(set, 2 * (int64) set->count))
			return -1;
	}
}

static void
judge_global(TaskSet *set, RealTimeTask *task, const RealTimeTask **longest)
{
	int64		wait;

	task->blocking_us = longest_blocking(set, task);
	wait = task->wcet_us <= effective_deadline(set, task) ? waiting_time(set, task, longest) : -1;
	if (set->steps_left < 0)
		judge(task, VERDICT_NOT_GUARANTEED, TEST_GLOBAL, NOT_DECIDED);
	else if (wait < 0 || wait + task->wcet_us > effective_deadline(set, task))
		judge(task, VERDICT_NOT_GUARANTEED, TEST_GLOBAL,
			  "The bound on the response time is beyond the deadline or the period.");
	else
	{
		task->response_us = wait + task->wcet_us;
		judge(task, VERDICT_GUARANTEED, TEST_GLOBAL, NULL);
	}
}

/* The bound on the work of others holds only if they meet their deadlines. */
static void
withdraw_followers(const TaskSet *set)
{
	int64		shortest = PG_INT64_MAX;	/* period of a task without a guarantee */

	for (int i = 0; i < set->count; i++)
	{
		if (has_place(set, &set->tasks[i]) && set->tasks[i].verdict != VERDICT_GUARANTEED)
			shortest = Min(shortest, set->tasks[i].period_us);
	}
	for (int i = 0; i < set->count; i++)
	{
		RealTimeTask *task = &set->tasks[i];

		if (task->period_us < shortest || task->verdict != VERDICT_GUARANTEED)
			continue;
		task->response_us = -1;
		judge(task, VERDICT_NOT_GUARANTEED, TEST_GLOBAL,
			  "A task that is preferred has no guarantee.");
	}
}

static void
test_several(TaskSet *set)
{
	const RealTimeTask **longest = by_duration(set);

	for (int i = 0; i < set->count; i++)
	{
		if (has_place(set, &set->tasks[i]))
			judge_global(set, &set->tasks[i], longest);
	}
	withdraw_followers(set);
	pfree(longest);
}

void
test_rate_monotonic(TaskSet *set)
{
	if (set->workers > 1)
	{
		test_several(set);
		return;
	}
	for (int i = 0; i < set->count; i++)
	{
		if (has_place(set, &set->tasks[i]))
			judge_single(set, &set->tasks[i]);
	}
}
