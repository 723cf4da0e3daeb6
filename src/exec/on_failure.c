/*-------------------------------------------------------------------------
 *
 * on_failure.c
 *	  The run that a task's on_failure asks for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "exec/on_failure.h"
#include "server/clock.h"
#include "server/guc.h"
#include "server/wake.h"
#include "store/task_store.h"

static void
append_json_field(StringInfo json, const char *name, const char *value)
{
	if (json->len > 1)
		appendStringInfoString(json, ", ");
	escape_json(json, name);
	appendStringInfoString(json, ": ");
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

static void
append_json_number(StringInfo json, const char *name, int64 value)
{
	appendStringInfoString(json, ", ");
	escape_json(json, name);
	appendStringInfo(json, ": " INT64_FORMAT, value);
}

/* The run that ended, as args for the task that on_failure names. */
static Datum
failed_run_as_jsonb(const RunRow *row, const RunDefinition *definition,
					const RunEnd *end, int consecutive_failures)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_json_field(&json, "task", definition->task_name);
	append_json_field(&json, "status", run_status_name(end->status));
	append_json_field(&json, "sqlstate", end->sqlstate);
	append_json_field(&json, "message", end->message);
	append_json_field(&json, "detail", end->detail);
	append_json_field(&json, "hint", end->hint);
	append_json_field(&json, "scheduled_for",
					  timestamptz_to_str(run_time(row, RUN_COL_SCHEDULED_FOR)));
	append_json_number(&json, "run_id", run_int64(row, RUN_COL_RUN_ID));
	append_json_number(&json, "attempt", run_int32(row, RUN_COL_ATTEMPT));
	append_json_number(&json, "consecutive_failures", consecutive_failures);
	if (end->exit_code >= 0)
		append_json_number(&json, "exit_code", end->exit_code);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* A run made by on_failure calls no hook itself, or it might do so for ever. */
void
on_failure_call(const RunRow *row, const RunDefinition *definition,
				const RunEnd *end, int consecutive_failures)
{
	const char *name = definition->on_failure;
	TaskRow		hook;
	RunRow		hook_run;
	TimestampTz now = taskly_now();

	if (name == NULL)
		name = taskly_on_failure;
	if (name == NULL || name[0] == '\0' ||
		strcmp(run_row_text(row, RUN_COL_SOURCE), RUN_SOURCE_HOOK) == 0)
		return;
	if (!task_store_find(name, run_oid(row, RUN_COL_OWNER), &hook))
	{
		ereport(LOG,
				(errmsg("taskly: task \"%s\", to be called on failure of run " INT64_FORMAT ", does not exist",
						name, run_int64(row, RUN_COL_RUN_ID))));
		return;
	}
	run_row_for_task(&hook_run, &hook, now, now, RUN_SOURCE_HOOK);
	run_row_set(&hook_run, RUN_COL_ARGS,
				failed_run_as_jsonb(row, definition, end, consecutive_failures));
	run_store_insert(&hook_run, 1);
	wake_for_runs(run_int64(&hook_run, RUN_COL_RUN_ID), 1);
}
