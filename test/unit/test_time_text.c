/*-------------------------------------------------------------------------
 *
 * test_time_text.c
 *	  Which schedule texts are read, as what, and what is said of the others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tap.h"
#include "time_zone_fake.h"

#include "time/civil.h"
#include "time/schedule.h"

#define MS		INT64CONST(1000)
#define SECOND	USECS_PER_SEC
#define MINUTE	USECS_PER_MINUTE
#define HOUR	USECS_PER_HOUR

static struct pg_tz utc;
static struct pg_tz plus_two = {7200};

static void
test_periods(void)
{
	static const struct
	{
		const char *text;
		ScheduleKind kind;
		Period		period;
	}			cases[] = {
		{"every 90 seconds", SCHEDULE_EVERY, {0, 0, 90 * SECOND}},
		{"30 seconds", SCHEDULE_EVERY, {0, 0, 30 * SECOND}},
		{"  EVERY  1 Hour\t30 MINUTES  ", SCHEDULE_EVERY, {0, 0, 90 * MINUTE}},
		{"1h30m", SCHEDULE_EVERY, {0, 0, 90 * MINUTE}},
		{"every 2 weeks", SCHEDULE_EVERY, {0, 14, 0}},
		{"1.5 seconds", SCHEDULE_EVERY, {0, 0, 1500 * MS}},
		{"0.000001 s 100 ms", SCHEDULE_EVERY, {0, 0, 100 * MS + 1}},
		{"100.25ms", SCHEDULE_EVERY, {0, 0, 100 * MS + 250}},
		{"500 ms", SCHEDULE_EVERY, {0, 0, 500 * MS}},
		{"100 milliseconds", SCHEDULE_EVERY, {0, 0, 100 * MS}},
		{"every millisecond 200 milliseconds", SCHEDULE_REBOOT},
		{"1 second 1 sec 1 secs 1s", SCHEDULE_EVERY, {0, 0, 4 * SECOND}},
		{"1 minute 1 min 2 mins 1m", SCHEDULE_EVERY, {0, 0, 5 * MINUTE}},
		{"1 hour 2 hours 1 h", SCHEDULE_EVERY, {0, 0, 4 * HOUR}},
		{"1 day 2 days 1 d 1 week", SCHEDULE_EVERY, {0, 11, 0}},
		{"1 year 1 month 2 years 3 months", SCHEDULE_EVERY, {40, 0, 0}},
		{"10000 years", SCHEDULE_EVERY, {120000, 0, 0}},
		{"every minute", SCHEDULE_EVERY, {0, 0, MINUTE}},
		{"every day", SCHEDULE_EVERY, {0, 1, 0}},
		{"every month", SCHEDULE_EVERY, {1, 0, 0}},
		{"90 seconds after finish", SCHEDULE_AFTER_FINISH, {0, 0, 90 * SECOND}},
		{"every 1 day After Finish ", SCHEDULE_AFTER_FINISH, {0, 1, 0}},
		{"every minute after finish", SCHEDULE_AFTER_FINISH, {0, 0, MINUTE}}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error;
		bool		parsed = schedule_parse(cases[i].text, &utc, &schedule, &error);

		/* Kind REBOOT marks what must be refused. */
		if (cases[i].kind == SCHEDULE_REBOOT)
			ok(!parsed, "interval \"%s\" is refused", cases[i].text);
		else
			ok(parsed && schedule.kind == cases[i].kind &&
			   schedule.period.months == cases[i].period.months &&
			   schedule.period.days == cases[i].period.days &&
			   schedule.period.us == cases[i].period.us, "interval \"%s\"", cases[i].text);
	}
}

static void
test_instants(void)
{
	static const struct
	{
		const char *text;
		TimestampTz expected;	/* from 2026-11-23 00:00 UTC */
	}			cases[] = {
		{"2026-11-23 12:00", 10 * HOUR},
		{"2026-11-23T12:00", 10 * HOUR},
		{"2026-11-23t12:00:59", 10 * HOUR + 59 * SECOND},
		{" 2026-11-23  12:00:59.5 ", 10 * HOUR + 59500 * MS},
		{"2026-11-23 12:00:00.000001", 10 * HOUR + 1},
		{"2026-11-23 12:00Z", 12 * HOUR},
		{"2026-11-23 12:00 z", 12 * HOUR},
		{"2026-11-23 12:00+02", 10 * HOUR},
		{"2026-11-23 12:00:00.25+05:30", 6 * HOUR + 30 * MINUTE + 250 * MS},
		{"2026-11-23 12:00-0730", 19 * HOUR + 30 * MINUTE},
		{"2026-11-24 00:00-00", 24 * HOUR},
		{"2024-02-29 00:00Z", -998 * 24 * HOUR}
	};
	TimestampTz base = civil_day(2026, 11, 23) * USECS_PER_DAY;

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error;

		ok(schedule_parse(cases[i].text, &plus_two, &schedule, &error) &&
		   schedule.kind == SCHEDULE_ONCE && schedule.at == base + cases[i].expected,
		   "timestamp \"%s\"", cases[i].text);
	}
}

