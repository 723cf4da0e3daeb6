/*-------------------------------------------------------------------------
 *
 * rule_recur.c
 *	  Reads RRULE: FREQ=MONTHLY;BYDAY=-1FR;COUNT=10
 *
 * The grammar and the combinations are those of RFC 5545, section 3.3.10, but
 * FREQ need not come first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "time/rule_recur.h"

#define BIT(frequency)	(1 << (frequency))
#define ANY_FREQUENCY	(BIT(RULE_YEARLY + 1) - 1)
#define BY_PARTS		(BIT(RULE_BYSETPOS + 1) - BIT(RULE_BYSECOND))

/* A list of numbers, as it is read: values from the start, and from the end. */
typedef uint64 NumberSets[2][RULE_WORDS];

static const struct
{
	const char *name;
	int			min;			/* of numbers; 0 and a sign do not go together */
	int			max;
	bool		is_signed;
	int			frequencies;	/* that it goes with */
	const char *allowed;
}			parts[] = {
	[RULE_FREQ] = {"FREQ", 0, 0, false, ANY_FREQUENCY,
	"SECONDLY, MINUTELY, HOURLY, DAILY, WEEKLY, MONTHLY and YEARLY"},
	[RULE_INTERVAL] = {"INTERVAL", 1, PG_INT32_MAX, false, ANY_FREQUENCY, "1 to 2147483647"},
	[RULE_COUNT] = {"COUNT", 1, RULE_COUNT_MAX, false, ANY_FREQUENCY, "1 to 1000000"},
	[RULE_UNTIL] = {"UNTIL", 0, 0, false, ANY_FREQUENCY,
	"dates and times such as 20261123, 20261123T120000 and 20261123T120000Z"},
	[RULE_WKST] = {"WKST", 0, 0, false, ANY_FREQUENCY, "SU, MO, TU, WE, TH, FR and SA"},
	[RULE_BYSECOND] = {"BYSECOND", 0, 60, false, ANY_FREQUENCY, "0 to 60"},
	[RULE_BYMINUTE] = {"BYMINUTE", 0, 59, false, ANY_FREQUENCY, "0 to 59"},
	[RULE_BYHOUR] = {"BYHOUR", 0, 23, false, ANY_FREQUENCY, "0 to 23"},
	[RULE_BYDAY] = {"BYDAY", 1, 53, true, ANY_FREQUENCY,
	"SU, MO, TU, WE, TH, FR and SA, and these with 1 to 53 or -53 to -1 before them"},
	[RULE_BYMONTHDAY] = {"BYMONTHDAY", 1, 31, true, ANY_FREQUENCY & ~BIT(RULE_WEEKLY),
	"1 to 31 and -31 to -1"},
	[RULE_BYYEARDAY] = {"BYYEARDAY", 1, 366, true,
		ANY_FREQUENCY & ~(BIT(RULE_DAILY) | BIT(RULE_WEEKLY) | BIT(RULE_MONTHLY)),
	"1 to 366 and -366 to -1"},
	[RULE_BYWEEKNO] = {"BYWEEKNO", 1, 53, true, BIT(RULE_YEARLY), "1 to 53 and -53 to -1"},
	[RULE_BYMONTH] = {"BYMONTH", 1, 12, false, ANY_FREQUENCY, "1 to 12"},
	[RULE_BYSETPOS] = {"BYSETPOS", 1, 366, true, ANY_FREQUENCY, "1 to 366 and -366 to -1"}
};

static const char *const frequency_names[] = {
	"SECONDLY", "MINUTELY", "HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"
};

static const char *const weekday_names[] = {"SU", "MO", "TU", "WE", "TH", "FR", "SA"};

static bool parse_part(Part text, RuleRecur *recur, RuleMoment *until, ScheduleError *error);
static bool parse_value(RulePart part, Part value, RuleRecur *recur, RuleMoment *until);
static bool parse_weekdays(Part value, RuleRecur *recur);
static bool parse_numbers(RulePart part, Part value, NumberSets sets);
static const char *parse_number(RulePart part, const char *at, int *side, int64 *number);
static void keep_numbers(RulePart part, NumberSets sets, RuleRecur *recur);
static int	find_name(const char *const *names, int count, Part text);
static int	find_part(Part text);
static bool check_parts(const RuleRecur *recur, ScheduleError *error);
static bool check_ordinals(const RuleRecur *recur, ScheduleError *error);
static bool refuse_frequency(const char *what, const RuleRecur *recur, int allowed, ScheduleError *error);

