/*-------------------------------------------------------------------------
 *
 * test_exclusion.c
 *	  Sets of days against a table of days, and exclusion_next() against a
 *	  model that lists every occurrence and moves each for itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "schedule_text.h"
#include "tap.h"
#include "time_zone_fake.h"

#include "time/civil.h"
#include "time/exclusion.h"
#include "time/zone.h"

#define DAY			USECS_PER_DAY
#define HOUR		USECS_PER_HOUR
#define MINUTE		USECS_PER_MINUTE
#define MARGIN		20			/* days of a model before and after what it judges */
#define MAX_RANGES	40

static struct pg_tz utc;
static int64 calls;				/* of schedule_next() by exclusion.c */

extern TimestampTz __wrap_schedule_next(const Schedule *schedule, TimestampTz anchor, TimestampTz after);
extern TimestampTz __real_schedule_next(const Schedule *schedule, TimestampTz anchor, TimestampTz after);

TimestampTz
__wrap_schedule_next(const Schedule *schedule, TimestampTz anchor, TimestampTz after)
{
	calls++;
	return __real_schedule_next(schedule, anchor, after);
}

/* ------------------------------------------------------------------------
 * Sets of days
 * ------------------------------------------------------------------------ */

/* Ranges in any order, over each other and next to each other. */
static DaySet *
random_days(int first, int days, int max_length, bool *is_in)
{
	DayRange	ranges[MAX_RANGES];
	int			count = (int) tap_random(MAX_RANGES + 1);

	memset(is_in, 0, days);
	for (int i = 0; i < count; i++)
	{
		int			start = (int) tap_random(days);
		int			end = start + (int) tap_random(max_length);

		end = Min(end, days - 1);
		ranges[i].first = first + start;
		ranges[i].last = first + end;
		memset(is_in + start, 1, end - start + 1);
	}
	return day_set_build(ranges, count);
}

static void
test_sets(void)
{
	int			wrong = 0;

	for (int i = 0; i < 500; i++)
	{
		bool		is_in[300];
		DaySet	   *set = random_days(-150, 300, 1 + (int) tap_random(60), is_in);

		for (int j = 1; j < set->count; j++)
			wrong += set->ranges[j].first <= set->ranges[j - 1].last + 1;
		for (int day = -160; day < 160; day++)
		{
			int			next = day;
			int			previous = day;
			bool		contained = day >= -150 && day < 150 && is_in[day + 150];

			while (next >= -150 && next < 150 && is_in[next + 150])
				next++;
			while (previous >= -150 && previous < 150 && is_in[previous + 150])
				previous--;
			wrong += day_set_contains(set, day) != contained;
			wrong += day_set_next_free(set, day) != next;
			wrong += day_set_previous_free(set, day) != previous;
		}
		pfree(set);
	}
	ok(wrong == 0, "a set has the days of its ranges, whatever their order, and no gap of none (%d wrong)", wrong);
}

static void
test_set_ends(void)
{
	DayRange	all = {PG_INT32_MIN, PG_INT32_MAX};
	DaySet	   *set = day_set_build(&all, 1);
	DaySet	   *empty = day_set_build(NULL, 0);

	ok(day_set_next_free(set, 0) == (int64) PG_INT32_MAX + 1 &&
	   day_set_previous_free(set, 0) == (int64) PG_INT32_MIN - 1, "a set may have all days");
	ok(!day_set_contains(empty, 0) && day_set_next_free(empty, 5) == 5, "or none");
	pfree(set);
	pfree(empty);
}

/* ------------------------------------------------------------------------
 * Examples
 * ------------------------------------------------------------------------ */

/* 2000-01-01, day 0, was a Saturday: days 0, 1, 7, 8 are its first weekends. */
static DaySet *
weekends(int first_week, int count)
{
	DayRange   *ranges = palloc(count * sizeof(DayRange));
	DaySet	   *set;

	for (int i = 0; i < count; i++)
	{
		ranges[i].first = (first_week + i) * 7;
		ranges[i].last = ranges[i].first + 1;
	}
	set = day_set_build(ranges, count);
	pfree(ranges);
	return set;
}

