/*-------------------------------------------------------------------------
 *
 * test_ready.c
 *	  The waiting runs in a scheduler's memory, against a naive model: random
 *	  arrivals, changes, dispatches, pauses and evictions.
 *
 * The model is the table: it knows every run. Memory may know fewer, but never
 * loses one: up to a queue's watermark it holds all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "fake_backend.h"
#include "plan/policy.h"
#include "plan/ready_private.h"
#include "plan/task_plan.h"
#include "queue_plan.h"
#include "tap.h"

/* As taskly.c says; only what the linker needs. */
bool
run_status_is_failure(RunStatus status)
{
	return false;
}

#define MAX_RUNS	4000
#define QUEUES		5
#define KEYS		4
#define WORKERS		3
#define TASKS		4
#define ROUNDS		12
#define OPERATIONS	2500
/* One operation in so many is followed by a look at everything. */
#define LOOKS		4
#define AGING_US	1000

typedef struct ModelRun
{
	bool		exists;
	bool		is_dispatched;
	int			queue;			/* its id */
	bool		is_postponed;
	int			worker;			/* dispatched: whose */
	WaitingRun	run;
} ModelRun;

static ModelRun model[MAX_RUNS + 1];
static int	made;
static int64 followed;				/* runs that were put behind others of their key */
static TimestampTz now;
static int	limit;
static char failure[256];		/* the first of this round */

#define CHECK(claim, ...) \
	do { \
		if (!(claim) && failure[0] == '\0') \
			snprintf(failure, sizeof(failure), __VA_ARGS__); \
	} while (0)

/* ------------------------------------------------------------------------
 * What must be true at any time
 * ------------------------------------------------------------------------ */

static bool
is_up_to_watermark(const QueuePlan *queue, const WaitingRun *run)
{
	return !place_is_before(queue->watermark, (RunPlace) {run->due_at, run->run_id});
}

static EntryState
expected_state(const ModelRun *m)
{
	if (m->is_dispatched)
		return ENTRY_DISPATCHED;
	return m->run.wake_at > now ? ENTRY_TIMER : ENTRY_READY;
}

/* The key of a run, without making it; NULL: not in memory. */
static KeyPlan *sought;
static const char *sought_text;
static int	sought_queue;

static void
seek(KeyPlan *key)
{
	if (key->text && key->queue->queue_id == sought_queue && strcmp(key->text, sought_text) == 0)
		sought = key;
}

static KeyPlan *
key_of(const ModelRun *m)
{
	sought = NULL;
	sought_text = m->run.key;
	sought_queue = m->queue;
	if (m->run.key != NULL)
		key_plan_each(seek);
	return sought;
}

/* Left in the table by its key, or its task, which remembers that. */
static RunPlace
place_of(const ModelRun *m)
{
	return (RunPlace) {m->run.due_at, m->run.run_id};
}

static bool
is_left_by_task(const ModelRun *m)
{
	const TaskPlan *task = m->run.task_id == 0 ? NULL : task_plan_find(m->run.task_id);

	return task != NULL && task->has_left && task->left_queue_id == m->queue &&
		place_is_before(task->watermark, place_of(m));
}

static bool
is_left_by_key(const ModelRun *m)
{
	const KeyPlan *key = key_of(m);

	return key != NULL && key->is_apart && place_is_before(key->watermark, place_of(m));
}

/* In memory, and not since others depend on it. */
static bool
waits_in_line(const ModelRun *m)
{
	const RunEntry *entry = ready_find(m->run.run_id);

	return m->exists && !m->is_dispatched && entry != NULL && entry->state == ENTRY_READY &&
		!ready_is_pinned(entry);
}

static const char *const key_names[KEYS] = {"one", "two", "three", "four"};

static int
number_of_key(const ModelRun *m)
{
	for (int key = 0; key < KEYS; key++)
	{
		if (m->run.key == key_names[key])
			return key;
	}
	return -1;
}

/* The last one that is in line, of a key and of those of its runs that are a task's. */
typedef struct LastInLine
{
	const ModelRun *of_key;
	const ModelRun *of_task[TASKS + 1];
} LastInLine;

static LastInLine last_in_line[QUEUES + 1][KEYS];

static void
note_last(const ModelRun **last, const ModelRun *m)
{
	if (*last == NULL || place_is_before(place_of(*last), place_of(m)))
		*last = m;
}

static void
find_last_in_line(void)
{
	memset(last_in_line, 0, sizeof(last_in_line));
	for (int id = 1; id <= made; id++)
	{
		const ModelRun *m = &model[id];
		LastInLine *last;

		if (m->run.key == NULL || !waits_in_line(m))
			continue;
		last = &last_in_line[m->queue][number_of_key(m)];
		note_last(&last->of_key, m);
		note_last(&last->of_task[m->run.task_id], m);
	}
}

