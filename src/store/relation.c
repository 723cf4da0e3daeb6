/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  Rows written straight through the table access method.
 *
 * What it takes to write a table (which indexes it has, a slot to form rows in)
 * is kept from one call to the next, until the relation cache says that the
 * table or one of its indexes has changed.
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
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "store/relation.h"

#define MAX_KEPT_TABLES		(TASKLY_HISTORY_SLOTS + 4)

/* A table that has been written by this process. */
typedef struct KeptTable
{
	Oid			relid;
	volatile bool is_valid;
	MemoryContext context;		/* of all below, and of this struct */
	EState	   *estate;
	ResultRelInfo *result_rel;
	TupleTableSlot *slot;
	int			index_count;
	Oid		   *indexes;		/* in the order of result_rel's */
} KeptTable;

static KeptTable *kept_tables[MAX_KEPT_TABLES];
static int	next_victim = 0;

/* ------------------------------------------------------------------------
 * Tables that are kept
 * ------------------------------------------------------------------------ */

static bool
is_about(const KeptTable *table, Oid relid)
{
	if (relid == InvalidOid || relid == table->relid)
		return true;
	for (int i = 0; i < table->index_count; i++)
	{
		if (table->indexes[i] == relid)
			return true;
	}
	return false;
}

/* May come in the middle of a write, so nothing is freed here. */
static void
relation_has_changed(Datum arg, Oid relid)
{
	for (int i = 0; i < MAX_KEPT_TABLES; i++)
	{
		if (kept_tables[i] != NULL && is_about(kept_tables[i], relid))
			kept_tables[i]->is_valid = false;
	}
}

/* In the current memory context. */
static void
fill_table(KeptTable *table, Relation rel)
{
	ResultRelInfo *result_rel = makeNode(ResultRelInfo);

	table->estate = CreateExecutorState();
	/* In no range table: nobody asks here which columns may be written. */
	InitResultRelInfo(result_rel, rel, 0, NULL, 0);
	ExecOpenIndices(result_rel, false);
	table->result_rel = result_rel;
	table->indexes = palloc(sizeof(Oid) * Max(result_rel->ri_NumIndices, 1));
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
		table->indexes[i] = RelationGetRelid(result_rel->ri_IndexRelationDescs[i]);
	table->index_count = result_rel->ri_NumIndices;
	ExecCloseIndices(result_rel);
	/* A copy is not counted by a resource owner, which ends with its transaction. */
	table->slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(rel)),
										   table_slot_callbacks(rel));
}

static KeptTable *
make_table(Relation rel)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "taskly table",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	KeptTable  *table = palloc0(sizeof(KeptTable));

	table->relid = RelationGetRelid(rel);
	table->context = context;
	table->is_valid = true;
	fill_table(table, rel);
	MemoryContextSwitchTo(old_context);
	return table;
}

/* Its place among those that are kept: its old one, a free one, or somebody's. */
static int
place_of(Oid relid)
{
	int			place = -1;

	for (int i = 0; i < MAX_KEPT_TABLES; i++)
	{
		if (kept_tables[i] == NULL)
			place = place < 0 ? i : place;
		else if (kept_tables[i]->relid == relid)
			return i;
	}
	if (place < 0)
		place = next_victim++ % MAX_KEPT_TABLES;
	return place;
}

static KeptTable *
keep_table(Relation rel)
{
	static bool is_watching = false;
	int			place = place_of(RelationGetRelid(rel));
	KeptTable  *table = kept_tables[place];

	if (table != NULL && table->is_valid && table->relid == RelationGetRelid(rel))
		return table;
	if (!is_watching)
		CacheRegisterRelcacheCallback(relation_has_changed, (Datum) 0);
	is_watching = true;
	/* A writer of this transaction may still have it in its hands. */
	if (table != NULL)
		MemoryContextSetParent(table->context, TopTransactionContext);
	kept_tables[place] = NULL;
	table = make_table(rel);
	MemoryContextSetParent(table->context, TopMemoryContext);
	kept_tables[place] = table;
	return table;
}

