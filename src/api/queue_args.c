/*-------------------------------------------------------------------------
 *
 * queue_args.c
 *	  From the arguments of create_queue() and alter_queue() to settings that
 *	  have been checked as a whole; and the queue that a call is about.
 *
 * One table says of each option what it is called, where it goes and what it
 * may be, so that the functions, reset and messages cannot disagree.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "api/common.h"
#include "api/queue_args.h"

#define RATE_MAX			1000000000
#define BURST_MAX			1000000000
#define BATCH_MAX			1000
#define RATE_INTERVAL_MIN_US	1000

typedef struct OptionInfo
{
	const char *name;
	size_t		offset;			/* in QueueRow */
	size_t		size;
	int			min;			/* of a number */
	int			max;			/* 0: it is not an int */
} OptionInfo;

#define AT(field)	offsetof(QueueRow, field), sizeof(((QueueRow *) NULL)->field)

static const OptionInfo options[QUEUE_OPTIONS] = {
	[QUEUE_ALGORITHM] = {"algorithm", AT(settings.algorithm)},
	[QUEUE_WEIGHT] = {"weight", AT(settings.weight), 1, QUEUE_WEIGHT_MAX},
	[QUEUE_MAX_RUNNING] = {"max_running", AT(settings.max_running), 1, PG_INT32_MAX},
	[QUEUE_MAX_RUNNING_PER_KEY] = {"max_running_per_key", AT(settings.max_running_per_key),
	1, PG_INT32_MAX},
	[QUEUE_RATE] = {"rate", AT(settings.rate), 1, RATE_MAX},
	[QUEUE_RATE_PER_KEY] = {"rate_per_key", AT(settings.rate_per_key), 1, RATE_MAX},
	[QUEUE_RATE_INTERVAL] = {"rate_interval", AT(settings.rate_interval_us)},
	[QUEUE_BURST] = {"burst", AT(settings.burst), 0, BURST_MAX},
	[QUEUE_MAX_PENDING] = {"max_pending", AT(max_pending)},
	[QUEUE_AGING] = {"aging", AT(settings.aging_us)},
	[QUEUE_BLOCK_KEY_ON_FAILURE] = {"block_key_on_failure", AT(settings.block_key_on_failure)},
	[QUEUE_KEEP] = {"keep", AT(settings.keep)},
	[QUEUE_BATCH] = {"batch", AT(settings.batch), 1, BATCH_MAX},
};

/* ------------------------------------------------------------------------
 * Values
 * ------------------------------------------------------------------------ */

static QueueAlgorithm
check_algorithm(const char *name)
{
	static const char *const names[] = {"fifo", "priority", "fair", "round_robin",
	"rate_monotonic", "edf", NULL};
	static const QueueAlgorithm algorithms[] = {QUEUE_FIFO, QUEUE_PRIORITY, QUEUE_FAIR, QUEUE_FAIR,
	QUEUE_RATE_MONOTONIC, QUEUE_EDF};

	return algorithms[check_choice("algorithm", name, names)];
}

static QueueKeep
check_keep(const char *name)
{
	static const char *const names[] = {"all", "failures", "none", NULL};
	QueueKeep	keep = KEEP_ALL;

	(void) check_choice("keep", name, names);
	if (!queue_keep_find(name, &keep))
		elog(ERROR, "unexpected value of \"keep\": \"%s\"", name);
	return keep;
}

static int64
check_rate_interval(const Interval *interval)
{
	check_interval("rate_interval", interval);
	if (interval_to_us(interval) < RATE_INTERVAL_MIN_US)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rate_interval is too short"),
				 errdetail("It must be at least 1 millisecond.")));
	return interval_to_us(interval);
}

static void
set_number(QueueRow *queue, const OptionInfo *info, int value)
{
	check_range(info->name, value, info->min, info->max);
	*(int *) ((char *) queue + info->offset) = value;
}

static void
set_value(QueueRow *queue, QueueOption option, Datum value)
{
	QueueSettings *settings = &queue->settings;

	switch (option)
	{
		case QUEUE_ALGORITHM:
			settings->algorithm = check_algorithm(TextDatumGetCString(value));
			break;
		case QUEUE_KEEP:
			settings->keep = check_keep(TextDatumGetCString(value));
			break;
		case QUEUE_RATE_INTERVAL:
			settings->rate_interval_us = check_rate_interval(DatumGetIntervalP(value));
			break;
		case QUEUE_AGING:
			check_interval("aging", DatumGetIntervalP(value));
			settings->aging_us = interval_to_us(DatumGetIntervalP(value));
			break;
		case QUEUE_MAX_PENDING:
			check_range("max_pending", DatumGetInt64(value), 1, PG_INT64_MAX);
			queue->max_pending = DatumGetInt64(value);
			break;
		case QUEUE_BLOCK_KEY_ON_FAILURE:
			settings->block_key_on_failure = DatumGetBool(value);
			break;
		default:
			set_number(queue, &options[option], DatumGetInt32(value));
			break;
	}
}

