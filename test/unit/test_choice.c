/*-------------------------------------------------------------------------
 *
 * test_choice.c
 *	  The decisions of dispatch: who gets which run, who needs a worker, who
 *	  gives one up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fake_backend.h"
#include "plan/choice.h"
#include "plan/role_plan.h"
#include "plan/staffing.h"
#include "queue_plan.h"
#include "tap.h"

#define ALICE		((Oid) 10)
#define BOB			((Oid) 11)
#define CAROL		((Oid) 12)
#define MAX_RUNS	2000

/* Tasks by what is known of their durations. */
enum
{
	TASK_UNKNOWN = 1,
	TASK_SHORT,					/* 100 us */
	TASK_TINY,					/* 1 us */
	TASK_SLOW					/* 20 ms */
};

static TimestampTz now = 1000000;
static int64 last_run = 0;

bool
run_status_is_failure(RunStatus status)
{
	return status == RUN_FAILED;
}

/* ------------------------------------------------------------------------
 * A stage to play on
 * ------------------------------------------------------------------------ */

static void
know_task(int64 task_id, int64 average_us)
{
	TaskFacts	facts = {.task_id = task_id};

	task_plan_set(&facts)->average_us = average_us;
}

static void
begin_scene(void)
{
	empty_queues();
	for (int queue = 1; queue <= 3; queue++)
	{
		set_queue(queue, QUEUE_FIFO, 0, 0, false);
		throttle_find(queue)->running = 0;
	}
	know_task(TASK_UNKNOWN, 0);
	know_task(TASK_SHORT, 100);
	know_task(TASK_TINY, 1);
	know_task(TASK_SLOW, 20000);
}

static WaitingRun
make_run(int64 task_id, Oid owner)
{
	WaitingRun	run = {0};

	run.run_id = ++last_run;
	run.task_id = task_id;
	run.due_at = now;
	run.deadline_at = DT_NOEND;
	run.owner = owner;
	return run;
}

static int64
put(int queue, int64 task_id, Oid owner, int count)
{
	for (int i = 0; i < count; i++)
	{
		WaitingRun	run = make_run(task_id, owner);

		ready_put(throttle_find(queue), &run, now);
	}
	return last_run;
}

static WorkerLoad
make_worker(Oid role)
{
	WorkerLoad	worker = {.role = role, .is_ready = true, .started_at = now};

	return worker;
}

/* What was handed out: to whom, in order. */
static int	handed_to[MAX_RUNS];
static int64 handed[MAX_RUNS];
static int	handed_count;

static void
note(int worker, const Choice *choice, void *arg)
{
	handed_to[handed_count] = worker;
	handed[handed_count++] = choice->entry->run_id;
	if (choice->entry->state != ENTRY_DISPATCHED)
		handed_count = MAX_RUNS;	/* and the test fails */
}

static int
hand_out(WorkerLoad *workers, int count)
{
	WorkerLoad *pointers[8];

	for (int i = 0; i < count; i++)
	{
		workers[i].index = i;
		pointers[i] = workers[i].is_ready ? &workers[i] : NULL;
	}
	handed_count = 0;
	choice_hand_out(pointers, count, note, NULL, now);
	return handed_count;
}

static void
finish_all(WorkerLoad *worker)
{
	for (int64 id = 1; id <= last_run; id++)
	{
		RunEntry   *entry = ready_find(id);

		if (entry != NULL && entry->state == ENTRY_DISPATCHED)
		{
			choice_release(worker, entry, 0);
			ready_remove(entry);
		}
	}
}

/* ------------------------------------------------------------------------
 * Which run next
 * ------------------------------------------------------------------------ */

