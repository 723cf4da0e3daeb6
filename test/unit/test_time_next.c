/*-------------------------------------------------------------------------
 *
 * test_time_next.c
 *	  schedule_next() in zones whose clocks are moved in every possible way,
 *	  against models that look at each second, or count each step.
 *
 * sql/schedule_text.sql does the like with PostgreSQL's own zones.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "schedule_text.h"
#include "tap.h"
#include "time_zone_fake.h"

#include "time/civil.h"
#include "time/schedule.h"
#include "time/zone.h"

#define SECOND		USECS_PER_SEC
#define HOUR		3600
#define DAYS		4			/* that a model of a zone looks at */
#define SPAN		(DAYS * 86400)

static struct pg_tz utc;

/* Winter, then one change at 02:00 UTC on day 1, as far as the gap is long. */
static void
one_change(struct pg_tz *zone, int moved)
{
	memset(zone, 0, sizeof(*zone));
	zone->offset = 0;
	fake_change(zone, CIVIL_DAY + 2 * HOUR, moved);
}

/* The seconds since day 1, 00:00 UTC, at which a schedule comes due, in a text. */
static const char *
dues(const char *text, int moved, int count)
{
	static char result[512];
	struct pg_tz zone;
	Schedule	schedule;
	TimestampTz t = CIVIL_DAY * SECOND - 1;
	char	   *at = result;

	one_change(&zone, moved);
	schedule = parse(text, &zone);
	for (int i = 0; i < count; i++)
	{
		int64		minute;

		t = schedule_next(&schedule, 0, t);
		minute = (t / SECOND - CIVIL_DAY) / 60;
		at += sprintf(at, "%s%d:%02d", i > 0 ? " " : "", (int) (minute / 60), (int) (minute % 60));
	}
	return result;
}

