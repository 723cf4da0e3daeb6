/*-------------------------------------------------------------------------
 *
 * test_time_gap.c
 *	  The shortest and the mean time between occurrences: of texts by hand, and
 *	  of random ones against all of their occurrences in four years.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tap.h"
#include "time_zone_fake.h"

#include "time/timetable.h"

#define SECOND		USECS_PER_SEC
#define MINUTE		USECS_PER_MINUTE
#define HOUR		USECS_PER_HOUR
#define DAY			USECS_PER_DAY

static struct pg_tz utc;

static Timetable
timetable_of(const char *text, struct pg_tz *zone)
{
	Timetable	timetable = {.starts_at = DT_NOBEGIN, .ends_at = DT_NOEND};
	ScheduleError error;

	if (!schedule_parse(text, zone, &timetable.schedule, &error))
	{
		ok(false, "\"%s\" is read: %s", text, error.message);
		exit(1);
	}
	return timetable;
}

static void
claim_gaps(const Timetable *timetable, const char *name, int64 shortest, int64 mean)
{
	int64		found = timetable_shortest_gap(timetable);
	int64		found_mean = timetable_mean_gap(timetable);

	ok(found == shortest, "shortest gap of %s is %.6f s", name, shortest / 1e6);
	if (found != shortest)
		printf("# found %.6f\n", found / 1e6);
	/* A mean says where it was measured; 0: not looked at. */
	if (mean != 0)
		ok(llabs(found_mean - mean) <= mean / 100, "mean gap of %s is about %.0f s (%.3f)",
		   name, mean / 1e6, found_mean / 1e6);
}

static void
test_texts(void)
{
	static const struct
	{
		const char *text;
		int64		shortest;
		int64		mean;
	}			cases[] = {
		{"every 90 s", 90 * SECOND, 90 * SECOND},
		{"every 100 ms", SECOND / 10, SECOND / 10},
		{"every 2 months", 59 * DAY, 61 * DAY},
		{"every 1 day", DAY, DAY},
		{"* * * * *", MINUTE, MINUTE},
		{"* * * * * *", SECOND, SECOND},
		{"*/7 * * * *", 4 * MINUTE, 3600 * SECOND / 9},
		{"*/7 * * * * *", 4 * SECOND, 60 * SECOND / 9},
		{"0 9,17 * * 1-5", 8 * HOUR, 7 * DAY / 10},
		{"0 9 * * 1,3", 2 * DAY, 7 * DAY / 2},
		{"0 0 1 * *", 28 * DAY, 365 * DAY / 12},
		{"0 0 1,31 * *", DAY, 365 * DAY / 19},
		{"0 0 28,29 2 *", DAY, 0},
		{"0 0 31 * 1", DAY, 0},
		{"0 0 29 2 *", 1461 * DAY, 1461 * DAY},
		{"59,0 23,0 * * *", MINUTE, 6 * HOUR},
		{"every 5 minutes between 09:00 and 17:00", 300 * SECOND, DAY / 97},
		{"every 5 minutes between 09:00 and 17:00 on mon-fri", 300 * SECOND, 7 * DAY / 485},
		{"every 10 hours between 09:00 and 17:00", DAY, DAY},
		{"every 10 hours between 09:00 and 17:00 on mon", 7 * DAY, 7 * DAY},
		{"every 7 hours on mon-fri", 3 * HOUR, 7 * DAY / 20},
		{"every 7 hours on mon,wed,fri", 7 * HOUR, 7 * DAY / 12},
		{"every 6 hours between 00:00 and 24:00", 6 * HOUR, 6 * HOUR},
		{"every 25 min between 09:00 and 08:59", 900 * SECOND, 0},
		{"every 7 s between 00:00 and 24:00", 6 * SECOND, 7 * SECOND},
		{"every 3 days on weekdays", 3 * DAY, 0},
		{"RRULE:FREQ=MONTHLY;BYDAY=-1FR", 28 * DAY, 365 * DAY / 12},
		{"RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=FR", (3 * 1461 - 1) * DAY, 0},
		{"RRULE:FREQ=SECONDLY;INTERVAL=5", 5 * SECOND, 5 * SECOND},
		{"DTSTART:20000301T000000Z RRULE:FREQ=DAILY;COUNT=1", 0, 0},
		{"DTSTART:20000301T000000Z RRULE:FREQ=DAILY;COUNT=2", DAY, DAY},
		{"DTSTART:20000301T000000Z RDATE:20000302T000000Z RDATE:20000302T000007Z", 7 * SECOND, 0},
		{"90 s after finish", 90 * SECOND, 90 * SECOND},
		{"2000-01-02 00:00", 0, 0},
		{"@reboot", 0, 0}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Timetable	timetable = timetable_of(cases[i].text, &utc);

		claim_gaps(&timetable, cases[i].text, cases[i].shortest, cases[i].mean);
		schedule_free(&timetable.schedule);
	}
}

