/*-------------------------------------------------------------------------
 *
 * cron_parse.c
 *	  Reads cron schedules: 5 fields, or 6 with seconds first.
 *
 *	  field:  part[,part...]
 *	  part:   base[/step]
 *	  base:   *  |  ?  |  value  |  value-value
 *	  value:  a number, or a name of a month or weekday
 *
 * The day rule is that of Paul Vixie's cron: when both day fields are
 * restricted, a day of either matches; a field that starts with * or ? is not
 * restricted, and then both must match.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/cron.h"

#define CRON_FIELDS		6
#define SUNDAY_TOO		7

/* What a field may hold. */
typedef struct Field
{
	const char *name;
	int			min;
	int			max;			/* of *, and of a start without an end */
	int			last;			/* largest number that may be written */
	const char *names;			/* three letters each, from min on */
	const char *allowed;
} Field;

/* What a part stands for. */
typedef struct Range
{
	int			first;
	int			last;
	int64		step;
} Range;

/* The order in which fields are written. */
enum
{
	SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY
};

static const Field fields[CRON_FIELDS] = {
	{"second", 0, 59, 59, "", "0 to 59"},
	{"minute", 0, 59, 59, "", "0 to 59"},
	{"hour", 0, 23, 23, "", "0 to 23"},
	{"day of month", 1, 31, 31, "", "1 to 31"},
	{"month", 1, 12, 12, "janfebmaraprmayjunjulaugsepoctnovdec", "1 to 12, or jan to dec"},
	{"weekday", 0, 6, SUNDAY_TOO, "sunmontuewedthufrisat",
	"0 to 7 (0 and 7 are Sunday), or sun to sat"}
};

static const struct
{
	const char *name;
	const char *fields;
}			nicknames[] = {
	{"@yearly", "0 0 1 1 *"},
	{"@annually", "0 0 1 1 *"},
	{"@monthly", "0 0 1 * *"},
	{"@weekly", "0 0 * * 0"},
	{"@daily", "0 0 * * *"},
	{"@midnight", "0 0 * * *"},
	{"@hourly", "0 * * * *"}
};

static bool parse_nickname(Part nickname, Cron *result, ScheduleError *error);
static bool parse_fields(const char *text, Cron *result, ScheduleError *error);
static int	split_fields(const char *text, Part parts[CRON_FIELDS]);
static bool is_star(Part field);
static bool parse_field(const Field *field, Part text, uint64 *set, ScheduleError *error);
static bool parse_part(const Field *field, Part part, uint64 *set, ScheduleError *error);
static const char *parse_range(const Field *field, Part part, Range *range);
static const char *parse_value(const Field *field, const char *at, int *value);
static bool refuse_part(const Field *field, Part part, ScheduleError *error);
static bool is_calendar_rule(const Field *field, Part part);

/* Reads fields or a nickname such as @daily. */
bool
cron_parse(const char *text, Cron *result, ScheduleError *error)
{
	const char *start = skip_spaces(text);

	if (*start == '@')
		return parse_nickname(make_part(start, start + strlen(start)), result, error);
	return parse_fields(start, result, error);
}

static bool
parse_nickname(Part nickname, Cron *result, ScheduleError *error)
{
	while (is_space(nickname.end[-1]))
		nickname.end--;

	for (int i = 0; i < (int) lengthof(nicknames); i++)
	{
		if (part_is(nickname, nicknames[i].name))
			return parse_fields(nicknames[i].fields, result, error);
	}
	schedule_error(error, "invalid nickname in schedule: \"%s\"", part_text(nickname).text);
	return schedule_error_hint(error,
							   "Allowed are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and @reboot.");
}

static bool
parse_fields(const char *text, Cron *result, ScheduleError *error)
{
	Part		parts[CRON_FIELDS];
	uint64		sets[CRON_FIELDS] = {1};	/* second 0, unless it is written */
	int			count = split_fields(text, parts);
	int			skipped = CRON_FIELDS - count;	/* 1 without seconds */

	if (skipped != 0 && skipped != 1)
	{
		schedule_error(error, "invalid number of fields in cron schedule: %d", count);
		schedule_error_detail(error,
							  "There are 5: minute, hour, day of month, month, weekday; or 6: second, then these.");
		return schedule_error_hint(error, "Use for example \"*/5 * * * *\".");
	}
	for (int i = skipped; i < CRON_FIELDS; i++)
	{
		if (!parse_field(&fields[i], parts[i - skipped], &sets[i], error))
			return false;
	}

	result->seconds = sets[SECOND];
	result->minutes = sets[MINUTE];
	result->hours = (uint32) sets[HOUR];
	result->days = (uint32) sets[DAY];
	result->months = (uint16) sets[MONTH];
	result->weekdays = (uint8) ((sets[WEEKDAY] | sets[WEEKDAY] >> SUNDAY_TOO) & 0x7F);
	result->any_day_rule = !is_star(parts[DAY - skipped]) && !is_star(parts[WEEKDAY - skipped]);
	result->follows_clock = is_star(parts[HOUR - skipped]);

	if (cron_next(result, 0) == CIVIL_NEVER)
	{
		schedule_error(error, "schedule never comes due: \"%s\"",
					  part_text(make_part(text, text + strlen(text))).text);
		return schedule_error_detail(error, "No month that it allows has such a day of month.");
	}
	return true;
}

