/*-------------------------------------------------------------------------
 *
 * memo.h
 *	  Whether what a process remembers of some table is still true.
 *
 * A change of such a table sends an invalidation of its relcache entry after it
 * can be seen. We listen to those of all tables: they are rare.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_MEMO_H
#define TASKLY_MEMO_H

typedef struct Memo
{
	bool		is_true;
	bool		is_listening;
	int			invalidations;
} Memo;

/* Around a reading of what is to be remembered: what changed meanwhile is read again next time. */
extern int	memo_begin(Memo *memo);
extern void memo_end(Memo *memo, int begun);

#endif							/* TASKLY_MEMO_H */
