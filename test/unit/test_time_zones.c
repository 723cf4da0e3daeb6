/*-------------------------------------------------------------------------
 *
 * test_time_zones.c
 *	  schedule_next() and schedule_count() around the changes of all zones of
 *	  this computer from 2000 to 2040, against a scan of every minute or second.
 *
 * The zones are glibc's: their changes are found by asking localtime_r() for
 * each day, and the scan is that of a clock that walks through them. It knows
 * which civil times it shows, and which it has reached or passed for the first
 * time; a schedule is matched against these one by one.
 *
 * By default a few changes of each zone are looked at, by a random choice;
 * FULL=1 looks at all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ftw.h>
#include <sys/stat.h>

#include "schedule_text.h"
#include "tap.h"
#include "cron_model.h"
#define FAKE_CHANGES	1024
#include "time_zone_fake.h"

#include "time/civil.h"
#include "time/schedule.h"

#define ZONE_DIR		"/usr/share/zoneinfo"
#define ZONES_MAX		1024
#define CHANGES_DEFAULT	12		/* of each zone, unless FULL is set */
#define SCHEDULES		3		/* of each kind around each change */
#define STEPS			5760	/* that are compared: four days, or 96 minutes */
#define UNIX_2000		INT64CONST(946684800)

/* The walk of a clock: what it shows at each step, and the latest before it. */
typedef struct Walk
{
	int			unit;			/* seconds of a step; all times below are in units */
	int64		start;
	int			steps;
	int			compared_from;	/* first step whose dues are compared */
	int64	   *shown;
	int64	   *latest;
	bool	   *due;
} Walk;

/* An interval in windows, as written; times in seconds. */
typedef struct WindowModel
{
	int			interval;
	bool		has_hours;
	int			opens;
	int			closes;
	bool		weekday[7];
} WindowModel;

static char *zone_names[ZONES_MAX];
static int	zone_count = 0;
static struct pg_tz zones[ZONES_MAX];
static int	wrong = 0;
static int64 compared = 0;
static int	schedules_seen = 0;

/* Keeps the names of zones: files of the format's name, in no odd place. */
static int
add_zone_name(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	char		magic[4] = "";
	const char *name = path + strlen(ZONE_DIR) + 1;
	FILE	   *file;

	if ((kind != FTW_F && kind != FTW_SL) || strncmp(name, "right/", 6) == 0 || strncmp(name, "posix/", 6) == 0 ||
		strcmp(name, "localtime") == 0 || zone_count == ZONES_MAX)
		return 0;
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	if (fread(magic, 4, 1, file) == 1 && memcmp(magic, "TZif", 4) == 0)
		zone_names[zone_count++] = strdup(name);
	fclose(file);
	return 0;
}

/* What glibc knows of an instant: the offset, and whether it is summer. */
static long int
glibc_offset(int64 unix_time, int *summer)
{
	time_t		t = unix_time;
	struct tm	tm;

	localtime_r(&t, &tm);
	*summer = tm.tm_isdst;
	return tm.tm_gmtoff;
}

/* Finds the changes of a zone, to the second. */
static void
load_zone(const char *name, struct pg_tz *zone)
{
	int64		t = UNIX_2000 - 400 * CIVIL_DAY;
	int64		end = t + 43 * 366 * CIVIL_DAY;
	int			summer;

	setenv("TZ", name, 1);
	tzset();
	memset(zone, 0, sizeof(*zone));
	zone->offset = glibc_offset(t, &summer);
	for (; t < end; t += CIVIL_DAY)
	{
		int64		low = t;
		int64		high = t + CIVIL_DAY;
		int			later_summer;
		long int	offset = glibc_offset(t, &summer);

		if (glibc_offset(high, &later_summer) == offset && later_summer == summer)
			continue;
		while (high - low > 1)
		{
			int64		middle = (low + high) / 2;

			if (glibc_offset(middle, &later_summer) == offset && later_summer == summer)
				low = middle;
			else
				high = middle;
		}
		fake_change(zone, high - UNIX_2000, glibc_offset(high, &later_summer));
	}
}

