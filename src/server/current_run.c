/*-------------------------------------------------------------------------
 *
 * current_run.c
 *	  The run that this process executes now.
 *
 * Two settings show it, since DO takes no $1. They are computed when they are
 * read, so that a run costs nothing for them, and nobody can set them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "storage/proc.h"
#include "utils/guc.h"

#include "server/activity.h"
#include "server/current_run.h"
#include "server/run_request.h"
#include "server/shmem.h"

static CurrentRun current = {0};

/* Only there because a setting must have a variable. */
static char *run_id_variable = NULL;
static char *args_variable = NULL;

void
current_run_set(const CurrentRun *run)
{
	current = *run;
	run_request_forget();
}

void
current_run_clear(void)
{
	memset(&current, 0, sizeof(current));
	run_request_forget();
}

const CurrentRun *
current_run_get(void)
{
	return current.run_id != 0 ? &current : NULL;
}

/* Does the leader of this parallel worker execute a run? */
static bool
leader_executes_run(void)
{
	Activity	activity;
	PGPROC	   *leader = MyProc->lockGroupLeader;

	if (!shmem_is_ready() || leader == NULL)
		return false;
	for (int i = 0; i < activity_count(); i++)
	{
		if (activity_get(i, &activity) && activity.pid == leader->pid)
			return true;
	}
	return false;
}

/* A parallel worker does not know its leader's run; an empty text would be wrong. */
static void
refuse_in_parallel_worker(const char *name)
{
	if (IsParallelWorker() && leader_executes_run())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("setting \"%s\" cannot be read in a parallel worker", name),
				 errhint("Use $1, or taskly.current_run().")));
}

static const char *
show_run_id(void)
{
	static char buffer[32];

	refuse_in_parallel_worker("taskly.run_id");
	if (current.run_id == 0)
		return "";
	snprintf(buffer, sizeof(buffer), INT64_FORMAT, current.run_id);
	return buffer;
}

static const char *
show_args(void)
{
	refuse_in_parallel_worker("taskly.args");
	return current.run_id != 0 && current.args != NULL ? current.args : "";
}

void
current_run_define_settings(void)
{
	DefineCustomStringVariable("taskly.run_id",
							   "Run that this process executes; empty outside a run.",
							   NULL, &run_id_variable, "",
							   PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   NULL, NULL, show_run_id);
	DefineCustomStringVariable("taskly.args",
							   "Arguments of that run, as json.",
							   NULL, &args_variable, "",
							   PGC_INTERNAL, GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   NULL, NULL, show_args);
}
