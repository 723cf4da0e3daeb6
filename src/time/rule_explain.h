/*-------------------------------------------------------------------------
 *
 * rule_explain.h
 *	  What a calendar rule means, in English. For explain.c only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RULE_EXPLAIN_H
#define TASKLY_RULE_EXPLAIN_H

#include "postgres.h"

#include "time/english.h"
#include "time/rule.h"

/* All that the rule says, but its time zone. */
extern void say_rule(Sentence *sentence, const Rule *rule);

#endif							/* TASKLY_RULE_EXPLAIN_H */
