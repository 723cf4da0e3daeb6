/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  Hands over at commit what a transaction wants others to know.
 *
 * XACT_EVENT_COMMIT comes after ProcArrayEndTransaction, with asynchronous
 * commit too: a process that is woken here sees our rows in its next snapshot.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "server/activity.h"
#include "server/database.h"
#include "server/shmem.h"
#include "server/wake.h"

#define MAX_RANGES		64
#define MAX_TASKS		64
#define MAX_CANCELS		1024

typedef struct PendingCancel
{
	int			activity;
	int64		run_id;
	Oid			role;			/* who asked */
	int			level;			/* of the transaction that asked; never falls along the list */
} PendingCancel;

typedef struct PendingWakes
{
	bool		any;			/* is there anything below? */
	bool		settings;
	bool		all_runs;
	bool		everything;
	bool		extension;
	int			ranges;
	int			tasks;
	int			cancels;
} PendingWakes;

static PendingWakes pending;
static News run_news[MAX_RANGES];
static News task_news[MAX_TASKS];
static PendingCancel cancel_list[MAX_CANCELS];

void
wake_for_runs(int64 first_run_id, int count)
{
	News	   *last = pending.ranges > 0 ? &run_news[pending.ranges - 1] : NULL;

	pending.any = true;
	if (last != NULL && last->id + last->count == first_run_id &&
		last->count < PG_INT32_MAX - count)
		last->count += count;
	else if (pending.ranges < MAX_RANGES)
	{
		run_news[pending.ranges].kind = NEWS_RUNS;
		run_news[pending.ranges].id = first_run_id;
		run_news[pending.ranges].count = count;
		pending.ranges++;
	}
	else
		pending.all_runs = true;
}

void
wake_for_task(int64 task_id)
{
	pending.any = true;
	for (int i = 0; i < pending.tasks; i++)
	{
		if (task_news[i].id == task_id)
			return;
	}
	if (pending.tasks < MAX_TASKS)
	{
		task_news[pending.tasks].kind = NEWS_TASK;
		task_news[pending.tasks].id = task_id;
		task_news[pending.tasks].count = 1;
		pending.tasks++;
	}
	else
		pending.everything = true;
}

void
wake_for_settings(void)
{
	pending.any = pending.settings = true;
}

void
wake_for_everything(void)
{
	pending.any = pending.everything = true;
}

/* More cancels than fit are an error: the caller can split its call. */
void
wake_to_cancel(int activity, int64 run_id)
{
	if (pending.cancels == MAX_CANCELS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many running runs to cancel in one transaction"),
				 errdetail("At most %d can be cancelled.", MAX_CANCELS)));
	pending.any = true;
	cancel_list[pending.cancels].activity = activity;
	cancel_list[pending.cancels].run_id = run_id;
	cancel_list[pending.cancels].role = GetUserId();
	cancel_list[pending.cancels].level = GetCurrentTransactionNestLevel();
	pending.cancels++;
}

void
wake_launcher_for_extension(void)
{
	pending.any = pending.extension = true;
}

bool
wake_has_run(int64 run_id)
{
	for (int i = 0; i < pending.ranges; i++)
	{
		if (run_id >= run_news[i].id && run_id - run_news[i].id < run_news[i].count)
			return true;
	}
	return false;
}

static void
hand_over(void)
{
	News		one = {0};

	if (pending.extension)
	{
		/* The present scheduler, if any, may have seen that there was none. */
		pending.everything = true;
		database_request_scheduler(MyDatabaseId);
	}
	if (pending.everything || pending.settings)
	{
		one.kind = pending.everything ? NEWS_EVERYTHING : NEWS_SETTINGS;
		database_push_news(&one, 1);
	}
	if (!pending.everything && pending.tasks > 0)
		database_push_news(task_news, pending.tasks);
	if (!pending.everything && pending.all_runs)
	{
		one.kind = NEWS_ALL_RUNS;
		database_push_news(&one, 1);
	}
	else if (!pending.everything && pending.ranges > 0)
		database_push_news(run_news, pending.ranges);
	for (int i = 0; i < pending.cancels; i++)
		(void) activity_cancel(cancel_list[i].activity, cancel_list[i].run_id,
							   cancel_list[i].role);
	if (pending.cancels > 0)
		database_wake_my_scheduler();
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (!pending.any || !shmem_is_ready())
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
			hand_over();
			memset(&pending, 0, sizeof(pending));
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:	/* COMMIT PREPARED raises a rescan itself */
			memset(&pending, 0, sizeof(pending));
			break;
		default:
			break;
	}
}

/*
 * Looking at a run once too often is harmless; stopping it is not. So a cancel
 * that is rolled back with a subtransaction goes, and else belongs to the parent.
 */
static void
at_subtransaction_end(SubXactEvent event, SubTransactionId my_id,
					  SubTransactionId parent_id, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB)
		return;
	for (int i = pending.cancels - 1; i >= 0 && cancel_list[i].level >= level; i--)
	{
		if (event == SUBXACT_EVENT_ABORT_SUB)
			pending.cancels--;
		else
			cancel_list[i].level = level - 1;
	}
}

void
wake_install(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
