/*-------------------------------------------------------------------------
 *
 * shell_launch.c
 *	  Start a taskly_guard: its environment, its descriptors, its process.
 *
 * The text of the command and the args travel in anonymous files, so that the
 * guard's arguments, which everybody can read, show neither. All descriptors
 * count among the server's, so that many runs never starve it of files.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <locale.h>
#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "exec/shell_launch.h"
#include "guard/taskly_guard.h"

#define ENVIRONMENT_MAX 16
#define SAFE_PATH "/usr/local/bin:/usr/bin:/bin"

/* All that the forked process needs to become the guard. */
struct ShellLaunch
{
	const char *path;
	const char *command;
	const char *args;
	char	   *argv[3];
	char	   *environment[ENVIRONMENT_MAX];
	int			fds[GUARD_FD_COUNT];	/* -1: not open */
	int			max_fd;
};

static void build_environment(char **environment, const ShellSpec *spec);
static const char *home_directory(void);
static bool open_fds(ShellLaunch *launch, int *ours);
static bool open_pipe(int *read_end, int *write_end);
static int	open_content(const char *content);
static bool write_content(int fd, const char *content);
static pid_t fork_guard(const ShellLaunch *launch);
static void become_guard(const ShellLaunch *launch) pg_attribute_noreturn();
static void give_up(int status_fd) pg_attribute_noreturn();

ShellLaunch *
shell_launch_prepare(const ShellSpec *spec)
{
	ShellLaunch *launch = palloc0(sizeof(ShellLaunch));

	launch->path = psprintf("%s/taskly_guard", pkglib_path);
	launch->command = spec->command;
	launch->args = spec->args ? spec->args : "";
	launch->argv[0] = "taskly_guard";
	launch->argv[1] = psprintf("%d", Max(spec->grace_ms, 0));
	build_environment(launch->environment, spec);
	memset(launch->fds, -1, sizeof(launch->fds));
	launch->max_fd = (int) sysconf(_SC_OPEN_MAX);
	return launch;
}

pid_t
shell_launch(ShellLaunch *launch, int fds[SHELL_FDS])
{
	pid_t		pid = -1;

	memset(fds, -1, SHELL_FDS * sizeof(int));
	if (open_fds(launch, fds))
		pid = fork_guard(launch);
	shell_close_all(launch->fds, GUARD_FD_COUNT);
	if (pid < 0)
		shell_close_all(fds, SHELL_FDS);
	return pid;
}

/*
 * Made from nothing, never from environ: that is what SQL running in this server
 * may have changed. docs/shell.md lists the same names.
 */
static void
build_environment(char **environment, const ShellSpec *spec)
{
	const char *locale = setlocale(LC_CTYPE, NULL);
	int			n = 0;

	environment[n++] = "PATH=" SAFE_PATH;
	environment[n++] = psprintf("HOME=%s", home_directory());
	/* What programs print is then in the database's encoding. */
	environment[n++] = psprintf("LANG=%s", locale);
	environment[n++] = psprintf("LC_ALL=%s", locale);
	environment[n++] = psprintf("TASKLY_RUN_ID=" INT64_FORMAT, spec->run_id);
	environment[n++] = psprintf("TASKLY_ATTEMPT=%d", spec->attempt);
	environment[n++] = psprintf("TASKLY_DATABASE=%s", spec->database);
	environment[n++] = psprintf("TASKLY_OWNER=%s", spec->owner);
	if (spec->task)
		environment[n++] = psprintf("TASKLY_TASK=%s", spec->task);
	if (spec->scheduled_for)
		environment[n++] = psprintf("TASKLY_SCHEDULED_FOR=%s", spec->scheduled_for);
	if (spec->args && strlen(spec->args) <= SHELL_ARGS_ENVIRONMENT_MAX)
		environment[n++] = psprintf("TASKLY_ARGS=%s", spec->args);
	if (spec->parent_results && strlen(spec->parent_results) <= SHELL_RESULTS_ENVIRONMENT_MAX)
		environment[n++] = psprintf("TASKLY_PARENT_RESULTS=%s", spec->parent_results);
	environment[n] = NULL;
	Assert(n < ENVIRONMENT_MAX);
}

/* Home of the user that the server runs as. */
static const char *
home_directory(void)
{
	static char home[MAXPGPATH];

	if (home[0] == '\0')
	{
		struct passwd *user = getpwuid(geteuid());

		strlcpy(home, user && user->pw_dir[0] ? user->pw_dir : "/", sizeof(home));
	}
	return home;
}