/* ------------------------------------------------------------------------
 * Writers
 * ------------------------------------------------------------------------ */

void
relation_writer_open(RelationWriter *writer, Relation rel)
{
	KeptTable  *table = keep_table(rel);

	writer->rel = rel;
	writer->estate = table->estate;
	writer->estate->es_output_cid = GetCurrentCommandId(true);
	writer->slot = table->slot;
	writer->result_rel = table->result_rel;
	writer->result_rel->ri_RelationDesc = rel;
	writer->index_ids = table->indexes;
	/* Opened when a row needs them: most partial ones take no row. */
	writer->indexes = palloc0(sizeof(Relation) * Max(table->index_count, 1));
}

/* Locks stay until the transaction ends. */
void
relation_writer_close(RelationWriter *writer)
{
	ExecClearTuple(writer->slot);
	for (int i = 0; i < writer->result_rel->ri_NumIndices; i++)
	{
		if (writer->indexes[i] != NULL)
			index_close(writer->indexes[i], NoLock);
	}
	pfree(writer->indexes);
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

static Relation
writer_index(RelationWriter *writer, int i)
{
	if (writer->indexes[i] == NULL)
		writer->indexes[i] = index_open(writer->index_ids[i], RowExclusiveLock);
	return writer->indexes[i];
}

/* Entries of the row that the writer's slot has; indexes that are not open are passed over. */
static void
insert_entries(RelationWriter *writer, bool is_update)
{
	ResultRelInfo *result_rel = writer->result_rel;
	ExprContext *econtext = GetPerTupleExprContext(writer->estate);

	if (result_rel->ri_NumIndices == 0)
		return;
	econtext->ecxt_scantuple = writer->slot;
	for (int i = 0; i < result_rel->ri_NumIndices; i++)
	{
		if (is_in_index(result_rel->ri_IndexRelationInfo[i], writer->estate, econtext))
			(void) writer_index(writer, i);
	}
	result_rel->ri_IndexRelationDescs = writer->indexes;
	insert_index_entries(result_rel, writer->slot, writer->estate, is_update);
}

/* ------------------------------------------------------------------------
 * Rows
 * ------------------------------------------------------------------------ */

/*
 * Asking the system how many blocks there are costs more than a look at a row,
 * so what it said last is believed. Whoever cuts blocks off resets that before
 * he lets go of his lock, and we have the lock.
 */
static bool
has_block(Relation rel, BlockNumber block)
{
	BlockNumber known = RelationGetSmgr(rel)->smgr_cached_nblocks[MAIN_FORKNUM];

	if (known != InvalidBlockNumber && block < known)
		return true;
	return block < RelationGetNumberOfBlocks(rel);
}

bool
relation_fetch(Relation rel, ItemPointer ctid, TupleTableSlot *slot)
{
	return ctid != NULL && ItemPointerIsValid(ctid) &&
		has_block(rel, ItemPointerGetBlockNumber(ctid)) &&
		table_tuple_fetch_row_version(rel, ctid, GetActiveSnapshot(), slot);
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
	insert_entries(writer, false);
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
	/* With the writer's descriptor, since a resource owner finds one of thousands slowly. */
	if (bulk->filled == bulk->made)
		bulk->slots[bulk->made++] =
			MakeSingleTupleTableSlot(bulk->writer.slot->tts_tupleDescriptor,
									 table_slot_callbacks(rel));
	fill_slot(bulk->slots[bulk->filled], rel, values, nulls);
	bulk->ctids[bulk->filled++] = ctid;
}

/* All new rows into one index, which stays in the processor's caches meanwhile. */
static void
fill_index(BulkWriter *bulk, int n)
{
	IndexInfo  *info = bulk->writer.result_rel->ri_IndexRelationInfo[n];
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
			(void) index_insert(writer_index(&bulk->writer, n), values, nulls,
								&slot->tts_tid, bulk->writer.rel, check, false, info);
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
		fill_index(bulk, i);
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
	if (needs_index_entries)
		insert_entries(writer, true);
	*ctid = writer->slot->tts_tid;
	ResetPerTupleExprContext(writer->estate);
	return TM_Ok;
}
