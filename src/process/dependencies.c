/*-------------------------------------------------------------------------
 *
 * dependencies.c
 *	  Runs that wait for other runs.
 *
 * A run that waits has due_at = infinity in its row and is not held in memory.
 * When a run has ended, its children are looked up: each is released, skipped, or
 * waits on for another parent. A child that was skipped has ended too. All of it
 * happens in short transactions of the scheduler, so that neither workers nor
 * sessions pay for it; with very many children it takes many turns.
 *
 * What is to be looked at is in memory only. So at the start, and whenever all is
 * read again, every run that waits is looked at once; and so is each one when its
 * enqueuing commits, since a parent may have ended in between.
 *
 * retry() puts a parent back and brings back what was skipped because of it. Both
 * sides take the run's lock (server/lock.h) first, so that no child is skipped of
 * a parent that is being put back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "exec/outcome.h"
#include "plan/id_ranges.h"
#include "plan/throttle.h"
#include "process/dependencies.h"
#include "process/dependency_check.h"
#include "process/intake.h"
#include "process/outcomes.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/txn.h"
#include "store/catalog.h"
#include "store/dependency_store.h"
#include "store/run_store.h"

/* Others are not to wait longer for a turn's work. */
#define MAX_TURN_US			5000
/* Waiting runs that are found, and those that expire, in one turn. */
#define MAX_FOUND_AT_ONCE	1000
#define MAX_EXPIRED_AT_ONCE	100
/* A run that somebody holds, or whose parent is being put back, is looked at again after this. */
#define LOCKED_RETRY_US		(200 * INT64CONST(1000))
/* After an error, and for rows that are not of this home. */
#define ERROR_RETRY_US		USECS_PER_MINUTE
/* Rows that are looked at for removal, and a pause before the others. */
#define MAX_SWEPT_AT_ONCE	200
#define SWEEP_PAUSE_US		(100 * INT64CONST(1000))

static MemoryContext context = NULL;
static bool has_any = false;

/* Runs that are to be looked at, and runs whose children are (flag: it has succeeded). */
static IdRanges children;
static IdRanges parents;
static int64 children_after[2];
static int64 parents_after[2];

/* Those that were locked. */
static IdRanges again;
static TimestampTz again_at = DT_NOEND;

/* All that wait: which queues are still to be read, and how far the first one was. */
static List *queues_to_read = NIL;
static int64 read_up_to = 0;

static TimestampTz next_deadline = DT_NOBEGIN;	/* of a run that waits */
static TimestampTz hold_until = DT_NOBEGIN;

static bool is_sweeping = true;
static int64 next_sweep_us = 0; /* monotonic */
static int64 swept_up_to[2] = {0, 0};

void
dependencies_init(MemoryContext parent)
{
	context = AllocSetContextCreate(parent, "taskly dependencies", ALLOCSET_DEFAULT_SIZES);
	id_ranges_init(&children, context);
	id_ranges_init(&parents, context);
	id_ranges_init(&again, context);
}

/* ------------------------------------------------------------------------
 * What is to be looked at
 * ------------------------------------------------------------------------ */

void
dependencies_read_settings(void)
{
	if (!has_any)
		has_any = dependency_store_has_any();
}

static void
want_queue(QueuePlan *queue, void *arg)
{
	queues_to_read = lappend_int(queues_to_read, queue->queue_id);
}

/* Called after the queues were read. */
void
dependencies_want_all(void)
{
	MemoryContext old_context;

	if (!has_any)
		return;
	old_context = MemoryContextSwitchTo(context);
	list_free(queues_to_read);
	queues_to_read = NIL;
	throttle_each(want_queue, NULL);
	read_up_to = 0;
	next_deadline = DT_NOBEGIN;
	MemoryContextSwitchTo(old_context);
}

void
dependencies_expect(TimestampTz deadline_at)
{
	has_any = true;
	next_deadline = Min(next_deadline, deadline_at);
}

void
dependencies_child_waits(const RunRow *row)
{
	int64		run_id = run_int64(row, RUN_COL_RUN_ID);

	dependencies_expect(run_is_null(row, RUN_COL_DEADLINE_AT) ? DT_NOEND :
						run_time(row, RUN_COL_DEADLINE_AT));
	id_ranges_add(&children, run_id, run_id, false);
}

