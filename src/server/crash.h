/*-------------------------------------------------------------------------
 *
 * crash.h
 *	  The crash recorder: which runs were in the hands of a process that
 *	  crashed the server.
 *
 * Notes live in an anonymous mapping made when the postmaster loads taskly. It
 * survives a crash restart, which makes all other shared memory anew, and goes
 * with the postmaster; there is no file. A process told by the postmaster to
 * quit because another one crashed marks its own note innocent, so what is left
 * unmarked is the culprit's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CRASH_H
#define TASKLY_CRASH_H

#include "taskly.h"

/* From _PG_init: make the mapping. */
extern void crash_recorder_create(void);

/* From shared memory's start: turn what is noted into suspects. */
extern void crash_recorder_after_start(void);

/* In a process that executes runs: mark innocent on SIGQUIT. */
extern void crash_recorder_install(int slot);

/* Around each run. was_suspect: a crash has hit it before. */
extern void crash_note_run(int slot, Oid database, int64 run_id, bool was_suspect);
extern void crash_forget_run(int slot);

/*
 * Take a suspect of a database that nobody has judged yet; false: none.
 * was_suspect: it had been one already when it crashed the server again.
 */
extern bool crash_next_suspect(Oid database, int64 *run_id, bool *was_suspect);

#endif							/* TASKLY_CRASH_H */
