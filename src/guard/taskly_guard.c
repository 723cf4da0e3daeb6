/*
 * taskly_guard.c
 *		Runs one shell command and leaves nothing of it behind.
 *
 * One guard stands between a taskly supervisor and each command.  It starts
 * the command, tells the supervisor how it went, and ends every descendant of
 * it: after the command's own exit, when asked to, and when the supervisor is
 * gone (the control pipe then reads EOF, however it died).
 *
 * No descendant can get away, because the guard is their subreaper: whoever
 * loses its parent (double fork, setsid) becomes a child of the guard.  So
 * "wait() has no children" is the proof that the tree is gone.  The command
 * stays unreaped until then, which keeps its process group id from being used
 * again; other processes are signalled through a pidfd, after a second look at
 * their start time.
 *
 *	RUNNING --command exited, or end asked for--> TERMINATING (SIGTERM, once)
 *	TERMINATING --grace over--> KILLING (SIGKILL, again and again)
 *	any --command exited and no descendant left--> OVER
 *	KILLING --GUARD_KILL_LIMIT_MS over--> OVER (something cannot be killed)
 *
 * The guard always exits with 0.  A postmaster that is process 1 of a container
 * adopts guards whose supervisor died, and takes any other status for a crash
 * of one of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "process_tree.h"
#include "taskly_guard.h"

#define OOM_SCORE_ADJ 500
#define KILL_INTERVAL_MS 10
#define RECHECK_INTERVAL_MS 1000

typedef enum GuardPhase
{
	PHASE_RUNNING,
	PHASE_TERMINATING,
	PHASE_KILLING,
	PHASE_OVER
} GuardPhase;

typedef struct Guard
{
	GuardPhase	phase;
	int64_t		deadline_ms;	/* end of this phase, monotonic */
	int			grace_ms;
	pid_t		command;		/* 0 once reaped */
	bool		has_exited;
	bool		is_end_wanted;
	int			signal_fd;
	int			control_fd;		/* -1 once it has said all it can */
	int			exec_fd;		/* -1 once the exec is known to have worked */
	bool		exec_failed;
} Guard;

extern char **environ;

static void prepare_process(void);
static void reset_signals(void);
static char *read_command(void);
static bool start_command(Guard *guard, char *command);
static void run_command(char *command, int exec_fd, pid_t guard_pid);
static void raise_oom_score(void);
static void silence_output(void);
static void wait_for_events(Guard *guard);
static int	poll_timeout(const Guard *guard);
static void read_control(Guard *guard);
static void read_signals(Guard *guard);
static void settle_exec(Guard *guard);
static void collect_exits(Guard *guard);
static void advance(Guard *guard);
static bool tree_is_gone(Guard *guard);
static bool command_is_only_child(pid_t command);
static void signal_tree(const Guard *guard, const int *signals, int count);
static void report(GuardMessageKind kind, int value);
static int64_t now_ms(void);

int
main(int argc, char **argv)
{
	Guard		guard = {.phase = PHASE_RUNNING};
	char	   *command;

	if (argc != 2)
	{
		fprintf(stderr, "taskly_guard is started by taskly, not by hand\n");
		return 0;
	}
	guard.grace_ms = atoi(argv[1]);
	guard.control_fd = GUARD_FD_CONTROL;

	prepare_process();
	command = read_command();
	if (command == NULL || !start_command(&guard, command))
		return 0;
	free(command);

	while (guard.phase != PHASE_OVER)
	{
		wait_for_events(&guard);
		collect_exits(&guard);
		advance(&guard);
	}
	return 0;
}

/* Give up all that came with the process that started this one. */
static void
prepare_process(void)
{
	struct rlimit no_core = {0, 0};
	int			fd;

	reset_signals();
	if (syscall(SYS_close_range, GUARD_FD_COUNT, ~0U, 0) < 0)
		for (fd = sysconf(_SC_OPEN_MAX) - 1; fd >= GUARD_FD_COUNT; fd--)
			close(fd);
	for (fd = GUARD_FD_CONTROL; fd < GUARD_FD_COUNT; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);

	/* Out of reach of signals for the supervisor's group, terminals too. */
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	umask(077);
}

/*
 * Every signal back to its default, and all blocked: the guard learns of those
 * it cares for by signalfd, the others must not end it.
 */
static void
reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t	all;
	int			signo;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (signo = 1; signo <= SIGRTMAX; signo++)
		sigaction(signo, &action, NULL);
}

