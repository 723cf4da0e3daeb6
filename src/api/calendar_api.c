/*-------------------------------------------------------------------------
 *
 * calendar_api.c
 *	  SQL functions that make, fill and drop calendars of excluded days.
 *
 * A calendar belongs to who made it; members of that role and administrators
 * change it. As with queues, its name is no secret: every user of taskly may
 * name it in a task.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "api/common.h"
#include "server/wake.h"
#include "store/calendar_store.h"
#include "time/civil.h"

#define FIRST_DAY	civil_day(1, 1, 1)
#define LAST_DAY	civil_day(9999, 12, 31)

PG_FUNCTION_INFO_V1(taskly_create_calendar_v1);
PG_FUNCTION_INFO_V1(taskly_drop_calendar_v1);
PG_FUNCTION_INFO_V1(taskly_add_days_v1);
PG_FUNCTION_INFO_V1(taskly_add_days_between_v1);
PG_FUNCTION_INFO_V1(taskly_remove_days_v1);
PG_FUNCTION_INFO_V1(taskly_remove_days_between_v1);

/* ------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------ */

static char *
date_text(DateADT date)
{
	return DatumGetCString(DirectFunctionCall1(date_out, DateADTGetDatum(date)));
}

/* Infinity is out of range, too. */
static DateADT
check_day(Datum value)
{
	DateADT		day = DatumGetDateADT(value);

	if (day < FIRST_DAY || day > LAST_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("day is out of range: \"%s\"", date_text(day)),
				 errdetail("Days of a calendar are from 0001-01-01 to 9999-12-31.")));
	return day;
}

/* Argument n, days: a date[] without nulls. */
static DaySet *
required_days(FunctionCallInfo fcinfo, int n)
{
	Datum	   *items;
	bool	   *nulls;
	int			count;
	DayRange   *ranges;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "days")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), DATEOID, sizeof(DateADT), true, TYPALIGN_INT,
					  &items, &nulls, &count);
	ranges = palloc(count * sizeof(DayRange));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", "days")));
		ranges[i].first = ranges[i].last = check_day(items[i]);
	}
	return day_set_build(ranges, count);
}

static DateADT
required_day(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return check_day(PG_GETARG_DATUM(n));
}

/* Arguments 1 and 2, first and last: a day is between them if it is one of them. */
static DaySet *
required_range(FunctionCallInfo fcinfo)
{
	DayRange	range;

	range.first = required_day(fcinfo, 1, "first");
	range.last = required_day(fcinfo, 2, "last");
	if (range.last < range.first)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("last day is before the first one"),
				 errdetail("The first is %s, the last is %s.",
						   date_text(range.first), date_text(range.last))));
	return day_set_build(&range, 1);
}

/* ------------------------------------------------------------------------
 * Functions
 * ------------------------------------------------------------------------ */

static void
check_ranges(const char *name, int ranges)
{
	if (ranges > CALENDAR_MAX_RANGES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("calendar \"%s\" has too many days", name),
				 errdetail("They would be %d ranges of days in a row; at most %d are allowed.",
						   ranges, CALENDAR_MAX_RANGES)));
}

/* create_calendar(name text, days date[], description text) RETURNS integer */
Datum
taskly_create_calendar_v1(PG_FUNCTION_ARGS)
{
	char	   *description = arg_text(fcinfo, 2);
	DaySet	   *days = NULL;
	char	   *name;
	int32		calendar_id;

	begin_writing_call("taskly.create_calendar()");
	name = required_text(fcinfo, 0, "name");
	check_name("calendar", name);
	if (!PG_ARGISNULL(1))
		days = required_days(fcinfo, 1);
	if (description != NULL)
		check_text("description", description);
	if (days != NULL)
		check_ranges(name, days->count);
	calendar_id = calendar_store_insert(name, GetUserId(), description);
	if (calendar_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("calendar \"%s\" already exists", name)));
	if (days != NULL)
		(void) calendar_store_edit(calendar_id, CALENDAR_ADD, days);
	wake_for_settings();
	PG_RETURN_INT32(calendar_id);
}

static void
lock_calendar(const char *name, CalendarLock lock, CalendarRow *calendar)
{
	check_name("calendar", name);
	if (!calendar_store_lock(name, lock, calendar))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("calendar \"%s\" does not exist", name),
				 errhint("Existing calendars: %s.", calendar_store_names())));
	if (!may_manage(calendar->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of calendar \"%s\"", name)));
}

/* drop_calendar(name text) RETURNS boolean */
Datum
taskly_drop_calendar_v1(PG_FUNCTION_ARGS)
{
	CalendarRow calendar;
	int64		tasks;

	begin_writing_call("taskly.drop_calendar()");
	lock_calendar(required_text(fcinfo, 0, "name"), CALENDAR_LOCK_DROP, &calendar);
	tasks = calendar_store_count_tasks(calendar.calendar_id);
	if (tasks > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("calendar \"%s\" cannot be dropped because it is in use", calendar.name),
				 errdetail("Tasks: " INT64_FORMAT ".", tasks),
				 errhint("Use taskly.alter() to give the tasks another calendar, or none.")));
	calendar_store_delete(calendar.calendar_id);
	wake_for_settings();
	PG_RETURN_BOOL(true);
}

/*
 * Add days, or remove them, and return how many that changed. One that is taken
 * out of a range makes two ranges of it.
 */
static int32
change_days(const char *name, CalendarEdit edit, const DaySet *days)
{
	CalendarRow calendar;
	CalendarChange change;

	lock_calendar(name, CALENDAR_LOCK_DAYS, &calendar);
	change = calendar_store_edit(calendar.calendar_id, edit, days);
	check_ranges(name, change.ranges);
	if (change.days > 0)
		wake_for_settings();
	return change.days;
}

/* add_days(calendar text, VARIADIC days date[]) RETURNS integer */
Datum
taskly_add_days_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.add_days()");
	PG_RETURN_INT32(change_days(required_text(fcinfo, 0, "calendar"), CALENDAR_ADD,
								required_days(fcinfo, 1)));
}

/* add_days_between(calendar text, first date, last date) RETURNS integer */
Datum
taskly_add_days_between_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.add_days_between()");
	PG_RETURN_INT32(change_days(required_text(fcinfo, 0, "calendar"), CALENDAR_ADD,
								required_range(fcinfo)));
}

/* remove_days(calendar text, VARIADIC days date[]) RETURNS integer */
Datum
taskly_remove_days_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.remove_days()");
	PG_RETURN_INT32(change_days(required_text(fcinfo, 0, "calendar"), CALENDAR_REMOVE,
								required_days(fcinfo, 1)));
}

/* remove_days_between(calendar text, first date, last date) RETURNS integer */
Datum
taskly_remove_days_between_v1(PG_FUNCTION_ARGS)
{
	begin_writing_call("taskly.remove_days_between()");
	PG_RETURN_INT32(change_days(required_text(fcinfo, 0, "calendar"), CALENDAR_REMOVE,
								required_range(fcinfo)));
}
