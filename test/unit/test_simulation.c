/*-------------------------------------------------------------------------
 *
 * test_simulation.c
 *	  What would happen: tasks that are played without anything happening.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <string.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fake_backend.h"
#include "plan/simulation.h"
#include "plan/throttle.h"
#include "queue_plan.h"
#include "tap.h"
#include "time_zone_fake.h"

#define ALICE		((Oid) 10)
#define BOB			((Oid) 11)
#define SECOND		USECS_PER_SEC
#define MS			INT64CONST(1000)
#define MAX_SEEN	1000
/* When all begins. */
#define T0			(100 * USECS_PER_DAY)

volatile sig_atomic_t InterruptPending = false;

void
ProcessInterrupts(void)
{
}

bool
run_status_is_failure(RunStatus status)
{
	return status == RUN_FAILED;
}

/* ------------------------------------------------------------------------
 * A stage to play on
 * ------------------------------------------------------------------------ */

static struct pg_tz utc;
static SimulatedTask tasks[16];
static int	task_count;
static SimulatedRun seen[MAX_SEEN];
static int	seen_count;

/* Of Alice, every few seconds from T0 on; what is not said is set afterwards. */
static SimulatedTask *
add(const char *schedule, int64 duration_us)
{
	SimulatedTask *task = &tasks[task_count];
	ScheduleError error;

	memset(task, 0, sizeof(*task));
	if (!schedule_parse(schedule, &utc, &task->scheduled.timetable.schedule, &error))
	{
		fprintf(stderr, "%s: %s\n", schedule, error.message);
		abort();
	}
	task->scheduled.task_id = ++task_count;
	task->scheduled.owner = ALICE;
	task->scheduled.fires_left = -1;
	task->scheduled.missed_limit = 100;
	task->scheduled.timetable.anchor = T0;
	task->scheduled.timetable.starts_at = DT_NOBEGIN;
	task->scheduled.timetable.ends_at = DT_NOEND;
	task->queue_id = 1;
	task->duration_us = duration_us;
	return task;
}

static void
note(const SimulatedRun *run, void *arg)
{
	if (seen_count < MAX_SEEN)
		seen[seen_count] = *run;
	seen_count++;
}

/* By due time, then by task. */
static int
compare_seen(const void *a, const void *b)
{
	const SimulatedRun *x = a;
	const SimulatedRun *y = b;

	if (x->scheduled_for != y->scheduled_for)
		return x->scheduled_for < y->scheduled_for ? -1 : 1;
	return (int) (x->task->scheduled.task_id - y->task->scheduled.task_id);
}

static void
prepare(int workers)
{
	static MemoryContext context = NULL;

	if (context != NULL)
		MemoryContextReset(context);
	context = AllocSetContextCreate(TopMemoryContext, "test", ALLOCSET_DEFAULT_SIZES);
	seen_count = 0;
	simulation_begin(context, workers, 2);
	set_queue(1, QUEUE_FIFO, 0, 0, false);
	set_queue(2, QUEUE_PRIORITY, 60 * SECOND, 1, false);
	set_queue(3, QUEUE_FIFO, 0, 0, true);
	for (int i = 0; i < task_count; i++)
		simulation_add_task(&tasks[i], T0);
}

static void
play_with(int workers, int64 seconds)
{
	prepare(workers);
	simulation_play(T0 + seconds * SECOND, note, NULL);
	qsort(seen, Min(seen_count, MAX_SEEN), sizeof(SimulatedRun), compare_seen);
	task_count = 0;
}

static bool
starts(int i, int64 after_us, int64 lasts_us)
{
	return seen[i].started_at == T0 + after_us && seen[i].ended_at == T0 + after_us + lasts_us;
}

static int
count_status(RunStatus status)
{
	int			count = 0;

	for (int i = 0; i < seen_count; i++)
		count += seen[i].status == status;
	return count;
}

/* ------------------------------------------------------------------------
 * Scenes
 * ------------------------------------------------------------------------ */

