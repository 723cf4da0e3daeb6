/*-------------------------------------------------------------------------
 *
 * test_time_rule_random.c
 *	  Random calendar rules against a model that knows no arithmetic: a table
 *	  of all days, which is walked through day by day, and second by second.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tap.h"
#include "time_zone_fake.h"

#include "time/schedule.h"

#define DAY			86400
#define FIRST_YEAR	1990
#define TABLE_DAYS	(31 * 366)
#define FOUND_MAX	200000
#define WALK_START	(-12 * DAY) /* of clocks that are moved, from 2000-01-01 on */
#define WALK_END	(6 * DAY)
#define MARGIN		(3 * DAY)

/* The order of RuleFrequency, and of the lists below. */
static const char *const frequencies[] = {"SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
static const char *const weekdays[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};
static const char *const names[] = {"BYSECOND", "BYMINUTE", "BYHOUR", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS", "BYDAY"};
static const int limits[] = {60, 59, 23, 31, 366, 53, 12, 366, 53};
enum
{
	SECONDS, MINUTES, HOURS, MONTHDAYS, YEARDAYS, WEEKS, MONTHS, POSITIONS, WEEKDAYS, LISTS
};

typedef struct Model
{
	int			frequency;
	int			interval;
	int			count;			/* 0: none */
	int			week_start;
	int64		start;			/* civil */
	int64		from;			/* what is compared lies from here */
	int64		to;				/* to before here */
	int			sizes[LISTS];
	int			lists[LISTS][8];
	int			ordinal_days[8];	/* weekdays of the ordinals in WEEKDAYS */
	char		text[2000];
} Model;

typedef struct Day
{
	int			year;
	int			month;
	int			monthday;
	int			yearday;
	int			weekday;
	int			month_left;		/* days to come in the month, and year */
	int			year_left;
} Day;

static Day	days[TABLE_DAYS];
static int	epoch;				/* the day 2000-01-01 */
static int64 found[FOUND_MAX];
static int	found_count;
static struct pg_tz utc;

static void
make_table(void)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	Day			day = {FIRST_YEAR, 1, 1, 1, 1};	/* a Monday */

	for (int i = 0; i < TABLE_DAYS; i++)
	{
		bool		is_leap = day.year % 4 == 0;	/* in this century */
		int			length = lengths[day.month - 1] + (is_leap && day.month == 2);

		day.month_left = length - day.monthday;
		day.year_left = 365 + is_leap - day.yearday;
		days[i] = day;
		if (day.year == 2000 && day.yearday == 1)
			epoch = i;
		day.weekday = (day.weekday + 1) % 7;
		day.monthday++;
		day.yearday++;
		if (day.monthday > length)
			day.monthday = 1, day.month++;
		if (day.month > 12)
			day.month = day.yearday = 1, day.year++;
	}
}

static bool
has(const Model *model, int list, int value, int from_end)
{
	for (int i = 0; i < model->sizes[list]; i++)
	{
		if (model->lists[list][i] == value || (from_end > 0 && model->lists[list][i] == -from_end))
			return true;
	}
	return false;
}

/* The index of the day that a day's week starts with. */
static int
week_of(const Model *model, int i)
{
	while (days[i].weekday != model->week_start)
		i--;
	return i;
}

/* The year that has most of the week's days. */
static int
year_of_week(int week)
{
	return days[week + 3].year;
}

static bool
week_matches(const Model *model, int i)
{
	int			week = week_of(model, i);
	int			number = 1;
	int			left = 1;

	while (year_of_week(week - 7 * number) == year_of_week(week))
		number++;
	while (year_of_week(week + 7 * left) == year_of_week(week))
		left++;
	return has(model, WEEKS, number, left);
}

static bool
weekday_matches(const Model *model, const Day *day)
{
	bool		in_year = model->frequency == RULE_YEARLY && model->sizes[MONTHS] == 0;
	int			nth = in_year ? (day->yearday + 6) / 7 : (day->monthday + 6) / 7;
	int			from_end = in_year ? day->year_left / 7 + 1 : day->month_left / 7 + 1;

	for (int i = 0; i < model->sizes[WEEKDAYS]; i++)
	{
		int			ordinal = model->lists[WEEKDAYS][i];

		if (model->ordinal_days[i] == day->weekday && (ordinal == 0 || ordinal == nth || ordinal == -from_end))
			return true;
	}
	return false;
}

static bool
day_matches(const Model *model, int i, int start_day)
{
	const Day  *day = &days[i];
	const Day  *start = &days[start_day];
	bool		says_day = model->sizes[MONTHDAYS] + model->sizes[YEARDAYS] + model->sizes[WEEKDAYS] > 0;

	if (model->sizes[MONTHS] > 0 && !has(model, MONTHS, day->month, 0))
		return false;
	if (model->sizes[WEEKS] > 0 && !week_matches(model, i))
		return false;
	if (model->sizes[YEARDAYS] > 0 && !has(model, YEARDAYS, day->yearday, day->year_left + 1))
		return false;
	if (model->sizes[MONTHDAYS] > 0 && !has(model, MONTHDAYS, day->monthday, day->month_left + 1))
		return false;
	if (model->sizes[WEEKDAYS] > 0 && !weekday_matches(model, day))
		return false;
	if (says_day || model->frequency <= RULE_DAILY)
		return true;
	if (model->frequency == RULE_WEEKLY || model->sizes[WEEKS] > 0)
		return day->weekday == start->weekday;
	if (model->frequency == RULE_YEARLY && model->sizes[MONTHS] == 0 && day->month != start->month)
		return false;
	return day->monthday == start->monthday;
}

/* Periods are numbered: the same for all times of one. */
static int64
period_of(const Model *model, int i, int64 civil)
{
	switch (model->frequency)
	{
		case RULE_YEARLY:
			return model->sizes[WEEKS] > 0 ? year_of_week(week_of(model, i)) : days[i].year;
		case RULE_MONTHLY:
			return days[i].year * 12 + days[i].month;
		case RULE_WEEKLY:
			return (week_of(model, i) + 700) / 7;
		case RULE_DAILY:
			return i;
		case RULE_HOURLY:
			return (civil + (int64) epoch * DAY) / 3600;
		case RULE_MINUTELY:
			return (civil + (int64) epoch * DAY) / 60;
	}
	return civil;
}

/* Is a time of day listed, or the start's, or one of all? */
static bool
time_matches(const Model *model, int list, int value, int of_start)
{
	if (model->sizes[list] > 0)
		return has(model, list, value, 0);
	return model->frequency <= list ? true : value == of_start;
}

/* Adds what BYSETPOS picks of a period's times. */
static void
add_period(const Model *model, int64 *times, int count)
{
	for (int i = 0; i < count; i++)
	{
		if ((model->sizes[POSITIONS] == 0 || has(model, POSITIONS, i + 1, count - i)) && found_count < FOUND_MAX)
			found[found_count++] = times[i];
	}
}

/* All civil times that match, from some time before `from` on. */
static void
expand(const Model *model)
{
	static int64 times[FOUND_MAX];
	int			first = (int) ((model->from + (int64) epoch * DAY) / DAY);
	int			last = (int) ((model->to + (int64) epoch * DAY) / DAY);
	int			start_day = (int) ((model->start + (int64) epoch * DAY) / DAY);
	int			start_time = (int) (model->start + (int64) epoch * DAY - (int64) start_day * DAY);
	int64		base = period_of(model, start_day, model->start);
	int64		period = 0;
	int			count = 0;

	/* Whole periods, since BYSETPOS needs all of them. */
	if (model->frequency > RULE_DAILY)
	{
		first -= model->frequency == RULE_YEARLY ? 375 : 32;
		last += model->frequency == RULE_YEARLY ? 375 : 32;
	}
	found_count = 0;
	for (int i = Max(first, 14); i <= last; i++)
	{
		if (!day_matches(model, i, start_day))
			continue;
		for (int second = 0; second < DAY; second++)
		{
			int64		civil = (int64) (i - epoch) * DAY + second;

			/* Skip what cannot match at a stride: hours, then minutes. */
			if (!time_matches(model, HOURS, second / 3600, start_time / 3600))
			{
				second += 3599;
				continue;
			}
			if (!time_matches(model, MINUTES, second / 60 % 60, start_time / 60 % 60))
			{
				second += 59;
				continue;
			}
			if (!time_matches(model, SECONDS, second % 60, start_time % 60))
				continue;
			if (period_of(model, i, civil) != period)
			{
				add_period(model, times, count);
				count = 0;
				period = period_of(model, i, civil);
			}
			if ((period - base) % model->interval == 0 && count < FOUND_MAX)
				times[count++] = civil;
		}
	}
	add_period(model, times, count);
}

static int
random_number(int list)
{
	int			value = (int) tap_random(limits[list] + (list <= HOURS));

	if (list <= HOURS)
		return value;
	/* Small ones often, or BYSETPOS would pick nothing. */
	if (list == POSITIONS || tap_random(3) == 0)
		value %= 6;
	return list != MONTHS && tap_random(3) == 0 ? -value - 1 : value + 1;
}

static void
random_list(Model *model, int list, int odds)
{
	if (tap_random(10) >= odds)
		return;
	model->sizes[list] = 1 + (int) tap_random(8);
	for (int i = 0; i < model->sizes[list]; i++)
	{
		bool		is_plain = model->frequency < RULE_MONTHLY || model->sizes[WEEKS] > 0 || tap_random(2);

		model->lists[list][i] = list == WEEKDAYS && is_plain ? 0 : random_number(list);
		if (list == WEEKDAYS)
			model->ordinal_days[i] = (int) tap_random(7);
	}
}

static void
random_rule(Model *model, int frequency)
{
	static const int intervals[] = {1, 1, 2, 3, 4, 5, 7, 10, 14, 25, 90, 1000};

	memset(model, 0, sizeof(*model));
	model->frequency = frequency;
	model->interval = intervals[tap_random(frequency >= RULE_MONTHLY ? 7 : lengthof(intervals))];
	model->week_start = (int) tap_random(7);
	random_list(model, SECONDS, 2);
	random_list(model, MINUTES, 2);
	random_list(model, HOURS, 3);
	random_list(model, MONTHS, 2);
	if (frequency == RULE_YEARLY)
		random_list(model, WEEKS, 3);
	if (frequency == RULE_YEARLY || frequency < RULE_DAILY)
		random_list(model, YEARDAYS, 2);
	if (frequency != RULE_WEEKLY)
		random_list(model, MONTHDAYS, 2);
	random_list(model, WEEKDAYS, 4);
	for (int i = 0; i < LISTS; i++)
	{
		if (model->sizes[i] > 0 && tap_random(4) == 0)
			random_list(model, POSITIONS, 3);
	}
	model->count = tap_random(4) == 0 ? 1 + (int) tap_random(60) : 0;
}

/* Appends a date and time. */
static void
write_time(char *text, int64 seconds, const char *end)
{
	const Day  *day = &days[(seconds + (int64) epoch * DAY) / DAY];
	int			second = (int) ((seconds + (int64) epoch * DAY) % DAY);

	sprintf(text + strlen(text), "%04d%02d%02dT%02d%02d%02d%s", day->year, day->month, day->monthday,
			second / 3600, second / 60 % 60, second % 60, end);
}

static void
write_text(Model *model)
{
	char	   *text = model->text;

	strcpy(text, "DTSTART:");
	write_time(text, model->start, "");
	sprintf(text + strlen(text), " RRULE:FREQ=%s;INTERVAL=%d;WKST=%s", frequencies[model->frequency], model->interval,
			weekdays[model->week_start]);
	if (model->count > 0)
		sprintf(text + strlen(text), ";COUNT=%d", model->count);
	for (int list = 0; list < LISTS; list++)
	{
		for (int i = 0; i < model->sizes[list]; i++)
		{
			sprintf(text + strlen(text), i == 0 ? ";%s=" : ",", names[list]);
			if (list != WEEKDAYS || model->lists[list][i] != 0)
				sprintf(text + strlen(text), "%d", model->lists[list][i]);
			if (list == WEEKDAYS)
				strcat(text, weekdays[model->ordinal_days[i]]);
		}
	}
}

/* Clocks that are moved several times around 2000-01-01. */
static void
random_zone(struct pg_tz *zone)
{
	int64		at = -3 * DAY;

	memset(zone, 0, sizeof(*zone));
	zone->offset = tap_random(27) * 3600 - 12 * 3600;
	for (int i = 1 + (int) tap_random(6); i > 0; i--)
	{
		static const int widths[] = {900, 1800, 3600, 7200, DAY, 3601};
		long int	offset;

		offset = (zone->count > 0 ? zone->changes[zone->count - 1].offset : zone->offset) +
			(tap_random(2) ? 1 : -1) * widths[tap_random(lengthof(widths))];
		at += 600 + tap_random(2) * tap_random(2 * DAY) + tap_random(7200);
		fake_change(zone, at, Max(Min(offset, 26 * 3600), -26 * 3600));
	}
}

/* Turns civil times into what a clock does that walks through them. */
static void
walk(const Model *model, const struct pg_tz *zone)
{
	static bool matches[WALK_END - WALK_START + 2 * MARGIN];
	int64		latest = PG_INT64_MIN;
	bool		has_started = false;

	memset(matches, 0, sizeof(matches));
	for (int i = 0; i < found_count; i++)
	{
		if (found[i] >= WALK_START - MARGIN && found[i] < WALK_END + MARGIN)
			matches[found[i] - WALK_START + MARGIN] = true;
	}
	found_count = 0;
	for (int64 t = WALK_START; t < WALK_END; t++)
	{
		int64		civil = t + zone->offset;
		bool		is_due = false;

		for (int i = 0; i < zone->count && t + INT64CONST(946684800) >= zone->changes[i].at; i++)
			civil = t + zone->changes[i].offset;
		has_started |= civil >= model->start;
		if (latest == PG_INT64_MIN)
			latest = civil;
		if (model->frequency < RULE_DAILY)
			is_due = has_started && matches[civil - WALK_START + MARGIN];
		else
			while (latest < civil)
			{
				latest++;
				is_due |= latest >= model->start && matches[latest - WALK_START + MARGIN];
			}
		if (is_due && found_count < FOUND_MAX)
			found[found_count++] = t;
	}
}

/* Leaves what COUNT leaves, from the start on; the zone is UTC. */
static void
bound(Model *model, bool is_walked)
{
	int			kept = 0;

	for (int i = 0; i < found_count; i++)
	{
		if ((is_walked || found[i] >= model->start) && (model->count == 0 || kept < model->count))
			found[kept++] = found[i];
	}
	/* What was cut off is not compared. */
	if (found_count == FOUND_MAX && kept > 0)
		model->to = Min(model->to, found[kept - 1]);
	found_count = kept;
}

/* Adds a date and excludes some, at random. */
static void
add_dates(Model *model)
{
	for (int n = (int) tap_random(3); n > 0 && found_count > 0 && found_count < FOUND_MAX; n--)
	{
		int			i = (int) tap_random(found_count);

		if (tap_random(2))
		{
			strcat(model->text, " EXDATE:");
			write_time(model->text, found[i], "Z");
			memmove(&found[i], &found[i + 1], (found_count - i - 1) * sizeof(int64));
			found_count--;
		}
		else if (i + 1 < found_count && found[i + 1] > found[i] + 1 && n == 1)
		{
			strcat(model->text, " RDATE:");
			write_time(model->text, found[i] + 1, "Z");
			memmove(&found[i + 2], &found[i + 1], (found_count - i - 1) * sizeof(int64));
			found[i + 1] = found[i] + 1;
			found_count++;
		}
	}
}

static int
complain(const Model *model, int64 after, int64 expected, int64 next)
{
	printf("# after %lld: expected %lld, got %lld: %s\n", (long long) after, (long long) expected, (long long) next, model->text);
	return 1;
}

/* Compares up to some hundred instants, from each to the next, and from between. */
static int
compare(const Model *model, struct pg_tz *zone)
{
	Schedule	schedule;
	ScheduleError error;
	int			i = 0;
	int64		after = model->from - 1;
	int			wrong = 0;

	if (!schedule_parse(model->text, zone, &schedule, &error))
	{
		/* Nothing at all: then the model has found nothing either. */
		while (i < found_count && found[i] < model->from)
			i++;
		return strstr(error.message, "never comes due") && (i == found_count || found[i] >= model->to) ? 0 :
			complain(model, 0, 0, 0) + printf("# %s\n", error.message);
	}
	for (int steps = 0; steps < 300 && wrong == 0; steps++)
	{
		TimestampTz next = schedule_next(&schedule, DT_NOBEGIN, after * USECS_PER_SEC + tap_random(USECS_PER_SEC));

		while (i < found_count && found[i] <= after)
			i++;
		if (i == found_count || found[i] >= model->to)
		{
			if (next != DT_NOEND && next < model->to * USECS_PER_SEC)
				wrong = complain(model, after, CIVIL_NEVER, next / USECS_PER_SEC);
			break;
		}
		if (next != found[i] * USECS_PER_SEC)
			wrong = complain(model, after, found[i], next / USECS_PER_SEC);
		after = tap_random(3) ? found[i] : after + 1 + tap_random(found[i] - after);
		if (tap_random(20) == 0)
			after += tap_random(Max((model->to - after) / 2, 1));
	}

	/* And counted, between two of them, or near. */
	for (int n = 0; n < 5 && found_count > 0; n++)
	{
		int64		since = found[tap_random(found_count)] - tap_random(2);
		int64		until = found[tap_random(found_count)] + tap_random(2);
		int64		expected = 0;
		int64		count;

		if (since < model->from || until >= model->to)
			continue;
		for (i = 0; i < found_count; i++)
			expected += found[i] > since && found[i] <= until;
		count = schedule_count(&schedule, DT_NOBEGIN, since * USECS_PER_SEC, until * USECS_PER_SEC);
		if (count != expected)
			wrong = complain(model, since, expected, count) + printf("# until %lld\n", (long long) until);
	}
	schedule_free(&schedule);
	return wrong;
}

static void
test_calendar(void)
{
	static const int64 spans[] = {DAY / 4, 2 * DAY, 60 * DAY, 400 * DAY, 700 * DAY, 1400 * DAY, 2500 * DAY};
	int			wrong = 0;
	int			total = 0;

	for (int i = 0; i < 1400; i++)
	{
		Model		model;

		random_rule(&model, i % 7);
		/* COUNT needs all from the start; else the start may be long before. */
		model.from = (tap_random(4000) - 1500) * DAY + tap_random(DAY);
		model.start = model.count > 0 ? model.from : model.from - tap_random(tap_random(1500) * DAY + 1);
		model.to = model.from + spans[i % 7];
		expand(&model);
		write_text(&model);
		bound(&model, false);
		add_dates(&model);
		wrong += compare(&model, &utc);
		total += found_count;
	}
	ok(wrong == 0 && total > 10000, "random rules are due when the calendar says, of %d instants (%d wrong)", total, wrong);
}

static void
test_zones(void)
{
	int			wrong = 0;
	int			total = 0;

	for (int i = 0; i < 160; i++)
	{
		Model		model;
		struct pg_tz zone;

		random_zone(&zone);
		random_rule(&model, RULE_SECONDLY + i % 4);
		if (model.frequency == RULE_SECONDLY && model.sizes[SECONDS] == 0)
			model.sizes[SECONDS] = model.lists[SECONDS][1] = 1;
		model.start = -9 * DAY + tap_random(i % 3 == 0 ? 11 * DAY : 3 * DAY);
		model.from = WALK_START - MARGIN;
		model.to = WALK_END + MARGIN;
		expand(&model);
		write_text(&model);
		walk(&model, &zone);
		bound(&model, true);
		model.from = model.count > 0 ? WALK_START + MARGIN / 2 : -4 * DAY;
		model.to = Min(model.to, WALK_END);
		add_dates(&model);
		wrong += compare(&model, &zone);
		total += found_count;
	}
	ok(wrong == 0 && total > 10000, "and where clocks are moved, of %d instants (%d wrong)", total, wrong);
}

int
main(void)
{
	tap_seed();
	make_table();
	test_calendar();
	test_zones();
	return tap_done();
}
