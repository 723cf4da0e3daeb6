/*-------------------------------------------------------------------------
 *
 * rights.h
 *	  What a role may do in the current database, asked inside a transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_RIGHTS_H
#define TASKLY_RIGHTS_H

#include "taskly.h"

/* Does the role exist, may it log in and connect here? */
extern bool rights_may_run(Oid role);

/* Is shell enabled, and the role a member of pg_execute_server_program? */
extern bool rights_may_run_shell(Oid role);

#endif							/* TASKLY_RIGHTS_H */
