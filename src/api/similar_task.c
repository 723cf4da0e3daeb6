/*-------------------------------------------------------------------------
 *
 * similar_task.c
 *	  A task that may have been meant by a name that no task has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/varlena.h"

#include "api/common.h"
#include "api/similar_task.h"

/* As PostgreSQL does for columns: at most so many letters differ, and not most of them. */
#define MAX_DISTANCE	3

typedef struct Search
{
	const char *name;
	int			best;			/* distances below it are better */
	char	   *found;			/* NULL: none yet */
	MemoryContext context;
} Search;

static int
distance_between(const char *a, const char *b, int max)
{
	if (pg_strcasecmp(a, b) == 0)
		return 0;
	return varstr_levenshtein_less_equal(a, strlen(a), b, strlen(b), 1, 1, 1, max, true);
}

/* Only what the caller may manage is told. */
static void
receive_name(const char *name, Oid owner, void *arg)
{
	Search	   *search = arg;
	int			distance = distance_between(search->name, name, search->best);

	if (distance >= search->best || !may_manage(owner))
		return;
	search->best = distance;
	search->found = MemoryContextStrdup(search->context, name);
}

char *
similar_task(const char *name)
{
	int			letters = pg_mbstrlen(name);
	Search		search = {name, Min(MAX_DISTANCE, letters / 2) + 1, NULL, CurrentMemoryContext};

	task_store_find_names(letters - MAX_DISTANCE, letters + MAX_DISTANCE, receive_name, &search);
	return search.found;
}
