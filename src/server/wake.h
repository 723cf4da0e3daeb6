/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  What a session wants to happen when its transaction commits: news for
 *	  the scheduler, cancels of running runs, looks at a database.
 *
 * The calls collect in fixed arrays; the commit callback hands over and can
 * neither fail nor allocate. Too many runs turn into a request that the scheduler
 * reads all that wait, as many as it has room for, and PREPARE TRANSACTION into one
 * that it reads everything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_WAKE_H
#define TASKLY_WAKE_H

#include "taskly.h"

/* From _PG_init. */
extern void wake_install(void);

/* At commit: tell the scheduler to look at these runs (new or changed). */
extern void wake_for_runs(int64 first_run_id, int count);
extern void wake_for_task(int64 task_id);
extern void wake_for_settings(void);
extern void wake_for_everything(void);

/* At commit: cancel a run in execution (see activity.h). */
extern void wake_to_cancel(int activity, int64 run_id);

/* At commit: let the launcher look whether this database has taskly. */
extern void wake_launcher_for_extension(void);

/* Was this run enqueued or changed by the transaction that is still open? */
extern bool wake_has_run(int64 run_id);

#endif							/* TASKLY_WAKE_H */