static void
test_turns(void)
{
	WorkerLoad	worker = make_worker(ALICE);
	int			served[4] = {0};
	int			longest = 0;
	int			row = 0;

	begin_scene();
	put(1, TASK_TINY, ALICE, 60);
	put(2, TASK_TINY, ALICE, 20);
	put(3, TASK_TINY, ALICE, 20);
	put(3, TASK_TINY, BOB, 5);
	hand_out(&worker, 1);
	ok(handed_count == 100 && worker.count == 100, "a worker gets all runs of its role, and of no other");
	for (int i = 0; i < 60; i++)
	{
		int			queue = ready_find(handed[i])->queue->queue_id;

		row = i > 0 && ready_find(handed[i - 1])->queue->queue_id == queue ? row + 1 : 1;
		longest = Max(longest, row);
		served[queue]++;
	}
	ok(served[1] == 20 && served[2] == 20 && served[3] == 20 && longest == 1,
	   "queues take turns, whatever their length");
	finish_all(&worker);
	ok(worker.count == 0 && throttle_find(1)->running == 0 &&
	   task_plan_find(TASK_TINY)->running == 0, "what ends is out of all counts");
}

static void
test_limits(void)
{
	WorkerLoad	workers[2] = {make_worker(ALICE), make_worker(ALICE)};

	begin_scene();
	set_queue(1, QUEUE_FIFO, 0, 1, false);
	set_queue(2, QUEUE_FIFO, 0, 0, true);
	put(1, TASK_TINY, ALICE, 10);
	put(2, TASK_TINY, ALICE, 10);
	ok(hand_out(workers, 2) == 10 && throttle_find(1)->concurrency == 1 && workers[1].count == 0,
	   "runs that a worker executes one after another are one to its queue's limit");
	ok(!choice_has_more(&workers[0]), "and there is no more to be had, for a queue is paused");
	put(1, TASK_TINY, ALICE, 1);
	ok(choice_has_more(&workers[0]) && !choice_has_more(&workers[1]), "the other worker gets none");
	ok(task_plan_find(TASK_TINY)->running == 10, "a task knows how many of its runs are in hand");
	finish_all(&workers[0]);
	ok(throttle_find(1)->concurrency == 0 && hand_out(&workers[0], 1) == 1, "what has ended makes room");
	finish_all(&workers[0]);
}

/* How many runs of a task a worker is given at once; it has one of another task already. */
static int
given_ahead_in(QueueAlgorithm algorithm, int64 task_id, int64 task_before)
{
	WorkerLoad	worker = make_worker(ALICE);

	begin_scene();
	set_queue(1, algorithm, 0, 0, false);
	if (task_before != 0)
	{
		put(1, task_before, ALICE, 1);
		hand_out(&worker, 1);
	}
	put(1, task_id, ALICE, 1000);
	hand_out(&worker, 1);
	finish_all(&worker);
	return handed_count;
}

static int
given_ahead(int64 task_id, int64 task_before)
{
	return given_ahead_in(QUEUE_FIFO, task_id, task_before);
}

static void
test_ahead(void)
{
	WorkerLoad	worker = make_worker(ALICE);

	ok(given_ahead(TASK_TINY, 0) == CHOICE_MAX_AHEAD, "of tiny runs, hundreds are put ahead");
	ok(given_ahead(TASK_SHORT, 0) == 72, "of short ones, a few milliseconds of work");
	ok(given_ahead(TASK_UNKNOWN, 0) == 64, "of those that nothing is known of, some");
	ok(given_ahead(TASK_SLOW, 0) == 1, "of slow ones, one");
	ok(given_ahead(TASK_TINY, TASK_SLOW) == 0, "behind a slow one goes nothing");
	ok(given_ahead(TASK_SLOW, TASK_TINY) == 0, "a slow one goes behind nothing");
	ok(given_ahead(TASK_SHORT, TASK_UNKNOWN) == 71, "behind one that nothing is known of goes more");
	ok(given_ahead_in(QUEUE_FAIR, TASK_SHORT, 0) == 72, "in a fair queue, too");
	ok(given_ahead_in(QUEUE_PRIORITY, TASK_SHORT, 0) == 18 &&
	   given_ahead_in(QUEUE_EDF, TASK_SHORT, 0) == 18,
	   "less where one may come that is more urgent");
	begin_scene();
	set_queue(1, QUEUE_EDF, 0, 0, false);
	set_queue(2, QUEUE_RATE_MONOTONIC, 0, 0, false);
	put(1, TASK_UNKNOWN, ALICE, 10);
	put(2, TASK_UNKNOWN, ALICE, 10);
	ok(hand_out(&worker, 1) == 1, "where deadlines count, one that nothing is known of goes behind nothing");
	finish_all(&worker);

	begin_scene();
	worker.average_us = 1000;
	put(1, 0, ALICE, 10);
	ok(hand_out(&worker, 1) == 1, "runs without a task are judged by the worker's last ones");
	finish_all(&worker);
	ok(!worker.holds_slow_run, "an empty worker holds nothing slow");
	worker.average_us = 999;
	put(1, 0, ALICE, 10);
	ok(hand_out(&worker, 1) == 7, "a millisecond is slow, less is not");
	worker.holds_slow_run = true;
	choice_release(&worker, ready_find(handed[0]), 0);
	ready_remove(ready_find(handed[0]));
	ok(worker.holds_slow_run && hand_out(&worker, 1) == 0,
	   "a run that turned out slow is waited for, whatever else ends");
	finish_all(&worker);
	ok(choice_slow_at(now) == now + 5000, "5 ms turn a run into a slow one");
}