bool
rule_recur_parse(Part text, RuleRecur *recur, RuleMoment *until, ScheduleError *error)
{
	const char *start = text.start;

	memset(recur, 0, sizeof(RuleRecur));
	recur->interval = 1;
	recur->week_start = 1;
	for (const char *at = start;; at++)
	{
		if (at < text.end && *at != ';')
			continue;
		if (!parse_part(make_part(start, at), recur, until, error))
			return false;
		if (at == text.end)
			return check_parts(recur, error);
		start = at + 1;
	}
}

static bool
parse_part(Part text, RuleRecur *recur, RuleMoment *until, ScheduleError *error)
{
	Part		name = next_word(text.start);
	int			part = find_part(name);

	if (part < 0 || name.end >= text.end || *name.end != '=')
	{
		schedule_error(error, "invalid part of RRULE in calendar rule: \"%s\"",
					   part_text(text).text);
		schedule_error_detail(error,
							  "Allowed are FREQ, INTERVAL, COUNT, UNTIL, WKST, BYSECOND, BYMINUTE, BYHOUR, BYDAY, BYMONTHDAY, BYYEARDAY, BYWEEKNO, BYMONTH and BYSETPOS.");
		return schedule_error_hint(error,
								   "Write parts as NAME=VALUE, with \";\" between them and no spaces.");
	}
	if (rule_recur_has(recur, part))
		return schedule_error(error, "%s is given more than once in calendar rule",
							  parts[part].name);
	if (!parse_value(part, make_part(name.end + 1, text.end), recur, until))
	{
		schedule_error(error, "invalid %s in calendar rule: \"%s\"", parts[part].name,
					   part_text(make_part(name.end + 1, text.end)).text);
		return schedule_error_detail(error, "Allowed are %s%s.", parts[part].allowed,
									 part >= RULE_BYSECOND ? ", and lists of these (a,b)" : "");
	}
	recur->given |= BIT(part);
	return true;
}

static bool
parse_value(RulePart part, Part value, RuleRecur *recur, RuleMoment *until)
{
	NumberSets	sets = {{0}};
	int64		number = 0;
	int			side;
	int			found;

	switch (part)
	{
		case RULE_FREQ:
			found = find_name(frequency_names, lengthof(frequency_names), value);
			recur->frequency = (RuleFrequency) Max(found, 0);
			return found >= 0;
		case RULE_WKST:
			found = find_name(weekday_names, lengthof(weekday_names), value);
			recur->week_start = (uint8) found;
			return found >= 0;
		case RULE_UNTIL:
			return rule_moment_parse(value.start, until) == value.end;
		case RULE_INTERVAL:
		case RULE_COUNT:
			if (parse_number(part, value.start, &side, &number) != value.end)
				return false;
			*(part == RULE_COUNT ? &recur->count : &recur->interval) = (int32) number;
			return true;
		case RULE_BYDAY:
			return parse_weekdays(value, recur);
		default:
			if (!parse_numbers(part, value, sets))
				return false;
			keep_numbers(part, sets, recur);
			return true;
	}
}

/* Reads "MO,-1FR". */
static bool
parse_weekdays(Part value, RuleRecur *recur)
{
	for (const char *at = value.start;; at++)
	{
		int			side = RULE_FROM_START;
		int64		number = 0;
		int			weekday;

		if (!is_letter(*at))
		{
			at = parse_number(RULE_BYDAY, at, &side, &number);
			if (at == NULL)
				return false;
		}
		/* What ends the text ends a name, too. */
		if (value.end - at < 2)
			return false;
		weekday = find_name(weekday_names, lengthof(weekday_names), make_part(at, at + 2));
		if (weekday < 0)
			return false;
		if (number == 0)
			recur->weekdays |= 1 << weekday;
		else
			recur->nth_weekdays[side][weekday] |= UINT64CONST(1) << number;
		at += 2;
		if (at == value.end)
			return true;
		if (*at != ',')
			return false;
	}
}

/* Reads "1,-1". */
static bool
parse_numbers(RulePart part, Part value, NumberSets sets)
{
	for (const char *at = value.start;; at++)
	{
		int			side;
		int64		number;

		at = parse_number(part, at, &side, &number);
		if (at == NULL || at > value.end)
			return false;
		sets[side][number / 64] |= UINT64CONST(1) << (number % 64);
		if (at == value.end)
			return true;
		if (*at != ',')
			return false;
	}
}

/* Reads a number that the part allows; NULL: something else stands here. */
static const char *
parse_number(RulePart part, const char *at, int *side, int64 *number)
{
	const char *end;

	*side = RULE_FROM_START;
	if (parts[part].is_signed && (*at == '-' || *at == '+'))
		*side = *at++ == '-' ? RULE_FROM_END : RULE_FROM_START;
	end = read_number(at, number);
	return end == at || *number < parts[part].min || *number > parts[part].max ? NULL : end;
}

