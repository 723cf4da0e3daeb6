/*-------------------------------------------------------------------------
 *
 * calendar_store.c
 *	  Every statement about taskly.calendar.
 *
 * As with queues, no foreign key holds a calendar that tasks name: who gives it
 * to a task locks its row FOR KEY SHARE, and who drops it FOR UPDATE, before
 * looking for tasks. A change of its days does not wait for those who hold it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/multirangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "server/clock.h"
#include "store/calendar_store.h"
#include "store/spi.h"

#define CALENDAR_COLUMNS	"calendar_id, version, name, owner"
#define CALENDAR_COLUMN_COUNT 4

/* The ranges whose first and last days two arrays have, as one set. */
#define GIVEN_DAYS \
	"(SELECT COALESCE(pg_catalog.range_agg(pg_catalog.daterange(r.first, r.last, '[]')), '{}')" \
	" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) AS r(first, last))"

static Statement find_calendar = {
	"SELECT " CALENDAR_COLUMNS " FROM taskly.calendar WHERE name OPERATOR(pg_catalog.=) $1",
	1, {TEXTOID}
};

static Statement read_calendar = {
	"SELECT " CALENDAR_COLUMNS " FROM taskly.calendar"
	" WHERE calendar_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

static Statement read_calendars = {
	"SELECT " CALENDAR_COLUMNS " FROM taskly.calendar ORDER BY calendar_id",
	0, {0}
};

static Statement read_days = {
	"SELECT days FROM taskly.calendar WHERE calendar_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

static Statement measure_days = {
	"SELECT COALESCE(pg_catalog.sum(pg_catalog.upper(r) OPERATOR(pg_catalog.-) pg_catalog.lower(r)), 0),"
	" pg_catalog.count(*)"
	" FROM taskly.calendar c CROSS JOIN LATERAL pg_catalog.unnest(c.days) AS r"
	" WHERE c.calendar_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

static Statement list_names = {
	"SELECT pg_catalog.string_agg(pg_catalog.format('\"%s\"', c.name), ', ' ORDER BY c.name)"
	" FROM (SELECT name FROM taskly.calendar ORDER BY name LIMIT 20) c",
	0, {0}
};

/* Asked under a lock: who held it before has committed. */
static Statement count_tasks = {
	"SELECT pg_catalog.count(*) FROM taskly.task"
	" WHERE calendar_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}, .sees_newest = true
};

static Statement insert_calendar = {
	"INSERT INTO taskly.calendar (name, owner, description, created_at, altered_at)"
	" VALUES ($1, $2, $3, $4, $4)"
	" ON CONFLICT (name) DO NOTHING RETURNING calendar_id",
	4, {TEXTOID, REGROLEOID, TEXTOID, TIMESTAMPTZOID}
};

static Statement lock_for_days = {
	"SELECT " CALENDAR_COLUMNS " FROM taskly.calendar WHERE name OPERATOR(pg_catalog.=) $1"
	" FOR NO KEY UPDATE",
	1, {TEXTOID}
};

static Statement lock_for_drop = {
	"SELECT " CALENDAR_COLUMNS " FROM taskly.calendar WHERE name OPERATOR(pg_catalog.=) $1"
	" FOR UPDATE",
	1, {TEXTOID}
};

static Statement hold_calendar = {
	"SELECT calendar_id FROM taskly.calendar WHERE calendar_id OPERATOR(pg_catalog.=) $1"
	" FOR KEY SHARE",
	1, {INT4OID}
};

static Statement add_days = {
	"UPDATE taskly.calendar c SET days = c.days OPERATOR(pg_catalog.+) g.days,"
	" version = c.version OPERATOR(pg_catalog.+) 1, altered_at = $4"
	" FROM " GIVEN_DAYS " AS g(days)"
	" WHERE c.calendar_id OPERATOR(pg_catalog.=) $1"
	" AND NOT c.days OPERATOR(pg_catalog.@>) g.days",
	4, {INT4OID, DATEARRAYOID, DATEARRAYOID, TIMESTAMPTZOID}
};

static Statement remove_days = {
	"UPDATE taskly.calendar c SET days = c.days OPERATOR(pg_catalog.-) g.days,"
	" version = c.version OPERATOR(pg_catalog.+) 1, altered_at = $4"
	" FROM " GIVEN_DAYS " AS g(days)"
	" WHERE c.calendar_id OPERATOR(pg_catalog.=) $1"
	" AND c.days OPERATOR(pg_catalog.&&) g.days",
	4, {INT4OID, DATEARRAYOID, DATEARRAYOID, TIMESTAMPTZOID}
};

static Statement delete_calendar = {
	"DELETE FROM taskly.calendar WHERE calendar_id OPERATOR(pg_catalog.=) $1",
	1, {INT4OID}
};

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------ */

static void
calendar_row_read(HeapTuple row, TupleDesc desc, CalendarRow *calendar)
{
	Datum		values[CALENDAR_COLUMN_COUNT];
	bool		nulls[CALENDAR_COLUMN_COUNT];

	Assert(desc->natts == CALENDAR_COLUMN_COUNT);
	heap_deform_tuple(row, desc, values, nulls);
	calendar->calendar_id = DatumGetInt32(values[0]);
	calendar->version = DatumGetInt32(values[1]);
	calendar->name = TextDatumGetCString(values[2]);
	calendar->owner = DatumGetObjectId(values[3]);
}

/* Where one row is to be copied to. */
typedef struct CalendarTarget
{
	MemoryContext context;
	CalendarRow *calendar;
} CalendarTarget;

static void
receive_calendar(HeapTuple row, TupleDesc desc, void *arg)
{
	CalendarTarget *target = arg;
	MemoryContext old = MemoryContextSwitchTo(target->context);

	calendar_row_read(row, desc, target->calendar);
	MemoryContextSwitchTo(old);
}

static bool
fetch_calendar(Statement *statement, Datum key, CalendarRow *calendar)
{
	CalendarTarget target = {CurrentMemoryContext, calendar};
	Datum		values[] = {key};

	return store_execute(statement, values, NULL, receive_calendar, &target) > 0;
}

bool
calendar_store_find(const char *name, CalendarRow *calendar)
{
	return fetch_calendar(&find_calendar, CStringGetTextDatum(name), calendar);
}

bool
calendar_store_read(int32 calendar_id, CalendarRow *calendar)
{
	return fetch_calendar(&read_calendar, Int32GetDatum(calendar_id), calendar);
}

bool
calendar_store_lock(const char *name, CalendarLock lock, CalendarRow *calendar)
{
	return fetch_calendar(lock == CALENDAR_LOCK_DAYS ? &lock_for_days : &lock_for_drop,
						  CStringGetTextDatum(name), calendar);
}

bool
calendar_store_hold(int32 calendar_id)
{
	Datum		values[] = {Int32GetDatum(calendar_id)};

	return store_execute(&hold_calendar, values, NULL, NULL, NULL) > 0;
}

typedef struct CalendarRelay
{
	CalendarReceiver receive;
	void	   *arg;
} CalendarRelay;

static void
relay_calendar(HeapTuple row, TupleDesc desc, void *arg)
{
	CalendarRelay *relay = arg;
	CalendarRow calendar;

	calendar_row_read(row, desc, &calendar);
	relay->receive(&calendar, relay->arg);
}

void
calendar_store_read_all(CalendarReceiver receive, void *arg)
{
	CalendarRelay relay = {receive, arg};

	(void) store_execute(&read_calendars, NULL, NULL, relay_calendar, &relay);
}

typedef struct DaysTarget
{
	MemoryContext context;
	DaySet	   *days;
} DaysTarget;

/* The ranges of a datemultirange are bounded, and each ends before its upper bound. */
static void
receive_days(HeapTuple row, TupleDesc desc, void *arg)
{
	DaysTarget *target = arg;
	TypeCacheEntry *type = lookup_type_cache(DATERANGEOID, TYPECACHE_RANGE_INFO);
	bool		isnull;
	MultirangeType *days = DatumGetMultirangeTypeP(heap_getattr(row, 1, desc, &isnull));
	DayRange   *ranges = palloc(days->rangeCount * sizeof(DayRange));
	MemoryContext old;

	for (uint32 i = 0; i < days->rangeCount; i++)
	{
		RangeBound	lower;
		RangeBound	upper;

		multirange_get_bounds(type, days, i, &lower, &upper);
		ranges[i].first = DatumGetDateADT(lower.val);
		ranges[i].last = DatumGetDateADT(upper.val) - 1;
	}
	old = MemoryContextSwitchTo(target->context);
	target->days = day_set_build(ranges, days->rangeCount);
	MemoryContextSwitchTo(old);
}

DaySet *
calendar_store_days(int32 calendar_id)
{
	Datum		values[] = {Int32GetDatum(calendar_id)};
	DaysTarget	target = {CurrentMemoryContext, NULL};

	(void) store_execute(&read_days, values, NULL, receive_days, &target);
	return target.days != NULL ? target.days : day_set_build(NULL, 0);
}

typedef struct TextTarget
{
	MemoryContext context;
	char	   *text;
} TextTarget;

static void
receive_text(HeapTuple row, TupleDesc desc, void *arg)
{
	TextTarget *target = arg;
	bool		isnull;
	Datum		value = heap_getattr(row, 1, desc, &isnull);

	if (!isnull)
		target->text = MemoryContextStrdup(target->context, TextDatumGetCString(value));
}

char *
calendar_store_names(void)
{
	TextTarget	target = {CurrentMemoryContext, NULL};

	(void) store_execute(&list_names, NULL, NULL, receive_text, &target);
	return target.text != NULL ? target.text : pstrdup("none");
}

int64
calendar_store_count_tasks(int32 calendar_id)
{
	Datum		values[] = {Int32GetDatum(calendar_id)};
	Datum		count;

	(void) store_fetch_value(&count_tasks, values, NULL, &count);
	return DatumGetInt64(count);
}

/* ------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------ */

int32
calendar_store_insert(const char *name, Oid owner, const char *description)
{
	Datum		values[4];
	bool		nulls[4] = {false};
	Datum		calendar_id;

	values[0] = CStringGetTextDatum(name);
	values[1] = ObjectIdGetDatum(owner);
	values[2] = description != NULL ? CStringGetTextDatum(description) : (Datum) 0;
	nulls[2] = description == NULL;
	values[3] = TimestampTzGetDatum(taskly_now());
	if (!store_fetch_value(&insert_calendar, values, nulls, &calendar_id))
		return 0;
	return DatumGetInt32(calendar_id);
}

static void
receive_measure(HeapTuple row, TupleDesc desc, void *arg)
{
	CalendarChange *measure = arg;
	bool		isnull;

	measure->days = (int) DatumGetInt64(heap_getattr(row, 1, desc, &isnull));
	measure->ranges = (int) DatumGetInt64(heap_getattr(row, 2, desc, &isnull));
}

/* How many days and ranges a calendar has. */
static CalendarChange
measure_calendar(int32 calendar_id)
{
	Datum		values[] = {Int32GetDatum(calendar_id)};
	CalendarChange measure = {0};

	(void) store_execute(&measure_days, values, NULL, receive_measure, &measure);
	return measure;
}

static Datum
date_array(Datum *dates, int count)
{
	return PointerGetDatum(construct_array(dates, count, DATEOID, sizeof(DateADT), true, TYPALIGN_INT));
}

CalendarChange
calendar_store_edit(int32 calendar_id, CalendarEdit edit, const DaySet *days)
{
	Datum	   *dates = palloc(days->count * sizeof(Datum));
	Datum		values[4];
	CalendarChange before = measure_calendar(calendar_id);
	CalendarChange after;

	values[0] = Int32GetDatum(calendar_id);
	for (int i = 0; i < days->count; i++)
		dates[i] = DateADTGetDatum(days->ranges[i].first);
	values[1] = date_array(dates, days->count);
	for (int i = 0; i < days->count; i++)
		dates[i] = DateADTGetDatum(days->ranges[i].last);
	values[2] = date_array(dates, days->count);
	values[3] = TimestampTzGetDatum(taskly_now());
	(void) store_execute(edit == CALENDAR_ADD ? &add_days : &remove_days, values, NULL, NULL, NULL);

	after = measure_calendar(calendar_id);
	after.days = abs(after.days - before.days);
	return after;
}

void
calendar_store_delete(int32 calendar_id)
{
	Datum		values[] = {Int32GetDatum(calendar_id)};

	(void) store_execute(&delete_calendar, values, NULL, NULL, NULL);
}
