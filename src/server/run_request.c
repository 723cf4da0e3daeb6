/*-------------------------------------------------------------------------
 *
 * run_request.c
 *	  What the run that this process executes asks of its own end.
 *
 * A stack with one entry for each level of subtransactions that has asked for
 * something. Each holds all that is asked for, that of the levels above it
 * included, so that a rollback has only to drop entries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/datum.h"
#include "utils/memutils.h"

#include "server/run_request.h"

typedef struct RunRequest
{
	struct RunRequest *outer;
	int			level;			/* of the transaction that asked */
	bool		has_result;
	bool		owns_result;	/* else it is an outer one's */
	Datum		result;
	bool		is_snoozed;
	int64		delay_us;
} RunRequest;

static MemoryContext context = NULL;
static RunRequest *top = NULL;

/* The entry of the present level, made of the one around it when it is new. */
static RunRequest *
my_request(void)
{
	int			level = GetCurrentTransactionNestLevel();
	RunRequest *request;

	if (top != NULL && top->level >= level)
		return top;
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "taskly run requests",
										ALLOCSET_SMALL_SIZES);
	request = MemoryContextAllocZero(context, sizeof(RunRequest));
	if (top != NULL)
		*request = *top;
	request->outer = top;
	request->level = level;
	request->owns_result = false;
	top = request;
	return request;
}

static void
free_result(RunRequest *request)
{
	if (request->owns_result && request->result != (Datum) 0)
		pfree(DatumGetPointer(request->result));
	request->owns_result = false;
}

void
run_request_set_result(Datum jsonb)
{
	RunRequest *request = my_request();
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Datum		copy = jsonb == (Datum) 0 ? jsonb : datumCopy(jsonb, false, -1);

	MemoryContextSwitchTo(old_context);
	free_result(request);
	request->has_result = request->owns_result = true;
	request->result = copy;
}

void
run_request_snooze(int64 delay_us)
{
	RunRequest *request = my_request();

	request->is_snoozed = true;
	request->delay_us = delay_us;
}

bool
run_request_result(Datum *jsonb)
{
	if (top == NULL || !top->has_result)
		return false;
	*jsonb = top->result;
	return true;
}

bool
run_request_delay(int64 *delay_us)
{
	if (top == NULL || !top->is_snoozed)
		return false;
	*delay_us = top->delay_us;
	return true;
}

void
run_request_forget(void)
{
	if (top == NULL)
		return;
	top = NULL;
	MemoryContextReset(context);
}

static void
drop_top(void)
{
	RunRequest *request = top;

	top = request->outer;
	free_result(request);
	pfree(request);
}

/* The entry of a level that has ended well takes the place of the one around it. */
static void
hand_up(int level)
{
	RunRequest *outer = top->outer;

	top->level = level;
	if (outer == NULL || outer->level < level)
		return;
	if (!top->owns_result)
		top->owns_result = outer->owns_result;
	else
		free_result(outer);
	top->outer = outer->outer;
	pfree(outer);
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId my_id,
					  SubTransactionId parent_id, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (top != NULL && top->level >= level)
			drop_top();
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB && top != NULL && top->level >= level)
		hand_up(level - 1);
}

void
run_request_install(void)
{
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}
