/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  What the readers of schedule texts share: errors and characters.
 *
 * No locale, no encoding, no memory: every function looks at each character
 * of its input at most once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/scan.h"

/* Beyond any number that a schedule may hold, and far from overflow. */
#define NUMBER_MAX INT64CONST(1000000000000000)

/* Copies what can be shown of a part. */
PartText
part_text(Part part)
{
	PartText	result;
	size_t		length = part.end - part.start;
	size_t		shown = Min(length, 40);

	for (size_t i = 0; i < shown; i++)
	{
		char		c = part.start[i];

		result.text[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	strcpy(result.text + shown, length > shown ? "..." : "");
	return result;
}

/* Starts a new error: detail and hint are forgotten. */
bool
schedule_error(ScheduleError *error, const char *format,...)
{
	va_list		args;

	error->detail[0] = '\0';
	error->hint[0] = '\0';
	va_start(args, format);
	(void) vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return false;
}

/* Adds a detail to the error: whole sentences. */
bool
schedule_error_detail(ScheduleError *error, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(error->detail, sizeof(error->detail), format, args);
	va_end(args);
	return false;
}

/* Adds a hint to the error: whole sentences. */
bool
schedule_error_hint(ScheduleError *error, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	(void) vsnprintf(error->hint, sizeof(error->hint), format, args);
	va_end(args);
	return false;
}

const char *
skip_spaces(const char *at)
{
	while (is_space(*at))
		at++;
	return at;
}

/* All up to the next space: empty at the end of the text. */
Part
next_token(const char *at)
{
	const char *end = at;

	while (*end != '\0' && !is_space(*end))
		end++;
	return make_part(at, end);
}

/* All letters from here on: empty where something else stands. */
Part
next_word(const char *at)
{
	const char *end = at;

	while (is_letter(*end))
		end++;
	return make_part(at, end);
}

/* Is the part this word, in any case? The word is in lower case. */
bool
part_is(Part part, const char *word)
{
	const char *at = part.start;

	while (at < part.end && *word != '\0' && to_lower(*at) == *word)
	{
		at++;
		word++;
	}
	return at == part.end && *word == '\0';
}

/* Reads digits, if there are any; a number too large is the largest one. */
const char *
read_number(const char *at, int64 *value)
{
	*value = 0;
	for (; is_digit(*at); at++)
	{
		if (*value < NUMBER_MAX)
			*value = *value * 10 + (*at - '0');
	}
	return at;
}