/* The first instants after `after`, as "day:hour:minute ...". */
static const char *
dues(const Schedule *schedule, const DaySet *set, ExclusionRule rule, TimestampTz after, int count)
{
	static char result[512];
	char	   *at = result;
	TimestampTz t = after;

	*at = '\0';
	for (int i = 0; i < count; i++)
	{
		int64		day;
		int64		minute;

		t = exclusion_next(schedule, set, rule, 0, t);
		if (t == DT_NOEND)
		{
			strcpy(at, " never");
			break;
		}
		day = floor_divide(t, DAY);
		minute = (t - day * DAY) / MINUTE;
		at += sprintf(at, " %d:%02d:%02d", (int) day, (int) (minute / 60), (int) (minute % 60));
	}
	return result + 1;
}

static void
test_examples(void)
{
	static const struct
	{
		const char *text;
		ExclusionRule rule;
		int			after;		/* hours */
		const char *expected;
	}			cases[] = {
		{"0 9 * * *", EXCLUDED_SKIP, 0, "2:09:00 3:09:00 4:09:00"},
		{"0 9 * * *", EXCLUDED_SKIP, 6 * 24, "6:09:00 9:09:00 10:09:00"},
		{"0 9 * * *", EXCLUDED_NEXT, 6 * 24, "6:09:00 9:09:00 10:09:00"},
		{"0 10 * * sat", EXCLUDED_NEXT, 0, "2:10:00 9:10:00 16:10:00"},
		{"0 10 * * sat", EXCLUDED_PREVIOUS, 0, "6:10:00 13:10:00 20:10:00"},
		{"0 10 * * sat", EXCLUDED_SKIP, 0, "35:10:00 42:10:00 49:10:00"},
		{"0 9 * * sun", EXCLUDED_PREVIOUS, -24, "-1:09:00 6:09:00 13:09:00"},
		{"0 9 * * sun", EXCLUDED_PREVIOUS, 6 * 24 + 9, "13:09:00 20:09:00 27:09:00"},
		{"0 0 1 * *", EXCLUDED_NEXT, 0, "2:00:00 31:00:00 60:00:00"},
		{"5 minutes after finish", EXCLUDED_NEXT, 1, "2:00:00 2:00:00 2:00:00"},
		{"5 minutes after finish", EXCLUDED_PREVIOUS, 1, "2:00:00 2:00:00 2:00:00"},
		{"2000-01-08 12:00", EXCLUDED_NEXT, 0, "9:12:00 never"},
		{"2000-01-08 00:00", EXCLUDED_NEXT, 0, "9:00:00 never"},
		{"2000-01-08 12:00", EXCLUDED_PREVIOUS, 0, "6:12:00 never"},
		{"2000-01-08 12:00", EXCLUDED_SKIP, 0, "never"},
		{"@reboot", EXCLUDED_NEXT, 0, "never"}
	};
	DaySet	   *set = weekends(0, 5);

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		Schedule	schedule = parse(cases[i].text, &utc);
		const char *found = dues(&schedule, set, cases[i].rule, cases[i].after * HOUR, 3);

		ok(strcmp(found, cases[i].expected) == 0, "\"%s\", rule %d, after hour %d: %s",
		   cases[i].text, (int) cases[i].rule, cases[i].after, cases[i].expected);
		if (strcmp(found, cases[i].expected) != 0)
			printf("# found %s\n", found);
	}
	pfree(set);
}

static void
test_order(void)
{
	DaySet	   *set = weekends(0, 5);
	DayRange	one = {2, 2};
	DaySet	   *monday = day_set_build(&one, 1);
	Schedule	two = parse("0 9,10 * * sat,sun", &utc);
	Schedule	daily = parse("0 9 * * *", &utc);
	Schedule	mixed = parse("every 25 hours", &utc);

	ok(strcmp(dues(&two, set, EXCLUDED_NEXT, 0, 4), "2:09:00 2:10:00 9:09:00 9:10:00") == 0,
	   "what moves to one time of a day is one");
	ok(strcmp(dues(&mixed, set, EXCLUDED_NEXT, 0, 3), "2:00:00 2:01:00 2:02:00") == 0,
	   "what is moved comes in the order of the day it is moved to");
	ok(exclusion_next(&daily, NULL, EXCLUDED_NEXT, 0, 0) == 9 * HOUR, "without a set nothing changes");
	ok(strcmp(dues(&daily, monday, EXCLUDED_PREVIOUS, 0, 3), "0:09:00 1:09:00 3:09:00") == 0,
	   "what meets another occurrence is one with it");
	pfree(set);
	pfree(monday);
}

