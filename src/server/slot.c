/*-------------------------------------------------------------------------
 *
 * slot.c
 *	  Worker slots and their rings.
 *
 * Life of a slot (every change of state is in this file):
 *
 *	 FREE --reserve--> RESERVED --attach--> READY --exit--> LEFT --free--> FREE
 *						  |                                   ^
 *						  +--- process never came: free ------+
 *
 * A process attaches when it starts, and is ready when it has logged in.
 *
 * Who reserves and frees: the scheduler, under shmem_slots_lock(). Who attaches
 * and leaves: the process. The rings need no lock: assignments are pushed by
 * the scheduler only and popped, with compare-and-swap, by the worker or (to
 * take one back) by the scheduler; outcomes have one writer and one reader, and
 * either says up to where they may be taken.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <signal.h>

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"

#include "compat.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/shmem.h"
#include "server/slot.h"

typedef struct WorkerSlot
{
	SlotState	state;			/* written under the slots lock */
	uint64		generation;
	Oid			database;
	Oid			role;
	int			pid;
	int			proc_number;
	volatile bool is_retiring;
	int			refill_mark;
	int64		runs;
	TimestampTz started_at;
	TimestampTz last_run_at;

	pg_atomic_uint64 assign_head;	/* next to pop */
	pg_atomic_uint64 assign_tail;	/* next to push */
	pg_atomic_uint64 outcome_head;	/* next to take */
	pg_atomic_uint64 outcome_tail;	/* reported up to here: may be taken */
	pg_atomic_uint64 outcome_done;	/* written up to here */
	pg_atomic_uint64 durable_at;	/* WAL position of the latest one written */
	Assignment	assignments[SLOT_ASSIGNMENTS];
	Outcome		outcomes[SLOT_OUTCOMES];
} WorkerSlot;

typedef struct SlotArea
{
	uint64		last_generation;
	int			demand[FLEXIBLE_ARRAY_MEMBER];	/* one for each database entry */
} SlotArea;

static SlotArea *area = NULL;
static WorkerSlot *slots = NULL;

static void leave_slot(int code, Datum arg);

static Size
area_size(void)
{
	return MAXALIGN(add_size(offsetof(SlotArea, demand),
							 mul_size(taskly_max_databases, sizeof(int))));
}

int
slot_count(void)
{
	return taskly_max_workers + taskly_max_databases;
}

Size
slot_shmem_size(void)
{
	return add_size(area_size(), mul_size(slot_count(), sizeof(WorkerSlot)));
}

void
slot_shmem_init(void)
{
	bool		found;
	char	   *base = ShmemInitStruct("taskly slots", slot_shmem_size(), &found);

	area = (SlotArea *) base;
	slots = (WorkerSlot *) (base + area_size());
	if (found)
		return;

	memset(base, 0, slot_shmem_size());
	for (int i = 0; i < taskly_max_databases; i++)
		area->demand[i] = INT_MAX;
	for (int i = 0; i < slot_count(); i++)
	{
		pg_atomic_init_u64(&slots[i].assign_head, 0);
		pg_atomic_init_u64(&slots[i].assign_tail, 0);
		pg_atomic_init_u64(&slots[i].outcome_head, 0);
		pg_atomic_init_u64(&slots[i].outcome_tail, 0);
		pg_atomic_init_u64(&slots[i].outcome_done, 0);
		pg_atomic_init_u64(&slots[i].durable_at, 0);
	}
}

static int
ring_used(pg_atomic_uint64 *head, pg_atomic_uint64 *tail)
{
	uint64		h = pg_atomic_read_u64(head);
	uint64		t = pg_atomic_read_u64(tail);

	return t > h ? (int) (t - h) : 0;
}

bool
slot_info(int slot, SlotInfo *info)
{
	WorkerSlot *s = &slots[slot];

	LWLockAcquire(shmem_slots_lock(), LW_SHARED);
	info->state = s->state;
	info->generation = s->generation;
	info->database = s->database;
	info->role = s->role;
	info->pid = s->pid;
	info->is_retiring = s->is_retiring;
	info->assigned = ring_used(&s->assign_head, &s->assign_tail);
	info->runs = s->runs;
	info->started_at = s->started_at;
	info->last_run_at = s->last_run_at;
	LWLockRelease(shmem_slots_lock());
	return info->state != SLOT_FREE;
}

