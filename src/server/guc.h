/*-------------------------------------------------------------------------
 *
 * guc.h
 *	  Settings. Each is described where it is defined, in guc.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_GUC_H
#define TASKLY_GUC_H

#include "taskly.h"

extern bool taskly_enabled;
extern int	taskly_max_databases;
extern int	taskly_max_workers;
extern int	taskly_max_shell_runs;
extern bool taskly_enable_shell;
extern char *taskly_timezone;
extern char *taskly_on_failure;
extern int	taskly_ready_limit;
extern int	taskly_flush_after_ms;
extern int	taskly_worker_idle_timeout_ms;
extern int	taskly_worker_max_runs;
extern int	taskly_kill_grace_ms;
extern int	taskly_output_limit;	/* bytes */
extern int	taskly_history_retention_s;
extern int	taskly_history_max_size_mb;
extern bool taskly_log_runs;

/* From _PG_init. What is fixed at server start exists only when preloaded. */
extern void guc_define(bool is_preloaded);

#endif							/* TASKLY_GUC_H */
