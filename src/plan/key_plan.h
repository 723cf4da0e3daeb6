/*-------------------------------------------------------------------------
 *
 * key_plan.h
 *	  The keys of queues in memory, and whether one may start a run now.
 *
 * A run without a key counts, in a fair queue, under its task, or under its owner
 * when it has none. A key is here while there is more to know of it than that it
 * has no runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_KEY_PLAN_H
#define TASKLY_KEY_PLAN_H

#include "taskly.h"
#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "plan/throttle.h"

/* Keys are told apart by 128 bits of hash, made with secrets of the process. */
typedef struct KeyId
{
	int64		queue_id;
	uint64		hash[2];
} KeyId;

typedef struct KeyPlan
{
	KeyId		id;				/* hash key */
	QueuePlan  *queue;
	char	   *text;			/* NULL: of runs without a key */
	Share		share;			/* of the queue's worker time */
	int64		average_us;		/* moving average of durations; 0: not known */
	RateState	rate_state;
	TimestampTz open_at;		/* its rate lets it start again; in the heap of those that wait */
	bool		is_rate_closed;
	bool		is_set;			/* its row says something */
	bool		is_paused;
	bool		was_held;		/* during a reload: paused or blocked before */
	int64		blocked_by;		/* run that ended badly, and holds up the others; 0: none */
	int			blockers;		/* runs in memory that hold up the others */
	int			running;		/* dispatched and not yet ended */
	int			worker;			/* who has all of these; NO_WORKER: none, several, the supervisor */
	bool		is_led_strictly;	/* who has them knows that a failure holds up the others */
	int			holder;			/* in whose WorkerLoad.keys it counts, or NO_WORKER */
	int64		waiting;		/* in memory */

	/* Rows that are read apart from the queue's: all up to the watermark are in memory. */
	bool		is_apart;
	bool		is_read;		/* just now */
	bool		is_wanted;		/* in the list of those that are to be read on */
	bool		is_parked;		/* in the heap of those that would be, were there space */
	dlist_node	wanted_node;
	TimestampTz parked_until;	/* none of those rows is due before */
	pairingheap_node parked_node;
	RunPlace	watermark;		/* when it is apart */
	RunPlace	last;			/* none in line is behind it */

	dlist_head	flows;			/* ReadyFlow.key_node */
	dlist_node	idle_node;		/* without runs: may go when nobody misses it */
	bool		is_idle;
	pairingheap_node open_node;
} KeyPlan;

/* May the table hold runs of the key that are neither in memory nor read with the queue's? */
static inline bool
key_plan_has_left(const KeyPlan *key)
{
	return key->is_apart && place_is_before(key->watermark, LAST_PLACE);
}

extern void key_plan_init(MemoryContext parent);

/*
 * The key of a run, made when it is not here yet; NULL: runs like this have none
 * that matters. text: NULL when the run has no key.
 */
extern KeyPlan *key_plan_of(QueuePlan *queue, const char *text, int64 task_id,
							Oid owner, TimestampTz now);

/* Around a reading of the rows of keys: those that were not set have none any more. */
extern void key_plan_begin_reload(void);
extern void key_plan_set(QueuePlan *queue, const char *text, int weight,
						 bool is_paused, int64 blocked_by);
typedef void (*KeyPlanVisitor) (KeyPlan *key);
extern void key_plan_end_reload(KeyPlanVisitor changed, TimestampTz now);

/* Between flow_begin_key_change() and flow_end_key_change(): what its row says has been read. */
extern void key_plan_rejoin(KeyPlan *key);

/* May a run of the key start: one that holds up the others, or any? */
extern bool key_plan_has_room(const KeyPlan *key, bool is_blocker);

/* How many more may start at once. */
extern int64 key_plan_room(const KeyPlan *key);

/* Do its runs start one after another? */
extern bool key_plan_is_serial(const KeyPlan *key);

/* And does one that ended badly keep those after it from starting? */
extern bool key_plan_is_strict(const KeyPlan *key);

/*
 * Whose runs a run of a key without room may be put behind, since they are of the
 * key, too, and a worker runs one at a time; NO_WORKER: nobody's.
 */
extern int	key_plan_leader(const KeyPlan *key, bool is_blocker);

/* Until its worker has none of them any more, nobody's. */
extern void key_plan_part(KeyPlan *key);

extern void key_plan_start(KeyPlan *key, int worker, int64 expected_us, TimestampTz now);
extern void key_plan_end(KeyPlan *key);
extern void key_plan_learn(KeyPlan *key, int64 charged_us, int64 used_us);

/* A key whose rate lets it start again: taken from those that wait; NULL: none by now. */
extern KeyPlan *key_plan_next_open(TimestampTz now, TimestampTz *next);
extern void key_plan_clock_was_set(int64 step_us);

/* Into or out of the heap of those that would be read on; the first one: the first to be due. */
extern void key_plan_park(KeyPlan *key);
extern void key_plan_unpark(KeyPlan *key);
extern KeyPlan *key_plan_first_parked(void);

/* It may have nothing left to be remembered for. */
extern void key_plan_release(KeyPlan *key, TimestampTz now);

/* As throttle_end_reload() wants it: a queue goes. */
extern void key_plan_forget_queue(QueuePlan *queue);

extern void key_plan_each(KeyPlanVisitor visit);
extern int64 key_plan_count(void);

#endif							/* TASKLY_KEY_PLAN_H */