static bool
same_zone(const struct pg_tz *a, const struct pg_tz *b)
{
	return a->offset == b->offset && a->count == b->count &&
		memcmp(a->changes, b->changes, a->count * sizeof(a->changes[0])) == 0;
}

/* Loads all zones; those that are as another one are left out. */
static int
load_zones(void)
{
	int			distinct = 0;

	nftw(ZONE_DIR, add_zone_name, 16, FTW_PHYS);
	for (int i = 0; i < zone_count; i++)
	{
		bool		is_new = true;

		load_zone(zone_names[i], &zones[distinct]);
		for (int j = 0; j < distinct && is_new; j++)
			is_new = !same_zone(&zones[j], &zones[distinct]);
		if (is_new)
		{
			char	   *name = zone_names[i];

			zone_names[i] = zone_names[distinct];
			zone_names[distinct++] = name;
		}
	}
	return distinct;
}

static long int
offset_at(const struct pg_tz *zone, int64 at)
{
	long int	offset = zone->offset;

	for (int i = 0; i < zone->count && zone->changes[i].at <= at + UNIX_2000; i++)
		offset = zone->changes[i].offset;
	return offset;
}

/* Walks a clock past a change, from long enough before to know what it has shown. */
static void
make_walk(Walk *walk, const struct pg_tz *zone, int64 change, int unit)
{
	int64		latest = PG_INT64_MIN;

	walk->unit = unit;
	walk->compared_from = 3 * (int) CIVIL_DAY / unit;
	walk->steps = walk->compared_from + STEPS;
	walk->start = floor_divide(change, unit) - STEPS / 2 - walk->compared_from;
	walk->shown = malloc(walk->steps * sizeof(int64));
	walk->latest = malloc(walk->steps * sizeof(int64));
	walk->due = malloc(walk->steps);
	for (int i = 0; i < walk->steps; i++)
	{
		walk->shown[i] = walk->start + i + offset_at(zone, (walk->start + i) * unit) / unit;
		walk->latest[i] = i == 0 ? walk->shown[0] - 1 : latest;
		latest = Max(latest, walk->shown[i]);
	}
}

static void
free_walk(Walk *walk)
{
	free(walk->shown);
	free(walk->latest);
	free(walk->due);
}

/* Does a civil time, in units, match? The day's answer is kept. */
static bool
cron_matches(const Walk *walk, const Model *model, int64 civil)
{
	static int64 known_day;
	static bool known;
	static int	known_number = -1;
	int64		second = civil * walk->unit;
	int64		day = floor_divide(second, CIVIL_DAY);

	if (known_number != model->number || known_day != day)
		known = model_matches_day(model, day);
	known_number = model->number;
	known_day = day;
	second -= day * CIVIL_DAY;
	return known && model->hour[second / 3600] && model->minute[second / 60 % 60] &&
		model->second[second % 60];
}

static void
cron_dues(Walk *walk, const Model *model, bool follows_clock)
{
	for (int i = 0; i < walk->steps; i++)
	{
		walk->due[i] = false;
		if (follows_clock)
			walk->due[i] = cron_matches(walk, model, walk->shown[i]);
		else
			for (int64 civil = walk->latest[i] + 1; civil <= walk->shown[i]; civil++)
				walk->due[i] |= cron_matches(walk, model, civil);
	}
}

/* Opens windows when their times are reached, and closes them likewise. */
static void
window_dues(Walk *walk, const WindowModel *model)
{
	struct
	{
		int			opened;
		int64		closes;
	}			open[16];
	int			count = 0;
	int			length = model->closes - model->opens + (model->closes <= model->opens ? 86400 : 0);

	for (int i = 0; i < walk->steps; i++)
	{
		int			left = 0;

		walk->due[i] = false;
		for (int64 civil = walk->latest[i] + 1; civil <= walk->shown[i]; civil++)
		{
			int64		second = civil * walk->unit;
			int64		day = floor_divide(second, CIVIL_DAY);

			if (second - day * CIVIL_DAY == model->opens && model->weekday[civil_weekday(day)])
			{
				open[count].opened = i;
				open[count++].closes = second + length;
			}
		}
		for (int j = 0; j < count; j++)
		{
			bool		is_over = Max(walk->latest[i], walk->shown[i]) * walk->unit >= open[j].closes;

			if ((i - open[j].opened) * walk->unit % model->interval == 0 && (!is_over || model->has_hours))
				walk->due[i] = true;
			if (!is_over)
				open[left++] = open[j];
		}
		count = left;
	}
}

