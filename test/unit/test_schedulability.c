/*-------------------------------------------------------------------------
 *
 * test_schedulability.c
 *	  Verdicts on task sets of textbooks, and on random ones against a simulation
 *	  that plays every microsecond: what is guaranteed never misses, what is
 *	  not, on one worker, misses in the case that the theory calls the worst, and
 *	  what is infeasible always does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <signal.h>

#include "tap.h"
#include "fake_backend.h"

#include "miscadmin.h"
#include "plan/schedulability.h"

#define TASKS_MAX	6
#define WORKERS_MAX 4
#define RUNS_MAX	64			/* of one task that are not over */
#define HORIZON		400
#define NEVER		INT64CONST(1000000)
#define SETS		800

/* Nobody interrupts. */
volatile sig_atomic_t InterruptPending = false;

void
ProcessInterrupts(void)
{
}

/* ------------------------------------------------------------------------
 * A simulation
 * ------------------------------------------------------------------------ */

typedef struct Play
{
	QueueAlgorithm algorithm;
	int			workers;
	RealTimeTask *tasks;
	int			count;
	int			loser;			/* task that comes last among equals; -1: none */
	int64		first[TASKS_MAX];	/* release */
	bool		is_periodic;	/* else some releases come later than they could */
	int64		released[TASKS_MAX][RUNS_MAX];	/* waiting runs, oldest first */
	int			waiting[TASKS_MAX];
	int64		next[TASKS_MAX];
	int			task_of[WORKERS_MAX];
	int64		release_of[WORKERS_MAX];
	int64		free_at[WORKERS_MAX];
	bool		misses[TASKS_MAX];
	int64		response[TASKS_MAX];
} Play;

static int64
deadline_of(const Play *play, int task)
{
	const RealTimeTask *t = &play->tasks[task];

	if (t->deadline_us > 0)
		return t->deadline_us;
	return play->algorithm == QUEUE_EDF ? 0 : t->period_us;
}

static bool
has_key(const Play *play, int task)
{
	const RealTimeTask *t = &play->tasks[task];

	return t->period_us > 0 && (play->algorithm != QUEUE_EDF || t->deadline_us > 0);
}

static bool
may_start(const Play *play, int task)
{
	for (int w = 0; w < play->workers && !play->tasks[task].may_overlap; w++)
	{
		if (play->task_of[w] == task)
			return false;
	}
	return play->waiting[task] > 0;
}

/* Does the oldest run of one task go before that of another? */
static bool
goes_before(const Play *play, int a, int b)
{
	int64		release_a = play->released[a][0];
	int64		release_b = play->released[b][0];
	int64		key_a = play->algorithm == QUEUE_EDF ? release_a + deadline_of(play, a) : play->tasks[a].period_us;
	int64		key_b = play->algorithm == QUEUE_EDF ? release_b + deadline_of(play, b) : play->tasks[b].period_us;

	if (has_key(play, a) != has_key(play, b))
		return has_key(play, a);
	if (has_key(play, a) && key_a != key_b)
		return key_a < key_b;
	if (release_a == release_b)
		return b == play->loser;
	return release_a < release_b;
}

static void
release(Play *play, int64 now)
{
	for (int i = 0; i < play->count; i++)
	{
		int64		period = play->tasks[i].period_us > 0 ? play->tasks[i].period_us : 40;

		if (play->next[i] != now)
			continue;
		if (play->waiting[i] < RUNS_MAX)
			play->released[i][play->waiting[i]++] = now;
		play->next[i] = now + period + (play->is_periodic || tap_random(3) > 0 ? 0 : tap_random(period));
	}
}

static void
finish(Play *play, int64 now)
{
	for (int w = 0; w < play->workers; w++)
	{
		int			task = play->task_of[w];

		if (task < 0 || play->free_at[w] != now)
			continue;
		play->response[task] = Max(play->response[task], now - play->release_of[w]);
		if (deadline_of(play, task) > 0 && now - play->release_of[w] > deadline_of(play, task))
			play->misses[task] = true;
		play->task_of[w] = -1;
	}
}

