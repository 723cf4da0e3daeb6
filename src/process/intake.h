/*-------------------------------------------------------------------------
 *
 * intake.h
 *	  How a scheduler learns what to do: news of the commits of others, and the
 *	  tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_INTAKE_H
#define TASKLY_INTAKE_H

#include "taskly.h"

extern void intake_init(int entry);

/* Read everything at the next intake_read(). */
extern void intake_want_everything(void);

/* Read queues, keys and what else is set. */
extern void intake_want_settings(void);

/* Look at one run's row again at the next intake_read(). */
extern void intake_want_run(int64 run_id);

/* Take what sessions have told since the last turn; false: nothing. */
extern bool intake_take_news(void);

/* Read all that is wanted, in one transaction; does nothing when nothing is. */
extern void intake_read(TimestampTz now);

/* What a task's row says; needed before intake_put() of its runs. */
struct TaskRow;
extern void intake_know_task(const struct TaskRow *task);

/* The same, when only its id is known; opens a transaction. */
extern void intake_learn_task(int64 task_id);

/* A run of a known task that this process has just committed: no reading. */
struct RunRow;
extern void intake_put(const struct RunRow *row, TimestampTz now);

/* Look at a task's row again at the next intake_read(). */
extern void intake_want_task(int64 task_id);

/* At start: a run is in the hands of a process already. */
extern void intake_adopt(int64 run_id, int slot, int activity, TimestampTz now);

/* The extension was found missing: the scheduler has to leave. */
extern bool intake_is_orphaned(void);

/* Nothing may start: the home is another database's, or all is paused. */
extern bool intake_is_parked(void);
extern bool intake_is_paused(void);
extern TimestampTz intake_paused_until(void);

/* Is there anything to read now? */
extern bool intake_wants_anything(void);

/* Was everything read since the last call? */
extern bool intake_take_rescan(void);

#endif							/* TASKLY_INTAKE_H */
