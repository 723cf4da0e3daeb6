/*
 * process_tree.h
 *		Who descends from this process, and how to signal one of them safely.
 *
 * Part of taskly_guard, which is one file and this header on purpose: a program
 * that has to survive everything else has little to it.
 */
#ifndef PROCESS_TREE_H
#define PROCESS_TREE_H

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STAT_BUFFER_SIZE 1024

/* One line of /proc. */
typedef struct Process
{
	pid_t		pid;
	pid_t		parent;
	pid_t		group;
	char		state;
	bool		is_ours;
	unsigned long long start_time;
} Process;

typedef struct ProcessList
{
	Process    *items;
	size_t		count;
	size_t		space;
} ProcessList;

/* Read /proc/<pid>/stat; false when there is no such process any more. */
static bool
read_process(pid_t pid, Process *process)
{
	char		text[STAT_BUFFER_SIZE];
	char	   *rest;
	int			fd;
	ssize_t		got;

	snprintf(text, sizeof(text), "/proc/%d/stat", (int) pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';

	/* The name in parentheses may hold anything, parentheses too. */
	rest = strrchr(text, ')');
	process->pid = pid;
	process->is_ours = false;
	return rest != NULL &&
		sscanf(rest + 1, " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u"
			   " %*d %*d %*d %*d %*d %*d %llu",
			   &process->state, &process->parent, &process->group,
			   &process->start_time) == 4;
}

static int
compare_pids(const void *a, const void *b)
{
	pid_t		left = ((const Process *) a)->pid;
	pid_t		right = ((const Process *) b)->pid;

	return (left > right) - (left < right);
}

/* Mark descendants generation by generation, until none is new. */
static void
mark_descendants(ProcessList *list)
{
	pid_t		guard_pid = getpid();
	bool		is_changed = true;
	size_t		i;

	while (is_changed)
	{
		is_changed = false;
		for (i = 0; i < list->count; i++)
		{
			Process    *process = &list->items[i];
			Process		key = {.pid = process->parent};
			Process    *parent;

			if (process->is_ours)
				continue;
			parent = bsearch(&key, list->items, list->count, sizeof(Process), compare_pids);
			process->is_ours = process->parent == guard_pid || (parent && parent->is_ours);
			is_changed |= process->is_ours;
		}
	}
}

/* All processes, ours marked; false when they could not be read. */
static bool
list_descendants(ProcessList *list)
{
	DIR		   *dir = opendir("/proc");
	struct dirent *entry;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL)
	{
		if (!isdigit((unsigned char) entry->d_name[0]))
			continue;
		if (list->count == list->space)
		{
			size_t		space = list->space * 2 + 256;
			Process    *bigger = realloc(list->items, space * sizeof(Process));

			if (bigger == NULL)
			{
				closedir(dir);
				return false;
			}
			list->items = bigger;
			list->space = space;
		}
		if (read_process(atoi(entry->d_name), &list->items[list->count]))
			list->count++;
	}
	closedir(dir);
	if (list->count > 0)
		qsort(list->items, list->count, sizeof(Process), compare_pids);
	mark_descendants(list);
	return true;
}

/* Signal this very process, not one that got its pid since we looked. */
static void
signal_process(const Process *process, int signo)
{
	Process		now;
	int			fd = syscall(SYS_pidfd_open, process->pid, 0);

	if (fd < 0 && errno == ESRCH)
		return;
	if (read_process(process->pid, &now) && now.start_time == process->start_time)
	{
		if (fd >= 0)
			syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
		else
			kill(process->pid, signo);
	}
	if (fd >= 0)
		close(fd);
}

#endif							/* PROCESS_TREE_H */
