/*-------------------------------------------------------------------------
 *
 * test_time_cron.c
 *	  The calendar, and cron schedules in civil time: cron_next() against a
 *	  scan of every second, or every minute, that knows nothing of bits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tap.h"
#include "cron_model.h"
#include "time_zone_fake.h"

#include "time/civil.h"
#include "time/cron.h"

static int64
civil(int year, int month, int day, int second_of_day)
{
	return civil_day(year, month, day) * CIVIL_DAY + second_of_day;
}

/* Steps through 800 years day by day, as a child would. */
static void
test_calendar(void)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64		day = civil_day(1600, 1, 1);
	int			weekday = 6;	/* 1600-01-01 was a Saturday */
	int			wrong = 0;

	for (int year = 1600; year < 2400; year++)
	{
		bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

		for (int month = 1; month <= 12; month++)
		{
			int			length = lengths[month - 1] + (month == 2 && leap);

			wrong += civil_days_in_month(year, month) != length;
			for (int d = 1; d <= length; d++)
			{
				CivilDate	date = civil_date(day);

				wrong += date.year != year || date.month != month || date.day != d;
				wrong += civil_day(year, month, d) != day;
				wrong += civil_weekday(day) != weekday;
				day++;
				weekday = (weekday + 1) % 7;
			}
		}
	}
	ok(wrong == 0, "800 years of days, dates and weekdays agree (%d wrong)", wrong);
	ok(civil_day(2000, 1, 1) == 0, "2000-01-01 is day 0");
	ok(civil_day(-4713, 11, 24) == -2451545, "the first day of PostgreSQL is where it says");
	ok(civil_date(civil_day(-4713, 11, 24)).year == -4713, "and it comes back");
	ok(civil_day(294277, 1, 1) == 106751983, "the day after its last too");
}

