/*-------------------------------------------------------------------------
 *
 * test_limits.c
 *	  Shares, rates, strict order of keys, and the orders of algorithms: played
 *	  by a worker or some, without processes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fake_backend.h"
#include "plan/choice.h"
#include "plan/role_plan.h"
#include "queue_plan.h"
#include "tap.h"

#define OWNER		((Oid) 10)
#define MS			INT64CONST(1000)
#define MAX_WORKERS	4
#define BACKLOG		10

bool
run_status_is_failure(RunStatus status)
{
	return false;
}

static TimestampTz now = INT64CONST(1000000000);
static int64 last_run = 0;

/* How long the runs of a key, or of a task, take. */
static int64 (*duration_of) (const RunEntry *entry);

/* ------------------------------------------------------------------------
 * A stage: workers that take what they are given, one run at a time
 * ------------------------------------------------------------------------ */

typedef struct PlayedWorker
{
	WorkerLoad	load;
	int64		run_id;			/* 0: none */
	TimestampTz ends_at;
} PlayedWorker;

static PlayedWorker workers[MAX_WORKERS];

/* Queues and keys that always have runs waiting. */
typedef struct Source
{
	int32		queue_id;
	const char *key;
	int			waiting;
} Source;

static Source sources[4];
static int	source_count;

static void
set_settings(int32 queue_id, QueueSettings settings)
{
	settings.batch = 1;
	settings.weight = Max(settings.weight, 1);
	settings.rate_interval_us = settings.rate_interval_us ? settings.rate_interval_us : USECS_PER_SEC;
	throttle_set(queue_id, &settings);
	read_queue(queue_id);
}

static void
begin_scene(void)
{
	throttle_init(TopMemoryContext);
	task_plan_init(TopMemoryContext);
	role_plan_init(TopMemoryContext);
	ready_init(TopMemoryContext, 1000000);
	memset(workers, 0, sizeof(workers));
	source_count = 0;
	for (int i = 0; i < MAX_WORKERS; i++)
	{
		workers[i].load.index = i;
		workers[i].load.role = OWNER;
		workers[i].load.is_ready = true;
	}
}

static RunEntry *
put_run(int32 queue_id, WaitingRun run)
{
	run.run_id = ++last_run;
	run.owner = OWNER;
	run.due_at = run.wake_at = now;
	if (run.deadline_at == 0)
		run.deadline_at = DT_NOEND;
	ready_put(throttle_find(queue_id), &run, now);
	return ready_find(last_run);
}

static void
put_many(int32 queue_id, const char *key, int count)
{
	for (int i = 0; i < count; i++)
		put_run(queue_id, (WaitingRun) {.key = key});
}

static void
put_always(int32 queue_id, const char *key)
{
	sources[source_count++] = (Source) {queue_id, key, 0};
}

static void
feed(void)
{
	for (int i = 0; i < source_count; i++)
	{
		put_many(sources[i].queue_id, sources[i].key, BACKLOG - sources[i].waiting);
		sources[i].waiting = BACKLOG;
	}
}

static void
take_from_source(const RunEntry *entry)
{
	for (int i = 0; i < source_count; i++)
	{
		const char *key = sources[i].key;
		bool		is_keyed = entry->key != NULL && entry->key->text != NULL;

		if (sources[i].queue_id == entry->queue->queue_id && is_keyed == (key != NULL) &&
			(key == NULL || strcmp(entry->key->text, key) == 0))
			sources[i].waiting--;
	}
}

static bool
begin_run(PlayedWorker *worker)
{
	Choice		choice;

	if (worker->run_id != 0 || !choice_next(&worker->load, &choice))
		return false;
	choice_take(&worker->load, &choice, now);
	worker->run_id = choice.entry->run_id;
	worker->ends_at = now + duration_of(choice.entry);
	return true;
}

static void
end_run(PlayedWorker *worker, TimestampTz began_us)
{
	RunEntry   *entry = ready_find(worker->run_id);

	choice_release(&worker->load, entry, began_us);
	ready_remove(entry);
	worker->run_id = 0;
}

/* One at a time, and in the order in which they end; seen: what began, until nothing does. */
typedef void (*RunSeen) (const RunEntry *entry, TimestampTz began_at);

