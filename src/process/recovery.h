/*-------------------------------------------------------------------------
 *
 * recovery.h
 *	  After a crash: runs that were begun and never ended, and runs that may
 *	  have crashed the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RECOVERY_H
#define TASKLY_RECOVERY_H

#include "taskly.h"

/* Judge what a crash has left behind; returns when to look again. */
extern TimestampTz recovery_turn(void);

#endif							/* TASKLY_RECOVERY_H */
