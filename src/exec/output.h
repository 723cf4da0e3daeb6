/*-------------------------------------------------------------------------
 *
 * output.h
 *	  What a command prints: the beginning and the end of it, as valid text.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_OUTPUT_H
#define TASKLY_OUTPUT_H

#include "postgres.h"

#define OUTPUT_LIMIT_DEFAULT	(64 * 1024)
#define OUTPUT_LIMIT_MAX		(256 * 1024 * 1024)

/* A character is not torn by what the other stream says in the middle of it. */
typedef enum OutputStream
{
	OUTPUT_STDOUT,
	OUTPUT_STDERR,
	OUTPUT_STREAMS				/* how many there are */
} OutputStream;

typedef struct OutputCapture OutputCapture;

/*
 * Make room for limit bytes of text in a server encoding, in the current
 * memory context. Nothing below but output_text() allocates.
 */
extern OutputCapture *output_create(int limit, int encoding);

/* Add what came; of all that ever came only head and tail are kept. */
extern void output_append(OutputCapture *capture, OutputStream stream,
						  const char *data, size_t length);

/* How many bytes came, kept or not. */
extern int64 output_bytes(const OutputCapture *capture);

/*
 * The text, in the current memory context: all that came, or limit bytes of it
 * around a line "[... N bytes omitted ...]". NUL and bytes that are invalid in
 * the encoding are replaced by '?'. Ends the capture: append nothing after it.
 */
extern char *output_text(OutputCapture *capture, bool *is_truncated);

extern void output_destroy(OutputCapture *capture);

#endif							/* TASKLY_OUTPUT_H */
