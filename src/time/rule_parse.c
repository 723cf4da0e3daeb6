/*-------------------------------------------------------------------------
 *
 * rule_parse.c
 *	  Reads the lines of a calendar rule: DTSTART, RRULE, RDATE and EXDATE.
 *
 * The text is read twice: first to count its dates and to find DTSTART, whose
 * zone is that of dates without one; then for all else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/civil.h"
#include "time/rule_expand.h"
#include "time/rule_line.h"
#include "time/rule_recur.h"
#include "time/zone.h"

static Rule *make_rule(const char *text, pg_tz *zone);
static bool read_lines(const char *text, bool read_start, Rule *rule, ScheduleError *error);
static bool read_start(const RuleLine *line, Rule *rule, ScheduleError *error);
static bool read_recur(const RuleLine *line, Rule *rule, ScheduleError *error);
static bool read_dates(const RuleLine *line, Rule *rule, ScheduleError *error);
static const char *read_moment(const RuleLine *line, const char *at, RuleMoment *moment);
static const char *skip_period_end(const char *at);
static bool refuse_moment(const RuleLine *line, Part text, ScheduleError *error);
static bool check_rule(const char *text, Rule *rule, ScheduleError *error);
static bool check_start_date(const Rule *rule, ScheduleError *error);
static void sort_dates(Rule *rule);
static void sort_excluded(Rule *rule);

bool
rule_is_meant(const char *text)
{
	Part		word = next_word(skip_spaces(text));

	return word.end > word.start && (*word.end == ':' || *word.end == ';' || *word.end == '=');
}

bool
rule_parse(const char *text, pg_tz *zone, Rule **result, ScheduleError *error)
{
	Rule	   *rule = make_rule(text, zone);

	if (read_lines(text, true, rule, error) &&
		read_lines(text, false, rule, error) &&
		check_rule(text, rule, error))
	{
		*result = rule;
		return true;
	}
	pfree(rule);
	return false;
}

/* With room for all dates that the text can have, and DTSTART as one of them. */
static Rule *
make_rule(const char *text, pg_tz *zone)
{
	Size		counts[2] = {1, 0};
	Rule	   *rule;

	for (const char *at = skip_spaces(text); *at != '\0'; at = skip_spaces(at))
	{
		Part		name = next_word(at);
		bool		is_exdate = part_is(name, "exdate");
		bool		has_dates = is_exdate || part_is(name, "rdate");

		counts[is_exdate] += has_dates ? 1 : 0;
		for (; *at != '\0' && !is_space(*at); at++)
			counts[is_exdate] += has_dates && *at == ',' ? 1 : 0;
	}
	rule = palloc0(sizeof(Rule) + counts[0] * sizeof(int64) + counts[1] * sizeof(RuleRange));
	rule->zone = zone;
	rule->until = PG_INT64_MAX;
	rule->counted.upto = PG_INT64_MIN;
	rule->dates = (int64 *) (rule + 1);
	rule->excluded = (RuleRange *) (rule->dates + counts[0]);
	return rule;
}

/* Reads DTSTART alone, or all else. */
static bool
read_lines(const char *text, bool reads_start, Rule *rule, ScheduleError *error)
{
	Part		token;

	for (const char *at = skip_spaces(text); *at != '\0'; at = skip_spaces(token.end))
	{
		RuleLine		line = {0};
		bool		is_read = true;

		token = next_token(at);
		if (!rule_line_parse(token, &line, error))
			return false;
		if (reads_start != (line.kind == RULE_LINE_DTSTART))
			continue;
		switch (line.kind)
		{
			case RULE_LINE_DTSTART:
				is_read = read_start(&line, rule, error);
				break;
			case RULE_LINE_RRULE:
				is_read = read_recur(&line, rule, error);
				break;
			case RULE_LINE_RDATE:
			case RULE_LINE_EXDATE:
				is_read = read_dates(&line, rule, error);
				break;
		}
		if (!is_read)
			return false;
	}
	return true;
}

static bool
read_start(const RuleLine *line, Rule *rule, ScheduleError *error)
{
	RuleMoment	moment;
	pg_tz	   *utc;

	if (rule->has_start)
		return schedule_error(error, "DTSTART is given more than once in calendar rule");
	if (read_moment(line, line->value.start, &moment) != line->value.end)
		return refuse_moment(line, line->value, error);
	if (line->zone != NULL)
		rule->zone = line->zone;
	else if (moment.is_utc)
	{
		if (zone_by_name("UTC", &utc) != ZONE_NAME_VALID)
			return schedule_error(error, "time zone \"UTC\" is not recognized");
		rule->zone = utc;
	}
	rule->has_start = true;
	rule->start_is_date = moment.is_date;
	rule->start = moment.civil;
	return true;
}

static bool
read_recur(const RuleLine *line, Rule *rule, ScheduleError *error)
{
	RuleMoment	until;

	if (rule->has_recur)
	{
		schedule_error(error, "RRULE is given more than once in calendar rule");
		return schedule_error_detail(error,
									 "RFC 5545 leaves undefined what several rules mean together.");
	}
	if (!rule_recur_parse(line->value, &rule->recur, &until, error))
		return false;
	rule->has_recur = true;
	if (rule_recur_has(&rule->recur, RULE_UNTIL))
		rule->until = rule_moment_range(&until, rule->zone).end - 1;
	return true;
}

