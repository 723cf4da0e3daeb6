/*-------------------------------------------------------------------------
 *
 * test_time_count.c
 *	  schedule_count() against steps of schedule_next(), over short and long
 *	  stretches of time; and how much work either may do.
 *
 * Work is counted in look-ups of the zone, which a slow computer does not
 * change. Around changes of clocks, test_time_zones.c compares with a scan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "schedule_text.h"
#include "tap.h"
#define FAKE_CHANGES	1024
#include "time_zone_fake.h"

#include "time/civil.h"
#include "time/schedule.h"

#define YEAR			(INT64CONST(31556952) * USECS_PER_SEC)

static struct pg_tz summer_zone;

static const char *const texts[] = {
	"* * * * * *", "*/7 * * * *", "*/20 */5 * * *", "0 3 * * *", "30 2 * * *", "0,30 1-3 * * *", "0 22-3 * * fri-mon",
	"0 0 L * *", "0 9 LW,15W * *", "0 0 13 * fri#2", "0 0 * * sunL", "0 * * 2 mon#5", "0 0 29 2 *",
	"0 0 L-30,31W * ?", "0 12 * * *", "*/5 * 29 2 *",
	"every 100 ms", "every 90 minutes", "every day", "every 3 days", "every 36 hours", "every 2 weeks", "every month",
	"every 1 month 1 day 1 hour", "every 7 months", "every 4 years",
	"every 3 days on mon", "every day on weekdays", "every 1 month on sat-sun", "every 5 months 3 days on tue,thu",
	"every year on fri",
	"every 5 minutes between 09:00 and 17:00 on mon-fri", "every 7 seconds between 22:00 and 06:00 on sat",
	"every 40 minutes between 02:30 and 02:45", "every 6 hours between 00:00 and 24:00", "every 7 hours on weekends",
	"every 1 minute between 23:59:30 and 23:59:00",
	"90 s after finish", "2026-11-23 12:00", "@reboot"
};

/* Two changes a year, about as long as tables of PostgreSQL go on, and a day that is skipped. */
static void
make_zone(void)
{
	summer_zone.offset = -5 * 3600;
	for (int year = 2000; year < 2437; year++)
	{
		int64		shift = year < 2011 ? 0 : CIVIL_DAY;

		fake_change(&summer_zone, civil_day(year, 3, 28) * CIVIL_DAY + 7 * 3600, shift - 4 * 3600);
		fake_change(&summer_zone, civil_day(year, 10, 28) * CIVIL_DAY + 6 * 3600, shift - 5 * 3600);
	}
}

static TimestampTz
random_instant(void)
{
	return (tap_random(2) ? tap_random(60 * YEAR) : tap_random(3000 * YEAR) - 1000 * YEAR);
}

static void
test_steps(void)
{
	int			wrong = 0;
	int64		steps = 0;

	for (int i = 0; i < 40 * (int) lengthof(texts); i++)
	{
		const char *text = texts[i % lengthof(texts)];
		Schedule	schedule = parse(text, &summer_zone);
		TimestampTz anchor = random_instant();
		TimestampTz after = anchor + (tap_random(3) ? tap_random(20 * YEAR) : -tap_random(20 * YEAR));
		TimestampTz until = after;
		int64		count = 0;

		/* What follows a finish is known up to the next one only. */
		int			most = schedule.kind == SCHEDULE_AFTER_FINISH ? 2 : 2000;

		for (int n = (int) tap_random(most); n > 0; n--)
		{
			TimestampTz next = schedule_next(&schedule, anchor, until);

			if (next == DT_NOEND)
				break;
			until = next;
			count++;
		}
		steps += count;

		/* On the last instant, and just before the one that follows. */
		for (int end = 0; end < 2; end++)
		{
			int64		found = schedule_count(&schedule, anchor, after, until);

			if (found != count)
			{
				wrong++;
				printf("# \"%s\" from %lld in (%lld, %lld]: %lld, not %lld\n", text, (long long) anchor,
					   (long long) after, (long long) until, (long long) found, (long long) count);
			}
			until = schedule_next(&schedule, anchor, until) - 1;
			if (schedule.kind == SCHEDULE_AFTER_FINISH)
				break;
		}
	}
	ok(wrong == 0 && steps > 100000, "%lld steps are counted (%d wrong)", (long long) steps, wrong);
}

