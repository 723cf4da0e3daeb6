/*-------------------------------------------------------------------------
 *
 * quota_store.h
 *	  Every statement about taskly.quota: what roles may have at most.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_QUOTA_STORE_H
#define TASKLY_QUOTA_STORE_H

#include "taskly.h"

typedef struct QuotaRow
{
	Oid			role;			/* InvalidOid: every role without a quota of its own */
	int64		max_pending;	/* 0: no limit; the same below */
	int			max_tasks;
	int			max_running;
} QuotaRow;

/*
 * The quota that binds a role: its own, else the one for everybody, which does
 * not bind superusers. Remembered by the process until some quota changes.
 */
extern void quota_store_find(Oid role, QuotaRow *quota);

/*
 * Give all to receive(): quotas of roles, the one for everybody (InvalidOid) and, when
 * there is that, one without limits for each superuser that has none of its own.
 * So who is not named has what is said for InvalidOid, if anything.
 */
typedef void (*QuotaReceiver) (const QuotaRow *quota, void *arg);
extern void quota_store_read_all(QuotaReceiver receive, void *arg);

/* Write one; without any limit it is dropped. False: it was so already. */
extern bool quota_store_set(const QuotaRow *quota);

/* At commit, all processes forget what they remember of quotas. */
extern void quota_store_forget_at_commit(void);

/* Tasks of a role, as far as committed or our own. */
extern int64 quota_store_count_tasks(Oid role);

#endif							/* TASKLY_QUOTA_STORE_H */
