/*-------------------------------------------------------------------------
 *
 * database.c
 *	  Shared entries of the databases that have taskly.
 *
 * Ownership: the launcher makes and frees entries; an entry's scheduler
 * attaches and detaches itself; any session pushes news or holds an entry.
 * Each entry has a spinlock over its small fields and its ring. All waiting is
 * done elsewhere. A process that dies gives back what it held through
 * before_shmem_exit callbacks; a crash makes the memory anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/shmem.h"

#define NEWS_RING_SIZE		4096	/* a power of two */
#define MAX_REQUESTS		64
/* With more, its scheduler does not nap. */
#define MAX_NEWS_TO_NAP		32

typedef struct DatabaseEntry
{
	slock_t		mutex;
	Oid			database;		/* InvalidOid: free */
	SchedulerState state;
	int			proc_number;	/* of the scheduler; -1: none */
	int			pid;
	int			holds;
	int			history_slot;
	bool		is_leader;
	bool		is_parked;
	bool		has_led;		/* in this life of the server: @reboot is done */
	bool		overflow;		/* news were dropped: read everything */
	bool		is_napping;		/* the scheduler looks soon by itself: news of runs need not wake it */
	int64		term;
	TimestampTz led_since;
	int64		waiting;
	int64		scheduled;
	int64		dispatched;
	int64		wakeups;
	int64		rescans;
	int64		wakeup_latency_us;
	uint64		news_head;
	uint64		news_tail;
	ConditionVariable finished_cv;
	ConditionVariable left_cv;
	News		news[NEWS_RING_SIZE];
} DatabaseEntry;

typedef struct LauncherRequests
{
	slock_t		mutex;
	int			proc_number;	/* of the launcher; -1: none */
	int			count;
	bool		overflow;
	Oid			databases[MAX_REQUESTS];
} LauncherRequests;

static LauncherRequests *requests = NULL;
static DatabaseEntry *entries = NULL;
static int	my_entry = -1;		/* as its scheduler */

static void detach_launcher(int code, Datum arg);
static void detach_scheduler(int code, Datum arg);

static void
wake_process(int proc_number)
{
	if (proc_number >= 0)
		SetLatch(&GetPGProcByNumber(proc_number)->procLatch);
}

/* ------------------------------------------------------------------------
 * Layout
 * ------------------------------------------------------------------------ */

Size
database_shmem_size(void)
{
	return add_size(MAXALIGN(sizeof(LauncherRequests)),
					mul_size(taskly_max_databases, sizeof(DatabaseEntry)));
}

void
database_shmem_init(void)
{
	bool		found;
	char	   *base = ShmemInitStruct("taskly databases", database_shmem_size(), &found);

	requests = (LauncherRequests *) base;
	entries = (DatabaseEntry *) (base + MAXALIGN(sizeof(LauncherRequests)));
	if (found)
		return;

	memset(base, 0, database_shmem_size());
	SpinLockInit(&requests->mutex);
	requests->proc_number = -1;
	for (int i = 0; i < taskly_max_databases; i++)
	{
		SpinLockInit(&entries[i].mutex);
		entries[i].proc_number = -1;
		ConditionVariableInit(&entries[i].finished_cv);
		ConditionVariableInit(&entries[i].left_cv);
	}
}

/* ------------------------------------------------------------------------
 * Launcher
 * ------------------------------------------------------------------------ */

void
database_attach_launcher(void)
{
	before_shmem_exit(detach_launcher, (Datum) 0);
	SpinLockAcquire(&requests->mutex);
	requests->proc_number = my_proc_number();
	SpinLockRelease(&requests->mutex);
}

static void
detach_launcher(int code, Datum arg)
{
	SpinLockAcquire(&requests->mutex);
	requests->proc_number = -1;
	SpinLockRelease(&requests->mutex);
}

static void
wake_launcher(void)
{
	int			proc_number;

	SpinLockAcquire(&requests->mutex);
	proc_number = requests->proc_number;
	SpinLockRelease(&requests->mutex);
	wake_process(proc_number);
}

void
database_request_scheduler(Oid database)
{
	SpinLockAcquire(&requests->mutex);
	if (requests->count < MAX_REQUESTS)
		requests->databases[requests->count++] = database;
	else
		requests->overflow = true;
	SpinLockRelease(&requests->mutex);
	wake_launcher();
}

Oid
database_take_request(bool *all)
{
	Oid			database = InvalidOid;

	SpinLockAcquire(&requests->mutex);
	if (requests->count > 0)
		database = requests->databases[--requests->count];
	*all = requests->overflow;
	requests->overflow = false;
	SpinLockRelease(&requests->mutex);
	return database;
}

