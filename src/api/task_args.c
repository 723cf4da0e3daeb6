/*-------------------------------------------------------------------------
 *
 * task_args.c
 *	  From the arguments of schedule(), define() and alter() to a draft.
 *
 * One table says of each option what it is called, where it goes and what its
 * default is, so that the functions, reset and messages cannot disagree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/common.h"
#include "api/task_args.h"

typedef enum OptionType
{
	OPTION_TEXT,				/* char *, default_text */
	OPTION_INT,					/* int32, default_int; 0 without a default means none */
	OPTION_INT64,				/* int64, 0 */
	OPTION_TIME,				/* TimestampTz, default_int: below 0 -infinity, else infinity */
	OPTION_INTERVAL,			/* Interval *, NULL */
	OPTION_VARLENA,				/* Datum, 0 */
	OPTION_ATOMIC,				/* AtomicChoice, ATOMIC_AUTO */
	OPTION_ROLE					/* Oid, the caller */
} OptionType;

typedef struct OptionInfo
{
	const char *name;
	OptionType	type;
	size_t		offset;			/* in TaskDraft */
	bool		needs_schedule;
	bool		has_default;	/* that alter can return to */
	const char *default_text;
	int			default_int;
} OptionInfo;

#define AT(field)	offsetof(TaskDraft, field)

static const OptionInfo options[TASK_OPTIONS] = {
	[TASK_SCHEDULE] = {"schedule", OPTION_TEXT, AT(row.schedule), true, true},
	[TASK_COMMAND] = {"command", OPTION_TEXT, AT(row.command), false, false},
	[TASK_KIND] = {"kind", OPTION_TEXT, AT(kind), false, true, "sql"},
	[TASK_ARGS] = {"args", OPTION_VARLENA, AT(row.args), false, true},
	[TASK_ATOMIC] = {"atomic", OPTION_ATOMIC, AT(atomic), false, true},
	[TASK_QUEUE] = {"queue", OPTION_TEXT, AT(queue), false, true, "default"},
	[TASK_PRIORITY] = {"priority", OPTION_INT, AT(row.priority), false, true, NULL, 0},
	[TASK_KEY] = {"key", OPTION_TEXT, AT(row.key), false, true},
	[TASK_MAX_RUNNING] = {"max_running", OPTION_INT, AT(row.max_running), false, true, NULL, 0},
	[TASK_TIMEZONE] = {"timezone", OPTION_TEXT, AT(row.timezone), true, true},
	[TASK_STARTS_AT] = {"starts_at", OPTION_TIME, AT(row.starts_at), true, true, NULL, -1},
	[TASK_ENDS_AT] = {"ends_at", OPTION_TIME, AT(row.ends_at), true, true, NULL, 1},
	[TASK_MAX_RUNS] = {"max_runs", OPTION_INT64, AT(row.max_runs), true, true},
	[TASK_JITTER] = {"jitter", OPTION_INTERVAL, AT(row.jitter), true, true},
	[TASK_TIMEOUT] = {"timeout", OPTION_INTERVAL, AT(row.timeout), false, true},
	[TASK_DEADLINE] = {"deadline", OPTION_INTERVAL, AT(row.deadline), false, true},
	[TASK_MAX_ATTEMPTS] = {"max_attempts", OPTION_INT, AT(row.max_attempts), false, true, NULL, 1},
	[TASK_BACKOFF] = {"backoff", OPTION_TEXT, AT(row.backoff), false, true,
	"exponential 10s max 1h"},
	[TASK_RETRY_ON] = {"retry_on", OPTION_VARLENA, AT(row.retry_on), false, true},
	[TASK_NEVER_ON] = {"never_on", OPTION_VARLENA, AT(row.never_on), false, true},
	[TASK_OVERLAP] = {"overlap", OPTION_TEXT, AT(row.overlap), true, true, "skip"},
	[TASK_MAX_INSTANCES] = {"max_instances", OPTION_INT, AT(row.max_instances), true, true, NULL, 0},
	[TASK_MISSED] = {"missed", OPTION_TEXT, AT(row.missed), true, true, "once"},
	[TASK_MISSED_LIMIT] = {"missed_limit", OPTION_INT, AT(row.missed_limit), true, true, NULL, 100},
	[TASK_ON_LOST] = {"on_lost", OPTION_TEXT, AT(row.on_lost), false, true},
	[TASK_ON_FAILURE] = {"on_failure", OPTION_TEXT, AT(row.on_failure), false, true},
	[TASK_PAUSE_AFTER_FAILURES] = {"pause_after_failures", OPTION_INT,
	AT(row.pause_after_failures), false, true, NULL, 0},
	[TASK_AFTER] = {"after", OPTION_VARLENA, AT(after), false, true},
	[TASK_CALENDAR] = {"calendar", OPTION_TEXT, AT(calendar), true, true},
	[TASK_ON_EXCLUDED] = {"on_excluded", OPTION_TEXT, AT(row.on_excluded), true, true, "skip"},
	[TASK_OWNER] = {"owner", OPTION_ROLE, AT(row.owner), false, false},
	[TASK_DESCRIPTION] = {"description", OPTION_TEXT, AT(row.description), false, true},
};