static void
put_of_key(const char *key, int64 task_id, int count)
{
	for (int i = 0; i < count; i++)
	{
		WaitingRun	run = make_run(task_id, ALICE);

		run.key = key;
		ready_put(throttle_find(1), &run, now);
	}
}

/* Are all that were handed out to a worker of one key, which is its own? */
static bool
is_apart(int worker, const char *key)
{
	for (int i = 0; i < handed_count; i++)
	{
		if ((handed_to[i] == worker) != (strcmp(ready_find(handed[i])->key->text, key) == 0))
			return false;
	}
	return true;
}

static void
end_first_of(WorkerLoad *worker)
{
	for (int i = 0; i < handed_count; i++)
	{
		RunEntry   *entry = ready_find(handed[i]);

		if (handed_to[i] != worker->index || entry == NULL || entry->state != ENTRY_DISPATCHED)
			continue;
		choice_release(worker, entry, 1);
		ready_remove(entry);
		return;
	}
}

/* Runs of a key that go one after another go behind each other, in one worker. */
static void
test_followers(void)
{
	QueueSettings settings;
	WorkerLoad	workers[2] = {make_worker(ALICE), make_worker(ALICE)};

	begin_scene();
	settings = throttle_find(1)->settings;
	settings.max_running_per_key = 1;
	throttle_set(1, &settings);
	put_of_key("a", TASK_TINY, 10);
	ok(hand_out(workers, 2) == 10 && workers[0].count == 10 && workers[1].count == 0,
	   "all of a key go to one worker");
	ok(workers[0].keys == 1 && ready_find(handed[0])->key->worker == 0, "which has the key to itself");
	put_of_key("b", TASK_TINY, 5);
	put_of_key("a", TASK_TINY, 5);
	ok(hand_out(workers, 2) == 10 && is_apart(0, "a") && is_apart(1, "b"), "others of it follow; another key goes to another worker");
	finish_all(&workers[0]);
	workers[0] = workers[1] = make_worker(ALICE);

	begin_scene();
	throttle_set(1, &settings);
	workers[1].is_ready = false;
	put_of_key("c", TASK_TINY, 3);
	put_of_key("d", TASK_TINY, 3);
	ok(hand_out(workers, 2) == 6 && workers[0].keys == 2, "a worker that is alone has several keys");
	workers[1].is_ready = true;
	put_of_key("c", TASK_TINY, 3);
	put_of_key("d", TASK_TINY, 3);
	ok(hand_out(workers, 2) == 0, "while another is idle it gets no more of them");
	finish_all(&workers[0]);
	ok(workers[0].count == 0 && workers[0].keys == 0, "comes to their end");
	ok(hand_out(workers, 2) == 6 && is_apart(0, "c") && is_apart(1, "d"), "and they are shared out");
	finish_all(&workers[0]);
	workers[0] = workers[1] = make_worker(ALICE);

	begin_scene();
	throttle_set(1, &settings);
	put_of_key("e", TASK_SLOW, 3);
	ok(hand_out(workers, 2) == 1, "none goes behind one that takes its time");
	finish_all(&workers[0]);

	begin_scene();
	throttle_set(1, &settings);
	put_of_key("f", TASK_TINY, 3);
	hand_out(workers, 1);
	key_plan_part(ready_find(handed[0])->key);
	end_first_of(&workers[0]);
	put_of_key("f", TASK_TINY, 3);
	ok(hand_out(workers, 1) == 0, "behind those that are to come back goes none");
	finish_all(&workers[0]);
	begin_scene();
}

