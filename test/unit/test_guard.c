/*
 * test_guard.c
 *		taskly_guard as a supervisor sees it: what it reports, what the command
 *		gets, and that nothing of a command is left alive.
 *
 * Usage: test_guard [path of taskly_guard].  Each run is found in /proc by a
 * TASKLY_RUN_ID that no other process has.
 */
#include "postgres.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guard/taskly_guard.h"

#include "tap.h"

#define LONG_MS 20000			/* what must happen happens before this */
#define SPAN_MS 400				/* a grace that is waited for */
#define MAX_MESSAGES 8

typedef struct Run
{
	char		id[64];
	pid_t		guard;
	bool		is_guard_gone;
	int			guard_status;
	int			out_fd;			/* -1 at EOF, as the next two */
	int			err_fd;
	int			status_fd;
	int			control_fd;
	GuardMessage messages[MAX_MESSAGES];
	int			message_count;
	char		head[4096];		/* the start of stdout */
	size_t		head_length;
	size_t		out_bytes;
	size_t		err_bytes;
	long		started_ms;
} Run;

static const char *guard_path;

static long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

/* Read a whole file of /proc; the length, or -1. */
static ssize_t
slurp(const char *path, char *buffer, size_t space)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t		length = 0;
	ssize_t		got = 0;

	if (fd < 0)
		return -1;
	while (length < space - 1 && (got = read(fd, buffer + length, space - 1 - length)) > 0)
		length += got;
	close(fd);
	buffer[length] = '\0';
	return got < 0 ? -1 : (ssize_t) length;
}

