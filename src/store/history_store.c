/*-------------------------------------------------------------------------
 *
 * history_store.c
 *	  Every statement about taskly.finished_run.
 *
 * Rows are written straight into the partition that the leader has named; the
 * partitioned table above is for readers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "store/history_store.h"
#include "store/relation.h"
#include "store/spi.h"

typedef struct FinishedRow
{
	Datum		values[FINISHED_COLS];
	bool		nulls[FINISHED_COLS];
} FinishedRow;

static void
set_value(FinishedRow *row, int col, Datum value)
{
	row->values[col - 1] = value;
	row->nulls[col - 1] = false;
}

static void
set_text(FinishedRow *row, int col, const char *text)
{
	if (text != NULL)
		set_value(row, col, CStringGetTextDatum(text));
}

static void
fill_end(FinishedRow *row, const RunEnd *end, int slot)
{
	set_value(row, FINISHED_COL_SLOT, Int16GetDatum(slot));
	set_value(row, FINISHED_COL_IS_FINAL, BoolGetDatum(end->is_final));
	if (end->picked_at != 0)
		set_value(row, FINISHED_COL_PICKED_AT, TimestampTzGetDatum(end->picked_at));
	if (end->started_at != 0)
		set_value(row, RUN_COL_STARTED_AT, TimestampTzGetDatum(end->started_at));
	if (end->pid != 0)
		set_value(row, RUN_COL_PID, Int32GetDatum(end->pid));
	set_value(row, FINISHED_COL_FINISHED_AT, TimestampTzGetDatum(end->finished_at));
	if (end->rows >= 0)
		set_value(row, FINISHED_COL_ROWS, Int64GetDatum(end->rows));
	if (end->exit_code >= 0)
		set_value(row, FINISHED_COL_EXIT_CODE, Int32GetDatum(end->exit_code));
	if (end->output_bytes >= 0)
		set_value(row, FINISHED_COL_OUTPUT_BYTES, Int64GetDatum(end->output_bytes));
	set_text(row, FINISHED_COL_STATUS, run_status_name(end->status));
	set_text(row, FINISHED_COL_TAG, end->tag);
	set_text(row, FINISHED_COL_SQLSTATE, end->sqlstate);
	set_text(row, FINISHED_COL_MESSAGE, end->message);
	set_text(row, FINISHED_COL_DETAIL, end->detail);
	set_text(row, FINISHED_COL_HINT, end->hint);
	set_text(row, FINISHED_COL_CONTEXT, end->context);
	set_text(row, FINISHED_COL_OUTPUT, end->output);
	if (end->result != (Datum) 0)
		set_value(row, FINISHED_COL_RESULT, end->result);
}

static Relation
open_partition(int slot, LOCKMODE lockmode)
{
	char		name[NAMEDATALEN];

	snprintf(name, sizeof(name), "finished_run_%d", slot);
	return catalog_open(name, lockmode);
}

static void
fill_row(FinishedRow *row, const RunRow *run, const RunEnd *end, int slot)
{
	memset(row->nulls, true, sizeof(row->nulls));
	memcpy(row->values, run->values, sizeof(run->values));
	memcpy(row->nulls, run->nulls, sizeof(run->nulls));
	/* Of an earlier attempt, which has a row of its own. */
	row->nulls[RUN_COL_LAST_SQLSTATE - 1] = row->nulls[RUN_COL_LAST_MESSAGE - 1] = true;
	/* It was waiting for other runs: nothing that is over is due at infinity. */
	if (TIMESTAMP_IS_NOEND(run_time(run, RUN_COL_DUE_AT)))
		set_value(row, RUN_COL_DUE_AT, run->values[RUN_COL_SCHEDULED_FOR - 1]);
	fill_end(row, end, slot);
}

void
history_store_insert(const RunRow *run, const RunEnd *end, int slot)
{
	Relation	rel = open_partition(slot, RowExclusiveLock);
	RelationWriter writer;
	FinishedRow row;

	fill_row(&row, run, end, slot);

	relation_writer_open(&writer, rel);
	relation_insert(&writer, row.values, row.nulls);
	relation_writer_close(&writer);
	table_close(rel, NoLock);
}

