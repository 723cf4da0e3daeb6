/*-------------------------------------------------------------------------
 *
 * home_store.c
 *	  Every statement about taskly.home, but for the look-up of its id on hot
 *	  paths, which is in catalog.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "server/clock.h"
#include "store/home_store.h"
#include "store/run_bulk_store.h"
#include "store/spi.h"
#include "store/task_store.h"

static Statement read_home = {
	"SELECT home_id, database, term, history_slot, history_since,"
	" paused_at, COALESCE(paused_until, 'infinity'::pg_catalog.timestamptz)"
	" FROM taskly.home",
	0, {0}
};

static Statement next_term = {
	"UPDATE taskly.home SET term = term OPERATOR(pg_catalog.+) 1, led_since = $1"
	" RETURNING term",
	1, {TIMESTAMPTZOID}
};

static Statement set_history_slot = {
	"UPDATE taskly.home SET history_slot = $1, history_since = $2",
	2, {INT2OID, TIMESTAMPTZOID}
};

static Statement set_pause = {
	"UPDATE taskly.home SET paused_at = $1, paused_until = $2, paused_reason = $3",
	3, {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID}
};

static Statement insert_home = {
	"INSERT INTO taskly.home (home_id, database) VALUES ($1, $2)",
	2, {INT8OID, OIDOID}
};

static Statement move_home = {
	"UPDATE taskly.home SET home_id = $1, database = $2",
	2, {INT8OID, OIDOID}
};

static void
receive_home(HeapTuple row, TupleDesc desc, void *arg)
{
	HomeRow    *home = arg;
	Datum		values[7];
	bool		nulls[7];

	heap_deform_tuple(row, desc, values, nulls);
	home->home_id = DatumGetInt64(values[0]);
	home->database = DatumGetObjectId(values[1]);
	home->term = DatumGetInt64(values[2]);
	home->history_slot = DatumGetInt16(values[3]);
	home->history_since = DatumGetTimestampTz(values[4]);
	home->paused_until = DatumGetTimestampTz(values[6]);
	home->is_paused = !nulls[5] && home->paused_until > taskly_now();
	home->was_paused_until = home->is_paused || TIMESTAMP_IS_NOEND(home->paused_until) ?
		DT_NOBEGIN : home->paused_until;
}

bool
home_store_read(HomeRow *home)
{
	return store_execute(&read_home, NULL, NULL, receive_home, home) > 0;
}

int64
home_store_next_term(void)
{
	Datum		values[] = {TimestampTzGetDatum(taskly_now())};
	Datum		term;

	if (!store_fetch_value(&next_term, values, NULL, &term))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("database \"%s\" is no home of tasks",
						get_database_name(MyDatabaseId)),
				 errhint("Run SELECT taskly.adopt().")));
	return DatumGetInt64(term);
}

void
home_store_set_history_slot(int slot)
{
	Datum		values[] = {Int16GetDatum(slot), TimestampTzGetDatum(taskly_now())};

	(void) store_execute(&set_history_slot, values, NULL, NULL, NULL);
}

void
home_store_pause(const char *reason, TimestampTz until)
{
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = TimestampTzGetDatum(taskly_now());
	values[1] = TimestampTzGetDatum(until);
	nulls[1] = TIMESTAMP_IS_NOEND(until);
	values[2] = reason != NULL ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[2] = reason == NULL;
	(void) store_execute(&set_pause, values, nulls, NULL, NULL);
}

bool
home_store_resume(void)
{
	Datum		values[3] = {0};
	bool		nulls[3] = {true, false, true};
	HomeRow		home;
	bool		was_paused = home_store_read(&home) && home.is_paused;

	if (!was_paused)
		return false;
	values[1] = TimestampTzGetDatum(taskly_now());
	(void) store_execute(&set_pause, values, nulls, NULL, NULL);
	return true;
}

/* Never 0, never negative: it is shown to people. */
static int64
random_home_id(void)
{
	int64		home_id;

	if (!pg_strong_random(&home_id, sizeof(home_id)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random number")));
	home_id &= PG_INT64_MAX;
	return Max(home_id, 1);
}

/*
 * A home that is this database's already keeps its id: then only what came
 * from elsewhere (a restored dump) moves in, and no row of a run in execution is
 * touched.
 */
int64
home_store_adopt(void)
{
	HomeRow		home;
	bool		exists = home_store_read(&home);

	if (!exists || home.database != MyDatabaseId)
	{
		Datum		values[2];

		home.home_id = random_home_id();
		values[0] = Int64GetDatum(home.home_id);
		values[1] = ObjectIdGetDatum(MyDatabaseId);
		(void) store_execute(exists ? &move_home : &insert_home, values, NULL, NULL, NULL);
	}
	return task_store_set_home(home.home_id) + run_bulk_set_home(home.home_id);
}