/* Is this civil day a whole number of steps after the anchor's? */
static bool
is_step(const Period *period, CivilDate anchor, int64 day)
{
	CivilDate	date = civil_date(day);
	int64		months = (date.year - anchor.year) * 12 + date.month - anchor.month;
	int64		days = day - civil_day(anchor.year, anchor.month, anchor.day);

	if (period->months == 0)
		return days % period->days == 0;
	return months % period->months == 0 &&
		date.day == Min(anchor.day, civil_days_in_month(date.year, date.month));
}

static void
grid_dues(Walk *walk, const Period *period, const bool *weekday, int64 anchor_civil)
{
	int64		anchor_day = floor_divide(anchor_civil, CIVIL_DAY);
	CivilDate	anchor = civil_date(anchor_day);

	for (int i = 0; i < walk->steps; i++)
	{
		walk->due[i] = false;
		for (int64 civil = walk->latest[i] + 1; civil <= walk->shown[i]; civil++)
		{
			int64		second = civil * walk->unit;
			int64		day = floor_divide(second, CIVIL_DAY);

			if (second - day * CIVIL_DAY == anchor_civil - anchor_day * CIVIL_DAY &&
				weekday[civil_weekday(day)] && is_step(period, anchor, day))
				walk->due[i] = true;
		}
	}
}

static void
complain(const char *zone, const char *text, const char *what, TimestampTz at, int64 found, int64 expected)
{
	if (wrong++ < 20)
		printf("# %s, \"%s\", %s at %lld: %lld, not %lld\n", zone, text, what, (long long) at,
			   (long long) found, (long long) expected);
}

/* Compares all instants of the walk, and the counts of a few stretches of it. */
static void
compare(const Walk *walk, const char *zone, const char *text, const Schedule *schedule, TimestampTz anchor)
{
	int64		unit_us = walk->unit * USECS_PER_SEC;
	TimestampTz first = (walk->start + walk->compared_from) * unit_us;
	TimestampTz end = (walk->start + walk->steps) * unit_us;
	TimestampTz after = first - 1;
	TimestampTz points[2] = {first + tap_random(end - first), first + tap_random(end - first)};
	int64		counts[2] = {0, 0};
	TimestampTz next;

	schedules_seen++;
	for (int i = walk->compared_from; i < walk->steps; i++)
	{
		TimestampTz here = (walk->start + i) * unit_us;

		if (!walk->due[i] || (schedule->kind == SCHEDULE_EVERY && here < anchor))
			continue;
		next = schedule_next(schedule, anchor, after);
		if (next != here)
			complain(zone, text, "next", after, next, here);
		for (int p = 0; p < 2; p++)
			counts[p] += here <= points[p] ? 1 : 0;
		after = here;
		compared++;
	}
	next = schedule_next(schedule, anchor, after);
	if (next < end)
		complain(zone, text, "next", after, next, end);
	for (int p = 0; p < 2; p++)
	{
		int64		count = schedule_count(schedule, anchor, first - 1, points[p]);

		if (count != counts[p])
			complain(zone, text, "count", points[p], count, counts[p]);
	}
	if (points[0] <= points[1] &&
		schedule_count(schedule, anchor, points[0], points[1]) != counts[1] - counts[0])
		complain(zone, text, "count between", points[0], -1, counts[1] - counts[0]);
}