/* What newcomers write, and what they are told to write instead. */
static void
test_hints(void)
{
	static const struct
	{
		const char *text;
		const char *message;
		const char *hint;		/* a piece of it; empty: none */
	}			cases[] = {
		{"5 minutes after finsh", "invalid word after \"after\" in schedule: \"finsh\"", "\"after finish\""},
		{"every 5 minutes after", "invalid word after \"after\" in schedule: \"\"", "\"after finish\""},
		{"every monday", "invalid unit in interval: \"monday\"", "\"0 9 * * mon\""},
		{"every FRI at 9:00", "invalid unit in interval: \"FRI\"", "\"0 9 * * mon\""},
		{"every weekday", "invalid unit in interval: \"weekday\"", "\"0 9 * * mon\""},
		{"every other day", "invalid unit in interval: \"other\"", ""},
		{"every ", "missing interval in schedule: \"every\"", "\"every 5 minutes\""},
		{"every mon-fri", "invalid unit in interval: \"mon\"", "\"0 9 * * mon\""},
		{"every day at 9:00", "invalid word after interval in schedule: \"at\"", "\"0 9 * * *\""},
		{"5 minutes after finish after", "invalid word after interval in schedule: \"after\"", ""},
		{"every day before 9:00", "invalid word after interval in schedule: \"before\"", ""}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error;
		bool		is_right = !schedule_parse(cases[i].text, &utc, &schedule, &error) &&
			strcmp(error.message, cases[i].message) == 0 &&
			(cases[i].hint[0] == '\0' ? error.hint[0] == '\0' : strstr(error.hint, cases[i].hint) != NULL);

		ok(is_right, "hint for \"%s\"", cases[i].text);
		if (!is_right)
			printf("# %s (%s)\n", error.message, error.hint);
	}
}