void
history_writer_open(HistoryWriter *history, int slot)
{
	history->slot = slot;
	history->rel = open_partition(slot, RowExclusiveLock);
	history->bulk = palloc(sizeof(BulkWriter));
	bulk_writer_open(history->bulk, history->rel);
}

void
history_writer_add(HistoryWriter *history, const RunRow *run, const RunEnd *end)
{
	FinishedRow row;

	fill_row(&row, run, end, history->slot);
	bulk_writer_add(history->bulk, row.values, row.nulls, NULL);
}

void
history_writer_close(HistoryWriter *history)
{
	bulk_writer_close(history->bulk);
	pfree(history->bulk);
	table_close(history->rel, NoLock);
}

void
history_store_insert_many(const RunRow *rows, int count, const RunEnd *end, int slot)
{
	HistoryWriter history;

	history_writer_open(&history, slot);
	for (int i = 0; i < count; i++)
		history_writer_add(&history, &rows[i], end);
	history_writer_close(&history);
}

/* ------------------------------------------------------------------------
 * Looking back
 * ------------------------------------------------------------------------ */

/* For the case that it is tried again. */
static void
remember_error(RunRow *row, const Datum *values, const bool *nulls)
{
	if (!nulls[FINISHED_COL_SQLSTATE - 1])
		run_row_set(row, RUN_COL_LAST_SQLSTATE, values[FINISHED_COL_SQLSTATE - 1]);
	if (!nulls[FINISHED_COL_MESSAGE - 1])
		run_row_set_error(row, TextDatumGetCString(values[FINISHED_COL_MESSAGE - 1]));
}

/* The latest final attempt of a run in one partition. */
static bool
find_in_partition(int slot, int64 run_id, RunRow *row, TimestampTz *best,
				  char **status)
{
	Relation	rel = open_partition(slot, AccessShareLock);
	char		index_name[NAMEDATALEN];
	Relation	index;
	TupleTableSlot *tts = table_slot_create(rel, NULL);
	ScanKeyData key;
	IndexScanDesc scan;
	bool		found = false;

	snprintf(index_name, sizeof(index_name), "finished_run_%d_run_id_idx", slot);
	index = catalog_open_index(index_name, AccessShareLock);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run_id));
	scan = index_beginscan(rel, index, GetActiveSnapshot(), 1, 0);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, tts))
	{
		TimestampTz finished_at;
		Datum		values[FINISHED_COLS];
		bool		nulls[FINISHED_COLS];

		heap_deform_tuple(ExecCopySlotHeapTuple(tts), RelationGetDescr(rel),
						  values, nulls);
		finished_at = DatumGetTimestampTz(values[FINISHED_COL_FINISHED_AT - 1]);
		if (!DatumGetBool(values[FINISHED_COL_IS_FINAL - 1]) || finished_at < *best)
			continue;
		found = true;
		*best = finished_at;
		memcpy(row->values, values, sizeof(row->values));
		memcpy(row->nulls, nulls, sizeof(row->nulls));
		remember_error(row, values, nulls);
		*status = TextDatumGetCString(values[FINISHED_COL_STATUS - 1]);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(tts);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return found;
}

bool
history_store_find(int64 run_id, RunRow *row, char **status)
{
	TimestampTz best = PG_INT64_MIN;
	bool		found = false;

	ItemPointerSetInvalid(&row->ctid);
	for (int slot = 0; slot < TASKLY_HISTORY_SLOTS; slot++)
	{
		if (find_in_partition(slot, run_id, row, &best, status))
			found = true;
	}
	return found;
}

void
history_store_reopen(int64 run_id)
{
	static Statement reopen = {
		.sql = "UPDATE taskly.finished_run SET is_final = false "
		"WHERE run_id OPERATOR(pg_catalog.=) $1 AND is_final",
		.nargs = 1,
		.argtypes = {INT8OID},
	};
	Datum		values[] = {Int64GetDatum(run_id)};

	(void) store_execute(&reopen, values, NULL, NULL, NULL);
}

/* ------------------------------------------------------------------------
 * Many runs
 * ------------------------------------------------------------------------ */