static void
play(int count, TimestampTz until, RunSeen seen)
{
	while (now < until)
	{
		TimestampTz next;

		feed();
		next = ready_advance(now);
		for (int i = 0; i < count; i++)
		{
			if (!begin_run(&workers[i]))
				continue;
			seen(ready_find(workers[i].run_id), now);
			take_from_source(ready_find(workers[i].run_id));
		}
		for (int i = 0; i < count; i++)
		{
			if (workers[i].run_id != 0)
				next = earlier(next, workers[i].ends_at);
		}
		if (next == DT_NOEND)
			return;
		now = Max(next, now);
		for (int i = 0; i < count; i++)
		{
			if (workers[i].run_id != 0 && workers[i].ends_at <= now)
				end_run(&workers[i], duration_of(ready_find(workers[i].run_id)));
		}
	}
}

/* ------------------------------------------------------------------------
 * Shares
 * ------------------------------------------------------------------------ */

static int64 used[4];			/* by key "0" .. "3", or by queue */

static int64
ten_or_hundred(const RunEntry *entry)
{
	return entry->key->text[0] == '0' ? 10 * MS : 100 * MS;
}

static void
count_key(const RunEntry *entry, TimestampTz began_at)
{
	used[entry->key->text[0] - '0'] += duration_of(entry);
}

static bool
is_near(int64 a, int64 b, int percent)
{
	return a * 100 >= b * (100 - percent) && a * 100 <= b * (100 + percent);
}

static void
test_keys_share(void)
{
	for (int count = 1; count <= MAX_WORKERS; count += 3)
	{
		begin_scene();
		memset(used, 0, sizeof(used));
		set_settings(1, (QueueSettings) {.algorithm = QUEUE_FAIR});
		duration_of = ten_or_hundred;
		put_always(1, "0");
		put_always(1, "1");
		play(count, now + 20 * USECS_PER_SEC, count_key);
		ok(is_near(used[0], used[1], 10),
		   "with %d workers keys with runs of 10 and 100 ms have the same time: " INT64_FORMAT " and " INT64_FORMAT " ms",
		   count, used[0] / MS, used[1] / MS);
	}
}

static void
test_keys_weigh(void)
{
	begin_scene();
	memset(used, 0, sizeof(used));
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_FAIR});
	key_plan_set(throttle_find(1), "1", 3, false, 0);
	duration_of = ten_or_hundred;
	put_always(1, "0");
	put_always(1, "1");
	play(1, now + 40 * USECS_PER_SEC, count_key);
	ok(is_near(used[0] * 3, used[1], 10), "a key of weight 3 has three times the time: " INT64_FORMAT " and " INT64_FORMAT " ms",
	   used[0] / MS, used[1] / MS);

	/* Nobody saves up while idle. */
	memset(used, 0, sizeof(used));
	put_always(1, "2");
	play(1, now + 2 * USECS_PER_SEC, count_key);
	ok(used[2] > 0 && used[2] <= 800 * MS, "a key that comes later gets its share from then on: " INT64_FORMAT " of 2000 ms",
	   used[2] / MS);
}

static int64
by_queue(const RunEntry *entry)
{
	return entry->queue->queue_id == 1 ? 10 * MS : 50 * MS;
}

static void
count_queue(const RunEntry *entry, TimestampTz began_at)
{
	used[entry->queue->queue_id] += duration_of(entry);
}

static void
test_queues_share(void)
{
	begin_scene();
	memset(used, 0, sizeof(used));
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_FIFO});
	set_settings(2, (QueueSettings) {.algorithm = QUEUE_PRIORITY, .weight = 2, .aging_us = MS});
	duration_of = by_queue;
	put_always(1, NULL);
	put_always(2, NULL);
	play(2, now + 30 * USECS_PER_SEC, count_queue);
	ok(is_near(used[1] * 2, used[2], 10), "queues share by weight: " INT64_FORMAT " and " INT64_FORMAT " ms",
	   used[1] / MS, used[2] / MS);
}

/* ------------------------------------------------------------------------
 * Rates
 * ------------------------------------------------------------------------ */

#define MAX_STARTS	5000

static TimestampTz starts[MAX_STARTS];
static int	start_count;

static int64
no_time(const RunEntry *entry)
{
	return 1;
}

static void
note_start(const RunEntry *entry, TimestampTz began_at)
{
	if (start_count < MAX_STARTS)
		starts[start_count++] = began_at;
}

/* The most starts in any window of that length. */
static int
most_in_window(int64 window_us)
{
	int			most = 0;

	for (int i = 0, first = 0; i < start_count; i++)
	{
		while (starts[i] - starts[first] >= window_us)
			first++;
		most = Max(most, i - first + 1);
	}
	return most;
}

