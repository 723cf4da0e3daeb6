/*-------------------------------------------------------------------------
 *
 * dependency_check.c
 *	  A run that waits for others, looked at in a transaction of the scheduler.
 *
 * See process/dependencies.c for when, and what comes after.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "exec/outcome.h"
#include "process/dependency_check.h"
#include "server/lock.h"
#include "store/run_presence.h"
#include "store/task_store.h"

/* ------------------------------------------------------------------------
 * Parents
 * ------------------------------------------------------------------------ */

void
dependency_turn_begin(DependencyTurn *turn)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Parent);
	control.hcxt = CurrentMemoryContext;
	turn->known = hash_create("taskly parents", 64, &control,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	turn->child_context = AllocSetContextCreate(CurrentMemoryContext, "taskly child",
												ALLOCSET_DEFAULT_SIZES);
	dependency_table_open(&turn->table, true);
}

void
dependency_turn_end(DependencyTurn *turn)
{
	dependency_table_close(&turn->table);
}

/* Looked up once in a turn: one parent may have very many children. */
static const Parent *
find_parent(DependencyTurn *turn, int64 run_id)
{
	bool		found;
	Parent	   *parent = hash_search(turn->known, &run_id, HASH_ENTER, &found);
	MemoryContext old_context;

	if (found)
		return parent;
	old_context = MemoryContextSwitchTo(turn->context);
	dependency_find_parent(run_id, parent);
	MemoryContextSwitchTo(old_context);
	return parent;
}

/* What has succeeded stays so. */
void
dependency_know_success(DependencyTurn *turn, int64 run_id)
{
	bool		found;
	Parent	   *parent = hash_search(turn->known, &run_id, HASH_ENTER, &found);

	if (!found)
		memset(parent, 0, sizeof(*parent));
	parent->run_id = run_id;
	parent->state = PARENT_ENDED;
	parent->status = unconstify(char *, run_status_name(RUN_SUCCEEDED));
}

/* Is a parent that has failed, or will it in a moment be, put back by a session? */
static bool
is_coming_back(const Parent *parent)
{
	return parent->state == PARENT_ENDED &&
		(!lock_try_run(parent->run_id) || run_presence_test(parent->run_id));
}

/* ------------------------------------------------------------------------
 * Children
 * ------------------------------------------------------------------------ */

/* To be told after the transaction. */
static void
remember(DependencyTurn *turn, List **list, void *item)
{
	MemoryContext old_context = MemoryContextSwitchTo(turn->context);

	*list = lappend(*list, item);
	MemoryContextSwitchTo(old_context);
}

static void
remember_id(DependencyTurn *turn, List **list, const RunRow *row)
{
	int64	   *run_id = MemoryContextAlloc(turn->context, sizeof(int64));

	*run_id = run_int64(row, RUN_COL_RUN_ID);
	remember(turn, list, run_id);
}

static void
release(DependencyTurn *turn, RunRow *row)
{

	run_row_set(row, RUN_COL_DUE_AT,
				TimestampTzGetDatum(Max(run_time(row, RUN_COL_SCHEDULED_FOR), turn->now)));
	remember_id(turn, run_store_update(row) == CLAIM_OK ? &turn->released : &turn->undecided, row);
}

void
dependency_end_waiting(DependencyTurn *turn, RunRow *row, RunEnd *end)
{
	int64		run_id = run_int64(row, RUN_COL_RUN_ID);
	RunDefinition definition;
	Outcome    *outcome;

	if (run_store_lock(run_id, &row->ctid, row) != CLAIM_OK ||
		!TIMESTAMP_IS_NOEND(run_time(row, RUN_COL_DUE_AT)))
	{
		remember_id(turn, &turn->undecided, row);
		return;
	}
	if (!definition_load(row, &definition))
		definition.max_attempts = 1;
	end->pid = 0;
	run_end_finish(end);
	if (outcome_record(row, &definition, end, 1) != CLAIM_OK)
		elog(ERROR, "could not end run " INT64_FORMAT, run_id);
	outcome = MemoryContextAllocZero(turn->context, sizeof(Outcome));
	outcome->run_id = run_id;
	outcome->task_id = definition.task_id;
	outcome->activity = -1;
	outcome_fill(outcome, end);
	remember(turn, &turn->ended, outcome);
}

