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

#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
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

/* Fill the slot; only the NOT NULL rules can have been broken by a mistake of ours. */
static void
fill_slot(RelationWriter *writer, const Datum *values, const bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(writer->rel);

	ExecClearTuple(writer->slot);
	for (int i = 0; i < desc->natts; i++)
	{
		if (nulls[i] && TupleDescAttr(desc, i)->attnotnull)
			elog(ERROR, "null value in column \"%s\" of \"%s\"",
				 NameStr(TupleDescAttr(desc, i)->attname),
				 RelationGetRelationName(writer->rel));
		writer->slot->tts_values[i] = values[i];
		writer->slot->tts_isnull[i] = nulls[i];
	}
	ExecStoreVirtualTuple(writer->slot);
}

void
relation_insert(RelationWriter *writer, const Datum *values, const bool *nulls)
{
	fill_slot(writer, values, nulls);
	table_tuple_insert(writer->rel, writer->slot, GetCurrentCommandId(true), 0, NULL);
	if (writer->result_rel->ri_NumIndices > 0)
		insert_index_entries(writer->result_rel, writer->slot, writer->estate, false);
	ResetPerTupleExprContext(writer->estate);
}

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

	fill_slot(writer, values, nulls);
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