void
dependencies_run_ended(int64 run_id, RunStatus status)
{
	if (has_any)
		id_ranges_add(&parents, run_id, run_id, status == RUN_SUCCEEDED);
}

void
dependencies_runs_gone(int64 first, int64 count)
{
	if (has_any)
		id_ranges_add(&parents, first, first + count - 1, false);
}

/* What the checks could not decide now. */
static void
look_again(const DependencyTurn *turn)
{
	ListCell   *cell;

	foreach(cell, turn->undecided)
	{
		int64		run_id = *(int64 *) lfirst(cell);

		id_ranges_add(&again, run_id, run_id, false);
		again_at = Min(again_at, turn->now + LOCKED_RETRY_US);
	}
}

static void
take_up_again(TimestampTz now)
{
	if (now < again_at)
		return;
	while (!id_ranges_is_empty(&again))
	{
		const IdRange *range = id_ranges_first(&again);

		id_ranges_add(&children, range->first, range->last, false);
		id_ranges_drop_first(&again);
	}
	again_at = DT_NOEND;
}

static void
receive_waiting(const RunRow *row, void *arg)
{
	read_up_to = run_int64(row, RUN_COL_RUN_ID);
	dependencies_child_waits(row);
}

/* Some more of all that wait, once those that are known were looked at. */
static void
find_waiting(void)
{
	RunPlace	after = {DT_NOEND, read_up_to};
	int			count;

	if (queues_to_read == NIL || !id_ranges_is_empty(&children))
		return;
	count = run_store_read_queue(linitial_int(queues_to_read), after,
								 MAX_FOUND_AT_ONCE, receive_waiting, NULL);
	if (count == MAX_FOUND_AT_ONCE)
		return;
	queues_to_read = list_delete_first(queues_to_read);
	read_up_to = 0;
}

/* ------------------------------------------------------------------------
 * Walking
 * ------------------------------------------------------------------------ */

/* The next row; false: time is over. */
static bool
receive_child_of(const DependencyRow *row, void *arg)
{
	DependencyTurn *turn = arg;

	if (id_ranges_first(&parents)->flag)
		dependency_know_success(turn, row->parent_id);
	dependency_check_child(turn, row->run_id);
	parents_after[0] = row->parent_id;
	parents_after[1] = row->run_id;
	return taskly_monotonic_us() < turn->stop_us;
}

static bool
receive_child(const DependencyRow *row, void *arg)
{
	DependencyTurn *turn = arg;

	/* All of its parents are looked at together. */
	if (row->run_id != children_after[0])
		dependency_check_child(turn, row->run_id);
	children_after[0] = row->run_id;
	children_after[1] = row->parent_id;
	return taskly_monotonic_us() < turn->stop_us;
}

typedef bool (*ReadRange) (DependencyTable *table, const DependencyRange *range,
						   DependencyReceiver receive, void *arg);

/* Go through a list of ranges as far as time allows. */
static void
look_at(DependencyTurn *turn, IdRanges *list, int64 after[2], ReadRange read, DependencyReceiver receive)
{
	while (!id_ranges_is_empty(list) && taskly_monotonic_us() < turn->stop_us)
	{
		const IdRange *first = id_ranges_first(list);
		DependencyRange range = {first->first, first->last, {after[0], after[1]}};

		if (!read(&turn->table, &range, receive, turn))
			return;
		id_ranges_drop_first(list);
		after[0] = after[1] = 0;
	}
}

/* ------------------------------------------------------------------------
 * Deadlines
 * ------------------------------------------------------------------------ */

static void
receive_expired(const RunRow *row, void *arg)
{
	DependencyTurn *turn = arg;
	RunRow		copy = *row;
	RunEnd		end;

	if (run_int64(row, RUN_COL_HOME_ID) != turn->home_id)
		return;
	run_end_init(&end, RUN_EXPIRED);
	end.sqlstate = "57014";
	end.message = "deadline passed before the start";
	end.detail = "The run was waiting for other runs.";
	dependency_end_waiting(turn, &copy, &end);
}

static void
receive_deadline(const RunRow *row, void *arg)
{
	next_deadline = run_time(row, RUN_COL_DEADLINE_AT);
}

