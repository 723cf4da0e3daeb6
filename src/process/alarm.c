/*-------------------------------------------------------------------------
 *
 * alarm.c
 *	  The alarm clock of a scheduler.
 *
 * The timer is absolute: it neither drifts nor rounds to milliseconds, and it
 * goes off at once when somebody sets the wall clock. The machine lets a sleeper
 * go on a little late; how much is measured, the timer is set that much earlier,
 * and what is left then is spun. Where there is no such timer, a latch's timeout
 * has to do.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "storage/s_lock.h"
#include "utils/memutils.h"

#include "compat.h"
#include "process/alarm.h"
#include "server/clock.h"

/* How much earlier the timer is set, so how long is spun, at most. */
#define MAX_LEAD_US		300
#define MAX_LATENCY_US	1000
/* The estimate moves by so much of itself with each wake. */
#define LATENCY_STEP	16

static int	timer_fd = -1;		/* -1: there is none */
static WaitEventSet *wait_set = NULL;
static TimestampTz armed_until = DT_NOEND;	/* by the machine's clock */
static TimestampTz armed_at = DT_NOEND; /* a lead before that */
static int64 latency_us = 0;

static void arm(TimestampTz until);
static bool sleep_once(long max_ms);
static void note_latency(int64 late_us);
static void spin_until(TimestampTz until);
static void sleep_by_latch(TimestampTz until, long max_ms);

void
alarm_init(void)
{
	if (!AcquireExternalFD())
		return;
	timer_fd = open_wall_timer();
	if (timer_fd < 0)
	{
		ReleaseExternalFD();
		return;
	}
	wait_set = create_wait_event_set(TopMemoryContext, 3);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(wait_set, WL_SOCKET_READABLE, timer_fd, NULL, NULL);
}

int64
alarm_latency_us(void)
{
	return latency_us;
}

void
alarm_sleep_until(TimestampTz until, long max_ms)
{
	TimestampTz now = taskly_now();

	if (timer_fd < 0)
	{
		sleep_by_latch(until, max_ms);
		return;
	}
	if (until - MAX_LEAD_US <= now)
		/* Too soon for the timer; but who sets the latch, or dies, is seen. */
		(void) sleep_once(0);
	else
	{
		arm(until);
		if (!sleep_once(max_ms))
			return;
		note_latency(taskly_machine_time(taskly_now()) - armed_at);
	}
	spin_until(until);
}

/*
 * Arming costs a system call, and most sleeps are cut short by the latch, so the
 * timer stays as it is while the instant does.
 */
static void
arm(TimestampTz until)
{
	TimestampTz machine_until = taskly_machine_time(until);

	if (machine_until == armed_until)
		return;
	armed_until = machine_until;
	armed_at = machine_until == DT_NOEND ? DT_NOEND :
		machine_until - Min(latency_us, MAX_LEAD_US);
	set_wall_timer(timer_fd, armed_at);
}

/* True when the timer has gone off, and not since somebody has set the clock. */
static bool
sleep_once(long max_ms)
{
	WaitEvent	events[2];
	int			count = WaitEventSetWait(wait_set, max_ms, events, lengthof(events),
										 TASKLY_WAIT_EVENT("TasklyMain"));
	bool		went_off = false;

	for (int i = 0; i < count; i++)
	{
		if ((events[i].events & WL_SOCKET_READABLE) == 0)
			continue;
		went_off = read_wall_timer(timer_fd);
		armed_until = DT_NOEND;
	}
	return went_off;
}

/*
 * A running median: it steps up or down by the same amount, whichever side the
 * new value is of. A mean would follow the few that are very late.
 */
static void
note_latency(int64 late_us)
{
	int64		step = 1 + latency_us / LATENCY_STEP;

	if (latency_us == 0)
		latency_us = late_us;
	else
		latency_us += late_us > latency_us ? step : -step;
	latency_us = Min(Max(latency_us, 1), MAX_LATENCY_US);
}

/* Bounded by the other clock, since this one may be set. */
static void
spin_until(TimestampTz until)
{
	int64		give_up_us = taskly_monotonic_us() + MAX_LEAD_US;

	while (taskly_now() < until && taskly_monotonic_us() < give_up_us &&
		   !((volatile Latch *) MyLatch)->is_set)
		SPIN_DELAY();
}

static void
sleep_by_latch(TimestampTz until, long max_ms)
{
	int64		left_us = until == DT_NOEND ? PG_INT64_MAX : until - taskly_now();

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 (long) Min(Max(left_us, 0) / 1000 + 1, max_ms),
					 TASKLY_WAIT_EVENT("TasklyMain"));
}
