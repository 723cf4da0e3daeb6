/*-------------------------------------------------------------------------
 *
 * explain.h
 *	  What a schedule means, in English.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_EXPLAIN_H
#define TASKLY_EXPLAIN_H

#include "postgres.h"

#include "time/schedule.h"

/*
 * Writes for example "at 09:30 on the last Friday of every month, Europe/Berlin".
 * Schedules that come due at other times are never explained alike, but for
 * rules with many dates, of which only the number is said. As snprintf() does,
 * returns the length of it all, of which size - 1 bytes are written at most.
 */
extern size_t schedule_explain(const Schedule *schedule, char *buffer, size_t size);

#endif							/* TASKLY_EXPLAIN_H */