/*
 * Where arrival decides, no run of a key is in line while an earlier one of it is
 * in the table only; but for one that waits for its task, which only those of that
 * task do not pass.
 */
static void
check_order(void)
{
	find_last_in_line();
	for (int id = 1; id <= made; id++)
	{
		const ModelRun *m = &model[id];
		const ModelRun *behind;

		if (!m->exists || m->run.key == NULL || ready_find(id) != NULL ||
			!ready_is_in_order_of_arrival(throttle_find(m->queue)))
			continue;
		behind = last_in_line[m->queue][number_of_key(m)].of_key;
		if (is_left_by_task(m))
			behind = last_in_line[m->queue][number_of_key(m)].of_task[m->run.task_id];
		CHECK(behind == NULL || place_is_before(place_of(behind), place_of(m)),
			  "run " INT64_FORMAT " is in line, and run %d of its key, which comes before it, is not in memory",
			  behind->run.run_id, id);
	}
}

/* Of a key whose runs go one after another: does one of another role or kind come before it? */
static bool
is_behind_other_line(const RunEntry *entry)
{
	if (entry->key == NULL || !key_plan_is_serial(entry->key))
		return false;
	for (int id = 1; id <= made; id++)
	{
		const RunEntry *other = ready_find(id);

		if (other != NULL && other->state == ENTRY_READY && other->key == entry->key &&
			(other->owner != entry->owner || other->is_shell != entry->is_shell) &&
			(other->task_id == 0 || task_plan_has_room(task_plan_find(other->task_id))) &&
			run_compare(other, entry) > 0)
			return true;
	}
	return false;
}

static bool
may_start(const RunEntry *entry)
{
	return !is_behind_other_line(flow_first(entry->flow)) &&
		(entry->task_id == 0 || task_plan_has_room(task_plan_find(entry->task_id))) &&
		(entry->key == NULL || key_plan_has_room(entry->key, entry->is_blocker));
}

/* Of strictly ordered keys, one that has failed goes first. */
static int64
order_key_of(const ModelRun *m)
{
	const QueueSettings *settings = &throttle_find(m->queue)->settings;
	PolicyInput input = {
		.due_at = m->run.due_at,
		.deadline_at = m->run.deadline_at,
		.priority = m->run.priority
	};

	if (settings->block_key_on_failure && m->run.key && m->run.is_retry)
		return PG_INT64_MIN;
	return policy_order_key(settings->algorithm, settings->aging_us, &input);
}

static void
check_entry(const ModelRun *m, const RunEntry *entry)
{
	int64		id = m->run.run_id;

	CHECK(m->exists, "run " INT64_FORMAT " is in memory and not in the table", id);
	CHECK(entry->run_id == id && entry->queue == throttle_find(m->queue) &&
		  entry->due_at == m->run.due_at &&
		  (m->run.wake_at == DT_NOBEGIN || entry->wake_at == m->run.wake_at) &&
		  entry->deadline_at == m->run.deadline_at && entry->is_postponed == m->is_postponed &&
		  entry->owner == m->run.owner && entry->is_shell == m->run.is_shell,
		  "run " INT64_FORMAT " is not as it was put", id);
	CHECK(entry->order_key == order_key_of(m) ||
		  (ready_is_in_order_of_arrival(entry->queue) && !entry->is_blocker),
		  "run " INT64_FORMAT " has a key of its own", id);
	CHECK(entry->state == expected_state(m), "run " INT64_FORMAT " is in state %d, not %d",
		  id, entry->state, expected_state(m));
}

static bool
belongs_to(const ModelRun *m, const ReadyLine *line)
{
	return line->queue->queue_id == m->queue && m->run.owner == line->owner &&
		m->run.is_shell == line->is_shell;
}

static bool
goes_before(const RunEntry *a, const RunEntry *b)
{
	if (a->queue->settings.algorithm == QUEUE_FAIR && a->key->share.tag != b->key->share.tag)
		return a->key->share.tag < b->key->share.tag;
	return run_compare(a, b) > 0;
}

/* Behind the runs of a worker goes one of a key that it alone has, and whose runs go one after another. */
static void
check_followers(const ReadyLine *line)
{
	for (int worker = 0; worker < WORKERS; worker++)
	{
		const RunEntry *first = ready_line_first(line, NO_WORKER);
		const RunEntry *entry = ready_line_first(line, worker);
		int			at_worker = 0;
		int			elsewhere = 0;

		if (entry == first)
			continue;
		for (int id = 1; id <= made; id++)
		{
			if (!model[id].is_dispatched || ready_find(id)->key != entry->key)
				continue;
			if (model[id].worker == worker)
				at_worker++;
			else
				elsewhere++;
		}
		CHECK(at_worker > 0 && elsewhere == 0 && key_plan_is_serial(entry->key) && !line->is_shell,
			  "run " INT64_FORMAT " would go behind others than its key's", entry->run_id);
		CHECK(first == NULL || goes_before(entry, first), "a follower goes before a better one");
		CHECK(entry->task_id == 0 || task_plan_has_room(task_plan_find(entry->task_id)),
			  "a follower goes beyond the limit of its task");
	}
}

