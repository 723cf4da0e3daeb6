/*-------------------------------------------------------------------------
 *
 * leader.h
 *	  Leading: turning due schedules into runs, and housekeeping, done by the
 *	  one scheduler that holds the database's leader lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_LEADER_H
#define TASKLY_LEADER_H

#include "taskly.h"

struct TaskRow;

extern void leader_init(int entry);

/* --- news from intake ----------------------------------------------- */
extern void leader_home_changed(bool is_at_home, int64 term);
extern void leader_settings_changed(TimestampTz now);
extern void leader_forget_tasks(void);
extern void leader_task_changed(const struct TaskRow *task, TimestampTz now);
extern void leader_task_dropped(int64 task_id);
extern void leader_pause_task(int64 task_id);
extern void leader_run_ended(int64 task_id, TimestampTz finished_at);

/* Somebody has set the wall clock, by so much; it is now this late. */
extern void leader_clock_stepped(int64 step_us, TimestampTz now);

/*
 * One turn: become leader if nobody is, fire what is due, keep house. Returns
 * the next time it wants a turn.
 */
extern TimestampTz leader_turn(TimestampTz now);

/* Who will need a worker soon? Start it ahead of the fire. */
extern TimestampTz leader_warm_up(TimestampTz now);

#endif							/* TASKLY_LEADER_H */
