/*-------------------------------------------------------------------------
 *
 * timetable.h
 *	  When a task is due: its schedule with all that bounds and moves it.
 *
 * An occurrence is an instant of the schedule between starts_at and ends_at, not
 * on a day off, delayed by the task's own share of its jitter. What is delayed counts: every
 * instant that comes in and goes out here includes the delay.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_TIMETABLE_H
#define TASKLY_TIMETABLE_H

#include "postgres.h"

#include "time/exclusion.h"

typedef struct Timetable
{
	Schedule	schedule;
	TimestampTz anchor;			/* when it began: nothing is due before */
	TimestampTz starts_at;		/* DT_NOBEGIN: none */
	TimestampTz ends_at;		/* DT_NOEND: none */
	int64		delay_us;		/* of every occurrence */
	const DaySet *excluded;		/* days off; NULL: none */
	ExclusionRule on_excluded;
} Timetable;

/* A task's share of its jitter: from 0 to less than jitter_us, always the same. */
extern int64 timetable_delay_us(int64 task_id, int64 jitter_us);

/* Do its occurrences depend on nothing but time? Not on finishes, not on a start. */
extern bool timetable_recurs(const Timetable *timetable);

/*
 * Does it follow elapsed time, so that it goes on when clocks are set back?
 * Others are due at times of a calendar, which happen once.
 */
extern bool timetable_follows_elapsed(const Timetable *timetable);

/*
 * The first occurrence after `last_fire` (DT_NOBEGIN: none has been); DT_NOEND
 * when there is none. last_finished_at is when a run ended last (DT_NOBEGIN:
 * none has), for schedules that count from there.
 *
 * One instant is due once, when it had passed already at the anchor. The first
 * run "after finish" is due at the anchor.
 */
extern TimestampTz timetable_next(const Timetable *timetable, TimestampTz last_fire,
								  TimestampTz last_finished_at);

/* --- of a timetable that recurs ------------------------------------- */

/* The first occurrence after an instant. */
extern TimestampTz timetable_next_after(const Timetable *timetable, TimestampTz after);

/*
 * The last occurrence up to an instant, itself included; first is an occurrence
 * up to there. The work does not grow with the distance.
 */
extern TimestampTz timetable_latest(const Timetable *timetable, TimestampTz first,
									TimestampTz until);

/*
 * Occurrences after an instant up to another, itself included. Those of a task
 * with days off are counted one by one, to max.
 */
extern int64 timetable_count(const Timetable *timetable, TimestampTz after,
							 TimestampTz until, int64 max);

/*
 * The earliest of the last n occurrences from an occurrence on up to an instant;
 * the first when there are not more.
 */
extern TimestampTz timetable_last_n(const Timetable *timetable, TimestampTz first,
									TimestampTz until, int64 n);

/* --- of any timetable ----------------------------------------------- */

/*
 * The shortest time between two occurrences, in microseconds: the period of
 * rate-monotonic scheduling. 0: there never are two. Exact for fixed intervals.
 * Of others it is what the first 512 occurrences show (28 years of them, or 16 if
 * they are rarer), and those at the clock changes of the first year: real time, so
 * that a day on which clocks go forward is 23 hours. Of "after finish" the interval,
 * which is the least there can be. Takes a fraction of a millisecond.
 */
extern int64 timetable_shortest_gap(const Timetable *timetable);

/*
 * The mean time between two occurrences, in microseconds: of the first 512, or of a
 * year when there are more. Of "after finish" the interval, to which the length of
 * a run is to be added. 0: there never are two.
 */
extern int64 timetable_mean_gap(const Timetable *timetable);

#endif							/* TASKLY_TIMETABLE_H */
