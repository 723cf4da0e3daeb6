/*-------------------------------------------------------------------------
 *
 * calendar_store.h
 *	  Every statement about taskly.calendar.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CALENDAR_STORE_H
#define TASKLY_CALENDAR_STORE_H

#include "taskly.h"
#include "time/day_set.h"

/* Documented; a calendar of so many is read in a millisecond. */
#define CALENDAR_MAX_RANGES	10000

typedef struct CalendarRow
{
	int32		calendar_id;
	int32		version;		/* another one: its days have changed */
	char	   *name;
	Oid			owner;
} CalendarRow;

/* Read one by name or id, in the current memory context; false: none. */
extern bool calendar_store_find(const char *name, CalendarRow *calendar);
extern bool calendar_store_read(int32 calendar_id, CalendarRow *calendar);

/* Its days, in the current memory context; of one that is gone: none. */
extern DaySet *calendar_store_days(int32 calendar_id);

/*
 * Give all to receive(), without their days; the row lives during the call.
 * Rows that an administrator writes by hand may change without their version.
 */
typedef void (*CalendarReceiver) (const CalendarRow *calendar, void *arg);
extern void calendar_store_read_all(CalendarReceiver receive, void *arg);

/* Keep a calendar from being dropped until the transaction ends; false: it is gone. */
extern bool calendar_store_hold(int32 calendar_id);

/* --- API ------------------------------------------------------------ */

/* Names of all calendars, sorted, quoted and separated by commas; at most 20 of them. */
extern char *calendar_store_names(void);

/* Insert one without days; returns the calendar_id, or 0 when the name is taken. */
extern int32 calendar_store_insert(const char *name, Oid owner, const char *description);

/*
 * Lock a calendar's row until the transaction ends and read its latest version;
 * false: none. CALENDAR_LOCK_DROP waits for those who hold it.
 */
typedef enum CalendarLock
{
	CALENDAR_LOCK_DAYS,			/* to add or remove days */
	CALENDAR_LOCK_DROP
} CalendarLock;

extern bool calendar_store_lock(const char *name, CalendarLock lock, CalendarRow *calendar);

/* What a change has made of a calendar. */
typedef struct CalendarChange
{
	int			days;			/* that were added, or removed */
	int			ranges;			/* that the calendar has now */
} CalendarChange;

typedef enum CalendarEdit
{
	CALENDAR_ADD,
	CALENDAR_REMOVE
} CalendarEdit;

/* Add days to a locked calendar, or remove them. */
extern CalendarChange calendar_store_edit(int32 calendar_id, CalendarEdit edit, const DaySet *days);

/* Tasks that name it. */
extern int64 calendar_store_count_tasks(int32 calendar_id);

extern void calendar_store_delete(int32 calendar_id);

#endif							/* TASKLY_CALENDAR_STORE_H */