static void
test_rate(int rate, int burst, int64 interval_us)
{
	begin_scene();
	start_count = 0;
	set_settings(1, (QueueSettings) {.rate = rate, .burst = burst, .rate_interval_us = interval_us});
	duration_of = no_time;
	put_always(1, NULL);
	play(2, now + 4 * interval_us, note_start);
	ok(most_in_window(interval_us) <= rate + burst && start_count >= (rate * 4 * 97) / 100,
	   "rate %d, burst %d: at most %d in any window, %d in four of them", rate, burst,
	   most_in_window(interval_us), start_count);
	ok(starts[burst] - starts[0] < MS, "a burst starts at once");

	/* Another scheduler takes over, in the middle of all that. */
	throttle_init(TopMemoryContext);
	ready_init(TopMemoryContext, 1000000);
	throttle_assume_starts(now);
	set_settings(1, (QueueSettings) {.rate = rate, .burst = burst, .rate_interval_us = interval_us});
	throttle_assume_starts(DT_NOBEGIN);
	for (int i = 0; i < MAX_WORKERS; i++)
		workers[i].load.count = workers[i].run_id = 0;
	source_count = 0;
	put_always(1, NULL);
	play(2, now + 2 * interval_us, note_start);
	ok(most_in_window(interval_us) <= rate + burst && start_count >= (rate * 6 * 90) / 100 - rate,
	   "and not more in any window around a new scheduler's start: %d", most_in_window(interval_us));
}

static void
test_rate_of_keys(void)
{
	begin_scene();
	start_count = 0;
	set_settings(1, (QueueSettings) {.rate_per_key = 10});
	duration_of = no_time;
	put_always(1, "0");
	put_always(1, "1");
	put_many(1, NULL, 100);
	play(1, now + 3 * USECS_PER_SEC, note_start);
	ok(start_count >= 100 + 2 * 29 && start_count <= 100 + 2 * 31,
	   "each key has its rate, and runs without one have none: %d", start_count);
	ready_clock_was_set(-USECS_PER_HOUR, now - USECS_PER_HOUR);
	now -= USECS_PER_HOUR;
	start_count = 0;
	play(1, now + 2 * USECS_PER_SEC, note_start);
	ok(start_count >= 2 * 19 && start_count <= 2 * 21, "also after the clock was set back: %d", start_count);
}

/* ------------------------------------------------------------------------
 * Keys in strict order
 * ------------------------------------------------------------------------ */

static int64
first_id(void)
{
	Choice		choice;

	return choice_next(&workers[0].load, &choice) ? choice.entry->run_id : 0;
}

static void
test_strict_order(void)
{
	RunEntry   *first;
	RunEntry   *second;
	RunEntry   *other;

	begin_scene();
	set_settings(1, (QueueSettings) {.block_key_on_failure = true});
	first = put_run(1, (WaitingRun) {.key = "a"});
	second = put_run(1, (WaitingRun) {.key = "a"});
	other = put_run(1, (WaitingRun) {.key = "b"});
	duration_of = no_time;
	(void) begin_run(&workers[0]);
	ok(workers[0].run_id == first->run_id, "the first of a key goes");
	(void) begin_run(&workers[1]);
	ok(workers[1].run_id == other->run_id, "while it runs, the second waits and another key's goes");
	end_run(&workers[1], 1);

	/* It failed, and is to be tried again in a second. */
	choice_release(&workers[0].load, first, 1);
	first->is_blocker = true;
	workers[0].run_id = 0;
	ready_postpone(first, now + USECS_PER_SEC, now);
	ok(first_id() == 0, "while it waits for its next attempt, nothing of its key goes");
	now += USECS_PER_SEC;
	(void) ready_advance(now);
	ok(first_id() == first->run_id, "then it goes before the others");
	(void) begin_run(&workers[0]);
	end_run(&workers[0], 1);
	ok(first_id() == second->run_id, "and the next when it is over");

	key_plan_begin_reload();
	key_plan_set(throttle_find(1), "a", 1, false, 77);
	key_plan_end_reload(ready_key_changed, now);
	ok(first_id() == 0, "a run that ended badly blocks its key");
	key_plan_begin_reload();
	key_plan_end_reload(ready_key_changed, now);
	ok(first_id() == second->run_id, "until that is taken back");
	ready_remove(second);
	ok(ready_count() == 0, "and nothing is left");
}

