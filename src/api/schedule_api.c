/*-------------------------------------------------------------------------
 *
 * schedule_api.c
 *	  taskly.next_runs(), taskly.explain_schedule(), and the checks of schedules
 *	  that others share.
 *
 * Reads no table: whoever may call it sees nothing but what the schedule
 * means.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/schedule_api.h"
#include "server/guc.h"
#include "store/calendar_store.h"
#include "store/task_timetable.h"
#include "time/explain.h"
#include "time/zone.h"

#define NEXT_RUNS_MAX	10000

/* What next_runs() keeps between its rows. */
typedef struct NextRuns
{
	Schedule	schedule;
	TimestampTz anchor;
	TimestampTz last;
	int			left;
} NextRuns;

static void read_schedule_args(FunctionCallInfo fcinfo, int zone_arg, Schedule *result);
static void check_not_null(FunctionCallInfo fcinfo, int arg, const char *name);
static void check_next_runs(FunctionCallInfo fcinfo);
static bool advance(NextRuns *state);

pg_tz *
schedule_zone_or_error(const char *name)
{
	pg_tz	   *zone;
	ZoneNameCheck check = zone_by_name(name, &zone);
	int			shown = pg_mbcliplen(name, (int) Min(strlen(name), TZ_STRLEN_MAX), 64);

	if (check == ZONE_NAME_UNRECOGNIZED)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%.*s\" is not recognized", shown, name),
				 errhint("Use a name from pg_timezone_names, such as \"UTC\" or \"Europe/Berlin\".")));
	if (check == ZONE_NAME_LEAP_SECONDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%.*s\" appears to use leap seconds", shown, name),
				 errdetail("PostgreSQL does not support leap seconds."),
				 errhint("Use the zone of the same place without leap seconds.")));
	return zone;
}

static void
raise_error(const ScheduleError *error)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_internal("%s", error->message),
			 error->detail[0] != '\0' ? errdetail_internal("%s", error->detail) : 0,
			 error->hint[0] != '\0' ? errhint("%s", error->hint) : 0));
}

void
schedule_parse_or_error(const char *text, const char *zone_name, Schedule *result)
{
	pg_tz	   *zone = schedule_zone_or_error(zone_name ? zone_name : taskly_timezone);
	ScheduleError error;

	if (!schedule_parse(text, zone, result, &error))
		raise_error(&error);
}

void
timetable_or_error(const TaskRow *task, Timetable *result)
{
	ScheduleError error;

	(void) schedule_zone_or_error(task->timezone ? task->timezone : taskly_timezone);
	if (!task_timetable(task, task->calendar_id == 0 ? NULL : calendar_store_days(task->calendar_id),
						result, &error))
		raise_error(&error);
}

PG_FUNCTION_INFO_V1(taskly_next_runs_v1);
PG_FUNCTION_INFO_V1(taskly_explain_schedule_v1);

/* next_runs(schedule text, n int, after timestamptz, timezone text) */
Datum
taskly_next_runs_v1(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	NextRuns   *state;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old_context;

		context = SRF_FIRSTCALL_INIT();
		check_next_runs(fcinfo);
		old_context = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		state = palloc(sizeof(NextRuns));
		read_schedule_args(fcinfo, 3, &state->schedule);
		MemoryContextSwitchTo(old_context);
		state->left = PG_GETARG_INT32(1);
		state->anchor = state->last = PG_GETARG_TIMESTAMPTZ(2);
		/* A rule that begins at its anchor counts it. */
		if (state->schedule.kind == SCHEDULE_RULE && !state->schedule.rule->has_start)
			state->last--;
		context->user_fctx = state;
	}

	context = SRF_PERCALL_SETUP();
	state = context->user_fctx;
	if (advance(state))
		SRF_RETURN_NEXT(context, TimestampTzGetDatum(state->last));
	SRF_RETURN_DONE(context);
}

/* The schedule is the first argument. */
static void
read_schedule_args(FunctionCallInfo fcinfo, int zone_arg, Schedule *result)
{
	char	   *zone_name = NULL;

	if (!PG_ARGISNULL(zone_arg))
		zone_name = text_to_cstring(PG_GETARG_TEXT_PP(zone_arg));
	schedule_parse_or_error(text_to_cstring(PG_GETARG_TEXT_PP(0)), zone_name, result);
}

static void
check_not_null(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

static void
check_next_runs(FunctionCallInfo fcinfo)
{
	check_not_null(fcinfo, 0, "schedule");
	check_not_null(fcinfo, 1, "n");
	check_not_null(fcinfo, 2, "after");
	if (PG_GETARG_INT32(1) < 1 || PG_GETARG_INT32(1) > NEXT_RUNS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid number of runs: %d", PG_GETARG_INT32(1)),
				 errdetail("Allowed are 1 to %d.", NEXT_RUNS_MAX)));
}

/*
 * Goes on to the next run; false when there is none. Where a schedule counts
 * from something, it is `after`; what comes after the finish of a run that
 * has not been run yet is not known.
 */
static bool
advance(NextRuns *state)
{
	if (state->left-- == 0)
		return false;
	if (state->schedule.kind == SCHEDULE_AFTER_FINISH)
		state->left = 0;
	state->last = schedule_next(&state->schedule, state->anchor, state->last);
	return !TIMESTAMP_IS_NOEND(state->last);
}

/* explain_schedule(schedule text, timezone text) */
Datum
taskly_explain_schedule_v1(PG_FUNCTION_ARGS)
{
	Schedule	schedule;
	size_t		size;
	char	   *buffer;

	check_not_null(fcinfo, 0, "schedule");
	read_schedule_args(fcinfo, 1, &schedule);
	size = schedule_explain(&schedule, NULL, 0) + 1;
	buffer = palloc(size);
	(void) schedule_explain(&schedule, buffer, size);
	PG_RETURN_TEXT_P(cstring_to_text(buffer));
}
