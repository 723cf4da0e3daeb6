/*-------------------------------------------------------------------------
 *
 * activity.c
 *	  The runs in execution, in shared memory.
 *
 * Each entry has a spinlock; the process that executes writes it twice a run.
 * An entry of a process that died is cleared by the scheduler that owns it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "compat.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/guc.h"

typedef struct ActivityEntry
{
	slock_t		mutex;
	bool		is_reserved;	/* shell entries only */
	Oid			reserved_for;	/* database */
	int			process_pid;	/* whom to signal */
	int			proc_number;
	int64		cancel_run_id;
	Oid			cancelled_by;
	int64		overdue_run_id;	/* told to stop since its time is over */
	int			cancels_in_flight;	/* signals that are about to be sent */
	bool		previous_was_told;
	Activity	activity;
	bool		has_progress;
	Progress	progress;
} ActivityEntry;

static ActivityEntry *entries = NULL;

static void cancel_is_sent(ActivityEntry *e);

int
activity_count(void)
{
	return taskly_max_workers + taskly_max_shell_runs;
}

Size
activity_shmem_size(void)
{
	return mul_size(activity_count(), sizeof(ActivityEntry));
}

void
activity_shmem_init(void)
{
	bool		found;

	entries = ShmemInitStruct("taskly activity", activity_shmem_size(), &found);
	if (found)
		return;
	memset(entries, 0, activity_shmem_size());
	for (int i = 0; i < activity_count(); i++)
		SpinLockInit(&entries[i].mutex);
}

bool
activity_get(int index, Activity *activity)
{
	SpinLockAcquire(&entries[index].mutex);
	*activity = entries[index].activity;
	SpinLockRelease(&entries[index].mutex);
	return activity->run_id != 0;
}

bool
activity_progress(int index, int64 run_id, Progress *progress)
{
	ActivityEntry *e = &entries[index];
	bool		result;

	SpinLockAcquire(&e->mutex);
	result = e->has_progress && e->activity.run_id == run_id;
	if (result)
		*progress = e->progress;
	SpinLockRelease(&e->mutex);
	return result;
}

int
activity_reserve(Oid database)
{
	for (int i = taskly_max_workers; i < activity_count(); i++)
	{
		ActivityEntry *e = &entries[i];
		bool		was_free;

		SpinLockAcquire(&e->mutex);
		was_free = !e->is_reserved;
		if (was_free)
		{
			e->is_reserved = true;
			e->reserved_for = database;
			e->cancel_run_id = 0;
		}
		SpinLockRelease(&e->mutex);
		if (was_free)
			return i;
	}
	return -1;
}

void
activity_give_back(int index)
{
	SpinLockAcquire(&entries[index].mutex);
	entries[index].is_reserved = false;
	entries[index].reserved_for = InvalidOid;
	memset(&entries[index].activity, 0, sizeof(Activity));
	SpinLockRelease(&entries[index].mutex);
}

void
activity_give_back_all(Oid database)
{
	for (int i = taskly_max_workers; i < activity_count(); i++)
	{
		if (entries[i].is_reserved && entries[i].reserved_for == database)
			activity_give_back(i);
	}
}

void
activity_set_stuck(int index, int64 run_id)
{
	SpinLockAcquire(&entries[index].mutex);
	if (entries[index].activity.run_id == run_id)
		entries[index].activity.is_stuck = true;
	SpinLockRelease(&entries[index].mutex);
}

void
activity_clock_was_set(int64 step_us)
{
	for (int i = 0; i < activity_count(); i++)
	{
		Activity   *activity = &entries[i].activity;

		SpinLockAcquire(&entries[i].mutex);
		if (activity->run_id != 0 && activity->database == MyDatabaseId)
		{
			activity->picked_at += step_us;
			activity->started_at += step_us;
		}
		SpinLockRelease(&entries[i].mutex);
	}
}

void
activity_begin(int index, const Activity *activity)
{
	ActivityEntry *e = &entries[index];
	bool		is_other;

	SpinLockAcquire(&e->mutex);
	/* The same run once more is still to be cancelled. */
	is_other = e->activity.run_id != activity->run_id;
	e->activity = *activity;
	e->has_progress = false;
	e->process_pid = MyProcPid;
	e->proc_number = my_proc_number();
	e->previous_was_told = e->cancels_in_flight > 0 ||
		(is_other && (e->cancel_run_id != 0 || e->overdue_run_id != 0));
	if (is_other)
		e->cancel_run_id = e->overdue_run_id = 0;
	SpinLockRelease(&e->mutex);
}

