/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  Keeps a scheduler in every database that has taskly.
 *
 * Owns the shared database entries: makes them, starts a scheduler for each,
 * starts it again when it has left, and frees those that are not needed. It is
 * connected to no database, so it cannot see which ones have the extension: it
 * starts a scheduler in each when the server starts, and one that finds no
 * extension says so and leaves. Later, sessions that create the extension ask.
 *
 * Takes no lock but entries' spinlocks. Dies at any time without harm: the
 * postmaster starts it again, and the entries are in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "process/process.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/database.h"
#include "server/slot.h"
#include "server/txn.h"

/* Schedulers that may be starting at the same time. */
#define MAX_STARTING		2
/* A scheduler that left is started again after this, and ever later. */
#define RESTART_DELAY_MS	500
#define MAX_RESTART_DELAY_MS	4000
/* Whether entries are short is seen only when all schedulers have looked. */
#define LIMIT_CHECK_US		USECS_PER_SEC
/* One that lived this long has left for a new reason. */
#define LONG_LIFE_MS		30000

/* What the launcher itself remembers of an entry. */
typedef struct Supervised
{
	BackgroundWorkerHandle *handle;
	int64		started_at_us;	/* monotonic */
	int64		start_after_us;
	int			delay_ms;
	bool		is_asked_for;	/* since its scheduler was started last */
} Supervised;

static Supervised *supervised = NULL;
static List *wanted = NIL;		/* databases that wait for an entry */
static MemoryContext launcher_context = NULL;
static bool has_logged_limit = false;

/* ------------------------------------------------------------------------
 * Databases
 * ------------------------------------------------------------------------ */

/* Never connect to a template: it must stay free to be copied. */
static bool
is_connectable(Form_pg_database database)
{
	return database->datallowconn && !database->datistemplate;
}

/* Give each connectable database to visit(), in a transaction. */
static void
visit_databases(void (*visit) (Oid database, void *arg), void *arg)
{
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;

	txn_begin("taskly: list databases");
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (is_connectable(database))
			visit(database->oid, arg);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	txn_commit();
}

static void
want(Oid database, void *arg)
{
	MemoryContext old_context = MemoryContextSwitchTo(launcher_context);

	wanted = list_append_unique_oid(wanted, database);
	MemoryContextSwitchTo(old_context);
}

typedef struct Search
{
	Oid			database;
	bool		found;
} Search;

static void
compare_database(Oid database, void *arg)
{
	Search	   *search = arg;

	if (database == search->database)
		search->found = true;
}

static bool
still_exists(Oid database)
{
	Search		search = {database, false};

	visit_databases(compare_database, &search);
	return search.found;
}

/* ------------------------------------------------------------------------
 * Requests
 * ------------------------------------------------------------------------ */

static void
take_requests(void)
{
	Oid			database;
	bool		all;

	do
	{
		database = database_take_request(&all);
		if (OidIsValid(database))
			want(database, NULL);
		if (all)
			visit_databases(want, NULL);
	} while (OidIsValid(database));
}

/* Have all entries a scheduler that has found the extension? */
static bool
all_entries_serve(void)
{
	DatabaseInfo info;

	for (int i = 0; i < database_entries(); i++)
	{
		if (!database_info(i, &info) ||
			info.state != SCHEDULER_RUNNING || info.wakeups == 0)
			return false;
	}
	return true;
}

static void
log_limit_once(void)
{
	if (has_logged_limit || !all_entries_serve())
		return;
	has_logged_limit = true;
	ereport(LOG,
			(errmsg("taskly: all entries for databases are in use"),
			 errhint("Raise taskly.max_databases if more databases use taskly.")));
}

/* Give entries to those who wait for one; true if somebody got one. */
static bool
make_entries(void)
{
	bool		any = false;
	ListCell   *cell;

	foreach(cell, wanted)
	{
		int			entry = database_claim_entry(lfirst_oid(cell));

		if (entry < 0)
		{
			log_limit_once();
			return any;
		}
		supervised[entry].is_asked_for = true;
		wanted = foreach_delete_current(wanted, cell);
		any = true;
	}
	has_logged_limit = false;
	return any;
}

/* ------------------------------------------------------------------------
 * Schedulers
 * ------------------------------------------------------------------------ */

static void
start_scheduler(int entry, Oid database, int64 now_us)
{
	Supervised *s = &supervised[entry];
	ProcessArgs args = {database, InvalidOid, entry, 0};
	char		name[BGW_MAXLEN];
	MemoryContext old_context = MemoryContextSwitchTo(launcher_context);

	snprintf(name, sizeof(name), "taskly scheduler [%u]", database);
	s->is_asked_for = false;
	database_set_state(entry, SCHEDULER_STARTING);
	if (process_start("scheduler", name, &args, &s->handle))
		s->started_at_us = now_us;
	else
	{
		s->handle = NULL;
		database_set_state(entry, SCHEDULER_LEFT);
	}
	MemoryContextSwitchTo(old_context);
}

static void
forget_handle(Supervised *s)
{
	if (s->handle != NULL)
		pfree(s->handle);
	s->handle = NULL;
}

