/*-------------------------------------------------------------------------
 *
 * crash.c
 *	  The crash recorder.
 *
 * Written by the process that runs a run (its own note only), by its SIGQUIT
 * handler (one flag), and by the postmaster between two lives (suspects).
 * The postmaster does nothing here that could fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"

#include "server/crash.h"
#include "server/guc.h"

#define MAX_SUSPECTS	256

typedef struct CrashNote
{
	Oid			database;
	int64		run_id;			/* 0: nothing runs */
	bool		was_suspect;
	volatile sig_atomic_t is_innocent;
} CrashNote;

typedef struct Suspect
{
	Oid			database;
	int64		run_id;			/* 0: judged */
	bool		was_suspect;
} Suspect;

typedef struct CrashRecorder
{
	Suspect		suspects[MAX_SUSPECTS];
	CrashNote	notes[FLEXIBLE_ARRAY_MEMBER];
} CrashRecorder;

static CrashRecorder *recorder = NULL;
static int	my_slot = -1;

void
crash_recorder_create(void)
{
	Size		size = offsetof(CrashRecorder, notes) +
		(Size) taskly_max_workers * sizeof(CrashNote);
	void	   *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
							MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		ereport(FATAL,
				(errcode_for_file_access(),
				 errmsg("could not map %zu bytes for taskly's crash recorder: %m",
						size)));
	recorder = area;
}

static void
add_suspect(const CrashNote *note)
{
	for (int i = 0; i < MAX_SUSPECTS; i++)
	{
		Suspect    *suspect = &recorder->suspects[i];

		if (suspect->run_id != 0)
			continue;
		suspect->database = note->database;
		suspect->was_suspect = note->was_suspect;
		suspect->run_id = note->run_id;
		return;
	}
}

void
crash_recorder_after_start(void)
{
	for (int i = 0; i < taskly_max_workers; i++)
	{
		CrashNote  *note = &recorder->notes[i];

		if (note->run_id != 0 && !note->is_innocent)
			add_suspect(note);
		memset(note, 0, sizeof(*note));
	}
}

/*
 * An orderly exit in the middle of a run crashes nothing. Code -1 is an exit()
 * that PostgreSQL did not call: that does.
 */
static void
forget_at_exit(int code, Datum arg)
{
	if (code == 0 || code == 1)
		recorder->notes[my_slot].run_id = 0;
}

/* The postmaster ends us because another process crashed. */
static void
quit_innocently(SIGNAL_ARGS)
{
	recorder->notes[my_slot].is_innocent = true;
	/* As SignalHandlerForCrashExit: no callbacks, shared memory may be broken. */
	_exit(2);
}

void
crash_recorder_install(int slot)
{
	my_slot = slot;
	memset(&recorder->notes[slot], 0, sizeof(CrashNote));
	pqsignal(SIGQUIT, quit_innocently);
	before_shmem_exit(forget_at_exit, (Datum) 0);
}

void
crash_note_run(int slot, Oid database, int64 run_id, bool was_suspect)
{
	CrashNote  *note = &recorder->notes[slot];

	note->database = database;
	note->was_suspect = was_suspect;
	note->is_innocent = false;
	pg_compiler_barrier();
	note->run_id = run_id;
}

void
crash_forget_run(int slot)
{
	recorder->notes[slot].run_id = 0;
}

bool
crash_next_suspect(Oid database, int64 *run_id, bool *was_suspect)
{
	for (int i = 0; i < MAX_SUSPECTS; i++)
	{
		Suspect    *suspect = &recorder->suspects[i];

		if (suspect->run_id == 0 || suspect->database != database)
			continue;
		*run_id = suspect->run_id;
		*was_suspect = suspect->was_suspect;
		suspect->run_id = 0;
		return true;
	}
	return false;
}