void
activity_set_progress(int index, const Progress *progress)
{
	SpinLockAcquire(&entries[index].mutex);
	entries[index].progress = *progress;
	entries[index].has_progress = true;
	SpinLockRelease(&entries[index].mutex);
}

bool
activity_end(int index)
{
	ActivityEntry *e = &entries[index];
	bool		was_cancelled;

	SpinLockAcquire(&e->mutex);
	was_cancelled = e->activity.run_id != 0 && e->cancel_run_id == e->activity.run_id;
	e->activity.run_id = 0;
	SpinLockRelease(&e->mutex);
	return was_cancelled;
}

void
activity_set_pid(int index, int pid)
{
	SpinLockAcquire(&entries[index].mutex);
	entries[index].activity.pid = pid;
	SpinLockRelease(&entries[index].mutex);
}

bool
activity_is_cancelled(int index)
{
	bool		result;

	SpinLockAcquire(&entries[index].mutex);
	result = entries[index].activity.run_id != 0 &&
		entries[index].cancel_run_id == entries[index].activity.run_id;
	SpinLockRelease(&entries[index].mutex);
	return result;
}

Oid
activity_cancelled_by(int index)
{
	Oid			result;

	SpinLockAcquire(&entries[index].mutex);
	result = entries[index].cancelled_by;
	SpinLockRelease(&entries[index].mutex);
	return result;
}

bool
activity_is_overdue(int index)
{
	bool		result;

	SpinLockAcquire(&entries[index].mutex);
	result = entries[index].activity.run_id != 0 &&
		entries[index].overdue_run_id == entries[index].activity.run_id;
	SpinLockRelease(&entries[index].mutex);
	return result;
}

bool
activity_may_get_stray_cancel(int index)
{
	return entries[index].previous_was_told;
}

int
activity_find(int64 run_id)
{
	Activity	activity;

	for (int i = 0; i < activity_count(); i++)
	{
		if (activity_get(i, &activity) && activity.run_id == run_id &&
			activity.database == MyDatabaseId)
			return i;
	}
	return -1;
}

bool
activity_cancel(int index, int64 run_id, Oid role)
{
	ActivityEntry *e = &entries[index];
	int			pid = 0;
	int			proc_number = -1;
	int64		now_us = taskly_monotonic_us();

	SpinLockAcquire(&e->mutex);
	if (e->activity.run_id == run_id && e->activity.database == MyDatabaseId)
	{
		e->cancel_run_id = run_id;
		e->cancelled_by = role;
		e->cancels_in_flight++;
		/* The watchdog ends the process of one that does not heed it. */
		e->activity.stop_by_us = now_us;
		pid = e->process_pid;
		proc_number = e->proc_number;
	}
	SpinLockRelease(&e->mutex);
	if (pid == 0)
		return false;

	/* A worker's command is interrupted; a supervisor looks at its entries. */
	if (index < taskly_max_workers)
		kill(pid, SIGINT);
	else
		SetLatch(&GetPGProcByNumber(proc_number)->procLatch);
	cancel_is_sent(e);
	return true;
}

static void
cancel_is_sent(ActivityEntry *e)
{
	SpinLockAcquire(&e->mutex);
	e->cancels_in_flight--;
	SpinLockRelease(&e->mutex);
}

bool
activity_time_out(int index, int64 run_id)
{
	ActivityEntry *e = &entries[index];
	int			pid = 0;
	int64		now_us = taskly_monotonic_us();

	Assert(index < taskly_max_workers);
	SpinLockAcquire(&e->mutex);
	if (e->activity.run_id == run_id && e->cancel_run_id != run_id &&
		e->overdue_run_id != run_id)
	{
		e->overdue_run_id = run_id;
		e->cancels_in_flight++;
		/* Its grace begins now, even if that is late: the machine was suspended, say. */
		e->activity.stop_by_us = now_us;
		pid = e->process_pid;
	}
	SpinLockRelease(&e->mutex);
	if (pid == 0)
		return false;
	kill(pid, SIGINT);
	cancel_is_sent(e);
	return true;
}

void
activity_terminate(int index, int64 run_id)
{
	int			pid = 0;

	Assert(index < taskly_max_workers);
	SpinLockAcquire(&entries[index].mutex);
	if (entries[index].activity.run_id == run_id)
		pid = entries[index].process_pid;
	SpinLockRelease(&entries[index].mutex);
	if (pid != 0)
		kill(pid, SIGTERM);
}