/* One range of so many days, from day 1000 on; the schedule comes due on its last or first. */
static void
test_distance(void)
{
	DayRange	range = {1000, 1000 + EXCLUSION_MAX_DAYS};
	DaySet	   *set = day_set_build(&range, 1);
	Schedule	first = {SCHEDULE_ONCE, &utc};
	Schedule	last = {SCHEDULE_ONCE, &utc};

	first.at = 1001 * DAY + HOUR;
	last.at = (1000 + EXCLUSION_MAX_DAYS - 1) * DAY + HOUR;
	ok(exclusion_next(&first, set, EXCLUDED_NEXT, 0, 0) == (1001 + EXCLUSION_MAX_DAYS) * DAY + HOUR &&
	   exclusion_next(&last, set, EXCLUDED_PREVIOUS, 0, 0) == 999 * DAY + HOUR, "%d days are not too far",
	   EXCLUSION_MAX_DAYS);
	first.at -= DAY;
	last.at += DAY;
	ok(exclusion_next(&first, set, EXCLUDED_NEXT, 0, 0) == DT_NOEND &&
	   exclusion_next(&last, set, EXCLUDED_PREVIOUS, 0, 0) == DT_NOEND, "one more is");
	pfree(set);
}

/* What the rule moves elsewhere has no place to be moved from. */
static void
test_after_finish(void)
{
	DaySet	   *set = weekends(1, 1);
	Schedule	schedule = parse("12 hours after finish", &utc);
	TimestampTz friday = 6 * DAY + 18 * HOUR;
	bool		is_after = true;

	for (int rule = EXCLUDED_SKIP; rule <= EXCLUDED_PREVIOUS; rule++)
		is_after &= exclusion_next(&schedule, set, (ExclusionRule) rule, friday, friday) == 9 * DAY;
	ok(is_after, "a delay that ends on an excluded day ends with the last of them");
	ok(exclusion_end(&utc, set, friday) == friday && exclusion_end(&utc, set, 7 * DAY) == 9 * DAY &&
	   exclusion_end(&utc, NULL, 7 * DAY) == 7 * DAY, "as does whatever else has to wait");
	pfree(set);
}

/* St. John's put its clocks back at 00:01: a day began, its eve went on, it went on. */
static void
test_midnight_overlap(void)
{
	struct pg_tz zone = {0};
	DayRange	range = {5, 5};
	DaySet	   *set = day_set_build(&range, 1);
	Schedule	schedule = parse("*/30 * * * *", &zone);
	Schedule	once = {SCHEDULE_ONCE, &zone,.at = 5 * DAY + 30 * MINUTE};
	TimestampTz sixth = 6 * DAY;

	fake_change(&zone, 5 * CIVIL_DAY + 60, -3600);
	ok(strcmp(dues(&schedule, set, EXCLUDED_SKIP, 4 * DAY + 23 * HOUR, 3), "4:23:30 5:00:30 6:01:00") == 0,
	   "the eve of an excluded day is not over when clocks show that day");

	schedule = once;
	ok(exclusion_next(&schedule, set, EXCLUDED_NEXT, 0, 0) == schedule.at &&
	   exclusion_next(&schedule, set, EXCLUDED_NEXT, 0, schedule.at) == DT_NOEND,
	   "and what comes due then on the eve is not moved");

	/* Its grid begins in the first minute of day 6; then it is day 5 again. */
	zone.count = 0;
	fake_change(&zone, 6 * CIVIL_DAY + 60, -3600);
	schedule = parse("every 59 minutes", &zone);
	ok(exclusion_next(&schedule, set, EXCLUDED_NEXT, sixth + MINUTE / 2,
					  sixth + 25 * HOUR - 24 * MINUTE - MINUTE / 2) == sixth + 25 * HOUR - MINUTE / 2,
	   "what comes due when an excluded day goes on is moved");
	pfree(set);
}

/* Clocks that show a day may go back to one before, across days that are not excluded. */
static void
test_two_days_back(void)
{
	struct pg_tz zone = {0};
	DayRange	ranges[] = {{5, 5}, {7, 7}, {9, 9}};
	DaySet	   *set = day_set_build(ranges, 3);
	Schedule	schedule = parse("every 30 minutes", &zone);

	fake_change(&zone, 9 * CIVIL_DAY + 3600, -26 * 3600);
	ok(exclusion_next(&schedule, set, EXCLUDED_NEXT, 9 * DAY + HOUR / 2, 4 * DAY) == 8 * DAY + 23 * HOUR,
	   "an earlier day is found that clocks show later");
	pfree(set);
}