/* ------------------------------------------------------------------------
 * Scheduler
 * ------------------------------------------------------------------------ */

static uint64
reserve_locked(int slot, Oid database, Oid role)
{
	WorkerSlot *s = &slots[slot];

	Assert(s->state == SLOT_FREE);
	s->state = SLOT_RESERVED;
	s->generation = ++area->last_generation;
	s->database = database;
	s->role = role;
	s->pid = 0;
	s->proc_number = -1;
	s->is_retiring = false;
	s->refill_mark = 0;
	s->runs = 0;
	s->started_at = s->last_run_at = taskly_now();
	pg_atomic_write_u64(&s->assign_head, 0);
	pg_atomic_write_u64(&s->assign_tail, 0);
	pg_atomic_write_u64(&s->outcome_head, 0);
	pg_atomic_write_u64(&s->outcome_tail, 0);
	pg_atomic_write_u64(&s->outcome_done, 0);
	pg_atomic_write_u64(&s->durable_at, 0);
	return s->generation;
}

int
slot_reserve_worker(Oid database, Oid role, uint64 *generation)
{
	int			result = -1;

	LWLockAcquire(shmem_slots_lock(), LW_EXCLUSIVE);
	for (int i = 0; i < taskly_max_workers && result < 0; i++)
	{
		if (slots[i].state == SLOT_FREE)
		{
			*generation = reserve_locked(i, database, role);
			result = i;
		}
	}
	LWLockRelease(shmem_slots_lock());
	return result;
}

int
slot_reserve_supervisor(int entry, Oid database, uint64 *generation)
{
	int			slot = taskly_max_workers + entry;
	bool		is_free;

	LWLockAcquire(shmem_slots_lock(), LW_EXCLUSIVE);
	is_free = slots[slot].state == SLOT_FREE;
	if (is_free)
		*generation = reserve_locked(slot, database, InvalidOid);
	LWLockRelease(shmem_slots_lock());
	return is_free ? slot : -1;
}

/* A slot is free again: schedulers that wait for one should look. */
static void
wake_schedulers_in_need(void)
{
	for (int i = 0; i < taskly_max_databases; i++)
	{
		if (area->demand[i] != INT_MAX)
			database_wake_scheduler(i);
	}
}

void
slot_free(int slot)
{
	LWLockAcquire(shmem_slots_lock(), LW_EXCLUSIVE);
	slots[slot].state = SLOT_FREE;
	slots[slot].generation = 0;
	slots[slot].database = InvalidOid;
	LWLockRelease(shmem_slots_lock());
	wake_schedulers_in_need();
}

SlotState
slot_state(int slot)
{
	return ((volatile WorkerSlot *) &slots[slot])->state;
}

void
slot_reclaim(Oid database)
{
	LWLockAcquire(shmem_slots_lock(), LW_EXCLUSIVE);
	for (int i = 0; i < slot_count(); i++)
	{
		/* A process that is yet to attach will find the slot is not its own. */
		if (slots[i].database == database &&
			(slots[i].state == SLOT_LEFT ||
			 (slots[i].state == SLOT_RESERVED && slots[i].pid == 0)))
		{
			/* What its process was executing is in nobody's hands. */
			if (i < taskly_max_workers)
				activity_end(i);
			slots[i].state = SLOT_FREE;
			slots[i].generation = 0;
			slots[i].database = InvalidOid;
		}
	}
	LWLockRelease(shmem_slots_lock());
	wake_schedulers_in_need();
}

bool
slot_assign(int slot, Assignment *assignment)
{
	WorkerSlot *s = &slots[slot];
	uint64		tail = pg_atomic_read_u64(&s->assign_tail);

	if (tail - pg_atomic_read_u64(&s->assign_head) >= SLOT_ASSIGNMENTS)
		return false;
	assignment->outcomes_taken = pg_atomic_read_u64(&s->outcome_head);
	s->assignments[tail % SLOT_ASSIGNMENTS] = *assignment;
	pg_write_barrier();
	pg_atomic_write_u64(&s->assign_tail, tail + 1);
	return true;
}

