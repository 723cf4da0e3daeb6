/*-------------------------------------------------------------------------
 *
 * test_time_rule_limits.c
 *	  Calendar rules where clocks are moved, at the ends of time, and in
 *	  texts that are refused; and how long all of it takes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "schedule_text.h"
#include "tap.h"
#include "time_zone_fake.h"

#include "time/schedule.h"
#include "time/zone.h"

#define SECOND	USECS_PER_SEC

static struct pg_tz utc;

/* On 1997-04-06 clocks go from 2:00 to 3:00; on 1997-10-26 from 2:00 back to 1:00. */
static void
test_moved_clocks(void)
{
	/* Hours and minutes since midnight in New York, of real time. */
	static const struct
	{
		const char *text;
		const char *expected;
	}			cases[] = {
		{"DTSTART:19970406T000000 RRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=30;COUNT=2", "2:00 25:30"},
		{"DTSTART:19970406T000000 RRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=0,30;COUNT=3", "2:00 25:00 25:30"},
		{"DTSTART:19970406T000000 RRULE:FREQ=DAILY;BYHOUR=1,2,3;COUNT=3", "1:00 2:00 24:00"},
		{"DTSTART:19970406T000000 RRULE:FREQ=HOURLY;COUNT=4", "0:00 1:00 2:00 3:00"},
		{"DTSTART:19970406T000000 RRULE:FREQ=HOURLY;INTERVAL=2;COUNT=3", "0:00 3:00 5:00"},
		{"DTSTART:19970406T000000 RRULE:FREQ=MINUTELY;INTERVAL=90;COUNT=3", "0:00 1:30 2:00"},
		{"DTSTART:19970406T023000 RRULE:FREQ=HOURLY;COUNT=2", "2:30 3:30"},
		{"DTSTART:19970406T000000 RRULE:FREQ=DAILY;BYHOUR=2;BYMINUTE=30;COUNT=2 EXDATE:19970406T030000", "25:30"},
		{"DTSTART:19971026T000000 RRULE:FREQ=DAILY;BYHOUR=1;BYMINUTE=30;COUNT=2", "1:30 26:30"},
		{"DTSTART:19971026T000000 RRULE:FREQ=DAILY;BYHOUR=0,1,2;COUNT=3", "0:00 1:00 3:00"},
		{"DTSTART:19971026T000000 RRULE:FREQ=HOURLY;COUNT=4", "0:00 1:00 2:00 3:00"},
		{"DTSTART:19971026T000000 RRULE:FREQ=HOURLY;BYHOUR=1;COUNT=3", "1:00 2:00 26:00"},
		{"DTSTART:19971026T000000 RRULE:FREQ=MINUTELY;INTERVAL=90;COUNT=4", "0:00 1:30 2:30 4:00"},
		{"DTSTART:19971026T013000 RRULE:FREQ=HOURLY;BYMINUTE=15;COUNT=2", "2:15 3:15"},
		{"RDATE:19971026T013000 RDATE;VALUE=DATE:19971026", "0:00 1:30"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		int			month = strstr(cases[i].text, "199704") ? 4 : 10;
		int64		midnight = civil_day(1997, month, month == 4 ? 6 : 26) * CIVIL_DAY + (month == 4 ? 5 : 4) * 3600;
		Schedule	schedule = parse(cases[i].text, fake_new_york());
		TimestampTz t = DT_NOBEGIN;
		char		found[128] = "";

		while ((t = schedule_next(&schedule, DT_NOBEGIN, t)) != DT_NOEND && strlen(found) < 100)
			sprintf(found + strlen(found), "%s%d:%02d", found[0] ? " " : "",
					(int) ((t / SECOND - midnight) / 3600), (int) ((t / SECOND - midnight) / 60 % 60));
		ok(strcmp(found, cases[i].expected) == 0, "%s: %s", cases[i].text, cases[i].expected);
		if (strcmp(found, cases[i].expected) != 0)
			printf("# found %s\n", found);
		schedule_free(&schedule);
	}
}

/* Without DTSTART, the anchor is it: a whole second. */
static void
test_anchor(void)
{
	Schedule	daily = parse("FREQ=DAILY;COUNT=2", &utc);
	Schedule	weekly = parse("RRULE:FREQ=WEEKLY;BYDAY=SU;BYHOUR=9", fake_new_york());
	TimestampTz day = USECS_PER_DAY;

	ok(schedule_next(&daily, day, DT_NOBEGIN) == day && schedule_next(&daily, day, day) == 2 * day &&
	   schedule_next(&daily, day, 2 * day) == DT_NOEND, "the anchor is the first occurrence");
	ok(schedule_next(&daily, day + 1, day + 1) == day + SECOND, "it is rounded up to a second");
	ok(schedule_next(&daily, day, day) == 2 * day, "after another anchor, COUNT counts from the first one again");
	ok(schedule_next(&daily, DT_NOBEGIN, 0) == DT_NOEND && schedule_next(&daily, DT_NOEND, 0) == DT_NOEND,
	   "without anchor, nothing is due");
	/* 2000-01-01 05:00 UTC, a Saturday, is midnight there. */
	ok(schedule_next(&weekly, 5 * USECS_PER_HOUR + 61 * SECOND, 0) == day + 14 * USECS_PER_HOUR + 61 * SECOND,
	   "minute and second are the anchor's");
	schedule_free(&daily);
	schedule_free(&weekly);
}

/* Sets that follow each other without a gap; no more than is allowed. */
static void
test_counts(void)
{
	Schedule	each = parse("FREQ=SECONDLY", &utc);
	Schedule	bounded = parse("DTSTART:20000101T000000Z FREQ=SECONDLY;COUNT=1000000", &utc);

	ok(schedule_count(&each, 0, 25 * USECS_PER_DAY, 36 * USECS_PER_DAY) == 11 * 86400, "seconds across the end of a month");
	ok(schedule_count(&each, 0, 0, 36 * USECS_PER_DAY) == RULE_COUNT_MAX, "a count ends");
	ok(schedule_next(&bounded, 0, 999998 * SECOND) == 999999 * SECOND &&
	   schedule_next(&bounded, 0, 999999 * SECOND) == DT_NOEND &&
	   schedule_next(&bounded, 0, 0) == SECOND && schedule_next(&bounded, 0, 999998 * SECOND) == 999999 * SECOND,
	   "COUNT is exhausted after the last one, whatever was asked before");
	schedule_free(&each);
	schedule_free(&bounded);
}

static void
test_refused(void)
{
	static const char *const cases[][3] = {
		{"RRULE:INTERVAL=2", "FREQ is missing in calendar rule", ""},
		{"FREQ=FORTNIGHTLY", "invalid FREQ in calendar rule: \"FORTNIGHTLY\"", "SECONDLY, MINUTELY"},
		{"FREQ=DAILY;FREQ=DAILY", "FREQ is given more than once in calendar rule", ""},
		{"FREQ=DAILY;", "invalid part of RRULE in calendar rule: \"\"", "Allowed are FREQ, "},
		{"FREQ=DAILY;BYFOO=1", "invalid part of RRULE in calendar rule: \"BYFOO=1\"", "BYSETPOS."},
		{"FREQ=DAILY;BYHOUR", "invalid part of RRULE in calendar rule: \"BYHOUR\"", ""},
		{"FREQ=DAILY;INTERVAL=0", "invalid INTERVAL in calendar rule: \"0\"", "1 to 2147483647"},
		{"FREQ=DAILY;INTERVAL=2147483648", "invalid INTERVAL in calendar rule: \"2147483648\"", ""},
		{"FREQ=DAILY;COUNT=0", "invalid COUNT in calendar rule: \"0\"", "1 to 1000000"},
		{"FREQ=DAILY;COUNT=1000001", "invalid COUNT in calendar rule: \"1000001\"", "1 to 1000000"},
		{"FREQ=DAILY;COUNT=2;UNTIL=20300101", "COUNT and UNTIL are both given in calendar rule", "one way"},
		{"FREQ=DAILY;UNTIL=20300230", "invalid UNTIL in calendar rule: \"20300230\"", "20261123T120000Z"},
		{"FREQ=DAILY;UNTIL=20300101T", "invalid UNTIL in calendar rule: \"20300101T\"", ""},
		{"FREQ=DAILY;BYSECOND=61", "invalid BYSECOND in calendar rule: \"61\"", "0 to 60"},
		{"FREQ=DAILY;BYMINUTE=60", "invalid BYMINUTE in calendar rule: \"60\"", "0 to 59"},
		{"FREQ=DAILY;BYHOUR=9,,10", "invalid BYHOUR in calendar rule: \"9,,10\"", "0 to 23"},
		{"FREQ=DAILY;BYHOUR=-1", "invalid BYHOUR in calendar rule: \"-1\"", "lists"},
		{"FREQ=MONTHLY;BYDAY=0MO", "invalid BYDAY in calendar rule: \"0MO\"", "-53 to -1"},
		{"FREQ=MONTHLY;BYDAY=MON", "invalid BYDAY in calendar rule: \"MON\"", ""},
		{"FREQ=MONTHLY;BYDAY=1", "invalid BYDAY in calendar rule: \"1\"", ""},
		{"FREQ=MONTHLY;BYMONTHDAY=32", "invalid BYMONTHDAY in calendar rule: \"32\"", "-31 to -1"},
		{"FREQ=MONTHLY;BYMONTHDAY=0", "invalid BYMONTHDAY in calendar rule: \"0\"", ""},
		{"FREQ=YEARLY;BYYEARDAY=-367", "invalid BYYEARDAY in calendar rule: \"-367\"", "-366 to -1"},
		{"FREQ=YEARLY;BYWEEKNO=54", "invalid BYWEEKNO in calendar rule: \"54\"", "1 to 53"},
		{"FREQ=YEARLY;BYMONTH=13", "invalid BYMONTH in calendar rule: \"13\"", "1 to 12"},
		{"FREQ=YEARLY;BYMONTH=JAN", "invalid BYMONTH in calendar rule: \"JAN\"", ""},
		{"FREQ=YEARLY;WKST=1MO", "invalid WKST in calendar rule: \"1MO\"", "SU, MO"},
		{"FREQ=DAILY;BYSETPOS=1", "BYSETPOS is given alone in calendar rule", "another BYxxx"},
		{"FREQ=DAILY;BYHOUR=1;BYSETPOS=367", "invalid BYSETPOS in calendar rule: \"367\"", "1 to 366"},
		{"FREQ=MONTHLY;BYWEEKNO=1", "BYWEEKNO does not go with FREQ=MONTHLY in calendar rule", "YEARLY only"},
		{"FREQ=MONTHLY;BYYEARDAY=1", "BYYEARDAY does not go with FREQ=MONTHLY in calendar rule",
		"SECONDLY, MINUTELY, HOURLY, YEARLY only"},
		{"FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY does not go with FREQ=WEEKLY in calendar rule", "DAILY, MONTHLY"},
		{"FREQ=DAILY;BYDAY=1MO", "a number in BYDAY does not go with FREQ=DAILY in calendar rule", "MONTHLY, YEARLY only"},
		{"FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO", "a number in BYDAY does not go with BYWEEKNO in calendar rule", "once"},
		{"RRULE:FREQ=DAILY RRULE:FREQ=WEEKLY", "RRULE is given more than once in calendar rule", "undefined"},
		{"RRULE;TZID=UTC:FREQ=DAILY", "invalid parameter of RRULE in calendar rule: \"TZID=UTC:FREQ=DAILY\"", "none"},
		{"RRULE:FREQ=DAILY EXRULE:FREQ=WEEKLY", "invalid line in calendar rule: \"EXRULE:FREQ=WEEKLY\"", "EXDATE"},
		{"BEGIN:VEVENT", "invalid line in calendar rule: \"BEGIN:VEVENT\"", "DTSTART, RRULE"},
		{"RRULE:FREQ=DAILY;BYHOUR=9, 10", "invalid line in calendar rule: \"10\"", "without spaces"},
		{"RRULE=FREQ=DAILY", "invalid line in calendar rule: \"RRULE=FREQ=DAILY\"", "\":\" is missing"},
		{"RRULE;", "invalid parameter of RRULE in calendar rule: \"\"", ""},
		{"DTSTART:19970902T090000 DTSTART:19970902T090000", "DTSTART is given more than once in calendar rule", ""},
		{"DTSTART:1997-09-02", "invalid date in DTSTART of calendar rule: \"1997-09-02\"", "19970902T090000"},
		{"DTSTART;TZID=UTC:19970902T090000Z", "invalid date in DTSTART of calendar rule: \"19970902T090000Z\"", "without TZID"},
		{"DTSTART;VALUE=DATE:19970902T090000", "invalid date in DTSTART of calendar rule: \"19970902T090000\"", "dates such as"},
		{"DTSTART;VALUE=PERIOD:19970902", "invalid VALUE of DTSTART in calendar rule: \"PERIOD\"", "DATE-TIME, DATE"},
		{"DTSTART;TZID=Europe/Berlin2:19970902", "invalid TZID in calendar rule: \"Europe/Berlin2\"", ""},
		{"DTSTART;TZID=:19970902", "invalid TZID in calendar rule: \"\"", ""},
		{"RDATE;FOO=1:19970902", "invalid parameter of RDATE in calendar rule: \"FOO=1:19970902\"", "TZID and VALUE"},
		{"RDATE:19970902,", "invalid date in RDATE of calendar rule: \"\"", ""},
		{"RDATE;VALUE=PERIOD:19970902T090000", "invalid date in RDATE of calendar rule: \"19970902T090000\"", "PT1H"},
		{"EXDATE:19970902T250000", "invalid date in EXDATE of calendar rule: \"19970902T250000\"", ""},
		{"EXDATE:19970902", "RRULE is missing in calendar rule", ""},
		{"DTSTART;VALUE=DATE:19970902 RRULE:FREQ=DAILY;BYHOUR=9", "BYHOUR does not go with a DTSTART that is a date in calendar rule", ""},
		{"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "schedule never comes due: \"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\"", "no such date"},
		{"FREQ=MINUTELY;BYSECOND=60", "schedule never comes due: \"FREQ=MINUTELY;BYSECOND=60\"", ""},
		{"FREQ=DAILY;BYMONTH=4,6;BYMONTHDAY=31", "schedule never comes due: \"FREQ=DAILY;BYMONTH=4,6;BYMONTHDAY=31\"", ""},
		{"DTSTART:20260101T000000 FREQ=HOURLY;UNTIL=20251231", "schedule never comes due: \"DTSTART:20260101T000000 FREQ=HOURLY;UNTI...\"", "UNTIL or EXDATE"},
		{"DTSTART:20260101T000000 EXDATE:20260101T000000", "schedule never comes due: \"DTSTART:20260101T000000 EXDATE:20260101T...\"", ""}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error = {0};
		bool		parsed = schedule_parse(cases[i][0], &utc, &schedule, &error);
		bool		same = !parsed && strcmp(error.message, cases[i][1]) == 0 &&
			strstr(error.detail, cases[i][2]) != NULL;

		ok(same, "case %d is refused: %s", i, cases[i][1]);
		if (!same)
			printf("# parsed %d, \"%s\", \"%s\"\n", parsed, error.message, error.detail);
	}
}

/* Never due, or hardly ever: found out without walking there. */
static void
test_bounded_time(void)
{
	static const char *const texts[] = {
		"DTSTART:20000101T000000 FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYSECOND=1",
		"DTSTART:20000101T000000 FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6;BYDAY=MO,TU",
		"DTSTART:20000101T000000 FREQ=YEARLY;INTERVAL=399;BYMONTH=2;BYMONTHDAY=29;BYYEARDAY=59",
		"DTSTART:20000101T000000 FREQ=MONTHLY;INTERVAL=12;BYMONTH=2",
		"DTSTART:20000101T000000 FREQ=MONTHLY;INTERVAL=7;BYDAY=5MO;BYMONTHDAY=1",
		"DTSTART:20000101T000000 FREQ=WEEKLY;INTERVAL=2;BYMONTH=2;BYDAY=MO;BYSETPOS=2",
		"DTSTART:20000101T000000 FREQ=DAILY;INTERVAL=7;BYDAY=MO",
		"DTSTART:20000101T000000 FREQ=DAILY;INTERVAL=28;BYDAY=MO,TU,WE",
		"DTSTART:20000101T000000 FREQ=DAILY;BYHOUR=1,2;BYSETPOS=3",
		"DTSTART:20000101T000000 FREQ=HOURLY;INTERVAL=48;BYHOUR=1",
		"DTSTART:20000101T000000 FREQ=MINUTELY;INTERVAL=14;BYMINUTE=1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31",
		"DTSTART:20000101T000000 FREQ=SECONDLY;INTERVAL=14;BYSECOND=1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31",
		"DTSTART:20000101T000000 FREQ=SECONDLY;INTERVAL=14;BYMONTH=2;BYMONTHDAY=29;BYSECOND=1",
		"DTSTART:20000101T000000 FREQ=SECONDLY;INTERVAL=604800;BYDAY=MO;BYHOUR=3",
		"DTSTART:20000101T000000 FREQ=SECONDLY;INTERVAL=86402;BYSECOND=1",
		"DTSTART:20000101T000000 FREQ=SECONDLY;INTERVAL=1001;BYMONTH=2;BYMONTHDAY=30",
		"DTSTART:20000101T000000 FREQ=SECONDLY;INTERVAL=77;BYHOUR=1;BYMINUTE=1;BYSECOND=1;BYSETPOS=2"
	};
	double		longest = 0;

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		Schedule	schedule;
		ScheduleError error;
		clock_t		start = clock();
		bool		parsed = schedule_parse(texts[i], &utc, &schedule, &error);
		double		ms = (clock() - start) * 1000.0 / CLOCKS_PER_SEC;

		ok(!parsed && strstr(error.message, "never comes due") != NULL, "%.1f ms: %s", ms, texts[i]);
		longest = Max(longest, ms);
	}
	/* With sanitizers; a tenth of it without. */
	ok(longest < 500, "the longest takes %.1f ms", longest);
}