/* Each message names the field and the part; that is what is looked for. */
static void
test_errors(void)
{
	static const struct
	{
		const char *text;
		const char *message;
		const char *detail;		/* a piece of it */
	}			cases[] = {
		{"", "invalid schedule: \"\"", "neither cron"},
		{"   ", "invalid schedule: \"\"", "neither cron"},
		{"tomorrow", "invalid schedule: \"tomorrow\"", "neither cron"},
		{"-5 minutes", "invalid schedule: \"-5 minutes\"", "neither cron"},
		{"a\001\177\303\244b", "invalid schedule: \"a????b\"", "neither cron"},
		{"x23456789 123456789 123456789 123456789 1", "invalid schedule: \"x23456789 123456789 123456789 123456789 ...\"", ""},
		{"@dayly", "invalid nickname in schedule: \"@dayly\"", ""},
		{"@reboot now", "invalid nickname in schedule: \"@reboot now\"", ""},
		{"* * * *", "invalid number of fields in cron schedule: 4", "There are 5"},
		{"* * * * * * *", "invalid number of fields in cron schedule: 7", "or 6: second"},
		{"5", "invalid number of fields in cron schedule: 1", "There are 5"},
		{"60 * * * *", "invalid minute in cron schedule: \"60\"", "Allowed are 0 to 59,"},
		{"60 * * * * *", "invalid second in cron schedule: \"60\"", "Allowed are 0 to 59,"},
		{"* 24 * * *", "invalid hour in cron schedule: \"24\"", "Allowed are 0 to 23,"},
		{"* * 0 * *", "invalid day of month in cron schedule: \"0\"", "Allowed are 1 to 31,"},
		{"* * 32 * *", "invalid day of month in cron schedule: \"32\"", "Allowed are 1 to 31,"},
		{"* * * 13 *", "invalid month in cron schedule: \"13\"", "jan to dec"},
		{"* * * foo *", "invalid month in cron schedule: \"foo\"", "jan to dec"},
		{"* * * * 8", "invalid weekday in cron schedule: \"8\"", "sun to sat"},
		{"* * * * monday", "invalid weekday in cron schedule: \"monday\"", "sun to sat"},
		{"* mon * * *", "invalid hour in cron schedule: \"mon\"", ""},
		{"1,61,2 * * * *", "invalid minute in cron schedule: \"61\"", ""},
		{"1,,2 * * * *", "invalid minute in cron schedule: \"\"", ""},
		{"1, * * * *", "invalid minute in cron schedule: \"\"", ""},
		{"*5 * * * *", "invalid minute in cron schedule: \"*5\"", ""},
		{"1- * * * *", "invalid minute in cron schedule: \"1-\"", ""},
		{"1-2-3 * * * *", "invalid minute in cron schedule: \"1-2-3\"", ""},
		{"*/ * * * *", "invalid minute in cron schedule: \"*/\"", ""},
		{"*/5/5 * * * *", "invalid minute in cron schedule: \"*/5/5\"", ""},
		{"*/0 * * * *", "invalid step of minute in cron schedule: \"*/0\"", "1 to 59"},
		{"*/60 * * * *", "invalid step of minute in cron schedule: \"*/60\"", "1 to 59"},
		{"1/99999999999999999999 * * * *", "invalid step of minute in cron schedule: \"1/99999999999999999999\"", ""},
		{"99999999999999999999 * * * *", "invalid minute in cron schedule: \"99999999999999999999\"", ""},
		{"* * 25-5/2 * *", "invalid range of day of month in cron schedule: \"25-5/2\"", "equally long"},
		{"* * L-31 * *", "invalid day of month in cron schedule: \"L-31\"", "L, L-n, nW, LW"},
		{"* * L- * *", "invalid day of month in cron schedule: \"L-\"", ""},
		{"* * L3 * *", "invalid day of month in cron schedule: \"L3\"", ""},
		{"* * 3L * *", "invalid day of month in cron schedule: \"3L\"", ""},
		{"* * LL * *", "invalid day of month in cron schedule: \"LL\"", ""},
		{"* * LWW * *", "invalid day of month in cron schedule: \"LWW\"", ""},
		{"* * $W * *", "invalid day of month in cron schedule: \"$W\"", ""},
		{"* * $-1 * *", "invalid day of month in cron schedule: \"$-1\"", ""},
		{"* * W * *", "invalid day of month in cron schedule: \"W\"", ""},
		{"* * 0W * *", "invalid day of month in cron schedule: \"0W\"", ""},
		{"* * 32W * *", "invalid day of month in cron schedule: \"32W\"", ""},
		{"* * 1-15W * *", "invalid day of month in cron schedule: \"1-15W\"", ""},
		{"* * 15W/2 * *", "invalid day of month in cron schedule: \"15W/2\"", ""},
		{"* * 1,L,x * *", "invalid day of month in cron schedule: \"x\"", ""},
		{"* * fri#2 * *", "invalid day of month in cron schedule: \"fri#2\"", ""},
		{"5,L * * * *", "invalid minute in cron schedule: \"L\"", "steps (*/n, a-b/n), and lists"},
		{"* * * L *", "invalid month in cron schedule: \"L\"", ""},
		{"* * * * L", "invalid weekday in cron schedule: \"L\"", "friL, fri#n"},
		{"* * * * 8L", "invalid weekday in cron schedule: \"8L\"", ""},
		{"* * * * friL2", "invalid weekday in cron schedule: \"friL2\"", ""},
		{"* * * * fri#", "invalid weekday in cron schedule: \"fri#\"", ""},
		{"* * * * fri#0", "invalid weekday in cron schedule: \"fri#0\"", ""},
		{"* * * * fri#6", "invalid weekday in cron schedule: \"fri#6\"", ""},
		{"* * * * #2", "invalid weekday in cron schedule: \"#2\"", ""},
		{"* * * * mon-fri#2", "invalid weekday in cron schedule: \"mon-fri#2\"", ""},
		{"* * * * 15W", "invalid weekday in cron schedule: \"15W\"", ""},
		{"0 0 30 2 *", "schedule never comes due: \"0 0 30 2 *\"", "No month"},
		{"0 0 31W 4 ?", "schedule never comes due: \"0 0 31W 4 ?\"", "No month"},
		{"0 0 L-29 2 ?", "schedule never comes due: \"0 0 L-29 2 ?\"", "No month"},
		{"0 0 */31 * mon#2", "schedule never comes due: \"0 0 */31 * mon#2\"", "No month"},
		{"@every", "missing interval in schedule: \"@every\"", "unit alone"},
		{"@every -5m", "invalid number in interval: \"-5m\"", "digits"},
		{"every 5 minutes on", "invalid weekday of window in schedule: \"\"", "mon-fri"},
		{"every 5 minutes on monkey", "invalid weekday of window in schedule: \"monkey\"", "mon-fri"},
		{"every 5 minutes on mon,", "invalid weekday of window in schedule: \"\"", ""},
		{"every 5 minutes on mon-", "invalid weekday of window in schedule: \"mon-\"", ""},
		{"every 5 minutes on 1-5", "invalid weekday of window in schedule: \"1-5\"", ""},
		{"every 5 minutes on mon-fri5", "invalid weekday of window in schedule: \"mon-fri5\"", ""},
		{"every 5 minutes on mon tue", "invalid word after interval in schedule: \"tue\"", "on mon-fri"},
		{"every 5 minutes on mon on tue", "more than one \"on\" in schedule", ""},
		{"5 m between 9:00 and 10:00 between 9:00 and 10:00", "more than one \"between\" in schedule", ""},
		{"every 5 minutes between", "invalid time of window in schedule: \"\"", "00:00 to 24:00"},
		{"every 5 minutes between 9 and 17", "invalid time of window in schedule: \"9\"", "00:00 to 24:00"},
		{"every 5 minutes between 9:0 and 17:00", "invalid time of window in schedule: \"9:0\"", ""},
		{"every 5 minutes between 09:60 and 17:00", "invalid time of window in schedule: \"09:60\"", ""},
		{"every 5 minutes between 09:00 and 24:01", "invalid time of window in schedule: \"24:01\"", ""},
		{"every 5 minutes between 09:00:60 and 17:00", "invalid time of window in schedule: \"09:00:60\"", ""},
		{"every 5 minutes between 009:00 and 17:00", "invalid time of window in schedule: \"009:00\"", ""},
		{"every 5 minutes between 09:00and 17:00", "invalid time of window in schedule: \"09:00and\"", ""},
		{"every 5 minutes between 09:00 to 17:00", "invalid word after first time of window in schedule: \"to\"", "between 09:00 and"},
		{"every 5 minutes between 09:00-17:00", "invalid time of window in schedule: \"09:00-17:00\"", ""},
		{"every 5 minutes between 09:00 and 09:00", "invalid window in schedule: \"09:00 and 09:00\"", "another time"},
		{"every 5 minutes between 24:00 and 09:00", "invalid window in schedule: \"24:00 and 09:00\"", "23:59:59"},
		{"every 1 day between 09:00 and 17:00", "interval of schedule is too long for a window: \"every 1 day between 09:00 and 17:00\"", "shorter than a day"},
		{"every 24 h between 09:00 and 17:00", "interval of schedule is too long for a window: \"every 24 h between 09:00 and 17:00\"", ""},
		{"36 hours on mon", "interval of schedule does not go with weekdays: \"36 hours on mon\"", "without hours"},
		{"1 day 1 s on mon", "interval of schedule does not go with weekdays: \"1 day 1 s on mon\"", "without hours"},
		{"every 2 weeks on mon", "interval of schedule does not go with weekdays: \"every 2 weeks on mon\"", "Whole weeks"},
		{"90 s after finish on mon", "invalid word after interval in schedule: \"on\"", "Nothing follows"},
		{"every 10 ms on mon", "interval of schedule is too short: \"every 10 ms on mon\"", ""},
		{"0 0 31 2,4,6,9,11 *", "schedule never comes due: \"0 0 31 2,4,6,9,11 *\"", ""},
		{"0 0 1 1 \001", "invalid weekday in cron schedule: \"?\"", ""},
		{"5 * * * * \303\244", "invalid weekday in cron schedule: \"??\"", ""},
		{"every", "missing interval in schedule: \"every\"", "unit alone"},
		{"every -5 minutes", "invalid number in interval: \"-5\"", "digits"},
		{"every 1.2.3 s", "invalid unit in interval: \".3\"", "Allowed are ms"},
		{"every 1. s", "invalid number in interval: \"1.\"", "digits"},
		{"every 0.1234567 s", "invalid number in interval: \"0.1234567\"", "at most 6"},
		{"every 5 fortnights", "invalid unit in interval: \"fortnights\"", "Allowed are ms"},
		{"every other day", "invalid unit in interval: \"other\"", "Allowed are ms"},
		{"every 5", "unit is missing at the end of interval", "Allowed are ms"},
		{"every 1.5 days", "invalid interval: \"1.5 days\"", "whole microseconds"},
		{"every 100.00001 ms", "invalid interval: \"100.00001 ms\"", "whole microseconds"},
		{"every 10001 years", "invalid interval: \"10001 years\"", "10000 years"},
		{"every 9999 years 9999 years", "invalid interval: \"9999 years\"", "10000 years"},
		{"99999999999999999999 ms", "invalid interval: \"99999999999999999999 ms\"", "10000 years"},
		{"every 99 ms", "interval of schedule is too short: \"every 99 ms\"", "100 milliseconds"},
		{"0 seconds", "interval of schedule is too short: \"0 seconds\"", "100 milliseconds"},
		{"every 0 days", "interval of schedule is too short: \"every 0 days\"", ""},
		{"10 ms after finish", "interval of schedule is too short: \"10 ms after finish\"", ""},
		{"5 minutes after", "invalid word after \"after\" in schedule: \"\"", ""},
		{"5 minutes after finish please", "invalid word after interval in schedule: \"please\"", ""},
		{"every 5 minutes, 3 seconds", "invalid word after interval in schedule: \",\"", ""},
		{"2026-02-30 12:00", "invalid timestamp in schedule: \"2026-02-30 12:00\"", "date is not"},
		{"2026-13-01 12:00", "invalid timestamp in schedule: \"2026-13-01 12:00\"", "date is not"},
		{"2026-11-00 12:00", "invalid timestamp in schedule: \"2026-11-00 12:00\"", "date is not"},
		{"0000-11-01 12:00", "invalid timestamp in schedule: \"0000-11-01 12:00\"", "date is not"},
		{"294277-01-01 12:00", "invalid timestamp in schedule: \"294277-01-01 12:00\"", "date is not"},
		{"294276-12-31 23:00-02", "invalid timestamp in schedule: \"294276-12-31 23:00-02\"", "beyond the largest"},
		{"2026-1-01 12:00", "invalid timestamp in schedule: \"2026-1-01 12:00\"", "date is not"},
		{"2026-11-23", "invalid timestamp in schedule: \"2026-11-23\"", "time of day"},
		{"2026-11-23 24:00", "invalid timestamp in schedule: \"2026-11-23 24:00\"", "time of day"},
		{"2026-11-23 12:60", "invalid timestamp in schedule: \"2026-11-23 12:60\"", "time of day"},
		{"2026-11-23 12:00:60", "invalid timestamp in schedule: \"2026-11-23 12:00:60\"", "time of day"},
		{"2026-11-23 12:00:00.", "invalid timestamp in schedule: \"2026-11-23 12:00:00.\"", "time of day"},
		{"2026-11-23 12:00:00.1234567", "invalid timestamp in schedule: \"2026-11-23 12:00:00.1234567\"", "time of day"},
		{"2026-11-23 12:00 Europe/Berlin", "invalid timestamp in schedule: \"2026-11-23 12:00 Europe/Berlin\"", "offset"},
		{"2026-11-23 12:00+16", "invalid timestamp in schedule: \"2026-11-23 12:00+16\"", "offset"},
		{"2026-11-23 12:00+2", "invalid timestamp in schedule: \"2026-11-23 12:00+2\"", "offset"},
		{"2026-11-23 12:00Z+02", "invalid timestamp in schedule: \"2026-11-23 12:00Z+02\"", "offset"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error = {0};
		bool		parsed = schedule_parse(cases[i].text, &utc, &schedule, &error);
		bool		same = !parsed && strcmp(error.message, cases[i].message) == 0 &&
			strstr(error.detail, cases[i].detail) != NULL;

		ok(same, "case %d is refused: %s", i, cases[i].message);
		if (!same)
			printf("# parsed %d, \"%s\", \"%s\"\n", parsed, error.message, error.detail);
	}
}

/* What makes a text a calendar rule; test_time_rule.c has more of them. */
static void
test_rules(void)
{
	static const char *const texts[] = {
		"RRULE:FREQ=DAILY", " \trrule:freq=daily ", "DTSTART:20261123T120000", "FREQ=DAILY;COUNT=5", "RDATE:20261123"
	};

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		Schedule	schedule;
		ScheduleError error = {0};
		bool		parsed = schedule_parse(texts[i], &utc, &schedule, &error);

		ok(parsed && schedule.kind == SCHEDULE_RULE, "\"%s\" is a calendar rule", texts[i]);
		if (parsed)
			schedule_free(&schedule);
	}
}