static void
test_one_worker(void)
{
	add("every 10 seconds", 2 * SECOND);
	add("every 10 seconds", 3 * SECOND);
	play_with(1, 20);
	ok(seen_count == 4 && count_status(RUN_SUCCEEDED) == 4, "each occurrence before the end is played");
	ok(starts(0, 0, 2 * SECOND) && starts(1, 2 * SECOND, 3 * SECOND),
	   "with one worker the second is late by what the first takes");
	ok(starts(2, 10 * SECOND, 2 * SECOND) && starts(3, 12 * SECOND, 3 * SECOND), "and again");
	ok(!seen[0].overlaps && !seen[1].overlaps, "runs of two tasks do not overlap");

	add("every 10 seconds", 2 * SECOND);
	add("every 10 seconds", 3 * SECOND);
	play_with(2, 20);
	ok(starts(0, 0, 2 * SECOND) && starts(1, 0, 3 * SECOND), "with two workers both are in time");

	add("every 10 seconds", 0);
	add("every 10 seconds", 0);
	play_with(1, 10);
	ok(starts(0, 0, 100 * MS) && starts(1, 100 * MS, 100 * MS), "what is not known takes a tenth of a second");
	ok(seen_count == 2, "the end does not count itself");
}

static void
test_overlap(void)
{
	add("every 1 second", 2500 * MS);
	play_with(4, 6);
	ok(count_status(RUN_SUCCEEDED) == 2 && count_status(RUN_SKIPPED) == 4,
	   "skip: what is due while the task runs is skipped");
	ok(seen[1].status == RUN_SKIPPED && seen[1].overlaps && seen[1].started_at == DT_NOEND &&
	   !seen[3].overlaps, "and says that it overlaps");

	add("every 1 second", 2500 * MS)->scheduled.overlap = OVERLAP_QUEUE;
	play_with(4, 6);
	ok(starts(0, 0, 2500 * MS) && starts(1, 2500 * MS, 2500 * MS) && seen[2].status == RUN_SKIPPED &&
	   starts(3, 5000 * MS, 2500 * MS), "queue: one waits, the others are skipped");

	add("every 1 second", 2500 * MS)->scheduled.overlap = OVERLAP_ALLOW;
	play_with(4, 6);
	ok(count_status(RUN_SUCCEEDED) == 6 && starts(2, 2 * SECOND, 2500 * MS) && seen[2].overlaps,
	   "allow: all of them run");

	add("every 1 second", 2500 * MS)->scheduled.overlap = OVERLAP_ALLOW;
	tasks[0].scheduled.max_instances = 2;
	play_with(4, 6);
	ok(count_status(RUN_SUCCEEDED) == 4 && seen[2].status == RUN_SKIPPED && seen[5].status == RUN_SKIPPED,
	   "but no more at once than there may be");

	add("every 1 second", 2500 * MS)->scheduled.overlap = OVERLAP_CANCEL_RUNNING;
	play_with(4, 3);
	ok(seen[0].status == RUN_CANCELLED && starts(0, 0, SECOND) && seen[1].status == RUN_CANCELLED &&
	   seen[2].status == RUN_SUCCEEDED && starts(2, 2 * SECOND, 2500 * MS), "cancel_running: the newest goes on");

	add("3 seconds after finish", 2 * SECOND);
	play_with(1, 11);
	ok(seen_count == 3 && starts(1, 5 * SECOND, 2 * SECOND) && starts(2, 10 * SECOND, 2 * SECOND),
	   "after finish: each counts from the end of the last");
}

static void
test_deadline(void)
{
	add("every 10 seconds", 4 * SECOND);
	add("every 10 seconds", 1 * SECOND)->deadline_us = 3 * SECOND;
	add("every 10 seconds", 3 * SECOND)->deadline_us = 6 * SECOND;
	add("every 10 seconds", 3 * SECOND)->timeout_us = 1 * SECOND;
	play_with(1, 10);
	ok(!seen[0].misses_deadline && seen[0].status == RUN_SUCCEEDED, "one without a deadline misses none");
	ok(seen[1].status == RUN_EXPIRED && seen[1].misses_deadline && seen[1].started_at == DT_NOEND,
	   "one that waits until its deadline expires");
	ok(seen[2].status == RUN_TIMED_OUT && seen[2].misses_deadline && starts(2, 4 * SECOND, 2 * SECOND),
	   "one that is not over by then is stopped");
	ok(seen[3].status == RUN_TIMED_OUT && !seen[3].misses_deadline && starts(3, 6 * SECOND, SECOND),
	   "a timeout is no deadline");
}

