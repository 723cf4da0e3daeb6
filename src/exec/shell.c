/*-------------------------------------------------------------------------
 *
 * shell.c
 *	  A supervisor's shell runs: start one, watch it, end it, take its result.
 *
 * Each run has a taskly_guard (src/guard) between this process and the command.
 * The guard sees to it that nothing of the run is left behind, also when this
 * process dies: it holds the other end of a control pipe. Three more pipes bring
 * its status messages and the command's two outputs. The text of the command and
 * the args travel in anonymous files, so that the guard's arguments show neither.
 *
 * A run has ended when its guard is reaped, which is after the command and all
 * its descendants, and its outputs are at EOF. Should somebody outside the tree
 * hold an output open, that is waited for no longer than DRAIN_MS.
 *
 * A guard that is killed takes the command along (PR_SET_PDEATHSIG); what else
 * it had under it becomes a child of this process, which is a subreaper for that
 * reason alone, and is killed here.
 *
 * All memory is taken before the first descriptor and the fork. From there on
 * nothing can raise an error until shell_finish(), when all are given back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "exec/output.h"
#include "exec/shell.h"
#include "exec/shell_launch.h"
#include "guard/taskly_guard.h"
#include "server/clock.h"

#define DRAIN_MS 1000			/* for outputs held open by strangers */
#define GUARD_LATE_MS 5000		/* beyond what a guard takes at most */
#define STRAY_INTERVAL_MS 10
#define READ_SIZE 16384
#define READS_PER_TURN 16		/* no child keeps the others waiting */

struct ShellChild
{
	dlist_node	node;			/* in children */
	MemoryContext context;		/* holds all of this */
	ShellState	state;
	pid_t		guard_pid;		/* 0 once reaped */
	pid_t		session;		/* the same, for good */
	int			fds[SHELL_FDS];	/* -1: closed */
	int			grace_ms;
	int64		late_at;		/* guard gone by then; 0: its end is not near */
	int64		reaped_at;
	bool		has_strays;		/* after the guard's end */
	OutputCapture *capture;
	ShellResult result;			/* but for the output */
};

static dlist_head children = DLIST_STATIC_INIT(children);

static void reap_guard(ShellChild *child);
static void hurry_guard(ShellChild *child);
static void expect_end(ShellChild *child);
static void read_status(ShellChild *child);
static void take_message(ShellChild *child, const GuardMessage *message);
static void log_no_guard(int why);
static void read_outputs(ShellChild *child);
static bool read_output(ShellChild *child, ShellFd which, OutputStream stream);
static bool is_drained(const ShellChild *child);
static bool kill_strays(void);
static bool kill_stray(pid_t pid);

ShellChild *
shell_start(const ShellSpec *spec, MemoryContext context)
{
	MemoryContext own = AllocSetContextCreate(context, "taskly shell run", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	ShellChild *child = palloc0(sizeof(ShellChild));
	ShellLaunch *launch = shell_launch_prepare(spec);

	child->context = own;
	child->grace_ms = Max(spec->grace_ms, 0);
	child->capture = output_create(spec->output_limit, GetDatabaseEncoding());
	MemoryContextSwitchTo(old);

	child->guard_pid = shell_launch(launch, child->fds);
	if (child->guard_pid < 0)
	{
		int			save_errno = errno;

		MemoryContextDelete(own);
		errno = save_errno;
		return NULL;
	}
	child->session = child->guard_pid;
	dlist_push_tail(&children, &child->node);
	return child;
}

pid_t
shell_pid(const ShellChild *child)
{
	return child->session;
}

int
shell_wait_fds(const ShellChild *child, pgsocket fds[SHELL_WAIT_FDS])
{
	int			count = 0;

	for (int i = SHELL_FD_STDOUT; i <= SHELL_FD_STATUS; i++)
		if (child->fds[i] >= 0)
			fds[count++] = child->fds[i];
	return count;
}

long
shell_nap_ms(const ShellChild *child)
{
	int64		due_at = child->late_at;

	if (child->state == SHELL_ENDED)
		return 0;
	if (child->has_strays)
		return STRAY_INTERVAL_MS;
	if (child->guard_pid == 0)
		due_at = child->reaped_at + DRAIN_MS * 1000;
	if (due_at == 0)
		return -1;
	return (long) (Max(due_at - taskly_monotonic_us(), 0) / 1000 + 1);
}

ShellState
shell_service(ShellChild *child)
{
	if (child->state == SHELL_ENDED)
		return SHELL_ENDED;

	/* Reap first: what a guard has said is in the pipe when it is gone. */
	reap_guard(child);
	read_status(child);
	read_outputs(child);

	if (child->guard_pid != 0)
	{
		hurry_guard(child);
		return SHELL_RUNNING;
	}
	if (child->has_strays)
		child->has_strays = kill_strays() &&
			taskly_monotonic_us() < child->reaped_at + GUARD_KILL_LIMIT_MS * 1000;
	if (child->has_strays || !is_drained(child))
		return SHELL_RUNNING;

	shell_close_all(child->fds, SHELL_FDS);
	child->state = SHELL_ENDED;
	return SHELL_ENDED;
}

void
shell_terminate(ShellChild *child)
{
	char		letter = GUARD_TERMINATE;

	if (child->guard_pid == 0)
		return;
	/* A guard that is gone meanwhile needs no telling. */
	(void) !write(child->fds[SHELL_FD_CONTROL], &letter, 1);
	expect_end(child);
}

void
shell_finish(ShellChild *child, ShellResult *result)
{
	Assert(child->state == SHELL_ENDED);

	*result = child->result;
	result->output_bytes = output_bytes(child->capture);
	result->output = output_text(child->capture, &result->truncated);

	dlist_delete(&child->node);
	MemoryContextDelete(child->context);
}

void
shell_abandon_all(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &children)
	{
		ShellChild *child = dlist_container(ShellChild, node, iter.cur);

		shell_close_all(child->fds, SHELL_FDS);
		dlist_delete(&child->node);
	}
}