/* Reads a list of dates; make_rule() has made room for it. */
static bool
read_dates(const RuleLine *line, Rule *rule, ScheduleError *error)
{
	const char *start = line->value.start;
	const pg_tz *zone = line->zone != NULL ? line->zone : rule->zone;

	for (const char *at = start;; at++)
	{
		RuleMoment	moment;
		RuleRange	range;

		if (at < line->value.end && *at != ',')
			continue;
		if (read_moment(line, start, &moment) != at)
			return refuse_moment(line, make_part(start, at), error);
		range = rule_moment_range(&moment, zone);
		if (line->kind == RULE_LINE_RDATE)
			rule->dates[rule->date_count++] = range.start;
		else
			rule->excluded[rule->excluded_count++] = range;
		if (at == line->value.end)
			return true;
		start = at + 1;
	}
}

/* Reads what the line allows; returns where it ends, or NULL. */
static const char *
read_moment(const RuleLine *line, const char *at, RuleMoment *moment)
{
	at = rule_moment_parse(at, moment);
	if (at == NULL || (moment->is_utc && line->zone != NULL) ||
		(line->type != RULE_VALUE_ANY && moment->is_date != (line->type == RULE_VALUE_DATE)))
		return NULL;
	return line->type == RULE_VALUE_PERIOD ? skip_period_end(at) : at;
}

/* "/19960403T040000Z" or "/PT5H30M": when a task ends is up to itself. */
static const char *
skip_period_end(const char *at)
{
	RuleMoment	end;

	if (*at++ != '/')
		return NULL;
	if (is_digit(*at))
	{
		at = rule_moment_parse(at, &end);
		return at == NULL || end.is_date ? NULL : at;
	}
	if (*at == '+')
		at++;
	if (to_lower(*at++) != 'p')
		return NULL;
	while (is_digit(*at) || (*at != '\0' && strchr("wdthmsWDTHMS", *at) != NULL))
		at++;
	return at;
}

static bool
refuse_moment(const RuleLine *line, Part text, ScheduleError *error)
{
	static const char *const allowed[] = {
		[RULE_VALUE_ANY] = "Allowed are 19970902T090000, 19970902T090000Z without TZID, and 19970902.",
		[RULE_VALUE_DATE] = "Allowed are dates such as 19970902.",
		[RULE_VALUE_DATE_TIME] = "Allowed are 19970902T090000, and 19970902T090000Z without TZID.",
		[RULE_VALUE_PERIOD] = "Allowed are 19970902T090000/19970902T100000 and 19970902T090000/PT1H, with Z if without TZID."
	};

	schedule_error(error, "invalid date in %s of calendar rule: \"%s\"",
				   part_text(line->name).text, part_text(text).text);
	return schedule_error_detail(error, "%s", allowed[line->type]);
}

static bool
check_rule(const char *text, Rule *rule, ScheduleError *error)
{
	if (!rule->has_recur && !rule->has_start && rule->date_count == 0)
	{
		schedule_error(error, "RRULE is missing in calendar rule");
		return schedule_error_hint(error, "Use for example \"RRULE:FREQ=DAILY;BYHOUR=9\".");
	}
	if (!check_start_date(rule, error))
		return false;
	if (rule->has_start && !rule->has_recur)
		rule->dates[rule->date_count++] = zone_first_instant(rule->zone, rule->start);
	sort_dates(rule);
	sort_excluded(rule);

	if (rule->has_recur && !rule->has_start ?
		rule->date_count > 0 || rule_may_match(&rule->recur) :
		rule_next(rule, DT_NOBEGIN, DT_NOBEGIN) != DT_NOEND)
		return true;
	schedule_error(error, "schedule never comes due: \"%s\"",
				   part_text(make_part(text, text + strlen(text))).text);
	return schedule_error_detail(error,
								 "The calendar has no such date, or UNTIL or EXDATE leave none.");
}

/* A date has no time of day, and RFC 5545 lets none be added to it. */
static bool
check_start_date(const Rule *rule, ScheduleError *error)
{
	if (!rule->start_is_date || !rule->has_recur)
		return true;
	for (int part = RULE_BYSECOND; part <= RULE_BYHOUR; part++)
	{
		if (rule_recur_has(&rule->recur, part))
		{
			schedule_error(error, "%s does not go with a DTSTART that is a date in calendar rule",
						   rule_part_name(part));
			return schedule_error_hint(error, "Give DTSTART a time of day, as 19970902T090000.");
		}
	}
	return true;
}

static int
compare_instants(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

static void
sort_dates(Rule *rule)
{
	int			kept = 0;

	qsort(rule->dates, rule->date_count, sizeof(int64), compare_instants);
	for (int i = 0; i < rule->date_count; i++)
	{
		if (kept == 0 || rule->dates[i] != rule->dates[kept - 1])
			rule->dates[kept++] = rule->dates[i];
	}
	rule->date_count = kept;
}

/* Joins ranges that touch each other; a range starts with where it starts. */
static void
sort_excluded(Rule *rule)
{
	int			kept = 0;

	qsort(rule->excluded, rule->excluded_count, sizeof(RuleRange), compare_instants);
	for (int i = 0; i < rule->excluded_count; i++)
	{
		RuleRange  *last = &rule->excluded[kept - 1];

		if (kept > 0 && rule->excluded[i].start <= last->end)
			last->end = Max(last->end, rule->excluded[i].end);
		else
			rule->excluded[kept++] = rule->excluded[i];
	}
	rule->excluded_count = kept;
}