/* Each is asked for its next instant from anywhere. */
static void
test_speed(void)
{
	static const char *const texts[] = {
		"FREQ=SECONDLY", "FREQ=SECONDLY;INTERVAL=7;BYHOUR=3", "FREQ=MINUTELY;INTERVAL=90;BYDAY=MO",
		"FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=DAILY;INTERVAL=100", "FREQ=WEEKLY;INTERVAL=3;BYDAY=MO,FR",
		"FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO",
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=SU"
	};
	double		longest = 0;

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		Schedule	schedule = parse(texts[i], fake_new_york());
		clock_t		start = clock();
		double		us;

		for (int n = 0; n < 200; n++)
			(void) schedule_next(&schedule, MIN_TIMESTAMP, tap_random(INT64CONST(100) * 365 * USECS_PER_DAY));
		us = (clock() - start) * 1000000.0 / CLOCKS_PER_SEC / 200;
		printf("# %.1f us: %s\n", us, texts[i]);
		longest = Max(longest, us);
		schedule_free(&schedule);
	}
	ok(longest < 2000, "any next instant is found by arithmetic (%.1f us at most)", longest);
}

/* The first instants of time, the last ones, and rules that reach beyond. */
static void
test_ends(void)
{
	static const char *const texts[] = {
		"FREQ=SECONDLY", "FREQ=SECONDLY;INTERVAL=2147483647", "FREQ=HOURLY;INTERVAL=2147483647",
		"FREQ=DAILY;INTERVAL=2147483647", "FREQ=WEEKLY;INTERVAL=2147483647", "FREQ=MONTHLY;INTERVAL=2147483647",
		"FREQ=YEARLY;INTERVAL=2147483647", "FREQ=YEARLY;BYWEEKNO=53", "FREQ=DAILY;UNTIL=99991231", "RDATE:00010101",
		"FREQ=MONTHLY;BYDAY=-1FR", "FREQ=YEARLY;COUNT=1000000"
	};
	static const TimestampTz instants[] = {
		DT_NOBEGIN, DT_NOBEGIN + 1, MIN_TIMESTAMP - 1, MIN_TIMESTAMP, -1, 0, INT64CONST(848750400000000),
		END_TIMESTAMP - USECS_PER_DAY, END_TIMESTAMP - 1, END_TIMESTAMP, DT_NOEND - 1, DT_NOEND
	};
	int			wrong = 0;

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		Schedule	schedule = parse(texts[i], fake_new_york());

		for (int a = 0; a < (int) lengthof(instants); a++)
		{
			for (int b = 0; b < (int) lengthof(instants); b++)
			{
				TimestampTz next = schedule_next(&schedule, instants[a], instants[b]);

				wrong += next != DT_NOEND && (!IS_VALID_TIMESTAMP(next) || next <= instants[b]);
			}
		}
		schedule_free(&schedule);
	}
	ok(wrong == 0, "at the ends of time a rule is in range, later, or never (%d are not)", wrong);
}

