/*-------------------------------------------------------------------------
 *
 * schedulability_rows.c
 *	  What taskly.schedulability() has found out, in rows: of tasks, and of the
 *	  queue, which is their sum.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "api/schedulability_api.h"

#define COLS			26

typedef struct ResultRow
{
	int			count;
	Datum		values[COLS];
	bool		nulls[COLS];
} ResultRow;

static void
add_value(ResultRow *row, Datum value, bool isnull)
{
	Assert(row->count < COLS);
	row->values[row->count] = value;
	row->nulls[row->count++] = isnull;
}

static void
add_text(ResultRow *row, const char *text)
{
	add_value(row, text != NULL ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

static void
add_nulls(ResultRow *row, int count)
{
	for (int i = 0; i < count; i++)
		add_value(row, (Datum) 0, true);
}

static void
add_number(ResultRow *row, double number, bool isnull)
{
	add_value(row, Float8GetDatum(number), isnull);
}

static void
add_us(ResultRow *row, double us, bool isnull)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = (int64) Max(Min(us, 9e18), 0);
	add_value(row, IntervalPGetDatum(interval), isnull);
}

static void
put_row(FunctionCallInfo fcinfo, ResultRow *row)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	Assert(row->count == result->setDesc->natts);
	tuplestore_putvalues(result->setResult, result->setDesc, row->values, row->nulls);
}

/* Who it is about: scope, task_id, task, owner, algorithm, workers. */
static void
add_subject(ResultRow *out, const LoadCall *call, const LoadRow *row)
{
	bool		is_task = row != NULL && row->measured.task_id != 0;

	add_text(out, row == NULL ? "queue" : is_task ? "task" : "submitted");
	add_value(out, Int64GetDatum(is_task ? row->measured.task_id : 0), !is_task);
	add_text(out, is_task ? row->task.name : NULL);
	add_value(out, ObjectIdGetDatum(is_task ? row->task.owner : InvalidOid), !is_task);
	add_text(out, row == NULL ? queue_algorithm_name(call->queue.settings.algorithm) : NULL);
	add_value(out, Int32GetDatum(call->workers), row != NULL);
}

void
put_task_load(FunctionCallInfo fcinfo, const LoadCall *call, const LoadRow *row,
			  const RealTimeTask *task)
{
	ResultRow	out = {0};
	bool		is_measured = row->measured.attempts > 0;
	bool		takes_part = row->idle_reason == NULL;

	add_subject(&out, call, row);
	add_us(&out, task->period_us, task->period_us == 0);
	add_us(&out, task->deadline_us, task->deadline_us == 0);
	add_value(&out, Int64GetDatum(row->measured.attempts), false);
	add_us(&out, row->measured.longest_us, !is_measured);
	add_us(&out, row->measured.mean_us, !is_measured);
	add_us(&out, task->wcet_us, task->wcet_us == 0);
	add_number(&out, task->utilisation, !takes_part || task->period_us == 0 || task->wcet_us == 0);
	add_nulls(&out, 2);
	add_us(&out, task->blocking_us, !takes_part || task->blocking_us < 0);
	add_us(&out, task->response_us, !takes_part || task->response_us < 0);
	add_number(&out, row->arrivals, false);
	add_number(&out, row->arrivals * row->measured.mean_us / USECS_PER_SEC / call->workers, !is_measured);
	add_value(&out, Int64GetDatum((int64) row->backlog), false);
	add_us(&out, row->backlog * row->measured.mean_us, !is_measured && row->backlog > 0);
	add_nulls(&out, 1);
	add_value(&out, Int64GetDatum(row->measured.deadline_misses), false);
	add_text(&out, takes_part ? verdict_name(task->verdict) : NULL);
	add_text(&out, takes_part ? task->test : NULL);
	add_text(&out, takes_part ? task->reason : row->idle_reason);
	put_row(fcinfo, &out);
}

/* Of all rows; means are weighted by what comes. */
typedef struct LoadTotal
{
	int64		attempts;
	int64		longest_us;
	double		spent_us;		/* by what was measured */
	double		arrivals;
	double		demand;			/* seconds of work that come in a second */
	double		backlog;
	double		backlog_us;
	int64		deadline_misses;
	bool		is_known;		/* how long the backlog takes */
} LoadTotal;

static LoadTotal
sum_rows(const LoadCall *call)
{
	LoadTotal	total = {.is_known = true};

	for (int i = 0; i < call->count; i++)
	{
		const LoadRow *row = &call->rows[i];
		const MeasuredTask *measured = &row->measured;

		total.attempts += measured->attempts;
		total.longest_us = Max(total.longest_us, measured->longest_us);
		total.spent_us += (double) measured->attempts * measured->mean_us;
		total.arrivals += row->arrivals;
		total.demand += row->arrivals * measured->mean_us / USECS_PER_SEC;
		total.backlog += row->backlog;
		total.backlog_us += row->backlog * measured->mean_us;
		total.deadline_misses += measured->deadline_misses;
		if (measured->attempts == 0 && row->backlog > 0)
			total.is_known = false;
	}
	return total;
}

/* Arrival rate times mean duration per worker: what is left works off the backlog. */
void
put_queue_load(FunctionCallInfo fcinfo, const LoadCall *call, const Schedulability *verdict)
{
	ResultRow	out = {0};
	LoadTotal	total = sum_rows(call);
	double		load = total.demand / call->workers;

	add_subject(&out, call, NULL);
	add_nulls(&out, 2);
	add_value(&out, Int64GetDatum(total.attempts), false);
	add_us(&out, total.longest_us, total.attempts == 0);
	add_us(&out, total.demand > 0 ? total.demand / total.arrivals * USECS_PER_SEC
		   : total.spent_us / Max(total.attempts, 1), total.attempts == 0);
	add_nulls(&out, 1);
	add_number(&out, verdict->utilisation, false);
	add_number(&out, verdict->bound, verdict->bound == 0);
	add_number(&out, verdict->hyperbolic, verdict->hyperbolic == 0);
	add_nulls(&out, 2);
	add_number(&out, total.arrivals, false);
	add_number(&out, load, false);
	add_value(&out, Int64GetDatum((int64) total.backlog), false);
	add_us(&out, total.backlog_us, !total.is_known);
	add_us(&out, total.backlog_us / call->workers / (1 - load), load >= 1 || !total.is_known);
	add_value(&out, Int64GetDatum(total.deadline_misses), false);
	add_text(&out, verdict_name(verdict->verdict));
	add_text(&out, verdict->test);
	add_text(&out, verdict->reason);
	put_row(fcinfo, &out);
}
