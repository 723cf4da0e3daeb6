/*-------------------------------------------------------------------------
 *
 * next_attempt.h
 *	  Whether a run that ended badly is tried again, and when.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_NEXT_ATTEMPT_H
#define TASKLY_NEXT_ATTEMPT_H

#include "exec/outcome.h"

/*
 * False: it ended well or was stopped by somebody, it has no attempts left, its
 * policies name the error, or the next one would begin after its deadline.
 */
extern bool next_attempt(const RunRow *row, const RunDefinition *definition,
						 const RunEnd *end, TimestampTz *due_at);

#endif							/* TASKLY_NEXT_ATTEMPT_H */
