/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  Requests and lays out taskly's shared memory.
 *
 * Everything in it is a cache of the tables or a fact of a live process; after
 * a crash it is made anew, and the schedulers fill it again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "server/activity.h"
#include "server/clock.h"
#include "server/crash.h"
#include "server/database.h"
#include "server/shmem.h"
#include "server/slot.h"

#define TRANCHE_NAME	"taskly"

typedef struct SharedHeader
{
	int64		incarnation;
} SharedHeader;

static SharedHeader *header = NULL;
static LWLock *slots_lock = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();

	RequestAddinShmemSpace(MAXALIGN(sizeof(SharedHeader)));
	RequestAddinShmemSpace(clock_shmem_size());
	RequestAddinShmemSpace(database_shmem_size());
	RequestAddinShmemSpace(slot_shmem_size());
	RequestAddinShmemSpace(activity_shmem_size());
	RequestNamedLWLockTranche(TRANCHE_NAME, 1);
}

static void
startup_shmem(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	header = ShmemInitStruct("taskly", sizeof(SharedHeader), &found);
	if (!found)
	{
		if (!pg_strong_random(&header->incarnation, sizeof(header->incarnation)))
			elog(FATAL, "could not generate a random number");
		crash_recorder_after_start();
	}
	slots_lock = &GetNamedLWLockTranche(TRANCHE_NAME)->lock;
	clock_shmem_init();
	database_shmem_init();
	slot_shmem_init();
	activity_shmem_init();
	LWLockRelease(AddinShmemInitLock);
}

void
shmem_install_hooks(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
}

bool
shmem_is_ready(void)
{
	return header != NULL;
}

void
shmem_require(void)
{
	if (!shmem_is_ready())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("taskly is not loaded by the server"),
				 errhint("Add \"taskly\" to shared_preload_libraries and restart the server.")));
}

LWLock *
shmem_slots_lock(void)
{
	return slots_lock;
}

int64
shmem_incarnation(void)
{
	return header->incarnation;
}