/* Once clocks were moved back, the last second before has passed, all of it. */
static void
test_overlap_fraction(void)
{
	struct pg_tz zone = {0};
	DayRange	range = {4, 4};
	DaySet	   *set = day_set_build(&range, 1);
	Schedule	schedule = {SCHEDULE_ONCE, &zone};
	TimestampTz change = 5 * DAY + HOUR;
	TimestampTz due = change - 100000;

	schedule.at = due - DAY;
	fake_change(&zone, change / USECS_PER_SEC, -3600);
	ok(exclusion_next(&schedule, set, EXCLUDED_NEXT, 0, due - 1) == due &&
	   exclusion_next(&schedule, set, EXCLUDED_NEXT, 0, due) == DT_NOEND, "what is moved is due once");
	ok(exclusion_next(&schedule, set, EXCLUDED_NEXT, 0, change + 500000) == DT_NOEND &&
	   exclusion_next(&schedule, set, EXCLUDED_NEXT, 0, due + HOUR - 1) == DT_NOEND &&
	   exclusion_next(&schedule, set, EXCLUDED_NEXT, 0, due + HOUR) == DT_NOEND,
	   "what was due in the first pass is not due in the second, down to its last second");
	pfree(set);
}

/* ------------------------------------------------------------------------
 * Against a model
 * ------------------------------------------------------------------------ */

typedef struct Model
{
	struct pg_tz zone;
	Schedule	schedule;
	char		text[64];
	DaySet	   *set;
	ExclusionRule rule;
	TimestampTz anchor;
	int			first;			/* days that may be excluded */
	int			days;
	TimestampTz *dues;			/* sorted, some more than once */
	int			count;
	int			at;				/* how far it has been read */
} Model;

/* Clocks that are moved by up to a day, often near midnight, and soon again or not. */
static void
random_zone(struct pg_tz *zone, int first, int days)
{
	static const int widths[] = {900, 1800, 3600, 3600, 3600, 7200, 86400, 3601};
	int64		previous = PG_INT64_MIN;

	memset(zone, 0, sizeof(*zone));
	zone->offset = (tap_random(27) - 12) * 3600;
	for (int i = (int) tap_random(6), day = first; i > 0; i--)
	{
		long int	before = zone->count > 0 ? zone->changes[zone->count - 1].offset : zone->offset;
		long int	offset = before + (tap_random(2) ? 1 : -1) * widths[tap_random(lengthof(widths))];
		int64		civil;

		day += 1 + (int) tap_random(days / 3 + 1);
		civil = day * CIVIL_DAY + tap_random(3) * 60 + tap_random(2) * tap_random(86400);

		/* Clocks that were put forward by a day may show the next day already. */
		previous = Max(civil - before, previous + 1);
		fake_change(zone, previous, Max(Min(offset, 26 * 3600), -26 * 3600));
	}
}

static void
random_schedule(Model *model)
{
	char	   *text = model->text;

	model->anchor = (model->first - 30) * DAY + tap_random(DAY);
	switch (tap_random(6))
	{
		case 0:
			sprintf(text, "%d,%d %d,%d * * *", (int) tap_random(60), (int) tap_random(60),
					(int) tap_random(24), (int) tap_random(24));
			break;
		case 1:
			sprintf(text, "%d */%d * * *", (int) tap_random(60), 1 + (int) tap_random(12));
			break;
		case 2:
			sprintf(text, "0 %d * * %d", (int) tap_random(24), (int) tap_random(7));
			break;
		case 3:
			sprintf(text, "every %d.%06d seconds", 3000 + (int) tap_random(200000), (int) tap_random(1000000));
			break;
		case 4:
			sprintf(text, "every %d days", 1 + (int) tap_random(9));
			break;
		default:
			sprintf(text, "%d * * * *", (int) tap_random(60));
			break;
	}
	model->schedule = parse(text, &model->zone);
}

/* Where the clocks show it or, in a gap, go on. */
static TimestampTz
model_instant(const struct pg_tz *zone, int64 civil_us)
{
	int64		second = floor_divide(civil_us, USECS_PER_SEC);
	int64		instant = zone_first_instant(zone, second);

	return instant * USECS_PER_SEC +
		(zone_civil(zone, instant) == second ? civil_us - second * USECS_PER_SEC : 0);
}

