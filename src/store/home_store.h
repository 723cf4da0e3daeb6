/*-------------------------------------------------------------------------
 *
 * home_store.h
 *	  Every statement about taskly.home.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_HOME_STORE_H
#define TASKLY_HOME_STORE_H

#include "taskly.h"

typedef struct HomeRow
{
	int64		home_id;
	Oid			database;
	int64		term;
	int			history_slot;
	TimestampTz history_since;
	bool		is_paused;		/* pause_all in force at the time of reading */
	TimestampTz paused_until;	/* DT_NOEND: until resume_all */
	TimestampTz was_paused_until;	/* when the last pause ended; DT_NOBEGIN: none has */
} HomeRow;

extern bool home_store_read(HomeRow *home);

/* A new term begins; returns it. */
extern int64 home_store_next_term(void);
extern void home_store_set_history_slot(int slot);
extern void home_store_pause(const char *reason, TimestampTz until);

/* When it ended stays known; false: there was no pause in force. */
extern bool home_store_resume(void);

/*
 * Make the current database the home of all that is in the tables: a new random
 * id, given to every task and pending run. Makes the row when there is none.
 * Returns how many tasks and runs came along.
 */
extern int64 home_store_adopt(void);

#endif							/* TASKLY_HOME_STORE_H */