/* The command text, or NULL when that was reported as a failure. */
static char *
read_command(void)
{
	char	   *command = NULL;
	size_t		length = 0;
	size_t		space = 0;
	ssize_t		got;

	do
	{
		if (length + 1 >= space)
		{
			char	   *bigger = realloc(command, space += 8192);

			if (bigger == NULL)
			{
				report(GUARD_UNAVAILABLE, ENOMEM);
				free(command);
				return NULL;
			}
			command = bigger;
		}
		got = read(GUARD_FD_COMMAND, command + length, space - length - 1);
		if (got > 0)
			length += got;
	} while (got > 0 || (got < 0 && errno == EINTR));

	if (got < 0)
	{
		report(GUARD_UNAVAILABLE, errno);
		free(command);
		return NULL;
	}
	close(GUARD_FD_COMMAND);
	command[length] = '\0';
	return command;
}

/* Start the command; false when that was reported as a failure. */
static bool
start_command(Guard *guard, char *command)
{
	pid_t		guard_pid = getpid();
	int			exec_pipe[2];
	sigset_t	watched;

	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	sigaddset(&watched, SIGTERM);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGHUP);
	sigaddset(&watched, SIGQUIT);
	guard->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (guard->signal_fd < 0 || pipe2(exec_pipe, O_CLOEXEC) < 0)
	{
		report(GUARD_UNAVAILABLE, errno);
		return false;
	}
	guard->exec_fd = exec_pipe[0];

	guard->command = fork();
	if (guard->command < 0)
	{
		report(GUARD_EXEC_FAILED, errno);
		return false;
	}
	if (guard->command == 0)
		run_command(command, exec_pipe[1], guard_pid);

	/* Both sides do this, so that neither meets a group that is not there. */
	setpgid(guard->command, guard->command);
	close(exec_pipe[1]);
	silence_output();
	return true;
}

/* In the new process: become the command.  Does not return. */
static void
run_command(char *command, int exec_fd, pid_t guard_pid)
{
	char	   *argv[] = {"sh", "-c", "--", command, NULL};
	sigset_t	none;
	int			failure;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != guard_pid)
		_exit(0);
	setpgid(0, 0);
	raise_oom_score();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	execve("/bin/sh", argv, environ);
	failure = errno;
	(void) !write(exec_fd, &failure, sizeof(failure));
	_exit(127);
}

/* When memory runs out, the command goes first.  Best effort. */
static void
raise_oom_score(void)
{
	char		text[16] = {0};
	int			fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0 && atoi(text) < OOM_SCORE_ADJ)
	{
		snprintf(text, sizeof(text), "%d", OOM_SCORE_ADJ);
		(void) !pwrite(fd, text, strlen(text), 0);
	}
	close(fd);
}

/* The pipes must reach EOF when the command's side closes them. */
static void
silence_output(void)
{
	int			null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int			fd;

	for (fd = GUARD_FD_STDIN; fd <= GUARD_FD_STDERR; fd++)
		if (null_fd < 0 || dup2(null_fd, fd) < 0)
			close(fd);
	if (null_fd > GUARD_FD_STDERR)
		close(null_fd);
}

/* Sleep until something happens or is due, and note what. */
static void
wait_for_events(Guard *guard)
{
	struct pollfd fds[3] = {
		{.fd = guard->signal_fd, .events = POLLIN},
		{.fd = guard->control_fd, .events = POLLIN},
		{.fd = guard->exec_fd, .events = POLLIN},
	};

	if (poll(fds, 3, poll_timeout(guard)) <= 0)
		return;
	if (fds[0].revents)
		read_signals(guard);
	if (fds[1].revents)
		read_control(guard);
	if (fds[2].revents)
		settle_exec(guard);
}

/*
 * The last descendant's end always brings a SIGCHLD here; the upper limit is
 * for kernels that would disagree.
 */
static int
poll_timeout(const Guard *guard)
{
	int64_t		left_ms = guard->deadline_ms - now_ms();

	if (guard->phase == PHASE_RUNNING)
		return -1;
	if (guard->phase == PHASE_KILLING)
		return KILL_INTERVAL_MS;
	if (left_ms < 0)
		return 0;
	return left_ms < RECHECK_INTERVAL_MS ? (int) left_ms : RECHECK_INTERVAL_MS;
}

/* EOF says that the supervisor is gone. */
static void
read_control(Guard *guard)
{
	char		letters[16];
	ssize_t		got = read(guard->control_fd, letters, sizeof(letters));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got > 0 && memchr(letters, GUARD_TERMINATE, got) == NULL)
		return;
	guard->is_end_wanted = true;
	close(guard->control_fd);
	guard->control_fd = -1;
}

