/*-------------------------------------------------------------------------
 *
 * schedule.h
 *	  When a task recurs: from any schedule text to its next instant.
 *
 * Everything here is a function of its arguments and of PostgreSQL's time zone
 * tables: no clock, no setting, no ERROR (but for want of memory).
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SCHEDULE_H
#define TASKLY_SCHEDULE_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "pgtime.h"

#include "time/cron.h"
#include "time/period.h"
#include "time/rule.h"
#include "time/scan.h"
#include "time/window.h"

typedef enum ScheduleKind
{
	SCHEDULE_CRON,				/* "0 3 * * *", "@daily" */
	SCHEDULE_EVERY,				/* "every 90 seconds": fixed rate, from an anchor on; in
								 * windows or on weekdays, where window.weekdays is set */
	SCHEDULE_AFTER_FINISH,		/* "90 seconds after finish": fixed delay */
	SCHEDULE_ONCE,				/* "2026-11-23 12:00" */
	SCHEDULE_REBOOT,			/* "@reboot": due at server start only */
	SCHEDULE_RULE				/* "RRULE:FREQ=MONTHLY;BYDAY=-1FR": see rule.h */
} ScheduleKind;

/*
 * Many are held in memory: flat and small, but for a rule, which is a chunk of
 * its own. Copies share it. The zone is PostgreSQL's, for ever.
 */
typedef struct Schedule
{
	ScheduleKind kind;
	pg_tz	   *zone;
	union
	{
		Cron		cron;
		struct
		{
			Period		period; /* SCHEDULE_EVERY, SCHEDULE_AFTER_FINISH */
			Window		window; /* SCHEDULE_EVERY */
		};
		TimestampTz at;			/* SCHEDULE_ONCE */
		Rule	   *rule;		/* SCHEDULE_RULE */
	};
} Schedule;

/*
 * Reads a text in O(length). False: *error says why, *result is undefined.
 * A rule is allocated in the current memory context; schedule_free() frees it.
 */
extern bool schedule_parse(const char *text, pg_tz *zone,
						   Schedule *result, ScheduleError *error);

/* Frees what schedule_parse() has allocated; of most kinds, nothing. */
extern void schedule_free(Schedule *schedule);

/*
 * The first instant strictly after `after`; DT_NOEND when there is none.
 *
 * anchor: SCHEDULE_EVERY: where its grid starts; it is the first instant of it.
 * In windows the grid starts as each opens, and nothing is due before the anchor.
 * SCHEDULE_RULE: its DTSTART, if the text has none.
 * SCHEDULE_AFTER_FINISH: when the last run finished, or DT_NOBEGIN; when the
 * instant that follows has passed already, the schedule is due at once: the
 * result is `after` plus a microsecond. Other kinds ignore it.
 */
extern TimestampTz schedule_next(const Schedule *schedule,
								 TimestampTz anchor, TimestampTz after);

/*
 * Number of instants in (after, until]: as many as schedule_next() would give
 * one after the other, in milliseconds at most, whatever their number. Of
 * SCHEDULE_AFTER_FINISH 0 or 1: the next run's finish is not known. Of
 * SCHEDULE_RULE, no more than RULE_COUNT_MAX are counted.
 */
extern int64 schedule_count(const Schedule *schedule, TimestampTz anchor,
							TimestampTz after, TimestampTz until);

/* For SCHEDULE_EVERY: does it recur in windows? Else it recurs on this grid. */
static inline bool
schedule_has_windows(const Schedule *schedule)
{
	return schedule->window.weekdays != 0 &&
		schedule->period.months == 0 && schedule->period.days == 0;
}

static inline Grid
schedule_grid(const Schedule *schedule, TimestampTz anchor)
{
	Grid		grid = {schedule->period, schedule->zone, anchor, schedule->window.weekdays};

	return grid;
}

#endif							/* TASKLY_SCHEDULE_H */
