/*-------------------------------------------------------------------------
 *
 * test_explain.c
 *	  What schedules are said to mean.
 *
 * A table of texts and sentences; and pairs of random schedules that differ in
 * one place: when both are explained alike, they must come due alike, also when
 * the clocks of their zone are moved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tap.h"
#include "time_zone_fake.h"

#include "time/civil.h"
#include "time/explain.h"

#define PAIRS		10000
#define RUNS		200
#define FIELD_MAX	64
#define TEXT_MAX	(8 * FIELD_MAX)
#define SENTENCE_MAX 8192

static struct pg_tz utc;
static struct pg_tz berlin = {3600, .name = "Europe/Berlin"};

/* Clocks are moved on the last Sundays of March and October, at 01:00 UTC. */
static void
fill_berlin(void)
{
	static const int months[] = {3, 10};

	for (int year = 2024; year <= 2030; year++)
	{
		for (int i = 0; i < 2; i++)
		{
			int64		last = civil_day(year, months[i], 31);

			fake_change(&berlin, (last - civil_weekday(last)) * CIVIL_DAY + 3600, i == 0 ? 7200 : 3600);
		}
	}
}

static void
test_sentences(void)
{
	static const struct
	{
		const char *text;
		const char *sentence;
	}			cases[] = {
		/* Times of the day. */
		{"0 3 * * *", "at 03:00 every day, UTC"},
		{"0 9,17 * * mon-fri", "at 09:00 and 17:00 on Monday to Friday, UTC"},
		{"0,30 9,12,17 * * *", "at 09:00, 09:30, 12:00, 12:30, 17:00 and 17:30 every day, UTC"},
		{"15,45 30 6 * * *", "at 06:30:15 and 06:30:45 every day, UTC"},
		{"0,45 30 6 * * *", "at 06:30 and 06:30:45 every day, UTC"},
		{"* * * * *", "every minute, UTC"},
		{"*/5 * * * *", "every 5 minutes, UTC"},
		{"*/20 * * * *", "every 20 minutes, UTC"},
		{"*/30 * * * *", "at minutes 0 and 30 of every hour, UTC"},
		{"0,30 * * * *", "at minutes 0 and 30 of every hour, UTC"},
		{"*/7 * * * *", "at every 7th minute from 0 to 56 of every hour, UTC"},
		{"3/5 * * * *", "at every 5th minute from 3 to 58 of every hour, UTC"},
		{"5/15 * * * *", "at minutes 5, 20, 35 and 50 of every hour, UTC"},
		{"0-10,30 * * * *", "at minutes 0 to 10 and 30 of every hour, UTC"},
		{"58-2 * * * *", "at minutes 58 to 2 of every hour, UTC"},
		{"0,59 * * * *", "at minutes 0 and 59 of every hour, UTC"},
		{"@hourly", "at minute 0 of every hour, UTC"},
		{"0 */2 * * *", "at minute 0 of every 2nd hour, UTC"},
		{"0 */12 * * *", "at minute 0 of every 12th hour, UTC"},
		{"0 */5 * * *", "at minute 0 of hours 0, 5, 10, 15 and 20, whenever clocks show that, UTC"},
		{"0 0-23 * * *", "at minute 0 of hours 0 to 23, UTC"},
		{"0 0-23/2 * * *", "at minute 0 of every 2nd hour from 0 to 22, UTC"},
		{"0 9-17 * * *", "at minute 0 of hours 9 to 17, UTC"},
		{"*/5 9-17 * * mon-fri", "every 5 minutes of hours 9 to 17 on Monday to Friday, UTC"},
		{"* 22-3 * * *", "every minute of hours 22 to 3, UTC"},
		{"* 3 * * *", "every minute of hour 3, UTC"},
		{"* * * * * *", "every second, UTC"},
		{"*/10 * * * * *", "every 10 seconds, UTC"},
		{"30 * * * * *", "at second 30 of every minute, UTC"},
		{"0,30 */5 * * * *", "at seconds 0 and 30 of every 5th minute, UTC"},
		{"*/10 0-5 9-17 * * *", "every 10 seconds of minutes 0 to 5 of hours 9 to 17, UTC"},
		{"*/10 * 9-17 * * *", "every 10 seconds of hours 9 to 17, UTC"},
		{"15 * 9-17 * * *", "at second 15 of every minute of hours 9 to 17, UTC"},
		{"15 0 * * * *", "at second 15 of minute 0 of every hour, UTC"},

		/* Days. */
		{"0 0 1,15 * *", "at 00:00 on the 1st and 15th of every month, UTC"},
		{"0 0 1-7,21 * *", "at 00:00 on the 1st to 7th and 21st of every month, UTC"},
		{"0 0 */2 * *", "at 00:00 on every 2nd day from the 1st to the 31st of every month, UTC"},
		{"0 0 2,3,11,12,13,22,23 * *", "at 00:00 on the 2nd, 3rd, 11th to 13th, 22nd and 23rd of every month, UTC"},
		{"0 18 L * *", "at 18:00 on the last day of every month, UTC"},
		{"0 18 L-3 * *", "at 18:00 on the 4th to last day of every month, UTC"},
		{"0 18 LW * *", "at 18:00 on the last weekday (Monday to Friday) of every month, UTC"},
		{"0 18 L-1W * *", "at 18:00 on the weekday (Monday to Friday) nearest to the 2nd to last day of every month, UTC"},
		{"0 18 15W * *", "at 18:00 on the weekday (Monday to Friday) nearest to the 15th of every month, UTC"},
		{"0 18 1,15,L * *", "at 18:00 on the 1st, 15th and the last day of every month, UTC"},
		{"0 0 1 1 *", "at 00:00 on the 1st of January, UTC"},
		{"0 0 1 */3 *", "at 00:00 on the 1st of January, April, July and October, UTC"},
		{"0 0 * nov-feb *", "at 00:00 every day in November to February, UTC"},
		{"*/5 * * 6-8 *", "every 5 minutes in June to August, UTC"},
		{"0 0 31W 1,3 *", "at 00:00 on the weekday (Monday to Friday) nearest to the 31st of January and March, UTC"},
		{"0 0 * * sun", "at 00:00 on Sunday, UTC"},
		{"0 0 * * fri-mon", "at 00:00 on Friday to Monday, UTC"},
		{"0 0 * * sat,sun", "at 00:00 on Saturday and Sunday, UTC"},
		{"0 0 * * 0-6", "at 00:00 every day, UTC"},
		{"0 0 * 1 mon", "at 00:00 on Monday in January, UTC"},
		{"30 9 * * mon#2", "at 09:30 on the 2nd Monday of every month, UTC"},
		{"30 9 * * friL", "at 09:30 on the last Friday of every month, UTC"},
		{"30 9 * 3,6 friL", "at 09:30 on the last Friday of March and June, UTC"},
		{"30 9 * * sun,mon#1,friL", "at 09:30 on Sunday, the 1st Monday and the last Friday of every month, UTC"},
		{"30 9 * 3,6 sun,friL", "at 09:30 on Sunday and the last Friday in March and June, UTC"},

		/* Both day fields: either day will do, or both must match. */
		{"0 0 13 * fri", "at 00:00 on the 13th of the month and on every Friday, UTC"},
		{"0 0 1,15 * mon", "at 00:00 on the 1st and 15th of the month and on every Monday, UTC"},
		{"0 0 13 1,7 fri", "at 00:00 on the 13th of the month and on every Friday, in January and July, UTC"},
		{"0 0 L * friL", "at 00:00 on the last day of the month and on the last Friday, UTC"},
		{"0 0 1-31 * fri", "at 00:00 every day, UTC"},
		{"0 0 13 * 0-6", "at 00:00 every day, UTC"},
		{"0 0 */15 * mon", "at 00:00 on the 1st, 16th and 31st of every month if it is Monday, UTC"},
		{"0 0 */31 2,3 mon,fri#1", "at 00:00 on the 1st of February and March if it is Monday or the 1st Friday, UTC"},
		{"0 0 1 * */6", "at 00:00 on the 1st of every month if it is Saturday or Sunday, UTC"},

		/* Intervals. */
		{"every 90 seconds", "every 90 seconds, counted from its start"},
		{"every minute", "every minute, counted from its start"},
		{"1h30m", "every 90 minutes, counted from its start"},
		{"2h30m", "every 2 hours 30 minutes, counted from its start"},
		{"3661 s", "every 61 minutes 1 second, counted from its start"},
		{"1.5 seconds", "every 1.5 seconds, counted from its start"},
		{"1 m 0.25 s", "every 60.25 seconds, counted from its start"},
		{"250 ms", "every 250 milliseconds, counted from its start"},
		{"100.05 ms", "every 100.05 milliseconds, counted from its start"},
		{"24 hours", "every 24 hours, counted from its start"},
		{"every day", "every day, counted from its start, UTC"},
		{"2 weeks", "every 2 weeks, counted from its start, UTC"},
		{"10 days", "every 10 days, counted from its start, UTC"},
		{"14 months", "every 14 months, counted from its start, UTC"},
		{"30 months 1 day 2 h", "every 2 years 6 months 1 day 2 hours, counted from its start, UTC"},
		{"every 3 days on weekdays", "every 3 days, counted from its start, only on Monday to Friday, UTC"},
		{"every 5 minutes between 09:00 and 17:00 on mon-fri", "every 5 minutes from 09:00 to 17:00 on Monday to Friday, UTC"},
		{"every 5 minutes between 9:00 and 17:00:30", "every 5 minutes from 09:00 to 17:00:30 every day, UTC"},
		{"every 5 minutes between 00:00 and 24:00 on sat", "every 5 minutes from 00:00 to 24:00 on Saturday, UTC"},
		{"every 30 minutes between 22:00 and 06:00", "every 30 minutes from 22:00 every day to 06:00 the next day, UTC"},
		{"every 30 minutes between 22:00 and 06:00 on fri", "every 30 minutes from 22:00 on Friday to 06:00 the next day, UTC"},
		{"every 10 hours on sat,sun", "every 10 hours, counted from midnight, on Saturday and Sunday, UTC"},
		{"every 5 minutes after finish", "5 minutes after the last run has finished"},
		{"1 month after finish", "1 month after the last run has finished, UTC"},

		/* Others. */
		{"2026-11-23 12:00", "once, on 23 November 2026 at 12:00, UTC"},
		{"2026-11-23T12:00:30+02:00", "once, on 23 November 2026 at 10:00:30, UTC"},
		{"2026-11-23 12:00:00.25", "once, on 23 November 2026 at 12:00 and 250000 microseconds, UTC"},
		{"@reboot", "when the server has started"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule;
		ScheduleError error;
		char		sentence[SENTENCE_MAX];
		bool		is_right = schedule_parse(cases[i].text, &utc, &schedule, &error);

		if (is_right)
		{
			(void) schedule_explain(&schedule, sentence, sizeof(sentence));
			is_right = strcmp(sentence, cases[i].sentence) == 0;
		}
		ok(is_right, "\"%s\"", cases[i].text);
		if (!is_right)
			printf("# found    %s\n# expected %s\n", sentence, cases[i].sentence);
	}
}

static void
explain(const char *text, struct pg_tz *zone, char *sentence, Schedule *schedule)
{
	ScheduleError error;

	sentence[0] = '\0';
	if (schedule_parse(text, zone, schedule, &error))
		(void) schedule_explain(schedule, sentence, SENTENCE_MAX);
	else
		memset(schedule, 0, sizeof(Schedule));
}

static void
test_zones(void)
{
	char		sentence[SENTENCE_MAX];
	Schedule	schedule;

	explain("30 9 * * friL", &berlin, sentence, &schedule);
	ok(strcmp(sentence, "at 09:30 on the last Friday of every month, Europe/Berlin") == 0, "zone");
	explain("2026-10-25 02:30", &berlin, sentence, &schedule);
	ok(strcmp(sentence, "once, on 25 October 2026 at 02:30, Europe/Berlin") == 0, "first pass");
	explain("2026-10-25 02:30+01", &berlin, sentence, &schedule);
	ok(strcmp(sentence, "once, on 25 October 2026 at 02:30 (UTC+01:00), Europe/Berlin") == 0,
	   "second pass");
}

/* As snprintf() has it. */
static void
test_sizes(void)
{
	Schedule	schedule;
	char		whole[SENTENCE_MAX];
	char		part[SENTENCE_MAX];
	size_t		length;
	bool		is_right = true;

	explain("0 9,17 1,15W,L 1,3 friL,mon#2", &berlin, whole, &schedule);
	length = strlen(whole);
	for (size_t size = 1; size < length + 3; size++)
	{
		memset(part, 'x', sizeof(part));
		is_right &= schedule_explain(&schedule, part, size) == length &&
			strlen(part) == Min(size - 1, length) && part[size] == 'x' &&
			strncmp(part, whole, size - 1) == 0;
	}
	ok(is_right, "what does not fit is cut off");
	ok(schedule_explain(&schedule, NULL, 0) == length, "the length is told without a buffer");
}

/* ------------------------------------------------------------------------
 * Pairs
 * ------------------------------------------------------------------------ */

typedef struct Random
{
	char		fields[7][FIELD_MAX];
	struct pg_tz *zone;
	char		text[TEXT_MAX];
	char		sentence[SENTENCE_MAX];
	Schedule	schedule;
} Random;

#define PICK(array) ((array)[tap_random(lengthof(array))])

static void
random_values(char *field, int min, int max)
{
	int			first = min + (int) tap_random(max - min + 1);
	int			last = min + (int) tap_random(max - min + 1);
	int			step = 1 + (int) tap_random(max / 2);

	switch (tap_random(6))
	{
		case 0:
			strcpy(field, "*");
			break;
		case 1:
			sprintf(field, "*/%d", step);
			break;
		case 2:
			sprintf(field, "%d-%d", first, last);
			break;
		case 3:
			sprintf(field, "%d-%d/%d", Min(first, last), Max(first, last), step);
			break;
		case 4:
			sprintf(field, "%d,%d,*/%d", first, last, step);
			break;
		default:
			sprintf(field, "%d", first);
	}
}

static void
random_cron_field(char *field, int i)
{
	static const char *const days[] = {"*", "?", "L", "L-3", "LW", "L-1W", "15W", "1,L", "1-31", "*/2,L", "13"};
	static const char *const weekdays[] = {"*", "0-6", "mon", "fri", "1-5", "friL", "mon#2", "sun#5", "sat,monL", "0,fri#1", "*/2"};
	static const struct
	{
		int			min;
		int			max;
	}			limits[] = {{0, 59}, {0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}};

	if (i == 3 && tap_random(2))
		strcpy(field, PICK(days));
	else if (i == 5 && tap_random(2))
		strcpy(field, PICK(weekdays));
	else if (i == 0 && tap_random(2))
		strcpy(field, "0");
	else
		random_values(field, limits[i].min, limits[i].max);
}

static void
random_window_field(char *field, int i)
{
	static const char *const units[] = {"ms", "s", "m", "h", "days", "weeks", "months", "years"};
	static const char *const days[] = {"on mon-fri", "on weekends", "on sun-sat", "on tue,thu", "on fri-mon", ""};

	if (i == 0)
		sprintf(field, "%d %s", (int) tap_random(100) + 1, PICK(units));
	else if (i == 1 && tap_random(3) > 0)
		sprintf(field, "%d %s", (int) tap_random(100) + 1, PICK(units));
	else if (i == 2 && tap_random(2))
		sprintf(field, "between %02d:%02d and %02d:00", (int) tap_random(24),
				(int) tap_random(2) * 30, (int) tap_random(25));
	else if (i == 3)
		strcpy(field, PICK(days));
	else if (i == 4 && tap_random(4) == 0)
		strcpy(field, "after finish");
	else
		field[0] = '\0';
}

static void
random_instant_field(char *field, int i)
{
	static const char *const dates[] = {"2026-03-29", "2026-10-25", "2026-11-23", "0001-01-01"};
	static const char *const seconds[] = {"", ":00", ":30", ":30.25", ":00.000001"};
	static const char *const offsets[] = {"", "Z", "+01", "+02:00"};

	if (i == 0)
		strcpy(field, PICK(dates));
	else if (i == 1)
		sprintf(field, "%02d:%02d%s", (int) tap_random(4), (int) tap_random(60), PICK(seconds));
	else if (i == 2)
		strcpy(field, PICK(offsets));
	else
		field[0] = '\0';
}

static void
random_rule_field(char *field, int i)
{
	static const char *const starts[] = {"", "DTSTART:20260105T093000", "DTSTART:20260131", "DTSTART;TZID=America/New_York:20260329T013000"};
	static const char *const frequencies[] = {"SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
	static const char *const times[] = {"", ";BYHOUR=2", ";BYHOUR=1,2,3,4,22", ";BYMINUTE=0,30", ";BYSECOND=0", ";BYSECOND=30",
	";BYHOUR=9;BYMINUTE=30", ";BYHOUR=9;BYMINUTE=30;BYSECOND=0", ";BYHOUR=2,9,12,15;BYMINUTE=0,30;BYSECOND=0"};
	static const char *const days[] = {"", ";BYDAY=MO", ";BYDAY=MO,TU,WE,TH,FR", ";BYDAY=1MO,-1FR", ";BYDAY=SU;BYMONTHDAY=1,8,-1", ";BYMONTHDAY=13",
	";BYMONTHDAY=-2", ";BYYEARDAY=1,-1", ";BYWEEKNO=1,20", ";BYWEEKNO=20;BYDAY=MO", ";BYMONTH=1,2,12", ";BYMONTH=3;BYMONTHDAY=29"};
	static const char *const picks[] = {"", ";BYSETPOS=1", ";BYSETPOS=-1", ";WKST=SU", ";WKST=MO", ";COUNT=10", ";COUNT=1", ";UNTIL=20261231", ";UNTIL=20261231T120000Z"};
	static const char *const dates[] = {"", "RDATE:20260401T120000", "EXDATE:20260401", "EXDATE:20260401T093000", "RDATE:20260402,20260403 EXDATE:20260401,20260402"};

	switch (i)
	{
		case 0:
			strcpy(field, PICK(starts));
			break;
		case 1:
			sprintf(field, "FREQ=%s;INTERVAL=%d", PICK(frequencies), 1 + (int) tap_random(3));
			break;
		case 2:
			strcpy(field, PICK(times));
			break;
		case 3:
			strcpy(field, PICK(days));
			break;
		case 4:
			strcpy(field, PICK(picks));
			break;
		default:
			strcpy(field, PICK(dates));
	}
}

typedef void (*RandomField) (char *field, int i);

static void
read_random(Random *random)
{
	schedule_free(&random->schedule);
	random->text[0] = '\0';
	for (int i = 0; i < 6; i++)
	{
		strcat(random->text, i > 0 && random->fields[i][0] != ';' ? " " : "");
		strcat(random->text, random->fields[i]);
	}
	explain(random->text, random->zone, random->sentence, &random->schedule);
}

/* One of both zones, and another one for some. */
static void
make_random(Random *random, RandomField make_field)
{
	do
	{
		random->zone = tap_random(4) ? &berlin : &utc;
		for (int i = 0; i < 6; i++)
			make_field(random->fields[i], i);
		read_random(random);
	} while (random->sentence[0] == '\0');
}

/* The same with another field. */
static void
make_similar(Random *similar, const Random *random, RandomField make_field)
{
	do
	{
		int			i = (int) tap_random(7);

		memcpy(similar->fields, random->fields, sizeof(random->fields));
		similar->zone = random->zone;
		if (i < 6)
			make_field(similar->fields[i], i);
		else
			similar->zone = similar->zone == &utc ? &berlin : &utc;
		read_random(similar);
	} while (similar->sentence[0] == '\0' ||
			 (similar->zone == random->zone && strcmp(similar->text, random->text) == 0));
}

/* Are they due alike, from one instant on? */
static bool
same_from(const Schedule *a, const Schedule *b, TimestampTz anchor)
{
	TimestampTz after = anchor;

	for (int i = 0; i < RUNS && after != DT_NOEND; i++)
	{
		TimestampTz next = schedule_next(a, anchor, after);

		if (next != schedule_next(b, anchor, after))
			return false;
		after = next;
	}
	return true;
}

static bool
same_runs(const Schedule *a, const Schedule *b)
{
	TimestampTz starts[] = {
		civil_day(2026, 3, 28) * USECS_PER_DAY + 20 * USECS_PER_HOUR,
		civil_day(2026, 10, 24) * USECS_PER_DAY + 22 * USECS_PER_HOUR,
		civil_day(2026, 10, 25) * USECS_PER_DAY,
		civil_day(1, 1, 1) * USECS_PER_DAY - USECS_PER_DAY,
		tap_random(100 * 365) * USECS_PER_DAY + tap_random(USECS_PER_DAY),
		civil_day(2026, 3, 1) * USECS_PER_DAY + tap_random(40) * USECS_PER_DAY
	};

	for (int i = 0; i < (int) lengthof(starts); i++)
	{
		if (!same_from(a, b, starts[i]))
			return false;
	}
	return true;
}

static void
test_pairs(RandomField make_field, const char *name, int pairs)
{
	static Random one;
	static Random other;
	int			alike = 0;
	int			wrong = 0;

	for (int i = 0; i < pairs; i++)
	{
		make_random(&one, make_field);
		make_similar(&other, &one, make_field);
		if (strcmp(one.sentence, other.sentence) != 0)
			continue;
		alike++;
		if (same_runs(&one.schedule, &other.schedule))
			continue;
		if (wrong++ < 5)
			printf("# \"%s\" and \"%s\" are both: %s\n", one.text, other.text, one.sentence);
	}
	printf("# %d of %d pairs are explained alike\n", alike, pairs);
	ok(wrong == 0, "%s explained alike are due alike", name);
	ok(alike > 0 && alike < pairs / 2, "not too many are explained alike");
}

int
main(void)
{
	tap_seed();
	fill_berlin();
	test_sentences();
	test_zones();
	test_sizes();
	test_pairs(random_cron_field, "cron schedules", PAIRS);
	test_pairs(random_window_field, "intervals", PAIRS);
	test_pairs(random_rule_field, "calendar rules", PAIRS);
	test_pairs(random_instant_field, "instants", PAIRS / 10);
	return tap_done();
}
