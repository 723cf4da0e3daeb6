/*
 * test_output.c
 *		Captured output: what is kept, how it is counted, and that it is always
 *		valid text of the database's encoding.
 *
 * Prints its seed.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "exec/output.h"

#include "tap.h"

#define ROUNDS 3000
#define TEXT_MAX 6000

/* Does text come out as expected, given in pieces for stdout? */
static void
check(int encoding, int limit, const char *const *pieces, const char *expected,
	  const char *name)
{
	OutputCapture *capture = output_create(limit, encoding);
	bool		is_truncated;
	char	   *text;

	for (; *pieces; pieces++)
		output_append(capture, OUTPUT_STDOUT, *pieces, strlen(*pieces));
	text = output_text(capture, &is_truncated);
	if (strcmp(text, expected) != 0)
		printf("# %s: got \"%s\"\n", name, text);
	ok(strcmp(text, expected) == 0 &&
	   is_truncated == (strstr(expected, "bytes omitted") != NULL), "%s", name);
	pfree(text);
	output_destroy(capture);
}

#define PIECES(...) ((const char *const[]) {__VA_ARGS__, NULL})

static void
test_examples(void)
{
	check(PG_UTF8, 100, PIECES(""), "", "nothing");
	check(PG_UTF8, 10, PIECES("0123456789"), "0123456789", "just the limit");
	check(PG_UTF8, 10, PIECES("0123456789a"),
		  "01234\n[... 1 bytes omitted ...]\n6789a", "one more");
	check(PG_UTF8, 10, PIECES("1234\n", "middle", "56789"),
		  "1234\n[... 6 bytes omitted ...]\n56789", "a line that ends at the cut");
	check(PG_UTF8, 0, PIECES("abc"), "[... 3 bytes omitted ...]\n", "no room at all");
	check(PG_UTF8, 8, PIECES("abc\xc3\xa4""efghij\xc3\xa4xyz"),
		  "abc\n[... 10 bytes omitted ...]\nxyz", "UTF8 cut in a character, both sides");
	check(PG_UTF8, 9, PIECES("a\xff" "b\xc3(c\xe4\xbd"), "a?b?(c??", "UTF8 that is none");
	check(PG_UTF8, 99, PIECES("\xe4", "\xbd", "\xa0", "\xe5\xa5", "\xbd!"),
		  "\xe4\xbd\xa0\xe5\xa5\xbd!", "UTF8 byte by byte");
	check(PG_UTF8, 99, PIECES("\xe4", "\xe4\xbd", "\xa0"), "?\xe4\xbd\xa0",
		  "UTF8 that begins twice");
	check(PG_UTF8, 99, PIECES("\xed\xa0\x80"), "???", "UTF8 surrogates are invalid");
	check(PG_LATIN1, 4, PIECES("\xe4\xf6\xfc\xdf\xe4"),
		  "\xe4\xf6\n[... 1 bytes omitted ...]\n\xdf\xe4", "LATIN1");
	check(PG_SQL_ASCII, 99, PIECES("\xe4\xff\x80"), "\xe4\xff\x80", "SQL_ASCII takes all");
	check(PG_EUC_JP, 99, PIECES("\xc6", "\xfc\xcb\xdc\xb8", "\xec"),
		  "\xc6\xfc\xcb\xdc\xb8\xec", "EUC_JP in pieces");
	check(PG_EUC_JP, 99, PIECES("\xc6" "a\xc6"), "?a?", "EUC_JP that is none");
	check(PG_EUC_JP, 7, PIECES("ab\xc6\xfc\xcb\xdc\xb8\xec\xc6\xfc"),
		  "ab\n[... 4 bytes omitted ...]\n\xb8\xec\xc6\xfc", "EUC_JP cut in a character");
}

static void
test_nul(void)
{
	OutputCapture *capture = output_create(99, PG_SQL_ASCII);
	bool		is_truncated;
	char	   *text;

	output_append(capture, OUTPUT_STDOUT, "a\0b\0", 4);
	text = output_text(capture, &is_truncated);
	ok(strcmp(text, "a?b?") == 0 && output_bytes(capture) == 4, "NUL");
	pfree(text);
	output_destroy(capture);
}

static void
test_streams(void)
{
	OutputCapture *capture = output_create(99, PG_UTF8);
	bool		is_truncated;
	char	   *text;

	output_append(capture, OUTPUT_STDOUT, "out \xe4\xbd", 6);
	output_append(capture, OUTPUT_STDERR, "errors \xc3", 8);
	output_append(capture, OUTPUT_STDOUT, "\xa0 more", 6);
	output_append(capture, OUTPUT_STDERR, "\xa4\n", 2);
	text = output_text(capture, &is_truncated);
	ok(strcmp(text, "out errors \xe4\xbd\xa0 more\xc3\xa4\n") == 0,
	   "streams interleave, characters do not");
	ok(output_bytes(capture) == 22, "... and all bytes count");
	pfree(text);
	output_destroy(capture);
}

