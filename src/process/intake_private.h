/*-------------------------------------------------------------------------
 *
 * intake_private.h
 *	  What the parts of intake share: intake.c (when what is read), and what the
 *	  tables say of settings (intake_settings.c) and runs (intake_runs.c).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_INTAKE_PRIVATE_H
#define TASKLY_INTAKE_PRIVATE_H

#include "taskly.h"
#include "nodes/pg_list.h"
#include "plan/task_plan.h"
#include "plan/throttle.h"
#include "process/intake.h"
#include "store/home_store.h"
#include "store/run_store.h"

typedef struct Intake
{
	int			entry;			/* of our database */
	HomeRow		home;
	bool		is_at_home;
	bool		has_rescanned;	/* since somebody asked */
	bool		is_adopting;	/* the run that is read runs already */
	bool		wants_blockers; /* before other runs are read */
	TimestampTz reading_at;		/* now, of the present reading */
} Intake;

extern Intake intake;

/* --- intake_settings.c ------------------------------------------------ */

extern void intake_read_settings(void);

/* In the middle of a reading of runs only new ones are taken over. */
extern void intake_read_new_queues(void);
extern void intake_read_task(int64 task_id);

/* What is known of a run's task, read when it is not known yet; queue may be NULL. */
extern TaskPlan *intake_plan_of(int64 task_id, const QueuePlan *queue);

/* Enough for this queue, which may have become one that asks for periods? */
extern bool intake_knows(const TaskPlan *plan, const QueuePlan *queue);

/* --- intake_runs.c ---------------------------------------------------- */

/* Forget those that wait: they are read in order as queues are refilled. */
extern void intake_read_all_runs(void);

/* Read what a list of News names, up to some thousands of runs, and leave the rest in it. */
extern void intake_read_news(List **list);

/* Has memory room for more runs, and the tables have more? */
extern bool intake_wants_refill(void);
extern void intake_refill(void);

#endif							/* TASKLY_INTAKE_PRIVATE_H */