/* Somebody holds the row of a run that was taken: it is tried again a little later. */
static void
test_held_up(QueueAlgorithm algorithm)
{
	RunEntry   *first;
	int64		first_run;
	int64		urgent;
	int64		other;

	begin_scene();
	set_settings(1, (QueueSettings) {.algorithm = algorithm, .aging_us = USECS_PER_SEC,
				 .block_key_on_failure = true});
	first = put_run(1, (WaitingRun) {.key = "a"});
	duration_of = no_time;
	(void) begin_run(&workers[0]);
	first_run = first->run_id;
	urgent = put_run(1, (WaitingRun) {.key = "a", .priority = 9})->run_id;
	other = put_run(1, (WaitingRun) {.key = "b"})->run_id;

	choice_release(&workers[0].load, first, 0);
	workers[0].run_id = 0;
	ready_hold_up_others(first);
	ready_postpone(first, now + 200 * MS, now);
	(void) begin_run(&workers[0]);
	ok(workers[0].run_id == other, "while a run waits for a lock, another key's goes");
	ok(first_id() == 0, "but nothing of its own, however urgent");
	(void) put_run(1, (WaitingRun) {.key = "a", .priority = 9});
	ok(first_id() == 0, "nor what comes meanwhile");
	end_run(&workers[0], 1);

	now += 200 * MS;
	(void) ready_advance(now);
	ok(begin_run(&workers[0]) && workers[0].run_id == first_run, "then it goes before the others");
	ok(first_id() == 0, "which wait for its end");
	end_run(&workers[0], 1);
	ok(first_id() == urgent, "and then go");
}

static void
test_per_key_limit(void)
{
	int			begun = 0;

	begin_scene();
	set_settings(1, (QueueSettings) {.max_running_per_key = 2});
	put_many(1, "a", 10);
	duration_of = no_time;
	for (int i = 0; i < MAX_WORKERS; i++)
		begun += begin_run(&workers[i]);
	ok(begun == 2, "of a key no more run at once than its queue says");
	put_many(1, "b", 1);
	ok(begin_run(&workers[2]) && !begin_run(&workers[3]), "of another one more do");
	end_run(&workers[0], 1);
	ok(begin_run(&workers[0]), "what ends makes room");
}

static void
test_task_limit(void)
{
	TaskFacts	facts = {.task_id = 5, .max_running = 1};

	begin_scene();
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_FIFO});
	(void) task_plan_set(&facts);
	for (int i = 0; i < 3; i++)
		put_run(1, (WaitingRun) {.task_id = 5});
	ok(begin_run(&workers[0]) && !begin_run(&workers[1]), "of a task no more run at once than it says");
	facts.max_running = 2;
	flow_task_changed(task_plan_set(&facts));
	ok(begin_run(&workers[1]) && !begin_run(&workers[2]), "a higher limit holds at once");
}

static void
test_role_limit(void)
{
	begin_scene();
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_FIFO});
	put_many(1, NULL, 10);
	role_plan_set(OWNER, 2);
	ok(begin_run(&workers[0]) && begin_run(&workers[1]) && !begin_run(&workers[2]),
	   "of a role no more run at once than its quota says");
	end_run(&workers[0], 1);
	ok(begin_run(&workers[2]) && !begin_run(&workers[0]), "whichever worker it is");
	role_plan_begin_reload();
	role_plan_set(InvalidOid, 3);
	ok(begin_run(&workers[0]) && !begin_run(&workers[3]), "who has no quota has everybody's");
	role_plan_begin_reload();
	ok(begin_run(&workers[3]), "and without one there is no limit");
}

/* ------------------------------------------------------------------------
 * Settings that change while runs run
 * ------------------------------------------------------------------------ */

/* In a worker's hands there are runs that have no key; in a fair queue all need one. */
static void
test_becomes_fair(void)
{
	begin_scene();
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_FIFO});
	put_many(1, NULL, 1);
	put_run(1, (WaitingRun) {.task_id = 5});
	(void) begin_run(&workers[0]);
	(void) begin_run(&workers[1]);
	empty_queues();
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_FAIR});
	put_many(1, "a", 1);
	for (int i = 0; i < 2; i++)
	{
		RunEntry   *entry = ready_find(workers[i].run_id);

		choice_release(&workers[i].load, entry, 0);
		ready_return(entry);
		workers[i].run_id = 0;
	}
	for (int i = 0; i < 3; i++)
		(void) begin_run(&workers[i]);
	ok(ready_count() == 0, "what is given back to a queue that has become fair has its share");
}

