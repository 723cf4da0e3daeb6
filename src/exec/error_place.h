/*-------------------------------------------------------------------------
 *
 * error_place.h
 *	  Where in its text a command has failed, in words.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ERROR_PLACE_H
#define TASKLY_ERROR_PLACE_H

#include "taskly.h"

/*
 * The context of an error, below a line like
 *		line 2, character 8: "SELECT * FRM orders"
 * if the error says where in the command, or in a statement of a function, it
 * happened. command may be NULL. In the current memory context, or the error's own.
 */
extern char *error_place_context(const ErrorData *error, const char *command);

#endif							/* TASKLY_ERROR_PLACE_H */
