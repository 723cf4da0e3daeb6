/*-------------------------------------------------------------------------
 *
 * rule_line.c
 *	  Splits a line of iCalendar into its name, parameters and value.
 *
 *	  line:	  name[;parameter=value...]:value	 |	recurrence
 *	  name:	  DTSTART | RRULE | RDATE | EXDATE
 *	  parameter: TZID | VALUE, and X-... which is ignored
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/rule_line.h"
#include "time/zone.h"

static const char *const line_names[] = {"dtstart", "rrule", "rdate", "exdate"};
static const char *const value_types[] = {"", "date", "date-time", "period"};

static bool find_kind(Part text, RuleLine *line, ScheduleError *error);
static const char *read_parameter(const char *at, Part text, RuleLine *line, ScheduleError *error);
static bool set_zone(Part name, RuleLine *line, ScheduleError *error);
static bool set_type(Part name, RuleLine *line, ScheduleError *error);

bool
rule_line_parse(Part text, RuleLine *line, ScheduleError *error)
{
	const char *at;

	line->name = next_word(text.start);
	line->value = text;
	line->kind = RULE_LINE_RRULE;
	if (part_is(line->name, "freq") && *line->name.end == '=')
		return true;
	if (!find_kind(text, line, error))
		return false;

	for (at = line->name.end; *at == ';';)
	{
		at = read_parameter(at + 1, text, line, error);
		if (at == NULL)
			return false;
	}
	if (*at != ':')
	{
		schedule_error(error, "invalid line in calendar rule: \"%s\"", part_text(text).text);
		return schedule_error_detail(error, "After its name and parameters, \":\" is missing.");
	}
	line->value.start = at + 1;
	return true;
}

static bool
find_kind(Part text, RuleLine *line, ScheduleError *error)
{
	for (int i = 0; i < (int) lengthof(line_names); i++)
	{
		line->kind = (RuleLineKind) i;
		if (part_is(line->name, line_names[i]))
			return true;
	}
	schedule_error(error, "invalid line in calendar rule: \"%s\"", part_text(text).text);
	schedule_error_detail(error,
						  "Allowed are DTSTART, RRULE, RDATE and EXDATE, each without spaces in it.");
	if (part_is(line->name, "exrule"))
		return schedule_error_hint(error, "List what is to be excluded with EXDATE.");
	return schedule_error_hint(error,
							   "Join lines that were folded, and leave out the other lines of an event.");
}

/* Reads NAME=VALUE or NAME="VALUE"; returns where it ends, or NULL. */
static const char *
read_parameter(const char *at, Part text, RuleLine *line, ScheduleError *error)
{
	Part		name = make_part(at, at);
	Part		value;

	while (is_letter(*name.end) || is_digit(*name.end) || *name.end == '-')
		name.end++;
	if (*name.end == '=')
	{
		bool		is_quoted = name.end[1] == '"';

		value.start = value.end = name.end + (is_quoted ? 2 : 1);
		while (value.end < text.end && *value.end != '"' &&
			   (is_quoted || (*value.end != ':' && *value.end != ';')))
			value.end++;
		at = value.end + (is_quoted && *value.end == '"' ? 1 : 0);

		if (name.end - name.start > 2 && pg_strncasecmp(name.start, "x-", 2) == 0)
			return at;
		if (line->kind != RULE_LINE_RRULE && part_is(name, "tzid"))
			return set_zone(value, line, error) ? at : NULL;
		if (line->kind != RULE_LINE_RRULE && part_is(name, "value"))
			return set_type(value, line, error) ? at : NULL;
	}
	schedule_error(error, "invalid parameter of %s in calendar rule: \"%s\"",
				   part_text(line->name).text, part_text(make_part(name.start, text.end)).text);
	if (line->kind == RULE_LINE_RRULE)
		schedule_error_detail(error, "It has none.");
	else
		schedule_error_detail(error, "Allowed are TZID and VALUE.");
	return NULL;
}

static bool
set_zone(Part name, RuleLine *line, ScheduleError *error)
{
	char		text[TZ_STRLEN_MAX + 1] = "";
	Size		length = name.end - name.start;
	ZoneNameCheck check = ZONE_NAME_UNRECOGNIZED;

	if (length > 0 && length <= TZ_STRLEN_MAX)
	{
		memcpy(text, name.start, length);
		check = zone_by_name(text, &line->zone);
	}
	if (check == ZONE_NAME_VALID)
		return true;
	if (check == ZONE_NAME_LEAP_SECONDS)
		return schedule_error(error, "time zone \"%s\" in calendar rule uses leap seconds",
							  part_text(name).text);
	schedule_error(error, "invalid TZID in calendar rule: \"%s\"", part_text(name).text);
	return schedule_error_hint(error,
							   "Use a name from pg_timezone_names, such as \"Europe/Berlin\".");
}

static bool
set_type(Part name, RuleLine *line, ScheduleError *error)
{
	int			last = line->kind == RULE_LINE_RDATE ? RULE_VALUE_PERIOD : RULE_VALUE_DATE_TIME;

	for (int i = RULE_VALUE_DATE; i <= last; i++)
	{
		line->type = (RuleValueType) i;
		if (part_is(name, value_types[i]))
			return true;
	}
	schedule_error(error, "invalid VALUE of %s in calendar rule: \"%s\"",
				   part_text(line->name).text, part_text(name).text);
	return schedule_error_detail(error, "Allowed are DATE-TIME, DATE%s.",
								 last == RULE_VALUE_PERIOD ? ", and PERIOD" : "");
}
