/*-------------------------------------------------------------------------
 *
 * result.c
 *	  The result of a run: the first row of its command, as jsonb.
 *
 * An object with a member for each column, made as to_jsonb() makes it. A row
 * of which all columns are null or void is no result. Every run pays for this:
 * the usual types are converted here, without look-ups.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "exec/result.h"

static void
start_statement(DestReceiver *self, int operation, TupleDesc desc)
{
	ResultReceiver *receiver = (ResultReceiver *) self;

	receiver->desc = desc;
	receiver->has_row = false;
}

static void
do_nothing(DestReceiver *self)
{
}

/* to_jsonb() of a value of any type; it wants to be told which. */
static Jsonb *
convert_by_type(Datum value, Oid type)
{
	Const	   *argument = makeNullConst(type, -1, InvalidOid);
	FmgrInfo	function;

	fmgr_info(F_TO_JSONB, &function);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(argument),
											 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
					   &function);
	return DatumGetJsonbP(FunctionCall1(&function, value));
}

static void
set_string(JsonbValue *result, char *string, int length)
{
	result->type = jbvString;
	result->val.string.val = string;
	result->val.string.len = length;
}

static void
set_integer(JsonbValue *result, int64 value)
{
	result->type = jbvNumeric;
	result->val.numeric = int64_to_numeric(value);
}

static void
convert(Datum value, Oid type, JsonbValue *result)
{
	Jsonb	   *jsonb;

	switch (type)
	{
		case BOOLOID:
			result->type = jbvBool;
			result->val.boolean = DatumGetBool(value);
			return;
		case INT2OID:
			set_integer(result, DatumGetInt16(value));
			return;
		case INT4OID:
			set_integer(result, DatumGetInt32(value));
			return;
		case INT8OID:
			set_integer(result, DatumGetInt64(value));
			return;
		case TEXTOID:
		case VARCHAROID:
			value = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value));
			set_string(result, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
			return;
		default:
			jsonb = convert_by_type(value, type);
			if (JB_ROOT_IS_SCALAR(jsonb))
				(void) JsonbExtractScalar(&jsonb->root, result);
			else
			{
				result->type = jbvBinary;
				result->val.binary.data = &jsonb->root;
				result->val.binary.len = VARSIZE(jsonb) - VARHDRSZ;
			}
	}
}

/* Too long to be worth the conversion? It hardly ever makes a value shorter. */
static bool
is_too_long(Datum value, Form_pg_attribute column)
{
	return column->attlen == -1 && toast_raw_datum_size(value) > TASKLY_RESULT_MAX;
}

static bool
is_nothing(TupleTableSlot *slot, TupleDesc desc, int i)
{
	return slot->tts_isnull[i] || TupleDescAttr(desc, i)->atttypid == VOIDOID;
}

/* NULL: it would be too long. */
static Jsonb *
convert_row(TupleTableSlot *slot, TupleDesc desc)
{
	JsonbParseState *state = NULL;
	JsonbValue	item;
	Jsonb	   *result;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		set_string(&item, NameStr(column->attname), strlen(NameStr(column->attname)));
		(void) pushJsonbValue(&state, WJB_KEY, &item);
		if (is_nothing(slot, desc, i))
			item.type = jbvNull;
		else if (is_too_long(slot->tts_values[i], column))
			return NULL;
		else
			convert(slot->tts_values[i], column->atttypid, &item);
		(void) pushJsonbValue(&state, WJB_VALUE, &item);
	}
	result = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return VARSIZE(result) > TASKLY_RESULT_MAX ? NULL : result;
}

static bool
has_something(TupleTableSlot *slot, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		if (!is_nothing(slot, desc, i))
			return true;
	}
	return false;
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	Jsonb	   *row;

	if (receiver->has_row)
		return true;
	receiver->has_row = true;
	slot_getallattrs(slot);
	if (!has_something(slot, receiver->desc))
		return true;
	row = convert_row(slot, receiver->desc);
	receiver->is_too_large = row == NULL;
	receiver->value = (Datum) 0;
	if (row != NULL)
	{
		Size		size = VARSIZE(row);
		void	   *copy = MemoryContextAlloc(receiver->context, size);

		memcpy(copy, row, size);
		receiver->value = PointerGetDatum(copy);
	}
	return true;
}

void
result_init(ResultReceiver *receiver, MemoryContext context)
{
	memset(receiver, 0, sizeof(*receiver));
	receiver->pub.receiveSlot = receive_row;
	receiver->pub.rStartup = start_statement;
	receiver->pub.rShutdown = do_nothing;
	receiver->pub.rDestroy = do_nothing;
	receiver->pub.mydest = DestNone;
	receiver->context = context;
}