/* In UTC hours of the day on which clocks jump from 2:00 to 3:00, or back to 1:00. */
static void
test_dst_table(void)
{
	static const struct
	{
		const char *text;
		int			moved;
		int			count;
		const char *expected;
	}			cases[] = {
		{"30 2 * * *", HOUR, 2, "2:00 25:30"},
		{"0,30 2 * * *", HOUR, 2, "2:00 25:00"},
		{"0 2,3 * * *", HOUR, 3, "2:00 25:00 26:00"},
		{"30 2 * * *", -HOUR, 2, "3:30 27:30"},
		{"30 1 * * *", -HOUR, 2, "1:30 26:30"},
		{"30 1,2 * * *", -HOUR, 3, "1:30 3:30 26:30"},
		{"*/30 1 * * *", -HOUR, 3, "1:00 1:30 26:00"},
		{"30 * * * *", HOUR, 4, "0:30 1:30 2:30 3:30"},
		{"30 * * * *", -HOUR, 4, "0:30 1:30 2:30 3:30"},
		{"0 */2 * * *", HOUR, 3, "0:00 3:00 5:00"},
		{"0 0-23/2 * * *", HOUR, 3, "0:00 2:00 3:00"},
		{"0 0-23 * * *", -HOUR, 4, "0:00 1:00 3:00 4:00"},
		{"15 * * * *", HOUR / 2, 4, "0:15 1:15 2:45 3:45"},
		{"15 2 * * *", HOUR / 2, 2, "2:00 25:45"},
		{"0 12 * * *", 24 * HOUR, 2, "2:00 12:00"},
		{"0 1 * * *", -24 * HOUR, 2, "1:00 49:00"},
		{"0 0 3 1 *", 24 * HOUR, 1, "2:00"},
		{"every 30 min between 01:30 and 03:30", HOUR, 4, "1:30 2:00 2:30 24:30"},
		{"every 30 min between 02:15 and 02:45", HOUR, 4, "2:00 25:15 25:45 49:15"},
		{"every 45 min between 02:30 and 04:00", HOUR, 4, "2:00 2:45 25:30 26:15"},
		{"every 30 min between 00:30 and 01:30", -HOUR, 4, "0:30 1:00 1:30 25:30"},
		{"every 60 min between 01:30 and 03:00", -HOUR, 4, "1:30 2:30 3:30 26:30"},
		{"every 10 hours on sun", -HOUR, 4, "0:00 10:00 20:00 169:00"},
		{"every 5 hours between 22:00 and 03:00 on sun", HOUR, 3, "21:00 26:00 189:00"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		const char *found = dues(cases[i].text, cases[i].moved, cases[i].count);

		ok(strcmp(found, cases[i].expected) == 0, "\"%s\", clocks moved by %d minutes: %s",
		   cases[i].text, cases[i].moved / 60, cases[i].expected);
		if (strcmp(found, cases[i].expected) != 0)
			printf("# found %s\n", found);
	}
}

/* Several changes by anything up to a day, near to each other or not. */
static void
random_zone(struct pg_tz *zone)
{
	int64		at = -3 * 86400;

	memset(zone, 0, sizeof(*zone));
	zone->offset = tap_random(27) * HOUR - 12 * HOUR;
	for (int i = 1 + (int) tap_random(6); i > 0; i--)
	{
		static const int widths[] = {900, 1800, 3600, 7200, 86400, 3601};
		long int	offset;

		offset = (zone->count > 0 ? zone->changes[zone->count - 1].offset : zone->offset) +
			(tap_random(2) ? 1 : -1) * widths[tap_random(lengthof(widths))];
		at += 600 + tap_random(2) * tap_random(3 * 86400) + tap_random(7200);
		fake_change(zone, at, Max(Min(offset, 26 * HOUR), -26 * HOUR));
	}
}

/* Does the cron text "minutes hours * * *" match this second of civil time? */
static bool
model_matches(const bool *minute, const bool *hour, int64 civil)
{
	int			second = (int) (civil - floor_divide(civil, CIVIL_DAY) * CIVIL_DAY);

	return second % 60 == 0 && minute[second / 60 % 60] && hour[second / HOUR];
}

/*
 * Walks a clock through the zone, second by second, from long before. A fixed
 * time is due when the clock first reaches or passes it; what follows the
 * clock, whenever it shows a match.
 */
static void
model_dues(const struct pg_tz *zone, const bool *minute, const bool *hour, bool follows, bool *due)
{
	int64		latest = -40 * 86400;

	memset(due, 0, SPAN);
	for (int64 t = -8 * 86400; t < SPAN; t++)
	{
		int64		civil = t + zone->offset;
		bool		match = false;

		for (int i = 0; i < zone->count; i++)
		{
			if (t + INT64CONST(946684800) >= zone->changes[i].at)
				civil = t + zone->changes[i].offset;
		}
		if (follows)
			match = model_matches(minute, hour, civil);
		else if (t == -8 * 86400)
			latest = civil;
		else
			while (latest < civil)
				match |= model_matches(minute, hour, ++latest);
		if (t >= 0)
			due[t] = match;
	}
}

static void
random_times(char *text, bool *minute, bool *hour, bool follows)
{
	int			a = (int) tap_random(60);
	int			b = (int) tap_random(60);
	int			step = 1 + (int) tap_random(8);
	int			first_hour = (int) tap_random(24);
	int			last_hour = first_hour + (int) tap_random(24 - first_hour);

	memset(minute, 0, 60);
	memset(hour, 0, 24);
	minute[a] = minute[b] = true;
	if (follows)
		sprintf(text, "%d,%d */%d * * *", a, b, step);
	else
		sprintf(text, "%d,%d %d-%d/%d * * *", a, b, first_hour, last_hour, step);
	for (int i = follows ? 0 : first_hour; i <= (follows ? 23 : last_hour); i += step)
		hour[i] = true;
}

static void
test_random_zones(void)
{
	static bool due[SPAN];
	int			wrong = 0;
	int			found = 0;

	for (int i = 0; i < 150; i++)
	{
		struct pg_tz zone;
		char		text[64];
		bool		minute[60];
		bool		hour[24];
		bool		follows = tap_random(2);
		Schedule	schedule;
		int64		expected = 0;

		random_zone(&zone);
		random_times(text, minute, hour, follows);
		schedule = parse(text, &zone);
		model_dues(&zone, minute, hour, follows, due);

		/* Asked at every second that is due, and a bit before each. */
		for (int64 t = -1; t < SPAN; t = expected)
		{
			TimestampTz next = schedule_next(&schedule, 0, t * SECOND + tap_random(SECOND));

			for (expected = t + 1; expected < SPAN && !due[expected];)
				expected++;
			found++;
			if (expected < SPAN ? next != expected * SECOND : next < SPAN * SECOND)
			{
				printf("# \"%s\" after %lld in zone %d: %lld, not %lld\n", text, (long long) t, i,
					   (long long) (next / SECOND), (long long) expected);
				wrong++;
			}
		}
	}
	ok(wrong == 0 && found > 1000, "cron in random zones is due when a walking clock says, %d times (%d wrong)",
	   found, wrong);
}

/* The calendar, counted out: months first, their last day where there is none. */
static TimestampTz
model_step(const Period *period, TimestampTz anchor, int64 n)
{
	int64		day = floor_divide(anchor, USECS_PER_DAY);
	CivilDate	date = civil_date(day);
	int			year = (int) date.year;
	int			month = date.month;

	for (int64 i = 0; i < n * period->months; i++)
	{
		if (++month > 12)
			month = 1, year++;
	}
	while (date.day > civil_days_in_month(year, month))
		date.day--;
	return (civil_day(year, month, date.day) - day + n * period->days) * USECS_PER_DAY + anchor + n * period->us;
}

static void
test_grids(void)
{
	int			wrong = 0;

	for (int i = 0; i < 2000; i++)
	{
		Schedule	schedule = {SCHEDULE_EVERY, &utc};
		Period	   *period = &schedule.period;
		TimestampTz anchor = (tap_random(INT64CONST(400) * 365 * 86400) - INT64CONST(200) * 365 * 86400) * SECOND +
			tap_random(SECOND);
		int64		n = 0;

		period->months = tap_random(2) * (int32) tap_random(30);
		period->days = tap_random(2) * (int32) tap_random(50);
		period->us = (tap_random(2) || period_us(period) == 0) ? 100000 + tap_random(SECOND * 100000) : 0;

		/* Every step of the grid, and a point just before and between. */
		for (int j = 0; j < 40; j++, n += 1 + tap_random(3))
		{
			TimestampTz here = model_step(period, anchor, n);
			TimestampTz next = model_step(period, anchor, n + 1);
			TimestampTz between = here + tap_random(next - here);

			wrong += schedule_next(&schedule, anchor, here - 1) != here;
			wrong += schedule_next(&schedule, anchor, here) != next;
			wrong += schedule_next(&schedule, anchor, between) != next;
			wrong += schedule_next(&schedule, anchor, next - 1) != next;
		}
	}
	ok(wrong == 0, "grids of random periods are where counting finds them (%d wrong)", wrong);
}

/* Days and months keep their time of day when clocks are moved; hours do not. */
static void
test_grid_in_zone(void)
{
	struct pg_tz zone;
	Schedule	daily;
	TimestampTz anchor = (2 * HOUR + 1800) * SECOND + 7;	/* 02:30:00.000007 on day 0 */
	TimestampTz day1 = CIVIL_DAY * SECOND;

	one_change(&zone, HOUR);
	daily = parse("every day", &zone);
	ok(schedule_next(&daily, anchor, anchor) == day1 + 2 * HOUR * SECOND, "a day ends at the end of a gap");
	ok(schedule_next(&daily, anchor, day1 + 2 * HOUR * SECOND) == 2 * day1 + (HOUR + 1800) * SECOND + 7,
	   "and the next is where the clock says again");
	one_change(&zone, -HOUR);
	anchor -= HOUR * SECOND;
	ok(schedule_next(&daily, anchor, anchor) == anchor + day1, "a day ends at the first pass of an overlap");
	ok(schedule_next(&daily, anchor, anchor + day1) == anchor + 2 * day1 + HOUR * SECOND, "and only there");
	daily = parse("24 hours", &zone);
	ok(schedule_next(&daily, anchor, anchor + day1) == anchor + 2 * day1, "24 hours are 24 hours");
}

/* Infinities, the first and the last instants of PostgreSQL. */
static void
test_ends(void)
{
	static const char *const texts[] = {
		"* * * * *", "* * * * * *", "0 0 29 2 *", "0 3 * * *", "every 100 ms", "every day", "every 7 months",
		"every 10000 years", "every 1 month 1 day 1 hour", "5 minutes after finish", "1 month after finish",
		"2026-11-23 12:00", "@reboot"
	};
	static const TimestampTz instants[] = {
		DT_NOBEGIN, DT_NOBEGIN + 1, MIN_TIMESTAMP - 1, MIN_TIMESTAMP, -1, 0, INT64CONST(848750400000000),
		END_TIMESTAMP - USECS_PER_DAY, END_TIMESTAMP - 1, END_TIMESTAMP, DT_NOEND - 1, DT_NOEND
	};
	int			wrong = 0;

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		struct pg_tz zone;
		Schedule	schedule;

		random_zone(&zone);
		schedule = parse(texts[i], &zone);
		for (int a = 0; a < (int) lengthof(instants); a++)
		{
			for (int b = 0; b < (int) lengthof(instants); b++)
			{
				TimestampTz next = schedule_next(&schedule, instants[a], instants[b]);

				wrong += next != DT_NOEND && (!IS_VALID_TIMESTAMP(next) || next <= instants[b]);
			}
		}
	}
	ok(wrong == 0, "at the ends of time a schedule is in range, later, or never (%d are not)", wrong);
}

