/*-------------------------------------------------------------------------
 *
 * test_fuzz.c
 *	  A short run of the fuzzer, where there is no libFuzzer: the corpus as it
 *	  is, and changed at random.
 *
 * What breaks a promise aborts, after its input was written to the terminal;
 * the sanitizers see the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "../fuzz/fuzz_schedule.c"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tap.h"

#define CORPUS			"../fuzz/corpus"
#define INPUTS_MAX		10000
#define INPUT_SIZE		512
#define ROUNDS			20000

typedef struct Input
{
	size_t		size;
	uint8		data[INPUT_SIZE];
} Input;

static Input inputs[INPUTS_MAX];
static int	input_count = 0;
static Input current;

static void
show_input(int signal_number)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < current.size; i++)
	{
		char		text[2] = {digits[current.data[i] >> 4], digits[current.data[i] & 15]};

		if (write(STDERR_FILENO, text, 2) < 0)
			break;
	}
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void
read_corpus(void)
{
	DIR		   *dir = opendir(CORPUS);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL && input_count < INPUTS_MAX)
	{
		char		path[1024];
		FILE	   *file;

		snprintf(path, sizeof(path), "%s/%s", CORPUS, entry->d_name);
		if (entry->d_name[0] == '.' || (file = fopen(path, "r")) == NULL)
			continue;
		inputs[input_count].size = fread(inputs[input_count].data, 1, INPUT_SIZE, file);
		fclose(file);
		input_count++;
	}
	if (dir != NULL)
		closedir(dir);
}

static void
run_current(void)
{
	(void) LLVMFuzzerTestOneInput(current.data, current.size);
}

/* One change: a byte, a piece that is repeated or removed, or the end of another input. */
static void
change_current(void)
{
	size_t		at = tap_random(current.size);
	size_t		length = 1 + tap_random(8);
	const Input *other = &inputs[tap_random(input_count)];

	switch (tap_random(4))
	{
		case 0:
			current.data[at] = (uint8) (tap_random(2) ? ' ' + tap_random(95) : tap_random(256));
			break;
		case 1:
			if (at + length > current.size || current.size + length > INPUT_SIZE)
				break;
			memmove(current.data + at + length, current.data + at, current.size - at);
			current.size += length;
			break;
		case 2:
			if (at + length >= current.size)
				break;
			memmove(current.data + at, current.data + at + length, current.size - at - length);
			current.size -= length;
			break;
		default:
			if (other->size <= at)
				break;
			memcpy(current.data + at, other->data + at, other->size - at);
			current.size = other->size;
			break;
	}
}

int
main(void)
{
	tap_seed();
	signal(SIGABRT, show_input);
	read_corpus();
	for (int i = 0; i < input_count; i++)
	{
		current = inputs[i];
		run_current();
	}
	ok(input_count > 0, "all %d inputs of the corpus are read, or refused, as promised", input_count);
	for (int round = 0; round < ROUNDS; round++)
	{
		current = inputs[tap_random(input_count)];
		for (int changes = 1 + (int) tap_random(4); changes > 0 && current.size > 0; changes--)
			change_current();
		run_current();
	}
	ok(true, "so are %d that were made from them", ROUNDS);
	return tap_done();
}
