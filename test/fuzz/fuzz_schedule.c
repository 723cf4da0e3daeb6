/*-------------------------------------------------------------------------
 *
 * fuzz_schedule.c
 *	  Feeds libFuzzer's inputs to the readers of schedules and backoffs, and
 *	  asks what was read for its next instants.
 *
 * Build and run, from the top of the tree:
 *
 *	  make -C test/unit ../fuzz/fuzz_schedule
 *	  test/fuzz/fuzz_schedule -max_len=256 -max_total_time=60 test/fuzz/corpus
 *
 * The first 24 bytes of an input make an anchor, an instant and a zone; the
 * rest is text. New finds are added to the first directory that is named: name
 * another one before the corpus to keep it as it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "time_zone_fake.h"

#include "time/backoff.h"
#include "time/explain.h"
#include "time/timetable.h"

extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

/* Stops the fuzzer, with the input that broke the promise. */
static void
promise(bool kept)
{
	if (!kept)
		abort();
}

/* It is told whole, in the length that was announced. */
static void
check_explanation(const Schedule *schedule)
{
	size_t		length = schedule_explain(schedule, NULL, 0);
	char	   *sentence = malloc(length + 1);

	promise(schedule_explain(schedule, sentence, length + 1) == length &&
			length > 0 && strlen(sentence) == length);
	free(sentence);
}

/* Message, detail and hint are there, short enough, and printable ASCII. */
static void
check_error(const ScheduleError *error)
{
	const char *const texts[] = {error->message, error->detail, error->hint};

	promise(error->message[0] != '\0');
	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		promise(strlen(texts[i]) < sizeof(error->message) - 1);
		for (const char *at = texts[i]; *at != '\0'; at++)
			promise(*at >= ' ' && *at <= '~');
	}
}

/* No gap is shorter than what is said to be the shortest. */
static void
check_gaps(const Schedule *schedule, TimestampTz anchor)
{
	Timetable	timetable = {*schedule, anchor, DT_NOBEGIN, DT_NOEND};
	int64		shortest = timetable_shortest_gap(&timetable);
	TimestampTz at = timetable_next(&timetable, DT_NOBEGIN, DT_NOBEGIN);

	promise(shortest >= 0 && timetable_mean_gap(&timetable) >= 0);
	for (int i = 0; i < 10 && timetable_recurs(&timetable) && at != DT_NOEND; i++)
	{
		TimestampTz next = timetable_next_after(&timetable, at);

		promise(next == DT_NOEND || (shortest > 0 && next - at >= shortest));
		at = next;
	}
}

static void
check_schedule(const Schedule *schedule, TimestampTz anchor, TimestampTz after)
{
	TimestampTz t = after;

	int64		count = 0;

	check_gaps(schedule, anchor);
	/* Rules are counted by periods: all of time has too many of them for a fuzzer. */
	if (after % 64 == 0 && schedule->kind != SCHEDULE_RULE)
		promise(schedule_count(schedule, anchor, DT_NOBEGIN, DT_NOEND) >= 0);
	for (int i = 0; i < 10; i++)
	{
		TimestampTz next = schedule_next(schedule, anchor, t);

		promise(next == DT_NOEND || (IS_VALID_TIMESTAMP(next) && next > t));
		/* Nothing lies between: just before it, it is next too. */
		if (next != DT_NOEND && next - 1 > t)
			promise(schedule_next(schedule, anchor, next - 1) == next);
		if (next == DT_NOEND)
			break;
		t = next;
		count++;
		promise(schedule->kind == SCHEDULE_AFTER_FINISH ||
				schedule_count(schedule, anchor, after, t) == count);
	}
}

/* A zone with a few changes, made from the input's first bytes. */
static void
make_zone(struct pg_tz *zone, const uint8 *bytes)
{
	memset(zone, 0, sizeof(*zone));
	zone->offset = (bytes[0] % 31 - 15) * 3600;
	for (int i = 1; i < 8; i++)
		fake_change(zone, i * INT64CONST(7776000) + bytes[i] * 900, (bytes[i] % 31 - 15) * 3600);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	int64		numbers[3] = {0};
	struct pg_tz zone;
	Schedule	schedule;
	Backoff		backoff;
	ScheduleError error;
	char	   *text;

	if (size < sizeof(numbers))
		return 0;
	memcpy(numbers, data, sizeof(numbers));
	make_zone(&zone, data + 16);
	size -= sizeof(numbers);
	text = malloc(size + 1);
	memcpy(text, data + sizeof(numbers), size);
	text[size] = '\0';

	if (schedule_parse(text, &zone, &schedule, &error))
	{
		check_explanation(&schedule);
		check_schedule(&schedule, numbers[0], numbers[1]);
		check_schedule(&schedule, 0, numbers[1] % (INT64CONST(1000) * USECS_PER_DAY));
		schedule_free(&schedule);
	}
	else
		check_error(&error);

	if (backoff_parse(text, &backoff, &error))
	{
		int64		delay = backoff_delay_us(&backoff, (int) numbers[0], (double) (numbers[1] & 0xFFFF) / 0xFFFF);

		promise(delay >= 0 && delay <= backoff.cap_us);
	}
	else
		check_error(&error);
	free(text);
	return 0;
}
