/*-------------------------------------------------------------------------
 *
 * overlap.c
 *	  What an occurrence does that is due while an earlier one is not over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "plan/overlap.h"

static bool
is_after_finish(const ScheduledTask *task)
{
	return task->timetable.schedule.kind == SCHEDULE_AFTER_FINISH;
}

bool
overlap_matters(const ScheduledTask *task)
{
	return task->overlap != OVERLAP_ALLOW || task->max_instances != 0 || is_after_finish(task);
}

OverlapStep
overlap_meet(const ScheduledTask *task, bool is_made_up, int running, int waiting)
{
	int			count = running + waiting;

	if (count == 0)
		return OVERLAP_STEP_RUN;
	if (is_after_finish(task))
		return OVERLAP_STEP_WAIT;
	switch (task->overlap)
	{
		case OVERLAP_ALLOW:
			if (task->max_instances == 0 || count < task->max_instances)
				return OVERLAP_STEP_RUN;
			break;
		case OVERLAP_QUEUE:
			if (waiting == 0)
				return OVERLAP_STEP_RUN;
			break;
		case OVERLAP_CANCEL_RUNNING:
			if (!is_made_up)
				return OVERLAP_STEP_CANCEL_AND_RUN;
			break;
		case OVERLAP_SKIP:
			break;
	}
	return is_made_up ? OVERLAP_STEP_WAIT : OVERLAP_STEP_PASS;
}