/* The first of a line is the best of those that are due, in memory, and may start. */
static void
check_lines(void)
{
	dlist_iter	iter;
	int64		closed = 0;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);
		const RunEntry *best = NULL;
		int64		count = 0;

		for (int id = 1; id <= made; id++)
		{
			const ModelRun *m = &model[id];

			RunEntry   *entry = ready_find(id);

			if (!m->exists || !belongs_to(m, line) ||
				expected_state(m) != ENTRY_READY || entry == NULL)
				continue;
			CHECK(entry->flow->is_open == may_start(flow_first(entry->flow)),
				  "the flow of run %d is open or closed by mistake", id);
			closed += !entry->flow->is_open;
			if (!may_start(entry))
				continue;
			count++;
			if (best == NULL || goes_before(entry, best))
				best = entry;
		}
		CHECK((count == 0) == ready_line_is_empty(line, NO_WORKER), "a line has " INT64_FORMAT " runs that may start", count);
		CHECK(count == 0 || ready_line_first(line, NO_WORKER) == best,
			  "a line begins with run " INT64_FORMAT ", not with the best one, " INT64_FORMAT,
			  ready_line_first(line, NO_WORKER)->run_id, best->run_id);
		CHECK(line->startable <= count, "a line counts more runs than may start");
		check_followers(line);
	}
	CHECK(flow_closed_runs() == closed, INT64_FORMAT " runs are counted as closed out, not " INT64_FORMAT,
		  flow_closed_runs(), closed);
}

static void
check_all(void)
{
	int64		waiting[QUEUES + 1] = {0};
	TimestampTz first_deadline = DT_NOEND;
	TimestampTz next;
	RunEntry   *expired;

	for (int id = 1; id <= made; id++)
	{
		const ModelRun *m = &model[id];
		RunEntry   *entry = ready_find(id);

		if (entry != NULL)
			check_entry(m, entry);
		else if (m->exists)
		{
			CHECK(!m->is_dispatched, "run %d is lost: a worker has it", id);
			CHECK(is_left_by_task(m) || is_left_by_key(m) || !is_up_to_watermark(throttle_find(m->queue), &m->run),
				  "run %d is lost: not in memory, but below the watermark", id);
		}
		if (entry == NULL || m->is_dispatched)
			continue;
		waiting[0]++;
		waiting[m->queue]++;
		first_deadline = Min(first_deadline, m->run.deadline_at);
	}
	CHECK(ready_count() == waiting[0], "the count of waiting runs is wrong");
	for (int q = 1; q <= QUEUES; q++)
		CHECK(throttle_find(q)->waiting == waiting[q], "a queue's count is wrong");
	expired = ready_next_expired(now, &next);
	CHECK(expired ? expired->deadline_at == first_deadline && first_deadline <= now :
		  next == first_deadline && first_deadline > now, "the next deadline is wrong");
	check_lines();
	check_order();
}

/* ------------------------------------------------------------------------
 * What happens
 * ------------------------------------------------------------------------ */

/* They stay, whatever the limit. */
static int64 blockers;

static void
count_blockers(KeyPlan *key)
{
	blockers += key->blockers;
}

/* As the scheduler does when it has read a row. */
static void
put(ModelRun *m)
{
	QueuePlan  *queue = throttle_find(m->queue);
	int64		before = ready_count();

	if (!m->is_dispatched)
		m->is_postponed = false;
	ready_put(queue, &m->run, now);
	/* A dispatched run that comes back has its place, whatever the limit. */
	blockers = 0;
	key_plan_each(count_blockers);
	CHECK(ready_count() <= Max(limit, before) + blockers, INT64_FORMAT " runs are above the limit", ready_count());
}

/* Few different instants, so that many runs are due at the same time. */
static TimestampTz
some_instant(void)
{
	return now + (tap_random(60) - 30) * 1000;
}