/* Behind what a worker was given before it could know what a failure means goes none. */
static void
test_strangers(void)
{
	QueueSettings settings;
	WorkerLoad	worker = make_worker(ALICE);
	WaitingRun	adopted = make_run(TASK_TINY, ALICE);

	begin_scene();
	settings = throttle_find(1)->settings;
	settings.block_key_on_failure = true;
	throttle_set(1, &settings);
	adopted.key = "g";
	adopted.is_adopted = true;
	ready_put(throttle_find(1), &adopted, now);
	choice_adopt(&worker, ready_find(adopted.run_id), now);
	put_of_key("g", TASK_TINY, 3);
	ok(hand_out(&worker, 1) == 0, "behind a run that another scheduler has handed over goes none");
	finish_all(&worker);
	ok(hand_out(&worker, 1) == 3, "behind one of ours others do");
	finish_all(&worker);

	begin_scene();
	settings.block_key_on_failure = false;
	settings.max_running_per_key = 1;
	throttle_set(1, &settings);
	put_of_key("h", TASK_TINY, 3);
	ok(hand_out(&worker, 1) == 3, "a key without strict order has runs ahead");
	settings.block_key_on_failure = true;
	throttle_set(1, &settings);
	ready_key_changed(ready_find(handed[0])->key);
	put_of_key("h", TASK_TINY, 3);
	ok(hand_out(&worker, 1) == 0, "once its order is strict, none goes behind these");
	finish_all(&worker);
	ok(hand_out(&worker, 1) == 3, "when they are over, the others go ahead, too");
	finish_all(&worker);
	begin_scene();
}

static int64
put_one_of_key(const char *key, int64 task_id, Oid owner)
{
	WaitingRun	run = make_run(task_id, owner);

	run.key = key;
	ready_put(throttle_find(1), &run, now);
	return run.run_id;
}

/* Runs of a key that go one after another do so whoever owns them. */
static void
test_order_of_owners(void)
{
	QueueSettings settings;
	WorkerLoad	workers[2] = {make_worker(ALICE), make_worker(BOB)};
	int64		first;
	int64		second;

	begin_scene();
	settings = throttle_find(1)->settings;
	settings.max_running_per_key = 1;
	throttle_set(1, &settings);
	first = put_one_of_key("i", TASK_TINY, BOB);
	second = put_one_of_key("i", TASK_TINY, ALICE);
	put_one_of_key("i", TASK_TINY, BOB);
	ok(hand_out(workers, 2) == 1 && handed[0] == first, "one of another owner is not overtaken");
	finish_all(&workers[1]);
	ok(hand_out(workers, 2) == 1 && handed[0] == second, "it is the next one");
	finish_all(&workers[0]);
	ok(hand_out(workers, 2) == 1 && handed_to[0] == 1, "and then comes the one behind it");
	finish_all(&workers[1]);

	put_one_of_key("i", TASK_TINY, BOB);
	second = put_one_of_key("i", TASK_TINY, ALICE);
	ready_remove(ready_find(last_run - 1));
	ok(hand_out(workers, 2) == 1 && handed[0] == second, "none waits for one that has gone");
	finish_all(&workers[0]);
	ok(flow_closed_runs() == 0, "and none is left over");
	begin_scene();
}

/* Who has ended some without a word has room for others. */
static void
test_done(void)
{
	WorkerLoad	worker = make_worker(ALICE);

	begin_scene();
	put(1, TASK_TINY, ALICE, 1000);
	ok(hand_out(&worker, 1) == CHOICE_MAX_AHEAD && hand_out(&worker, 1) == 0, "a worker gets no more than goes ahead");
	worker.done = 100;
	ok(hand_out(&worker, 1) == 100, "but for each that it has ended another");
	finish_all(&worker);
}