/* What each text's first match after a time is. */
static void
test_table(void)
{
	static const struct
	{
		const char *text;
		int			after[4];	/* year, month, day, second of day */
		int			expected[4];
	}			cases[] = {
		{"* * * * *", {2026, 11, 23, 0}, {2026, 11, 23, 60}},
		{"* * * * * *", {2026, 11, 23, 0}, {2026, 11, 23, 1}},
		{"*/5 * * * *", {2026, 12, 31, 86399}, {2027, 1, 1, 0}},
		{"5/15 * * * *", {2026, 11, 23, 0}, {2026, 11, 23, 300}},
		{"5/15 * * * *", {2026, 11, 23, 3000}, {2026, 11, 23, 3900}},
		{"1-30/2 0 * * *", {2026, 11, 23, 60}, {2026, 11, 23, 180}},
		{"5-5/2 0 * * *", {2026, 11, 23, 300}, {2026, 11, 24, 300}},
		{"0 3 * * *", {2026, 11, 23, 10800}, {2026, 11, 24, 10800}},
		{"30 0 3 * * ?", {2026, 11, 23, 10829}, {2026, 11, 23, 10830}},
		{"0 0 29 2 *", {2096, 2, 29, 0}, {2104, 2, 29, 0}},
		{"0 0 31 * *", {2026, 1, 31, 0}, {2026, 3, 31, 0}},
		{"0 0 31 4,6 1", {2026, 4, 1, 0}, {2026, 4, 6, 0}},
		{"0 0 29 2 */7", {2088, 2, 29, 0}, {2128, 2, 29, 0}},
		{"0 0 13 * FRI", {2026, 11, 23, 0}, {2026, 11, 27, 0}},
		{"0 0 */13 * FRI", {2026, 11, 23, 0}, {2026, 11, 27, 0}},
		{"0 0 */13 * FRI", {2026, 11, 27, 0}, {2027, 1, 1, 0}},
		{"0 0 * * 7", {2026, 11, 23, 0}, {2026, 11, 29, 0}},
		{"0 0 * * 0", {2026, 11, 23, 0}, {2026, 11, 29, 0}},
		{"0 0 * * sat-Sun", {2026, 11, 28, 0}, {2026, 11, 29, 0}},
		{"0 0 * * 5-7", {2026, 11, 29, 0}, {2026, 12, 4, 0}},
		{"0 0 * * 6/1", {2026, 11, 28, 0}, {2026, 12, 5, 0}},
		{"0 0 * * 7/2", {2026, 11, 28, 0}, {2026, 11, 29, 0}},
		{"0 0 1 jAn,jul *", {2026, 1, 1, 0}, {2026, 7, 1, 0}},
		{"0 0 ? MAR-MAY ?", {2026, 5, 31, 0}, {2027, 3, 1, 0}},
		{"59 59 23 31 12 ?", {2026, 12, 31, 86399}, {2027, 12, 31, 86399}},
		{"0,59 * * * *", {2026, 11, 23, 1}, {2026, 11, 23, 3540}},
		{"0 22-3 * * *", {2026, 11, 23, 3600}, {2026, 11, 23, 7200}},
		{"0 22-3 * * *", {2026, 11, 23, 10800}, {2026, 11, 23, 79200}},
		{"0 22-3/2 * * *", {2026, 11, 23, 79200}, {2026, 11, 24, 0}},
		{"58-1/2 * * * *", {2026, 11, 23, 0}, {2026, 11, 23, 3480}},
		{"0 0 * * fri-mon", {2026, 11, 23, 0}, {2026, 11, 27, 0}},
		{"0 0 * * 7-2", {2026, 11, 24, 0}, {2026, 11, 29, 0}},
		{"0 0 * * fri-mon/2", {2026, 11, 27, 0}, {2026, 11, 29, 0}},
		{"0 0 1 nov-FEB *", {2026, 2, 1, 0}, {2026, 11, 1, 0}},
		{"0 0 1 nov-feb/2 *", {2026, 11, 1, 0}, {2027, 1, 1, 0}},
		{"0 0 30-2 * *", {2026, 2, 2, 0}, {2026, 3, 1, 0}},
		{"0 0 L * *", {2026, 2, 1, 0}, {2026, 2, 28, 0}},
		{"0 0 l * *", {2028, 2, 1, 0}, {2028, 2, 29, 0}},
		{"0 0 $ * *", {2026, 11, 23, 0}, {2026, 11, 30, 0}},
		{"0 0 1,15,L * *", {2026, 11, 15, 0}, {2026, 11, 30, 0}},
		{"0 0 L-3 * *", {2026, 11, 23, 0}, {2026, 11, 27, 0}},
		{"0 0 L-30 * *", {2026, 11, 1, 0}, {2026, 12, 1, 0}},
		{"0 0 15W * *", {2026, 8, 1, 0}, {2026, 8, 14, 0}},
		{"0 0 15W * *", {2026, 11, 1, 0}, {2026, 11, 16, 0}},
		{"0 0 15w * *", {2026, 12, 1, 0}, {2026, 12, 15, 0}},
		{"0 0 1W * *", {2026, 7, 31, 0}, {2026, 8, 3, 0}},
		{"0 0 31W * *", {2027, 1, 1, 0}, {2027, 1, 29, 0}},
		{"0 0 31W * *", {2026, 11, 1, 0}, {2026, 12, 31, 0}},
		{"0 0 LW * *", {2026, 5, 1, 0}, {2026, 5, 29, 0}},
		{"0 0 LW * *", {2026, 2, 1, 0}, {2026, 2, 27, 0}},
		{"0 0 L-3W * *", {2027, 2, 1, 0}, {2027, 2, 25, 0}},
		{"0 0 L-1W * *", {2026, 5, 1, 0}, {2026, 5, 29, 0}},
		{"0 0 * * 5L", {2026, 11, 1, 0}, {2026, 11, 27, 0}},
		{"0 0 * * FRIL", {2026, 11, 27, 0}, {2026, 12, 25, 0}},
		{"0 0 * * 7L", {2026, 2, 1, 0}, {2026, 2, 22, 0}},
		{"0 0 * * MON#2", {2026, 11, 1, 0}, {2026, 11, 9, 0}},
		{"0 0 * * 0#1", {2026, 10, 31, 0}, {2026, 11, 1, 0}},
		{"0 0 * * 1#5", {2026, 9, 1, 0}, {2026, 11, 30, 0}},
		{"0 0 * 2 mon#5", {2026, 1, 1, 0}, {2044, 2, 29, 0}},
		{"0 0 * * mon,fri#1,sunl", {2026, 11, 3, 0}, {2026, 11, 6, 0}},
		{"0 0 L * mon", {2026, 11, 24, 0}, {2026, 11, 30, 0}},
		{"0 0 L * tue", {2026, 11, 26, 0}, {2026, 11, 30, 0}},
		{"0 0 13 * fri#2", {2026, 11, 1, 0}, {2026, 11, 13, 0}},
		{"0 0 */13 * fri#2", {2026, 11, 1, 0}, {2027, 5, 14, 0}},
		{"@yearly", {2026, 11, 23, 0}, {2027, 1, 1, 0}},
		{"@annually", {2026, 11, 23, 0}, {2027, 1, 1, 0}},
		{"@MONTHLY ", {2026, 11, 23, 0}, {2026, 12, 1, 0}},
		{"@weekly", {2026, 11, 23, 0}, {2026, 11, 29, 0}},
		{"@daily", {2026, 11, 23, 0}, {2026, 11, 24, 0}},
		{"@midnight", {2026, 11, 23, 0}, {2026, 11, 24, 0}},
		{"@hourly", {2026, 11, 23, 0}, {2026, 11, 23, 3600}},
		{" \t0\f3  * * * ", {2026, 11, 23, 0}, {2026, 11, 23, 10800}},
		{"0 0 1 1 *", {-4713, 11, 24, 0}, {-4712, 1, 1, 0}}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		const int  *after = cases[i].after;
		const int  *expected = cases[i].expected;
		Cron		cron;
		ScheduleError error;
		bool		parsed = cron_parse(cases[i].text, &cron, &error);

		ok(parsed && cron_next(&cron, civil(after[0], after[1], after[2], after[3])) ==
		   civil(expected[0], expected[1], expected[2], expected[3]),
		   "\"%s\" after %d-%02d-%02d +%ds%s%s", cases[i].text, after[0], after[1], after[2], after[3],
		   parsed ? "" : ": ", parsed ? "" : error.message);
	}
}

