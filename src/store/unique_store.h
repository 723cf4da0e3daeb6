/*-------------------------------------------------------------------------
 *
 * unique_store.h
 *	  Runs by their unique key.
 *
 * A key is of a scope: one task, or what one role has submitted. Whoever looks
 * holds the key's lock (lock_unique_key), and takes its snapshot under it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_UNIQUE_STORE_H
#define TASKLY_UNIQUE_STORE_H

#include "taskly.h"
#include "store/run_store.h"

/* The scope of a run, in the words of lock.h. */
extern int64 unique_scope(const RunRow *row);

typedef enum UniqueFound
{
	UNIQUE_NONE,
	UNIQUE_WAITING,				/* nobody has begun it; its row is locked */
	UNIQUE_BEGUN,				/* or finished */
	UNIQUE_MOVED				/* it changed while we looked: take a new snapshot */
} UniqueFound;

/*
 * The newest other run with the scope and unique key of a row: one that waits
 * or, if there is none, one that was queued after an instant (DT_NOEND: none
 * was). `found` gets the row of one that waits, and only the run_id of another.
 * Under the active snapshot; never waits.
 */
extern UniqueFound unique_store_find(const RunRow *row, TimestampTz queued_after,
									 RunRow *found);

#endif							/* TASKLY_UNIQUE_STORE_H */
