/*-------------------------------------------------------------------------
 *
 * key_plan.c
 *	  The keys of queues in memory, and whether one may start a run now.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "plan/key_plan.h"
#include "plan/task_plan.h"

/* Idle keys that are looked at when one more becomes idle: so all are in time. */
#define SWEEP_AT_ONCE	2

static HTAB *keys = NULL;
static MemoryContext key_context = NULL;
static uint64 secrets[2];
static dlist_head idle = DLIST_STATIC_INIT(idle);
static pairingheap closed_by_rate;
static pairingheap parked;

static int
compare_open_at(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const KeyPlan *x = pairingheap_const_container(KeyPlan, open_node, a);
	const KeyPlan *y = pairingheap_const_container(KeyPlan, open_node, b);

	if (x->open_at != y->open_at)
		return x->open_at < y->open_at ? 1 : -1;
	return memcmp(&y->id, &x->id, sizeof(KeyId));
}

static int
compare_parked_until(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const KeyPlan *x = pairingheap_const_container(KeyPlan, parked_node, a);
	const KeyPlan *y = pairingheap_const_container(KeyPlan, parked_node, b);

	if (x->parked_until != y->parked_until)
		return x->parked_until < y->parked_until ? 1 : -1;
	return memcmp(&y->id, &x->id, sizeof(KeyId));
}

void
key_plan_init(MemoryContext parent)
{
	HASHCTL		control = {0};

	key_context = AllocSetContextCreate(parent, "taskly keys", ALLOCSET_DEFAULT_SIZES);
	control.keysize = sizeof(KeyId);
	control.entrysize = sizeof(KeyPlan);
	control.hcxt = key_context;
	keys = hash_create("taskly keys", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < (int) lengthof(secrets); i++)
		secrets[i] = pg_prng_uint64(&pg_global_prng_state);
	dlist_init(&idle);
	closed_by_rate.ph_compare = compare_open_at;
	closed_by_rate.ph_root = NULL;
	parked.ph_compare = compare_parked_until;
	parked.ph_root = NULL;
}

/* ------------------------------------------------------------------------
 * Finding
 * ------------------------------------------------------------------------ */

/* Of a text, or of what a run without a key counts under. */
static KeyId
key_id(const QueuePlan *queue, const char *text, int64 task_id, Oid owner)
{
	int64		nobody[2] = {task_id, task_id == 0 ? owner : 0};
	const void *bytes = text ? (const void *) text : (const void *) nobody;
	int			length = text ? (int) strlen(text) : (int) sizeof(nobody);
	KeyId		id;

	id.queue_id = text ? queue->queue_id : -1 - (int64) queue->queue_id;
	for (int i = 0; i < (int) lengthof(secrets); i++)
		id.hash[i] = hash_bytes_extended(bytes, length, secrets[i]);
	return id;
}

static void
init_key(KeyPlan *key, QueuePlan *queue, const char *text)
{
	KeyId		id = key->id;
	MemoryContext old_context = MemoryContextSwitchTo(key_context);

	memset(key, 0, sizeof(*key));
	key->id = id;
	key->queue = queue;
	key->text = text ? pstrdup(text) : NULL;
	MemoryContextSwitchTo(old_context);
	key->share.weight = 1;
	key->worker = key->holder = NO_WORKER;
	rate_assume_used(&queue->rate_per_key, &key->rate_state, queue->starts_unknown_until);
	dlist_init(&key->flows);
}

static KeyPlan *
find_or_make(QueuePlan *queue, const KeyId *id, const char *text)
{
	bool		found;
	KeyPlan    *key = hash_search(keys, id, HASH_ENTER, &found);

	if (!found)
		init_key(key, queue, text);
	return key;
}

/* One that is closed is opened by key_plan_next_open() only, with its flows. */
static void
wait_for_rate(KeyPlan *key, TimestampTz now)
{
	TimestampTz open_at;

	rate_fit(&key->queue->rate_per_key, &key->rate_state, now);
	open_at = rate_open_at(&key->queue->rate_per_key, &key->rate_state);
	if (key->is_rate_closed)
		pairingheap_remove(&closed_by_rate, &key->open_node);
	else if (open_at <= now)
		return;
	key->open_at = open_at;
	key->is_rate_closed = true;
	pairingheap_add(&closed_by_rate, &key->open_node);
}