static void
arrive(void)
{
	ModelRun   *m = &model[made + 1];

	if (made == MAX_RUNS)
		return;
	made++;
	memset(m, 0, sizeof(*m));
	m->exists = true;
	m->queue = 1 + tap_random(QUEUES);
	m->run.run_id = made;
	m->run.task_id = tap_random(TASKS + 1);
	m->run.due_at = some_instant();
	m->run.wake_at = tap_random(20) == 0 ? DT_NOBEGIN : m->run.due_at;
	m->run.is_retry = tap_random(4) == 0;
	m->run.deadline_at = tap_random(3) ? DT_NOEND : m->run.due_at + tap_random(100000);
	m->run.priority = tap_random(21) - 10;
	m->run.key = tap_random(3) ? key_names[tap_random(KEYS)] : NULL;
	m->run.owner = 10 + tap_random(2);
	m->run.is_shell = tap_random(5) == 0;
	put(m);
}

static ModelRun *
some_run(bool is_dispatched)
{
	for (int i = 0; made > 0 && i < 20; i++)
	{
		ModelRun   *m = &model[1 + tap_random(made)];

		if (m->exists && m->is_dispatched == is_dispatched)
			return m;
	}
	return NULL;
}

/* A row is changed: its due time moves, and it is read again. */
static void
change(void)
{
	ModelRun   *m = some_run(tap_random(10) == 0);

	if (m == NULL)
		return;
	if (!m->is_dispatched)
		m->run.wake_at = m->run.due_at = some_instant();
	put(m);
}

static void
cancel(void)
{
	ModelRun   *m = some_run(false);

	if (m == NULL)
		return;
	m->exists = false;
	if (ready_find(m->run.run_id))
		ready_remove(ready_find(m->run.run_id));
}

static void
cancel_range(void)
{
	int64		first = 1 + tap_random(made + 1);
	int64		count = tap_random(20);

	for (int64 id = first; id < first + count && id <= made; id++)
	{
		if (!model[id].is_dispatched)
			model[id].exists = false;
	}
	ready_remove_range(first, count);
}

static void
dispatch(void)
{
	int			worker = tap_random(WORKERS + 1) - 1;
	int			leader = tap_random(2) == 0 ? worker : NO_WORKER;
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (!ready_line_is_empty(line, leader) && throttle_has_room(line->queue, worker))
		{
			RunEntry   *entry = ready_line_first(line, leader);

			followed += ready_line_first(line, NO_WORKER) != entry;

			CHECK(!model[entry->run_id].is_dispatched, "a run is dispatched twice");
			model[entry->run_id].is_dispatched = true;
			model[entry->run_id].worker = worker;
			ready_take(entry, worker, tap_random(3) * 500, now);
			return;
		}
	}
}

/* A run ends, or comes back to wait. */
static void
end(void)
{
	ModelRun   *m = some_run(true);

	if (m == NULL)
		return;
	ready_release(ready_find(m->run.run_id), m->worker, tap_random(2000));
	m->is_dispatched = false;
	if (tap_random(2))
	{
		m->is_postponed = tap_random(2);
		m->run.wake_at = m->is_postponed ? now + tap_random(20) * 1000 : DT_NOBEGIN;
		if (m->is_postponed)
			ready_postpone(ready_find(m->run.run_id), m->run.wake_at, now);
		else
			ready_return(ready_find(m->run.run_id));
	}
	else
	{
		m->exists = false;
		ready_remove(ready_find(m->run.run_id));
	}
}

static void
pass_time(void)
{
	TimestampTz next;

	now += tap_random(3000);
	next = ready_advance(now);
	CHECK(next > now, "what is due has not left the timers");
	CHECK(next == earlier(next, ready_first_timer() ? ready_first_timer()->wake_at : DT_NOEND),
		  "the next due time is wrong");
}

/*
 * Somebody sets the clock: who is in no timer stays out of it, retries wait as
 * long as before, and who waits for a lock does not. Those in the table only are
 * read by the new clock.
 */
static void
set_clock(void)
{
	int64		step_us = ((int64) tap_random(60) - 30) * 1000;

	for (int id = 1; id <= made; id++)
	{
		ModelRun   *m = &model[id];

		if (!m->exists || (expected_state(m) == ENTRY_TIMER && !m->run.is_retry && !m->is_postponed))
			continue;
		if (ready_find(id) != NULL && m->run.deadline_at != DT_NOEND)
			m->run.deadline_at += step_us;
		if (m->is_dispatched)
			continue;
		if (m->run.wake_at <= now)
			m->run.wake_at = DT_NOBEGIN;
		else if (ready_find(id) != NULL)
			m->run.wake_at = m->is_postponed ? now + step_us : m->run.wake_at + step_us;
	}
	now += step_us;
	ready_clock_was_set(step_us, now);
	(void) ready_advance(now);
}

static void
set_task(int task, bool is_paused)
{
	TaskFacts	facts = {.task_id = task, .is_paused = is_paused, .max_running = task == 2 ? 3 : 0};

	ready_task_changed(task_plan_set(&facts));
}

static void
toggle_pause(void)
{
	int			task = 1 + tap_random(TASKS);

	set_task(task, !task_plan_find(task)->is_paused);
}