/* Where one occurrence goes; DT_NOEND: it is skipped. */
static TimestampTz
model_move(const Model *model, TimestampTz due)
{
	int64		second = floor_divide(due, USECS_PER_SEC);
	int64		day = floor_divide(zone_civil(&model->zone, second), CIVIL_DAY);
	int64		target = day;
	int64		civil_us = due + zone_civil(&model->zone, second) * USECS_PER_SEC - second * USECS_PER_SEC;

	while (day_set_contains(model->set, target))
	{
		if (model->rule == EXCLUDED_SKIP)
			return DT_NOEND;
		target += model->rule == EXCLUDED_NEXT ? 1 : -1;
	}
	if (target == day)
		return due;
	if (Max(target - day, day - target) > EXCLUSION_MAX_DAYS)
		return DT_NOEND;
	return model_instant(&model->zone, civil_us + (target - day) * DAY);
}

static int
compare_dues(const void *a, const void *b)
{
	TimestampTz due_a = *(const TimestampTz *) a;
	TimestampTz due_b = *(const TimestampTz *) b;

	return due_a < due_b ? -1 : due_a > due_b ? 1 : 0;
}

static void
model_list(Model *model)
{
	int			room = 1000;
	TimestampTz end = (model->first + model->days + MARGIN) * DAY;
	TimestampTz due = (model->first - MARGIN) * DAY;

	model->count = 0;
	model->dues = palloc(room * sizeof(TimestampTz));
	while ((due = __real_schedule_next(&model->schedule, model->anchor, due)) < end)
	{
		if (model->count == room)
			model->dues = repalloc(model->dues, (room *= 2) * sizeof(TimestampTz));
		model->dues[model->count] = model_move(model, due);
		model->count += model->dues[model->count] != DT_NOEND;
	}
	qsort(model->dues, model->count, sizeof(TimestampTz), compare_dues);
}

/* The first of the list after an instant, which only grows; beyond what it can know: its end. */
static TimestampTz
model_next(Model *model, TimestampTz after)
{
	while (model->at < model->count && model->dues[model->at] <= after)
		model->at++;
	if (model->at < model->count)
		return model->dues[model->at];
	return (model->first + model->days + MARGIN / 2) * DAY;
}

/* Is what is found after an instant not what is expected? Beyond the list, neither counts. */
static bool
is_wrong(const Model *model, TimestampTz after, TimestampTz expected)
{
	static int	shown = 0;
	TimestampTz end = (model->first + model->days + MARGIN / 2) * DAY;
	TimestampTz next = exclusion_next(&model->schedule, model->set, model->rule, model->anchor, after);

	if (next == expected || Min(next, expected) >= end)
		return false;
	if (shown++ < 10)
		printf("# \"%s\", rule %d, %d ranges, %d changes, after %lld: %lld, not %lld\n", model->text,
			   (int) model->rule, model->set->count, model->zone.count,
			   (long long) after, (long long) next, (long long) expected);
	return true;
}

/* From before the first excluded day to after the last: each instant, and some between. */
static int
judge(Model *model, int *found)
{
	TimestampTz end = (model->first + model->days + MARGIN / 2) * DAY;
	TimestampTz after = (model->first - 5) * DAY;
	int			wrong = 0;

	while (after < end)
	{
		TimestampTz expected = model_next(model, after);

		wrong += is_wrong(model, after, expected);
		wrong += is_wrong(model, after + tap_random(Max(expected - after, 1)), expected);
		(*found)++;
		after = expected;
	}
	return wrong;
}

/* days: over which clocks are moved and days excluded. */
static void
test_model(const char *what, int rounds, int days, int max_length)
{
	bool	   *is_in = palloc(days);
	int			wrong = 0;
	int			found = 0;

	for (int i = 0; i < rounds; i++)
	{
		Model		model = {.first = -3,.days = days,.rule = (ExclusionRule) tap_random(3)};

		random_zone(&model.zone, model.first, days);
		random_schedule(&model);
		model.set = random_days(model.first, days, max_length, is_in);
		model_list(&model);
		wrong += judge(&model, &found);
		pfree(model.dues);
		pfree(model.set);
	}
	ok(wrong == 0 && found > rounds, "%s: due when a list of all says, %d times (%d wrong)", what, found, wrong);
	pfree(is_in);
}

/* ------------------------------------------------------------------------
 * Cost
 * ------------------------------------------------------------------------ */