static void
test_suspect(void)
{
	WorkerLoad	worker = make_worker(ALICE);
	WaitingRun	suspect = make_run(TASK_TINY, ALICE);

	begin_scene();
	suspect.is_suspect = true;
	ready_put(throttle_find(1), &suspect, now);
	put(1, TASK_TINY, ALICE, 10);
	ok(hand_out(&worker, 1) == 1 && handed[0] == suspect.run_id, "behind a suspect goes nothing");
	finish_all(&worker);
	hand_out(&worker, 1);
	suspect.run_id = ++last_run;
	ready_put(throttle_find(1), &suspect, now);
	ok(hand_out(&worker, 1) == 0, "and a suspect goes behind nothing");
	finish_all(&worker);
	empty_queues();
}

static void
test_workers(void)
{
	WorkerLoad	workers[3] = {make_worker(ALICE), make_worker(BOB), make_worker(ALICE)};
	WorkerLoad	supervisor = make_worker(InvalidOid);
	WaitingRun	run = make_run(TASK_UNKNOWN, ALICE);
	Choice		choice;

	begin_scene();
	put(1, TASK_SLOW, ALICE, 5);
	put(1, TASK_SLOW, BOB, 5);
	ok(hand_out(workers, 3) == 3 && workers[0].count == 1 && workers[1].count == 1 &&
	   workers[2].count == 1, "each worker gets one");
	workers[1].is_ready = false;
	finish_all(&workers[0]);
	workers[0].count = workers[1].count = workers[2].count = 0;
	workers[0].holds_slow_run = workers[2].holds_slow_run = false;
	ok(hand_out(workers, 3) == 2, "one that takes none gets none");
	finish_all(&workers[0]);

	empty_queues();
	run.is_shell = true;
	ready_put(throttle_find(1), &run, now);
	run.run_id = ++last_run;
	run.owner = BOB;
	ready_put(throttle_find(1), &run, now);
	ok(!choice_has_more(&workers[0]) && choice_has_shell_run(), "shell runs are for the supervisor");
	for (int i = 0; i < 2; i++)
	{
		if (choice_next(&supervisor, &choice))
			choice_take(&supervisor, &choice, now);
	}
	ok(supervisor.count == 2, "which takes those of all roles, and at once");
	finish_all(&supervisor);
}

/* ------------------------------------------------------------------------
 * Who needs a worker
 * ------------------------------------------------------------------------ */

static int	crew[3];			/* of Alice, Bob, Carol */
static int	crew_starting[3];

static int
count_crew(Oid role, int *starting)
{
	*starting = crew_starting[role - ALICE];
	return crew[role - ALICE];
}

static void
set_crew(int alice, int bob, int carol)
{
	crew[0] = alice;
	crew[1] = bob;
	crew[2] = carol;
	memset(crew_starting, 0, sizeof(crew_starting));
}

static Oid	asked[3];			/* in order; none gets one */
static int	asked_count;

static bool
refuse(Oid role, TimestampTz when)
{
	asked[asked_count++ % lengthof(asked)] = role;
	return false;
}

static Oid
neediest(void)
{
	asked_count = 0;
	staffing_ask(count_crew, refuse, now);
	return asked_count > 0 ? asked[0] : InvalidOid;
}

/* Gets as many as there are, five. */
static bool
give(Oid role, TimestampTz when)
{
	if (crew[0] + crew[1] + crew[2] == 5)
		return false;
	crew[role - ALICE]++;
	return true;
}

