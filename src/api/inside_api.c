/*-------------------------------------------------------------------------
 *
 * inside_api.c
 *	  SQL functions that a run calls: it comes again later, says how far it
 *	  is, and what its result is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "api/common.h"
#include "server/activity.h"
#include "server/current_run.h"
#include "server/run_request.h"

PG_FUNCTION_INFO_V1(taskly_snooze_v1);
PG_FUNCTION_INFO_V1(taskly_set_progress_v1);
PG_FUNCTION_INFO_V1(taskly_set_result_v1);

/* The run that calls; an error outside of one. */
static const CurrentRun *
calling_run(const char *call)
{
	const CurrentRun *run = current_run_get();

	if (run == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s can be called by a run only", call),
				 errdetail("This session executes none; what a shell command starts is a session of its own.")));
	return run;
}

static void
refuse_negative(const char *argument, int64 value)
{
	if (value < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative", argument)));
}

/* ------------------------------------------------------------------------
 * snooze
 * ------------------------------------------------------------------------ */

/* Unlike other intervals it may be nothing: that lets those that wait go first. */
static void
check_delay(Interval *delay)
{
	Interval	nothing = {0};
	int			sign = DatumGetInt32(DirectFunctionCall2(interval_cmp, IntervalPGetDatum(delay),
														 IntervalPGetDatum(&nothing)));

	refuse_negative("delay", sign);
	if (sign > 0)
		check_interval("delay", delay);
}

static void
refuse_too_many_snoozes(const CurrentRun *run)
{
	if (run->snoozes >= TASKLY_SNOOZES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("run " INT64_FORMAT " has snoozed too often", run->run_id),
				 errdetail("A run may come again %d times.", TASKLY_SNOOZES_MAX),
				 errhint("A deadline ends a run that waits for ever.")));
}

/* snooze(delay interval) RETURNS void */
Datum
taskly_snooze_v1(PG_FUNCTION_ARGS)
{
	const CurrentRun *run = calling_run("taskly.snooze()");
	Interval   *delay;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "delay")));
	delay = PG_GETARG_INTERVAL_P(0);
	check_delay(delay);
	refuse_too_many_snoozes(run);
	run_request_snooze(interval_to_us(delay));
	PG_RETURN_VOID();
}

/* ------------------------------------------------------------------------
 * set_progress
 * ------------------------------------------------------------------------ */

/* Its beginning, without half a character. */
static void
copy_note(char *target, const text *note)
{
	int			length = pg_mbcliplen(VARDATA_ANY(note), VARSIZE_ANY_EXHDR(note),
									  PROGRESS_NOTE_MAX);

	memcpy(target, VARDATA_ANY(note), length);
	target[length] = '\0';
}

/* set_progress(done bigint, total bigint, note text) RETURNS void */
Datum
taskly_set_progress_v1(PG_FUNCTION_ARGS)
{
	const CurrentRun *run = calling_run("taskly.set_progress()");
	Progress	progress;

	progress.done = required_int64(fcinfo, 0, "done");
	progress.total = -1;
	progress.note[0] = '\0';
	refuse_negative("done", progress.done);
	if (!PG_ARGISNULL(1))
	{
		progress.total = PG_GETARG_INT64(1);
		refuse_negative("total", progress.total);
		if (progress.done > progress.total)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("done must not be more than total")));
	}
	if (!PG_ARGISNULL(2))
		copy_note(progress.note, PG_GETARG_TEXT_PP(2));
	activity_set_progress(run->activity, &progress);
	PG_RETURN_VOID();
}

/* ------------------------------------------------------------------------
 * set_result
 * ------------------------------------------------------------------------ */

/* set_result(result jsonb) RETURNS void */
Datum
taskly_set_result_v1(PG_FUNCTION_ARGS)
{
	Jsonb	   *result = NULL;

	(void) calling_run("taskly.set_result()");
	if (!PG_ARGISNULL(0))
	{
		result = PG_GETARG_JSONB_P(0);
		if (VARSIZE(result) > TASKLY_RESULT_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("result is too long"),
					 errdetail("It has %zu bytes; at most %d are allowed.",
							   (size_t) VARSIZE(result), TASKLY_RESULT_MAX),
					 errhint("Store it in a table, and a reference to it as result.")));
	}
	run_request_set_result(PointerGetDatum(result));
	PG_RETURN_VOID();
}
