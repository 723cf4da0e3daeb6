/*-------------------------------------------------------------------------
 *
 * role_plan.c
 *	  How many runs of a role run at once, and how many may.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "plan/role_plan.h"

typedef struct RolePlan
{
	Oid			role;			/* hash key */
	bool		is_set;			/* it has a limit of its own, or none of the common one */
	int			max_running;	/* 0: no limit */
	int			running;
} RolePlan;

static HTAB *roles = NULL;
static int	common_limit = 0;

void
role_plan_init(MemoryContext parent)
{
	HASHCTL		control = {0};

	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(RolePlan);
	control.hcxt = parent;
	roles = hash_create("taskly roles", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	common_limit = 0;
}

static RolePlan *
find_or_make(Oid role)
{
	bool		found;
	RolePlan   *plan = hash_search(roles, &role, HASH_ENTER, &found);

	if (!found)
	{
		plan->is_set = false;
		plan->max_running = plan->running = 0;
	}
	return plan;
}

/* Roles come and go for ever: those of which nothing is known go. */
void
role_plan_begin_reload(void)
{
	HASH_SEQ_STATUS scan;
	RolePlan   *plan;

	common_limit = 0;
	hash_seq_init(&scan, roles);
	while ((plan = hash_seq_search(&scan)) != NULL)
	{
		plan->is_set = false;
		if (plan->running == 0)
			(void) hash_search(roles, &plan->role, HASH_REMOVE, NULL);
	}
}

void
role_plan_set(Oid role, int max_running)
{
	RolePlan   *plan;

	if (!OidIsValid(role))
	{
		common_limit = max_running;
		return;
	}
	plan = find_or_make(role);
	plan->is_set = true;
	plan->max_running = max_running;
}

int
role_plan_room(Oid role)
{
	RolePlan   *plan = hash_search(roles, &role, HASH_FIND, NULL);
	int			limit = plan != NULL && plan->is_set ? plan->max_running : common_limit;

	if (limit == 0)
		return INT_MAX;
	return Max(0, limit - (plan != NULL ? plan->running : 0));
}

void
role_plan_start(Oid role)
{
	find_or_make(role)->running++;
}

void
role_plan_end(Oid role)
{
	RolePlan   *plan = find_or_make(role);

	Assert(plan->running > 0);
	plan->running--;
}