/* The parts of any stretch have as many instants as the whole, across cycles too. */
static void
test_sums(void)
{
	int			wrong = 0;

	for (int i = 0; i < 20 * (int) lengthof(texts); i++)
	{
		const char *text = texts[i % lengthof(texts)];
		Schedule	schedule = parse(text, &summer_zone);
		TimestampTz anchor = random_instant();
		TimestampTz after = random_instant();
		TimestampTz middle = after + tap_random(tap_random(2) ? 100 * YEAR : 5000 * YEAR);
		TimestampTz until = middle + tap_random(tap_random(2) ? 10 * YEAR : 5000 * YEAR);

		if (schedule.kind == SCHEDULE_AFTER_FINISH)
			continue;
		wrong += schedule_count(&schedule, anchor, after, middle) +
			schedule_count(&schedule, anchor, middle, until) != schedule_count(&schedule, anchor, after, until);
	}
	ok(wrong == 0, "counts of two stretches add up to that of both (%d do not)", wrong);
}

static void
test_ends(void)
{
	Schedule	second = parse("* * * * * *", &summer_zone);
	Schedule	window = parse("every hour between 08:00 and 09:00", &summer_zone);
	Schedule	grid = parse("every day", &summer_zone);

	ok(schedule_count(&second, 0, DT_NOBEGIN, DT_NOEND) ==
	   END_TIMESTAMP / USECS_PER_SEC - MIN_TIMESTAMP / USECS_PER_SEC, "all seconds of all time are counted");
	ok(schedule_count(&second, 0, 5, 5) == 0 && schedule_count(&second, 0, 5, 4) == 0 &&
	   schedule_count(&second, 0, DT_NOEND, DT_NOBEGIN) == 0, "nothing is in an empty stretch");
	ok(schedule_count(&second, 0, -1, 0) == 1 && schedule_count(&second, 0, 0, 999999) == 0,
	   "a stretch starts after its start, and has its end");
	ok(schedule_count(&window, DT_NOBEGIN, 0, YEAR) == 0 && schedule_count(&grid, DT_NOEND, 0, YEAR) == 0,
	   "intervals need an anchor");
	ok(schedule_count(&grid, 0, -YEAR, 0) == 1 && schedule_count(&grid, 0, 0, 0) == 0, "which is the first instant");
}

/* Clocks are never asked for each day or each instant. */
static void
test_work(void)
{
	int64		most_next = 0;
	int64		most_count = 0;
	int64		most_ever = 0;
	clock_t		start = clock();
	int			asked = 0;

	for (int i = 0; i < 100 * (int) lengthof(texts); i++, asked++)
	{
		Schedule	schedule = parse(texts[i % lengthof(texts)], &summer_zone);
		TimestampTz after = random_instant();

		fake_lookups = 0;
		(void) schedule_next(&schedule, 0, after);
		most_next = Max(most_next, fake_lookups);
	}
	ok(most_next <= 64, "a next instant needs %lld look-ups of the zone at most", (long long) most_next);
	ok((clock() - start) * 1000000.0 / CLOCKS_PER_SEC / asked < 200, "and so little time (%.1f us with sanitizers)",
	   (clock() - start) * 1000000.0 / CLOCKS_PER_SEC / asked);

	start = clock();
	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		Schedule	schedule = parse(texts[i], &summer_zone);
		TimestampTz after = 10 * YEAR + tap_random(20 * YEAR);

		fake_lookups = 0;
		(void) schedule_count(&schedule, 0, after, after + 10 * YEAR);
		most_count = Max(most_count, fake_lookups);
		fake_lookups = 0;
		(void) schedule_count(&schedule, MIN_TIMESTAMP, DT_NOBEGIN, DT_NOEND);
		most_ever = Max(most_ever, fake_lookups);
	}
	ok(most_count <= 500, "a count of ten years needs %lld look-ups of the zone at most", (long long) most_count);
	ok(most_ever <= 50000, "a count of all time needs %lld (%.1f ms each with sanitizers)", (long long) most_ever,
	   (clock() - start) * 1000.0 / CLOCKS_PER_SEC / lengthof(texts));
}

int
main(void)
{
	tap_seed();
	make_zone();
	test_steps();
	test_sums();
	test_ends();
	test_work();
	return tap_done();
}
