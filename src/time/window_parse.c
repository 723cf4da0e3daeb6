/*-------------------------------------------------------------------------
 *
 * window_parse.c
 *	  Reads windows: between 09:00 and 17:00 on mon-fri
 *
 *	  window:  hours [days]  |  days [hours]
 *	  hours:   between time and time
 *	  time:    h:mm[:ss]
 *	  days:    on part[,part...]
 *	  part:    day  |  day-day  |  weekdays  |  weekends
 *	  day:     a name in English, or the first three letters of it
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/window.h"

#define EVERY_DAY		0x7F
#define MONDAY_TO_FRIDAY 0x3E
#define SATURDAY_SUNDAY	0x41

static const struct
{
	const char *name;
	const char *short_name;
}			day_names[] = {
	{"sunday", "sun"},
	{"monday", "mon"},
	{"tuesday", "tue"},
	{"wednesday", "wed"},
	{"thursday", "thu"},
	{"friday", "fri"},
	{"saturday", "sat"}
};

static bool parse_hours(const char **cursor, Window *window, ScheduleError *error);
static bool parse_time(const char **cursor, int32 *second, ScheduleError *error);
static const char *read_time(const char *at, int32 *second);
static bool parse_days(const char **cursor, Window *window, ScheduleError *error);
static const char *parse_day_part(const char *at, uint8 *days);
static const char *read_day(const char *at, int *day);
static bool refuse_twice(Part word, ScheduleError *error);

bool
window_parse(const char **cursor, Window *result, ScheduleError *error)
{
	bool		has_days = false;

	memset(result, 0, sizeof(Window));
	result->closes = CIVIL_DAY;
	for (;;)
	{
		Part		word = next_word(*cursor);
		const char *at = skip_spaces(word.end);

		if (part_is(word, "between"))
		{
			if (result->has_hours)
				return refuse_twice(word, error);
			if (!parse_hours(&at, result, error))
				return false;
			result->has_hours = true;
		}
		else if (part_is(word, "on"))
		{
			if (has_days)
				return refuse_twice(word, error);
			if (!parse_days(&at, result, error))
				return false;
			has_days = true;
		}
		else
			break;
		*cursor = skip_spaces(at);
	}
	if (result->has_hours && !has_days)
		result->weekdays = EVERY_DAY;
	return true;
}

static bool
refuse_twice(Part word, ScheduleError *error)
{
	return schedule_error(error, "more than one \"%s\" in schedule", part_text(word).text);
}

/* time and time */
static bool
parse_hours(const char **cursor, Window *window, ScheduleError *error)
{
	const char *start = *cursor;
	const char *at = start;
	Part		word;

	if (!parse_time(&at, &window->opens, error))
		return false;
	word = next_word(skip_spaces(at));
	at = skip_spaces(word.end);
	if (!part_is(word, "and"))
	{
		schedule_error(error, "invalid word after first time of window in schedule: \"%s\"",
					   part_text(next_token(word.start)).text);
		return schedule_error_detail(error, "A window is written as \"between 09:00 and 17:00\".");
	}
	if (!parse_time(&at, &window->closes, error))
		return false;

	*cursor = at;
	if (window->opens == CIVIL_DAY || window->opens == window->closes)
	{
		schedule_error(error, "invalid window in schedule: \"%s\"",
					   part_text(make_part(start, at)).text);
		schedule_error_detail(error, "A window opens from 00:00 to 23:59:59, and closes at another time.");
		return schedule_error_hint(error, "Leave \"between\" out for whole days.");
	}
	if (window->closes < window->opens)
		window->closes += CIVIL_DAY;
	return true;
}

static bool
parse_time(const char **cursor, int32 *second, ScheduleError *error)
{
	const char *at = read_time(*cursor, second);

	if (at == NULL || (*at != '\0' && !is_space(*at)))
	{
		schedule_error(error, "invalid time of window in schedule: \"%s\"",
					   part_text(next_token(*cursor)).text);
		return schedule_error_detail(error,
									 "A time is 00:00 to 24:00, or with seconds, such as 09:30:15.");
	}
	*cursor = at;
	return true;
}

/* Reads a time; NULL: it is none. */
static const char *
read_time(const char *at, int32 *second)
{
	int64		hours;
	int64		minutes = 0;
	int64		seconds = 0;
	const char *end = read_number(at, &hours);

	if (end == at || end - at > 2 || *end != ':')
		return NULL;
	at = end + 1;
	end = read_number(at, &minutes);
	if (end - at == 2 && *end == ':')
	{
		at = end + 1;
		end = read_number(at, &seconds);
	}
	if (end - at != 2 || minutes > 59 || seconds > 59 ||
		(hours * 60 + minutes) * 60 + seconds > CIVIL_DAY)
		return NULL;
	*second = (int32) ((hours * 60 + minutes) * 60 + seconds);
	return end;
}

/* part[,part...] */
static bool
parse_days(const char **cursor, Window *window, ScheduleError *error)
{
	const char *at = *cursor;

	for (;;)
	{
		const char *end = parse_day_part(at, &window->weekdays);

		if (end == NULL || (*end != '\0' && *end != ',' && !is_space(*end)))
		{
			schedule_error(error, "invalid weekday of window in schedule: \"%s\"",
						   part_text(next_token(at)).text);
			schedule_error_detail(error,
								  "Allowed are sun to sat, ranges such as mon-fri, weekdays, weekends, and lists of these.");
			return schedule_error_hint(error, "Use for example \"on mon-wed,fri\".");
		}
		*cursor = end;
		end = skip_spaces(end);
		if (*end != ',')
			return true;
		at = skip_spaces(end + 1);
	}
}

bool
window_is_day(Part word)
{
	uint8		days = 0;

	return parse_day_part(word.start, &days) != NULL;
}

/* Adds a part to the days; NULL: it is none. */
static const char *
parse_day_part(const char *at, uint8 *days)
{
	Part		word = next_word(at);
	int			first;
	int			last;

	if (part_is(word, "weekdays") || part_is(word, "weekday"))
	{
		*days |= MONDAY_TO_FRIDAY;
		return word.end;
	}
	if (part_is(word, "weekends") || part_is(word, "weekend"))
	{
		*days |= SATURDAY_SUNDAY;
		return word.end;
	}

	at = read_day(at, &first);
	last = first;
	if (at != NULL && *at == '-')
		at = read_day(at + 1, &last);
	if (at == NULL)
		return NULL;
	if (last < first)
		last += 7;
	for (int day = first; day <= last; day++)
		*days |= 1 << day % 7;
	return at;
}

static const char *
read_day(const char *at, int *day)
{
	Part		word = next_word(at);

	*day = 0;
	for (int i = 0; i < (int) lengthof(day_names); i++)
	{
		if (part_is(word, day_names[i].short_name) || part_is(word, day_names[i].name))
		{
			*day = i;
			return word.end;
		}
	}
	return NULL;
}
