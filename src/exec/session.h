/*-------------------------------------------------------------------------
 *
 * session.h
 *	  What a worker's session must forget between two runs, its timer for
 *	  runs, and the flush that makes a slice of runs durable.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SESSION_H
#define TASKLY_SESSION_H

#include "taskly.h"
#include "access/xlogdefs.h"
#include "nodes/nodes.h"

/* Once, after the connection is made. */
extern void session_init(void);

/* Arm and disarm the timer of a run; 0: no limit. */
extern void session_start_timer(int64 timeout_us);
extern void session_stop_timer(void);

/* Has the timer of the current run gone off? */
extern bool session_timer_went_off(void);

/*
 * May a cancel interrupt now? Only a run's own command may be interrupted;
 * between runs and in bookkeeping a cancel is kept, and dropped before the next
 * run begins.
 */
extern void session_allow_cancel(bool allow);

/*
 * Before the commit of an atomic run: fire deferred triggers, close portals,
 * forget what can only be forgotten inside a transaction.
 */
extern void session_settle(void);

/*
 * After a run whose transaction goes on with another: forget what can be
 * forgotten. False: the run has left something that ends only with the
 * transaction (temporary objects, locks of its own, SET CONSTRAINTS, …), so the
 * next run must not be in it.
 */
extern bool session_can_go_on(void);

/* From the hook on utility statements: what might leave something behind is noted. */
extern void session_note_statement(const Node *statement);

/* After the commit or abort of a run: forget the rest. */
extern void session_clean(void);

/* After an autocommit run: settings too. */
extern void session_reset(void);

/* Commits wait (as the role has it), or do not. */
extern void session_commits_wait(bool wait);

/* In a transaction: its commit waits at a level that the command asked for. */
extern void session_next_commit_waits(int level);

/* Remember the last commit; make all that is remembered durable. */
extern void session_note_commit(void);
extern void session_flush(void);

/* WAL that has to be flushed for that; SLOT_DURABLE_LATER: more than a flush. */
extern XLogRecPtr session_durable_at(void);

#endif							/* TASKLY_SESSION_H */
