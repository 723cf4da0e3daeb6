/*-------------------------------------------------------------------------
 *
 * database.h
 *	  The databases that have taskly: one shared entry each, with its
 *	  scheduler's life, its news ring, and who holds it stopped.
 *
 * News is how sessions tell the scheduler at commit what has changed. The ring
 * is bounded; when it is full a flag asks the scheduler to read everything.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_DATABASE_H
#define TASKLY_DATABASE_H

#include "taskly.h"
#include "storage/condition_variable.h"

/* What has changed. */
typedef enum NewsKind
{
	NEWS_RUNS,					/* look at the runs id .. id + count - 1 */
	NEWS_TASK,					/* task id: made, altered, dropped, paused */
	NEWS_SETTINGS,				/* queues, home, pause of all */
	NEWS_ALL_RUNS,				/* more runs than can be named */
	NEWS_EVERYTHING				/* read all again */
} NewsKind;

typedef struct News
{
	int64		id;
	int32		count;
	NewsKind	kind;
} News;

/* Why a scheduler ended, as the launcher sees it. */
typedef enum SchedulerState
{
	SCHEDULER_NONE,				/* entry is free */
	SCHEDULER_WANTED,			/* the launcher will start one */
	SCHEDULER_STARTING,			/* registered, not yet attached */
	SCHEDULER_RUNNING,
	SCHEDULER_LEFT,				/* exited: was asked to, or failed */
	SCHEDULER_NOT_NEEDED		/* exited: the database has no taskly */
} SchedulerState;

/* What a scheduler shows of itself; copied out for views. */
typedef struct DatabaseInfo
{
	Oid			database;
	SchedulerState state;
	int			pid;			/* 0 when none */
	bool		is_held;
	bool		is_leader;
	bool		is_parked;		/* the home belongs to another database */
	int64		term;
	TimestampTz led_since;
	int64		waiting;
	int64		scheduled;		/* runs held in memory */
	int64		dispatched;
	int64		wakeups;
	int64		rescans;
	int64		wakeup_latency_us;	/* see alarm.h; 0: not known yet */
} DatabaseInfo;

extern Size database_shmem_size(void);
extern void database_shmem_init(void);

/* --- launcher ------------------------------------------------------- */

/* Register the launcher as the one whom requests wake. */
extern void database_attach_launcher(void);

/* Ask (at commit, safe anywhere) that a database is looked at. */
extern void database_request_scheduler(Oid database);

/* Take one request; InvalidOid when none is left; sets *all when some were dropped. */
extern Oid	database_take_request(bool *all);

/* Find or make the entry of a database; -1 when all are in use. */
extern int	database_claim_entry(Oid database);
extern void database_free_entry(int entry);
extern void database_set_state(int entry, SchedulerState state);

/* --- scheduler ------------------------------------------------------ */

/*
 * Become the scheduler of an entry: empties the ring. Must be called before
 * the first snapshot is taken. False when the entry is held or gone.
 */
extern bool database_attach_scheduler(int entry, Oid database);
extern void database_set_not_needed(int entry);
extern void database_show_leader(int entry, bool is_leader, bool is_parked, int64 term);
/* True once in this life of the server. */
extern bool database_is_first_lead(int entry);
/* What a turn of the scheduler has seen and done. */
typedef struct TurnCounts
{
	int64		waiting;		/* due runs in its memory */
	int64		scheduled;		/* tasks on its agenda */
	int64		dispatched;		/* runs handed over in this turn */
	bool		was_rescan;
} TurnCounts;

extern void database_count_turn(int entry, const TurnCounts *counts);
extern void database_show_wakeup_latency(int entry, int64 latency_us);
extern bool database_should_stop(int entry);

/* Take up to max news; sets *everything when the ring had overflowed. */
extern int	database_take_news(int entry, News *news, int max, bool *everything);

extern bool database_has_news(int entry);

/*
 * Until it takes news, the entry's scheduler is not woken for those of runs. False:
 * there is other news already.
 */
extern bool database_nap(int entry);

/* Set the latch of an entry's scheduler. */
extern void database_wake_scheduler(int entry);

/* Wake the launcher, all schedulers, and whoever waits for the end of a run. */
extern void database_wake_everybody(void);

/* Which partition of finished_run is written now. */
extern int	database_history_slot(int entry);
extern void database_set_history_slot(int entry, int slot);

/* --- every session -------------------------------------------------- */

/* Number of entries, and a copy of one (false: free). */
extern int	database_entries(void);
extern bool database_info(int entry, DatabaseInfo *info);

/* Entry of the current database; -1 when none. */
extern int	database_my_entry(void);

/*
 * Push news of the current database and wake its scheduler. Cannot fail:
 * called from the commit callback.
 */
extern void database_push_news(const News *news, int count);

/* Wake the scheduler of the current database, if there is one. */
extern void database_wake_my_scheduler(void);

/* Broadcast at the end of runs; wait() sleeps on it. */
extern ConditionVariable *database_finished_cv(int entry);
extern void database_tell_finished(void);

/* --- eviction (DROP DATABASE and its like) -------------------------- */

/* Keep taskly's processes out of a database, until the release. */
extern int	database_hold(Oid database);	/* entry, or -1: nothing to hold */
extern void database_release(int entry);
extern ConditionVariable *database_left_cv(int entry);

#endif							/* TASKLY_DATABASE_H */
