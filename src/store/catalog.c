/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  Where taskly's own objects are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "store/catalog.h"

enum
{
	HOME_COL_HOME_ID = 1,
	HOME_COL_DATABASE
};

bool
catalog_has_extension(void)
{
	return OidIsValid(get_extension_oid(TASKLY_EXTENSION, true));
}

/*
 * The owner of the extension, which owns its tables too. Read from
 * pg_extension itself, since there is no syscache for it.
 */
Oid
catalog_owner(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum(TASKLY_EXTENSION));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"%s\" does not exist in database \"%s\"",
						TASKLY_EXTENSION, get_database_name(MyDatabaseId)),
				 errhint("Run CREATE EXTENSION taskly.")));
	return owner;
}

Oid
catalog_relation_id(const char *name)
{
	Oid			schema = get_namespace_oid(TASKLY_SCHEMA, false);
	Oid			relation = get_relname_relid(name, schema);

	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", TASKLY_SCHEMA, name)));
	return relation;
}

Relation
catalog_open(const char *name, LOCKMODE lockmode)
{
	return table_open(catalog_relation_id(name), lockmode);
}

Relation
catalog_open_index(const char *name, LOCKMODE lockmode)
{
	return index_open(catalog_relation_id(name), lockmode);
}

bool
catalog_home_id(int64 *home_id)
{
	Relation	rel = catalog_open("home", AccessShareLock);
	TableScanDesc scan = table_beginscan(rel, GetActiveSnapshot(), 0, NULL);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	bool		is_at_home = false;

	if (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;

		*home_id = DatumGetInt64(slot_getattr(slot, HOME_COL_HOME_ID, &isnull));
		is_at_home = MyDatabaseId ==
			DatumGetObjectId(slot_getattr(slot, HOME_COL_DATABASE, &isnull));
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	return is_at_home;
}

int64
catalog_home_id_or_error(void)
{
	int64		home_id;

	if (!catalog_home_id(&home_id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the tasks of this database are parked"),
				 errdetail("They were copied from another database."),
				 errhint("Run SELECT taskly.adopt() to let them run here.")));
	return home_id;
}
