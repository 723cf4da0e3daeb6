/*-------------------------------------------------------------------------
 *
 * crew.c
 *	  The imagined workers of a simulation.
 *
 * They start at once when they are asked for, and begin a run as soon as they
 * are free. Who gets what is for choice.c to say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/choice.h"
#include "plan/crew.h"
#include "plan/staffing.h"

typedef struct Worker
{
	bool		is_there;
	WorkerLoad	load;
	dlist_head	hand;			/* Act.hand_node */
} Worker;

/* Those of the simulation that is played now. */
static struct
{
	HTAB	   *acts;
	Worker	   *workers;
	WorkerLoad **loads;			/* of those who may be chosen */
	int			worker_count;
	Worker		supervisor;
	int			shell_runs;
	pairingheap ends;			/* Act.end_node */
	TimestampTz look_again_at;	/* a quantum is over then */
	int			fewest_wanting; /* workers of the role in need that has fewest */
} crew;

#define act_of_end(heap_node) \
	pairingheap_container(Act, end_node, (pairingheap_node *) (heap_node))

/* The pairing heap keeps the largest first: the sooner is the larger. */
static int
compare_end(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const Act  *x = act_of_end(a);
	const Act  *y = act_of_end(b);

	if (x->ends_at != y->ends_at)
		return x->ends_at < y->ends_at ? 1 : -1;
	return x->run_id < y->run_id ? 1 : (x->run_id > y->run_id ? -1 : 0);
}

void
crew_begin(MemoryContext context, int workers, int shell_runs)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Act);
	control.hcxt = context;
	memset(&crew, 0, sizeof(crew));
	crew.acts = hash_create("taskly simulated runs", 256, &control,
							HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	crew.workers = MemoryContextAllocZero(context, sizeof(Worker) * workers);
	crew.loads = MemoryContextAllocZero(context, sizeof(WorkerLoad *) * workers);
	crew.worker_count = workers;
	for (int i = 0; i < workers; i++)
		dlist_init(&crew.workers[i].hand);
	crew.supervisor.load.index = NO_WORKER;
	crew.supervisor.is_there = crew.supervisor.load.is_ready = true;
	dlist_init(&crew.supervisor.hand);
	crew.shell_runs = shell_runs;
	crew.ends.ph_compare = compare_end;
	crew.look_again_at = DT_NOEND;
}

/* ------------------------------------------------------------------------
 * Runs in hand
 * ------------------------------------------------------------------------ */

Act *
crew_add(int64 run_id)
{
	Act		   *act = hash_search(crew.acts, &run_id, HASH_ENTER, NULL);

	act->is_begun = false;
	act->worker = NULL;
	return act;
}

Act *
crew_find(int64 run_id)
{
	return hash_search(crew.acts, &run_id, HASH_FIND, NULL);
}

void
crew_each(ActVisitor visit)
{
	HASH_SEQ_STATUS scan;
	Act		   *act;

	hash_seq_init(&scan, crew.acts);
	while ((act = hash_seq_search(&scan)) != NULL)
		visit(act);
}

static Act *
first_in_hand(Worker *worker)
{
	return dlist_is_empty(&worker->hand) ? NULL :
		dlist_container(Act, hand_node, dlist_head_node(&worker->hand));
}

static void
take_in_hand(Worker *worker, const Choice *choice)
{
	Act		   *act = crew_find(choice->entry->run_id);

	act->worker = worker;
	dlist_push_tail(&worker->hand, &act->hand_node);
}

static void
leave_hand(Act *act, TimestampTz now)
{
	Worker	   *worker = act->worker;
	int64		used_us = act->is_begun && act->run.started_at != DT_NOEND ?
		now - act->run.started_at : 0;

	dlist_delete(&act->hand_node);
	choice_release(&worker->load, ready_find(act->run_id), used_us);
	if (worker->load.is_retiring && worker->load.count == 0)
		worker->is_there = false;
	act->worker = NULL;
}

/* Its end is known at its start: as long as it takes, or as it may take. */
static void
begin_act(Act *act, TimestampTz now)
{
	const SimulatedTask *task = act->run.task;
	int64		duration_us = task->duration_us ? task->duration_us : SIMULATION_UNKNOWN_US;
	int64		limit_us = task->timeout_us ? task->timeout_us : PG_INT64_MAX;

	if (act->deadline_at != DT_NOEND)
		limit_us = Min(limit_us, Max(0, act->deadline_at - now));
	if (limit_us > 0)
		act->run.started_at = now;
	act->is_begun = true;
	act->ends_at = now + Min(duration_us, limit_us);
	act->run.status = limit_us >= duration_us ? RUN_SUCCEEDED :
		(limit_us > 0 ? RUN_TIMED_OUT : RUN_EXPIRED);
	pairingheap_add(&crew.ends, &act->end_node);
}

/* A worker without a run in execution begins its next one. */
static void
go_on(Worker *worker, TimestampTz now)
{
	Act		   *act = first_in_hand(worker);

	if (act != NULL && !act->is_begun)
		begin_act(act, now);
}

void
crew_remove(Act *act, TimestampTz now)
{
	Worker	   *worker = act->worker;

	if (act->is_begun)
		pairingheap_remove(&crew.ends, &act->end_node);
	if (worker != NULL)
		leave_hand(act, now);
	ready_remove(ready_find(act->run_id));
	(void) hash_search(crew.acts, &act->run_id, HASH_REMOVE, NULL);
	if (worker != NULL)
		go_on(worker, now);
}

Act *
crew_next_ended(TimestampTz now)
{
	Act		   *act;

	if (pairingheap_is_empty(&crew.ends))
		return NULL;
	act = act_of_end(pairingheap_first(&crew.ends));
	return act->ends_at <= now ? act : NULL;
}