/* The database is gone, or has no taskly (any more). */
static void
free_entry(int entry, Oid database)
{
	slot_reclaim(database);
	activity_give_back_all(database);
	forget_handle(&supervised[entry]);
	memset(&supervised[entry], 0, sizeof(Supervised));
	database_free_entry(entry);
}

/* Later and later, while it leaves soon after each start. */
static void
plan_restart(int entry, int64 now_us)
{
	Supervised *s = &supervised[entry];

	forget_handle(s);
	if (s->started_at_us == 0 || now_us - s->started_at_us > LONG_LIFE_MS * INT64CONST(1000))
		s->delay_ms = RESTART_DELAY_MS;
	else
		s->delay_ms = Min(Max(s->delay_ms, RESTART_DELAY_MS) * 2, MAX_RESTART_DELAY_MS);
	s->start_after_us = now_us + s->delay_ms * INT64CONST(1000);
	database_set_state(entry, SCHEDULER_WANTED);
}

/*
 * A scheduler has found no extension, and is gone. Who has asked since it was
 * started may have made one after that look.
 */
static void
handle_not_needed(int entry, Oid database)
{
	if (supervised[entry].is_asked_for)
	{
		supervised[entry].start_after_us = 0;
		database_set_state(entry, SCHEDULER_WANTED);
	}
	else
		free_entry(entry, database);
}

/* Did a scheduler that was to start never come? */
static bool
never_came(int entry)
{
	pid_t		pid;

	return supervised[entry].handle == NULL ||
		GetBackgroundWorkerPid(supervised[entry].handle, &pid) == BGWH_STOPPED;
}

static void
handle_left(int entry, const DatabaseInfo *info, int64 now_us)
{
	if (info->is_held)
	{
		/* Asked to leave: back as soon as it is welcome again. */
		supervised[entry].started_at_us = 0;
		supervised[entry].delay_ms = 0;
	}
	else if (!still_exists(info->database))
		free_entry(entry, info->database);
	else
		plan_restart(entry, now_us);
}

/*
 * One look at an entry. Returns when to look again; counts those that are
 * starting.
 */
static int64
tend_entry(int entry, int64 now_us, int *starting)
{
	DatabaseInfo info;

	if (!database_info(entry, &info))
		return TASKLY_NEVER_US;
	switch (info.state)
	{
		case SCHEDULER_NONE:
		case SCHEDULER_RUNNING:
			break;
		case SCHEDULER_WANTED:
			if (info.is_held || *starting >= MAX_STARTING)
				break;
			if (supervised[entry].start_after_us > now_us)
				return supervised[entry].start_after_us;
			start_scheduler(entry, info.database, now_us);
			(*starting)++;
			break;
		case SCHEDULER_STARTING:
			if (never_came(entry))
				handle_left(entry, &info, now_us);
			else
				(*starting)++;
			break;
		case SCHEDULER_LEFT:
			handle_left(entry, &info, now_us);
			break;
		case SCHEDULER_NOT_NEEDED:
			if (!info.is_held && info.pid == 0)
				handle_not_needed(entry, info.database);
			break;
	}
	/* The end of a hold wakes us. */
	if (database_info(entry, &info) && info.state == SCHEDULER_WANTED && !info.is_held)
		return Max(supervised[entry].start_after_us, now_us);
	return TASKLY_NEVER_US;
}

static int64
tend_entries(int64 now_us)
{
	int64		next_us = TASKLY_NEVER_US;
	int			starting = 0;

	for (int i = 0; i < database_entries(); i++)
	{
		int64		at_us = tend_entry(i, now_us, &starting);

		/* The start of another wakes us through its notification. */
		if (at_us > now_us || starting < MAX_STARTING)
			next_us = Min(next_us, at_us);
	}
	return next_us;
}

void
taskly_launcher_main(Datum arg)
{
	ProcessArgs args;
	MemoryContext turn_context;

	process_begin(&args);
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	launcher_context = AllocSetContextCreate(TopMemoryContext, "taskly launcher",
											 ALLOCSET_DEFAULT_SIZES);
	turn_context = AllocSetContextCreate(TopMemoryContext, "taskly launcher turn",
										 ALLOCSET_DEFAULT_SIZES);
	supervised = MemoryContextAllocZero(launcher_context,
										sizeof(Supervised) * database_entries());
	database_attach_launcher();
	ereport(LOG, (errmsg("taskly launcher started")));
	visit_databases(want, NULL);

	for (;;)
	{
		int64		next_us;

		MemoryContextSwitchTo(turn_context);
		take_requests();
		(void) make_entries();
		next_us = tend_entries(taskly_monotonic_us());
		/* Entries freed in this turn may serve those who still wait. */
		if (wanted != NIL && make_entries())
			next_us = taskly_monotonic_us();
		if (wanted != NIL && !has_logged_limit)
			next_us = Min(next_us, taskly_monotonic_us() + LIMIT_CHECK_US);
		MemoryContextSwitchTo(TopMemoryContext);
		MemoryContextReset(turn_context);
		process_nap(next_us - taskly_monotonic_us());
	}
}