int
slot_assigned(int slot)
{
	return ring_used(&slots[slot].assign_head, &slots[slot].assign_tail);
}

bool
assignment_may_share(const Assignment *assignment)
{
	return assignment->batch > 1 && !assignment->is_suspect && !assignment->is_slow;
}

/*
 * An entry is copied before it is claimed, since it may be taken back. with: only
 * one that may share a transaction with it; NULL: any.
 */
static bool
pop_assignment(WorkerSlot *s, const Assignment *with, Assignment *assignment)
{
	uint64		head = pg_atomic_read_u64(&s->assign_head);

	for (;;)
	{
		if (head >= pg_atomic_read_u64(&s->assign_tail))
			return false;
		pg_read_barrier();
		*assignment = s->assignments[head % SLOT_ASSIGNMENTS];
		if (with != NULL && (assignment->queue_id != with->queue_id ||
							 !assignment_may_share(assignment)))
			return false;
		if (pg_atomic_compare_exchange_u64(&s->assign_head, &head, head + 1))
			return true;
	}
}

/* We alone write them, so they stay as they are until all are claimed at once. */
int
slot_take_back(int slot, Assignment *assignments)
{
	WorkerSlot *s = &slots[slot];
	uint64		tail = pg_atomic_read_u64(&s->assign_tail);
	uint64		head = pg_atomic_read_u64(&s->assign_head);

	while (head < tail && !pg_atomic_compare_exchange_u64(&s->assign_head, &head, tail))
		;
	for (uint64 i = head; i < tail; i++)
		assignments[i - head] = s->assignments[i % SLOT_ASSIGNMENTS];
	return (int) (tail - head);
}

bool
slot_take_outcome(int slot, Outcome *outcome)
{
	WorkerSlot *s = &slots[slot];
	uint64		head = pg_atomic_read_u64(&s->outcome_head);

	if (head >= pg_atomic_read_u64(&s->outcome_tail))
		return false;
	pg_read_barrier();
	*outcome = s->outcomes[head % SLOT_OUTCOMES];
	pg_memory_barrier();
	pg_atomic_write_u64(&s->outcome_head, head + 1);
	return true;
}

bool
slot_has_outcome(int slot)
{
	return ring_used(&slots[slot].outcome_head, &slots[slot].outcome_tail) > 0;
}

int
slot_done(int slot)
{
	return ring_used(&slots[slot].outcome_head, &slots[slot].outcome_done);
}

/* For either side: the tail moves forward only. */
static void
report_up_to(WorkerSlot *s, uint64 done)
{
	uint64		tail = pg_atomic_read_u64(&s->outcome_tail);

	while (tail < done &&
		   !pg_atomic_compare_exchange_u64(&s->outcome_tail, &tail, done))
		;
}

bool
slot_unreported(int slot, uint64 *done, XLogRecPtr *durable_at)
{
	WorkerSlot *s = &slots[slot];

	*done = pg_atomic_read_u64(&s->outcome_done);
	pg_read_barrier();
	*durable_at = pg_atomic_read_u64(&s->durable_at);
	return *done > pg_atomic_read_u64(&s->outcome_tail) &&
		*durable_at != SLOT_DURABLE_LATER;
}

void
slot_report_for(int slot, uint64 done)
{
	report_up_to(&slots[slot], done);
}

void
slot_wake(int slot)
{
	int			proc_number = ((volatile WorkerSlot *) &slots[slot])->proc_number;

	if (proc_number >= 0)
		SetLatch(&GetPGProcByNumber(proc_number)->procLatch);
}

void
slot_wake_everybody(void)
{
	for (int i = 0; i < slot_count(); i++)
		slot_wake(i);
}

void
slot_retire(int slot)
{
	slots[slot].is_retiring = true;
	slot_wake(slot);
}

void
slot_set_refill_mark(int slot, int mark)
{
	slots[slot].refill_mark = mark;
}

/* ------------------------------------------------------------------------
 * Worker
 * ------------------------------------------------------------------------ */

