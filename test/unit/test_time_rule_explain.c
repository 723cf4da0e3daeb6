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

#include "time/rule_explain.h"
#include "time/schedule.h"

#define START	"DTSTART:20260105T093000 "

static struct pg_tz utc;

int
main(void)
{
	static const char *const cases[][2] = {
		{"FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=30;BYSECOND=0", "at 09:30 on the last Friday of every month"},
		{START "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;COUNT=10",
		"at 09:30 every 2 weeks on Monday and Friday, from 5 Jan 2026 09:30 on, 10 times"},
		{START "FREQ=WEEKLY;INTERVAL=2;WKST=SU;COUNT=1",
		"at 09:30 every 2 weeks on Monday, where weeks start on Sunday, from 5 Jan 2026 09:30 on, 1 time"},
		{START "FREQ=DAILY;BYMONTH=1,2,12;UNTIL=20261224T100000Z",
		"at 09:30 every day in January, February and December, from 5 Jan 2026 09:30 on, until 24 Dec 2026 10:00"},
		{START "FREQ=YEARLY", "at 09:30 on the 5th day of the month in January of every year, from 5 Jan 2026 09:30 on"},
		{"FREQ=MONTHLY;INTERVAL=2;BYMONTHDAY=2,-1,-3", "on the 2nd, 3rd to last and last day of every 2nd month"},
		{"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "on Friday if it is the 13th day of every month"},
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=9,17;BYMINUTE=0;BYSECOND=5",
		"at 09:00:05 and 17:00:05 on Monday, Tuesday, Wednesday, Thursday and Friday of every month, only the last of these in each month"},
		{"FREQ=MONTHLY;BYDAY=SU,1MO,-2MO;BYHOUR=9", "in hour 9 on the 1st Monday, the 2nd to last Monday and Sunday of every month"},
		{"FREQ=YEARLY;BYDAY=20MO,-53SU", "on the 20th Monday and the 53rd to last Sunday of every year"},
		{"FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "on Thursday in March of every year"},
		{"FREQ=YEARLY;BYYEARDAY=1,111,-366", "on the 1st, 111th and 366th to last day of every year"},
		{"FREQ=YEARLY;BYWEEKNO=20,-1;BYDAY=MO;WKST=WE",
		"on Monday in the 20th and last week of every year, where weeks start on Wednesday"},
		{"FREQ=HOURLY;INTERVAL=3;BYHOUR=9,10,11;BYMINUTE=0,30;BYDAY=MO", "every 3 hours at minutes 0 and 30 in hours 9, 10 and 11 on Monday"},
		{"FREQ=MINUTELY;INTERVAL=20;BYYEARDAY=22", "every 20 minutes on the 22nd day of the year"},
		{"FREQ=SECONDLY", "every second"},
		{START "FREQ=DAILY;BYHOUR=1,2,3,4;BYMINUTE=0,30", "in hours 1, 2, 3 and 4 at minutes 0 and 30 every day, from 5 Jan 2026 09:30 on"},
		{"FREQ=DAILY RDATE:20260101T120000 EXDATE:20260102", "every day, and also on 1 Jan 2026 12:00, except where excluded"},
		{"RDATE:20260102,20260101,20260102", "on 2 dates"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error;
		char		found[512];
		char		cut[10];

		if (!schedule_parse(cases[i][0], &utc, &schedule, &error))
		{
			ok(false, "%s: %s", cases[i][0], error.message);
			continue;
		}
		rule_explain(schedule.rule, found, sizeof(found));
		rule_explain(schedule.rule, cut, sizeof(cut));
		ok(strcmp(found, cases[i][1]) == 0 && strncmp(cut, found, 9) == 0 && cut[9] == '\0', "%s", cases[i][1]);
		if (strcmp(found, cases[i][1]) != 0)
			printf("# found %s\n", found);
		schedule_free(&schedule);
	}
	return tap_done();
}
