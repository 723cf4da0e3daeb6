/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Where taskly's own objects are: the extension, its owner, its tables and
 *	  their columns, and the home that says whether they are at home.
 *
 * An extension may be dropped and made again at any time: ids of relations are
 * remembered only until the system catalogs change.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CATALOG_H
#define TASKLY_CATALOG_H

#include "taskly.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* Columns of pending_run and, first, of finished_run: as the install script has them. */
enum
{
	RUN_COL_RUN_ID = 1,
	RUN_COL_HOME_ID,
	RUN_COL_TASK_ID,
	RUN_COL_DUE_AT,
	RUN_COL_SCHEDULED_FOR,
	RUN_COL_QUEUED_AT,
	RUN_COL_DEADLINE_AT,
	RUN_COL_STARTED_AT,
	RUN_COL_INCARNATION,
	RUN_COL_OWNER,
	RUN_COL_QUEUE_ID,
	RUN_COL_PRIORITY,
	RUN_COL_ATTEMPT,
	RUN_COL_CRASHES,
	RUN_COL_PID,
	RUN_COL_MAX_ATTEMPTS,
	RUN_COL_ATOMIC,
	RUN_COL_SOURCE,
	RUN_COL_KEY,
	RUN_COL_UNIQUE_KEY,
	RUN_COL_ARGS,
	RUN_COL_COMMAND,
	RUN_COL_KIND,
	RUN_COL_TIMEOUT,
	RUN_COL_BACKOFF,
	RUN_COL_RETRY_ON,
	RUN_COL_NEVER_ON,
	RUN_COL_ON_LOST,
	RUN_COL_ON_FAILURE,
	RUN_COL_SNOOZES,
	RUN_COL_LAST_SQLSTATE,
	RUN_COL_LAST_MESSAGE,
	RUN_COLS = RUN_COL_LAST_MESSAGE,	/* number of columns of pending_run */
	FINISHED_COL_SLOT,
	FINISHED_COL_IS_FINAL,
	FINISHED_COL_PICKED_AT,
	FINISHED_COL_FINISHED_AT,
	FINISHED_COL_ROWS,
	FINISHED_COL_EXIT_CODE,
	FINISHED_COL_OUTPUT_BYTES,
	FINISHED_COL_STATUS,
	FINISHED_COL_TAG,
	FINISHED_COL_SQLSTATE,
	FINISHED_COL_MESSAGE,
	FINISHED_COL_DETAIL,
	FINISHED_COL_HINT,
	FINISHED_COL_CONTEXT,
	FINISHED_COL_OUTPUT,
	FINISHED_COL_RESULT,
	FINISHED_COLS = FINISHED_COL_RESULT
};

/* Is the extension in the current database? Its owner; an error when not. */
extern bool catalog_has_extension(void);
extern Oid	catalog_owner(void);

/* One of taskly's relations by name; an error when it is not there. */
extern Oid	catalog_relation_id(const char *name);

/* Open one of taskly's tables by name. */
extern Relation catalog_open(const char *name, LOCKMODE lockmode);

/* Open its index by name. */
extern Relation catalog_open_index(const char *name, LOCKMODE lockmode);

/*
 * The id of the current database's home, read under the active snapshot.
 * False: parked, because the tables came from another database (a copy).
 */
extern bool catalog_home_id(int64 *home_id);

/* The same; an error that names taskly.adopt() when parked. */
extern int64 catalog_home_id_or_error(void);

#endif							/* TASKLY_CATALOG_H */