/* How many live processes carry this run id, the guard included? */
static int
count_alive(const char *id)
{
	static char environment[262144];
	char		wanted[96];
	DIR		   *dir = opendir("/proc");
	struct dirent *entry;
	int			count = 0;

	snprintf(wanted, sizeof(wanted), "TASKLY_RUN_ID=%s", id);
	while ((entry = readdir(dir)) != NULL)
	{
		char		path[300];
		ssize_t		length;
		char	   *at;

		if (!isdigit((unsigned char) entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/environ", entry->d_name);
		length = slurp(path, environment, sizeof(environment));
		for (at = environment; at < environment + length; at += strlen(at) + 1)
			if (strcmp(at, wanted) == 0)
			{
				count++;
				break;
			}
	}
	closedir(dir);
	return count;
}

static int
content_fd(const char *content, size_t length)
{
	int			fd = memfd_create("test", MFD_CLOEXEC);

	if (fd < 0 || write(fd, content, length) != (ssize_t) length)
		abort();
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* In the forked child: nastier surroundings than any supervisor makes. */
static void
exec_guard(const Run *run, const int *fds, int grace_ms)
{
	char		grace[16];
	char		id[96];
	char	   *argv[] = {"taskly_guard", grace, NULL};
	char	   *envp[] = {"PATH=/usr/bin:/bin", id, NULL};
	int			high[GUARD_FD_COUNT];
	struct rlimit any_core = {RLIM_INFINITY, RLIM_INFINITY};
	sigset_t	all;
	int			i;

	snprintf(grace, sizeof(grace), "%d", grace_ms);
	snprintf(id, sizeof(id), "TASKLY_RUN_ID=%s", run->id);
	for (i = 0; i < GUARD_FD_COUNT; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100);
	for (i = 0; i < GUARD_FD_COUNT; i++)
		dup2(high[i], i);
	dup2(GUARD_FD_STDIN, 6);
	dup2(GUARD_FD_STDIN, 50);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	umask(0);
	setrlimit(RLIMIT_CORE, &any_core);
	execve(guard_path, argv, envp);
	_exit(99);
}

static void
run_start_sized(Run *run, const char *command, size_t length, int grace_ms)
{
	static int	serial;
	int			out[2];
	int			err[2];
	int			status[2];
	int			control[2];
	int			fds[GUARD_FD_COUNT];

	memset(run, 0, sizeof(*run));
	snprintf(run->id, sizeof(run->id), "%d-%ld-%d", (int) getpid(), now_ms(), ++serial);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
		pipe2(status, O_CLOEXEC) || pipe2(control, O_CLOEXEC))
		abort();
	fds[GUARD_FD_STDIN] = content_fd("{\"a\": 1}", 8);
	fds[GUARD_FD_STDOUT] = out[1];
	fds[GUARD_FD_STDERR] = err[1];
	fds[GUARD_FD_CONTROL] = control[0];
	fds[GUARD_FD_STATUS] = status[1];
	fds[GUARD_FD_COMMAND] = content_fd(command, length);
	run->started_ms = now_ms();
	run->guard = fork();
	if (run->guard == 0)
		exec_guard(run, fds, grace_ms);
	for (int i = 0; i < GUARD_FD_COUNT; i++)
		close(fds[i]);
	run->out_fd = out[0];
	run->err_fd = err[0];
	run->status_fd = status[0];
	run->control_fd = control[1];
}

static void
run_start(Run *run, const char *command, int grace_ms)
{
	run_start_sized(run, command, strlen(command), grace_ms);
}

static void
take_output(int *fd, Run *run, size_t *total)
{
	static char buffer[65536];
	ssize_t		got = read(*fd, buffer, sizeof(buffer));

	if (got <= 0)
	{
		close(*fd);
		*fd = -1;
		return;
	}
	if (total == &run->out_bytes && run->head_length < sizeof(run->head) - 1)
	{
		size_t		room = sizeof(run->head) - 1 - run->head_length;
		size_t		part = (size_t) got < room ? (size_t) got : room;

		memcpy(run->head + run->head_length, buffer, part);
		run->head_length += part;
	}
	*total += got;
}

/* One turn: take what there is, waiting a little for it. */
static void
run_turn(Run *run)
{
	struct pollfd fds[3] = {
		{.fd = run->out_fd, .events = POLLIN},
		{.fd = run->err_fd, .events = POLLIN},
		{.fd = run->status_fd, .events = POLLIN},
	};

	if (poll(fds, 3, 5) > 0)
	{
		if (fds[0].revents)
			take_output(&run->out_fd, run, &run->out_bytes);
		if (fds[1].revents)
			take_output(&run->err_fd, run, &run->err_bytes);
		if (fds[2].revents)
		{
			GuardMessage message;

			if (read(run->status_fd, &message, sizeof(message)) != sizeof(message))
			{
				close(run->status_fd);
				run->status_fd = -1;
			}
			else if (run->message_count < MAX_MESSAGES)
				run->messages[run->message_count++] = message;
		}
	}
	if (!run->is_guard_gone &&
		waitpid(run->guard, &run->guard_status, WNOHANG) == run->guard)
		run->is_guard_gone = true;
}

/* Is the guard gone and everything read? */
static bool
is_over(const Run *run)
{
	return run->is_guard_gone && run->out_fd < 0 && run->err_fd < 0 && run->status_fd < 0;
}

static bool
has_message(const Run *run, int kind)
{
	for (int i = 0; i < run->message_count; i++)
		if (run->messages[i].kind == kind)
			return true;
	return false;
}

static bool
is_started(const Run *run)
{
	return has_message(run, GUARD_STARTED);
}

static bool
has_exited(const Run *run)
{
	return has_message(run, GUARD_EXITED);
}

static bool
has_line(const Run *run)
{
	return memchr(run->head, '\n', run->head_length) != NULL;
}

static bool
is_output_closed(const Run *run)
{
	return run->out_fd < 0 && run->err_fd < 0;
}

/* Turn until the condition holds; false when it never does. */
static bool
run_until(Run *run, bool (*condition) (const Run *))
{
	long		limit = now_ms() + LONG_MS;

	while (!condition(run))
	{
		if (now_ms() > limit)
			return false;
		run_turn(run);
	}
	return true;
}

static void
run_terminate(Run *run)
{
	char		letter = GUARD_TERMINATE;

	if (write(run->control_fd, &letter, 1) != 1)
		abort();
}

/* Let it end, and check the last message and that nothing is alive. */
static void
run_finish(Run *run, int kind, int value, const char *name)
{
	bool		is_done = run_until(run, is_over);
	GuardMessage last = {0, 0};

	if (run->message_count > 0)
		last = run->messages[run->message_count - 1];
	if (!is_done || last.kind != kind || (value >= 0 && last.value != value))
		printf("# %s: done %d, last message %d %d\n", name, is_done, last.kind, last.value);
	ok(is_done && last.kind == kind && (value < 0 || last.value == value), "%s", name);
	ok(count_alive(run->id) == 0, "... nothing left alive");
	ok(run->is_guard_gone && run->guard_status == 0, "... guard exited with 0");
	close(run->control_fd);
	if (!run->is_guard_gone)
	{
		kill(run->guard, SIGKILL);
		waitpid(run->guard, NULL, 0);
	}
}

/* Poll until so many processes of a run are alive. */
static bool
alive_becomes(const char *id, int wanted)
{
	long		limit = now_ms() + LONG_MS;

	while (count_alive(id) != wanted)
	{
		if (now_ms() > limit)
			return false;
		poll(NULL, 0, 5);
	}
	return true;
}

static void
test_outcomes(void)
{
	static const struct
	{
		const char *command;
		int			kind;
		int			value;
	}			cases[] = {
		{"exit 0", GUARD_EXITED, 0},
		{"", GUARD_EXITED, 0},
		{"exit 1", GUARD_EXITED, 1},
		{"exit 255", GUARD_EXITED, 255},
		{"/dev/null", GUARD_EXITED, 126},
		{"/no/such/command", GUARD_EXITED, 127},
		{"-e", GUARD_EXITED, 127},
		{"kill -9 $$", GUARD_KILLED, SIGKILL},
		{"kill -TERM $$", GUARD_KILLED, SIGTERM},
		{"kill -SEGV $$", GUARD_KILLED, SIGSEGV},
		{"kill -PIPE $$", GUARD_KILLED, SIGPIPE},
		{"test \"$(cat)\" = '{\"a\": 1}'", GUARD_EXITED, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Run			run;

		run_start(&run, cases[i].command, LONG_MS);
		run_finish(&run, cases[i].kind, cases[i].value, cases[i].command);
		ok(run.message_count == 2 && run.messages[0].kind == GUARD_STARTED,
		   "... reported its start and its end");
	}
}

/* A command that no shell can be started with. */
static void
test_exec_failure(void)
{
	size_t		length = 200 * 1024;
	char	   *command = malloc(length);
	Run			run;

	memset(command, ' ', length);
	run_start_sized(&run, command, length, LONG_MS);
	run_finish(&run, GUARD_EXEC_FAILED, E2BIG, "a command beyond the kernel's limit");
	ok(run.message_count == 1, "... says nothing else");
	free(command);
}

/* One line of /proc/<pid>/status as a number in base 16 or 8. */
static unsigned long
status_field(const char *status, const char *name, int base)
{
	const char *at = strstr(status, name);

	return at ? strtoul(at + strlen(name), NULL, base) : ~0UL;
}

/*
 * Does the directory hold the names 0, 1, 2 and no other? A program that has just
 * begun has another one for a moment, while its libraries are loaded.
 */
static bool
has_three_fds(const Run *run)
{
	char		path[64];
	DIR		   *dir;
	struct dirent *entry;
	int			count = 0;
	bool		is_right = true;

	snprintf(path, sizeof(path), "/proc/%d/fd", run->messages[0].value);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) != NULL)
		if (isdigit((unsigned char) entry->d_name[0]))
		{
			count++;
			is_right &= atoi(entry->d_name) <= 2;
		}
	if (dir)
		closedir(dir);
	return is_right && count == 3;
}

static bool
runs_sleep(const Run *run)
{
	char		path[64];
	char		name[64];

	if (!is_started(run))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/comm", run->messages[0].value);
	return slurp(path, name, sizeof(name)) > 0 && strcmp(name, "sleep\n") == 0;
}

static void
test_surroundings(void)
{
	static char text[65536];
	char		path[64];
	Run			run;
	int			pid;

	run_start(&run, "exec sleep 1000", LONG_MS);
	ok(run_until(&run, runs_sleep), "a command that becomes another program");
	pid = run.messages[0].value;
	ok(run_until(&run, has_three_fds), "... has descriptors 0, 1 and 2 only");
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	ok(slurp(path, text, sizeof(text)) > 0, "... can be looked at");
	ok(status_field(text, "SigBlk:", 16) == 0, "... blocks no signal");
	ok(status_field(text, "SigIgn:", 16) == 0, "... ignores no signal");
	ok(status_field(text, "Umask:", 8) == 077, "... has umask 077");
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	ok(slurp(path, text, sizeof(text)) > 0 && atoi(text) >= 500, "... goes first when memory is out");
	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	ok(slurp(path, text, sizeof(text)) > 0 && strstr(text, "Max core file size        0  ") != NULL,
	   "... leaves no core file");
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int) run.guard);
	ok(slurp(path, text, sizeof(text)) > 0 && memmem(text, 200, "sleep", 5) == NULL,
	   "... is not shown by the guard's arguments");
	ok(getpgid(pid) == pid && getsid(pid) == run.guard,
	   "... has its own group in the guard's session");
	run_terminate(&run);
	run_finish(&run, GUARD_KILLED, SIGTERM, "... and ends when told to");
	ok(now_ms() - run.started_ms < LONG_MS, "... without waiting for the grace");
}

