/*-------------------------------------------------------------------------
 *
 * autocommit.h
 *	  Runs whose statements commit on their own: VACUUM, CREATE INDEX
 *	  CONCURRENTLY, procedures with COMMIT.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_AUTOCOMMIT_H
#define TASKLY_AUTOCOMMIT_H

#include "exec/running.h"

/* Execute one; does not throw. */
extern void autocommit_run(RunningRun *run);

#endif							/* TASKLY_AUTOCOMMIT_H */