/* A cron schedule that mostly leaves days alone, so that it comes due often. */
static void
check_cron(Walk *walk, const char *name, struct pg_tz *zone)
{
	char		text[1024];
	char		dates[512] = "";
	Model		model;
	Schedule	schedule;
	ScheduleError error;
	bool		any_day = tap_random(3) > 0;
	bool		any_hour = tap_random(3) == 0;
	char	   *hours;

	do
	{
		char	   *at = text;

		random_schedule(dates, &model);
		memset(model.second, 0, sizeof(model.second) + sizeof(model.minute) + sizeof(model.hour));
		if (walk->unit == 1)
			random_field(at, model.second, 0, 59), at = strcat(at, " ") + strlen(at);
		else
			model.second[0] = true;
		random_field(at, model.minute, 0, 59);
		hours = strcat(at, " ") + strlen(at);
		random_field(hours, model.hour, 0, 23);
		if (any_hour)
			strcpy(hours, "*"), memset(model.hour, true, sizeof(model.hour));
		if (any_day)
		{
			strcat(text, " * * *");
			memset(model.day, true, sizeof(model.day));
			memset(model.month, true, sizeof(model.month));
			memset(model.weekday, true, sizeof(model.weekday));
		}
		else
			strcat(text, " "), strcat(text, strchr(strchr(strchr(dates, ' ') + 1, ' ') + 1, ' ') + 1);
		model.number = schedules_seen;
	} while (!schedule_parse(text, zone, &schedule, &error));

	cron_dues(walk, &model, *hours == '*' || *hours == '?');
	compare(walk, name, text, &schedule, 0);
}

/* One date of the year: most segments between are passed over, and this one not. */
static void
check_far(Walk *walk, const char *name, struct pg_tz *zone)
{
	int64		civil = walk->shown[walk->steps - STEPS / 2] * walk->unit;
	CivilDate	date = civil_date(floor_divide(civil, CIVIL_DAY));
	TimestampTz start = (walk->start + walk->compared_from) * walk->unit * USECS_PER_SEC;
	bool		follows_clock = tap_random(2);
	Model		model = {0};
	Schedule	schedule;
	char		text[64];
	int			i = walk->compared_from;

	sprintf(text, "*/%d %s %d %d *", 1 + (int) tap_random(30), follows_clock ? "*" : "0-23", date.day, date.month);
	memset(model.hour, true, sizeof(model.hour));
	memset(model.weekday, true, sizeof(model.weekday));
	model.weekday_star = model.second[0] = model.day[date.day] = model.month[date.month] = true;
	for (int minute = 0; minute < 60; minute += atoi(text + 2))
		model.minute[minute] = true;
	model.number = -2 - schedules_seen++;
	schedule = parse(text, zone);
	cron_dues(walk, &model, follows_clock);

	while (i < walk->steps && !walk->due[i])
		i++;
	if (i < walk->steps)
	{
		TimestampTz expected = (walk->start + i) * walk->unit * USECS_PER_SEC;
		TimestampTz after = start - tap_random(340 * USECS_PER_DAY);
		TimestampTz found = schedule_next(&schedule, 0, after);

		if (found != expected)
			complain(name, text, "far next", after, found, expected);
	}
}

/* Writes " on …", and what it means; or nothing, which means all days. */
static void
random_weekdays(char *text, bool *weekday, bool needed)
{
	static const char *const names[] = {"sun", "Monday", "tue", "WED", "thursday", "fri", "sat"};
	int			first = (int) tap_random(7);
	int			last = (int) tap_random(7);
	int			other = (int) tap_random(7);

	memset(weekday, !needed, 7);
	if (!needed)
		return;
	sprintf(text, " on %s-%s,%s", names[first], names[last], names[other]);
	weekday[other] = true;
	for (int day = first;; day = (day + 1) % 7)
	{
		weekday[day] = true;
		if (day == last)
			break;
	}
}