int
database_claim_entry(Oid database)
{
	int			free_entry = -1;

	/* Only the launcher makes entries, so nobody races with this search. */
	for (int i = 0; i < taskly_max_databases; i++)
	{
		if (entries[i].database == database)
			return i;
		if (entries[i].database == InvalidOid && free_entry < 0)
			free_entry = i;
	}
	if (free_entry >= 0)
	{
		DatabaseEntry *entry = &entries[free_entry];

		SpinLockAcquire(&entry->mutex);
		entry->database = database;
		entry->state = SCHEDULER_WANTED;
		entry->proc_number = -1;
		entry->pid = 0;
		entry->is_leader = false;
		entry->is_parked = false;
		entry->has_led = false;
		entry->term = 0;
		entry->waiting = entry->scheduled = entry->dispatched = 0;
		entry->wakeups = entry->rescans = 0;
		SpinLockRelease(&entry->mutex);
	}
	return free_entry;
}

void
database_free_entry(int entry)
{
	SpinLockAcquire(&entries[entry].mutex);
	Assert(entries[entry].holds == 0);
	entries[entry].state = SCHEDULER_NONE;
	entries[entry].database = InvalidOid;
	SpinLockRelease(&entries[entry].mutex);
}

void
database_set_state(int entry, SchedulerState state)
{
	SpinLockAcquire(&entries[entry].mutex);
	entries[entry].state = state;
	SpinLockRelease(&entries[entry].mutex);
}

/* ------------------------------------------------------------------------
 * Scheduler
 * ------------------------------------------------------------------------ */

bool
database_attach_scheduler(int entry, Oid database)
{
	DatabaseEntry *e = &entries[entry];
	bool		is_welcome;

	SpinLockAcquire(&e->mutex);
	is_welcome = e->database == database && e->holds == 0 && e->proc_number < 0;
	if (is_welcome)
	{
		e->proc_number = my_proc_number();
		e->pid = MyProcPid;
		e->state = SCHEDULER_RUNNING;
		e->wakeup_latency_us = 0;
		e->news_head = e->news_tail;
		e->overflow = e->is_napping = false;
	}
	SpinLockRelease(&e->mutex);

	if (is_welcome)
	{
		my_entry = entry;
		before_shmem_exit(detach_scheduler, Int32GetDatum(entry));
		/* The next database may have its turn to start. */
		wake_launcher();
	}
	return is_welcome;
}

static void
detach_scheduler(int code, Datum arg)
{
	DatabaseEntry *e = &entries[DatumGetInt32(arg)];

	SpinLockAcquire(&e->mutex);
	e->proc_number = -1;
	e->pid = 0;
	e->is_leader = false;
	if (e->state == SCHEDULER_RUNNING)
		e->state = SCHEDULER_LEFT;
	SpinLockRelease(&e->mutex);
	my_entry = -1;
	ConditionVariableBroadcast(&e->left_cv);
	wake_launcher();
}

void
database_set_not_needed(int entry)
{
	database_set_state(entry, SCHEDULER_NOT_NEEDED);
}

void
database_show_leader(int entry, bool is_leader, bool is_parked, int64 term)
{
	DatabaseEntry *e = &entries[entry];
	TimestampTz now = taskly_now();

	SpinLockAcquire(&e->mutex);
	if (is_leader && !e->is_leader)
		e->led_since = now;
	e->is_leader = is_leader;
	e->is_parked = is_parked;
	e->term = term;
	SpinLockRelease(&e->mutex);
}

bool
database_is_first_lead(int entry)
{
	bool		result = !entries[entry].has_led;

	entries[entry].has_led = true;
	return result;
}

void
database_count_turn(int entry, const TurnCounts *counts)
{
	DatabaseEntry *e = &entries[entry];

	SpinLockAcquire(&e->mutex);
	e->waiting = counts->waiting;
	e->scheduled = counts->scheduled;
	e->dispatched += counts->dispatched;
	e->wakeups++;
	if (counts->was_rescan)
		e->rescans++;
	SpinLockRelease(&e->mutex);
}

void
database_show_wakeup_latency(int entry, int64 latency_us)
{
	entries[entry].wakeup_latency_us = latency_us;
}

bool
database_should_stop(int entry)
{
	bool		result;

	SpinLockAcquire(&entries[entry].mutex);
	result = entries[entry].holds > 0;
	SpinLockRelease(&entries[entry].mutex);
	return result;
}

int
database_take_news(int entry, News *news, int max, bool *everything)
{
	DatabaseEntry *e = &entries[entry];
	int			count = 0;

	SpinLockAcquire(&e->mutex);
	*everything = e->overflow;
	e->overflow = false;
	e->is_napping = false;
	while (count < max && e->news_head < e->news_tail)
		news[count++] = e->news[e->news_head++ % NEWS_RING_SIZE];
	SpinLockRelease(&e->mutex);
	return count;
}

static bool
are_of_runs(const News *news, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (news[i].kind != NEWS_RUNS)
			return false;
	}
	return true;
}

