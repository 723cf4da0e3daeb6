/*-------------------------------------------------------------------------
 *
 * hooks.h
 *	  What taskly watches in everybody's sessions: extensions that come and
 *	  go, and commands that need a database without taskly's processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_HOOKS_H
#define TASKLY_HOOKS_H

extern void hooks_install(void);

#endif							/* TASKLY_HOOKS_H */
