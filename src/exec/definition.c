/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a run does and by which policies.
 *
 * A run of a task follows its task as it is now; a run without one carries
 * its definition in its own row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "exec/outcome.h"
#include "store/task_store.h"

/* A length in microseconds; days count 24 hours and months 30 days. */
static int64
interval_us(const Interval *interval)
{
	return interval->time +
		(interval->day + (int64) interval->month * DAYS_PER_MONTH) * USECS_PER_DAY;
}

static void
set_backoff(RunDefinition *definition, const char *text)
{
	ScheduleError error;

	if (!backoff_parse(text, &definition->backoff, &error))
		elog(ERROR, "could not read backoff \"%s\": %s", text, error.message);
}

static bool
load_from_task(int64 task_id, RunDefinition *definition, TaskVersion *version)
{
	TaskRow		task;

	if (!task_store_read_version(task_id, &task, version))
		return false;
	definition->task_id = task_id;
	definition->version = task.version;
	definition->task_name = task.name;
	definition->owner = task.owner;
	definition->kind = task.kind;
	definition->command = task.command;
	definition->timeout_us = task.timeout ? interval_us(task.timeout) : 0;
	definition->max_attempts = task.max_attempts;
	set_backoff(definition, task.backoff);
	definition->retry_on = task.retry_on;
	definition->never_on = task.never_on;
	definition->retry_when_lost = strcmp(task.on_lost, "retry") == 0;
	definition->on_failure = task.on_failure;
	return true;
}

static Datum
datum_or_zero(const RunRow *row, int col)
{
	return run_is_null(row, col) ? (Datum) 0 : row->values[col - 1];
}

static RunKind
kind_of_row(const RunRow *row)
{
	if (strcmp(run_row_text(row, RUN_COL_KIND), "shell") == 0)
		return RUN_KIND_SHELL;
	return DatumGetBool(row->values[RUN_COL_ATOMIC - 1]) ?
		RUN_KIND_SQL : RUN_KIND_AUTOCOMMIT;
}

static void
load_from_row(const RunRow *row, RunDefinition *definition)
{
	definition->owner = run_oid(row, RUN_COL_OWNER);
	definition->kind = kind_of_row(row);
	definition->command = run_row_text(row, RUN_COL_COMMAND);
	if (!run_is_null(row, RUN_COL_TIMEOUT))
		definition->timeout_us =
			interval_us(DatumGetIntervalP(row->values[RUN_COL_TIMEOUT - 1]));
	definition->max_attempts = 1;
	set_backoff(definition, run_row_text(row, RUN_COL_BACKOFF));
	definition->retry_on = datum_or_zero(row, RUN_COL_RETRY_ON);
	definition->never_on = datum_or_zero(row, RUN_COL_NEVER_ON);
	definition->retry_when_lost =
		strcmp(run_row_text(row, RUN_COL_ON_LOST), "retry") == 0;
	definition->on_failure = run_row_text(row, RUN_COL_ON_FAILURE);
}

/* A run's own limit wins: submit() gives one, retry() raises it. */
static void
apply_own_limit(const RunRow *row, RunDefinition *definition)
{
	if (!run_is_null(row, RUN_COL_MAX_ATTEMPTS))
		definition->max_attempts = run_int32(row, RUN_COL_MAX_ATTEMPTS);
}

bool
definition_load(const RunRow *row, RunDefinition *definition)
{
	TaskVersion version;

	memset(definition, 0, sizeof(*definition));
	if (run_is_null(row, RUN_COL_TASK_ID))
		load_from_row(row, definition);
	else if (!load_from_task(run_int64(row, RUN_COL_TASK_ID), definition, &version))
		return false;
	apply_own_limit(row, definition);
	return true;
}

/* ------------------------------------------------------------------------
 * Tasks that are known
 * ------------------------------------------------------------------------ */

#define MAX_KNOWN_TASKS		512

typedef struct KnownTask
{
	int64		task_id;		/* hash key */
	TaskVersion version;
	MemoryContext context;		/* of the definition's texts */
	RunDefinition definition;
} KnownTask;

static HTAB *known_tasks = NULL;

/* A run that was begun with it may still look at its texts. */
static void
forget(KnownTask *known)
{
	MemoryContextSetParent(known->context, CurrentMemoryContext);
	(void) hash_search(known_tasks, &known->task_id, HASH_REMOVE, NULL);
}

static void
make_room(void)
{
	HASHCTL		control = {0};
	HASH_SEQ_STATUS scan;
	KnownTask  *known;

	if (known_tasks == NULL)
	{
		control.keysize = sizeof(int64);
		control.entrysize = sizeof(KnownTask);
		known_tasks = hash_create("taskly known tasks", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	if (hash_get_num_entries(known_tasks) < MAX_KNOWN_TASKS)
		return;
	hash_seq_init(&scan, known_tasks);
	while ((known = hash_seq_search(&scan)) != NULL)
		forget(known);
}

static bool
learn(int64 task_id, RunDefinition *definition)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskly definition",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	TaskVersion version;
	KnownTask  *known;
	bool		found = load_from_task(task_id, definition, &version);

	MemoryContextSwitchTo(old_context);
	if (!found)
		return false;
	make_room();
	known = hash_search(known_tasks, &task_id, HASH_ENTER, NULL);
	known->version = version;
	known->context = context;
	known->definition = *definition;
	MemoryContextSetParent(context, TopMemoryContext);
	return true;
}

bool
definition_recall(const RunRow *row, RunDefinition *definition)
{
	int64		task_id;
	KnownTask  *known = NULL;

	if (run_is_null(row, RUN_COL_TASK_ID))
		return definition_load(row, definition);
	task_id = run_int64(row, RUN_COL_TASK_ID);
	if (known_tasks != NULL)
		known = hash_search(known_tasks, &task_id, HASH_FIND, NULL);
	if (known != NULL && !task_store_is_version(task_id, &known->version))
	{
		forget(known);
		known = NULL;
	}
	if (known != NULL)
		*definition = known->definition;
	else
	{
		memset(definition, 0, sizeof(*definition));
		if (!learn(task_id, definition))
			return false;
	}
	apply_own_limit(row, definition);
	return true;
}
