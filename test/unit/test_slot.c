/*-------------------------------------------------------------------------
 *
 * test_slot.c
 *	  The rings of a worker slot: full, wrapped around, and used by a
 *	  scheduler and a worker at the same time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>

#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "fake_backend.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/shmem.h"
#include "server/slot.h"
#include "tap.h"

#define RUNS		1000000
#define DATABASE	((Oid) 5)
#define ROLE		((Oid) 10)

/* ------------------------------------------------------------------------
 * What slot.c stands on
 * ------------------------------------------------------------------------ */

int			taskly_max_workers = 2;
int			taskly_max_databases = 2;
int			MyProcPid = 42;
static PGPROC my_proc;
static PROC_HDR proc_header = {.allProcs = &my_proc};
PGPROC	   *MyProc = &my_proc;
PROC_HDR   *ProcGlobal = &proc_header;
static LWLock the_lock;
static int	latch_sets = 0;
static int	scheduler_wakes = 0;
static Assignment taken[SLOT_ASSIGNMENTS];
static int	scheduler_pid = 7;
static int	activities_ended = 0;
static pg_on_exit_callback exit_callback = NULL;
static Datum exit_arg;

void *
ShmemInitStruct(const char *name, Size size, bool *found)
{
	*found = false;
	return calloc(1, size);
}

LWLock *
shmem_slots_lock(void)
{
	return &the_lock;
}

TimestampTz
taskly_now(void)
{
	return 1;
}

void
SetLatch(Latch *latch)
{
	latch_sets++;
}

void
before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
	exit_callback = function;
	exit_arg = arg;
}

bool
activity_end(int index)
{
	activities_ended++;
	return false;
}

int
database_entries(void)
{
	return taskly_max_databases;
}

bool
database_info(int entry, DatabaseInfo *info)
{
	memset(info, 0, sizeof(*info));
	info->database = entry == 1 ? DATABASE : DATABASE + 1;
	info->pid = scheduler_pid;
	return true;
}

