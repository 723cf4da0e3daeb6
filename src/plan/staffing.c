/*-------------------------------------------------------------------------
 *
 * staffing.c
 *	  Who needs a worker, and who gives one up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

#include "plan/role_plan.h"
#include "plan/staffing.h"

/* Work that is too little to start another process for. */
#define BACKLOG_WORTH_A_WORKER_US	10000
#define UNKNOWN_DURATION_US	100000
/* How long a role keeps its only worker while others have none. */
#define QUANTUM_US			USECS_PER_SEC

/* ------------------------------------------------------------------------
 * Who needs a worker
 * ------------------------------------------------------------------------ */

/* With a worker that holds none of its queue's yet? */
static inline bool
may_start(const ReadyLine *line)
{
	return !ready_line_is_empty(line, NO_WORKER) && throttle_has_room(line->queue, NO_WORKER);
}

/* Due runs of a role that may start, and the time they should take. */
static int64
backlog_of(Oid role, int64 *work_us)
{
	int64		count = 0;
	dlist_iter	iter;

	*work_us = 0;
	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);
		const TaskPlan *plan;
		int64		expected_us;

		if (line->is_shell || line->owner != role || !may_start(line))
			continue;
		plan = ready_task_of(ready_line_first(line, NO_WORKER));
		expected_us = plan && plan->average_us ? plan->average_us : UNKNOWN_DURATION_US;
		count += line->startable;
		*work_us += line->startable * expected_us;
	}
	return count;
}

static bool
needs_another_worker(Oid role, int workers, int starting)
{
	int64		work_us;
	int64		count = backlog_of(role, &work_us);

	if (count <= starting || role_plan_room(role) <= starting)
		return false;
	return workers == 0 ||
		work_us > (int64) workers * BACKLOG_WORTH_A_WORKER_US;
}

/* When a role had its turn last; of one that is new to the lines, never. */
static int64
last_pick_of(Oid role)
{
	int64		result = 0;
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);

		if (!line->is_shell && line->owner == role)
			result = Max(result, line->last_pick);
	}
	return result;
}

/*
 * The role in need that has fewest workers, of those that have not been refused;
 * of several the one that has been waiting longest: roles that share one worker
 * would else never come to it all.
 */
static Oid
neediest_role(const List *refused, CountRole count_role)
{
	Oid			result = InvalidOid;
	int			fewest = INT_MAX;
	int64		earliest = 0;
	List	   *seen = NIL;		/* a role may have very many lines */
	dlist_iter	iter;

	dlist_foreach(iter, ready_lines())
	{
		ReadyLine  *line = dlist_container(ReadyLine, node, iter.cur);
		int			starting;
		int			workers;
		int64		last_pick;

		if (line->is_shell || list_member_oid(seen, line->owner) || !may_start(line) ||
			list_member_oid(refused, line->owner))
			continue;
		seen = lappend_oid(seen, line->owner);
		workers = count_role(line->owner, &starting);
		last_pick = last_pick_of(line->owner);
		if (workers > fewest || (workers == fewest && last_pick >= earliest) ||
			!needs_another_worker(line->owner, workers, starting))
			continue;
		fewest = workers;
		earliest = last_pick;
		result = line->owner;
	}
	list_free(seen);
	return result;
}

void
staffing_ask(CountRole count_role, WantWorker want_worker, TimestampTz now)
{
	List	   *refused = NIL;
	Oid			role;

	while (OidIsValid(role = neediest_role(refused, count_role)))
	{
		if (!want_worker(role, now))
			refused = lappend_oid(refused, role);
	}
	list_free(refused);
}

/* ------------------------------------------------------------------------
 * Who gives one up
 * ------------------------------------------------------------------------ */

static int
count_of_role(WorkerLoad *const *workers, int count, Oid role)
{
	int			result = 0;

	for (int i = 0; i < count; i++)
	{
		if (workers[i] != NULL && workers[i]->role == role && !workers[i]->is_retiring)
			result++;
	}
	return result;
}

/*
 * An idle worker; else one of the role that has most, of these the one that has
 * served longest; -1: all come or go.
 */
static int
richest_worker(WorkerLoad *const *workers, int count, int *most)
{
	int			victim = -1;

	*most = 0;
	for (int i = 0; i < count; i++)
	{
		int			of_role;

		if (workers[i] == NULL || !workers[i]->is_ready || workers[i]->is_retiring)
			continue;
		of_role = count_of_role(workers, count, workers[i]->role);
		if (workers[i]->count == 0)
			of_role = INT_MAX;
		if (of_role > *most ||
			(of_role == *most && workers[i]->started_at < workers[victim]->started_at))
		{
			victim = i;
			*most = of_role;
		}
	}
	return victim;
}

/*
 * A role with two more than the one in need gives one up; for one in need that
 * has none, a worker that has served its quantum.
 */
int
staffing_victim(WorkerLoad *const *workers, int count, int fewest,
			  TimestampTz now, TimestampTz *look_again_at)
{
	int			most;
	int			victim = richest_worker(workers, count, &most);

	if (victim < 0 || (int64) most >= (int64) fewest + 2)
		return victim;
	if (fewest > 0)
		return -1;
	if (now - workers[victim]->started_at >= QUANTUM_US)
		return victim;
	*look_again_at = Min(*look_again_at, workers[victim]->started_at + QUANTUM_US);
	return -1;
}
