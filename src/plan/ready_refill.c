/*-------------------------------------------------------------------------
 *
 * ready_refill.c
 *	  How runs that were left in their table are found again.
 *
 * Those of a key are read when it has room and few runs in memory; those of a task
 * together with its queue's rows from its watermark on, when it may start more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "plan/ready_private.h"

/* So many runs of a key are read at once. */
#define KEY_REFILL	1024
/* And so many of those that wait for space are looked at. */
#define UNPARKED_AT_ONCE	256

static dlist_head wanted_keys = DLIST_STATIC_INIT(wanted_keys);
static dlist_head left_tasks = DLIST_STATIC_INIT(left_tasks);
static bool wants_tasks = false;	/* some of them */

void
ready_refill_init(void)
{
	dlist_init(&wanted_keys);
	dlist_init(&left_tasks);
	wants_tasks = false;
}

/* ------------------------------------------------------------------------
 * Keys
 * ------------------------------------------------------------------------ */

/* What is beyond its queue's watermark comes with the queue's rows, if all of it may. */
static bool
comes_with_queue(const KeyPlan *key)
{
	const QueuePlan *queue = key->queue;

	if (queue->is_read || place_is_before(key->watermark, queue->watermark))
		return false;
	return ready_is_complete(queue) ||
		(queue->settings.algorithm != QUEUE_FAIR &&
		 (key->waiting == 0 || !place_is_before(queue->watermark, key->last)));
}

static bool
wants_refill(KeyPlan *key)
{
	if (key->is_apart && comes_with_queue(key))
		key->is_apart = false;
	return key_plan_has_left(key) && key_plan_has_room(key, false) &&
		!key->queue->settings.is_paused;
}

/* Each start of one that is open looks for more. */
static bool
has_open_flow(KeyPlan *key)
{
	dlist_iter	iter;

	dlist_foreach(iter, &key->flows)
	{
		if (dlist_container(ReadyFlow, key_node, iter.cur)->is_open)
			return true;
	}
	return false;
}

/*
 * Without space a key has none but its first runs read, and nothing is evicted for
 * them: the keys of what was would want the same at once. Those in memory that are
 * not due, or whose task waits, do not keep out what may start.
 */
static bool
has_space_for(KeyPlan *key)
{
	if (ready_has_space() && key->waiting < ready_low())
		return true;
	/* Beyond its share they would be left again at once. */
	return key->watermark.due_at <= ready.now && !has_open_flow(key) &&
		key->waiting < ready.limit / WAITING_SHARE &&
		(ready.waiting < ready.limit || ready_is_full_of_timers());
}

/*
 * Into the list of those that are read next, or to those that wait for space, or
 * until they are due; one with its share in memory is looked at as these go.
 */
static void
list_key(KeyPlan *key)
{
	key->is_wanted = has_space_for(key);
	if (key->is_wanted)
		dlist_push_tail(&wanted_keys, &key->wanted_node);
	else if (!has_open_flow(key) && key->waiting < ready.limit / WAITING_SHARE)
		key_plan_park(key);
}

void
ready_look_for_left(KeyPlan *key)
{
	if (key->is_wanted || key->is_read)
		return;
	key_plan_unpark(key);
	if (wants_refill(key))
		list_key(key);
}

KeyPlan *
ready_key_wanting_refill(void)
{
	while (!dlist_is_empty(&wanted_keys))
	{
		KeyPlan    *key = dlist_container(KeyPlan, wanted_node, dlist_pop_head_node(&wanted_keys));

		key->is_wanted = false;
		/* Still? A run that holds up the others may have come. */
		if (wants_refill(key) && has_space_for(key))
			return key;
		ready_look_for_left(key);
	}
	return NULL;
}

/* There is space for those that wait for it. Returns when the next one is due. */
static TimestampTz
unpark_keys(void)
{
	KeyPlan    *key = key_plan_first_parked();

	for (int i = 0; i < UNPARKED_AT_ONCE && key != NULL &&
		 (has_space_for(key) || has_open_flow(key)); i++)
	{
		ready_look_for_left(key);
		key = key_plan_first_parked();
	}
	return key != NULL && key->parked_until > ready.now ? key->parked_until : DT_NOEND;
}

bool
ready_has_key_wanting_refill(void)
{
	return !dlist_is_empty(&wanted_keys);
}

