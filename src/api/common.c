/*-------------------------------------------------------------------------
 *
 * common.c
 *	  What the files of this room share: the start of a call, rights, names,
 *	  the look-up of a task, and checks of single arguments.
 *
 * Rights are checked on OIDs, of the role that is current: a SECURITY DEFINER
 * function of a user's own acts as its definer here, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "api/common.h"
#include "api/similar_task.h"
#include "server/shmem.h"
#include "store/catalog.h"

#define INTERVAL_MAX_US		(100 * INT64CONST(12) * DAYS_PER_MONTH * USECS_PER_DAY)
#define MAX_LISTED_TASKS	10

/* ------------------------------------------------------------------------
 * Calls and rights
 * ------------------------------------------------------------------------ */

void
begin_writing_call(const char *call)
{
	shmem_require();
	PreventCommandIfReadOnly(call);
}

bool
is_administrator(void)
{
	return superuser() || has_privs_of_role(GetUserId(), catalog_owner());
}

bool
may_manage(Oid owner)
{
	return has_privs_of_role(GetUserId(), owner) || is_administrator();
}

void
require_administrator(const char *call)
{
	if (!is_administrator())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for %s", call),
				 errdetail("Only superusers and the owner of extension \"%s\" may call it.",
						   TASKLY_EXTENSION)));
}

/* False when there is no such role. */
static bool
read_role(Oid role, bool *can_login, bool *is_superuser)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	Form_pg_authid form;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_authid) GETSTRUCT(tuple);
	*can_login = form->rolcanlogin;
	*is_superuser = form->rolsuper;
	ReleaseSysCache(tuple);
	return true;
}

void
check_owner(Oid owner)
{
	bool		can_login;
	bool		is_superuser;

	if (!read_role(owner, &can_login, &is_superuser))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", owner)));
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be member of role \"%s\"", role_name(owner)),
				 errdetail("A task runs as its owner.")));
	if (is_superuser && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to give a task to superuser \"%s\"",
						role_name(owner))));
	if (!can_login)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" is not permitted to log in", role_name(owner)),
				 errdetail("A task runs in a session of its owner."),
				 errhint("Use ALTER ROLE ... LOGIN, or name another role as owner.")));
}

char *
role_name(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	return name != NULL ? name : psprintf("%u", role);
}

/* ------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------ */

char *
arg_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static void
refuse_null(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", argument)));
}

char *
required_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		refuse_null(name);
	return arg_text(fcinfo, n);
}

int64
required_int64(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		refuse_null(name);
	return PG_GETARG_INT64(n);
}

/* ASCII's control characters and, where they can be told, those of Latin-1. */
static bool
has_control_character(const char *text)
{
	bool		is_utf8 = GetDatabaseEncoding() == PG_UTF8;

	for (const unsigned char *c = (const unsigned char *) text; *c != '\0'; c++)
	{
		if (*c < 0x20 || *c == 0x7f)
			return true;
		if (is_utf8 && c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0)
			return true;
	}
	return false;
}

bool
is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n\f\v")] == '\0';
}

void
check_name(const char *what, const char *name)
{
	size_t		length = strlen(name);

	if (length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a %s must not be empty", what)));
	if (is_blank(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a %s must not be blank", what)));
	if (length > TASKLY_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name of a %s is too long", what),
				 errdetail("It has %zu bytes; at most %d are allowed.",
						   length, TASKLY_NAME_MAX)));
	if (has_control_character(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("name of a %s must not contain control characters", what)));
}

void
check_key(const char *argument, const char *key)
{
	size_t		length = strlen(key);

	if (length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", argument)));
	if (length > TASKLY_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", argument),
				 errdetail("It has %zu bytes; at most %d are allowed.",
						   length, TASKLY_NAME_MAX)));
	if (has_control_character(key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not contain control characters", argument)));
}

void
check_text(const char *argument, const char *text)
{
	size_t		length = strlen(text);

	if (length > TASKLY_COMMAND_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s is too long", argument),
				 errdetail("It has %zu bytes; at most %d are allowed.",
						   length, TASKLY_COMMAND_MAX)));
}

static double
interval_as_us(const Interval *interval)
{
	return (double) interval->time +
		((double) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY;
}

int64
interval_to_us(const Interval *interval)
{
	return interval->time +
		((int64) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY;
}

/* An infinite interval (PostgreSQL 17) is out of range, too. */
void
check_interval(const char *argument, const Interval *interval)
{
	double		us = interval_as_us(interval);

	if (us <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be greater than zero", argument)));
	if (us > (double) INTERVAL_MAX_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", argument),
				 errdetail("It must be at most 100 years, in which months count 30 days.")));
}

TimestampTz
required_instant(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(n)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite", name)));
	return PG_GETARG_TIMESTAMPTZ(n);
}

void
check_time_order(TimestampTz since, TimestampTz until)
{
	if (since >= until)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("since must be before until")));
}

void
check_range(const char *argument, int64 value, int64 min, int64 max)
{
	if (value >= min && value <= max)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s is out of range: " INT64_FORMAT, argument, value),
			 errdetail("It must be from " INT64_FORMAT " to " INT64_FORMAT ".", min, max)));
}

int
check_choice(const char *argument, const char *value, const char *const *allowed)
{
	StringInfoData list;

	for (int i = 0; allowed[i] != NULL; i++)
	{
		if (strcmp(value, allowed[i]) == 0)
			return i;
	}
	initStringInfo(&list);
	for (int i = 0; allowed[i] != NULL; i++)
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", allowed[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s: \"%s\"", argument, value),
			 errhint("Allowed values: %s.", list.data)));
	return -1;					/* not reached */
}

/* ------------------------------------------------------------------------
 * Tasks
 * ------------------------------------------------------------------------ */

/* The tasks of a name that the caller may manage. */
typedef struct Candidates
{
	int			count;
	int64		first_id;
	StringInfoData list;		/* made by the caller: of its memory context */
} Candidates;

static void
add_candidate(int64 task_id, Oid owner, void *arg)
{
	Candidates *candidates = arg;

	if (!may_manage(owner))
		return;
	if (candidates->count++ == 0)
		candidates->first_id = task_id;
	if (candidates->count <= MAX_LISTED_TASKS)
		appendStringInfo(&candidates->list, "%s" INT64_FORMAT " of \"%s\"",
						 candidates->count > 1 ? ", " : "", task_id, role_name(owner));
	else if (candidates->count == MAX_LISTED_TASKS + 1)
		appendStringInfoString(&candidates->list, ", ...");
}

static void
task_not_found(const char *name)
{
	const char *similar = similar_task(name);

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("task \"%s\" does not exist", name),
			 similar != NULL ? errhint("Perhaps you meant task \"%s\".", similar) : 0));
}

void
find_task(const char *name, TaskRow *task)
{
	Candidates	candidates = {0};

	check_name("task", name);
	if (task_store_find(name, GetUserId(), task))
		return;
	initStringInfo(&candidates.list);
	task_store_find_all(name, add_candidate, &candidates);
	if (candidates.count > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("name of task \"%s\" is ambiguous", name),
				 errdetail("Tasks of that name: %s.", candidates.list.data),
				 errhint("Use the task_id.")));
	if (candidates.count == 0 || !task_store_read(candidates.first_id, task))
		task_not_found(name);
}

void
find_task_by_id(int64 task_id, TaskRow *task)
{
	if (!task_store_read(task_id, task) || !may_manage(task->owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("task " INT64_FORMAT " does not exist", task_id)));
}
