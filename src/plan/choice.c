/*-------------------------------------------------------------------------
 *
 * choice.c
 *	  Which run next.
 *
 * Functions of ready, throttle and task_plan alone: no process, ring or latch
 * is known here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "plan/choice.h"
#include "plan/policy.h"
#include "plan/role_plan.h"

/* Runs shorter than this may be put several ahead, up to so much work. */
#define SHORT_RUN_US		1000
#define WORK_AHEAD_US		8000
/* Where a run may come that goes before those, as it waits for all that is ahead. */
#define ORDERED_AHEAD_US	2000
/* What a run takes beside its own duration, at least. */
#define HANDLING_US			10
/* Of runs that nothing is known of, so many: one that is slow gives them up. */
#define MAX_UNKNOWN_AHEAD	64
/* A run that takes longer gives up what waits behind it. */
#define SLOW_RUN_US			5000

/* The worker whose runs others of their key may follow now. */
static inline int
leader_among(const WorkerLoad *worker)
{
	return worker->may_follow ? worker->index : NO_WORKER;
}

/* May a run of this line start, with this worker? */
static inline bool
line_is_open_for(const ReadyLine *line, const WorkerLoad *worker)
{
	return !ready_line_is_empty(line, leader_among(worker)) &&
		throttle_has_room(line->queue, worker->index);
}

/* Not kept back is who may start some, be it with others only. */
static bool
takes_part(ReadyLine *line, const WorkerLoad *worker)
{
	bool		is_open = line_is_open_for(line, worker);

	(void) line_take_part(line, is_open || (line->following > 0 &&
											throttle_has_room(line->queue, worker->index)));
	return is_open;
}

/* Who has had less of the workers' time, by weight; of those with as much, who waits longer. */
static bool
goes_before(const ReadyLine *a, const ReadyLine *b)
{
	if (a->share.tag != b->share.tag)
		return a->share.tag < b->share.tag;
	return a->last_pick < b->last_pick;
}

/*
 * The line whose turn it is among those of a worker's role; of any role's, for the
 * supervisor. NULL: nothing may start.
 */
static ReadyLine *
pick_line(const WorkerLoad *worker)
{
	bool		is_shell = !OidIsValid(worker->role);
	ReadyLine  *best = NULL;
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (line->is_shell != is_shell || (!is_shell && line->owner != worker->role) ||
			!takes_part(line, worker) ||
			(is_shell && role_plan_room(line->owner) == 0))
			continue;
		if (best == NULL || goes_before(line, best))
			best = line;
	}
	return best;
}

/* Is a run to start when it is handed over, since starts are counted? */
static bool
is_rated(const RunEntry *entry)
{
	const QueuePlan *queue = entry->queue;
	bool		is_keyed = entry->key != NULL && entry->key->text != NULL;

	return (queue->rate.spacing_ns != 0 && !rate_is_dense(&queue->rate)) ||
		(is_keyed && queue->rate_per_key.spacing_ns != 0 && !rate_is_dense(&queue->rate_per_key));
}

static bool
has_deadlines(const QueuePlan *queue)
{
	return queue->settings.algorithm == QUEUE_RATE_MONOTONIC ||
		queue->settings.algorithm == QUEUE_EDF;
}

/* How many runs like this one a worker may have in its hands before it. */
static int
limit_ahead(const RunEntry *entry, int64 expected_us)
{
	int64		work_us = policy_is_by_arrival(entry->queue->settings.algorithm) ?
		WORK_AHEAD_US : ORDERED_AHEAD_US;

	if (is_rated(entry))
		return 1;
	/* Where deadlines count, nothing is to lie behind what may be long. */
	if (expected_us == 0)
		return has_deadlines(entry->queue) ? 1 : MAX_UNKNOWN_AHEAD;
	if (expected_us >= SHORT_RUN_US)
		return 1;
	return Min(CHOICE_MAX_AHEAD, work_us / (expected_us + HANDLING_US));
}

bool
choice_next(const WorkerLoad *worker, Choice *choice)
{
	ReadyLine  *line;
	RunEntry   *entry;
	int64		expected_us;

	/* A role that has its share of workers busy goes on with those only. */
	if (OidIsValid(worker->role) && worker->count == 0 && role_plan_room(worker->role) == 0)
		return false;
	line = pick_line(worker);
	if (line == NULL)
		return false;
	choice->line = line;
	choice->entry = entry = ready_line_first(line, leader_among(worker));
	choice->plan = ready_task_of(entry);
	if (entry->task_id == 0)
		expected_us = worker->average_us;
	else
		expected_us = choice->plan ? choice->plan->average_us : 0;
	choice->expected_us = expected_us;
	choice->is_slow = expected_us >= SHORT_RUN_US;
	choice->blocks_worker = choice->is_slow || entry->is_suspect;

	/* The supervisor starts each at once. */
	if (worker->count == 0 || !OidIsValid(worker->role))
		return true;
	return !worker->holds_slow_run && !choice->blocks_worker &&
		worker->count - worker->done < limit_ahead(entry, expected_us);
}