static void
keep_numbers(RulePart part, NumberSets sets, RuleRecur *recur)
{
	switch (part)
	{
		case RULE_BYSECOND:
			recur->seconds = sets[RULE_FROM_START][0];
			break;
		case RULE_BYMINUTE:
			recur->minutes = sets[RULE_FROM_START][0];
			break;
		case RULE_BYHOUR:
			recur->hours = (uint32) sets[RULE_FROM_START][0];
			break;
		case RULE_BYMONTH:
			recur->months = (uint16) sets[RULE_FROM_START][0];
			break;
		case RULE_BYYEARDAY:
			memcpy(recur->yeardays, sets, sizeof(recur->yeardays));
			break;
		case RULE_BYSETPOS:
			memcpy(recur->positions, sets, sizeof(recur->positions));
			break;
		default:
			for (int side = RULE_FROM_START; side <= RULE_FROM_END; side++)
			{
				if (part == RULE_BYMONTHDAY)
					recur->monthdays[side] = (uint32) sets[side][0];
				else
					recur->weeks[side] = sets[side][0];
			}
			break;
	}
}

static bool
has_name(Part text, const char *name)
{
	size_t		length = strlen(name);

	return text.end - text.start == (ptrdiff_t) length &&
		pg_strncasecmp(text.start, name, length) == 0;
}

static int
find_name(const char *const *names, int count, Part text)
{
	for (int i = 0; i < count; i++)
	{
		if (has_name(text, names[i]))
			return i;
	}
	return -1;
}

static int
find_part(Part text)
{
	for (int i = 0; i < (int) lengthof(parts); i++)
	{
		if (has_name(text, parts[i].name))
			return i;
	}
	return -1;
}

/* Do the parts go together? */
static bool
check_parts(const RuleRecur *recur, ScheduleError *error)
{
	if (!rule_recur_has(recur, RULE_FREQ))
	{
		schedule_error(error, "FREQ is missing in calendar rule");
		return schedule_error_hint(error, "Use for example \"FREQ=DAILY;BYHOUR=9\".");
	}
	if (rule_recur_has(recur, RULE_COUNT) && rule_recur_has(recur, RULE_UNTIL))
	{
		schedule_error(error, "COUNT and UNTIL are both given in calendar rule");
		return schedule_error_detail(error, "A rule ends in one way only.");
	}
	for (int part = RULE_BYSECOND; part <= RULE_BYSETPOS; part++)
	{
		if (rule_recur_has(recur, part) &&
			(parts[part].frequencies & BIT(recur->frequency)) == 0)
			return refuse_frequency(parts[part].name, recur, parts[part].frequencies, error);
	}
	if (rule_recur_has(recur, RULE_BYSETPOS) &&
		(recur->given & BY_PARTS & ~BIT(RULE_BYSETPOS)) == 0)
	{
		schedule_error(error, "BYSETPOS is given alone in calendar rule");
		return schedule_error_detail(error,
									 "It picks from what another BYxxx part of the rule has listed.");
	}
	return check_ordinals(recur, error);
}

static bool
check_ordinals(const RuleRecur *recur, ScheduleError *error)
{
	uint64		ordinals = 0;

	for (int weekday = 0; weekday < 7; weekday++)
		ordinals |= recur->nth_weekdays[RULE_FROM_START][weekday] |
			recur->nth_weekdays[RULE_FROM_END][weekday];
	if (ordinals == 0)
		return true;
	if (recur->frequency != RULE_MONTHLY && recur->frequency != RULE_YEARLY)
		return refuse_frequency("a number in BYDAY", recur,
								BIT(RULE_MONTHLY) | BIT(RULE_YEARLY), error);
	if (rule_recur_has(recur, RULE_BYWEEKNO))
	{
		schedule_error(error, "a number in BYDAY does not go with BYWEEKNO in calendar rule");
		return schedule_error_detail(error, "A week has each weekday once.");
	}
	return true;
}

static bool
refuse_frequency(const char *what, const RuleRecur *recur, int allowed, ScheduleError *error)
{
	char		list[96] = "";

	for (int i = 0; i < (int) lengthof(frequency_names); i++)
	{
		if ((allowed & BIT(i)) != 0)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
					 list[0] != '\0' ? ", " : "", frequency_names[i]);
	}
	schedule_error(error, "%s does not go with FREQ=%s in calendar rule",
				   what, frequency_names[recur->frequency]);
	return schedule_error_detail(error, "It goes with %s only.", list);
}

const char *
rule_part_name(RulePart part)
{
	return parts[part].name;
}

const char *
rule_frequency_name(RuleFrequency frequency)
{
	return frequency_names[frequency];
}