static void
start_runs(Play *play, int64 now)
{
	for (int w = 0; w < play->workers; w++)
	{
		int			best = -1;

		if (play->task_of[w] >= 0)
			continue;
		for (int i = 0; i < play->count; i++)
		{
			if (may_start(play, i) && (best < 0 || goes_before(play, i, best)))
				best = i;
		}
		if (best < 0)
			return;
		play->task_of[w] = best;
		play->release_of[w] = play->released[best][0];
		play->free_at[w] = now + play->tasks[best].wcet_us;
		play->waiting[best]--;
		memmove(play->released[best], play->released[best] + 1, sizeof(int64) * play->waiting[best]);
	}
}

/* What waits too long misses, too. */
static void
look_at_waiting(Play *play, int64 now)
{
	for (int i = 0; i < play->count; i++)
	{
		if (play->waiting[i] > 0 && deadline_of(play, i) > 0 &&
			now - play->released[i][0] > deadline_of(play, i))
			play->misses[i] = true;
	}
}

static void
run_play(Play *play, int64 horizon)
{
	memset(play->waiting, 0, sizeof(play->waiting));
	memset(play->misses, 0, sizeof(play->misses));
	memset(play->response, 0, sizeof(play->response));
	memcpy(play->next, play->first, sizeof(play->next));
	for (int w = 0; w < play->workers; w++)
		play->task_of[w] = -1;
	for (int64 now = 0; now < horizon; now++)
	{
		finish(play, now);
		release(play, now);
		start_runs(play, now);
		look_at_waiting(play, now);
	}
}

/* ------------------------------------------------------------------------
 * Random task sets
 * ------------------------------------------------------------------------ */

static RealTimeTask
make_task(int64 wcet, int64 period, int64 deadline)
{
	RealTimeTask task = {.wcet_us = wcet, .mean_us = wcet, .longest_us = wcet,
	.period_us = period, .mean_gap_us = period, .deadline_us = deadline};

	return task;
}

static void
random_set(Play *play)
{
	static RealTimeTask tasks[TASKS_MAX];

	memset(play, 0, sizeof(*play));
	play->loser = -1;
	play->algorithm = tap_random(2) ? QUEUE_EDF : QUEUE_RATE_MONOTONIC;
	play->workers = tap_random(2) ? 1 : 2 + (int) tap_random(WORKERS_MAX - 1);
	play->tasks = tasks;
	play->count = 1 + (int) tap_random(TASKS_MAX);
	for (int i = 0; i < play->count; i++)
	{
		int64		period = 3 + tap_random(tap_random(2) ? 8 : 30);
		int64		wcet = 1 + tap_random(tap_random(4) ? (period + 3) / 4 : period);
		int64		deadline = tap_random(2) ? period : wcet + tap_random(2 * period);

		if (tap_random(12) == 0)
			period = 0;
		tasks[i] = make_task(wcet, period, period == 0 || tap_random(8) == 0 ? 0 : deadline);
		tasks[i].may_overlap = period == 0 || tap_random(4) == 0;
	}
}

static void
show_set(const Play *play, const char *what)
{
	printf("# %s: %s, %d workers:", what, play->algorithm == QUEUE_EDF ? "edf" : "rm", play->workers);
	for (int i = 0; i < play->count; i++)
		printf(" (C=%d T=%d D=%d %s R=%d)", (int) play->tasks[i].wcet_us, (int) play->tasks[i].period_us,
			   (int) play->tasks[i].deadline_us, verdict_name(play->tasks[i].verdict), (int) play->tasks[i].response_us);
	printf("\n");
}

/* Whatever comes when: no run of a task with a guarantee is late, or later than was computed. */
static bool
guarantees_hold(Play *play)
{
	bool		holds = true;

	for (int round = 0; round < 8 && holds; round++)
	{
		for (int i = 0; i < play->count; i++)
			play->first[i] = round == 0 ? 0 : tap_random(40);
		play->is_periodic = round % 2 == 0;
		run_play(play, HORIZON);
		for (int i = 0; i < play->count; i++)
		{
			const RealTimeTask *task = &play->tasks[i];

			if (task->verdict == VERDICT_GUARANTEED && play->misses[i])
				holds = false;
			if (task->response_us > 0 && play->response[i] > task->response_us)
				holds = false;
		}
	}
	return holds;
}

