/*-------------------------------------------------------------------------
 *
 * rule_explain.h
 *	  What a calendar rule means, in English.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_EXPLAIN_H
#define TASKLY_RULE_EXPLAIN_H

#include "postgres.h"

#include "time/rule.h"

/*
 * Writes for example "at 09:30 on the last Friday of every month, 10 times":
 * all that the rule says, but its time zone. What does not fit is cut off.
 */
extern void rule_explain(const Rule *rule, char *buffer, size_t size);

#endif							/* TASKLY_RULE_EXPLAIN_H */
