/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  What the readers of schedule texts share: errors and characters.
 *
 * Text is ASCII here. Whatever else a user typed is shown as "?" in an error,
 * so that a message is valid in every encoding and fits a line of a log.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_SCAN_H
#define TASKLY_SCAN_H

#include "postgres.h"

/* Why a text was refused. An empty detail or hint says nothing. */
typedef struct ScheduleError
{
	char		message[256];
	char		detail[256];
	char		hint[256];
} ScheduleError;

/* A piece of the text that is being read: not terminated. */
typedef struct Part
{
	const char *start;
	const char *end;
} Part;

/* The part, made safe to print: at most 40 bytes of it, and "...". */
typedef struct PartText
{
	char		text[44];
} PartText;

extern PartText part_text(Part part);

/* All of these return false, so that a reader can return what they return. */
extern bool schedule_error(ScheduleError *error, const char *format,...) pg_attribute_printf(2, 3);
extern bool schedule_error_detail(ScheduleError *error, const char *format,...)
			pg_attribute_printf(2, 3);
extern bool schedule_error_hint(ScheduleError *error, const char *format,...)
			pg_attribute_printf(2, 3);

extern const char *skip_spaces(const char *at);
extern Part next_token(const char *at);
extern Part next_word(const char *at);
extern bool part_is(Part part, const char *word);
extern const char *read_number(const char *at, int64 *value);

static inline bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c + ('a' - 'A')) : c;
}

static inline bool
is_letter(char c)
{
	return to_lower(c) >= 'a' && to_lower(c) <= 'z';
}

static inline Part
make_part(const char *start, const char *end)
{
	Part		part = {start, end};

	return part;
}

#endif							/* TASKLY_SCAN_H */
