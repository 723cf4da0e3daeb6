/*-------------------------------------------------------------------------
 *
 * slot.h
 *	  Worker slots: where a scheduler and one of its workers meet.
 *
 * A slot belongs to a scheduler from reserve to free. It carries two rings:
 * assignments (scheduler to worker) and outcomes (worker to scheduler). The
 * generation tells a slot's users apart from those that had it before.
 *
 * Slots 0 .. taskly_max_workers - 1 are for SQL workers; the ones behind them,
 * one for each database entry, for supervisors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SLOT_H
#define TASKLY_SLOT_H

#include "taskly.h"
#include "access/xlogdefs.h"
#include "storage/itemptr.h"

#define SLOT_ASSIGNMENTS	1024	/* both powers of two */
#define SLOT_OUTCOMES		4096

/* Durable only when the worker says so: a standby has to confirm. */
#define SLOT_DURABLE_LATER	((XLogRecPtr) PG_UINT64_MAX)

/* One run to execute. */
typedef struct Assignment
{
	int64		run_id;
	int64		task_id;		/* 0: none */
	TimestampTz picked_at;
	int64		expires_us;		/* monotonic: its deadline; TASKLY_NEVER_US: none */
	ItemPointerData ctid;		/* where its row was last seen */
	int16		activity;		/* shell: reserved entry; else -1 */
	bool		is_suspect;		/* nothing is put behind it: it may have crashed the server */
	bool		is_slow;		/* known to take its time */
	int32		consecutive_failures;
	int32		queue_id;
	int16		batch;			/* runs of its queue that may share a transaction */
	uint8		keep;			/* QueueKeep: what its queue keeps in history */
	bool		is_strict;		/* one of its key that fails keeps those behind it from starting */
	uint64		key_hash;		/* strict: of its key */
	uint64		outcomes_taken; /* when it was handed over, from this slot */
} Assignment;

/* What the worker did about an assignment. */
typedef enum OutcomeKind
{
	OUTCOME_ENDED,				/* the run is over; status says how */
	OUTCOME_LOOK_AGAIN,			/* its row has changed (a retry): read it again */
	OUTCOME_LOCKED,				/* somebody holds its row: try in a second */
	OUTCOME_GONE,				/* no such row any more */
	OUTCOME_AGAIN				/* not done, through no fault of its own: dispatch again */
} OutcomeKind;

typedef struct Outcome
{
	int64		run_id;
	int64		task_id;
	TimestampTz started_at;
	TimestampTz finished_at;
	int32		duration_us;	/* saturated */
	uint8		kind;			/* OutcomeKind */
	uint8		status;			/* RunStatus of the attempt */
	int16		activity;		/* shell: entry given back; else -1 */
} Outcome;

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_RESERVED,				/* process asked for; with a pid: it logs in */
	SLOT_READY,					/* it takes assignments */
	SLOT_LEFT					/* process gone; its scheduler has to clear up */
} SlotState;

typedef struct SlotInfo
{
	SlotState	state;
	uint64		generation;
	Oid			database;
	Oid			role;			/* InvalidOid: supervisor */
	int			pid;
	bool		is_retiring;
	int			assigned;		/* entries in the assignment ring */
	int64		runs;			/* executed by this process */
	TimestampTz started_at;
	TimestampTz last_run_at;
} SlotInfo;

extern Size slot_shmem_size(void);
extern void slot_shmem_init(void);

/* Number of all slots; SQL workers' ones come first. */
extern int	slot_count(void);
extern bool slot_info(int slot, SlotInfo *info);

/* --- scheduler ------------------------------------------------------ */

/* Take a free worker slot (or the supervisor's of an entry); -1: none. */
extern int	slot_reserve_worker(Oid database, Oid role, uint64 *generation);
extern int	slot_reserve_supervisor(int entry, Oid database, uint64 *generation);
extern void slot_free(int slot);
extern SlotState slot_state(int slot);

/* Free what a database without a scheduler has left behind. */
extern void slot_reclaim(Oid database);

/* True and pushed unless the ring is full; sets outcomes_taken. */
extern bool slot_assign(int slot, Assignment *assignment);
extern int	slot_assigned(int slot);

/*
 * Take all assignments back that the worker has not begun, at once: it goes on
 * with none that is behind one of them. How many; there is room for SLOT_ASSIGNMENTS.
 */
extern int	slot_take_back(int slot, Assignment *assignments);
extern bool slot_take_outcome(int slot, Outcome *outcome);
extern bool slot_has_outcome(int slot);

/* Outcomes that were not taken, be they reported or not. */
extern int	slot_done(int slot);

/*
 * What a worker has done and not reported, behind a run that takes long: may be
 * reported for it, up to done, once WAL is flushed up to durable_at.
 */
extern bool slot_unreported(int slot, uint64 *done, XLogRecPtr *durable_at);
extern void slot_report_for(int slot, uint64 done);
extern void slot_wake(int slot);

/* Wake the processes of all slots, of all databases. */
extern void slot_wake_everybody(void);

/* Let the process exit after its current run. */
extern void slot_retire(int slot);

/* Does the scheduler want to hear when this ring has fewer entries than mark? */
extern void slot_set_refill_mark(int slot, int mark);

/* --- worker --------------------------------------------------------- */

extern bool slot_attach(int slot, uint64 generation);

/* Logged in: from now on it takes assignments. */
extern void slot_set_ready(int slot);
extern bool slot_is_retiring(int slot);
extern bool slot_next_assignment(int slot, Assignment *assignment);

/* May this run share its transaction with others of its queue? */
extern bool assignment_may_share(const Assignment *assignment);

/* The next one, if it may share a transaction with this one. */
extern bool slot_next_to_share(int slot, const Assignment *with, Assignment *assignment);
extern bool slot_outcome_has_room(int slot, int count);

/* Outcomes that were ever written down in this slot by its process. */
extern uint64 slot_outcome_count(int slot);

/* Write an outcome down; report all of them, once they are durable. */
extern void slot_add_outcome(int slot, const Outcome *outcome, XLogRecPtr durable_at);
extern void slot_report(int slot);
extern void slot_count_run(int slot, TimestampTz now);

/* --- demand among databases ----------------------------------------- */

/*
 * A scheduler says how many workers the worst-off of its roles has that wants
 * one more (INT_MAX: none wants). A free slot goes to whoever has fewest; the
 * other schedulers are woken, since they may have one to give.
 */
extern void slot_set_demand(int entry, int fewest);
extern int	slot_fewest_elsewhere(int entry);

#endif							/* TASKLY_SLOT_H */