/* One pattern repeated up to 64 kB, behind each of some beginnings. */
static void
test_long(void)
{
	static const char *const starts[] = {"RRULE:FREQ=DAILY;BYHOUR=1", "RDATE:20260101", "DTSTART:20260101 EXDATE:20260101", "RRULE:FREQ=DAILY DTSTART"};
	static const char *const patterns[] = {
		",1", ",20260101", " EXDATE:20260101", ";", ":", "=", ",", ";X-A=\"", ";TZID=UTC", "A", " ", "\"", "9", "-", "\377"
	};
	static char text[65536 + 64];
	clock_t		start = clock();
	int			seen = 0;

	for (int i = 0; i < (int) (lengthof(starts) * lengthof(patterns)); i++)
	{
		const char *pattern = patterns[i / lengthof(starts)];
		Schedule	schedule;
		ScheduleError error = {0};

		strcpy(text, starts[i % lengthof(starts)]);
		for (char *at = text + strlen(text); at - text < 65536; at += strlen(pattern))
			strcpy(at, pattern);
		if (schedule_parse(text, &utc, &schedule, &error))
		{
			seen++;
			schedule_free(&schedule);
		}
		else
			seen += strlen(error.message) > 10;
	}
	ok(seen == lengthof(starts) * lengthof(patterns), "64 kB of anything are read or refused with a reason");
	ok((clock() - start) * 1000.0 / CLOCKS_PER_SEC < 2000, "and in linear time (%.0f ms)",
	   (clock() - start) * 1000.0 / CLOCKS_PER_SEC);
}

int
main(void)
{
	tap_seed();
	test_moved_clocks();
	test_anchor();
	test_counts();
	test_refused();
	test_bounded_time();
	test_speed();
	test_ends();
	test_long();
	return tap_done();
}
