/*-------------------------------------------------------------------------
 *
 * start_mark.h
 *	  The durable mark that an attempt has begun, for runs whose effects are
 *	  not in one transaction with their outcome.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_START_MARK_H
#define TASKLY_START_MARK_H

#include "store/run_store.h"

/*
 * Count the attempt and mark a locked row as started by this server's present
 * life. The caller commits durably before it starts anything: a crash must
 * leave the attempt visible.
 */
extern ClaimResult start_mark_set(RunRow *row, TimestampTz now);

/* Was this row marked by a process of another life of the server, or by none that lives? */
extern bool start_mark_is_stale(const RunRow *row);

#endif							/* TASKLY_START_MARK_H */