/* When rows are due that are another home's, or locked, the others wait a little. */
static void
expire(DependencyTurn *turn)
{
	int			ended = list_length(turn->ended);
	int			count;

	if (turn->now < next_deadline)
		return;
	count = run_store_read_waiting(turn->now, MAX_EXPIRED_AT_ONCE, receive_expired, turn);
	if (list_length(turn->ended) > ended)
		next_deadline = turn->now;
	else if (count > 0)
		next_deadline = turn->now +
			(turn->undecided != NIL ? LOCKED_RETRY_US : ERROR_RETRY_US);
	else
	{
		next_deadline = DT_NOEND;
		(void) run_store_read_waiting(DT_NOEND, 1, receive_deadline, NULL);
	}
}

/* ------------------------------------------------------------------------
 * A turn
 * ------------------------------------------------------------------------ */

static void
forget_all(void)
{
	id_ranges_clear(&children);
	id_ranges_clear(&parents);
	id_ranges_clear(&again);
	list_free(queues_to_read);
	queues_to_read = NIL;
	memset(children_after, 0, sizeof(children_after));
	memset(parents_after, 0, sizeof(parents_after));
	again_at = DT_NOEND;
}

static void
work(DependencyTurn *turn)
{
	/* Parked: who adopts the runs tells it, and then all is read. */
	if (!catalog_home_id(&turn->home_id))
	{
		forget_all();
		next_deadline = DT_NOEND;
		return;
	}
	dependency_turn_begin(turn);
	take_up_again(turn->now);
	find_waiting();
	look_at(turn, &parents, parents_after, dependency_read_by_parent, receive_child_of);
	look_at(turn, &children, children_after, dependency_read_by_run, receive_child);
	expire(turn);
	dependency_turn_end(turn);
}

static bool
work_in_transaction(DependencyTurn *turn)
{
	volatile bool ok = true;

	PG_TRY();
	{
		txn_begin("taskly: look at runs that wait for others");
		work(turn);
		txn_commit();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(turn->context);
		EmitErrorReport();
		FlushErrorState();
		txn_abort();
		ok = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(turn->context);
	return ok;
}

/* After the commit: what was released is read as any other run, what has ended has children. */
static void
tell(const DependencyTurn *turn)
{
	ListCell   *cell;

	foreach(cell, turn->released)
		intake_want_run(*(int64 *) lfirst(cell));
	foreach(cell, turn->ended)
		outcomes_count(lfirst(cell));
	look_again(turn);
	if (turn->ended != NIL)
		database_tell_finished();
}

static TimestampTz
next_turn_at(TimestampTz now)
{
	if (!has_any)
		return DT_NOEND;
	if (now < hold_until)
		return hold_until;
	if (!id_ranges_is_empty(&children) || !id_ranges_is_empty(&parents) || queues_to_read != NIL)
		return now;
	return earlier(again_at, next_deadline);
}

TimestampTz
dependencies_turn(TimestampTz now)
{
	DependencyTurn turn = {0};

	if (next_turn_at(now) > now)
		return next_turn_at(now);
	turn.context = CurrentMemoryContext;
	turn.now = now;
	turn.stop_us = taskly_monotonic_us() + MAX_TURN_US;
	if (work_in_transaction(&turn))
		tell(&turn);
	else
	{
		/* Nothing was done: all is looked at again, in a while. */
		forget_all();
		dependencies_want_all();
		hold_until = now + ERROR_RETRY_US;
	}
	return next_turn_at(now);
}

/* ------------------------------------------------------------------------
 * Housekeeping
 * ------------------------------------------------------------------------ */

void
dependencies_want_sweep(void)
{
	is_sweeping = true;
	memset(swept_up_to, 0, sizeof(swept_up_to));
}

TimestampTz
dependencies_sweep_turn(TimestampTz now)
{
	if (!is_sweeping || !has_any)
		return DT_NOEND;
	if (taskly_monotonic_us() >= next_sweep_us)
	{
		txn_begin("taskly: forget dependencies");
		is_sweeping = dependency_store_sweep(&swept_up_to[0], &swept_up_to[1], MAX_SWEPT_AT_ONCE);
		txn_commit();
		next_sweep_us = taskly_monotonic_us() + SWEEP_PAUSE_US;
	}
	return is_sweeping ? taskly_wall_of(next_sweep_us) : DT_NOEND;
}