/*
 * The worst case: one run begins a microsecond before those that are as urgent as
 * a task, or more; others do not come.
 */
static bool
case_misses(Play *play, int task, int blocker)
{
	bool		is_edf = play->algorithm == QUEUE_EDF;
	bool		misses = false;

	for (int i = 0; i < play->count; i++)
	{
		bool		comes = has_key(play, i) &&
			(is_edf ? play->tasks[i].deadline_us <= play->tasks[task].deadline_us
			 : play->tasks[i].period_us <= play->tasks[task].period_us);

		play->first[i] = i == blocker ? 0 : comes ? 1 : NEVER;
	}
	play->is_periodic = true;
	play->loser = task;
	run_play(play, 10 * HORIZON);
	play->loser = -1;
	for (int i = 0; i < play->count; i++)
		misses = misses || (play->misses[i] && (is_edf || i == task));
	return misses;
}

/* Of EDF's tasks none has a guarantee when one has not: any will do. */
static bool
some_case_misses(Play *play, int task)
{
	for (int last = 0; last < play->count; last++)
	{
		if (!has_key(play, last) || (play->algorithm != QUEUE_EDF && last != task))
			continue;
		for (int blocker = -1; blocker < play->count; blocker++)
		{
			if (case_misses(play, last, blocker))
				return true;
		}
	}
	return false;
}

/*
 * Does the task miss, or one that is preferred to it? On several workers it may be
 * that one. An overload of less than a hundredth takes its time.
 */
static bool
comes_to_grief(Play *play, int task)
{
	bool		misses = false;

	for (int i = 0; i < play->count; i++)
		play->first[i] = tap_random(40);
	play->is_periodic = true;
	run_play(play, 100 * HORIZON);
	for (int i = 0; i < play->count; i++)
		misses = misses || (play->misses[i] && has_key(play, i) &&
							(i == task || play->algorithm == QUEUE_EDF ||
							 (play->workers > 1 && play->tasks[i].period_us <= play->tasks[task].period_us)));
	return misses;
}

/* Was the task judged by an exact test, which came to its end? */
static bool
is_exact(const Play *play, int task)
{
	const RealTimeTask *t = &play->tasks[task];

	return play->workers == 1 && has_key(play, task) && strcmp(t->test, "none") != 0 &&
		(t->reason == NULL || strstr(t->reason, "bound of steps") == NULL);
}

static void
test_random_sets(void)
{
	int			guaranteed[2][2] = {{0}};	/* by EDF, several workers */
	int			broken = 0;
	int			inexact = 0;
	int			feasible = 0;

	for (int n = 0; n < SETS; n++)
	{
		Play		play;
		Schedulability result;
		bool		looked_at = false;

		random_set(&play);
		schedulability_analyse(play.algorithm, play.workers, play.tasks, play.count, &result);
		if (!guarantees_hold(&play) && broken++ < 5)
			show_set(&play, "a guarantee is broken");
		for (int i = 0; i < play.count; i++)
		{
			Verdict		verdict = play.tasks[i].verdict;

			if (verdict == VERDICT_GUARANTEED)
				guaranteed[play.algorithm == QUEUE_EDF][play.workers > 1]++;
			else if (is_exact(&play, i) && !some_case_misses(&play, i) &&
					 (verdict != VERDICT_INFEASIBLE || !comes_to_grief(&play, i)) && inexact++ < 5)
				show_set(&play, "no case is late");
			if (verdict != VERDICT_INFEASIBLE || !has_key(&play, i) || looked_at)
				continue;
			looked_at = true;
			if (!comes_to_grief(&play, i) && feasible++ < 5)
				show_set(&play, "what is infeasible is met");
		}
	}
	ok(broken == 0, "no guarantee is broken in %d random sets", SETS);
	ok(inexact == 0, "on one worker, what has no guarantee is late in some case");
	ok(feasible == 0, "what is infeasible is late");
	for (int i = 0; i < 4; i++)
		ok(guaranteed[i / 2][i % 2] > SETS / 50, "%d guarantees of %s on %s", guaranteed[i / 2][i % 2],
		   i / 2 ? "edf" : "rm", i % 2 ? "several workers" : "one worker");
}