static void
check_window(Walk *walk, const char *name, struct pg_tz *zone)
{
	static const int intervals[] = {1, 5, 7, 15, 60, 90, 420, 1439};
	WindowModel model = {0};
	Schedule	schedule;
	char		text[256];
	TimestampTz anchor = (walk->start + tap_random(walk->steps + STEPS)) * walk->unit * USECS_PER_SEC;

	/* Hours near midnight and where clocks are moved, more often than others. */
	model.interval = intervals[tap_random(lengthof(intervals))] * walk->unit;
	model.has_hours = tap_random(4) > 0;
	if (model.has_hours)
	{
		model.opens = (int) (tap_random(tap_random(2) ? 6 : 24) * 3600 + tap_random(4) * 900);
		model.closes = (int) (tap_random(tap_random(2) ? 6 : 24) * 3600 + tap_random(4) * 900);
		if (model.opens == model.closes)
			model.closes += 60;
		sprintf(text, "every %d seconds between %02d:%02d and %02d:%02d:00", model.interval, model.opens / 3600,
				model.opens / 60 % 60, model.closes / 3600, model.closes / 60 % 60);
	}
	else
		sprintf(text, "every %d seconds", model.interval);
	random_weekdays(text + strlen(text), model.weekday, !model.has_hours || tap_random(2));

	schedule = parse(text, zone);
	window_dues(walk, &model);
	compare(walk, name, text, &schedule, anchor);
}

static void
check_grid(Walk *walk, const char *name, struct pg_tz *zone)
{
	int64		anchor = (walk->start - 1 - tap_random(tap_random(2) ? 5000 : 500000)) * walk->unit;
	bool		weekday[7];
	Schedule	schedule;
	char		text[256];
	bool		is_months = tap_random(3) == 0;
	int			n = 1 + (int) tap_random(4);

	/* Midnight is where clocks pass over a day. */
	if (tap_random(2))
		anchor -= (anchor + offset_at(zone, anchor)) % CIVIL_DAY;
	sprintf(text, "every %d %s", n, is_months ? "months" : "days");
	random_weekdays(text + strlen(text), weekday, tap_random(2));
	schedule = parse(text, zone);
	grid_dues(walk, &schedule.period, weekday, anchor + offset_at(zone, anchor));
	compare(walk, name, text, &schedule, anchor * USECS_PER_SEC);
}

static void
check_change(const char *name, struct pg_tz *zone, int64 at)
{
	Walk		walk;

	make_walk(&walk, zone, at, tap_random(20) == 0 ? 1 : 60);
	if (walk.unit == 60)
		check_far(&walk, name, zone);
	for (int i = 0; i < SCHEDULES; i++)
	{
		check_cron(&walk, name, zone);
		check_window(&walk, name, zone);
		check_grid(&walk, name, zone);
	}
	free_walk(&walk);
}

int
main(void)
{
	bool		full = getenv("FULL") != NULL;
	int			distinct;
	int			changes = 0;
	int			odd = 0;

	tap_seed();
	distinct = load_zones();
	printf("# %d zones, %d of them different since 1999\n", zone_count, distinct);
	ok(zone_count > 300 && distinct > 100, "this computer has time zones");

	for (int z = 0; z < distinct; z++)
	{
		struct pg_tz *zone = &zones[z];

		for (int i = 0; i < zone->count; i++)
		{
			int64		moved = zone->changes[i].offset - (i > 0 ? zone->changes[i - 1].offset : zone->offset);

			odd += zone->changes[i].offset % 60 != 0 || zone->changes[i].at % 60 != 0;
			if (!full && llabs(moved) < 43200 && tap_random(zone->count) >= CHANGES_DEFAULT)
				continue;
			check_change(zone_names[z], zone, zone->changes[i].at - UNIX_2000);
			changes++;
		}
		if (zone->count == 0)
			check_change(zone_names[z], zone, tap_random(INT64CONST(40) * 365 * CIVIL_DAY));
	}
	ok(odd == 0, "all offsets and changes are whole minutes, which a scan of minutes needs (%d are not)", odd);
	ok(wrong == 0 && compared > 100000,
	   "around %d changes, %d schedules are due %lld times where scans say, and as often (%d wrong)",
	   changes, schedules_seen, (long long) compared, wrong);
	for (int i = 0; i < zone_count; i++)
		free(zone_names[i]);
	return tap_done();
}
