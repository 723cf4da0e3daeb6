/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  Shared memory as a whole: requested and laid out here, each part owned
 *	  by its own file (clock, database, slot, activity).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SHMEM_H
#define TASKLY_SHMEM_H

#include "taskly.h"
#include "storage/lwlock.h"

/* Ask for memory and locks when the postmaster starts (from _PG_init). */
extern void shmem_install_hooks(void);

/* Was taskly in shared_preload_libraries? */
extern bool shmem_is_ready(void);

/* The same, as an error with a hint for the user. */
extern void shmem_require(void);

/*
 * The lock over who owns which database and worker slot. Taken and released
 * in one block; never with another lock, a wait or catalog access inside.
 */
extern LWLock *shmem_slots_lock(void);

/*
 * A random number of this start of this server: what an earlier start left
 * behind is recognised by another number.
 */
extern int64 shmem_incarnation(void);

#endif							/* TASKLY_SHMEM_H */
