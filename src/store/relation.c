/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  Rows written straight through the table access method.
 *
 * No triggers are fired and no constraints but the unique indexes' checked:
 * the tables are ours, and what is written was checked where it was made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "store/relation.h"

void
relation_writer_open(RelationWriter *writer, Relation rel)
{
	writer->rel = rel;
	writer->estate = CreateExecutorState();
	writer->estate->es_output_cid = GetCurrentCommandId(true);
	writer->result_rel = makeNode(ResultRelInfo);
	/* In no range table: nobody asks here which columns may be written. */
	InitResultRelInfo(writer->result_rel, rel, 0, NULL, 0);
	ExecOpenIndices(writer->result_rel, false);
	writer->slot = MakeSingleTupleTableSlot(RelationGetDescr(rel),
											table_slot_callbacks(rel));
}

void
relation_writer_close(RelationWriter *writer)
{
	ExecDropSingleTupleTableSlot(writer->slot);
	ExecCloseIndices(writer->result_rel);
	FreeExecutorState(writer->estate);
}

/* Fill a slot; only the NOT NULL rules can have been broken by a mistake of ours. */
static void
fill_slot(TupleTableSlot *slot, Relation rel, const Datum *values, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(rel);

	ExecClearTuple(slot);
	for (int i = 0; i < desc->natts; i++)
	{
		if (nulls[i] && TupleDescAttr(desc, i)->attnotnull)
			elog(ERROR, "null value in column \"%s\" of \"%s\"",
				 NameStr(TupleDescAttr(desc, i)->attname),
				 RelationGetRelationName(rel));
		slot->tts_values[i] = values[i];
		slot->tts_isnull[i] = nulls[i];
	}
	ExecStoreVirtualTuple(slot);
}

void
relation_insert(RelationWriter *writer, const Datum *values, const bool *nulls)
{
	fill_slot(writer->slot, writer->rel, values, nulls);
	table_tuple_insert(writer->rel, writer->slot, GetCurrentCommandId(true), 0, NULL);
	if (writer->result_rel->ri_NumIndices > 0)
		insert_index_entries(writer->result_rel, writer->slot, writer->estate, false);
	ResetPerTupleExprContext(writer->estate);
}

/* ------------------------------------------------------------------------
 * Many rows
 * ------------------------------------------------------------------------ */

void
bulk_writer_open(BulkWriter *bulk, Relation rel)
{
	relation_writer_open(&bulk->writer, rel);
	bulk->bulk_state = GetBulkInsertState();
	bulk->made = bulk->filled = 0;
}

void
bulk_writer_add(BulkWriter *bulk, const Datum *values, const bool *nulls, ItemPointer ctid)
{
	Relation	rel = bulk->writer.rel;

	if (bulk->filled == BULK_WRITER_ROWS)
		bulk_writer_flush(bulk);
	if (bulk->filled == bulk->made)
		bulk->slots[bulk->made++] = table_slot_create(rel, NULL);
	fill_slot(bulk->slots[bulk->filled], rel, values, nulls);
	bulk->ctids[bulk->filled++] = ctid;
}

/* Does a partial index take the row that econtext has? */
static bool
is_in_index(IndexInfo *info, EState *estate, ExprContext *econtext)
{
	if (info->ii_Predicate == NIL)
		return true;
	if (info->ii_PredicateState == NULL)
		info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate, estate);
	return ExecQual(info->ii_PredicateState, econtext);
}

/* All new rows into one index, which stays in the processor's caches meanwhile. */
static void
fill_index(BulkWriter *bulk, Relation index, IndexInfo *info)
{
	EState	   *estate = bulk->writer.estate;
	ExprContext *econtext = GetPerTupleExprContext(estate);
	IndexUniqueCheck check = info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO;

	for (int i = 0; i < bulk->filled; i++)
	{
		TupleTableSlot *slot = bulk->slots[i];
		Datum		values[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		econtext->ecxt_scantuple = slot;
		if (is_in_index(info, estate, econtext))
		{
			FormIndexDatum(info, slot, estate, values, nulls);
			(void) index_insert(index, values, nulls, &slot->tts_tid, bulk->writer.rel,
								check, false, info);
		}
		ResetExprContext(econtext);
	}
}

void
bulk_writer_flush(BulkWriter *bulk)
{
	ResultRelInfo *result_rel = bulk->writer.result_rel;

	if (bulk->filled == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	table_multi_insert(bulk->writer.rel, bulk->slots, bulk->filled,
					   GetCurrentCommandId(true), 0, bulk->bulk_state);
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
		fill_index(bulk, result_rel->ri_IndexRelationDescs[i],
				   result_rel->ri_IndexRelationInfo[i]);
	for (int i = 0; i < bulk->filled; i++)
	{
		if (bulk->ctids[i] != NULL)
			*bulk->ctids[i] = bulk->slots[i]->tts_tid;
		ExecClearTuple(bulk->slots[i]);
	}
	bulk->filled = 0;
}

void
bulk_writer_close(BulkWriter *bulk)
{
	bulk_writer_flush(bulk);
	for (int i = 0; i < bulk->made; i++)
		ExecDropSingleTupleTableSlot(bulk->slots[i]);
	FreeBulkInsertState(bulk->bulk_state);
	relation_writer_close(&bulk->writer);
}

/* ------------------------------------------------------------------------
 * Rows that are there
 * ------------------------------------------------------------------------ */

/*
 * A row that is being modified may be one that our own transaction has locked:
 * the table access method says so of both unless it may wait. Whoever holds the
 * lock that is taken here waits for nobody.
 */
static bool
is_lockable(Relation rel, ItemPointer ctid)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ItemPointerData place = *ctid;
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(rel, &place, GetActiveSnapshot(), slot,
							  GetCurrentCommandId(false), LockTupleExclusive,
							  LockWaitSkip, 0, &failure);
	ExecDropSingleTupleTableSlot(slot);
	return result == TM_Ok;
}

TM_Result
relation_delete(Relation rel, ItemPointer ctid)
{
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_delete(rel, ctid, GetCurrentCommandId(true),
								GetActiveSnapshot(), InvalidSnapshot,
								false, &failure, false);
	if (result == TM_BeingModified && is_lockable(rel, ctid))
		result = table_tuple_delete(rel, ctid, GetCurrentCommandId(true),
									GetActiveSnapshot(), InvalidSnapshot,
									true, &failure, false);
	return result;
}

TM_Result
relation_update(RelationWriter *writer, ItemPointer ctid,
				const Datum *values, const bool *nulls)
{
	bool		needs_index_entries = false;
	TM_Result	result;

	fill_slot(writer->slot, writer->rel, values, nulls);
	result = update_row(writer->rel, ctid, writer->slot, GetActiveSnapshot(),
						false, &needs_index_entries);
	if (result == TM_BeingModified && is_lockable(writer->rel, ctid))
		result = update_row(writer->rel, ctid, writer->slot, GetActiveSnapshot(),
							true, &needs_index_entries);
	if (result != TM_Ok)
		return result;
	if (needs_index_entries && writer->result_rel->ri_NumIndices > 0)
		insert_index_entries(writer->result_rel, writer->slot, writer->estate, true);
	*ctid = writer->slot->tts_tid;
	ResetPerTupleExprContext(writer->estate);
	return TM_Ok;
}
