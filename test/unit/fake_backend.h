/*-------------------------------------------------------------------------
 *
 * fake_backend.h
 *	  Stands in for the parts of a backend that plan/ and server/ are built
 *	  on, so that they can be tested as plain C.
 *
 * The stand-ins are naive and strict. What PostgreSQL leaves undefined (a key
 * that changes in a heap, a node added twice, a lock taken twice) aborts; what
 * is removed is freed, so that the address sanitizer sees who still uses it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_FAKE_BACKEND_H
#define TASKLY_FAKE_BACKEND_H

#include <setjmp.h>

/* An ERROR jumps here, if set; else it ends the program. */
extern sigjmp_buf *fake_error_jump;
extern char fake_error_message[256];

/* Number of locks held now. */
extern int	fake_locks_held;

#endif							/* TASKLY_FAKE_BACKEND_H */
