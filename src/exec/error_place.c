/*-------------------------------------------------------------------------
 *
 * error_place.c
 *	  Where in its text a command has failed, in words.
 *
 * A client shows a query's error by its position; a run has no client, and its
 * text may be long, so that the line is told with what stands around.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "exec/error_place.h"

/* Characters shown on either side of the place. */
#define SHOWN_CHARACTERS	40

/* A place in a text, and the line that it is in. */
typedef struct Place
{
	int			line;			/* from 1 */
	int			character;		/* of the line, from 1 */
	const char *at;
	const char *line_start;
} Place;

/* False: the text ends before it. */
static bool
find_place(const char *text, int position, Place *place)
{
	const char *p = text;

	place->line = 1;
	place->character = 1;
	place->line_start = text;
	for (int i = 1; i < position; i++)
	{
		if (*p == '\0')
			return false;
		if (*p == '\n')
		{
			place->line++;
			place->character = 0;
			place->line_start = p + 1;
		}
		place->character++;
		p += pg_mblen(p);
	}
	place->at = p;
	return true;
}

/* The line around the place, with dots where it goes on. */
static char *
excerpt(const Place *place)
{
	const char *start = place->line_start;
	const char *end = place->at;

	for (int i = place->character - 1; i > SHOWN_CHARACTERS; i--)
		start += pg_mblen(start);
	for (int i = 0; i < SHOWN_CHARACTERS && *end != '\0' && *end != '\n' && *end != '\r'; i++)
		end += pg_mblen(end);
	return psprintf("%s%.*s%s", start > place->line_start ? "..." : "",
					(int) (end - start), start,
					*end != '\0' && *end != '\n' && *end != '\r' ? "..." : "");
}

char *
error_place_context(const ErrorData *error, const char *command)
{
	bool		is_internal = error->internalpos > 0 && error->internalquery != NULL;
	const char *text = is_internal ? error->internalquery : command;
	int			position = is_internal ? error->internalpos : error->cursorpos;
	Place		place;

	if (text == NULL || position <= 0 || !find_place(text, position, &place))
		return error->context;
	return psprintf("line %d, character %d: \"%s\"%s%s", place.line, place.character, excerpt(&place),
					error->context != NULL ? "\n" : "",
					error->context != NULL ? error->context : "");
}
