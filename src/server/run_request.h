/*-------------------------------------------------------------------------
 *
 * run_request.h
 *	  What the run that this process executes asks of its own end: a result,
 *	  another start later.
 *
 * What was asked in a subtransaction goes when that is rolled back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RUN_REQUEST_H
#define TASKLY_RUN_REQUEST_H

#include "taskly.h"

/* From _PG_init. */
extern void run_request_install(void);

/* A jsonb, which is copied, instead of the command's own result; 0: none. */
extern void run_request_set_result(Datum jsonb);

/* Start again so long after the command has ended. */
extern void run_request_snooze(int64 delay_us);

/* The last word about each; false: it was not asked. Valid until they are forgotten. */
extern bool run_request_result(Datum *jsonb);
extern bool run_request_delay(int64 *delay_us);

/* Before and after each run. */
extern void run_request_forget(void);

#endif							/* TASKLY_RUN_REQUEST_H */