static void
reap_guard(ShellChild *child)
{
	pid_t		reaped;

	if (child->guard_pid == 0)
		return;
	do
		reaped = waitpid(child->guard_pid, NULL, WNOHANG);
	while (reaped < 0 && errno == EINTR);
	if (reaped == 0)
		return;
	child->guard_pid = 0;
	child->reaped_at = taskly_monotonic_us();
	child->has_strays = true;	/* until seen otherwise */
	shell_close(&child->fds[SHELL_FD_CONTROL]);
}

/* A guard that is stopped or broken must not keep its run for ever. */
static void
hurry_guard(ShellChild *child)
{
	if (child->late_at != 0 && taskly_monotonic_us() >= child->late_at)
		kill(child->guard_pid, SIGKILL);
}

/* The guard has begun to end its tree, which it does within a known time. */
static void
expect_end(ShellChild *child)
{
	if (child->late_at == 0)
		child->late_at = taskly_monotonic_us() +
			((int64) child->grace_ms + GUARD_KILL_LIMIT_MS + GUARD_LATE_MS) * 1000;
}

static void
read_status(ShellChild *child)
{
	GuardMessage message;
	ssize_t		got;

	while (child->fds[SHELL_FD_STATUS] >= 0)
	{
		/* Written in one piece, messages are read in one piece. */
		got = read(child->fds[SHELL_FD_STATUS], &message, sizeof(message));
		if (got == sizeof(message))
			take_message(child, &message);
		else if (got >= 0 || (errno != EINTR && errno != EAGAIN))
			shell_close(&child->fds[SHELL_FD_STATUS]);
		else if (errno == EAGAIN)
			return;
	}
}

static void
take_message(ShellChild *child, const GuardMessage *message)
{
	ShellResult *result = &child->result;

	switch (message->kind)
	{
		case GUARD_STARTED:
			result->started = true;
			return;
		case GUARD_EXITED:
			result->exited = true;
			result->exit_code = message->value;
			break;
		case GUARD_KILLED:
			result->signal = message->value;
			break;
		case GUARD_UNAVAILABLE:
			log_no_guard(message->value);
			/* FALLTHROUGH */
		case GUARD_EXEC_FAILED:
			result->exec_errno = message->value;
			break;
	}
	expect_end(child);
}

/* An installation fault, not one of the command: say it where it is looked for. */
static void
log_no_guard(int why)
{
	static bool is_logged = false;

	if (is_logged)
		return;
	is_logged = true;
	errno = why;
	ereport(LOG,
			(errmsg("could not start \"%s/taskly_guard\": %m", pkglib_path),
			 errdetail("No shell command can be run without it.")));
}

/* Both outputs in turn, so that they come out about as they were written. */
static void
read_outputs(ShellChild *child)
{
	for (int i = 0; i < READS_PER_TURN; i++)
	{
		bool		has_more = read_output(child, SHELL_FD_STDOUT, OUTPUT_STDOUT);

		has_more |= read_output(child, SHELL_FD_STDERR, OUTPUT_STDERR);
		if (!has_more)
			return;
	}
}

/* Read once; is it worth another try? */
static bool
read_output(ShellChild *child, ShellFd which, OutputStream stream)
{
	char		buffer[READ_SIZE];
	ssize_t		got;

	if (child->fds[which] < 0)
		return false;
	got = read(child->fds[which], buffer, sizeof(buffer));
	if (got > 0)
		output_append(child->capture, stream, buffer, got);
	else if (got == 0 || (errno != EINTR && errno != EAGAIN))
		shell_close(&child->fds[which]);
	return got > 0;
}

static bool
is_drained(const ShellChild *child)
{
	return (child->fds[SHELL_FD_STDOUT] < 0 && child->fds[SHELL_FD_STDERR] < 0) ||
		taskly_monotonic_us() >= child->reaped_at + DRAIN_MS * 1000;
}

/*
 * Kill and reap children of this process that are no guards; was there one? Then
 * look again: the children of those that died have become ours. A kernel without
 * this file shows no strays.
 */
static bool
kill_strays(void)
{
	char		buffer[4096];
	int			fd;
	ssize_t		got;
	pid_t		pid = 0;
	bool		has_found = false;

	snprintf(buffer, sizeof(buffer), "/proc/self/task/%d/children", MyProcPid);
	fd = open(buffer, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
	{
		for (ssize_t i = 0; i < got; i++)
		{
			if (isdigit((unsigned char) buffer[i]))
				pid = pid * 10 + (buffer[i] - '0');
			else if (pid > 0)
			{
				has_found |= kill_stray(pid);
				pid = 0;
			}
		}
	}
	close(fd);
	return has_found;
}

/* Is this child of ours a stray? It has been killed then. */
static bool
kill_stray(pid_t pid)
{
	dlist_iter	iter;

	dlist_foreach(iter, &children)
	{
		if (dlist_container(ShellChild, node, iter.cur)->guard_pid == pid)
			return false;
	}
	kill(pid, SIGKILL);
	(void) waitpid(pid, NULL, WNOHANG);
	return true;
}