/* What the rows of keys say: some are paused, or weigh more. */
static void
set_keys(void)
{
	key_plan_begin_reload();
	for (int q = 2; q <= QUEUES; q++)
	{
		if (tap_random(2))
			key_plan_set(throttle_find(q), key_names[tap_random(KEYS)], 1 + tap_random(3), tap_random(2), 0);
	}
	key_plan_end_reload(ready_key_changed, now);
}

/* The next run of a queue in the table, after a place; 0: none. */
static int
next_in_table(int queue, const char *key, RunPlace after)
{
	int			best = 0;

	for (int id = 1; id <= made; id++)
	{
		const WaitingRun *run = &model[id].run;

		if (!model[id].exists || model[id].queue != queue ||
			!place_is_before(after, place_of(&model[id])) ||
			(key != NULL && (run->key == NULL || strcmp(run->key, key) != 0)))
			continue;
		if (best == 0 || run->due_at < model[best].run.due_at)
			best = id;
	}
	return best;
}

/* As the scheduler's intake reads on from a watermark. */
static void
refill(int queue_id)
{
	QueuePlan  *queue = throttle_find(queue_id);

	while (ready_wants_refill(queue))
	{
		RunPlace	last_read = queue->watermark;
		int			count = 0;
		int			id;

		ready_begin_refill(queue);
		while (count < ready_refill_size(1) &&
			   (id = next_in_table(queue_id, NULL, last_read)) != 0)
		{
			last_read = place_of(&model[id]);
			count++;
			put(&model[id]);
		}
		ready_end_refill(queue, last_read, count < ready_refill_size(1));
	}
}

/* And what was left of a key; a few at a time, so that it takes several readings. */
static void
refill_keys(void)
{
	KeyPlan    *key;

	while ((key = ready_key_wanting_refill()) != NULL)
	{
		RunPlace	last_read = key->watermark;
		int			size = Min(10, ready_key_refill_size());
		int			count = 0;
		int			id;

		ready_begin_key_refill(key);
		while (count < size &&
			   (id = next_in_table(key->queue->queue_id, key->text, last_read)) != 0)
		{
			last_read = place_of(&model[id]);
			count++;
			put(&model[id]);
		}
		ready_end_key_refill(key, last_read, count < size);
	}
}

static void
happen(void)
{
	int			what = tap_random(100);

	if (what < 40)
		arrive();
	else if (what < 50)
		change();
	else if (what < 55)
		cancel();
	else if (what < 70)
		dispatch();
	else if (what < 82)
		end();
	else if (what < 92)
		pass_time();
	else if (what < 94)
		toggle_pause();
	else if (what < 95)
		set_clock();
	else if (what < 96)
		cancel_range();
	else if (what < 97)
		set_keys();
	else if (what < 98)
		refill_keys();
	else
	{
		ready_read_left_tasks();
		refill(1 + tap_random(QUEUES));
	}
}

/* One of those that do not wait for a date: a failed run of its key may hold it up. */
static bool
is_due(const ModelRun *m)
{
	return m->exists && m->run.wake_at <= now && m->run.due_at <= now && m->queue != 5;
}

/* What an idle scheduler does, turn by turn, until nothing is left to do. */
static void
work_off(void)
{
	int			dispatched;

	do
	{
		dispatched = 0;
		ready_read_left_tasks();
		for (int q = 1; q <= QUEUES; q++)
			refill(q);
		refill_keys();
		(void) ready_advance(now);
		for (int i = 0; i < 50; i++)
			dispatch();
		for (int id = 1; id <= made; id++)
		{
			if (!model[id].is_dispatched)
				continue;
			dispatched++;
			model[id].exists = model[id].is_dispatched = false;
			ready_release(ready_find(id), model[id].worker, 100);
			ready_remove(ready_find(id));
		}
	} while (dispatched > 0 || ready_wants_left() || ready_has_key_wanting_refill());
}

/* Runs of another day fill memory, and more of them the table. */
static void
arrive_for_tomorrow(void)
{
	int			count = tap_random(4) * limit;

	for (int i = 0; i < count && made < MAX_RUNS; i++)
	{
		ModelRun   *m = &model[made + 1];

		made++;
		memset(m, 0, sizeof(*m));
		m->exists = true;
		m->queue = 1 + tap_random(QUEUES);
		m->run.run_id = made;
		m->run.task_id = tap_random(TASKS + 1);
		m->run.due_at = m->run.wake_at = now + USECS_PER_DAY + tap_random(60) * 1000;
		m->run.deadline_at = DT_NOEND;
		m->run.key = tap_random(3) ? key_names[tap_random(KEYS)] : NULL;
		m->run.owner = 10;
		put(m);
	}
}