/* SIGCHLD only wakes; a signal that asks the guard to end ends the command. */
static void
read_signals(Guard *guard)
{
	struct signalfd_siginfo info;

	while (read(guard->signal_fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			guard->is_end_wanted = true;
}

/* The exec pipe brings an errno, or EOF once the shell has taken over. */
static void
settle_exec(Guard *guard)
{
	int			failure = 0;
	ssize_t		got;

	if (guard->exec_fd < 0)
		return;
	got = read(guard->exec_fd, &failure, sizeof(failure));
	if (got < 0 && errno == EINTR)
		return;
	guard->exec_failed = (got == sizeof(failure));
	if (guard->exec_failed)
		report(GUARD_EXEC_FAILED, failure);
	else
		report(GUARD_STARTED, guard->command);
	close(guard->exec_fd);
	guard->exec_fd = -1;
}

/* Report the command's end, leaving it unreaped; reap whom we adopted. */
static void
collect_exits(Guard *guard)
{
	for (;;)
	{
		siginfo_t	info = {0};

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
			info.si_pid == 0)
			return;
		if (info.si_pid != guard->command)
		{
			waitpid(info.si_pid, NULL, WNOHANG);
			continue;
		}
		if (guard->has_exited)
			return;
		guard->has_exited = true;
		settle_exec(guard);
		if (!guard->exec_failed)
			report(info.si_code == CLD_EXITED ? GUARD_EXITED : GUARD_KILLED,
				   info.si_status);
		return;
	}
}

/* The only place that changes the phase. */
static void
advance(Guard *guard)
{
	static const int ask[] = {SIGTERM, SIGCONT};
	static const int force[] = {SIGKILL};

	if (tree_is_gone(guard))
	{
		guard->phase = PHASE_OVER;
		return;
	}
	if (guard->phase == PHASE_RUNNING &&
		(guard->has_exited || guard->is_end_wanted))
	{
		signal_tree(guard, ask, 2);
		guard->deadline_ms = now_ms() + guard->grace_ms;
		guard->phase = PHASE_TERMINATING;
	}
	if (guard->phase == PHASE_TERMINATING && now_ms() >= guard->deadline_ms)
	{
		guard->deadline_ms = now_ms() + GUARD_KILL_LIMIT_MS;
		guard->phase = PHASE_KILLING;
	}
	if (guard->phase == PHASE_KILLING)
	{
		signal_tree(guard, force, 1);
		if (now_ms() >= guard->deadline_ms)
			guard->phase = PHASE_OVER;
	}
}

/*
 * Has the command exited, and all that came of it?  Looking at /proc may miss a
 * process that forks and exits meanwhile; having no children does not lie.
 */
static bool
tree_is_gone(Guard *guard)
{
	pid_t		pid;

	if (!guard->has_exited)
		return false;
	if (guard->command > 0 && !command_is_only_child(guard->command))
	{
		ProcessList list = {0};
		bool		is_alone = list_descendants(&list);
		size_t		i;

		for (i = 0; i < list.count && is_alone; i++)
			is_alone = !list.items[i].is_ours || list.items[i].state == 'Z';
		free(list.items);
		if (!is_alone)
			return false;
	}
	if (guard->command > 0)
		waitpid(guard->command, NULL, WNOHANG);
	guard->command = 0;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		;
	return pid < 0 && errno == ECHILD;
}

/* The usual case, without a walk through all of /proc.  False: perhaps not. */
static bool
command_is_only_child(pid_t command)
{
	char		text[64] = {0};
	char	   *end;
	int			fd;
	ssize_t		got;

	snprintf(text, sizeof(text), "/proc/self/task/%d/children", (int) getpid());
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	return strtol(text, &end, 10) == command && end[strspn(end, " ")] == '\0';
}

/*
 * Send signals to every descendant.  The command's group gets them at once,
 * which a process that forks all the time cannot outrun; all others in turn.
 */
static void
signal_tree(const Guard *guard, const int *signals, int count)
{
	ProcessList list = {0};
	size_t		i;
	int			s;

	(void) list_descendants(&list);
	for (s = 0; s < count; s++)
	{
		if (guard->command > 0)
			kill(-guard->command, signals[s]);
		for (i = 0; i < list.count; i++)
			if (list.items[i].is_ours &&
				(guard->command == 0 || list.items[i].group != guard->command))
				signal_process(&list.items[i], signals[s]);
	}
	free(list.items);
}

/* A few small messages always fit into the pipe; nobody there is no failure. */
static void
report(GuardMessageKind kind, int value)
{
	GuardMessage message = {kind, value};

	(void) !write(GUARD_FD_STATUS, &message, sizeof(message));
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