static void
test_cost(void)
{
	static const char *const texts[] = {"* * * * * *", "* * * * *", "0 9 * * *", "0 9 * * 1", "0 0 29 2 *", "every day", "every 100 ms"};
	DayRange	range = {10, 2900000};
	DaySet	   *ages = day_set_build(&range, 1);
	DayRange	year_range = {59, 424};
	DaySet	   *year = day_set_build(&year_range, 1);
	Schedule	leap_days = parse("0 5 29 2 *", &utc);
	TimestampTz moved;
	int64		most = 0;
	bool		is_increasing = true;

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		Schedule	schedule = parse(texts[i], &utc);

		for (int rule = EXCLUDED_SKIP; rule <= EXCLUDED_PREVIOUS; rule++)
		{
			TimestampTz after = -DAY;

			for (int j = 0; j < 50; j++)
			{
				TimestampTz next;

				calls = 0;
				next = exclusion_next(&schedule, ages, (ExclusionRule) rule, 0, after);
				most = Max(most, calls);
				is_increasing &= next > after;
				after = next == DT_NOEND ? tap_random(4000000) * DAY : next + tap_random(2) * tap_random(3 * DAY);
			}
		}
	}
	ok(most <= EXCLUSION_MAX_DAYS + 20 && is_increasing,
	   "ages of excluded days cost at most %d looks at the schedule", (int) most);

	calls = 0;
	moved = exclusion_next(&leap_days, year, EXCLUDED_NEXT, 0, 0);
	ok(moved == 425 * DAY + 5 * HOUR && calls < 10, "and days without an occurrence none (%d looks)", (int) calls);
	pfree(year);
	pfree(ages);
}

/* All Saturdays and Sundays of 192 years. */
static void
test_many_ranges(void)
{
	static const char *const texts[] = {"0 9 * * 6", "0 9 * * *", "0 9 * * 1-5", "* * * * *", "0 0 1 1 *"};
	DaySet	   *set = weekends(0, 10000);
	int64		most = 0;

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		Schedule	schedule = parse(texts[i], &utc);

		for (int rule = EXCLUDED_NEXT; rule <= EXCLUDED_PREVIOUS; rule++)
		{
			for (int j = 0; j < 100; j++)
			{
				calls = 0;
				(void) exclusion_next(&schedule, set, (ExclusionRule) rule, 0, tap_random(60000) * DAY);
				most = Max(most, calls);
			}
		}
	}
	ok(most < 100, "what is moved is found near, however many days are excluded (%d looks)", (int) most);
	pfree(set);
}

static void
test_ends(void)
{
	static const char *const texts[] = {"* * * * *", "0 3 * * *", "every day", "5 minutes after finish", "2026-11-23 12:00"};
	static const DayRange ranges[][2] = {
		{{PG_INT32_MIN, -5}, {5, PG_INT32_MAX}}, {{PG_INT32_MIN, PG_INT32_MAX}, {0, 0}},
		{{-2451545, -2451540}, {106751980, 106751995}}, {{0, 0}, {9000, 10000}}
	};
	static const TimestampTz instants[] = {
		DT_NOBEGIN, MIN_TIMESTAMP - 1, MIN_TIMESTAMP, -1, 0, END_TIMESTAMP - USECS_PER_DAY, END_TIMESTAMP - 1, DT_NOEND
	};
	int			wrong = 0;

	for (int i = 0; i < (int) (lengthof(texts) * lengthof(ranges)); i++)
	{
		struct pg_tz zone;
		Schedule	schedule;
		DaySet	   *set = day_set_build(ranges[i / lengthof(texts)], 2);

		random_zone(&zone, 0, 30);
		schedule = parse(texts[i % lengthof(texts)], &zone);
		for (int j = 0; j < (int) (3 * lengthof(instants) * lengthof(instants)); j++)
		{
			TimestampTz after = instants[j / 3 % lengthof(instants)];
			TimestampTz anchor = instants[j / 3 / lengthof(instants)];
			TimestampTz next = exclusion_next(&schedule, set, (ExclusionRule) (j % 3), anchor, after);

			wrong += next != DT_NOEND && (!IS_VALID_TIMESTAMP(next) || next <= after);
			wrong += exclusion_end(&zone, set, after) < after;
		}
		pfree(set);
	}
	ok(wrong == 0, "at the ends of time what is found is in range, later, or never (%d are not)", wrong);
}

int
main(void)
{
	tap_seed();
	test_sets();
	test_set_ends();
	test_examples();
	test_order();
	test_distance();
	test_after_finish();
	test_midnight_overlap();
	test_two_days_back();
	test_overlap_fraction();
	test_model("some weeks in which clocks are moved", 1600, 25, 4);
	test_model("long stretches", 60, 900, 500);
	test_cost();
	test_many_ranges();
	test_ends();
	return tap_done();
}