static void
test_queues(void)
{
	add("every 10 seconds", SECOND)->queue_id = 2;
	add("every 10 seconds", SECOND)->queue_id = 2;
	add("every 10 seconds", SECOND)->queue_id = 3;
	tasks[1].priority = 1;
	play_with(4, 10);
	ok(starts(1, 0, SECOND) && starts(0, SECOND, SECOND),
	   "a queue's limit holds, and its algorithm decides who goes first");
	ok(seen[2].status == RUN_QUEUED && seen[2].started_at == DT_NOEND, "in a paused queue runs wait for ever");

	add("3 seconds after finish", SECOND)->queue_id = 3;
	play_with(1, 10);
	ok(seen_count == 1 && seen[0].status == RUN_QUEUED, "and what follows their finish does not come");

	for (int i = 0; i < 4; i++)
		add("every 10 seconds", SECOND)->scheduled.is_shell = true;
	play_with(1, 10);
	ok(starts(1, 0, SECOND) && starts(3, SECOND, SECOND), "shell runs have a limit of their own");
}

/* A slow run in front holds nobody up for long. */
static void
test_slow(void)
{
	add("every 10 seconds", 1 * MS / 10);
	for (int i = 0; i < 8; i++)
		add("every 10 seconds", 0)->scheduled.timetable.starts_at = T0 + 5 * SECOND;
	for (int i = 1; i < 9; i++)
		tasks[i].scheduled.timetable.anchor = T0 + 5 * SECOND;
	play_with(2, 10);
	ok(starts(1, 5000 * MS, 100 * MS) && starts(2, 5005 * MS, 100 * MS) && starts(3, 5100 * MS, 100 * MS),
	   "what waits behind a run that turns out slow goes to another worker");
}

static void
test_roles(void)
{
	for (int i = 0; i < 6; i++)
		add("every 100 seconds", 10 * SECOND);
	for (int i = 0; i < 2; i++)
		add("every 100 seconds", 10 * SECOND)->scheduled.owner = BOB;
	play_with(2, 100);
	ok(starts(0, 0, 10 * SECOND) && starts(6, 0, 10 * SECOND) && starts(7, 10 * SECOND, 10 * SECOND),
	   "roles share the workers");
	ok(count_status(RUN_SUCCEEDED) == 8, "and all get through");

	add("every 100 seconds", 10 * SECOND);
	add("every 100 seconds", 10 * SECOND);
	add("every 100 seconds", 10 * SECOND)->scheduled.owner = BOB;
	play_with(1, 100);
	ok(count_status(RUN_SUCCEEDED) == 3, "with one worker, too");
	ok(starts(0, 0, 10 * SECOND) && starts(2, 10 * SECOND, 10 * SECOND) && starts(1, 20 * SECOND, 10 * SECOND),
	   "who has had its quantum makes room after its run");
}

static void
test_bounds(void)
{
	sigjmp_buf	jump;

	add("every 1 second", SECOND / 2)->scheduled.fires_left = 3;
	add("every 1 second", SECOND / 2)->scheduled.timetable.ends_at = T0 + SECOND;
	add("every 1 second", SECOND / 2)->scheduled.timetable.starts_at = T0 + 3 * SECOND;
	add("every 1 second", SECOND / 2)->scheduled.timetable.anchor = T0 + 100 * SECOND;
	play_with(4, 5);
	ok(seen_count == 3 + 2 + 2 + 5, "bounds hold, and a task is played as if it had always been there");

	add("every 100 milliseconds", 10);
	prepare(1);
	if (sigsetjmp(jump, 0) == 0)
	{
		fake_error_jump = &jump;
		simulation_play(DT_NOEND, note, NULL);
		ok(false, "an endless play has an end");
	}
	else
		ok(strcmp(fake_error_message, "too many runs to simulate") == 0 && seen_count >= 999999,
		   "an endless play has an end");
	fake_error_jump = NULL;
	task_count = 0;

	add("every 10 seconds", SECOND);
	play_with(1, 10);
	ok(seen_count == 1 && starts(0, 0, SECOND), "after an error the next play begins from scratch");
}

int
main(void)
{
	test_one_worker();
	test_overlap();
	test_deadline();
	test_queues();
	test_slow();
	test_roles();
	test_bounds();
	return tap_done();
}