KeyPlan *
key_plan_of(QueuePlan *queue, const char *text, int64 task_id, Oid owner,
			TimestampTz now)
{
	KeyPlan    *key;
	KeyId		id;

	if (text == NULL && queue->settings.algorithm != QUEUE_FAIR)
		return NULL;
	id = key_id(queue, text, task_id, owner);
	key = find_or_make(queue, &id, text);
	if (key->is_idle)
	{
		dlist_delete(&key->idle_node);
		key->is_idle = false;
	}
	if (text != NULL)
		wait_for_rate(key, now);
	return key;
}

/* ------------------------------------------------------------------------
 * Going
 * ------------------------------------------------------------------------ */

void
key_plan_park(KeyPlan *key)
{
	Assert(!key->is_parked);
	key->is_parked = true;
	key->parked_until = key->watermark.due_at;
	pairingheap_add(&parked, &key->parked_node);
}

void
key_plan_unpark(KeyPlan *key)
{
	if (key->is_parked)
		pairingheap_remove(&parked, &key->parked_node);
	key->is_parked = false;
}

KeyPlan *
key_plan_first_parked(void)
{
	return pairingheap_is_empty(&parked) ? NULL :
		pairingheap_container(KeyPlan, parked_node, pairingheap_first(&parked));
}

static bool
may_be_forgotten(const KeyPlan *key, TimestampTz now)
{
	return !key->is_set && key->waiting == 0 && key->running == 0 &&
		!key_plan_has_left(key) && !key->is_wanted && !key->is_parked && !key->is_read &&
		key->share.tag <= key->queue->key_clock.now &&
		!key->is_rate_closed && rate_is_idle(&key->rate_state, now);
}

static void
forget(KeyPlan *key)
{
	if (key->text != NULL)
		pfree(key->text);
	if (key->is_idle)
		dlist_delete(&key->idle_node);
	if (key->is_wanted)
		dlist_delete(&key->wanted_node);
	key_plan_unpark(key);
	if (key->is_rate_closed)
		pairingheap_remove(&closed_by_rate, &key->open_node);
	(void) hash_search(keys, &key->id, HASH_REMOVE, NULL);
}

/* Nobody has runs of it now. */
static void
become_idle(KeyPlan *key)
{
	if (key->waiting > 0 || key->running > 0 || key->is_idle)
		return;
	key->is_idle = true;
	dlist_push_tail(&idle, &key->idle_node);
}

void
key_plan_forget_queue(QueuePlan *queue)
{
	HASH_SEQ_STATUS scan;
	KeyPlan    *key;

	hash_seq_init(&scan, keys);
	while ((key = hash_seq_search(&scan)) != NULL)
	{
		if (key->queue == queue)
			forget(key);
	}
}

/* Two are looked at for each that becomes idle, so their number stays in bounds. */
static void
sweep(TimestampTz now)
{
	for (int i = 0; i < SWEEP_AT_ONCE && !dlist_is_empty(&idle); i++)
	{
		KeyPlan    *key = dlist_container(KeyPlan, idle_node, dlist_head_node(&idle));

		if (may_be_forgotten(key, now))
			forget(key);
		else
			dlist_move_tail(&idle, &key->idle_node);
	}
}

void
key_plan_release(KeyPlan *key, TimestampTz now)
{
	become_idle(key);
	if (key->is_idle)
		sweep(now);
}

/* ------------------------------------------------------------------------
 * What rows say
 * ------------------------------------------------------------------------ */

static bool
is_held(const KeyPlan *key)
{
	return key->is_paused || key->blocked_by != 0;
}

void
key_plan_begin_reload(void)
{
	HASH_SEQ_STATUS scan;
	KeyPlan    *key;

	hash_seq_init(&scan, keys);
	while ((key = hash_seq_search(&scan)) != NULL)
	{
		key->is_set = false;
		key->was_held = is_held(key);
	}
}

/* Nobody saves up while it is held. */
void
key_plan_rejoin(KeyPlan *key)
{
	if (key->was_held && !is_held(key))
		share_join(&key->share, &key->queue->key_clock);
	key->was_held = false;
}

void
key_plan_set(QueuePlan *queue, const char *text, int weight, bool is_paused,
			 int64 blocked_by)
{
	KeyId		id = key_id(queue, text, 0, InvalidOid);
	KeyPlan    *key = find_or_make(queue, &id, text);

	key->is_set = true;
	key->share.weight = weight;
	key->is_paused = is_paused;
	key->blocked_by = blocked_by;
}

