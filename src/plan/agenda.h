/*-------------------------------------------------------------------------
 *
 * agenda.h
 *	  The leader's agenda: all scheduled tasks by their next fire time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_AGENDA_H
#define TASKLY_AGENDA_H

#include "taskly.h"
#include "lib/pairingheap.h"
#include "time/schedule.h"

typedef struct AgendaEntry
{
	int64		task_id;		/* hash key */
	int32		version;
	Oid			owner;
	bool		is_shell;
	bool		skips_overlap;
	bool		skips_missed;
	bool		is_paused;
	Schedule	schedule;
	TimestampTz anchor;
	TimestampTz starts_at;		/* DT_NOBEGIN: none */
	TimestampTz ends_at;		/* DT_NOEND: none */
	TimestampTz last_fire;
	TimestampTz last_finished_at;	/* DT_NOBEGIN: never */
	TimestampTz next_fire;		/* DT_NOEND: never */
	TimestampTz wake_at;		/* look at it then: next_fire, or later */
	pairingheap_node node;
} AgendaEntry;

/* What the agenda takes from a task's row. */
typedef struct AgendaTask
{
	int64		task_id;
	int32		version;
	const char *schedule;
	pg_tz	   *zone;
	Oid			owner;
	bool		is_shell;
	bool		skips_overlap;
	bool		skips_missed;
	bool		is_paused;
	TimestampTz anchor;
	TimestampTz starts_at;
	TimestampTz ends_at;
	TimestampTz last_fire;
	TimestampTz last_finished_at;	/* DT_NOBEGIN: never */
} AgendaTask;

extern void agenda_init(void);
extern void agenda_clear(void);
extern int64 agenda_count(void);

/*
 * Add or change a task. One that skips missed occurrences and was not known
 * before fires after now only. False, with the error filled: its schedule
 * cannot be read.
 */
extern bool agenda_put(const AgendaTask *task, TimestampTz now,
					   ScheduleError *error);
extern void agenda_remove(int64 task_id);
extern AgendaEntry *agenda_find(int64 task_id);

/* The next to fire, NULL: none is due; *next: the next fire time (DT_NOEND: none). */
extern AgendaEntry *agenda_next_due(TimestampTz now, TimestampTz *next);

/* The one that is looked at next, due or not; NULL: none ever. */
extern AgendaEntry *agenda_first(void);

/*
 * An entry has fired (or was skipped, or given up) for fire_at: move on. Of
 * those that are due in the past only the latest is left to fire.
 */
extern void agenda_fired(AgendaEntry *entry, TimestampTz fire_at);

/* Look at an entry again at a later time: its row is locked, say. */
extern void agenda_postpone(AgendaEntry *entry, TimestampTz until);

/* A run of a task "after finish" has ended. */
extern void agenda_finished(int64 task_id, TimestampTz finished_at);

/* The latest occurrence at or before now, and how many were passed over. */
extern TimestampTz agenda_latest_due(const AgendaEntry *entry, TimestampTz now,
									 int64 *missed);

/* Pass over all occurrences of cron and interval schedules before an instant. */
extern void agenda_skip_until(TimestampTz now);

/* Make every @reboot entry due. */
extern void agenda_reboot(TimestampTz now);

#endif							/* TASKLY_AGENDA_H */
