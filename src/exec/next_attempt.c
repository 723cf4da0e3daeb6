/*-------------------------------------------------------------------------
 *
 * next_attempt.c
 *	  Whether a run that ended badly is tried again, and when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "exec/next_attempt.h"
#include "server/clock.h"
#include "server/guc.h"

/* Does a list of SQLSTATEs, classes or exit codes name this end? */
static bool
list_names_end(Datum list, const RunEnd *end)
{
	Datum	   *items;
	int			count;
	bool		found = false;
	char		exit_code[16];

	if (list == (Datum) 0)
		return false;
	snprintf(exit_code, sizeof(exit_code), "%d", end->exit_code);
	deconstruct_array(DatumGetArrayTypeP(list), TEXTOID, -1, false, TYPALIGN_INT,
					  &items, NULL, &count);
	for (int i = 0; i < count && !found; i++)
	{
		char	   *item = TextDatumGetCString(items[i]);

		if (end->sqlstate != NULL)
			found = strcmp(item, end->sqlstate) == 0 ||
				(strlen(item) == 2 && strncmp(item, end->sqlstate, 2) == 0);
		if (end->exit_code >= 0)
			found = found || strcmp(item, exit_code) == 0;
	}
	return found;
}

static bool
may_begin_again(const RunRow *row, const RunDefinition *definition,
				   const RunEnd *end)
{
	switch (end->status)
	{
		case RUN_FAILED:
		case RUN_TIMED_OUT:
			break;
		case RUN_LOST:
			/* What the run did not do itself is not counted, up to a limit. */
			return definition->retry_when_lost &&
				run_int32(row, RUN_COL_ATTEMPT) <
				definition->max_attempts + TASKLY_CRASHES_MAX;
		default:
			return false;
	}
	if (run_int32(row, RUN_COL_ATTEMPT) >= definition->max_attempts)
		return false;
	if (list_names_end(definition->never_on, end))
		return false;
	return definition->retry_on == (Datum) 0 ||
		list_names_end(definition->retry_on, end);
}

static TimestampTz
due_after_backoff(const RunRow *row, const RunDefinition *definition, const RunEnd *end)
{
	int64		delay = backoff_delay_us(&definition->backoff,
										 run_int32(row, RUN_COL_ATTEMPT),
										 pg_prng_double(&pg_global_prng_state));

	/* What is left of a lost shell run has its grace to go. */
	if (end->status == RUN_LOST && definition->kind == RUN_KIND_SHELL)
		delay = Max(delay, taskly_kill_grace_ms * INT64CONST(1000));
	return taskly_now() + delay;
}

bool
next_attempt(const RunRow *row, const RunDefinition *definition, const RunEnd *end,
			 TimestampTz *due_at)
{
	if (!may_begin_again(row, definition, end))
		return false;
	*due_at = due_after_backoff(row, definition, end);
	return run_is_null(row, RUN_COL_DEADLINE_AT) ||
		*due_at < run_time(row, RUN_COL_DEADLINE_AT);
}