/* Real time counts, also where the walk of the first occurrences does not reach. */
static void
test_clock_changes(void)
{
	static const struct
	{
		const char *text;
		int64		shortest;
	}			cases[] = {
		{"0 3 * * *", 23 * HOUR},
		{"every 1 day", 23 * HOUR},
		{"RRULE:FREQ=DAILY;BYHOUR=3;BYMINUTE=0;BYSECOND=0", 23 * HOUR},
		{"0 * * * *", HOUR},
		{"0 1-23/2 * * *", HOUR},
		{"10,25 1-4 * * *", 10 * MINUTE},
		{"every 24 hours", 24 * HOUR}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Timetable	timetable = timetable_of(cases[i].text, pg_tzset("America/New_York"));

		claim_gaps(&timetable, cases[i].text, cases[i].shortest, 0);
		schedule_free(&timetable.schedule);
	}
}

static void
test_bounds(void)
{
	Timetable	timetable = timetable_of("0 0 * * *", &utc);
	DayRange	sunday = {9, 10};
	DaySet	   *days = day_set_build(&sunday, 1);

	timetable.delay_us = 12345678;
	claim_gaps(&timetable, "a delayed one", DAY, DAY);
	timetable.ends_at = DAY;
	claim_gaps(&timetable, "one that ends before it recurs", 0, 0);
	timetable = timetable_of("0 0,12 * * *", &utc);
	timetable.starts_at = 8 * DAY;
	timetable.ends_at = 11 * DAY;
	timetable.excluded = days;
	timetable.on_excluded = EXCLUDED_SKIP;
	claim_gaps(&timetable, "days off", 12 * HOUR, 0);
	timetable = timetable_of("every 11 hours", &utc);
	timetable.excluded = days;
	timetable.on_excluded = EXCLUDED_NEXT;
	claim_gaps(&timetable, "what days off move", 2 * HOUR, 0);
	pfree(days);
}

/* A random list for a field of cron. */
static void
put_field(char *text, int from, int to)
{
	int			first = from + (int) tap_random(to - from);
	int			step = 1 + (int) tap_random(to - first);

	if (tap_random(3) == 0)
		strcat(text, "*");
	else if (tap_random(2) == 0)
		sprintf(text + strlen(text), "%d-%d/%d", first, to, step);
	else
		sprintf(text + strlen(text), "%d,%d", first, from + (int) tap_random(to - from + 1));
	strcat(text, " ");
}

static int64
all_gaps(const Timetable *timetable)
{
	TimestampTz at = timetable_next(timetable, DT_NOBEGIN, DT_NOBEGIN);
	int64		shortest = PG_INT64_MAX;

	for (TimestampTz next; at < 4 * 1461 * DAY && shortest > MINUTE; at = next)
	{
		next = timetable_next_after(timetable, at);
		shortest = Min(shortest, next - at);
	}
	return shortest;
}

static void
test_random_crons(void)
{
	int			wrong = 0;

	for (int i = 0; i < 300; i++)
	{
		char		text[200] = "";
		Timetable	timetable;
		int64		found;
		int64		real;

		put_field(text, 0, 59);
		put_field(text, 0, 23);
		put_field(text, 1, 28);
		strcat(text, tap_random(2) ? "* " : "1-12/2 ");
		put_field(text, 0, 6);
		timetable = timetable_of(text, &utc);
		timetable.anchor = tap_random(1000) * DAY;
		found = timetable_shortest_gap(&timetable);
		real = all_gaps(&timetable);
		if (found == real)
			continue;
		wrong++;
		printf("# \"%s\": %lld s, really %lld\n", text, (long long) (found / SECOND), (long long) (real / SECOND));
	}
	ok(wrong == 0, "300 random crons have the shortest gap that all occurrences have");
}

static void
test_speed(void)
{
	static const char *const texts[] = {"0 3 * * *", "0 0 29 2 *", "* * * * * *", "RRULE:FREQ=MONTHLY;BYDAY=-1FR",
	"every 7 s between 00:00 and 24:00 on mon-fri", "every 2 months"};
	clock_t		start = clock();

	for (int i = 0; i < 60; i++)
	{
		Timetable	timetable = timetable_of(texts[i % lengthof(texts)], pg_tzset("America/New_York"));

		(void) timetable_shortest_gap(&timetable);
		schedule_free(&timetable.schedule);
	}
	ok((clock() - start) * 1000.0 / CLOCKS_PER_SEC < 60 * 50, "a gap takes %.3f ms",
	   (clock() - start) * 1000.0 / 60 / CLOCKS_PER_SEC);
}

int
main(void)
{
	tap_seed();
	test_texts();
	test_clock_changes();
	test_bounds();
	test_random_crons();
	test_speed();
	return tap_done();
}
