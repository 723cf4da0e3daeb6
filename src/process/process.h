/*-------------------------------------------------------------------------
 *
 * process.h
 *	  The common life of taskly's background processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_PROCESS_H
#define TASKLY_PROCESS_H

#include "taskly.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"

/* What a process is told at its start. */
typedef struct ProcessArgs
{
	Oid			database;
	Oid			role;			/* worker: whose runs; else InvalidOid */
	int			index;			/* database entry, or slot */
	uint64		generation;		/* of the slot */
} ProcessArgs;

/* Entry points, named in bgw_function_name. */
extern PGDLLEXPORT void taskly_launcher_main(Datum arg);
extern PGDLLEXPORT void taskly_scheduler_main(Datum arg);
extern PGDLLEXPORT void taskly_worker_main(Datum arg);
extern PGDLLEXPORT void taskly_supervisor_main(Datum arg);

/* Register the launcher, when the postmaster loads taskly. */
extern void process_register_launcher(void);

/*
 * Start a process of a kind ("scheduler", "worker", "supervisor"); name is shown
 * in pg_stat_activity. The caller's latch is set when it starts or ends. False:
 * no background worker slot is free.
 */
extern bool process_start(const char *kind, const char *name,
						  const ProcessArgs *args,
						  BackgroundWorkerHandle **handle);

/* First thing in a process: handlers and signals; gives its arguments. */
extern void process_begin(ProcessArgs *args);

/*
 * Connect to the database that the process is for, as the role, if there is one.
 * Where the database is gone the process ends, with a LOG line.
 */
extern void process_connect(const ProcessArgs *args);

/*
 * End of a scheduler's turn: sleep until the latch is set, until an instant
 * (DT_NOEND: a coarse safety wake), or until the clock is set. The latch is
 * reset, interrupts and a reload are handled before it returns.
 */
extern void process_sleep_until(TimestampTz until);

/* The same for a length of time (PG_INT64_MAX: the safety wake only). */
extern void process_nap(int64 nap_us);

/*
 * The same with an event set of the caller's, which holds the latch and the
 * postmaster's death, for at most nap_us. Returns what has happened. A cancel
 * is dropped: it was meant for something that is over.
 */
extern int	process_wait(WaitEventSet *set, int64 nap_us,
						 WaitEvent *events, int max_events);

/* Has the configuration been read again since the last call? */
extern bool process_was_reloaded(void);

#endif							/* TASKLY_PROCESS_H */