bool
database_nap(int entry)
{
	DatabaseEntry *e = &entries[entry];

	SpinLockAcquire(&e->mutex);
	e->is_napping = !e->overflow && e->news_tail - e->news_head < MAX_NEWS_TO_NAP;
	for (uint64 i = e->news_head; i < e->news_tail && e->is_napping; i++)
		e->is_napping = are_of_runs(&e->news[i % NEWS_RING_SIZE], 1);
	SpinLockRelease(&e->mutex);
	return e->is_napping;
}

bool
database_has_news(int entry)
{
	DatabaseEntry *e = &entries[entry];
	bool		result;

	SpinLockAcquire(&e->mutex);
	result = e->overflow || e->news_head < e->news_tail;
	SpinLockRelease(&e->mutex);
	return result;
}

void
database_wake_scheduler(int entry)
{
	int			proc_number;

	SpinLockAcquire(&entries[entry].mutex);
	proc_number = entries[entry].proc_number;
	SpinLockRelease(&entries[entry].mutex);
	wake_process(proc_number);
}

void
database_wake_everybody(void)
{
	wake_launcher();
	for (int i = 0; i < taskly_max_databases; i++)
	{
		database_wake_scheduler(i);
		ConditionVariableBroadcast(&entries[i].finished_cv);
	}
}

int
database_history_slot(int entry)
{
	return entry < 0 ? 0 : entries[entry].history_slot;
}

void
database_set_history_slot(int entry, int slot)
{
	entries[entry].history_slot = slot;
}

/* ------------------------------------------------------------------------
 * Every session
 * ------------------------------------------------------------------------ */

int
database_entries(void)
{
	return taskly_max_databases;
}

bool
database_info(int entry, DatabaseInfo *info)
{
	DatabaseEntry *e = &entries[entry];

	SpinLockAcquire(&e->mutex);
	info->database = e->database;
	info->state = e->state;
	info->pid = e->pid;
	info->is_held = e->holds > 0;
	info->is_leader = e->is_leader;
	info->is_parked = e->is_parked;
	info->term = e->term;
	info->led_since = e->led_since;
	info->waiting = e->waiting;
	info->scheduled = e->scheduled;
	info->dispatched = e->dispatched;
	info->wakeups = e->wakeups;
	info->rescans = e->rescans;
	info->wakeup_latency_us = e->wakeup_latency_us;
	SpinLockRelease(&e->mutex);
	return OidIsValid(info->database);
}

int
database_my_entry(void)
{
	if (my_entry >= 0)
		return my_entry;
	for (int i = 0; i < taskly_max_databases; i++)
	{
		if (entries[i].database == MyDatabaseId)
			return i;
	}
	return -1;
}

/* Add to a ring that the caller has locked; remember an overflow instead. */
static void
push_locked(DatabaseEntry *e, const News *news, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (e->news_tail - e->news_head >= NEWS_RING_SIZE)
		{
			e->overflow = true;
			return;
		}
		e->news[e->news_tail++ % NEWS_RING_SIZE] = news[i];
	}
}

/*
 * Without a scheduler nothing is pushed: one that attaches later takes its
 * snapshot after that, and so sees our commit.
 */
void
database_push_news(const News *news, int count)
{
	for (int i = 0; i < taskly_max_databases; i++)
	{
		DatabaseEntry *e = &entries[i];
		int			proc_number = -1;

		if (e->database != MyDatabaseId)
			continue;
		SpinLockAcquire(&e->mutex);
		if (e->database == MyDatabaseId && e->proc_number >= 0)
		{
			push_locked(e, news, count);
			e->is_napping = e->is_napping && are_of_runs(news, count);
			if (!e->is_napping)
				proc_number = e->proc_number;
		}
		SpinLockRelease(&e->mutex);
		wake_process(proc_number);
		return;
	}
}

void
database_wake_my_scheduler(void)
{
	int			entry = database_my_entry();

	if (entry >= 0)
		database_wake_scheduler(entry);
}

ConditionVariable *
database_finished_cv(int entry)
{
	return &entries[entry].finished_cv;
}

void
database_tell_finished(void)
{
	int			entry = database_my_entry();

	if (entry >= 0)
		ConditionVariableBroadcast(&entries[entry].finished_cv);
}

/* ------------------------------------------------------------------------
 * Eviction
 * ------------------------------------------------------------------------ */

int
database_hold(Oid database)
{
	for (int i = 0; i < taskly_max_databases; i++)
	{
		DatabaseEntry *e = &entries[i];
		bool		is_ours;

		SpinLockAcquire(&e->mutex);
		is_ours = e->database == database;
		if (is_ours)
			e->holds++;
		SpinLockRelease(&e->mutex);
		if (is_ours)
			return i;
	}
	return -1;
}

void
database_release(int entry)
{
	SpinLockAcquire(&entries[entry].mutex);
	entries[entry].holds--;
	SpinLockRelease(&entries[entry].mutex);
	wake_launcher();
}

ConditionVariable *
database_left_cv(int entry)
{
	return &entries[entry].left_cv;
}
