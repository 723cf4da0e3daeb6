/*-------------------------------------------------------------------------
 *
 * choice.c
 *	  The decisions of dispatch.
 *
 * Functions of ready, throttle and task_plan alone: no process, ring or latch
 * is known here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

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
/* Work that is too little to start another process for. */
#define BACKLOG_WORTH_A_WORKER_US	10000
#define UNKNOWN_DURATION_US	100000
/* How long a role keeps its only worker while others have none. */
#define QUANTUM_US			USECS_PER_SEC

/* ------------------------------------------------------------------------
 * Which run next
 * ------------------------------------------------------------------------ */

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

/* With a worker that holds none of its queue's yet? */
static inline bool
line_is_open(const ReadyLine *line)
{
	return !ready_line_is_empty(line, NO_WORKER) && throttle_has_room(line->queue, NO_WORKER);
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

/* What is known of a run's task; NULL: nothing, or it has none. */
static TaskPlan *
plan_of(const RunEntry *entry)
{
	return entry->task_id ? task_plan_find(entry->task_id) : NULL;
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
	choice->plan = plan_of(entry);
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
	key->is_held = true;
	worker->keys++;
}

static void
drop_key(WorkerLoad *worker, KeyPlan *key)
{
	if (key == NULL || key->running != 1 || !key->is_held)
		return;
	key->is_held = false;
	worker->keys--;
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
	TaskPlan   *plan = plan_of(entry);

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

/* ------------------------------------------------------------------------
 * Who needs a worker
 * ------------------------------------------------------------------------ */

/* Due runs of a role that may start, and the time they should take. */
static int64
backlog_of(Oid role, int64 *work_us)
{
	int64		count = 0;
	dlist_iter	iter;

	*work_us = 0;
	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);
		const TaskPlan *plan;
		int64		expected_us;

		if (line->is_shell || line->owner != role || !line_is_open(line))
			continue;
		plan = plan_of(ready_line_first(line, NO_WORKER));
		expected_us = plan && plan->average_us ? plan->average_us : UNKNOWN_DURATION_US;
		count += line->startable;
		*work_us += line->startable * expected_us;
	}
	return count;
}

static bool
needs_another_worker(Oid role, int workers, int starting)
{
	int64		work_us;
	int64		count = backlog_of(role, &work_us);

	if (count <= starting || role_plan_room(role) <= starting)
		return false;
	return workers == 0 ||
		work_us > (int64) workers * BACKLOG_WORTH_A_WORKER_US;
}

/* When a role had its turn last; of one that is new to the lines, never. */
static int64
last_pick_of(Oid role)
{
	int64		result = 0;
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (!line->is_shell && line->owner == role)
			result = Max(result, line->last_pick);
	}
	return result;
}

/*
 * The role in need that has fewest workers, of those that have not been refused;
 * of several the one that has been waiting longest: roles that share one worker
 * would else never come to it all.
 */
static Oid
neediest_role(const List *refused, CountRole count_role)
{
	Oid			result = InvalidOid;
	int			fewest = INT_MAX;
	int64		earliest = 0;
	List	   *seen = NIL;		/* a role may have very many lines */
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);
		int			starting;
		int			workers;
		int64		last_pick;

		if (line->is_shell || list_member_oid(seen, line->owner) || !line_is_open(line) ||
			list_member_oid(refused, line->owner))
			continue;
		seen = lappend_oid(seen, line->owner);
		workers = count_role(line->owner, &starting);
		last_pick = last_pick_of(line->owner);
		if (workers > fewest || (workers == fewest && last_pick >= earliest) ||
			!needs_another_worker(line->owner, workers, starting))
			continue;
		fewest = workers;
		earliest = last_pick;
		result = line->owner;
	}
	list_free(seen);
	return result;
}

void
choice_ask(CountRole count_role, WantWorker want_worker, TimestampTz now)
{
	List	   *refused = NIL;
	Oid			role;

	while (OidIsValid(role = neediest_role(refused, count_role)))
	{
		if (!want_worker(role, now))
			refused = lappend_oid(refused, role);
	}
	list_free(refused);
}

/* ------------------------------------------------------------------------
 * Who gives one up
 * ------------------------------------------------------------------------ */

static int
count_of_role(WorkerLoad *const *workers, int count, Oid role)
{
	int			result = 0;

	for (int i = 0; i < count; i++)
	{
		if (workers[i] != NULL && workers[i]->role == role && !workers[i]->is_retiring)
			result++;
	}
	return result;
}

/*
 * An idle worker; else one of the role that has most, of these the one that has
 * served longest; -1: all come or go.
 */
static int
richest_worker(WorkerLoad *const *workers, int count, int *most)
{
	int			victim = -1;

	*most = 0;
	for (int i = 0; i < count; i++)
	{
		int			of_role;

		if (workers[i] == NULL || !workers[i]->is_ready || workers[i]->is_retiring)
			continue;
		of_role = count_of_role(workers, count, workers[i]->role);
		if (workers[i]->count == 0)
			of_role = INT_MAX;
		if (of_role > *most ||
			(of_role == *most && workers[i]->started_at < workers[victim]->started_at))
		{
			victim = i;
			*most = of_role;
		}
	}
	return victim;
}

/*
 * A role with two more than the one in need gives one up; for one in need that
 * has none, a worker that has served its quantum.
 */
int
choice_victim(WorkerLoad *const *workers, int count, int fewest,
			  TimestampTz now, TimestampTz *look_again_at)
{
	int			most;
	int			victim = richest_worker(workers, count, &most);

	if (victim < 0 || (int64) most >= (int64) fewest + 2)
		return victim;
	if (fewest > 0)
		return -1;
	if (now - workers[victim]->started_at >= QUANTUM_US)
		return victim;
	*look_again_at = Min(*look_again_at, workers[victim]->started_at + QUANTUM_US);
	return -1;
}
