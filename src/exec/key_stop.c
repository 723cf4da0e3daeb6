/*-------------------------------------------------------------------------
 *
 * key_stop.c
 *	  Keys whose runs a worker may not start for now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "exec/key_stop.h"

typedef struct StoppedKey
{
	int32		queue_id;
	uint64		key_hash;
	uint64		position;		/* of the outcome that stopped it */
} StoppedKey;

/* In the order of their positions; never more than the ring has assignments. */
static StoppedKey *stopped = NULL;
static int	stopped_count = 0;
static int	stopped_size = 0;

bool
key_stop_is_due(const Outcome *outcome)
{
	if (outcome->kind == OUTCOME_ENDED)
		return run_status_is_failure((RunStatus) outcome->status);
	return outcome->kind != OUTCOME_GONE;
}

/* Whoever hands over runs knows of outcomes up to there: those stop nothing any more. */
static void
forget_known(uint64 outcomes_taken)
{
	int			known = 0;

	while (known < stopped_count && stopped[known].position < outcomes_taken)
		known++;
	stopped_count -= known;
	memmove(stopped, stopped + known, sizeof(StoppedKey) * stopped_count);
}

static void
make_room(void)
{
	if (stopped_count < stopped_size)
		return;
	stopped_size = Max(16, stopped_size * 2);
	stopped = stopped == NULL ?
		MemoryContextAlloc(TopMemoryContext, sizeof(StoppedKey) * stopped_size) :
		repalloc(stopped, sizeof(StoppedKey) * stopped_size);
}

void
key_stop_note(const Assignment *assignment, const Outcome *outcome, uint64 position)
{
	if (!assignment->is_strict || !key_stop_is_due(outcome) || key_stop_holds(assignment))
		return;
	make_room();
	stopped[stopped_count++] = (StoppedKey) {
		.queue_id = assignment->queue_id,
		.key_hash = assignment->key_hash,
		.position = position
	};
}

bool
key_stop_holds(const Assignment *assignment)
{
	if (!assignment->is_strict || stopped_count == 0)
		return false;
	forget_known(assignment->outcomes_taken);
	for (int i = 0; i < stopped_count; i++)
	{
		if (stopped[i].queue_id == assignment->queue_id &&
			stopped[i].key_hash == assignment->key_hash)
			return true;
	}
	return false;
}