/* In the end every run that was not cancelled is dispatched, once: all that are due, then the others. */
static void
drain(void)
{
	for (int task = 1; task <= TASKS; task++)
		set_task(task, false);
	key_plan_begin_reload();
	key_plan_end_reload(ready_key_changed, now);
	arrive_for_tomorrow();
	for (int step = 0; step < 4; step++)
	{
		work_off();
		for (int id = 1; id <= made; id++)
			CHECK(!is_due(&model[id]), "run %d is due, and is not dispatched while memory has others", id);
		now += 10000;
	}
	now += 2 * USECS_PER_DAY;
	work_off();
	for (int id = 1; id <= made; id++)
		CHECK(!model[id].exists, "run %d was never dispatched", id);
	CHECK(ready_count() == 0, "something is left in memory");
}

static void
test_round(int round)
{
	made = 0;
	failure[0] = '\0';
	limit = 40 + tap_random(200);
	ready_set_limit(limit);
	empty_queues();
	for (int i = 0; i < OPERATIONS && failure[0] == '\0'; i++)
	{
		happen();
		if (tap_random(LOOKS) == 0)
			check_all();
	}
	if (failure[0] == '\0')
		drain();
	ok(failure[0] == '\0', "round %d, at most %d of %d runs in memory%s%s", round, limit, made,
	   failure[0] ? ": " : "", failure);
}

/* ------------------------------------------------------------------------
 * The limit, by itself
 * ------------------------------------------------------------------------ */

static void
test_eviction(void)
{
	QueuePlan  *queue = throttle_find(1);
	WaitingRun	run = {.deadline_at = DT_NOEND, .owner = 10};
	bool		kept_best = true;

	empty_queues();
	ready_set_limit(100);
	queue->watermark = LAST_PLACE;
	for (int64 id = 1; id <= 101; id++)
	{
		run.run_id = 10000 + id;
		run.due_at = run.wake_at = now + id;
		ready_put(queue, &run, now);
	}
	for (int64 id = 1; id <= 75; id++)
		kept_best = kept_best && ready_find(10000 + id);
	ok(kept_best && ready_count() == 75, "at the limit the worst quarter goes, and what would come after it");
	ok(queue->watermark.due_at == now + 76 && queue->watermark.run_id == 10075, "the watermark is lowered to the best that went");
	ok(!ready_wants_refill(queue), "there is no room for more yet");
	ready_forget_waiting();
	ok(ready_count() == 0 && ready_wants_refill(queue), "there is room when memory is empty");
	empty_queues();
}

/* The run of the first of a queue's lines, taken as for dispatch; 0: none. */
static int64
take_first(void)
{
	RunEntry   *entry;
	ReadyLine  *line;

	if (dlist_is_empty(ready_lines()))
		return 0;
	line = dlist_container(ReadyLine, node, dlist_head_node(ready_lines()));
	if (ready_line_is_empty(line, NO_WORKER))
		return 0;
	entry = ready_line_first(line, NO_WORKER);
	ready_take(entry, NO_WORKER, 0, now);
	return entry->run_id;
}

/* A run goes, after it was executed if it was taken. */
static void
finish(int64 id)
{
	if (ready_find(id)->state == ENTRY_DISPATCHED)
		ready_release(ready_find(id), NO_WORKER, 100);
	ready_remove(ready_find(id));
}

/* One that was taken is given back. */
static void
give_back(int64 id)
{
	ready_release(ready_find(id), NO_WORKER, 0);
	ready_return(ready_find(id));
}

static void
pause(int64 task_id, bool is_paused)
{
	TaskFacts	facts = {.task_id = task_id, .is_serial = true, .is_paused = is_paused};

	ready_task_changed(task_plan_set(&facts));
}

/* Where arrival decides: as runs become known, or due. */
static void
test_arrival(QueueAlgorithm algorithm)
{
	WaitingRun	run = {.deadline_at = DT_NOEND, .owner = 10, .key = "one"};
	QueuePlan  *queue;

	set_queue(8, algorithm, 0, 0, false);
	queue = throttle_find(8);
	empty_queues();
	ready_set_limit(100);
	for (run.run_id = 5; run.run_id >= 1; run.run_id--)
	{
		run.due_at = now + run.run_id;
		run.wake_at = run.run_id == 5 ? now + 10 : DT_NOBEGIN;
		ready_put(queue, &run, now);
	}
	/* Number 4 is read again, and number 5 has become due. */
	run.run_id = 4;
	run.due_at = now + 4;
	ready_put(queue, &run, now);
	(void) ready_advance(now + 10);
	ok(take_first() == 4 && take_first() == 3 && take_first() == 2 && take_first() == 1 && take_first() == 5,
	   "runs start in the order in which they become known, or due");
	for (int64 id = 1; id <= 5; id++)
		finish(id);
}