static void
test_termination(void)
{
	Run			run;

	run_start(&run, "trap '' TERM; echo ready; while :; do sleep 0.1; done", SPAN_MS);
	run_until(&run, has_line);
	run.started_ms = now_ms();
	run_terminate(&run);
	run_finish(&run, GUARD_KILLED, SIGKILL, "a command that ignores SIGTERM");
	ok(now_ms() - run.started_ms >= SPAN_MS, "... had its grace");

	run_start(&run, "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done", LONG_MS);
	run_until(&run, has_line);
	run_terminate(&run);
	run_finish(&run, GUARD_EXITED, 3, "a command that cleans up on SIGTERM");

	run_start(&run, "trap '' TERM; echo ready; while :; do sleep 0.1; done", 0);
	run_until(&run, has_line);
	run_terminate(&run);
	run_finish(&run, GUARD_KILLED, SIGKILL, "no grace at all");

	run_start(&run, "echo ready; kill -STOP $$", LONG_MS);
	run_until(&run, has_line);
	run_terminate(&run);
	run_finish(&run, GUARD_KILLED, SIGTERM, "a stopped command");

	run_start(&run, "echo ready; exec sleep 1000", LONG_MS);
	run_until(&run, has_line);
	kill(run.guard, SIGTERM);
	run_finish(&run, GUARD_KILLED, SIGTERM, "SIGTERM to the guard itself");

	run_start(&run, "echo ready; exec sleep 1000", LONG_MS);
	run_until(&run, has_line);
	close(run.control_fd);
	run.control_fd = -1;
	run_finish(&run, GUARD_KILLED, SIGTERM, "the control pipe closed");

	run_start(&run, "exec sleep 1000", LONG_MS);
	run_terminate(&run);
	run_finish(&run, GUARD_KILLED, SIGTERM, "told to end before it began");
}

