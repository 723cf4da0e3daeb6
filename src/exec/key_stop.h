/*-------------------------------------------------------------------------
 *
 * key_stop.h
 *	  Runs that a worker has, and may not start since one before them failed.
 *
 * In a queue with block_key_on_failure a worker may have several runs of a key
 * in its ring. After one that does not succeed the others go back, unless the
 * scheduler handed them over when it knew of that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_KEY_STOP_H
#define TASKLY_KEY_STOP_H

#include "taskly.h"
#include "server/slot.h"

/* Does it keep those behind it in a strict key from starting? */
extern bool key_stop_is_due(const Outcome *outcome);

/* What came of a run; position: of its outcome among all of this worker's. */
extern void key_stop_note(const Assignment *assignment, const Outcome *outcome, uint64 position);

/* Is a run to go back? */
extern bool key_stop_holds(const Assignment *assignment);

#endif							/* TASKLY_KEY_STOP_H */
