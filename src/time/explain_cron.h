/*-------------------------------------------------------------------------
 *
 * explain_cron.h
 *	  What a cron schedule means, in English. For explain.c only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_EXPLAIN_CRON_H
#define TASKLY_EXPLAIN_CRON_H

#include "postgres.h"

#include "time/cron.h"
#include "time/english.h"

extern void say_cron(Sentence *sentence, const Cron *cron);

#endif							/* TASKLY_EXPLAIN_CRON_H */