/* Counts the fields; the first ones are returned. */
static int
split_fields(const char *text, Part parts[CRON_FIELDS])
{
	int			count = 0;

	for (const char *at = skip_spaces(text); *at != '\0'; count++)
	{
		Part		field = next_token(at);

		if (count < CRON_FIELDS)
			parts[count] = field;
		at = skip_spaces(field.end);
	}
	return count;
}

static bool
is_star(Part field)
{
	return *field.start == '*' || *field.start == '?';
}

/* Adds every part of a field to its set. */
static bool
parse_field(const Field *field, Part text, uint64 *set, ScheduleError *error)
{
	const char *start = text.start;

	*set = 0;
	for (const char *at = start;; at++)
	{
		if (at < text.end && *at != ',')
			continue;
		if (!parse_part(field, make_part(start, at), set, error))
			return false;
		if (at == text.end)
			return true;
		start = at + 1;
	}
}

static bool
parse_part(const Field *field, Part part, uint64 *set, ScheduleError *error)
{
	Range		range = {0, 0, 1};
	const char *at = parse_range(field, part, &range);

	if (at != part.end)
		return refuse_part(field, part, error);
	if (range.step < 1 || range.step > field->last)
	{
		schedule_error(error, "invalid step of %s in cron schedule: \"%s\"",
					  field->name, part_text(part).text);
		schedule_error_detail(error, "A step of %s is 1 to %d.", field->name, field->last);
		return schedule_error_hint(error,
								   "Use a schedule such as \"every 90 minutes\" where a step does not fit into its field.");
	}
	if (range.first > range.last)
	{
		schedule_error(error, "invalid range of %s in cron schedule: \"%s\"",
					  field->name, part_text(part).text);
		schedule_error_detail(error, "A range starts with its smaller value.");
		return schedule_error_hint(error, "Use two ranges to go past the end, such as 22-23,0-5.");
	}
	for (int value = range.first; value <= range.last; value += (int) range.step)
		*set |= UINT64CONST(1) << value;
	return true;
}

/* Reads base and step, as far as they are well formed; NULL: not at all. */
static const char *
parse_range(const Field *field, Part part, Range *range)
{
	bool		has_end = true;
	const char *at;

	if (is_star(part))
	{
		range->first = field->min;
		range->last = field->max;
		at = part.start + 1;
	}
	else
	{
		at = parse_value(field, part.start, &range->first);
		range->last = range->first;
		has_end = at != NULL && *at == '-';
		if (has_end)
			at = parse_value(field, at + 1, &range->last);
		/* A week may end on Sunday: fri-sun. */
		if (field->last == SUNDAY_TOO && range->last == 0 && range->first > 0)
			range->last = SUNDAY_TOO;
	}
	if (at == NULL || *at != '/')
		return at;

	/* A start without an end goes on to the largest value. */
	if (!has_end)
		range->last = Max(range->first, field->max);
	return is_digit(at[1]) ? read_number(at + 1, &range->step) : at;
}

/* Reads a number or name that the field allows; else NULL. */
static const char *
parse_value(const Field *field, const char *at, int *value)
{
	int64		number;
	const char *end = read_number(at, &number);

	if (end > at)
	{
		*value = (int) Min(number, field->last + 1);
		return number < field->min || number > field->last ? NULL : end;
	}
	for (int i = 0; field->names[i] != '\0'; i += 3)
	{
		if (to_lower(at[0]) == field->names[i] &&
			to_lower(at[1]) == field->names[i + 1] &&
			to_lower(at[2]) == field->names[i + 2])
		{
			*value = field->min + i / 3;
			return at + 3;
		}
	}
	return NULL;
}

/* Says what is wrong with a part that could not be read. */
static bool
refuse_part(const Field *field, Part part, ScheduleError *error)
{
	if (is_calendar_rule(field, part))
	{
		schedule_error(error, "calendar rule in %s is not supported: \"%s\"",
					  field->name, part_text(part).text);
		error->unsupported = true;
	}
	else
		schedule_error(error, "invalid %s in cron schedule: \"%s\"",
					  field->name, part_text(part).text);
	return schedule_error_detail(error,
								 "Allowed are %s, ranges (a-b), steps (*/n, a-b/n), and lists of these.",
						field->allowed);
}

/* L, LW, L-3, 15W in a day of month; L, 5L, friL, 5#2 in a weekday. */
static bool
is_calendar_rule(const Field *field, Part part)
{
	const char *at = part.start;
	int64		number;

	if (field != &fields[DAY] && field != &fields[WEEKDAY])
		return false;
	if (to_lower(*at) == 'l')
		return at + 1 == part.end || at[1] == '-' || to_lower(at[1]) == 'w';
	if (is_letter(*at) && part.end - at > 3)
		at += 3;
	else
		at = read_number(at, &number);
	return at > part.start && at < part.end &&
		(to_lower(*at) == 'l' || to_lower(*at) == 'w' || *at == '#');
}
