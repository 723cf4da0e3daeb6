/*-------------------------------------------------------------------------
 *
 * simulation.c
 *	  What would happen.
 *
 * Time goes from event to event: an occurrence is due, a run ends or expires, a
 * worker is found at a slow run, or has served its quantum. At each of them
 * workers are served. Memory follows what is unfinished.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#include "plan/agenda.h"
#include "plan/crew.h"
#include "plan/overlap.h"
#include "plan/ready.h"
#include "plan/role_plan.h"
#include "plan/simulation.h"
#include "plan/task_plan.h"
#include "plan/throttle.h"

/* A task on the stage. */
typedef struct Player
{
	int64		task_id;		/* hash key */
	SimulatedTask task;
	int			unfinished;
	dlist_head	acts;			/* Act.task_node: its unfinished runs, the oldest first */
} Player;

/* The one that is played now. */
static struct
{
	HTAB	   *players;
	int64		run_count;
	SimulatedRunReceiver receive;
	void	   *receive_arg;
} stage;

void
simulation_begin(MemoryContext context, int workers, int shell_runs)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(int64);
	control.entrysize = sizeof(Player);
	control.hcxt = context;
	memset(&stage, 0, sizeof(stage));
	stage.players = hash_create("taskly simulated tasks", 256, &control,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	crew_begin(context, workers, shell_runs);
	throttle_init(context);
	task_plan_init(context);
	/* Nothing is ever evicted. */
	ready_init(context, INT_MAX);
	role_plan_init(context);
	agenda_init(context, 0);
}

static Player *
find_player(int64 task_id)
{
	return hash_search(stage.players, &task_id, HASH_FIND, NULL);
}

void
simulation_add_task(const SimulatedTask *task, TimestampTz since)
{
	ScheduledTask scheduled = task->scheduled;
	TaskFacts	facts = {
		.task_id = task->scheduled.task_id,
		.is_shell = task->scheduled.is_shell,
		.is_serial = task->scheduled.overlap != OVERLAP_ALLOW
	};
	Player	   *player;

	player = hash_search(stage.players, &scheduled.task_id, HASH_ENTER, NULL);
	player->task = *task;
	player->unfinished = 0;
	dlist_init(&player->acts);
	task_plan_set(&facts)->average_us = task->duration_us;

	scheduled.last_fire = since - 1;
	scheduled.last_finished_at = DT_NOBEGIN;
	/* When its last run has finished is not known: it counts from here. */
	if (scheduled.timetable.schedule.kind == SCHEDULE_AFTER_FINISH)
	{
		scheduled.last_fire = DT_NOBEGIN;
		scheduled.timetable.anchor = Max(scheduled.timetable.anchor, since);
	}
	/* Nothing is missed. */
	agenda_put(&scheduled, since - 1);
}

/* ------------------------------------------------------------------------
 * Ends
 * ------------------------------------------------------------------------ */

/* It is over, wherever it is. */
static void
end_act(Act *act, RunStatus status, TimestampTz now)
{
	Player	   *player = find_player(act->run.task->scheduled.task_id);
	TaskPlan   *plan = task_plan_find(player->task_id);

	act->run.status = status;
	act->run.misses_deadline = status == RUN_EXPIRED ||
		(status == RUN_TIMED_OUT && now == act->deadline_at);
	if (act->run.started_at != DT_NOEND)
	{
		act->run.ended_at = now;
		plan->average_us = task_plan_average(plan->average_us, now - act->run.started_at);
	}
	stage.receive(&act->run, stage.receive_arg);
	dlist_delete(&act->task_node);
	player->unfinished--;
	crew_remove(act, now);
	agenda_finished(player->task_id, now);
}

static void
end_runs(TimestampTz now)
{
	Act		   *act;

	while ((act = crew_next_ended(now)) != NULL)
		end_act(act, act->run.status, now);
}

static void
expire_runs(TimestampTz now)
{
	TimestampTz next;
	RunEntry   *entry;

	while ((entry = ready_next_expired(now, &next)) != NULL)
		end_act(crew_find(entry->run_id), RUN_EXPIRED, now);
}

/* ------------------------------------------------------------------------
 * Occurrences
 * ------------------------------------------------------------------------ */

