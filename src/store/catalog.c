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
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

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

/* ------------------------------------------------------------------------
 * Relations by name
 * ------------------------------------------------------------------------ */

/* Their ids, as long as neither pg_class nor pg_namespace changes. */
typedef struct KnownRelation
{
	NameData	name;
	Oid			id;
} KnownRelation;

#define MAX_KNOWN_RELATIONS		64

static KnownRelation known_relations[MAX_KNOWN_RELATIONS];
static volatile int known_count = 0;

static void
forget_relations(Datum arg, int cache_id, uint32 hash)
{
	known_count = 0;
}

static void
remember_relation(const char *name, Oid id)
{
	static bool is_watching = false;

	if (!is_watching)
	{
		CacheRegisterSyscacheCallback(RELNAMENSP, forget_relations, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACENAME, forget_relations, (Datum) 0);
	}
	is_watching = true;
	if (known_count == MAX_KNOWN_RELATIONS)
		return;
	namestrcpy(&known_relations[known_count].name, name);
	known_relations[known_count].id = id;
	known_count++;
}

Oid
catalog_relation_id(const char *name)
{
	Oid			schema;
	Oid			relation;

	for (int i = 0; i < known_count; i++)
	{
		if (strcmp(NameStr(known_relations[i].name), name) == 0)
			return known_relations[i].id;
	}
	schema = get_namespace_oid(TASKLY_SCHEMA, false);
	relation = get_relname_relid(name, schema);
	if (!OidIsValid(relation))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation \"%s.%s\" does not exist", TASKLY_SCHEMA, name)));
	remember_relation(name, relation);
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
