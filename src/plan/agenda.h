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
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "time/scheduled_task.h"

typedef struct AgendaEntry
{
	ScheduledTask task;			/* task_id: hash key; last_fire moves on */
	TimestampTz next_fire;		/* DT_NOEND: never */
	TimestampTz wake_at;		/* look at it then: a lead before next_fire, or later */
	TimestampTz catch_up_until; /* up to here occurrences are made up one by one */
	TimestampTz passed_until;	/* what was missed up to here is given up */
	int64		missed;			/* of that: not yet counted in its row */
	bool		waits_for_finish;	/* of a run; then it is due at once */
	uint32		reading;		/* in which it was put last */
	bool		is_ahead;		/* in the list of those that are ahead of the clock */
	dlist_node	ahead_node;
	pairingheap_node node;
} AgendaEntry;

/* What is to be done about an entry that is due. */
typedef struct AgendaFire
{
	TimestampTz fire_at;
	int64		missed;			/* occurrences before it that are given up */
	bool		is_made_up;		/* one of several, each of which is to run */
} AgendaFire;

/*
 * All of its memory is a child of parent. Schedules that recur are due to be
 * looked at lead_us before they fire.
 */
extern void agenda_init(MemoryContext parent, int64 lead_us);
extern void agenda_clear(void);
extern int64 agenda_count(void);

/* Where timetables that are put into the agenda are to be made. */
extern MemoryContext agenda_context(void);

/*
 * Add or change a task. One that skips missed occurrences and was not known
 * before fires after now only.
 */
extern void agenda_put(const ScheduledTask *task, TimestampTz now);
extern void agenda_remove(int64 task_id);

/* Around a new reading of all tasks: those that were not put in between are gone. */
extern void agenda_begin_reading(void);
extern void agenda_end_reading(void);
extern AgendaEntry *agenda_find(int64 task_id);

/* The next to look at, NULL: none is due; *next: when the next is (DT_NOEND: never). */
extern AgendaEntry *agenda_next_due(TimestampTz now, TimestampTz *next);

/* The one that is looked at next, due or not; NULL: none ever. */
extern AgendaEntry *agenda_first(void);

/* Call with those that are looked at up to an instant, in no order; with max at most. */
typedef void (*AgendaVisitor) (const AgendaEntry *entry, void *arg);
extern void agenda_each_until(TimestampTz until, int max, AgendaVisitor visit, void *arg);

/*
 * Which occurrence a due entry is to fire now, by its policy for missed ones.
 * The work is bounded, however many were missed.
 */
extern AgendaFire agenda_choose(AgendaEntry *entry, TimestampTz now);

/* An entry has fired (or was skipped) for fire_at: move on. */
extern void agenda_fired(AgendaEntry *entry, TimestampTz fire_at, bool has_run);

/* Look at an entry again at a later time: its row is locked, say. */
extern void agenda_postpone(AgendaEntry *entry, TimestampTz until);

/* The same, or as soon as a run of the task has ended. */
extern void agenda_wait_for_finish(AgendaEntry *entry, TimestampTz until);

/* A run of a task has ended. */
extern void agenda_finished(int64 task_id, TimestampTz finished_at);

/* It fires no more until it is put again. */
extern void agenda_pause(int64 task_id);

/*
 * The days of a calendar have changed, and are in another place now. What would
 * have been due before has not been.
 */
extern void agenda_calendar_changed(const DaySet *old_days, const DaySet *new_days,
									TimestampTz now);

/* Pass over all occurrences up to an instant, of a task or of all, if they recur. */
extern void agenda_skip_task(int64 task_id, TimestampTz until);
extern void agenda_skip_until(TimestampTz now);

/* Nothing could fire up to now: pass over what tasks skip that was missed. */
extern void agenda_downtime_ended(TimestampTz now);

/* Make every @reboot entry due. */
extern void agenda_reboot(TimestampTz now);

/* --- clocks that were set ------------------------------------------- */

/*
 * The wall clock was set: forward is a downtime; after a step back, entries
 * whose last fire is in the future now are ahead.
 */
extern void agenda_clock_stepped(TimestampTz now);

/*
 * Entries that are ahead of the clock and have to go on nevertheless: since
 * they follow elapsed time, or are so far ahead that the clock must have been
 * wrong. At most max; returns how many. Their rows are to be told first, then
 * the agenda.
 */
extern int	agenda_ahead(AgendaEntry **result, int max);
extern void agenda_rewind(AgendaEntry *entry, TimestampTz now);

#endif							/* TASKLY_AGENDA_H */