/* ------------------------------------------------------------------------
 * Slow runs
 * ------------------------------------------------------------------------ */

/* When a worker gives up what waits behind its run; DT_NOEND: nothing waits. */
static TimestampTz
slow_at(Worker *worker)
{
	Act		   *act = first_in_hand(worker);

	return act != NULL && act->run.started_at != DT_NOEND && worker->load.count > 1 ?
		choice_slow_at(act->run.started_at) : DT_NOEND;
}

static void
take_back(Worker *worker, TimestampTz now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &worker->hand)
	{
		Act		   *act = dlist_container(Act, hand_node, iter.cur);
		RunEntry   *entry = ready_find(act->run_id);

		if (act->is_begun)
			continue;
		leave_hand(act, now);
		ready_return(entry);
	}
}

/* Nothing waits behind, and nothing is put behind, a run that has turned out slow. */
static void
watch_slow_runs(TimestampTz now)
{
	for (int i = 0; i < crew.worker_count; i++)
	{
		Worker	   *worker = &crew.workers[i];
		Act		   *act = first_in_hand(worker);

		if (act == NULL || act->run.started_at == DT_NOEND ||
			choice_slow_at(act->run.started_at) > now)
			continue;
		take_back(worker, now);
		worker->load.holds_slow_run = true;
	}
}

/* ------------------------------------------------------------------------
 * Workers that come and go
 * ------------------------------------------------------------------------ */

static int
count_role(Oid role, int *starting)
{
	int			count = 0;

	*starting = 0;
	for (int i = 0; i < crew.worker_count; i++)
	{
		const Worker *worker = &crew.workers[i];

		if (!worker->is_there || worker->load.role != role || worker->load.is_retiring)
			continue;
		count++;
		if (!worker->load.is_ready)
			(*starting)++;
	}
	return count;
}

static bool
want_worker(Oid role, TimestampTz now)
{
	int			ignored;

	for (int i = 0; i < crew.worker_count; i++)
	{
		Worker	   *worker = &crew.workers[i];

		if (worker->is_there)
			continue;
		memset(&worker->load, 0, sizeof(worker->load));
		worker->is_there = true;
		worker->load.index = i;
		worker->load.role = role;
		worker->load.started_at = now;
		return true;
	}
	crew.fewest_wanting = Min(crew.fewest_wanting, count_role(role, &ignored));
	return false;
}

/* Those who are there; who retires may still be looked at. */
static WorkerLoad **
choose_among(bool with_retiring)
{
	for (int i = 0; i < crew.worker_count; i++)
	{
		Worker	   *worker = &crew.workers[i];

		crew.loads[i] = worker->is_there && (with_retiring || !worker->load.is_retiring) ?
			&worker->load : NULL;
	}
	return crew.loads;
}

static bool
is_one_leaving(void)
{
	for (int i = 0; i < crew.worker_count; i++)
	{
		if (crew.workers[i].is_there && crew.workers[i].load.is_retiring)
			return true;
	}
	return false;
}

/* Those that were asked for start at once; false: none was. */
static bool
welcome_workers(void)
{
	bool		result = false;

	for (int i = 0; i < crew.worker_count; i++)
	{
		Worker	   *worker = &crew.workers[i];

		if (!worker->is_there || worker->load.is_ready)
			continue;
		worker->load.is_ready = true;
		result = true;
	}
	return result;
}

/* One at a time gives up its place; false: nobody does at once. */
static bool
make_room(TimestampTz now)
{
	Worker	   *worker;
	int			victim;

	crew.look_again_at = DT_NOEND;
	if (crew.fewest_wanting == INT_MAX || is_one_leaving())
		return false;
	victim = staffing_victim(choose_among(true), crew.worker_count, crew.fewest_wanting, now,
						   &crew.look_again_at);
	if (victim < 0)
		return false;
	worker = &crew.workers[victim];
	worker->load.is_retiring = true;
	take_back(worker, now);
	if (worker->load.count == 0)
		worker->is_there = false;
	return !worker->is_there;
}

/* ------------------------------------------------------------------------
 * A turn
 * ------------------------------------------------------------------------ */

static void
hand_over(int i, const Choice *choice, void *arg)
{
	take_in_hand(&crew.workers[i], choice);
}

static void
serve_supervisor(TimestampTz now)
{
	Worker	   *supervisor = &crew.supervisor;
	Choice		choice;

	while (supervisor->load.count < crew.shell_runs &&
		   choice_next(&supervisor->load, &choice))
	{
		choice_take(&supervisor->load, &choice, now);
		take_in_hand(supervisor, &choice);
		begin_act(crew_find(choice.entry->run_id), now);
	}
}

/* Again, when that has brought a worker. */
void
crew_serve(TimestampTz now)
{
	watch_slow_runs(now);
	do
	{
		choice_hand_out(choose_among(false), crew.worker_count, hand_over, NULL, now);
		for (int i = 0; i < crew.worker_count; i++)
			go_on(&crew.workers[i], now);
		serve_supervisor(now);
		crew.fewest_wanting = INT_MAX;
		staffing_ask(count_role, want_worker, now);
	} while (welcome_workers() || make_room(now));
}

TimestampTz
crew_next_event(void)
{
	TimestampTz next = crew.look_again_at;

	if (!pairingheap_is_empty(&crew.ends))
		next = Min(next, act_of_end(pairingheap_first(&crew.ends))->ends_at);
	for (int i = 0; i < crew.worker_count; i++)
		next = earlier(next, slow_at(&crew.workers[i]));
	return next;
}