const char *
task_option_name(TaskOption option)
{
	return options[option].name;
}

bool
task_option_needs_schedule(TaskOption option)
{
	return options[option].needs_schedule;
}

static void
set_default(TaskDraft *draft, TaskOption option)
{
	const OptionInfo *info = &options[option];
	void	   *field = (char *) draft + info->offset;

	switch (info->type)
	{
		case OPTION_TEXT:
			*(char **) field = info->default_text ? pstrdup(info->default_text) : NULL;
			break;
		case OPTION_INT:
			*(int32 *) field = info->default_int;
			break;
		case OPTION_INT64:
			*(int64 *) field = 0;
			break;
		case OPTION_TIME:
			*(TimestampTz *) field = info->default_int < 0 ? DT_NOBEGIN : DT_NOEND;
			break;
		case OPTION_INTERVAL:
			*(Interval **) field = NULL;
			break;
		case OPTION_VARLENA:
			*(Datum *) field = (Datum) 0;
			break;
		case OPTION_ATOMIC:
			*(AtomicChoice *) field = ATOMIC_AUTO;
			break;
		case OPTION_ROLE:
			*(Oid *) field = GetUserId();
			break;
	}
}

static void
set_value(TaskDraft *draft, TaskOption option, Datum value)
{
	const OptionInfo *info = &options[option];
	void	   *field = (char *) draft + info->offset;

	switch (info->type)
	{
		case OPTION_TEXT:
			*(char **) field = TextDatumGetCString(value);
			break;
		case OPTION_INT:
			*(int32 *) field = DatumGetInt32(value);
			break;
		case OPTION_INT64:
			*(int64 *) field = DatumGetInt64(value);
			break;
		case OPTION_TIME:
			*(TimestampTz *) field = DatumGetTimestampTz(value);
			break;
		case OPTION_INTERVAL:
			*(Interval **) field = DatumGetIntervalP(value);
			break;
		case OPTION_VARLENA:
			*(Datum *) field = PointerGetDatum(PG_DETOAST_DATUM(value));
			break;
		case OPTION_ATOMIC:
			*(AtomicChoice *) field = DatumGetBool(value) ? ATOMIC_YES : ATOMIC_NO;
			break;
		case OPTION_ROLE:
			*(Oid *) field = DatumGetObjectId(value);
			break;
	}
}

void
task_draft_new(TaskDraft *draft, char *name)
{
	memset(draft, 0, sizeof(*draft));
	draft->row.name = name;
	for (int i = 0; i < TASK_OPTIONS; i++)
	{
		set_default(draft, (TaskOption) i);
		draft->is_changed[i] = true;
	}
}

void
task_draft_of(TaskDraft *draft, const TaskRow *task)
{
	memset(draft, 0, sizeof(*draft));
	draft->row = draft->old = *task;
	draft->kind = task->kind == RUN_KIND_SHELL ? "shell" : "sql";
	if (task->kind == RUN_KIND_SHELL)
		draft->atomic = ATOMIC_AUTO;
	else
		draft->atomic = task->kind == RUN_KIND_SQL ? ATOMIC_YES : ATOMIC_NO;
}

void
task_draft_apply(TaskDraft *draft, FunctionCallInfo fcinfo, int first, bool with_schedule)
{
	int			n = first;

	for (int i = 0; i < TASK_OPTIONS; i++)
	{
		if (options[i].needs_schedule && !with_schedule)
			continue;
		if (!PG_ARGISNULL(n))
		{
			set_value(draft, (TaskOption) i, PG_GETARG_DATUM(n));
			draft->is_given[i] = draft->is_changed[i] = true;
		}
		n++;
	}
}

static void
refuse_reset(const char *name)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < TASK_OPTIONS; i++)
	{
		if (options[i].has_default)
			appendStringInfo(&list, "%s\"%s\"", list.len > 0 ? ", " : "", options[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be reset", name),
			 errhint("Options that can be reset: %s.", list.data)));
}

static TaskOption
find_option(const char *name)
{
	for (int i = 0; i < TASK_OPTIONS; i++)
	{
		if (strcmp(name, options[i].name) != 0)
			continue;
		if (options[i].has_default)
			return (TaskOption) i;
	}
	refuse_reset(name);
	return TASK_OPTIONS;		/* not reached */
}

static void
reset_option(TaskDraft *draft, TaskOption option)
{
	if (draft->is_given[option])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be both set and reset",
						options[option].name)));
	set_default(draft, option);
	draft->is_changed[option] = true;
}

void
task_draft_reset(TaskDraft *draft, ArrayType *names)
{
	Datum	   *items;
	bool	   *nulls;
	int			count;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		TaskOption	option;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", "reset")));
		option = find_option(TextDatumGetCString(items[i]));
		reset_option(draft, option);

		/* Without its schedule a task has nothing that depends on one. */
		for (int other = 0; option == TASK_SCHEDULE && other < TASK_OPTIONS; other++)
		{
			if (options[other].needs_schedule && !draft->is_given[other])
				set_default(draft, (TaskOption) other);
		}
	}
}
