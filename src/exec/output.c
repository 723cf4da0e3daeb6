/*-------------------------------------------------------------------------
 *
 * output.c
 *	  What a command prints: the beginning and the end of it, as valid text.
 *
 * The first half of the limit goes into head, and the rest through a ring that
 * keeps the last half. Bytes are kept as they come and looked at once, at the
 * end: most of a flood is thrown away unseen.
 *
 * A character cut in two by a read() waits for its other half (per stream). One
 * cut in two by the limit is left out. All this relies on a property of every
 * server encoding: each byte of a multibyte character has its high bit set, so
 * that an ASCII byte is always a character, and a place to start from.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "exec/output.h"

#define CHARACTER_MAX 8			/* bytes; no encoding has longer ones */
#define SYNC_DISTANCE 512		/* bytes kept before the tail to start from */
#define MARKER_MAX 64

typedef struct PartialCharacter
{
	char		bytes[CHARACTER_MAX];
	size_t		length;
} PartialCharacter;

struct OutputCapture
{
	int			encoding;
	int64		total;			/* bytes appended */
	PartialCharacter partial[OUTPUT_STREAMS];

	char	   *head;
	size_t		head_size;
	size_t		head_length;

	/* The bytes after the head: byte n of them is at ring[n % ring_size]. */
	char	   *ring;
	size_t		ring_size;		/* tail_size and SYNC_DISTANCE */
	size_t		tail_size;
	int64		ring_total;		/* bytes that went through it */
};

/* What is left of the output at the end, in one piece. */
typedef struct Kept
{
	char	   *bytes;
	size_t		length;
	size_t		tail;			/* where the last tail_size bytes begin */
	bool		is_whole;		/* begins where the output began */
} Kept;

static void keep(OutputCapture *capture, const char *data, size_t length);
static size_t complete_length(int encoding, const char *data, size_t length);
static bool is_sync_byte(int encoding, char byte);
static void gather(const OutputCapture *capture, Kept *kept);
static size_t tail_start(int encoding, const Kept *kept);
static size_t sanitise(int encoding, const char *data, size_t length, char *target);

OutputCapture *
output_create(int limit, int encoding)
{
	OutputCapture *capture = palloc0(sizeof(OutputCapture));

	limit = Max(0, Min(limit, OUTPUT_LIMIT_MAX));
	capture->encoding = encoding;
	capture->head_size = limit / 2;
	capture->tail_size = limit - capture->head_size;
	capture->ring_size = capture->tail_size + SYNC_DISTANCE;
	capture->head = palloc(capture->head_size + 1);
	capture->ring = palloc(capture->ring_size);
	return capture;
}

void
output_append(OutputCapture *capture, OutputStream stream,
			  const char *data, size_t length)
{
	PartialCharacter *partial = &capture->partial[stream];
	size_t		complete;

	capture->total += length;

	/* Finish a character that the last call began, byte by byte. */
	while (partial->length > 0 && length > 0)
	{
		partial->bytes[partial->length++] = *data++;
		length--;
		complete = complete_length(capture->encoding, partial->bytes, partial->length);
		keep(capture, partial->bytes, complete);
		partial->length -= complete;
		memmove(partial->bytes, partial->bytes + complete, partial->length);
	}

	complete = complete_length(capture->encoding, data, length);
	keep(capture, data, complete);
	if (complete < length)
	{
		memcpy(partial->bytes, data + complete, length - complete);
		partial->length = length - complete;
	}
}

int64
output_bytes(const OutputCapture *capture)
{
	return capture->total;
}

char *
output_text(OutputCapture *capture, bool *is_truncated)
{
	Kept		kept;
	char	   *text;
	size_t		used = 0;

	for (int stream = 0; stream < OUTPUT_STREAMS; stream++)
	{
		keep(capture, capture->partial[stream].bytes, capture->partial[stream].length);
		capture->partial[stream].length = 0;
	}

	gather(capture, &kept);
	text = palloc(capture->head_length + kept.length + MARKER_MAX);
	*is_truncated = capture->ring_total > (int64) capture->tail_size;
	if (*is_truncated)
	{
		size_t		head_length = complete_length(capture->encoding, capture->head,
												  capture->head_length);
		size_t		start = tail_start(capture->encoding, &kept);
		int64		omitted = capture->total - head_length - (kept.length - start);

		used = sanitise(capture->encoding, capture->head, head_length, text);
		used += snprintf(text + used, MARKER_MAX, "%s[... " INT64_FORMAT " bytes omitted ...]\n",
						 used > 0 && text[used - 1] != '\n' ? "\n" : "", omitted);
		used += sanitise(capture->encoding, kept.bytes + start, kept.length - start, text + used);
	}
	else
		used = sanitise(capture->encoding, kept.bytes, kept.length, text);

	text[used] = '\0';
	pfree(kept.bytes);
	return text;
}