static void
test_windows(void)
{
	static const struct
	{
		const char *text;
		Window		window;
	}			cases[] = {
		{"every 5 minutes", {0, 0, 0, false}},
		{"every 5 minutes between 09:00 and 17:00", {32400, 61200, 0x7F, true}},
		{"every 5 minutes between 9:00 and 17:00:30 on mon-fri", {32400, 61230, 0x3E, true}},
		{"5m ON Mon,WED,fri BETWEEN 22:00 AND 06:00 ", {79200, 108000, 0x2A, true}},
		{"@every 5m between 00:00 and 24:00", {0, 86400, 0x7F, true}},
		{"every minute between 18:00 and 00:00", {64800, 86400, 0x7F, true}},
		{"every hour on weekdays", {0, 86400, 0x3E, false}},
		{"every hour on weekend", {0, 86400, 0x41, false}},
		{"every hour on fri-mon", {0, 86400, 0x63, false}},
		{"every hour on sat-sun", {0, 86400, 0x41, false}},
		{"every hour on weekends , friday,  Thursday-friday", {0, 86400, 0x71, false}},
		{"every day on tue", {0, 86400, 0x04, false}},
		{"every 1 month on mon-fri", {0, 86400, 0x3E, false}},
		{"every 1 month 7 days on mon-fri", {0, 86400, 0x3E, false}}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		const Window *expected = &cases[i].window;
		Schedule	schedule;
		ScheduleError error = {0};
		bool		same = schedule_parse(cases[i].text, &utc, &schedule, &error) &&
			schedule.kind == SCHEDULE_EVERY && schedule.window.weekdays == expected->weekdays &&
			(expected->weekdays == 0 ||
			 (schedule.window.opens == expected->opens && schedule.window.closes == expected->closes &&
			  schedule.window.has_hours == expected->has_hours));

		ok(same, "window of \"%s\"%s%s", cases[i].text, same ? "" : ": ", error.message);
	}
}

