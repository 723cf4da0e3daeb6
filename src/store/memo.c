/*-------------------------------------------------------------------------
 *
 * memo.c
 *	  Whether what a process remembers of some table is still true.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"

#include "store/memo.h"

static void
forget(Datum memo, Oid relation_id)
{
	Memo	   *self = (Memo *) DatumGetPointer(memo);

	self->is_true = false;
	self->invalidations++;
}

int
memo_begin(Memo *memo)
{
	if (!memo->is_listening)
		CacheRegisterRelcacheCallback(forget, PointerGetDatum(memo));
	memo->is_listening = true;
	memo->is_true = false;
	return memo->invalidations;
}

void
memo_end(Memo *memo, int begun)
{
	memo->is_true = memo->invalidations == begun;
}