void
output_destroy(OutputCapture *capture)
{
	pfree(capture->head);
	pfree(capture->ring);
	pfree(capture);
}

/* Fill the head, then run the rest through the ring. */
static void
keep(OutputCapture *capture, const char *data, size_t length)
{
	size_t		part = Min(length, capture->head_size - capture->head_length);

	memcpy(capture->head + capture->head_length, data, part);
	capture->head_length += part;
	data += part;
	length -= part;

	if (length > capture->ring_size)
	{
		size_t		skip = length - capture->ring_size;

		capture->ring_total += skip;
		data += skip;
		length = capture->ring_size;
	}
	while (length > 0)
	{
		size_t		at = capture->ring_total % capture->ring_size;

		part = Min(length, capture->ring_size - at);
		memcpy(capture->ring + at, data, part);
		capture->ring_total += part;
		data += part;
		length -= part;
	}
}

/*
 * How much of this text is whole characters? What is left at the end may become
 * one with the bytes to come. Starts at a character.
 */
static size_t
complete_length(int encoding, const char *data, size_t length)
{
	int			max_length = pg_encoding_max_length(encoding);
	size_t		at = length;

	if (max_length == 1)
		return length;

	/* Walk forward from the last ASCII byte, or the beginning. */
	while (at > 0 && !is_sync_byte(encoding, data[at - 1]))
		at--;
	if (at > 0 && IS_HIGHBIT_SET(data[at - 1]))
		at--;
	while (at < length)
	{
		int			left = (int) Min(length - at, CHARACTER_MAX);
		int			valid = pg_encoding_verifymbchar(encoding, data + at, left);

		if (valid > 0)
			at += valid;
		else if (left < max_length && left < pg_encoding_mblen(encoding, data + at))
			break;
		else
			at++;
	}
	return at;
}

/* Does a character begin at, or end with, this byte for sure? */
static bool
is_sync_byte(int encoding, char byte)
{
	if (encoding == PG_UTF8)
		return (byte & 0xC0) != 0x80;
	return !IS_HIGHBIT_SET(byte);
}

/*
 * What is left, in one piece: all that ever came, head included, as long as the
 * ring has lost nothing; then only what the ring holds.
 */
static void
gather(const OutputCapture *capture, Kept *kept)
{
	size_t		in_ring = Min(capture->ring_total, (int64) capture->ring_size);
	size_t		first = (capture->ring_total - in_ring) % capture->ring_size;
	size_t		part = Min(in_ring, capture->ring_size - first);

	kept->bytes = palloc(capture->head_size + capture->ring_size);
	kept->length = 0;
	kept->is_whole = (capture->ring_total == (int64) in_ring);
	if (kept->is_whole)
	{
		memcpy(kept->bytes, capture->head, capture->head_length);
		kept->length = capture->head_length;
	}
	memcpy(kept->bytes + kept->length, capture->ring + first, part);
	memcpy(kept->bytes + kept->length + part, capture->ring, in_ring - part);
	kept->length += in_ring;
	kept->tail = kept->length - Min(in_ring, capture->tail_size);
}

/*
 * Where the first whole character of the tail begins. Without a safe byte for
 * SYNC_DISTANCE before it, the text up to the next safe byte is given up; if
 * there is none at all, what looks like a character is taken for one.
 */
static size_t
tail_start(int encoding, const Kept *kept)
{
	const char *data = kept->bytes;
	size_t		at = kept->tail;

	if (pg_encoding_max_length(encoding) == 1)
		return kept->tail;
	while (at > 0 && !is_sync_byte(encoding, data[at - 1]))
		at--;
	if (at == 0 && !kept->is_whole)
	{
		for (at = kept->tail; at < kept->length; at++)
			if (is_sync_byte(encoding, data[at]))
				return at;
		return kept->tail;
	}
	if (at > 0 && IS_HIGHBIT_SET(data[at - 1]))
		at--;
	while (at < kept->tail)
	{
		int			left = (int) Min(kept->length - at, CHARACTER_MAX);
		int			valid = pg_encoding_verifymbchar(encoding, data + at, left);

		at += valid > 0 ? valid : 1;
	}
	return at;
}

/* Copy as valid text, never longer than the original; its length. */
static size_t
sanitise(int encoding, const char *data, size_t length, char *target)
{
	size_t		at = 0;

	while (at < length)
	{
		int			left = (int) Min(length - at, CHARACTER_MAX);
		int			valid = 1;

		if (IS_HIGHBIT_SET(data[at]))
			valid = pg_encoding_verifymbchar(encoding, data + at, left);
		if (valid <= 0 || data[at] == '\0')
		{
			target[at++] = '?';
			continue;
		}
		memcpy(target + at, data + at, valid);
		at += valid;
	}
	return length;
}