/* Whatever a command does to have its offspring outlive it. */
static void
test_descendants(void)
{
	static const char *const family =
		"sleep 1000 &\n"
		"setsid sleep 1000 &\n"
		"setsid sh -c 'trap \"\" TERM HUP; sleep 1000; sleep 1000' &\n"
		"( ( setsid sh -c 'sleep 1000 & exec sleep 1000' & ) & )\n"
		"sh -c 'trap \"\" TERM; kill -STOP $$' &\n";
	char		command[1024];
	Run			run;

	/* The guard, the shell, 1 + 1 + 2 + 2 + 1 of its family. */
	snprintf(command, sizeof(command), "%s\necho ready; exec sleep 1000", family);
	run_start(&run, command, SPAN_MS);
	run_until(&run, has_line);
	ok(alive_becomes(run.id, 9), "a family of background processes");
	run_terminate(&run);
	run_finish(&run, GUARD_KILLED, SIGTERM, "... is ended with the command");

	/* Wait until one is deaf to SIGTERM: it has to be given all its grace. */
	snprintf(command, sizeof(command), "%s\n"
			 "dir=$(mktemp -d); mkfifo $dir/armed\n"
			 "(trap '' TERM; echo >$dir/armed; sleep 1000; sleep 1000) &\n"
			 "read line <$dir/armed; rm -r $dir; exit 7", family);
	run_start(&run, command, SPAN_MS);
	run_until(&run, has_exited);
	ok(!run.is_guard_gone && run.out_fd >= 0, "one that outlives the command does not hide its end");
	run_finish(&run, GUARD_EXITED, 7, "... and is ended after it");
	ok(now_ms() - run.started_ms >= SPAN_MS, "... with the same grace");

	run_start(&run, "trap '' TERM; hop() { hop & }; hop; exit 0", SPAN_MS);
	run_finish(&run, GUARD_EXITED, 0, "one that forks faster than one can look");
}

