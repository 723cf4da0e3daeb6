/*-------------------------------------------------------------------------
 *
 * history_store.h
 *	  Every statement about taskly.finished_run.
 *
 * The table has 16 fixed partitions that are written in turn; no DDL happens at
 * run time, so an open reader never stalls an insert.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_HISTORY_STORE_H
#define TASKLY_HISTORY_STORE_H

#include "taskly.h"
#include "store/relation.h"
#include "store/run_store.h"

/* How an attempt ended. Texts may be NULL. */
typedef struct RunEnd
{
	RunStatus	status;
	bool		is_final;		/* false: it will be tried again */
	TimestampTz picked_at;		/* 0: never picked */
	TimestampTz started_at;		/* 0: never started */
	TimestampTz finished_at;
	int64		started_us;		/* monotonic; 0: by another process, or not */
	int64		finished_us;
	int			pid;			/* 0: none */
	int64		rows;			/* -1: not known */
	int			exit_code;		/* of shell; -1: none */
	int64		output_bytes;	/* -1: no output */
	const char *tag;
	const char *sqlstate;
	const char *message;
	const char *detail;
	const char *hint;
	const char *context;
	const char *output;
	Datum		result;			/* jsonb; 0: none */
	int64		snooze_us;		/* not over: it comes again so long after; -1: it is */
} RunEnd;

/*
 * Append the outcome of a run's attempt; the run's attempt column must say
 * which attempt it was.
 */
extern void history_store_insert(const RunRow *row, const RunEnd *end, int slot);

/* The same for many runs that ended in the same way. */
extern void history_store_insert_many(const RunRow *rows, int count, const RunEnd *end, int slot);

/*
 * Several outcomes at once: the history, open for writing. What a row
 * points to must live until the close.
 */
typedef struct HistoryWriter
{
	Relation	rel;
	BulkWriter *bulk;
	int			slot;
} HistoryWriter;

extern void history_writer_open(HistoryWriter *history, int slot);
extern void history_writer_add(HistoryWriter *history, const RunRow *row, const RunEnd *end);
extern void history_writer_close(HistoryWriter *history);

/*
 * Put the last, final attempt of a run back into row; false when history
 * has none (or the run is not over). status gets its status.
 */
extern bool history_store_find(int64 run_id, RunRow *row, char **status);

/*
 * A run that was over is to be tried again: its last attempt is not final any
 * more. So a run has one final attempt at most.
 */
extern void history_store_reopen(int64 run_id);

/* The last, final attempt of a run, and where it stands. */
typedef struct EndedRun
{
	int			slot;			/* -1: history has none */
	ItemPointerData ctid;
	Datum		values[FINISHED_COLS];
	bool		nulls[FINISHED_COLS];
} EndedRun;

/* history_store_find for many runs at once, without the lock of a later retry. */
extern void history_store_find_many(const int64 *run_ids, int count, EndedRun *runs);

/*
 * history_store_reopen of runs that were found so: false, and nothing done, when
 * one has been reopened since. Never waits. Begins as zeros; the runs must live
 * until the close, which writes them.
 */
typedef struct HistoryReopener
{
	HistoryWriter writers[TASKLY_HISTORY_SLOTS];
} HistoryReopener;

extern bool history_reopener_add(HistoryReopener *reopener, EndedRun *run);
extern void history_reopener_close(HistoryReopener *reopener);

/* TRUNCATE a partition; an error when its lock cannot be had shortly. */
extern void history_store_truncate(int slot);

/* Bytes of one partition with its indexes. */
extern int64 history_store_size(int slot);

#endif							/* TASKLY_HISTORY_STORE_H */
