/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  Rows written straight through the table access method, as logical
 *	  replication's apply does: no plan, no search_path, no borrowed rights.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RELATION_H
#define TASKLY_RELATION_H

#include "taskly.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

/* An open relation with its indexes and a slot, ready for many writes. */
typedef struct RelationWriter
{
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *result_rel;
	const Oid  *index_ids;		/* in the order of result_rel's */
	Relation   *indexes;		/* NULL: no row has needed it */
	TupleTableSlot *slot;
} RelationWriter;

extern void relation_writer_open(RelationWriter *writer, Relation rel);
extern void relation_writer_close(RelationWriter *writer);

/*
 * The row at a remembered place, if the active snapshot sees one there: maybe
 * another than the one that was remembered. The place may be gone (VACUUM FULL).
 */
extern bool relation_fetch(Relation rel, ItemPointer ctid, TupleTableSlot *slot);

/* Values and nulls of all columns. */
extern void relation_insert(RelationWriter *writer, const Datum *values,
							const bool *nulls);

/*
 * Many rows, collected and written together: fewer WAL records, and each page
 * is locked once. What a row points to must live until the flush that writes it,
 * at the latest bulk_writer_close.
 */
#define BULK_WRITER_ROWS	1000

typedef struct BulkWriter
{
	RelationWriter writer;
	BulkInsertState bulk_state;
	TupleTableSlot *slots[BULK_WRITER_ROWS];
	ItemPointer ctids[BULK_WRITER_ROWS];
	int			made;			/* slots that exist */
	int			filled;			/* and hold rows to be written */
} BulkWriter;

extern void bulk_writer_open(BulkWriter *bulk, Relation rel);

/* ctid, unless it is NULL, is set when the row is written. */
extern void bulk_writer_add(BulkWriter *bulk, const Datum *values, const bool *nulls,
							ItemPointer ctid);
extern void bulk_writer_flush(BulkWriter *bulk);
extern void bulk_writer_close(BulkWriter *bulk);

/* Never waits; ctid becomes the new version's place. */
extern TM_Result relation_update(RelationWriter *writer, ItemPointer ctid,
								 const Datum *values, const bool *nulls);

/* Never waits. */
extern TM_Result relation_delete(Relation rel, ItemPointer ctid);

#endif							/* TASKLY_RELATION_H */