/* The supervisor runs all that it holds at once. */
static void
count_in_hand(WorkerLoad *worker, Oid owner)
{
	if (worker->count++ == 0 || !OidIsValid(worker->role))
		role_plan_start(owner);
}

/* Keys whose runs only this worker can go on with. */
static void
hold_key(WorkerLoad *worker, KeyPlan *key)
{
	if (key == NULL || key->running != 1 || !key_plan_is_serial(key))
		return;
	key->holder = worker->index;
	worker->keys++;
}

static void
drop_key(WorkerLoad *worker, KeyPlan *key)
{
	if (key == NULL || key->running != 1)
		return;
	/* Its limit may have been another meanwhile, and others have had runs of it. */
	if (key->holder == worker->index)
		worker->keys--;
	key->holder = NO_WORKER;
}

void
choice_take(WorkerLoad *worker, const Choice *choice, TimestampTz now)
{
	static int64 picks = 0;

	choice->line->last_pick = ++picks;
	ready_take(choice->entry, worker->index, choice->expected_us, now);
	hold_key(worker, choice->entry->key);
	count_in_hand(worker, choice->entry->owner);
	if (choice->blocks_worker)
		worker->holds_slow_run = true;
}

void
choice_adopt(WorkerLoad *worker, RunEntry *entry, TimestampTz now)
{
	TaskPlan   *plan = ready_task_of(entry);

	ready_seize_turn(entry);
	ready_take(entry, worker->index, plan ? plan->average_us : 0, now);
	hold_key(worker, entry->key);
	count_in_hand(worker, entry->owner);
}

void
choice_release(WorkerLoad *worker, RunEntry *entry, int64 used_us)
{
	drop_key(worker, entry->key);
	if (--worker->count == 0)
	{
		worker->holds_slow_run = false;
		/* A limit that was changed meanwhile may have confused us. */
		worker->keys = 0;
	}
	if (worker->count == 0 || !OidIsValid(worker->role))
		role_plan_end(entry->owner);
	ready_release(entry, worker->index, used_us);
}

typedef struct HandingOut
{
	WorkerLoad *const *workers;
	int			count;
	HandOver	hand_over;
	void	   *arg;
	TimestampTz now;
} HandingOut;

/* One run for each worker that can take one, the idle ones only or all; false: none could. */
static bool
hand_out_once(const HandingOut *round, bool to_idle)
{
	bool		progress = false;

	for (int i = 0; i < round->count; i++)
	{
		WorkerLoad *worker = round->workers[i];
		Choice		choice;

		if (worker == NULL || (to_idle && worker->count > 0) || !choice_next(worker, &choice))
			continue;
		choice_take(worker, &choice, round->now);
		round->hand_over(i, &choice, round->arg);
		progress = true;
	}
	return progress;
}

static bool
has_idle_mate(const HandingOut *round, const WorkerLoad *worker)
{
	for (int i = 0; i < round->count; i++)
	{
		const WorkerLoad *mate = round->workers[i];

		if (mate != NULL && mate->count == 0 && mate->role == worker->role)
			return true;
	}
	return false;
}

/*
 * Who has several keys to itself, while another worker has nothing to do, gets no
 * more of their runs: it comes to their end, and they are shared out again.
 */
static void
choose_leaders(const HandingOut *round)
{
	for (int i = 0; i < round->count; i++)
	{
		WorkerLoad *worker = round->workers[i];

		if (worker != NULL)
			worker->may_follow = worker->keys == 1 ||
				(worker->keys > 1 && !has_idle_mate(round, worker));
	}
}

void
choice_hand_out(WorkerLoad *const *workers, int count, HandOver hand_over, void *arg,
				TimestampTz now)
{
	HandingOut	round = {workers, count, hand_over, arg, now};

	(void) hand_out_once(&round, true);
	choose_leaders(&round);
	while (hand_out_once(&round, false))
		;
}

bool
choice_has_more(const WorkerLoad *worker)
{
	return pick_line(worker) != NULL;
}

bool
choice_has_shell_run(void)
{
	WorkerLoad	supervisor = {.index = NO_WORKER};

	return pick_line(&supervisor) != NULL;
}

TimestampTz
choice_slow_at(TimestampTz started_at)
{
	return started_at + SLOW_RUN_US;
}
