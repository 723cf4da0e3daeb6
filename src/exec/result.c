/*-------------------------------------------------------------------------
 *
 * result.c
 *	  The result of a run: the first row of its command, as jsonb.
 *
 * An object with a member for each column, made as to_jsonb() makes it. A row
 * of which all columns are null or void is no result. Every run pays for this:
 * the usual types are converted on the spot, without look-ups. Others (json may
 * hold what jsonb cannot, a type may have a cast of somebody's) are converted
 * after the statement, in a subtransaction: no run fails for its result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "exec/result.h"

static const char *const too_long = "the result was not kept: it is longer than 64 kB";

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

/* Converted without look-ups, and without errors. */
static bool
is_simple_type(Oid type)
{
	return type == BOOLOID || type == INT2OID || type == INT4OID || type == INT8OID ||
		type == TEXTOID || type == VARCHAROID || type == VOIDOID;
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

static void
set_problem(ResultReceiver *receiver, const char *problem)
{
	receiver->value = (Datum) 0;
	receiver->problem = problem;
}

static void
convert_row(ResultReceiver *receiver, const Datum *values, const bool *nulls)
{
	JsonbParseState *state = NULL;
	JsonbValue	item;
	Jsonb	   *row;
	void	   *copy;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < receiver->desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(receiver->desc, i);

		set_string(&item, NameStr(column->attname), strlen(NameStr(column->attname)));
		(void) pushJsonbValue(&state, WJB_KEY, &item);
		if (nulls[i] || column->atttypid == VOIDOID)
			item.type = jbvNull;
		else
			convert(values[i], column->atttypid, &item);
		(void) pushJsonbValue(&state, WJB_VALUE, &item);
	}
	row = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	if (VARSIZE(row) > TASKLY_RESULT_MAX)
	{
		set_problem(receiver, too_long);
		return;
	}
	copy = MemoryContextAlloc(receiver->context, VARSIZE(row));
	memcpy(copy, row, VARSIZE(row));
	receiver->value = PointerGetDatum(copy);
	receiver->problem = NULL;
}

/* To be converted where an error can be caught. The values must not move away meanwhile. */
static void
keep_row(ResultReceiver *receiver, TupleTableSlot *slot)
{
	MemoryContext old_context = MemoryContextSwitchTo(receiver->context);
	HeapTuple	tuple;

	receiver->desc = CreateTupleDescCopy(receiver->desc);
	tuple = heap_form_tuple(receiver->desc, slot->tts_values, slot->tts_isnull);
	receiver->row = toast_flatten_tuple(tuple, receiver->desc);
	MemoryContextSwitchTo(old_context);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	bool		is_simple = true;

	if (receiver->has_row)
		return true;
	receiver->has_row = true;
	slot_getallattrs(slot);
	if (!has_something(slot, receiver->desc))
		return true;
	for (int i = 0; i < receiver->desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(receiver->desc, i);

		is_simple &= is_simple_type(column->atttypid);
		if (!slot->tts_isnull[i] && is_too_long(slot->tts_values[i], column))
		{
			set_problem(receiver, too_long);
			return true;
		}
	}
	if (is_simple)
		convert_row(receiver, slot->tts_values, slot->tts_isnull);
	else
		keep_row(receiver, slot);
	return true;
}

static void
convert_kept_row(ResultReceiver *receiver)
{
	Datum	   *values = palloc(sizeof(Datum) * receiver->desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * receiver->desc->natts);

	heap_deform_tuple(receiver->row, receiver->desc, values, nulls);
	PushActiveSnapshot(GetTransactionSnapshot());
	convert_row(receiver, values, nulls);
	PopActiveSnapshot();
}

/* What somebody asked for by a cancel, or a timeout, is no problem of the conversion. */
static void
catch_problem(ResultReceiver *receiver, ResourceOwner owner)
{
	ErrorData  *error;

	MemoryContextSwitchTo(receiver->context);
	error = CopyErrorData();
	FlushErrorState();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(receiver->context);
	CurrentResourceOwner = owner;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	set_problem(receiver, psprintf("the result was not kept: %s", error->message));
}

void
result_finish_statement(ResultReceiver *receiver)
{
	MemoryContext old_context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	if (receiver->row == NULL)
		return;
	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		convert_kept_row(receiver);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		catch_problem(receiver, owner);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old_context);
	CurrentResourceOwner = owner;
	receiver->row = NULL;
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
