/*-------------------------------------------------------------------------
 *
 * common.h
 *	  What the files of this room share: the start of a call, rights, names,
 *	  the look-up of a task, and checks of single arguments.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_COMMON_H
#define TASKLY_COMMON_H

#include "taskly.h"
#include "fmgr.h"
#include "store/task_store.h"
#include "utils/timestamp.h"

/* --- calls and rights ----------------------------------------------- */

/*
 * The start of every call that writes: an error when taskly is not loaded or
 * the transaction is read-only. call is for the message: "taskly.pause()".
 */
extern void begin_writing_call(const char *call);

/* May the caller pause, drop, cancel what a role owns? Members of it, and administrators. */
extern bool may_manage(Oid owner);

/* Has the caller the rights of the extension's owner (a superuser has)? */
extern bool is_administrator(void);

/* Error 42501 unless it has. */
extern void require_administrator(const char *call);

/*
 * May the caller let a role run what it likes? An error unless the role exists
 * and may log in, the caller is a member of it, and a superuser when it is one.
 */
extern void check_owner(Oid owner);

/* A role for messages: its name, or its OID when it was dropped. */
extern char *role_name(Oid role);

/* --- arguments ------------------------------------------------------ */

/* Argument n as a string; NULL when it is null. */
extern char *arg_text(FunctionCallInfo fcinfo, int n);

/* The same; error 22004 when it is null. */
extern char *required_text(FunctionCallInfo fcinfo, int n, const char *name);
extern int64 required_int64(FunctionCallInfo fcinfo, int n, const char *name);

/* Is there nothing but white space? */
extern bool is_blank(const char *text);

/* A name of a "task" or "queue": 1 to TASKLY_NAME_MAX bytes, not blank, no control characters. */
extern void check_name(const char *what, const char *name);

/* A key of a run, such as "unique_key": 1 to TASKLY_NAME_MAX bytes, no control characters. */
extern void check_key(const char *argument, const char *key);

/* A free text: at most TASKLY_COMMAND_MAX bytes. */
extern void check_text(const char *argument, const char *text);

/* More than nothing, and at most 100 years. Months count 30 days. */
extern void check_interval(const char *argument, const Interval *interval);
extern int64 interval_to_us(const Interval *interval);

/* Argument n, a finite instant; error 22004 when it is null. */
extern TimestampTz required_instant(FunctionCallInfo fcinfo, int n, const char *name);

/* An error unless since is before until. */
extern void check_time_order(TimestampTz since, TimestampTz until);

/* From min to max. */
extern void check_range(const char *argument, int64 value, int64 min, int64 max);

/* The index of value in allowed, a list that ends with NULL; an error shows the list. */
extern int	check_choice(const char *argument, const char *value,
						 const char *const *allowed);

/* --- tasks ---------------------------------------------------------- */

/*
 * A task by its name, among the caller's own, then among those it may manage.
 * Error 42704 when there is none, 42P08 with a list when there are several.
 */
extern void find_task(const char *name, TaskRow *task);

/* The same by its id: not found and not the caller's are the same error. */
extern void find_task_by_id(int64 task_id, TaskRow *task);

#endif							/* TASKLY_COMMON_H */