bool
slot_attach(int slot, uint64 generation)
{
	WorkerSlot *s = &slots[slot];
	bool		is_ours;

	LWLockAcquire(shmem_slots_lock(), LW_EXCLUSIVE);
	is_ours = s->state == SLOT_RESERVED && s->generation == generation;
	if (is_ours)
	{
		s->pid = MyProcPid;
		s->proc_number = my_proc_number();
		s->started_at = s->last_run_at = taskly_now();
	}
	LWLockRelease(shmem_slots_lock());
	if (is_ours)
		before_shmem_exit(leave_slot, Int32GetDatum(slot));
	return is_ours;
}

void
slot_set_ready(int slot)
{
	LWLockAcquire(shmem_slots_lock(), LW_EXCLUSIVE);
	slots[slot].state = SLOT_READY;
	LWLockRelease(shmem_slots_lock());
}

/* Wake the scheduler that owns a slot; false when there is none. */
static bool
wake_owner(WorkerSlot *s)
{
	for (int i = 0; i < database_entries(); i++)
	{
		DatabaseInfo info;

		if (database_info(i, &info) && info.database == s->database && info.pid != 0)
		{
			database_wake_scheduler(i);
			return true;
		}
	}
	return false;
}

/* With its scheduler gone, nobody else would clear up. */
static void
leave_slot(int code, Datum arg)
{
	int			slot = DatumGetInt32(arg);

	LWLockAcquire(shmem_slots_lock(), LW_EXCLUSIVE);
	slots[slot].state = SLOT_LEFT;
	slots[slot].pid = 0;
	slots[slot].proc_number = -1;
	LWLockRelease(shmem_slots_lock());
	if (!wake_owner(&slots[slot]))
		slot_reclaim(slots[slot].database);
}

bool
slot_is_retiring(int slot)
{
	return slots[slot].is_retiring;
}

/* The scheduler asked to hear when the ring runs low. */
static void
look_at_refill_mark(WorkerSlot *s)
{
	if (s->refill_mark > 0 &&
		ring_used(&s->assign_head, &s->assign_tail) < s->refill_mark)
	{
		s->refill_mark = 0;
		(void) wake_owner(s);
	}
}

bool
slot_next_assignment(int slot, Assignment *assignment)
{
	bool		found = pop_assignment(&slots[slot], NULL, assignment);

	if (found)
		look_at_refill_mark(&slots[slot]);
	return found;
}

bool
slot_next_to_share(int slot, const Assignment *with, Assignment *assignment)
{
	bool		found = pop_assignment(&slots[slot], with, assignment);

	if (found)
		look_at_refill_mark(&slots[slot]);
	return found;
}

bool
slot_outcome_has_room(int slot, int count)
{
	return ring_used(&slots[slot].outcome_head, &slots[slot].outcome_done) +
		count <= SLOT_OUTCOMES;
}

uint64
slot_outcome_count(int slot)
{
	return pg_atomic_read_u64(&slots[slot].outcome_done);
}

void
slot_add_outcome(int slot, const Outcome *outcome, XLogRecPtr durable_at)
{
	WorkerSlot *s = &slots[slot];
	uint64		done = pg_atomic_read_u64(&s->outcome_done);

	Assert(slot_outcome_has_room(slot, 1));
	s->outcomes[done % SLOT_OUTCOMES] = *outcome;
	pg_atomic_write_u64(&s->durable_at, durable_at);
	pg_write_barrier();
	pg_atomic_write_u64(&s->outcome_done, done + 1);
}

void
slot_report(int slot)
{
	report_up_to(&slots[slot], pg_atomic_read_u64(&slots[slot].outcome_done));
	(void) wake_owner(&slots[slot]);
}

void
slot_count_run(int slot, TimestampTz now)
{
	slots[slot].runs++;
	slots[slot].last_run_at = now;
}

/* ------------------------------------------------------------------------
 * Demand
 * ------------------------------------------------------------------------ */

void
slot_set_demand(int entry, int fewest)
{
	bool		is_news = fewest < area->demand[entry];

	area->demand[entry] = fewest;
	for (int i = 0; is_news && i < taskly_max_databases; i++)
	{
		if (i != entry)
			database_wake_scheduler(i);
	}
}

int
slot_fewest_elsewhere(int entry)
{
	int			fewest = INT_MAX;

	for (int i = 0; i < taskly_max_databases; i++)
	{
		if (i != entry)
			fewest = Min(fewest, area->demand[i]);
	}
	return fewest;
}