void
database_wake_scheduler(int entry)
{
	(void) __atomic_fetch_add(&scheduler_wakes, entry == 1 ? 1 : 1000, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------
 * One side at a time
 * ------------------------------------------------------------------------ */

static Assignment
assignment_of(int64 id)
{
	Assignment	result = {.run_id = id, .task_id = id * 7, .picked_at = ~id, .activity = id & 127};

	return result;
}

static bool
is_whole(const Assignment *a)
{
	return a->task_id == a->run_id * 7 && a->picked_at == ~a->run_id &&
		a->activity == (a->run_id & 127);
}

static bool
push(int slot, int64 id)
{
	Assignment	a = assignment_of(id);

	return slot_assign(slot, &a);
}

/* Pushes and pops some at a time, so that the ends move around the ring. */
static void
test_assignments(int slot)
{
	int64		in = 0;
	int64		out = 0;
	bool		in_order = true;
	bool		stops_when_full = true;
	bool		counts = true;
	Assignment	a;

	for (int i = 0; i < 200; i++)
	{
		int			count = tap_random(SLOT_ASSIGNMENTS + 200);

		for (; count > 0 && push(slot, in + 1); count--)
			in++;
		stops_when_full = stops_when_full && (count == 0 || in - out == SLOT_ASSIGNMENTS);
		counts = counts && slot_assigned(slot) == in - out;
		for (count = tap_random(SLOT_ASSIGNMENTS + 200);
			 count > 0 && slot_next_assignment(slot, &a); count--)
			in_order = in_order && is_whole(&a) && a.run_id == ++out;
		in_order = in_order && (count == 0 || in == out);
	}
	ok(in_order && in > 10 * SLOT_ASSIGNMENTS, "assignments come out whole and in order, around the ring");
	ok(stops_when_full, "a full ring takes no more, and one that is not full does");
	ok(counts, "a ring knows how much is in it");
	while (slot_next_assignment(slot, &a))
		;
	(void) push(slot, 1);
	(void) push(slot, 2);
	ok(slot_next_assignment(slot, &a) && a.run_id == 1, "the worker begins the oldest");
	(void) push(slot, 3);
	ok(slot_take_back(slot, taken) == 2 && taken[0].run_id == 2 && taken[1].run_id == 3 &&
	   !slot_next_assignment(slot, &a) && slot_take_back(slot, taken) == 0,
	   "what is taken back is all of the others, and gone for the worker");
}

/* A run that may share transactions: queue 7, unless it is told otherwise. */
static void
push_to_share(int slot, Assignment a)
{
	a.batch = a.batch == 0 ? 10 : a.batch;
	a.queue_id = a.queue_id == 0 ? 7 : a.queue_id;
	(void) slot_assign(slot, &a);
}

/* The next one is left where it is, unless it may share with the first. */
static void
test_share(int slot)
{
	Assignment	first;
	Assignment	a;
	const Assignment others[] = {
		{.run_id = 3, .queue_id = 8},
		{.run_id = 3, .batch = 1},
		{.run_id = 3, .is_slow = true},
		{.run_id = 3, .is_suspect = true},
	};

	for (int i = 0; i < (int) lengthof(others); i++)
	{
		push_to_share(slot, (Assignment) {.run_id = 1});
		push_to_share(slot, (Assignment) {.run_id = 2});
		push_to_share(slot, others[i]);
		ok(slot_next_assignment(slot, &first) && slot_next_to_share(slot, &first, &a) && a.run_id == 2 &&
		   !slot_next_to_share(slot, &first, &a) && slot_next_assignment(slot, &a) && a.run_id == 3,
		   "a run shares with those of its queue that may (%d)", i);
	}
	ok(!slot_next_to_share(slot, &first, &a), "nobody shares with an empty ring");
}

static void
test_refill_mark(int slot)
{
	Assignment	a;

	for (int i = 1; i <= 10; i++)
		(void) push(slot, i);
	slot_set_refill_mark(slot, 4);
	scheduler_wakes = 0;
	for (int i = 0; i < 6; i++)
		(void) slot_next_assignment(slot, &a);
	ok(scheduler_wakes == 0, "the scheduler sleeps while the mark is not reached");
	(void) slot_next_assignment(slot, &a);
	ok(scheduler_wakes == 1, "the owner, and no other, is woken below the mark");
	while (slot_next_assignment(slot, &a))
		;
	ok(scheduler_wakes == 1, "it is woken once");
}

static void
report(int slot, const Outcome *outcomes, int count)
{
	for (int i = 0; i < count; i++)
		slot_add_outcome(slot, &outcomes[i], 1);
	slot_report(slot);
}

/* What is done behind a slow run can be reported for the worker, then once only. */
static void
test_reported_for(int slot)
{
	Outcome		o = {.run_id = 1};
	uint64		done;
	XLogRecPtr	durable_at;

	ok(!slot_unreported(slot, &done, &durable_at), "nothing is unreported at first");
	slot_add_outcome(slot, &o, 10);
	o.run_id = 2;
	slot_add_outcome(slot, &o, 20);
	ok(!slot_has_outcome(slot) && !slot_take_outcome(slot, &o), "what is not reported is not seen");
	ok(slot_unreported(slot, &done, &durable_at) && durable_at == 20,
	   "its durability is that of the latest");
	o.run_id = 3;
	slot_add_outcome(slot, &o, SLOT_DURABLE_LATER);
	slot_report_for(slot, done);
	ok(slot_take_outcome(slot, &o) && o.run_id == 1 && slot_take_outcome(slot, &o) && o.run_id == 2 &&
	   !slot_take_outcome(slot, &o), "what is reported for the worker is seen, and no more");
	ok(!slot_unreported(slot, &done, &durable_at), "what waits for a standby is the worker's to report");
	slot_report(slot);
	slot_report_for(slot, done - 1);
	ok(slot_take_outcome(slot, &o) && o.run_id == 3 && !slot_take_outcome(slot, &o),
	   "the worker reports the rest");
}

static void
test_outcomes(int slot)
{
	static Outcome batch[SLOT_OUTCOMES];
	int64		in = 0;
	int64		out = 0;
	bool		in_order = true;
	bool		knows_room = true;
	Outcome		o;

	for (int i = 0; i < 100; i++)
	{
		int			count = tap_random(SLOT_OUTCOMES + 1);

		knows_room = knows_room &&
			slot_outcome_has_room(slot, count) == (in - out + count <= SLOT_OUTCOMES);
		if (slot_outcome_has_room(slot, count))
		{
			for (int j = 0; j < count; j++)
				batch[j].run_id = ++in;
			report(slot, batch, count);
		}
		for (count = tap_random(SLOT_OUTCOMES); count > 0 && slot_take_outcome(slot, &o); count--)
			in_order = in_order && o.run_id == ++out;
		in_order = in_order && (count == 0 || in == out);
	}
	ok(in_order && in > 4 * SLOT_OUTCOMES, "outcomes come out in order, around the ring");
	ok(knows_room, "a ring of outcomes knows how much room it has");
	while (slot_take_outcome(slot, &o))
		;
}

static void
test_life(void)
{
	uint64		first = 0;
	uint64		second = 0;
	uint64		third = 0;
	SlotInfo	info;
	int			a = slot_reserve_worker(DATABASE, ROLE, &first);
	int			b = slot_reserve_worker(DATABASE, ROLE, &second);

	ok(a >= 0 && b >= 0 && a != b && first != second &&
	   slot_reserve_worker(DATABASE, ROLE, &third) < 0, "no more slots are given than there are");
	ok(!slot_attach(a, second) && slot_state(a) == SLOT_RESERVED, "an old generation cannot attach");
	ok(slot_attach(a, first) && slot_state(a) == SLOT_RESERVED, "the right one can");
	slot_set_ready(a);
	ok(slot_state(a) == SLOT_READY && !slot_attach(a, first), "ready is ready; nobody else can attach");
	scheduler_wakes = 0;
	exit_callback(0, exit_arg);
	ok(slot_state(a) == SLOT_LEFT && scheduler_wakes == 1, "a process that goes leaves its slot to its scheduler");
	(void) push(a, 1);
	slot_free(a);
	ok(!slot_info(a, &info) && slot_reserve_worker(DATABASE, ROLE, &third) == a && third > second &&
	   slot_assigned(a) == 0, "a freed slot begins anew: another generation, empty rings");
	(void) slot_attach(a, third);
	slot_set_ready(a);
	slot_reclaim(DATABASE + 1);
	ok(slot_state(b) == SLOT_RESERVED, "another database's slots are left alone");
	slot_reclaim(DATABASE);
	ok(slot_state(a) == SLOT_READY && slot_state(b) == SLOT_FREE,
	   "of a database without a scheduler, slots that no process has attached to are free");
	scheduler_pid = 0;
	activities_ended = 0;
	exit_callback(0, exit_arg);
	ok(slot_state(a) == SLOT_FREE && activities_ended == 1,
	   "without a scheduler a process that goes frees its slot and what it ran");
	scheduler_pid = 7;
	ok(fake_locks_held == 0, "no lock is left");
}

static void
test_demand(void)
{
	scheduler_wakes = 0;
	slot_set_demand(0, 3);
	ok(slot_fewest_elsewhere(1) == 3 && slot_fewest_elsewhere(0) == INT_MAX, "demand is seen by others");
	ok(scheduler_wakes == 1, "new demand wakes the others");
	slot_set_demand(0, INT_MAX);
	ok(scheduler_wakes == 1, "less demand wakes nobody");
}

/* ------------------------------------------------------------------------
 * Both at once
 * ------------------------------------------------------------------------ */

static char taken_back[RUNS + 1];
static char executed[RUNS + 1];
static bool worker_is_ordered = true;
static volatile bool is_over = false;

/* Executes what it gets and reports it, some at a time. */
static void *
worker(void *arg)
{
	int			slot = *(int *) arg;
	Outcome		batch[16] = {0};
	int			count = 0;
	int64		last = 0;
	Assignment	a;

	for (;;)
	{
		bool		was_over = is_over;
		bool		has_next = count < (int) lengthof(batch) && slot_next_assignment(slot, &a);

		if (has_next)
		{
			worker_is_ordered = worker_is_ordered && is_whole(&a) && a.run_id > last;
			last = a.run_id;
			batch[count].task_id = a.run_id * 3;
			batch[count++].run_id = a.run_id;
			continue;
		}
		if (count == 0 && was_over)
		{
			slot_report(slot);
			return NULL;
		}
		if (count > 0 && slot_outcome_has_room(slot, count))
		{
			for (int i = 0; i < count; i++)
				slot_add_outcome(slot, &batch[i], 1);
			count = 0;
			if (was_over || last % 2 == 0)
				slot_report(slot);
		}
		else
			sched_yield();
	}
}

static bool
collect_outcomes(int slot)
{
	Outcome		o;
	bool		is_right = true;

	while (slot_take_outcome(slot, &o))
	{
		is_right = is_right && o.run_id > 0 && o.run_id <= RUNS && o.task_id == o.run_id * 3;
		if (is_right)
			executed[o.run_id]++;
	}
	return is_right;
}

/* Takes back what is there, as the scheduler does behind a slow run; the worker gets none that is among it. */
static bool
take_back(int slot)
{
	int			count = slot_take_back(slot, taken);
	bool		is_right = true;

	for (int i = 0; i < count; i++)
	{
		is_right = is_right && is_whole(&taken[i]) && taken[i].run_id == taken[0].run_id + i;
		taken_back[taken[i].run_id]++;
	}
	return is_right;
}

static void
test_both(int slot)
{
	pthread_t	thread;
	int64		id = 0;
	int64		sums[3] = {0};
	bool		is_right = true;
	uint64		done;
	XLogRecPtr	durable_at;

	pthread_create(&thread, NULL, worker, &slot);
	while (id < RUNS)
	{
		for (int count = tap_random(200); count > 0 && id < RUNS && push(slot, id + 1); count--)
			id++;
		if (tap_random(20) == 0)
			is_right = take_back(slot) && is_right;
		if (tap_random(4) == 0 && slot_unreported(slot, &done, &durable_at))
			slot_report_for(slot, done);
		is_right = collect_outcomes(slot) && is_right;
		if (slot_assigned(slot) == SLOT_ASSIGNMENTS)
			sched_yield();
	}
	is_over = true;
	while (slot_assigned(slot) > 0)
		is_right = collect_outcomes(slot) && is_right;
	pthread_join(thread, NULL);
	is_right = collect_outcomes(slot) && is_right;

	for (id = 1; id <= RUNS; id++)
	{
		sums[0] += taken_back[id] + executed[id] == 1;
		sums[1] += taken_back[id];
		sums[2] += executed[id];
	}
	printf("# " INT64_FORMAT " executed, " INT64_FORMAT " taken back\n", sums[2], sums[1]);
	ok(is_right && worker_is_ordered, "both sides see whole entries, in order");
	ok(sums[0] == RUNS, "of %d assignments each is executed or taken back, once", RUNS);
	ok(sums[1] > 0 && sums[2] > 0, "both sides had their part");
}

int
main(void)
{
	uint64		generation;
	int			slot;

	tap_seed();
	slot_shmem_init();
	test_life();
	slot = slot_reserve_worker(DATABASE, ROLE, &generation);
	test_assignments(slot);
	test_share(slot);
	test_refill_mark(slot);
	test_outcomes(slot);
	test_reported_for(slot);
	test_demand();
	test_both(slot);
	return tap_done();
}
