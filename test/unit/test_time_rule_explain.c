/*-------------------------------------------------------------------------
 *
 * test_time_rule_explain.c
 *	  What is said of calendar rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tap.h"
#include "time_zone_fake.h"

#include "time/explain.h"

#define START	"DTSTART:20260105T093000 "

static struct pg_tz utc;

int
main(void)
{
	static const char *const cases[][2] = {
		{"FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=30;BYSECOND=0",
		"at 09:30 on the last Friday of every month, counted from its start, UTC"},
		{START "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=10",
		"at 09:30 every 2 weeks on Monday and Friday, from 5 January 2026 at 09:30 on, 10 times, UTC"},
		{START "FREQ=WEEKLY;INTERVAL=2;WKST=SU;COUNT=1",
		"at 09:30 every 2 weeks on Monday, where weeks start on Sunday, from 5 January 2026 at 09:30 on, 1 time, UTC"},
		{START "FREQ=DAILY;BYMONTH=1,2,12;UNTIL=20261224T100000Z",
		"at 09:30 every day in December to February, from 5 January 2026 at 09:30 on, until 24 December 2026 at 10:00, UTC"},
		{START "FREQ=DAILY;UNTIL=20261224", "at 09:30 every day, from 5 January 2026 at 09:30 on, until 24 December 2026, UTC"},
		{START "FREQ=YEARLY", "at 09:30 on the 5th day of January of every year, from 5 January 2026 at 09:30 on, UTC"},
		{"DTSTART;TZID=America/New_York:19970902T090000 FREQ=MONTHLY;BYDAY=1FR",
		"at 09:00 on the 1st Friday of every month, from 2 September 1997 at 09:00 on, America/New_York"},
		{"FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=2,-1,-3",
		"on the 2nd, 3rd to last and last day of every 2nd month, counted from its start, UTC"},
		{"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;BYMONTH=1,7",
		"on Friday if it is the 13th day of every month in January and July, counted from its start, UTC"},
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=9,17;BYMINUTE=0;BYSECOND=5",
		"at 09:00:05 and 17:00:05 on Monday to Friday of every month, only the last of these in each month, counted from its start, UTC"},
		{"FREQ=MONTHLY;BYDAY=SU,1MO,-2MO;BYHOUR=9",
		"in hour 9 on Sunday, the 1st Monday and the 2nd to last Monday of every month, counted from its start, UTC"},
		{"FREQ=DAILY;BYDAY=SU;BYMONTHDAY=1,8,-1", "every day on Sunday if it is the 1st, 8th or last day of the month, counted from its start, UTC"},
		{"FREQ=DAILY;BYMINUTE=30", "at minute 30 every day, counted from its start, UTC"},
		{"FREQ=DAILY;BYMINUTE=30;BYSECOND=0", "at second 0 of minute 30 every day, counted from its start, UTC"},
		{"FREQ=YEARLY;BYDAY=20MO,-53SU",
		"on the 20th Monday and the 53rd to last Sunday of every year, counted from its start, UTC"},
		{"FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "on Thursday in March of every year, counted from its start, UTC"},
		{"FREQ=YEARLY;BYYEARDAY=1,111,-366",
		"on the 1st, 111th and 366th to last day of every year, counted from its start, UTC"},
		{"FREQ=YEARLY;BYWEEKNO=20,-1;BYDAY=MO;WKST=WE",
		"on Monday in the 20th and last week of every year, where weeks start on Wednesday, counted from its start, UTC"},
		{"FREQ=HOURLY;INTERVAL=3;BYHOUR=9,10,11;BYMINUTE=0,30;BYDAY=MO",
		"every 3 hours at minutes 0 and 30 of hours 9 to 11 on Monday, counted from its start, UTC"},
		{"FREQ=MINUTELY;INTERVAL=20;BYYEARDAY=22", "every 20 minutes on the 22nd day of the year, counted from its start, UTC"},
		{"FREQ=SECONDLY", "every second, counted from its start, UTC"},
		{START "FREQ=DAILY;BYHOUR=1,2,3,4;BYMINUTE=0,30",
		"at minutes 0 and 30 of hours 1 to 4 every day, from 5 January 2026 at 09:30 on, UTC"},
		{"FREQ=DAILY RDATE:20260101T120000 EXDATE:20260102,20260103",
		"every day, counted from its start, and also on 1 January 2026 at 12:00, except on 2 January 2026 to 3 January 2026, UTC"},
		{"FREQ=DAILY EXDATE:20260102,20260105T120000",
		"every day, counted from its start, except on 2 January 2026 and 5 January 2026 at 12:00, UTC"},
		{"RDATE:20260102,20260101,20260102", "on 1 January 2026 at 00:00 and 2 January 2026 at 00:00, UTC"},
		{"FREQ=DAILY RDATE:20260101,20260103,20260105,20260107 EXDATE:20260201T000000,20260301T000000,20260401T000000,20260501T000000",
		"every day, counted from its start, and also on 4 dates, except on 4 dates, UTC"},
		{START, "on 5 January 2026 at 09:30, UTC"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error;
		char		found[1024];

		if (!schedule_parse(cases[i][0], &utc, &schedule, &error))
		{
			ok(false, "%s: %s", cases[i][0], error.message);
			continue;
		}
		(void) schedule_explain(&schedule, found, sizeof(found));
		ok(strcmp(found, cases[i][1]) == 0, "%s", cases[i][1]);
		if (strcmp(found, cases[i][1]) != 0)
			printf("# found %s\n", found);
		schedule_free(&schedule);
	}
	return tap_done();
}
