/*-------------------------------------------------------------------------
 *
 * cron_parse.c
 *	  Reads cron schedules: 5 fields, or 6 with seconds first; or a nickname.
 *
 * The day rule is that of Paul Vixie's cron: when both day fields are
 * restricted, a day of either matches; a field that starts with * or ? is not
 * restricted, and then both must match. L, W and # restrict a field.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/cron.h"
#include "time/cron_field.h"

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
static bool refuse_count(int count, ScheduleError *error);
static bool refuse_never(const char *text, ScheduleError *error);

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
							   "Allowed are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot and \"@every 90s\".");
}

static bool
parse_fields(const char *text, Cron *result, ScheduleError *error)
{
	Part		parts[CRON_FIELDS];
	int			count = split_fields(text, parts);
	int			skipped = CRON_FIELDS - count;	/* 1 without seconds */

	if (skipped != 0 && skipped != 1)
		return refuse_count(count, error);

	memset(result, 0, sizeof(Cron));
	result->seconds = 1;		/* second 0, unless it is written */
	for (int i = skipped; i < CRON_FIELDS; i++)
	{
		if (!cron_field_parse((CronField) i, parts[i - skipped], result, error))
			return false;
	}
	result->any_day_rule = !cron_field_is_star(parts[CRON_DAY - skipped]) &&
		!cron_field_is_star(parts[CRON_WEEKDAY - skipped]);
	result->follows_clock = cron_field_is_star(parts[CRON_HOUR - skipped]);

	/* What has a match has one in any 40 years. */
	if (cron_next(result, 0) == CIVIL_NEVER)
		return refuse_never(text, error);
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
refuse_count(int count, ScheduleError *error)
{
	schedule_error(error, "invalid number of fields in cron schedule: %d", count);
	schedule_error_detail(error,
						  "There are 5: minute, hour, day of month, month, weekday; or 6: second, then these. None is for the year.");
	return schedule_error_hint(error, "Use for example \"*/5 * * * *\".");
}

static bool
refuse_never(const char *text, ScheduleError *error)
{
	schedule_error(error, "schedule never comes due: \"%s\"",
				   part_text(make_part(text, text + strlen(text))).text);
	return schedule_error_detail(error,
								 "No month that it allows ever has such a day.");
}