/* ------------------------------------------------------------------------
 * Textbooks
 * ------------------------------------------------------------------------ */

/* Davis, Burns, Bril, Lukkien 2007, table 2: the last job of C is not its first one. */
static void
test_can(void)
{
	RealTimeTask tasks[] = {make_task(1000, 2500, 2500), make_task(1000, 3500, 3250), make_task(1000, 3500, 3500)};
	Schedulability result;

	schedulability_analyse(QUEUE_RATE_MONOTONIC, 1, tasks, 3, &result);
	ok(tasks[0].response_us == 1999 && tasks[0].blocking_us == 999 && tasks[0].verdict == VERDICT_GUARANTEED,
	   "the highest task waits for one run (%d)", (int) tasks[0].response_us);
	ok(fabs(result.utilisation - (0.4 + 2 / 3.5)) < 1e-9 && result.verdict == VERDICT_NOT_GUARANTEED &&
	   tasks[2].response_us == 3500 && tasks[1].response_us == 3500,
	   "equal ones wait for each other (%d, %d)", (int) tasks[1].response_us, (int) tasks[2].response_us);
}

static void
test_revisited(void)
{
	/* The second run of a busy period is the late one: 3.5 ms, while the first takes 3.0. */
	RealTimeTask tasks[] = {make_task(1000, 2500, 0), make_task(1000, 3499, 0), make_task(1000, 3500, 3499)};
	Schedulability result;

	schedulability_analyse(QUEUE_RATE_MONOTONIC, 1, tasks, 3, &result);
	ok(tasks[2].verdict == VERDICT_NOT_GUARANTEED && tasks[2].response_us == 3500,
	   "all runs of a busy period are looked at (%d)", (int) tasks[2].response_us);
}

static void
test_bounds(void)
{
	RealTimeTask tasks[] = {make_task(1000, 5000, 0), make_task(2000, 10000, 0), make_task(4000, 40000, 0)};
	Schedulability result;

	schedulability_analyse(QUEUE_RATE_MONOTONIC, 1, tasks, 3, &result);
	ok(fabs(result.bound - 0.779763) < 1e-6 && fabs(result.hyperbolic - 1.2 * 1.2 * 1.1) < 1e-9 &&
	   fabs(result.utilisation - 0.5) < 1e-9 && fabs(result.load - 0.5) < 1e-9, "bounds of Liu and Layland, and Bini and Buttazzo");
	ok(result.verdict == VERDICT_GUARANTEED && tasks[0].response_us == 4999 && tasks[1].response_us == 6999 &&
	   tasks[2].response_us == 7000, "responses %d, %d, %d", (int) tasks[0].response_us,
	   (int) tasks[1].response_us, (int) tasks[2].response_us);
	tasks[2].wcet_us = tasks[2].longest_us = 5000;
	schedulability_analyse(QUEUE_RATE_MONOTONIC, 1, tasks, 3, &result);
	ok(tasks[0].verdict == VERDICT_NOT_GUARANTEED && tasks[2].verdict == VERDICT_GUARANTEED && result.utilisation < result.bound,
	   "a long run breaks the guarantee of a short period, below the bound");
	schedulability_analyse(QUEUE_RATE_MONOTONIC, 2, tasks, 3, &result);
	ok(fabs(result.bound - 1) < 1e-9 && result.verdict == VERDICT_GUARANTEED, "on two workers it holds");
	for (int i = 0; i < 3; i++)
	{
		tasks[i].period_us *= INT64CONST(1000000000);
		tasks[i].wcet_us = tasks[i].longest_us = tasks[i].wcet_us * INT64CONST(1000000000);
	}
	schedulability_analyse(QUEUE_RATE_MONOTONIC, 2, tasks, 3, &result);
	ok(result.verdict == VERDICT_GUARANTEED && tasks[0].response_us == INT64CONST(2999999999999), "with long times as with short ones");
	schedulability_analyse(QUEUE_EDF, 3, tasks, 3, &result);
	ok(fabs(result.bound - (3 - 2 * 0.2)) < 1e-9, "the bound of Goossens, Funk and Baruah");
}