static void
count_run(void)
{
	if (++stage.run_count > SIMULATION_MAX_RUNS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many runs to simulate"),
				 errdetail("At most %d occurrences can be played at once.", SIMULATION_MAX_RUNS),
				 errhint("Choose a shorter time.")));
}

static SimulatedRun
make_run(const Player *player, TimestampTz scheduled_for)
{
	SimulatedRun run = {
		.task = &player->task,
		.scheduled_for = scheduled_for,
		.started_at = DT_NOEND,
		.ended_at = DT_NOEND,
		.overlaps = player->unfinished > 0
	};

	return run;
}

static void
put_act(Player *player, TimestampTz scheduled_for, TimestampTz now)
{
	const SimulatedTask *task = &player->task;
	WaitingRun	waiting = {
		.run_id = stage.run_count,
		.task_id = player->task_id,
		.due_at = scheduled_for,
		.wake_at = DT_NOBEGIN,
		.deadline_at = task->deadline_us ? scheduled_for + task->deadline_us : DT_NOEND,
		.priority = task->priority,
		.owner = task->scheduled.owner,
		.is_shell = task->scheduled.is_shell,
		.is_serial = task->scheduled.overlap != OVERLAP_ALLOW
	};
	Act		   *act = crew_add(waiting.run_id);

	act->run = make_run(player, scheduled_for);
	act->deadline_at = waiting.deadline_at;
	dlist_push_tail(&player->acts, &act->task_node);
	player->unfinished++;
	ready_put(throttle_find(task->queue_id), &waiting, now);
}

/* Those before the newest one; what is in a worker's hand unbegun is begun first. */
static void
cancel_earlier(Player *player, TimestampTz now)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &player->acts)
	{
		Act		   *act = dlist_container(Act, task_node, iter.cur);

		if (act->run_id == stage.run_count)
			break;
		if (act->is_begun || act->worker == NULL)
			end_act(act, RUN_CANCELLED, now);
	}
}

static void
fire(AgendaEntry *entry, TimestampTz now)
{
	AgendaFire	choice = agenda_choose(entry, now);
	Player	   *player = find_player(entry->task.task_id);
	int			running = task_plan_find(player->task_id)->running;
	SimulatedRun skipped;
	OverlapStep step = overlap_meet(&entry->task, choice.is_made_up, running,
									player->unfinished - running);

	if (step == OVERLAP_STEP_WAIT)
	{
		agenda_wait_for_finish(entry, DT_NOEND);
		return;
	}
	count_run();
	agenda_fired(entry, choice.fire_at, step != OVERLAP_STEP_PASS);
	if (step == OVERLAP_STEP_PASS)
	{
		skipped = make_run(player, choice.fire_at);
		skipped.status = RUN_SKIPPED;
		stage.receive(&skipped, stage.receive_arg);
		return;
	}
	put_act(player, choice.fire_at, now);
	if (step == OVERLAP_STEP_CANCEL_AND_RUN)
		cancel_earlier(player, now);
}

static void
fire_due(TimestampTz now)
{
	AgendaEntry *entry;
	TimestampTz next;

	while ((entry = agenda_next_due(now, &next)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		fire(entry, now);
	}
}

/* ------------------------------------------------------------------------
 * The play
 * ------------------------------------------------------------------------ */

/* The next instant at which something happens; DT_NOEND: the play is over. */
static TimestampTz
next_event(TimestampTz until)
{
	TimestampTz fire;
	TimestampTz next;

	(void) ready_next_expired(DT_NOBEGIN, &next);
	(void) agenda_next_due(DT_NOBEGIN, &fire);
	if (fire < until)
		next = Min(next, fire);
	return earlier(next, crew_next_event());
}

/* What nothing lets start: its queue is paused, say. */
static void
tell_waiting(Act *act)
{
	act->run.status = RUN_QUEUED;
	stage.receive(&act->run, stage.receive_arg);
}

void
simulation_play(TimestampTz until, SimulatedRunReceiver receive, void *arg)
{
	TimestampTz now;

	stage.receive = receive;
	stage.receive_arg = arg;
	while ((now = next_event(until)) != DT_NOEND)
	{
		CHECK_FOR_INTERRUPTS();
		end_runs(now);
		expire_runs(now);
		if (now < until)
			fire_due(now);
		crew_serve(now);
	}
	crew_each(tell_waiting);
}