/* All pipes and files of a run; false, and errno, when one cannot be had. */
static bool
open_fds(ShellLaunch *launch, int *ours)
{
	int		   *theirs = launch->fds;

	if (!open_pipe(&ours[SHELL_FD_STDOUT], &theirs[GUARD_FD_STDOUT]) ||
		!open_pipe(&ours[SHELL_FD_STDERR], &theirs[GUARD_FD_STDERR]) ||
		!open_pipe(&ours[SHELL_FD_STATUS], &theirs[GUARD_FD_STATUS]) ||
		!open_pipe(&theirs[GUARD_FD_CONTROL], &ours[SHELL_FD_CONTROL]))
		return false;
	for (int i = 0; i < SHELL_FDS; i++)
		if (fcntl(ours[i], F_SETFL, O_NONBLOCK) < 0)
			return false;
	theirs[GUARD_FD_STDIN] = open_content(launch->args);
	if (theirs[GUARD_FD_STDIN] < 0)
		return false;
	theirs[GUARD_FD_COMMAND] = open_content(launch->command);
	return theirs[GUARD_FD_COMMAND] >= 0;
}

/* A pipe whose ends count among the server's descriptors. */
static bool
open_pipe(int *read_end, int *write_end)
{
	int			ends[2];

	if (!AcquireExternalFD())
		return false;
	if (!AcquireExternalFD())
	{
		ReleaseExternalFD();
		return false;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
	{
		ReleaseExternalFD();
		ReleaseExternalFD();
		return false;
	}
	*read_end = ends[0];
	*write_end = ends[1];
	return true;
}

/* A file without a name to read this text from; -1 and errno when none is had. */
static int
open_content(const char *content)
{
	int			fd;

	if (!AcquireExternalFD())
		return -1;
	fd = memfd_create("taskly", MFD_CLOEXEC);
	if (fd < 0)
		ReleaseExternalFD();
	else if (!write_content(fd, content))
		shell_close(&fd);
	return fd;
}

static bool
write_content(int fd, const char *content)
{
	size_t		left = strlen(content);

	while (left > 0)
	{
		ssize_t		written = write(fd, content, left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		content += written;
		left -= written;
	}
	return lseek(fd, 0, SEEK_SET) == 0;
}

/* The pid, or -1 and errno when there is no process to be had. */
static pid_t
fork_guard(const ShellLaunch *launch)
{
	sigset_t	all;
	sigset_t	previous;
	int			save_errno;
	pid_t		pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);

	/* No handler of the server may ever run in the new process. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &previous);
	pid = fork();
	if (pid == 0)
		become_guard(launch);
	save_errno = errno;
	sigprocmask(SIG_SETMASK, &previous, NULL);
	errno = save_errno;
	return pid;
}

/*
 * In the new process, with all signals blocked. Async-signal-safe calls only,
 * no memory, no server code.
 */
static void
become_guard(const ShellLaunch *launch)
{
	struct sigaction ignore = {0};
	int			high[GUARD_FD_COUNT];

	/*
	 * Leave the supervisor's group, and forget signals that came to it since
	 * the fork: they were not for the run.
	 */
	setsid();
	ignore.sa_handler = SIG_IGN;
	for (int signo = 1; signo <= SIGRTMAX; signo++)
		sigaction(signo, &ignore, NULL);

	/* First out of the way, then into place: the numbers may overlap. */
	for (int i = 0; i < GUARD_FD_COUNT; i++)
		if ((high[i] = fcntl(launch->fds[i], F_DUPFD_CLOEXEC, GUARD_FD_COUNT)) < 0)
			give_up(launch->fds[GUARD_FD_STATUS]);
	for (int i = 0; i < GUARD_FD_COUNT; i++)
		dup2(high[i], i);
	if (syscall(SYS_close_range, GUARD_FD_COUNT, ~0U, 0) < 0)
		for (int fd = GUARD_FD_COUNT; fd < launch->max_fd; fd++)
			close(fd);

	execve(launch->path, launch->argv, launch->environment);
	give_up(GUARD_FD_STATUS);
}

/* Report errno as the guard would, and leave with its exit status: see there. */
static void
give_up(int status_fd)
{
	GuardMessage failure = {GUARD_UNAVAILABLE, errno};

	(void) !write(status_fd, &failure, sizeof(failure));
	_exit(0);
}

void
shell_close(int *fd)
{
	int			save_errno = errno;

	if (*fd < 0)
		return;
	close(*fd);
	ReleaseExternalFD();
	*fd = -1;
	errno = save_errno;
}

void
shell_close_all(int *fds, int count)
{
	for (int i = 0; i < count; i++)
		shell_close(&fds[i]);
}