static void
test_output(void)
{
	Run			run;

	run_start(&run, "head -c 10485760 /dev/urandom", LONG_MS);
	run_finish(&run, GUARD_EXITED, 0, "10 MB of output");
	ok(run.out_bytes == 10485760 && run.err_bytes == 0, "... all of it, on stdout");

	run_start(&run, "echo out; echo errors >&2", LONG_MS);
	run_finish(&run, GUARD_EXITED, 0, "both outputs");
	ok(run.out_bytes == 4 && run.err_bytes == 7, "... are kept apart");

	run_start(&run, "exec >&- 2>&-; exec sleep 1000", LONG_MS);
	ok(run_until(&run, is_output_closed) && !run.is_guard_gone,
	   "a command that closes its outputs still runs");
	run_terminate(&run);
	run_finish(&run, GUARD_KILLED, SIGTERM, "... until it is ended");

	run_start(&run, "sleep 1000 & exit 4", LONG_MS);
	run_finish(&run, GUARD_EXITED, 4, "a grandchild that holds stdout");
}

/* A supervisor of its own process, to be killed. */
static void
test_supervisor_killed(void)
{
	int			report[2];
	char		id[64] = {0};
	pid_t		supervisor;

	if (pipe(report))
		abort();
	supervisor = fork();
	if (supervisor == 0)
	{
		Run			run;

		run_start(&run, "(setsid sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' &)\n"
				  "trap '' TERM; sleep 1000 & echo ready; wait", SPAN_MS);
		run_until(&run, has_line);
		if (write(report[1], run.id, sizeof(run.id)) < 0)
			abort();
		for (;;)
			pause();
	}
	ok(read(report[0], id, sizeof(id)) == sizeof(id) && alive_becomes(id, 5),
	   "a supervisor with a family under way");
	kill(supervisor, SIGKILL);
	waitpid(supervisor, NULL, 0);
	ok(alive_becomes(id, 0), "... is killed: nothing is left");
	close(report[0]);
	close(report[1]);
}

static void
test_guard_killed(void)
{
	Run			run;

	run_start(&run, "exec sleep 1000", LONG_MS);
	ok(run_until(&run, runs_sleep), "a guard that is killed");
	kill(run.guard, SIGKILL);
	ok(run_until(&run, is_over) && !has_message(&run, GUARD_EXITED), "... can report nothing");
	ok(alive_becomes(run.id, 0), "... and takes the command along");
	close(run.control_fd);
}

int
main(int argc, char **argv)
{
	guard_path = argc > 1 ? argv[1] : "./guard_under_test";
	signal(SIGPIPE, SIG_IGN);

	test_outcomes();
	test_exec_failure();
	test_surroundings();
	test_termination();
	test_descendants();
	test_output();
	test_supervisor_killed();
	test_guard_killed();
	return tap_done();
}