static void
test_turns(void)
{
	QueuePlan  *queue = throttle_find(2);
	TaskFacts	facts = {.task_id = 3, .is_serial = true};
	WaitingRun	run = {.deadline_at = DT_NOEND, .owner = 10, .task_id = 3, .is_serial = true};
	TaskPlan   *plan = task_plan_set(&facts);

	for (run.run_id = 1; run.run_id <= 3; run.run_id++)
		ready_put(queue, &run, now);
	ok(take_first() == 1 && take_first() == 0, "of the serial runs of a task one is in line or dispatched");
	ok(ready_find(2)->state == ENTRY_HELD && ready_count() == 2, "others wait for their turn");
	task_plan_forget(3);
	ok(task_plan_find(3) == plan, "the task is remembered meanwhile");
	give_back(1);
	ok(take_first() == 1 && take_first() == 0, "one that is taken back keeps its turn");
	pause(3, true);
	give_back(1);
	ok(take_first() == 0 && ready_find(1)->has_turn, "but does not run while its task is paused");
	pause(3, false);
	for (int64 id = 1; id <= 3; id++)
		finish(id);
	for (run.run_id = 1; run.run_id <= 3; run.run_id++)
		ready_put(queue, &run, now);
	ok(take_first() == 1, "another time");
	ready_release(ready_find(1), NO_WORKER, 0);
	ready_postpone(ready_find(1), now + 100, now);
	ok(ready_find(1)->state == ENTRY_TIMER && take_first() == 2,
	   "the next one's turn comes when the first waits for another attempt");
	(void) ready_advance(now + 100);
	ok(ready_find(1)->state == ENTRY_HELD && take_first() == 0, "which is held when it is due again");
	finish(2);
	ok(take_first() == 3, "or when it is over");
	finish(3);
	ready_remove_range(1, 1);
	ok(!plan->turn_is_taken && dlist_is_empty(&plan->held) && ready_count() == 0, "a run that goes leaves no turn behind");
	run.is_serial = false;
	for (run.run_id = 1; run.run_id <= 2; run.run_id++)
		ready_put(queue, &run, now);
	ok(take_first() == 1 && take_first() == 2, "runs that may overlap have no turns");
	finish(1);
	finish(2);
}

/* What a new scheduler finds running in the hands of workers. */
static void
test_seized_turn(void)
{
	QueuePlan  *queue = throttle_find(2);
	WaitingRun	run = {.deadline_at = now + 1000, .owner = 10, .task_id = 3, .is_serial = true};
	RunEntry   *running;

	for (run.run_id = 1; run.run_id <= 3; run.run_id++)
		ready_put(queue, &run, now);
	running = ready_find(3);
	ready_seize_turn(running);
	ready_take(running, NO_WORKER, 0, now);
	ok(ready_find(1)->state == ENTRY_HELD && take_first() == 0 && ready_count() == 2,
	   "a run that runs already has the turn of its task");
	ready_seize_turn(ready_find(1));
	ok(!ready_find(1)->has_turn, "which nobody takes from it");
	finish(3);
	ok(take_first() == 1 && take_first() == 0, "the one that had it before is the next");
	finish(1);
	finish(2);
	ok(ready_count() == 0 && !task_plan_find(3)->turn_is_taken, "and nothing is left of them");
}

/* An occurrence whose row was made a little before it is due does not wait for its date. */
static void
test_prepared_run(void)
{
	QueuePlan  *queue = throttle_find(2);
	WaitingRun	run = {.run_id = 1, .due_at = now + 10, .wake_at = now + 10, .deadline_at = now + 500,
		.owner = 10, .is_prepared = true};

	ready_put(queue, &run, now);
	ready_clock_was_set(-1000000, now - 1000000);
	ok(ready_advance(now - 1000000) == now - 1000000 + 10 && ready_find(1)->deadline_at == now - 1000000 + 500,
	   "a run that is about to be due waits no longer, though the clock is set back");
	finish(1);
	run.is_prepared = false;
	ready_put(queue, &run, now);
	ready_clock_was_set(-1000000, now - 1000000);
	ok(ready_advance(now - 1000000) == now + 10, "one that waits for a date does");
	finish(1);
}

