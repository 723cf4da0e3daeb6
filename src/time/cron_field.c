/*-------------------------------------------------------------------------
 *
 * cron_field.c
 *	  Reads one field of a cron schedule.
 *
 *	  field:  part[,part...]
 *	  part:   base[/step]  |  rule
 *	  base:   *  |  ?  |  value  |  value-value
 *	  value:  a number, or a name of a month or weekday
 *
 *	  rule of a day of month:  L  |  $  |  L-n  |  nW  |  LW  |  L-nW
 *	  rule of a weekday:       valueL  |  value#n
 *
 * A range whose end is before its start goes on from the field's first value,
 * as 22-3. Rules are those of Quartz; $ is pg_cron's word for L.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/cron_field.h"

#define SUNDAY_TOO		7
#define DAYS_BEFORE_LAST_MAX 30
#define WEEKS_OF_MONTH	5

/* What a field may hold. */
typedef struct Field
{
	const char *name;
	int			min;
	int			max;			/* of *, and of a start without an end */
	int			last;			/* largest number that may be written */
	const char *names;			/* three letters each, from min on */
	const char *allowed;
	const char *rules;			/* what is allowed besides */
} Field;

/* What a part stands for. */
typedef struct Range
{
	int			first;
	int			last;
	int64		step;
} Range;

static const Field fields[CRON_FIELDS] = {
	{"second", 0, 59, 59, "", "0 to 59", ""},
	{"minute", 0, 59, 59, "", "0 to 59", ""},
	{"hour", 0, 23, 23, "", "0 to 23", ""},
	{"day of month", 1, 31, 31, "", "1 to 31", ", L, L-n, nW, LW"},
	{"month", 1, 12, 12, "janfebmaraprmayjunjulaugsepoctnovdec", "1 to 12, or jan to dec", ""},
	{"weekday", 0, 6, SUNDAY_TOO, "sunmontuewedthufrisat",
	"0 to 7 (0 and 7 are Sunday), or sun to sat", ", friL, fri#n"}
};

static bool parse_part(const Field *field, Part part, uint64 *set, ScheduleError *error);
static const char *parse_range(const Field *field, Part part, Range *range);
static const char *parse_value(const Field *field, const char *at, int *value);
static bool add_range(const Field *field, Part part, const Range *range,
					  uint64 *set, ScheduleError *error);
static bool refuse_part(const Field *field, Part part, ScheduleError *error);
static bool refuse_step(const Field *field, Part part, ScheduleError *error);
static bool add_day_rule(Part part, Cron *result);
static bool add_weekday_rule(Part part, Cron *result);

bool
cron_field_is_star(Part text)
{
	return *text.start == '*' || *text.start == '?';
}

bool
cron_field_parse(CronField field, Part text, Cron *result, ScheduleError *error)
{
	uint64		set = 0;
	const char *start = text.start;

	for (const char *at = start; at <= text.end; at++)
	{
		Part		part = make_part(start, at);

		if (at < text.end && *at != ',')
			continue;
		if (!(field == CRON_DAY && add_day_rule(part, result)) &&
			!(field == CRON_WEEKDAY && add_weekday_rule(part, result)) &&
			!parse_part(&fields[field], part, &set, error))
			return false;
		start = at + 1;
	}

	switch (field)
	{
		case CRON_SECOND:
			result->seconds = set;
			break;
		case CRON_MINUTE:
			result->minutes = set;
			break;
		case CRON_HOUR:
			result->hours = (uint32) set;
			break;
		case CRON_DAY:
			result->days = (uint32) set;
			break;
		case CRON_MONTH:
			result->months = (uint16) set;
			break;
		case CRON_WEEKDAY:
			result->weekdays = (uint8) set;
			break;
	}
	return true;
}

/* Adds the values of a part that is no rule to a set. */
static bool
parse_part(const Field *field, Part part, uint64 *set, ScheduleError *error)
{
	Range		range = {0, 0, 1};
	const char *at = parse_range(field, part, &range);

	if (at != part.end)
		return refuse_part(field, part, error);
	if (range.step < 1 || range.step > field->last)
		return refuse_step(field, part, error);
	return add_range(field, part, &range, set, error);
}