/* Who waits for a rate waits no longer than the one that holds now says. */
static void
test_rate_changes(void)
{
	QueueSettings slow = {.rate = 1, .rate_per_key = 1, .rate_interval_us = USECS_PER_HOUR};

	begin_scene();
	set_settings(1, slow);
	put_many(1, "a", 2);
	duration_of = no_time;
	(void) begin_run(&workers[0]);
	(void) ready_advance(now);
	ok(!begin_run(&workers[1]), "one an hour");
	set_settings(1, (QueueSettings) {.rate = 1000, .rate_per_key = 1000});
	key_plan_begin_reload();
	key_plan_end_reload(ready_key_changed, now);
	(void) ready_advance(now);
	now += 10 * MS;
	(void) ready_advance(now);
	ok(begin_run(&workers[1]), "a higher rate holds at once");

	set_settings(2, (QueueSettings) {.rate_per_key = 1, .rate_interval_us = USECS_PER_HOUR});
	put_many(2, "a", 2);
	(void) begin_run(&workers[2]);
	set_settings(2, (QueueSettings) {.batch = 1});
	key_plan_begin_reload();
	key_plan_end_reload(ready_key_changed, now);
	(void) ready_advance(now);
	ok(begin_run(&workers[3]), "and so does that there is none");
}

/* Nobody saves up while paused: who goes on has its share, not all of it. */
static void
test_no_saving_up(void)
{
	begin_scene();
	set_settings(1, (QueueSettings) {.is_paused = true});
	set_settings(2, (QueueSettings) {.weight = 1});
	put_always(1, NULL);
	put_always(2, NULL);
	duration_of = by_queue;
	memset(used, 0, sizeof(used));
	play(1, now + 100 * USECS_PER_SEC, count_queue);
	set_settings(1, (QueueSettings) {.is_paused = false});
	memset(used, 0, sizeof(used));
	play(1, now + 10 * USECS_PER_SEC, count_queue);
	ok(used[2] > 4 * USECS_PER_SEC, "a queue that is resumed leaves the others their share");

	begin_scene();
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_FAIR});
	key_plan_set(throttle_find(1), "0", 1, true, 0);
	duration_of = ten_or_hundred;
	put_always(1, "0");
	put_always(1, "1");
	play(1, now + 100 * USECS_PER_SEC, count_key);
	key_plan_begin_reload();
	key_plan_end_reload(ready_key_changed, now);
	memset(used, 0, sizeof(used));
	play(1, now + 10 * USECS_PER_SEC, count_key);
	ok(used[1] > 4 * USECS_PER_SEC, "and so does a key");
}

/* ------------------------------------------------------------------------
 * Orders
 * ------------------------------------------------------------------------ */

static void
test_orders(void)
{
	TaskFacts	slow = {.task_id = 1, .period_us = 100 * MS};
	TaskFacts	fast = {.task_id = 2, .period_us = 10 * MS};
	RunEntry   *expected[3];

	begin_scene();
	(void) task_plan_set(&slow);
	(void) task_plan_set(&fast);
	set_settings(1, (QueueSettings) {.algorithm = QUEUE_RATE_MONOTONIC});
	expected[2] = put_run(1, (WaitingRun) {.priority = 0});
	expected[1] = put_run(1, (WaitingRun) {.task_id = 1});
	expected[0] = put_run(1, (WaitingRun) {.task_id = 2});
	for (int i = 0; i < 3; i++)
	{
		ok(first_id() == expected[i]->run_id, "rate-monotonic: the shorter period first, those without one last");
		ready_remove(expected[i]);
	}

	set_settings(2, (QueueSettings) {.algorithm = QUEUE_EDF});
	expected[2] = put_run(2, (WaitingRun) {.priority = 0});
	expected[1] = put_run(2, (WaitingRun) {.deadline_at = now + 20});
	expected[0] = put_run(2, (WaitingRun) {.deadline_at = now + 10});
	for (int i = 0; i < 3; i++)
	{
		ok(first_id() == expected[i]->run_id, "earliest deadline first, those without one last");
		ready_remove(expected[i]);
	}
}

int
main(void)
{
	test_keys_share();
	test_keys_weigh();
	test_queues_share();
	test_rate(100, 0, USECS_PER_SEC);
	test_rate(100, 20, USECS_PER_SEC);
	test_rate(7, 3, 100 * MS);
	test_rate(2, 0, USECS_PER_HOUR);
	test_rate_of_keys();
	test_strict_order();
	test_held_up(QUEUE_FIFO);
	test_held_up(QUEUE_PRIORITY);
	test_per_key_limit();
	test_task_limit();
	test_role_limit();
	test_becomes_fair();
	test_rate_changes();
	test_no_saving_up();
	test_orders();
	return tap_done();
}