static void
test_turns_and_pause(void)
{
	QueuePlan  *queue = throttle_find(2);
	WaitingRun	run = {.deadline_at = DT_NOEND, .owner = 10, .task_id = 3, .is_serial = true};
	int64		taken;

	ready_set_limit(100);
	for (run.run_id = 1; run.run_id <= 30; run.run_id++)
		ready_put(queue, &run, now);
	pause(3, true);
	ok(take_first() == 0 && ready_count() == 1 + 100 / 8 && task_plan_find(3)->has_left,
	   "a paused task has no turns, and only its share of memory");
	pause(3, false);
	for (int i = 0; i < 1 + 100 / 8; i++)
	{
		(void) ready_advance(now);
		CHECK(ready_wants_left() == (i == 100 / 8), "what was left is wanted before run %d", i + 1);
		taken = take_first();
		CHECK(taken == i + 1 && take_first() == 0, "run " INT64_FORMAT " is taken as the one after %d", taken, i);
		finish(taken);
	}
	ok(failure[0] == '\0', "after the pause one by one%s%s", failure[0] ? ": " : "", failure);
	(void) ready_advance(now);
	ok(ready_wants_left() && ready_count() == 0, "what it left is wanted with the last of those");
	ready_read_left_tasks();
	ok(ready_wants_refill(queue) && queue->watermark.run_id == 1 + 100 / 8 && !ready_wants_left(),
	   "and comes with the rows of its queue");
	empty_queues();
}

/* Runs that wait for one another must not fill memory; those that were left are asked for. */
static void
test_held_share(void)
{
	QueuePlan  *queue = throttle_find(2);
	TaskFacts	facts = {.task_id = 4, .is_serial = true};
	WaitingRun	run = {.deadline_at = DT_NOEND, .owner = 10, .task_id = 4, .is_serial = true};

	(void) task_plan_set(&facts);
	for (run.run_id = 1001; run.run_id <= 1050; run.run_id++)
		ready_put(queue, &run, now);
	ok(ready_count() == 1 + 100 / 8 && ready_find(1014) == NULL,
	   "of runs that are held only a share is in memory");
	for (int64 id = 1001; id <= 1011; id++)
		finish(id);
	(void) ready_advance(now);
	ok(!ready_wants_left(), "while some are held");
	finish(1012);
	(void) ready_advance(now);
	ok(ready_wants_left() && ready_count() == 1, "the others are wanted when the last has its turn");
	finish(1013);
	empty_queues();
	ok(!ready_wants_left(), "once");
}

static void
test_throttle(void)
{
	QueuePlan  *queue;

	set_queue(9, QUEUE_FIFO, 0, 2, false);
	queue = throttle_find(9);
	ok(throttle_has_room(queue, NO_WORKER), "a queue has room for a first run");
	throttle_start(queue, NO_WORKER, now);
	throttle_start(queue, NO_WORKER, now);
	ok(!throttle_has_room(queue, NO_WORKER), "a queue has no room beyond max_running");
	throttle_end(queue, NO_WORKER);
	ok(throttle_has_room(queue, NO_WORKER), "there is room again when a run has ended");
	set_queue(9, QUEUE_FIFO, 0, 2, true);
	ok(!throttle_has_room(queue, NO_WORKER) && queue->running == 1, "a paused queue has no room, and keeps its counts");
	throttle_begin_reload();
	throttle_end_reload(key_plan_forget_queue);
	ok(throttle_find(9) == queue, "a queue that is gone stays while a run of it runs");
	throttle_end(queue, NO_WORKER);
	set_queue(1, QUEUE_FIFO, 0, 0, false);
	throttle_begin_reload();
	set_queue(1, QUEUE_FIFO, 0, 0, false);
	throttle_end_reload(key_plan_forget_queue);
	ok(!throttle_find(9) && throttle_find(1), "a reload forgets the queues that it has not seen");
}

/* One after another of each key, and none beyond one that has failed. */
static void
set_strict_queue(int32 queue_id)
{
	QueueSettings settings = {
		.algorithm = QUEUE_FIFO,
		.weight = 1,
		.batch = 1,
		.rate_interval_us = USECS_PER_SEC,
		.block_key_on_failure = true
	};

	throttle_set(queue_id, &settings);
}

int
main(void)
{
	tap_seed();
	task_plan_init(TopMemoryContext);
	throttle_init(TopMemoryContext);
	set_queue(1, QUEUE_PRIORITY, AGING_US, 0, false);
	set_queue(2, QUEUE_FIFO, AGING_US, 0, false);
	set_queue(3, QUEUE_PRIORITY, 1, 5, false);
	set_queue(4, QUEUE_FAIR, AGING_US, 0, false);
	set_strict_queue(5);
	ready_init(TopMemoryContext, 100);
	for (int task = 1; task <= TASKS; task++)
		set_task(task, false);
	now = INT64CONST(1000000000);
	for (int round = 1; round <= ROUNDS && failure[0] == '\0'; round++)
		test_round(round);
	ok(followed > 100, "runs went behind others of their key");
	test_eviction();
	test_arrival(QUEUE_FIFO);
	test_arrival(QUEUE_FAIR);
	test_turns();
	test_seized_turn();
	test_turns_and_pause();
	test_held_share();
	test_prepared_run();
	test_throttle();
	return tap_done();
}