int
ready_key_refill_size(void)
{
	int			size = Max(2, Min(KEY_REFILL, ready.limit / WAITING_SHARE));

	return Min(size, Max(1, ready.limit - ready.waiting));
}

void
ready_begin_key_refill(KeyPlan *key)
{
	key->watermark = LAST_PLACE;
	key->is_read = true;
}

void
ready_end_key_refill(KeyPlan *key, RunPlace last_read, bool is_end)
{
	key->is_read = false;
	/* Some of the last may have come with the rows that were read. */
	if (!is_end && place_is_before(last_read, key->watermark))
		key->watermark = last_read;
	ready_look_for_left(key);
}

/* ------------------------------------------------------------------------
 * Tasks
 * ------------------------------------------------------------------------ */

void
ready_task_has_left(TaskPlan *task)
{
	task->has_left = true;
	dlist_push_tail(&left_tasks, &task->left_node);
}

void
ready_task_changed(TaskPlan *task)
{
	dlist_iter	iter;

	flow_task_changed(task);
	dlist_foreach(iter, &task->flows)
	{
		KeyPlan    *key = dlist_container(ReadyFlow, task_node, iter.cur)->id.key;

		if (ready_has_key(key))
			ready_look_for_left(key);
	}
}

static int64
count_ready(TaskPlan *task)
{
	int64		count = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &task->flows)
		count += dlist_container(ReadyFlow, task_node, iter.cur)->count;
	return count;
}

/* Those of keys that wait do not count. */
static bool
has_open_flow_of(TaskPlan *task)
{
	dlist_iter	iter;

	dlist_foreach(iter, &task->flows)
	{
		if (dlist_container(ReadyFlow, task_node, iter.cur)->is_open)
			return true;
	}
	return false;
}

/* Would what is read stay in memory? Not before much of what waits there has gone. */
static bool
may_have_more(const TaskPlan *task)
{
	int64		share = ready.limit / WAITING_SHARE;

	return (task_plan_has_room(task) && !task->turn_is_taken) ||
		(flow_closed_runs() < share / 2 && ready.held < share / 2);
}

static bool
is_wanted(TaskPlan *task)
{
	return !task->is_paused && may_have_more(task) && dlist_is_empty(&task->held) &&
		(!has_open_flow_of(task) || (ready_has_space() && count_ready(task) < ready_low()));
}

TimestampTz
ready_look_for_wanted(void)
{
	TimestampTz next = unpark_keys();
	dlist_iter	iter;

	wants_tasks = false;
	dlist_foreach(iter, &left_tasks)
	{
		if (is_wanted(dlist_container(TaskPlan, left_node, iter.cur)))
			wants_tasks = true;
	}
	return next;
}

bool
ready_wants_left(void)
{
	return wants_tasks;
}

void
ready_read_left(TaskPlan *task)
{
	QueuePlan  *queue;

	if (!task->has_left)
		return;
	task->has_left = false;
	dlist_delete(&task->left_node);
	queue = throttle_find(task->left_queue_id);
	if (queue != NULL)
		ready_read_again(queue, task->watermark);
}

void
ready_read_left_tasks(void)
{
	dlist_mutable_iter iter;

	wants_tasks = false;
	dlist_foreach_modify(iter, &left_tasks)
	{
		TaskPlan   *task = dlist_container(TaskPlan, left_node, iter.cur);

		if (is_wanted(task))
			ready_read_left(task);
	}
}

/* The arguments of a visit to all keys. */
static const QueuePlan *visited_queue;
static RunPlace visited_place;

static void
lower_key(KeyPlan *key)
{
	if (!key->is_apart || key->queue != visited_queue ||
		!place_is_before(visited_place, key->watermark))
		return;
	key->watermark = visited_place;
	ready_look_for_left(key);
}

void
ready_lower_keys(QueuePlan *queue, RunPlace place)
{
	visited_queue = queue;
	visited_place = place;
	key_plan_each(lower_key);
}

static void
forget_left_of_key(KeyPlan *key)
{
	key->is_apart = false;
}

void
ready_forget_left(void)
{
	wants_tasks = false;
	key_plan_each(forget_left_of_key);
	while (!dlist_is_empty(&left_tasks))
		dlist_container(TaskPlan, left_node, dlist_pop_head_node(&left_tasks))->has_left = false;
}