/*
 * One pattern repeated up to 64 kB, behind the start of any form: what looked
 * at each character more than a few times would take seconds for it.
 */
static void
test_long(void)
{
	static const char *const starts[] = {
		"", "every ", "every 5 m on ", "every 5 m between ", "@", "@every ", "0 0 ", "0 0 * * ", "0 0 1", "2026-"
	};
	static const char *const patterns[] = {
		"1", "*", " ", "* ", "1,", "*/1,", "1-2,", "1s", "1 s ", "1.0m", ".", "every ", "a", "@", "2026-", "-", "\377",
		"L,", "L-3,", "15W,", "fri#2,", "monL,", "sun,", "fri-mon,", "$,", "22-3,", "on ", "on mon ", "mon, ", "mon-fri , ",
		"between ", "weekdays,", "01:00 and 02:00 ", "#", "?", "/1"
	};
	static char text[65536];
	int			seen = 0;
	double		slowest = 0;

	for (int i = 0; i < (int) (lengthof(starts) * lengthof(patterns)); i++)
	{
		const char *pattern = patterns[i % lengthof(patterns)];
		char	   *at = text + sprintf(text, "%s", starts[i / lengthof(patterns)]);
		Schedule	schedule;
		ScheduleError error = {0};
		clock_t		start;

		for (; at - text + strlen(pattern) < sizeof(text); at += strlen(pattern))
			strcpy(at, pattern);
		start = clock();
		seen += schedule_parse(text, &utc, &schedule, &error) || strlen(error.message) > 10;
		slowest = Max(slowest, (clock() - start) * 1000.0 / CLOCKS_PER_SEC);
	}
	ok(seen == lengthof(starts) * lengthof(patterns), "64 kB of anything are read or refused with a reason (%d)", seen);
	ok(slowest < 100, "and in linear time (%.1f ms)", slowest);
}

int
main(void)
{
	Schedule	schedule;
	ScheduleError error;

	test_periods();
	test_instants();
	test_hints();
	test_errors();
	test_rules();
	test_windows();
	test_long();
	ok(schedule_parse(" @Reboot ", &utc, &schedule, &error) && schedule.kind == SCHEDULE_REBOOT, "@reboot");
	ok(sizeof(Schedule) <= 96, "a schedule is at most 96 bytes (%d)", (int) sizeof(Schedule));
	return tap_done();
}
