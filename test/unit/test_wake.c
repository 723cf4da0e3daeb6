/*-------------------------------------------------------------------------
 *
 * test_wake.c
 *	  What a transaction hands over at its end: everything it asked for, as
 *	  few ranges, and no cancel that was rolled back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "fake_backend.h"
#include "server/activity.h"
#include "server/database.h"
#include "server/shmem.h"
#include "server/wake.h"
#include "tap.h"

#define IDS		3000

/* ------------------------------------------------------------------------
 * What wake.c stands on
 * ------------------------------------------------------------------------ */

Oid			MyDatabaseId = 5;
static XactCallback at_end;
static SubXactCallback at_subend;
static int	level = 1;

static int	pushed;				/* entries of news */
static bool was_everything;
static bool was_all_runs;
static bool is_run_told[IDS + 1];
static bool is_task_told[IDS + 1];
static int	cancelled[IDS + 1];
static int	scheduler_wakes;

void
RegisterXactCallback(XactCallback callback, void *arg)
{
	at_end = callback;
}

void
RegisterSubXactCallback(SubXactCallback callback, void *arg)
{
	at_subend = callback;
}

int
GetCurrentTransactionNestLevel(void)
{
	return level;
}

Oid
GetUserId(void)
{
	return 10;
}

bool
shmem_is_ready(void)
{
	return true;
}

int
database_my_entry(void)
{
	return 0;
}

void
database_request_scheduler(Oid database)
{
}

void
database_wake_my_scheduler(void)
{
	scheduler_wakes++;
}

void
database_push_news(const News *news, int count)
{
	pushed += count;
	for (int i = 0; i < count; i++)
	{
		if (news[i].kind == NEWS_EVERYTHING)
			was_everything = true;
		if (news[i].kind == NEWS_ALL_RUNS)
			was_all_runs = true;
		for (int64 id = news[i].id; id < news[i].id + news[i].count; id++)
		{
			if (news[i].kind == NEWS_RUNS)
				is_run_told[id] = true;
			else if (news[i].kind == NEWS_TASK)
				is_task_told[id] = true;
		}
	}
}

bool
activity_cancel(int index, int64 run_id, Oid role)
{
	cancelled[run_id]++;
	return true;
}

/* ------------------------------------------------------------------------
 * A transaction
 * ------------------------------------------------------------------------ */

static void
finish(XactEvent event)
{
	pushed = 0;
	was_everything = was_all_runs = false;
	scheduler_wakes = 0;
	memset(is_run_told, 0, sizeof(is_run_told));
	memset(is_task_told, 0, sizeof(is_task_told));
	memset(cancelled, 0, sizeof(cancelled));
	at_end(event, NULL);
}

static void
finish_sub(SubXactEvent event)
{
	at_subend(event, 2, 1, NULL);
	level--;
}

static void
test_ranges(void)
{
	for (int id = 1; id <= 1000; id++)
		wake_for_runs(id, 1);
	ok(wake_has_run(1) && wake_has_run(1000) && !wake_has_run(1001) && !wake_has_run(0),
	   "a transaction knows its runs");
	finish(XACT_EVENT_COMMIT);
	ok(pushed == 1 && is_run_told[1] && is_run_told[1000] && !is_run_told[1001],
	   "runs in a row are one entry of news");
	ok(!wake_has_run(1), "the next transaction knows nothing of them");
	finish(XACT_EVENT_COMMIT);
	ok(pushed == 0, "what was handed over is not handed over again");
	wake_for_runs(7, 3);
	wake_for_task(4);
	finish(XACT_EVENT_ABORT);
	ok(pushed == 0, "a transaction that rolls back tells nothing");
	finish(XACT_EVENT_COMMIT);
	ok(pushed == 0, "nor does the one after it");
}

/* Random ranges: each run is told of, or all are. */
static void
test_random_ranges(void)
{
	bool		all_told = true;
	bool		none_made_up = true;
	int			overflows = 0;

	for (int round = 0; round < 300; round++)
	{
		static bool wanted[IDS + 1];

		memset(wanted, 0, sizeof(wanted));
		for (int calls = tap_random(120); calls > 0; calls--)
		{
			int			first = 1 + tap_random(IDS - 20);
			int			count = 1 + tap_random(20);

			wake_for_runs(first, count);
			memset(&wanted[first], true, count);
		}
		finish(XACT_EVENT_COMMIT);
		overflows += was_all_runs;
		none_made_up = none_made_up && !was_everything;
		for (int id = 1; id <= IDS; id++)
		{
			all_told = all_told && (was_all_runs || is_run_told[id] || !wanted[id]);
			none_made_up = none_made_up && (wanted[id] || !is_run_told[id]);
		}
	}
	ok(all_told && none_made_up, "what was asked for is told, and nothing else");
	ok(overflows > 0 && overflows < 300, "too many ranges, and only those, ask for all runs");
}

static void
test_tasks(void)
{
	for (int i = 0; i < 100; i++)
		wake_for_task(1 + i % 10);
	finish(XACT_EVENT_COMMIT);
	ok(pushed == 10 && is_task_told[10], "a task is told of once");
	for (int id = 1; id <= 65; id++)
		wake_for_task(id);
	finish(XACT_EVENT_COMMIT);
	ok(was_everything && pushed == 1, "too many tasks ask for everything, and for nothing besides");
}

static void
test_cancels(void)
{
	wake_to_cancel(1, 1);
	level = 2;
	wake_to_cancel(2, 2);
	finish_sub(SUBXACT_EVENT_ABORT_SUB);
	level = 2;
	wake_to_cancel(3, 3);
	level = 3;
	wake_to_cancel(4, 4);
	finish_sub(SUBXACT_EVENT_COMMIT_SUB);
	finish_sub(SUBXACT_EVENT_COMMIT_SUB);
	level = 2;
	wake_to_cancel(5, 5);
	level = 3;
	wake_to_cancel(6, 6);
	finish_sub(SUBXACT_EVENT_COMMIT_SUB);
	finish_sub(SUBXACT_EVENT_ABORT_SUB);
	finish(XACT_EVENT_COMMIT);
	ok(cancelled[1] == 1 && cancelled[3] == 1 && cancelled[4] == 1, "cancels happen at commit, also those of subtransactions");
	ok(!cancelled[2], "not those of one that was rolled back");
	ok(!cancelled[5] && !cancelled[6], "nor those that its children had kept");
	ok(scheduler_wakes == 1, "the scheduler is woken to watch the end");
	wake_to_cancel(1, 1);
	finish(XACT_EVENT_ABORT);
	ok(!cancelled[1], "a rolled back transaction cancels nothing");
}

static void
test_too_many_cancels(void)
{
	sigjmp_buf	jump;
	volatile int asked = 0;

	fake_error_jump = &jump;
	if (sigsetjmp(jump, 0) == 0)
	{
		for (; asked < 100000; asked++)
			wake_to_cancel(1, 1);
	}
	fake_error_jump = NULL;
	ok(asked == 1024, "too many cancels are an error: %s", fake_error_message);
	finish(XACT_EVENT_ABORT);
}

int
main(void)
{
	tap_seed();
	wake_install();
	test_ranges();
	test_random_ranges();
	test_tasks();
	test_cancels();
	test_too_many_cancels();
	return tap_done();
}