/* Reads base and step, as far as they are well formed; NULL: not at all. */
static const char *
parse_range(const Field *field, Part part, Range *range)
{
	bool		has_end = true;
	const char *at;

	if (cron_field_is_star(part))
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
	}

	/* A start without an end goes on to the largest value. */
	if (at != NULL && *at == '/' && is_digit(at[1]))
	{
		at = read_number(at + 1, &range->step);
		if (!has_end)
			range->last = Max(range->first, field->max);
	}
	return at;
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

/* Goes round past the end of the field where the range does. */
static bool
add_range(const Field *field, Part part, const Range *range, uint64 *set, ScheduleError *error)
{
	int			values = field->max - field->min + 1;
	int			last = range->last;

	if (last < range->first)
	{
		/* How many days there are until the 1st depends on the month. */
		if (range->step > 1 && field == &fields[CRON_DAY])
		{
			schedule_error(error, "invalid range of %s in cron schedule: \"%s\"",
						   field->name, part_text(part).text);
			schedule_error_detail(error,
								  "A range with a step cannot go past the end of a month, since not all months are equally long.");
			return schedule_error_hint(error, "Use two ranges, such as 25-31/2,1-5/2.");
		}
		last += values;
	}
	for (int value = range->first; value <= last; value += (int) range->step)
		*set |= UINT64CONST(1) << (value > field->max ? value - values : value);
	return true;
}

/* Says what is wrong with a part that could not be read. */
static bool
refuse_part(const Field *field, Part part, ScheduleError *error)
{
	schedule_error(error, "invalid %s in cron schedule: \"%s\"",
				   field->name, part_text(part).text);
	schedule_error_detail(error,
						  "Allowed are %s, ranges (a-b), steps (*/n, a-b/n)%s, and lists of these.",
						  field->allowed, field->rules);
	if (field == &fields[CRON_WEEKDAY] && part_is(part, "l"))
		schedule_error_hint(error,
							"Use sat for each Saturday, or satL for the last one of a month: schedulers differ in what L alone means.");
	return false;
}

static bool
refuse_step(const Field *field, Part part, ScheduleError *error)
{
	schedule_error(error, "invalid step of %s in cron schedule: \"%s\"",
				   field->name, part_text(part).text);
	schedule_error_detail(error, "A step of %s is 1 to %d.", field->name, field->last);
	return schedule_error_hint(error,
							   "Use a schedule such as \"every 90 minutes\" where a step does not fit into its field.");
}

/* Adds L, $, L-3, 15W, LW or L-3W; false where something else stands. */
static bool
add_day_rule(Part part, Cron *result)
{
	const Field *field = &fields[CRON_DAY];
	bool		before_last = *part.start == '$' || to_lower(*part.start) == 'l';
	int64		before = 0;
	int			day = 0;
	const char *at = part.start + 1;
	bool		is_near;

	if (!before_last)
		at = parse_value(field, part.start, &day);
	else if (*part.start != '$' && *at == '-' && is_digit(at[1]))
		at = read_number(at + 1, &before);
	if (at == NULL || before > DAYS_BEFORE_LAST_MAX)
		return false;

	is_near = at < part.end && to_lower(*at) == 'w' && *part.start != '$';
	if (at + is_near != part.end || (!before_last && !is_near))
		return false;
	if (!before_last)
		result->near_days |= UINT32_C(1) << day;
	else if (is_near)
		result->near_days_before_last |= UINT32_C(1) << before;
	else
		result->days_before_last |= UINT32_C(1) << before;
	return true;
}

/* Adds 5L, friL, 5#2 or fri#2; false where something else stands. */
static bool
add_weekday_rule(Part part, Cron *result)
{
	int			weekday;
	int64		week;
	const char *at = parse_value(&fields[CRON_WEEKDAY], part.start, &weekday);

	if (at == NULL || at >= part.end)
		return false;
	weekday %= SUNDAY_TOO;
	if (to_lower(*at) == 'l' && at + 1 == part.end)
	{
		result->last_weekdays |= 1 << weekday;
		return true;
	}
	if (*at != '#' || read_number(at + 1, &week) != part.end || week < 1 || week > WEEKS_OF_MONTH)
		return false;
	result->nth_weekdays |= UINT64CONST(1) << (7 * (week - 1) + weekday);
	return true;
}