/* Tries second after second, but passes over days that do not match. */
static int64
model_next(const Model *model, int64 after)
{
	int64		t = after + 1;

	for (;;)
	{
		int64		day = floor_divide(t, CIVIL_DAY);
		int			second = (int) (t - day * CIVIL_DAY);

		if (!model_matches_day(model, day))
			t = (day + 1) * CIVIL_DAY;
		else if (model->hour[second / 3600] && model->minute[second / 60 % 60] && model->second[second % 60])
			return t;
		else
			t++;
	}
}

static void
test_random(void)
{
	int			wrong = 0;
	int			checked = 0;

	for (int i = 0; i < 1000; i++)
	{
		char		text[512];
		Model		model;
		Cron		cron;
		ScheduleError error;
		int64		t = civil(1900, 1, 1, 0) + tap_random(300 * 365 * CIVIL_DAY);

		random_schedule(text, &model);
		if (!cron_parse(text, &cron, &error))
		{
			/* 31 April has no match; nothing else may be refused. */
			if (strncmp(error.message, "schedule never comes due", 24) != 0)
				printf("# refused: %s: %s\n", text, error.message), wrong++;
			continue;
		}
		for (int j = 0; j < 5; j++)
		{
			int64		expected = model_next(&model, t);
			int64		found = cron_next(&cron, t);

			checked++;
			if (found != expected)
			{
				printf("# \"%s\" after %lld: %lld, not %lld\n", text,
					   (long long) t, (long long) found, (long long) expected);
				wrong++;
			}
			wrong += cron_count(&cron, t, expected) != 1 || cron_count(&cron, t, expected - 1) != 0;
			t = expected;
		}
	}
	ok(wrong == 0 && checked > 3000, "random schedules match where a scan says, %d times (%d wrong)",
	   checked, wrong);
}

/* As many as cron_next() finds one by one, from random times on. */
static void
test_count(void)
{
	int			wrong = 0;

	for (int i = 0; i < 3000; i++)
	{
		char		text[512];
		Model		model;
		Cron		cron;
		ScheduleError error;
		int64		start = civil(1900, 1, 1, 0) + tap_random(300 * 365 * CIVIL_DAY);
		int64		t = start;
		int			steps = (int) tap_random(300);

		random_schedule(text, &model);
		if (!cron_parse(text, &cron, &error))
			continue;
		for (int j = 0; j < steps; j++)
			t = cron_next(&cron, t);
		if (cron_count(&cron, start, t) != steps || cron_count(&cron, t, t) != 0 ||
			cron_count(&cron, start, cron_next(&cron, t) - 1) != steps ||
			cron_count(&cron, start, cron_next(&cron, t)) != steps + 1)
		{
			printf("# \"%s\" from %lld: %lld, not %d\n", text, (long long) start,
				   (long long) cron_count(&cron, start, t), steps);
			wrong++;
		}
	}
	ok(wrong == 0, "counts are what steps give (%d wrong)", wrong);
}

/*
 * A 29 February on each weekday is found from every year of a cycle. No day
 * that any rule names waits longer: it comes back with its month's length and
 * first weekday, and this month, which comes with 29 February on a weekday, is
 * the rarest.
 */
static void
test_longest_wait(void)
{
	int64		longest = 0;
	int			missing = 0;

	for (int weekday = 0; weekday < 7; weekday++)
	{
		char		text[32];
		Cron		cron;
		ScheduleError error;

		/* The fifth one of a weekday in February is the 29th. */
		sprintf(text, "0 0 * 2 %d#5", weekday);
		missing += !cron_parse(text, &cron, &error);
		for (int year = 1900; year < 2300; year++)
		{
			int64		after = civil(year, 3, 1, 0);
			int64		next = cron_next(&cron, after);

			missing += next == CIVIL_NEVER;
			longest = Max(longest, next - after);
		}
	}
	ok(missing == 0, "29 February on a given weekday is found from any year (%d not)", missing);
	ok(longest > 39 * 365 * CIVIL_DAY && longest <= 40 * 366 * CIVIL_DAY,
	   "the longest wait is 40 years (%lld days)", (long long) (longest / CIVIL_DAY));
}

int
main(void)
{
	tap_seed();
	test_calendar();
	test_table();
	test_random();
	test_count();
	test_longest_wait();
	return tap_done();
}