void
key_plan_end_reload(KeyPlanVisitor changed, TimestampTz now)
{
	HASH_SEQ_STATUS scan;
	KeyPlan    *key;

	hash_seq_init(&scan, keys);
	while ((key = hash_seq_search(&scan)) != NULL)
	{
		if (!key->is_set)
		{
			key->share.weight = 1;
			key->is_paused = false;
			key->blocked_by = 0;
			become_idle(key);
		}
		/* The rate may be another one. */
		if (key->is_rate_closed)
			wait_for_rate(key, now);
		changed(key);
	}
}

/* ------------------------------------------------------------------------
 * Room
 * ------------------------------------------------------------------------ */

/* Strictly one after another: who is held up waits for the one that failed. */
static bool
is_its_turn(const KeyPlan *key, bool is_blocker)
{
	return is_blocker || (key->blockers == 0 && key->blocked_by == 0);
}

static int
limit_of(const KeyPlan *key)
{
	const QueueSettings *settings = &key->queue->settings;

	/* What runs without a key count under is no key. */
	if (key->text == NULL)
		return 0;
	return settings->block_key_on_failure ? 1 : settings->max_running_per_key;
}

int64
key_plan_room(const KeyPlan *key)
{
	int			limit = limit_of(key);

	return limit == 0 ? PG_INT64_MAX : Max(0, limit - key->running);
}

bool
key_plan_is_serial(const KeyPlan *key)
{
	return limit_of(key) == 1;
}

bool
key_plan_is_strict(const KeyPlan *key)
{
	return key->text != NULL && key->queue->settings.block_key_on_failure;
}

static bool
may_start(const KeyPlan *key, bool is_blocker)
{
	return !key->is_paused && !key->is_rate_closed &&
		(!key->queue->settings.block_key_on_failure || is_its_turn(key, is_blocker));
}

bool
key_plan_has_room(const KeyPlan *key, bool is_blocker)
{
	return key_plan_room(key) > 0 && may_start(key, is_blocker);
}

int
key_plan_leader(const KeyPlan *key, bool is_blocker)
{
	if (key->running == 0 || !key_plan_is_serial(key) || !may_start(key, is_blocker) ||
		(key_plan_is_strict(key) && !key->is_led_strictly))
		return NO_WORKER;
	return key->worker;
}

void
key_plan_part(KeyPlan *key)
{
	key->worker = NO_WORKER;
}

void
key_plan_start(KeyPlan *key, int worker, int64 expected_us, TimestampTz now)
{
	if (key->running++ == 0)
	{
		key->worker = worker;
		key->is_led_strictly = key_plan_is_strict(key);
	}
	else if (key->worker != worker)
		key->worker = NO_WORKER;
	if (key->queue->settings.algorithm == QUEUE_FAIR)
		share_charge(&key->share, &key->queue->key_clock, expected_us);
	if (key->text == NULL || key->queue->rate_per_key.spacing_ns == 0)
		return;
	rate_start(&key->queue->rate_per_key, &key->rate_state, now);
	wait_for_rate(key, now);
}

void
key_plan_end(KeyPlan *key)
{
	Assert(key->running > 0);
	key->running--;
}

void
key_plan_learn(KeyPlan *key, int64 charged_us, int64 used_us)
{
	if (used_us > 0)
		key->average_us = task_plan_average(key->average_us, used_us);
	if (key->queue->settings.algorithm == QUEUE_FAIR)
		share_correct(&key->share, used_us - charged_us);
}

KeyPlan *
key_plan_next_open(TimestampTz now, TimestampTz *next)
{
	KeyPlan    *key;

	*next = DT_NOEND;
	if (pairingheap_is_empty(&closed_by_rate))
		return NULL;
	key = pairingheap_container(KeyPlan, open_node, pairingheap_first(&closed_by_rate));
	if (key->open_at > now)
	{
		*next = key->open_at;
		return NULL;
	}
	(void) pairingheap_remove_first(&closed_by_rate);
	key->is_rate_closed = false;
	return key;
}

/* All move alike, so they stay in order. */
void
key_plan_clock_was_set(int64 step_us)
{
	HASH_SEQ_STATUS scan;
	KeyPlan    *key;

	hash_seq_init(&scan, keys);
	while ((key = hash_seq_search(&scan)) != NULL)
	{
		rate_clock_was_set(&key->rate_state, step_us);
		if (key->is_rate_closed)
			key->open_at += step_us;
	}
}

void
key_plan_each(KeyPlanVisitor visit)
{
	HASH_SEQ_STATUS scan;
	KeyPlan    *key;

	hash_seq_init(&scan, keys);
	while ((key = hash_seq_search(&scan)) != NULL)
		visit(key);
}

int64
key_plan_count(void)
{
	return hash_get_num_entries(keys);
}