/* A random character: often ASCII, never what the capture itself writes. */
static int
random_character(int encoding, char *target)
{
	for (;;)
	{
		int			length;

		if (tap_random(8) == 0)
		{
			*target = 'a' + tap_random(26);
			return 1;
		}
		for (int i = 0; i < pg_encoding_max_length(encoding); i++)
			target[i] = 0x80 | tap_random(128);
		length = pg_encoding_verifymbchar(encoding, target, pg_encoding_max_length(encoding));
		if (length > 0)
			return length;
	}
}

static void
append_in_pieces(OutputCapture *capture, const char *text, int length)
{
	int			at = 0;

	while (at < length)
	{
		int			part = 1 + tap_random(tap_random(3) ? 7 : 900);

		part = Min(part, length - at);
		output_append(capture, OUTPUT_STDOUT, text + at, part);
		at += part;
	}
}

/* Valid text stays what it is, but for what the marker counts. */
static bool
is_faithful(const char *text, const char *source, int length, int limit)
{
	const char *marker = strstr(text, "[... ");
	size_t		kept = strlen(text);
	size_t		head;
	size_t		tail;
	long		omitted;

	if (length <= limit)
		return (int) kept == length && memcmp(text, source, length) == 0;
	if (marker == NULL)
		return false;
	omitted = atol(marker + 5);
	head = marker > text ? marker - text - 1 : 0;
	tail = kept - (strchr(marker, '\n') + 1 - text);
	return (long) (head + tail) + omitted == length &&
		(int) (head + tail) >= limit - 2 * 4 && (int) (head + tail) <= limit &&
		memcmp(text, source, head) == 0 &&
		memcmp(text + kept - tail, source + length - tail, tail) == 0;
}

/* Random valid text in random pieces with a random limit. */
static void
test_valid_text(int encoding)
{
	static char source[TEXT_MAX + 8];
	int			failures = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		int			wanted = tap_random(tap_random(4) ? 300 : TEXT_MAX);
		int			limit = tap_random(tap_random(4) ? 200 : TEXT_MAX);
		OutputCapture *capture = output_create(limit, encoding);
		bool		is_truncated;
		char	   *text;
		int			length = 0;

		while (length < wanted)
			length += random_character(encoding, source + length);
		append_in_pieces(capture, source, length);
		text = output_text(capture, &is_truncated);
		if (!is_faithful(text, source, length, limit) ||
			is_truncated != (length > limit) ||
			pg_encoding_verifymbstr(encoding, text, strlen(text)) != (int) strlen(text))
			failures++;
		pfree(text);
		output_destroy(capture);
	}
	if (failures > 0)
		printf("# %d of %d\n", failures, ROUNDS);
	ok(failures == 0, "%s stays as it was", pg_enc2name_tbl[encoding].name);
}

/* Noise on both streams: whatever comes out is valid and bounded. */
static void
test_noise(int encoding)
{
	static char noise[TEXT_MAX];
	int			failures = 0;

	for (int round = 0; round < ROUNDS; round++)
	{
		int			limit = tap_random(500);
		OutputCapture *capture = output_create(limit, encoding);
		int64		total = 0;
		bool		is_truncated;
		char	   *text;
		int			length;

		for (int i = 0; i < TEXT_MAX; i++)
			noise[i] = tap_random(256);
		for (int piece = 0; piece < 10; piece++)
		{
			int			part = tap_random(tap_random(2) ? 5 : TEXT_MAX);

			output_append(capture, tap_random(OUTPUT_STREAMS), noise, part);
			total += part;
		}
		text = output_text(capture, &is_truncated);
		length = strlen(text);
		if (pg_encoding_verifymbstr(encoding, text, length) != length ||
			length > limit + 64 || output_bytes(capture) != total)
			failures++;
		pfree(text);
		output_destroy(capture);
	}
	ok(failures == 0, "noise becomes valid %s", pg_enc2name_tbl[encoding].name);
}

int
main(void)
{
	static const int encodings[] = {PG_UTF8, PG_LATIN1, PG_SQL_ASCII, PG_EUC_JP,
		PG_EUC_CN, PG_EUC_KR, PG_EUC_TW, PG_EUC_JIS_2004,
	PG_MULE_INTERNAL, PG_WIN1252};

	tap_seed();
	test_examples();
	test_nul();
	test_streams();
	for (size_t i = 0; i < lengthof(encodings); i++)
	{
		test_valid_text(encodings[i]);
		test_noise(encodings[i]);
	}
	return tap_done();
}