static void
test_need(void)
{
	WorkerLoad	worker = make_worker(ALICE);

	begin_scene();
	set_crew(0, 0, 0);
	ok(neediest() == InvalidOid, "with nothing to do nobody needs a worker");
	put(1, TASK_TINY, ALICE, 1);
	ok(neediest() == ALICE, "the first run needs a worker, however small");
	crew[0] = crew_starting[0] = 1;
	ok(neediest() == InvalidOid, "one that is coming is enough for it");
	set_crew(1, 0, 0);
	ok(neediest() == InvalidOid, "for less than 10 ms of work no second one is started");
	put(1, TASK_SHORT, ALICE, 101);
	ok(neediest() == InvalidOid, "the first of a line says how long each takes");
	empty_queues();
	put(1, TASK_SHORT, ALICE, 101);
	ok(neediest() == ALICE, "for more it is");
	crew[0] = 2;
	ok(neediest() == InvalidOid, "and a third for more than twice as much");
	put(2, TASK_UNKNOWN, ALICE, 1);
	ok(neediest() == ALICE, "what is not known counts as a tenth of a second");
	set_queue(2, QUEUE_FIFO, 0, 0, true);
	ok(neediest() == InvalidOid, "what may not start does not count");

	put(1, TASK_SLOW, ALICE, 50);
	put(1, TASK_SLOW, BOB, 50);
	put(3, TASK_SLOW, CAROL, 50);
	set_crew(3, 1, 2);
	ok(neediest() == BOB, "the neediest is who has fewest");
	ok(asked_count == 2 && asked[1] == CAROL, "after it, the next");
	set_crew(0, 0, 0);
	staffing_ask(count_crew, give, now);
	ok(crew[0] + crew[1] + crew[2] == 5 && Max(Max(crew[0], crew[1]), crew[2]) == 2,
	   "workers are shared evenly");

	empty_queues();
	put(1, TASK_SLOW, ALICE, 5);
	hand_out(&worker, 1);
	put(1, TASK_SLOW, BOB, 5);
	set_crew(0, 0, 0);
	ok(neediest() == BOB, "of several that have as few, who has been waiting longest");
	finish_all(&worker);
}

/* ------------------------------------------------------------------------
 * Who gives one up
 * ------------------------------------------------------------------------ */

static int
victim(WorkerLoad *workers, int count, int fewest, TimestampTz *again)
{
	WorkerLoad *pointers[8];

	for (int i = 0; i < count; i++)
		pointers[i] = OidIsValid(workers[i].role) ? &workers[i] : NULL;
	*again = DT_NOEND;
	return staffing_victim(pointers, count, fewest, now, again);
}

static void
test_victim(void)
{
	WorkerLoad	workers[4] = {make_worker(ALICE), make_worker(ALICE), make_worker(ALICE), make_worker(BOB)};
	TimestampTz again;

	for (int i = 0; i < 4; i++)
	{
		workers[i].count = 1;
		workers[i].started_at = now - 100 - i;
	}
	ok(victim(workers, 4, 1, &again) == 2, "of the role that has most, the one that served longest");
	ok(victim(workers, 4, 2, &again) == -1, "not for a role that would have as many");
	workers[3].count = 0;
	ok(victim(workers, 4, 2, &again) == 3, "an idle one is always given up");
	workers[3].count = 1;
	workers[3].is_ready = false;
	workers[2].role = InvalidOid;
	ok(victim(workers, 4, 0, &again) == 1, "what is not ours, or not ready, is not given");

	workers[1] = make_worker(CAROL);
	workers[1].count = 1;
	ok(victim(workers, 2, 0, &again) == -1 && again == workers[0].started_at + USECS_PER_SEC,
	   "a role's only worker stays for its quantum");
	workers[0].started_at = now - USECS_PER_SEC;
	ok(victim(workers, 2, 0, &again) == 0, "and not longer");
	ok(victim(workers, 2, 1, &again) == -1, "unless the other has one, too");
	ok(victim(workers, 0, 0, &again) == -1 && again == DT_NOEND, "where nobody is, nobody goes");
}

int
main(void)
{
	throttle_init(TopMemoryContext);
	task_plan_init(TopMemoryContext);
	role_plan_init(TopMemoryContext);
	ready_init(TopMemoryContext, 100000);
	test_turns();
	test_limits();
	test_ahead();
	test_followers();
	test_strangers();
	test_order_of_owners();
	test_done();
	test_suspect();
	test_workers();
	test_need();
	test_victim();
	return tap_done();
}
