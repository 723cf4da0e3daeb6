/*-------------------------------------------------------------------------
 *
 * intake.c
 *	  How a scheduler learns what to do.
 *
 * Sessions push news at commit: ranges of run_ids, ids of tasks, "settings", or
 * "everything". The tables are read by primary key for what the news name; in
 * the order (queue, due_at, run_id) when memory is (re)filled.
 *
 * The entry's ring is emptied before the snapshot of the first reading is taken,
 * so no commit falls between the two.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "process/dependencies.h"
#include "process/intake_private.h"
#include "process/leader.h"
#include "server/database.h"
#include "server/guc.h"
#include "server/txn.h"
#include "store/catalog.h"

#define NEWS_AT_ONCE	512

/* What is to be read in the next transaction. */
typedef struct Wanted
{
	bool		everything;
	bool		all_runs;
	bool		dependencies;	/* all that wait for others */
	bool		settings;
	List	   *news;			/* of News: runs and tasks, in the order in which they came */
} Wanted;

Intake		intake;

static Wanted wanted;
static MemoryContext wanted_context = NULL;
static bool is_orphaned = false;

void
intake_init(int entry)
{
	intake.entry = entry;
	wanted_context = AllocSetContextCreate(TopMemoryContext, "taskly intake",
										   ALLOCSET_DEFAULT_SIZES);
	wanted.everything = true;
}

/* ------------------------------------------------------------------------
 * What is wanted
 * ------------------------------------------------------------------------ */

void
intake_want_everything(void)
{
	wanted.everything = true;
}

void
intake_want_settings(void)
{
	wanted.settings = true;
}

static void
want_news(const News *news)
{
	MemoryContext old_context = MemoryContextSwitchTo(wanted_context);
	News	   *copy = palloc(sizeof(News));

	*copy = *news;
	wanted.news = lappend(wanted.news, copy);
	MemoryContextSwitchTo(old_context);
}

void
intake_want_run(int64 run_id)
{
	News		news = {run_id, 1, NEWS_RUNS};

	want_news(&news);
}

void
intake_want_task(int64 task_id)
{
	News		news = {task_id, 1, NEWS_TASK};

	want_news(&news);
}

static void
sort_news(const News *news)
{
	switch (news->kind)
	{
		case NEWS_RUNS:
			/* More than memory holds is better read in order. */
			if (news->count > taskly_ready_limit / 2)
				wanted.all_runs = wanted.dependencies = true;
			else
				want_news(news);
			break;
		case NEWS_TASK:
			want_news(news);
			break;
		case NEWS_SETTINGS:
			wanted.settings = true;
			break;
		case NEWS_ALL_RUNS:
			wanted.all_runs = wanted.dependencies = true;
			break;
		case NEWS_EVERYTHING:
			wanted.everything = true;
			break;
	}
}

bool
intake_take_news(void)
{
	News		news[NEWS_AT_ONCE];
	bool		has_come = false;
	bool		overflow;
	int			count;

	do
	{
		count = database_take_news(intake.entry, news, NEWS_AT_ONCE, &overflow);
		if (overflow)
			wanted.everything = true;
		has_come = has_come || overflow || count > 0;
		for (int i = 0; i < count; i++)
			sort_news(&news[i]);
	} while (count == NEWS_AT_ONCE);
	return has_come;
}

bool
intake_wants_anything(void)
{
	return wanted.everything || wanted.all_runs || wanted.settings || wanted.news != NIL ||
		intake_wants_refill();
}

bool
intake_take_rescan(void)
{
	bool		result = intake.has_rescanned;

	intake.has_rescanned = false;
	return result;
}

bool
intake_is_parked(void)
{
	return !intake.is_at_home;
}

bool
intake_is_paused(void)
{
	return intake.home.is_paused;
}

TimestampTz
intake_paused_until(void)
{
	return intake.home.is_paused ? intake.home.paused_until : DT_NOEND;
}

bool
intake_is_orphaned(void)
{
	return is_orphaned;
}

/* ------------------------------------------------------------------------
 * One reading
 * ------------------------------------------------------------------------ */

/* Nobody has told which runs wait for others, and which of these are over. */
static void
read_dependencies(void)
{
	dependencies_read_settings();
	dependencies_want_all();
}

static void
read_everything(void)
{
	intake_read_settings();
	intake_read_all_runs();
	read_dependencies();
	leader_forget_tasks();
}

static void
read_wanted(Wanted *now_wanted)
{
	if (now_wanted->everything)
		read_everything();
	else if (now_wanted->settings)
		intake_read_settings();
	if (now_wanted->all_runs && !now_wanted->everything)
		intake_read_all_runs();
	if (now_wanted->dependencies && !now_wanted->everything)
		read_dependencies();
	intake_read_news(&wanted.news);
	if (intake.is_at_home)
		intake_refill();
}

void
intake_read(TimestampTz now)
{
	Wanted		now_wanted;

	if (intake.home.is_paused && intake.home.paused_until <= now)
		wanted.settings = true;
	if (!intake_wants_anything())
		return;
	now_wanted = wanted;

	memset(&wanted, 0, sizeof(wanted));
	wanted.news = now_wanted.news;
	intake.reading_at = now;
	txn_begin("taskly: read");
	if (now_wanted.everything && !catalog_has_extension())
		is_orphaned = true;
	else
		read_wanted(&now_wanted);
	txn_commit();
}
