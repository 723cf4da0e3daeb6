/*-------------------------------------------------------------------------
 *
 * task_api.c
 *	  SQL functions that define, change and drop tasks.
 *
 * Each checks its arguments and the caller's rights, writes through the store,
 * and tells the scheduler at commit. None waits for a run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "api/common.h"
#include "api/quota_check.h"
#include "api/schedule_api.h"
#include "api/task_args.h"
#include "server/clock.h"
#include "server/wake.h"
#include "store/catalog.h"
#include "store/run_bulk_store.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(taskly_schedule_v1);
PG_FUNCTION_INFO_V1(taskly_define_v1);
PG_FUNCTION_INFO_V1(taskly_alter_v1);
PG_FUNCTION_INFO_V1(taskly_alter_by_id_v1);
PG_FUNCTION_INFO_V1(taskly_drop_task_v1);
PG_FUNCTION_INFO_V1(taskly_drop_task_by_id_v1);
PG_FUNCTION_INFO_V1(taskly_pause_v1);
PG_FUNCTION_INFO_V1(taskly_pause_by_id_v1);
PG_FUNCTION_INFO_V1(taskly_resume_v1);
PG_FUNCTION_INFO_V1(taskly_resume_by_id_v1);

/* ------------------------------------------------------------------------
 * schedule, define
 * ------------------------------------------------------------------------ */

/* The options follow the name. */
static int64
replace_task(FunctionCallInfo fcinfo, char *name, bool with_schedule)
{
	TaskDraft	draft;
	TaskRow		replaced;
	int64		task_id;

	check_name("task", name);
	task_draft_new(&draft, name);
	task_draft_apply(&draft, fcinfo, 1, with_schedule);
	draft.row.home_id = catalog_home_id_or_error();
	task_draft_check(&draft);
	if (!task_store_find(name, draft.row.owner, &replaced))
		quota_check_tasks(draft.row.owner);
	task_id = task_store_replace(&draft.row);
	task_draft_check_after(&draft, task_id);
	wake_for_task(task_id);
	return task_id;
}

/* schedule(name text, schedule text, command text, ...) RETURNS bigint */
Datum
taskly_schedule_v1(PG_FUNCTION_ARGS)
{
	char	   *name;

	begin_writing_call("taskly.schedule()");
	name = required_text(fcinfo, 0, "name");
	(void) required_text(fcinfo, 1, "schedule");
	(void) required_text(fcinfo, 2, "command");
	PG_RETURN_INT64(replace_task(fcinfo, name, true));
}

/* define(name text, command text, ...) RETURNS bigint */
Datum
taskly_define_v1(PG_FUNCTION_ARGS)
{
	char	   *name;

	begin_writing_call("taskly.define()");
	name = required_text(fcinfo, 0, "name");
	(void) required_text(fcinfo, 1, "command");
	PG_RETURN_INT64(replace_task(fcinfo, name, false));
}

/* ------------------------------------------------------------------------
 * The task that a call is about
 * ------------------------------------------------------------------------ */

/* Lock a task that was found; meanwhile it may have been dropped or given away. */
static void
lock_found(TaskRow *task)
{
	int64		task_id = task->task_id;

	if (!task_store_lock(task_id, task) || !may_manage(task->owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task " INT64_FORMAT " does not exist", task_id)));
}

static void
lock_by_name(FunctionCallInfo fcinfo, TaskRow *task)
{
	find_task(required_text(fcinfo, 0, "name"), task);
	lock_found(task);
}

static void
lock_by_id(FunctionCallInfo fcinfo, TaskRow *task)
{
	find_task_by_id(required_int64(fcinfo, 0, "task_id"), task);
	lock_found(task);
}

/* ------------------------------------------------------------------------
 * alter
 * ------------------------------------------------------------------------ */

/* Names belong to owners: a new name and a new owner both can meet another task. */
static void
check_name_is_free(const TaskRow *task)
{
	TaskRow		other;

	if (task_store_find(task->name, task->owner, &other) && other.task_id != task->task_id)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("task \"%s\" of role \"%s\" already exists",
						task->name, role_name(task->owner))));
}

static bool
has_changes(const TaskDraft *draft)
{
	for (int i = 0; i < TASK_OPTIONS; i++)
	{
		if (draft->is_changed[i])
			return true;
	}
	return strcmp(draft->row.name, draft->old.name) != 0;
}