static void
test_kinds(void)
{
	Schedule	once = parse("2000-01-02 00:00", &utc);
	Schedule	reboot = parse("@reboot", &utc);
	Schedule	delay = parse("90 s after finish", &utc);
	Schedule	every = parse("every 90 s", &utc);
	Schedule	cron = parse("0 0 * * *", &utc);
	TimestampTz day = USECS_PER_DAY;

	ok(schedule_next(&once, 0, day - 1) == day && schedule_next(&once, 0, day) == DT_NOEND, "once is once");
	ok(schedule_next(&reboot, 0, 0) == DT_NOEND, "@reboot never comes by time");
	ok(schedule_next(&delay, 1000, 0) == 1000 + 90 * SECOND, "a delay counts from the finish");
	ok(schedule_next(&delay, DT_NOBEGIN, 0) == DT_NOEND, "without a finish there is no delay");
	ok(schedule_next(&delay, 0, day) == day + 1, "a delay that is over is due at once");
	ok(schedule_next(&every, day, 0) == day, "a grid starts with its anchor");
	ok(schedule_next(&every, DT_NOBEGIN, 0) == DT_NOEND && schedule_next(&every, DT_NOEND, 0) == DT_NOEND,
	   "a grid needs an anchor");
	ok(schedule_next(&every, 0, DT_NOEND) == DT_NOEND && schedule_next(&cron, 0, DT_NOEND) == DT_NOEND,
	   "nothing is after infinity");
	ok(schedule_next(&cron, 0, DT_NOBEGIN) == MIN_TIMESTAMP, "the first day of all is found");
	ok(schedule_next(&every, MIN_TIMESTAMP, END_TIMESTAMP - 91 * SECOND) < END_TIMESTAMP, "a grid through all of time");
	ok(schedule_next(&every, 0, END_TIMESTAMP - 2) == DT_NOEND, "and it ends with time");
}

/* A loop over what lies between would take hours. */
static void
test_speed(void)
{
	static const char *const texts[] = {"* * * * * *", "0 0 29 2 */7", "0 * 29 2 *", "every 100 ms", "every day"};
	clock_t		start = clock();

	for (int i = 0; i < 1000; i++)
	{
		Schedule	schedule = parse(texts[i % lengthof(texts)], &utc);

		(void) schedule_next(&schedule, MIN_TIMESTAMP, tap_random(END_TIMESTAMP));
	}
	ok((clock() - start) * 1000.0 / CLOCKS_PER_SEC < 1000, "any next instant is found by arithmetic (%.3f ms each)",
	   (clock() - start) * 1.0 / CLOCKS_PER_SEC);
}

int
main(void)
{
	tap_seed();
	test_dst_table();
	test_random_zones();
	test_grids();
	test_grid_in_zone();
	test_ends();
	test_kinds();
	test_speed();
	return tap_done();
}