static char *
describe_failure(const Parent *parent)
{
	TaskRow		task;

	if (parent->state == PARENT_GONE)
		return psprintf("run " INT64_FORMAT ", which the run depends on, does not exist any more",
						parent->run_id);
	if (parent->task_id != 0 && task_store_read(parent->task_id, &task))
		return psprintf("run " INT64_FORMAT " of task \"%s\", which the run depends on, has ended as %s",
						parent->run_id, task.name, parent->status);
	return psprintf("run " INT64_FORMAT ", which the run depends on, has ended as %s",
					parent->run_id, parent->status);
}

static char *
advise(int64 run_id, const Parent *parent)
{
	if (parent->state == PARENT_GONE)
		return "taskly.retry() runs it without that run.";
	if (strcmp(parent->status, run_status_name(RUN_SKIPPED)) == 0)
		return psprintf("taskly.run_graph(" INT64_FORMAT ") shows which run has failed; to retry that one brings back all.",
						run_id);
	return psprintf("taskly.retry(" INT64_FORMAT ") brings both back.", parent->run_id);
}

static void
skip(DependencyTurn *turn, RunRow *row, const Parent *parent)
{
	RunEnd		end;

	if (is_coming_back(parent))
	{
		remember_id(turn, &turn->undecided, row);
		return;
	}
	run_end_init(&end, RUN_SKIPPED);
	end.message = describe_failure(parent);
	end.hint = advise(run_int64(row, RUN_COL_RUN_ID), parent);
	dependency_end_waiting(turn, row, &end);
}

/* What is found out about a child. */
typedef struct ChildCheck
{
	DependencyTurn *turn;
	bool		waits;
	const Parent *failed;
	List	   *to_mark;		/* of DependencyRow *: satisfied just now */
} ChildCheck;

static bool
receive_parent(const DependencyRow *row, void *arg)
{
	ChildCheck *check = arg;
	const Parent *parent;
	DependencyRow *copy;

	if (row->parent_status != NULL)
		return true;
	parent = find_parent(check->turn, row->parent_id);
	switch (dependency_judge(row, parent))
	{
		case DEPENDENCY_WAITS:
			check->waits = true;
			break;
		case DEPENDENCY_FAILED:
			check->failed = parent;
			return false;
		case DEPENDENCY_SATISFIED:
			copy = palloc(sizeof(DependencyRow));
			*copy = *row;
			check->to_mark = lappend(check->to_mark, copy);
			break;
	}
	return true;
}

/* It waits on: what has ended may be gone from history when the others have. */
static void
mark_satisfied(DependencyTurn *turn, const ChildCheck *check)
{
	ListCell   *cell;

	foreach(cell, check->to_mark)
	{
		const DependencyRow *row = lfirst(cell);
		const Parent *parent = find_parent(turn, row->parent_id);

		dependency_mark(&turn->table, row, parent->state == PARENT_ENDED ? parent->status : "ended");
	}
}

void
dependency_check_child(DependencyTurn *turn, int64 run_id)
{
	MemoryContext old_context = MemoryContextSwitchTo(turn->child_context);
	ChildCheck	check = {turn};
	RunRow		row;

	if (run_store_get(run_id, NULL, &row) == CLAIM_OK &&
		TIMESTAMP_IS_NOEND(run_time(&row, RUN_COL_DUE_AT)) &&
		run_int64(&row, RUN_COL_HOME_ID) == turn->home_id)
	{
		dependency_read_parents(&turn->table, run_id, receive_parent, &check);
		if (check.failed != NULL)
			skip(turn, &row, check.failed);
		else if (check.waits)
			mark_satisfied(turn, &check);
		else
			release(turn, &row);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(turn->child_context);
}