/* The options follow the task, then come reset and rename_to. */
static int64
alter_task(FunctionCallInfo fcinfo, const TaskRow *task)
{
	int			reset = 1 + TASK_OPTIONS;
	int			rename_to = reset + 1;
	TaskDraft	draft;

	task_draft_of(&draft, task);
	task_draft_apply(&draft, fcinfo, 1, true);
	if (!PG_ARGISNULL(reset))
		task_draft_reset(&draft, PG_GETARG_ARRAYTYPE_P(reset));
	if (!PG_ARGISNULL(rename_to))
	{
		draft.row.name = arg_text(fcinfo, rename_to);
		check_name("task", draft.row.name);
	}
	if (!has_changes(&draft))
		return task->task_id;

	task_draft_check(&draft);
	check_name_is_free(&draft.row);
	if (draft.row.owner != task->owner)
		quota_check_tasks(draft.row.owner);
	task_store_update(&draft.row);
	task_draft_check_after(&draft, task->task_id);
	if (draft.row.owner != task->owner)
		(void) run_bulk_set_owner(task->task_id, draft.row.owner);
	wake_for_task(task->task_id);
	return task->task_id;
}

/* alter(name text, ...) RETURNS bigint */
Datum
taskly_alter_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.alter()");
	lock_by_name(fcinfo, &task);
	PG_RETURN_INT64(alter_task(fcinfo, &task));
}

/* alter(task_id bigint, ...) RETURNS bigint */
Datum
taskly_alter_by_id_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.alter()");
	lock_by_id(fcinfo, &task);
	PG_RETURN_INT64(alter_task(fcinfo, &task));
}

/* ------------------------------------------------------------------------
 * drop_task
 * ------------------------------------------------------------------------ */

/* Runs in execution end normally: they have read what they need. */
static Datum
drop_task(const TaskRow *task)
{
	task_check_not_followed(task);
	(void) run_bulk_delete_of_task(task->task_id);
	task_store_delete(task->task_id);
	wake_for_task(task->task_id);
	return BoolGetDatum(true);
}

/* drop_task(name text) RETURNS boolean */
Datum
taskly_drop_task_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.drop_task()");
	lock_by_name(fcinfo, &task);
	return drop_task(&task);
}

/* drop_task(task_id bigint) RETURNS boolean */
Datum
taskly_drop_task_by_id_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.drop_task()");
	lock_by_id(fcinfo, &task);
	return drop_task(&task);
}

/* ------------------------------------------------------------------------
 * pause, resume
 * ------------------------------------------------------------------------ */

/* True when the task was not paused before. */
static Datum
pause_task(const TaskRow *task, const char *reason)
{
	if (reason != NULL)
		check_text("reason", reason);
	task_store_pause(task->task_id, reason);
	wake_for_task(task->task_id);
	return BoolGetDatum(!task->is_paused);
}

/* pause(name text, reason text) RETURNS boolean */
Datum
taskly_pause_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.pause()");
	lock_by_name(fcinfo, &task);
	return pause_task(&task, arg_text(fcinfo, 1));
}

/* pause(task_id bigint, reason text) RETURNS boolean */
Datum
taskly_pause_by_id_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.pause()");
	lock_by_id(fcinfo, &task);
	return pause_task(&task, arg_text(fcinfo, 1));
}

/*
 * Until when the pause has skipped what was due. A delay after a finish and
 * @reboot do not depend on last_fire.
 */
static TimestampTz
skipped_until(const TaskRow *task, bool makes_up_once)
{
	TimestampTz now = taskly_now();
	Timetable	timetable;
	TimestampTz first;

	if (task->schedule == NULL)
		return DT_NOBEGIN;
	timetable_or_error(task, &timetable);
	if (timetable.schedule.kind == SCHEDULE_AFTER_FINISH ||
		timetable.schedule.kind == SCHEDULE_REBOOT)
		return DT_NOBEGIN;
	if (!makes_up_once)
		return now;
	/* All but the latest. */
	first = timetable_next(&timetable, task->last_fire, DT_NOBEGIN);
	if (first > now)
		return now;
	if (!timetable_recurs(&timetable))
		return DT_NOBEGIN;
	return timetable_latest(&timetable, first, now) - 1;
}

/* True when the task was paused. */
static Datum
resume_task(const TaskRow *task, const char *missed)
{
	static const char *const allowed[] = {"skip", "once", NULL};
	bool		makes_up_once = check_choice("missed", missed, allowed) == 1;

	if (!task->is_paused)
		return BoolGetDatum(false);
	task_store_resume(task->task_id, skipped_until(task, makes_up_once));
	wake_for_task(task->task_id);
	return BoolGetDatum(true);
}

/* resume(name text, missed text) RETURNS boolean */
Datum
taskly_resume_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.resume()");
	lock_by_name(fcinfo, &task);
	return resume_task(&task, required_text(fcinfo, 1, "missed"));
}

/* resume(task_id bigint, missed text) RETURNS boolean */
Datum
taskly_resume_by_id_v1(PG_FUNCTION_ARGS)
{
	TaskRow		task;

	begin_writing_call("taskly.resume()");
	lock_by_id(fcinfo, &task);
	return resume_task(&task, required_text(fcinfo, 1, "missed"));
}
