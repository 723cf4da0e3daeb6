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
#include "access/tableam.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

/* An open relation with its indexes and a slot, ready for many writes. */
typedef struct RelationWriter
{
	Relation	rel;
	EState	   *estate;
	ResultRelInfo *result_rel;
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

/* Never waits; ctid becomes the new version's place. */
extern TM_Result relation_update(RelationWriter *writer, ItemPointer ctid,
								 const Datum *values, const bool *nulls);

/* Never waits. */
extern TM_Result relation_delete(Relation rel, ItemPointer ctid);

#endif							/* TASKLY_RELATION_H */
