/*-------------------------------------------------------------------------
 *
 * similar_task.h
 *	  A task that may have been meant by a name that no task has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SIMILAR_TASK_H
#define TASKLY_SIMILAR_TASK_H

/*
 * The name that is most like it, among the tasks that the caller may manage; NULL:
 * none is near. For the hint of an error: it looks at all names.
 */
extern char *similar_task(const char *name);

#endif							/* TASKLY_SIMILAR_TASK_H */