int
queue_options_apply(QueueRow *queue, FunctionCallInfo fcinfo, bool *is_given)
{
	int			count = 0;

	for (int i = 0; i < QUEUE_OPTIONS; i++)
	{
		is_given[i] = !PG_ARGISNULL(i + 1);
		if (!is_given[i])
			continue;
		set_value(queue, (QueueOption) i, PG_GETARG_DATUM(i + 1));
		count++;
	}
	return count;
}

/* ------------------------------------------------------------------------
 * reset
 * ------------------------------------------------------------------------ */

static QueueOption
find_option(const char *name)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < QUEUE_OPTIONS; i++)
	{
		if (strcmp(name, options[i].name) == 0)
			return (QueueOption) i;
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", options[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" cannot be reset", name),
			 errhint("Options that can be reset: %s.", list.data)));
	return QUEUE_OPTIONS;		/* not reached */
}

static void
set_default(QueueRow *queue, QueueOption option)
{
	const OptionInfo *info = &options[option];
	QueueRow	defaults = {.settings = QUEUE_DEFAULT_SETTINGS};

	memcpy((char *) queue + info->offset, (char *) &defaults + info->offset, info->size);
}

int
queue_options_reset(QueueRow *queue, ArrayType *names, const bool *is_given)
{
	Datum	   *items;
	bool	   *nulls;
	int			count;

	deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		QueueOption option;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", "reset")));
		option = find_option(TextDatumGetCString(items[i]));
		if (is_given[option])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" cannot be both set and reset",
							options[option].name)));
		set_default(queue, option);
	}
	return count;
}

/* ------------------------------------------------------------------------
 * What goes together
 * ------------------------------------------------------------------------ */

/* An option that would say nothing. */
static void
refuse_void(const char *option, const char *needed)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("option \"%s\" needs %s", option, needed),
			 errhint("Leave it at its default; alter_queue() returns it there with reset => '{%s}'.",
					 option)));
}

/* Runs of a key in strict order, past no failure. */
static void
check_block(QueueSettings *settings)
{
	if (!settings->block_key_on_failure)
		return;
	if (settings->max_running_per_key == 0)
		settings->max_running_per_key = 1;
	if (settings->max_running_per_key > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"block_key_on_failure\" needs max_running_per_key => 1"),
				 errdetail("A run that fails cannot hold back one of its key that runs beside it.")));
	if (settings->batch > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"block_key_on_failure\" needs batch => 1"),
				 errdetail("In a batch, later runs of the key would have been handed over before one fails.")));
	if (settings->keep == KEEP_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"block_key_on_failure\" needs keep => 'all' or 'failures'"),
				 errdetail("A run that is not kept cannot be looked at and retried, and would block its key for nothing.")));
}

void
queue_options_check(QueueRow *queue)
{
	QueueSettings *settings = &queue->settings;
	bool		has_rate = settings->rate > 0 || settings->rate_per_key > 0;

	if (settings->algorithm != QUEUE_PRIORITY && settings->aging_us != QUEUE_DEFAULT_AGING_US)
		refuse_void("aging", "algorithm \"priority\"");
	if (!has_rate && settings->burst > 0)
		refuse_void("burst", "rate or rate_per_key");
	if (!has_rate && settings->rate_interval_us != QUEUE_DEFAULT_SETTINGS.rate_interval_us)
		refuse_void("rate_interval", "rate or rate_per_key");
	check_block(settings);
}

/* ------------------------------------------------------------------------
 * The queue of a call
 * ------------------------------------------------------------------------ */

/* Names of queues are no secret: everybody may use every queue. */
void
lock_own_queue(FunctionCallInfo fcinfo, const char *argument, QueueLock lock, QueueRow *queue)
{
	char	   *name = required_text(fcinfo, 0, argument);

	check_name("queue", name);
	if (strcmp(name, "default") == 0)
		(void) queue_store_default();
	if (!queue_store_lock(name, lock, queue))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errhint("Existing queues: %s.", queue_store_names())));
	if (!may_manage(queue->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of queue \"%s\"", name)));
}