static void
test_hopeless(void)
{
	RealTimeTask tasks[] = {make_task(3, 4, 0), make_task(3, 8, 0)};
	RealTimeTask late[] = {make_task(5, 100, 4)};
	RealTimeTask unknown[] = {make_task(0, 10, 10), make_task(1, 10, 10)};
	RealTimeTask loose[] = {make_task(1, 0, 10), make_task(1, 10, 10), make_task(1, 10, 0)};
	Schedulability result;

	schedulability_analyse(QUEUE_FIFO, 1, tasks, 2, &result);
	ok(tasks[0].verdict == VERDICT_INFEASIBLE && result.verdict == VERDICT_INFEASIBLE, "more work than a worker can do");
	schedulability_analyse(QUEUE_RATE_MONOTONIC, 1, tasks, 2, &result);
	ok(tasks[0].verdict == VERDICT_NOT_GUARANTEED && tasks[1].verdict == VERDICT_INFEASIBLE &&
	   result.verdict == VERDICT_INFEASIBLE, "hits those that come last first");
	schedulability_analyse(QUEUE_FIFO, 2, tasks, 2, &result);
	ok(tasks[0].verdict == VERDICT_NOT_GUARANTEED && strcmp(tasks[0].test, "none") == 0, "fifo guarantees nothing");
	schedulability_analyse(QUEUE_EDF, 2, late, 1, &result);
	ok(late[0].verdict == VERDICT_INFEASIBLE && strcmp(late[0].test, "duration") == 0, "a run that is longer than its deadline");
	schedulability_analyse(QUEUE_EDF, 1, unknown, 2, &result);
	ok(unknown[1].verdict == VERDICT_NOT_GUARANTEED && strstr(unknown[1].reason, "not known") != NULL, "a duration that is not known");
	schedulability_analyse(QUEUE_EDF, 1, loose, 3, &result);
	ok(loose[1].verdict == VERDICT_NOT_GUARANTEED, "a deadline without a period spoils it for all");
	schedulability_analyse(QUEUE_EDF, 1, loose + 1, 2, &result);
	ok(loose[1].verdict == VERDICT_GUARANTEED && loose[2].verdict == VERDICT_NOT_GUARANTEED, "no deadline comes last");
	loose[1].is_irregular = true;
	schedulability_analyse(QUEUE_EDF, 1, loose + 1, 2, &result);
	ok(loose[1].verdict == VERDICT_NOT_GUARANTEED && strstr(loose[1].reason, "besides") != NULL, "what comes besides a schedule spoils it, too");
	schedulability_analyse(QUEUE_EDF, 1, NULL, 0, &result);
	ok(result.verdict == VERDICT_NOT_GUARANTEED && result.bound == 0, "no tasks, no guarantee");
}

/* Periods of a century beside those of a tenth of a second, and many tasks. */
static void
test_limits(void)
{
	static RealTimeTask tasks[3000];
	Schedulability result;
	clock_t		start = clock();

	for (int algorithm = QUEUE_RATE_MONOTONIC; algorithm <= QUEUE_EDF; algorithm++)
	{
		for (int workers = 1; workers <= 2; workers++)
		{
			for (int i = 0; i < (int) lengthof(tasks); i++)
			{
				int64		period = i % 2 ? 100000 + i : INT64CONST(3153600000000000) + i;

				tasks[i] = make_task(i % 2 ? 60 : INT64CONST(31536000000), period, period);
			}
			schedulability_analyse(algorithm, workers, tasks, lengthof(tasks), &result);
			ok(result.verdict == VERDICT_NOT_GUARANTEED, "extremes are decided, or not, in the end");
		}
	}
	ok((clock() - start) / CLOCKS_PER_SEC < 60, "in %.3f s each", (clock() - start) / 4.0 / CLOCKS_PER_SEC);
}

int
main(void)
{
	tap_seed();
	test_can();
	test_revisited();
	test_bounds();
	test_hopeless();
	test_random_sets();
	test_limits();
	return tap_done();
}
