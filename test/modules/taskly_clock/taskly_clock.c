/*-------------------------------------------------------------------------
 *
 * taskly_clock.c
 *	  Lets tests set the clocks of taskly, which the product gives no SQL for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

/* As src/server/clock.h declares them. */
typedef TimestampTz (*NowFunction) (void);
typedef void (*ShiftFunction) (int64 wall_us, int64 monotonic_us);
typedef void (*ResetFunction) (void);

PG_FUNCTION_INFO_V1(taskly_clock_now_v1);
PG_FUNCTION_INFO_V1(taskly_clock_shift_wall_v1);
PG_FUNCTION_INFO_V1(taskly_clock_shift_monotonic_v1);
PG_FUNCTION_INFO_V1(taskly_clock_pass_v1);
PG_FUNCTION_INFO_V1(taskly_clock_reset_v1);

static void *
function_of_taskly(const char *name)
{
	return load_external_function("$libdir/taskly", name, true, NULL);
}

static void
shift(int64 wall_us, int64 monotonic_us)
{
	((ShiftFunction) function_of_taskly("taskly_clock_shift")) (wall_us, monotonic_us);
}

static int64
arg_us(FunctionCallInfo fcinfo)
{
	Interval   *interval = PG_GETARG_INTERVAL_P(0);

	return interval->time + (interval->day + interval->month * INT64CONST(30)) * USECS_PER_DAY;
}

/* now() RETURNS timestamptz */
Datum
taskly_clock_now_v1(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(((NowFunction) function_of_taskly("taskly_now")) ());
}

/* shift_wall(step interval) RETURNS void */
Datum
taskly_clock_shift_wall_v1(PG_FUNCTION_ARGS)
{
	shift(arg_us(fcinfo), 0);
	PG_RETURN_VOID();
}

/* shift_monotonic(step interval) RETURNS void */
Datum
taskly_clock_shift_monotonic_v1(PG_FUNCTION_ARGS)
{
	shift(0, arg_us(fcinfo));
	PG_RETURN_VOID();
}

/* pass(length interval) RETURNS void */
Datum
taskly_clock_pass_v1(PG_FUNCTION_ARGS)
{
	shift(arg_us(fcinfo), arg_us(fcinfo));
	PG_RETURN_VOID();
}

/* reset() RETURNS void */
Datum
taskly_clock_reset_v1(PG_FUNCTION_ARGS)
{
	((ResetFunction) function_of_taskly("taskly_clock_reset")) ();
	PG_RETURN_VOID();
}