/* Is it the end of the run: later than the one that is known? */
static void
look_at_end(TupleTableSlot *tts, int slot, EndedRun *run)
{
	Datum		values[FINISHED_COLS];
	bool		nulls[FINISHED_COLS];

	slot_getallattrs(tts);
	if (!DatumGetBool(tts->tts_values[FINISHED_COL_IS_FINAL - 1]))
		return;
	if (run->slot >= 0 &&
		DatumGetTimestampTz(tts->tts_values[FINISHED_COL_FINISHED_AT - 1]) <
		DatumGetTimestampTz(run->values[FINISHED_COL_FINISHED_AT - 1]))
		return;
	heap_deform_tuple(ExecCopySlotHeapTuple(tts), tts->tts_tupleDescriptor, values, nulls);
	memcpy(run->values, values, sizeof(values));
	memcpy(run->nulls, nulls, sizeof(nulls));
	run->slot = slot;
	run->ctid = tts->tts_tid;
}

/* Partitions that are empty, as most are, cost nothing. */
static void
find_many_in_partition(int slot, const int64 *run_ids, int count, EndedRun *runs)
{
	Relation	rel = open_partition(slot, AccessShareLock);
	char		index_name[NAMEDATALEN];
	Relation	index;
	TupleTableSlot *tts;
	IndexScanDesc scan;

	if (RelationGetNumberOfBlocks(rel) == 0)
	{
		table_close(rel, AccessShareLock);
		return;
	}
	snprintf(index_name, sizeof(index_name), "finished_run_%d_run_id_idx", slot);
	index = catalog_open_index(index_name, AccessShareLock);
	tts = table_slot_create(rel, NULL);
	scan = index_beginscan(rel, index, GetActiveSnapshot(), 1, 0);
	for (int i = 0; i < count; i++)
	{
		ScanKeyData key;

		ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(run_ids[i]));
		index_rescan(scan, &key, 1, NULL, 0);
		while (index_getnext_slot(scan, ForwardScanDirection, tts))
			look_at_end(tts, slot, &runs[i]);
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(tts);
	index_close(index, AccessShareLock);
	/* Nobody truncates it while what was found there is believed. */
	table_close(rel, NoLock);
}

void
history_store_find_many(const int64 *run_ids, int count, EndedRun *runs)
{
	for (int i = 0; i < count; i++)
		runs[i].slot = -1;
	for (int slot = 0; slot < TASKLY_HISTORY_SLOTS; slot++)
		find_many_in_partition(slot, run_ids, count, runs);
}

/* The row is written anew with others, which takes half of what an update of each does. */
bool
history_reopener_add(HistoryReopener *reopener, EndedRun *run)
{
	HistoryWriter *history = &reopener->writers[run->slot];

	if (history->bulk == NULL)
		history_writer_open(history, run->slot);
	if (relation_delete(history->rel, &run->ctid) != TM_Ok)
		return false;
	run->values[FINISHED_COL_IS_FINAL - 1] = BoolGetDatum(false);
	bulk_writer_add(history->bulk, run->values, run->nulls, NULL);
	return true;
}

void
history_reopener_close(HistoryReopener *reopener)
{
	for (int slot = 0; slot < TASKLY_HISTORY_SLOTS; slot++)
	{
		if (reopener->writers[slot].bulk != NULL)
			history_writer_close(&reopener->writers[slot]);
	}
}

/* ------------------------------------------------------------------------
 * Housekeeping
 * ------------------------------------------------------------------------ */

/*
 * The text is not a constant, since a partition has to be pasted: one of
 * sixteen numbers. Its plan is kept: a lock that cannot be had is an error that
 * would leave a new one behind each time.
 */
void
history_store_truncate(int slot)
{
	static Statement truncate[TASKLY_HISTORY_SLOTS];
	static char sql[TASKLY_HISTORY_SLOTS][64];

	snprintf(sql[slot], sizeof(sql[slot]), "TRUNCATE ONLY taskly.finished_run_%d", slot);
	truncate[slot].sql = sql[slot];
	(void) store_execute(&truncate[slot], NULL, NULL, NULL, NULL);
}

int64
history_store_size(int slot)
{
	Relation	rel = open_partition(slot, AccessShareLock);
	Oid			relid = RelationGetRelid(rel);

	table_close(rel, NoLock);
	return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size,
											 ObjectIdGetDatum(relid)));
}
