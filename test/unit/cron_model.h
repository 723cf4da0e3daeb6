/*-------------------------------------------------------------------------
 *
 * cron_model.h
 *	  Random cron schedules, and what a reader who knows nothing of bits makes
 *	  of them: plain lists of values, and rules that are tried out on each day.
 *
 * Include it after "tap.h".
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CRON_MODEL_H
#define TASKLY_CRON_MODEL_H

#include "time/civil.h"

/* A schedule as a plain list of what each field allows. */
typedef struct Model
{
	bool		second[60];
	bool		minute[60];
	bool		hour[24];
	bool		day[32];
	bool		month[13];
	bool		weekday[8];
	bool		before_last[31];	/* L-n */
	bool		near[32];		/* nW */
	bool		near_before_last[31];	/* L-nW */
	bool		last_weekday[7];	/* nL */
	bool		nth_weekday[7][6];	/* w#n */
	bool		day_star;
	bool		weekday_star;
	int			number;			/* tells models apart */
} Model;

/* Is this day the one that is meant by nW? It looks at each day near the n-th. */
static bool
model_is_near(int64 day, int64 year, int month, int n)
{
	int			best = 0;

	if (n < 1 || n > civil_days_in_month(year, month) || llabs(civil_day(year, month, n) - day) > 6)
		return false;
	for (int d = 1; d <= civil_days_in_month(year, month); d++)
	{
		int			weekday = civil_weekday(civil_day(year, month, d));

		if (weekday == 0 || weekday == 6)
			continue;
		if (best == 0 || abs(d - n) < abs(best - n))
			best = d;
	}
	return civil_day(year, month, best) == day;
}

static bool
model_in_days(const Model *model, int64 day, CivilDate date)
{
	int			length = civil_days_in_month(date.year, date.month);
	bool		result = model->day[date.day] || model->before_last[length - date.day];

	for (int n = 1; n <= 31; n++)
		result |= model->near[n] && model_is_near(day, date.year, date.month, n);
	for (int n = 0; n <= 30; n++)
		result |= model->near_before_last[n] && model_is_near(day, date.year, date.month, length - n);
	return result;
}

static bool
model_in_weekdays(const Model *model, int64 day, CivilDate date)
{
	int			weekday = civil_weekday(day);
	bool		is_last = civil_date(day + 7).month != date.month;

	return model->weekday[weekday] || (model->last_weekday[weekday] && is_last) ||
		model->nth_weekday[weekday][(date.day + 6) / 7];
}

static bool
model_matches_day(const Model *model, int64 day)
{
	CivilDate	date = civil_date(day);
	bool		in_days;
	bool		in_weekdays;

	if (!model->month[date.month])
		return false;
	in_days = model_in_days(model, day, date);
	in_weekdays = model_in_weekdays(model, day, date);
	if (model->day_star || model->weekday_star)
		return in_days && in_weekdays;
	return in_days || in_weekdays;
}

/* Writes a random field and what it allows. */
static inline void
random_field(char *text, bool *allowed, int min, int max)
{
	int			parts = 1 + (int) tap_random(3);

	for (int i = 0; i < parts; i++)
	{
		int			first = min + (int) tap_random(max - min + 1);
		int			last = first + (int) tap_random(max - first + 1);
		int			step = 1 + (int) tap_random(Max(max / 2, 1));

		text += sprintf(text, "%s", i > 0 ? "," : "");
		switch (tap_random(7))
		{
			case 0:
				text += sprintf(text, "%s", tap_random(2) ? "*" : "?");
				first = min, last = max, step = 1;
				break;
			case 1:
				text += sprintf(text, "*/%d", step);
				first = min, last = max;
				break;
			case 2:
				text += sprintf(text, "%d-%d", first, last);
				step = 1;
				break;
			case 3:
				text += sprintf(text, "%d-%d/%d", first, last, step);
				break;
			case 4:
				text += sprintf(text, "%d/%d", first, step);
				last = max;
				break;
			case 5:
				/* Round past the end: the values up to it here, the others below. */
				if (first == min)
					first++;
				last = min + (int) tap_random(first - min);
				step = max == 31 ? 1 : step;
				text += sprintf(text, "%d-%d/%d", first, last, step);
				for (int value = first; value <= last + max - min + 1; value += step)
					allowed[value > max ? value - (max - min + 1) : value] = true;
				continue;
			default:
				text += sprintf(text, "%d", first);
				last = first;
		}
		for (int value = first; value <= last; value += step)
			allowed[value] = true;
	}
}

/* Adds a rule of a day of month, or two. */
static inline void
random_day_rules(char *text, Model *model)
{
	for (int i = (int) tap_random(3); i > 0; i--)
	{
		int			n = (int) tap_random(31);

		text += strlen(text);
		switch (tap_random(6))
		{
			case 0:
				sprintf(text, ",%s", tap_random(2) ? "L" : "$");
				model->before_last[0] = true;
				break;
			case 1:
				sprintf(text, ",l-%d", n);
				model->before_last[n] = true;
				break;
			case 2:
				sprintf(text, ",LW");
				model->near_before_last[0] = true;
				break;
			case 3:
				sprintf(text, ",L-%dw", n);
				model->near_before_last[n] = true;
				break;
			default:
				sprintf(text, ",%dW", n + 1);
				model->near[n + 1] = true;
		}
	}
}

/* Adds a rule of a weekday, or two. */
static inline void
random_weekday_rules(char *text, Model *model)
{
	static const char *const names[] = {"SUN", "mon", "Tue", "WED", "thU", "fri", "sat", "7"};

	for (int i = (int) tap_random(3); i > 0; i--)
	{
		int			weekday = (int) tap_random(8);
		int			n = 1 + (int) tap_random(5);

		text += strlen(text);
		if (tap_random(2))
		{
			sprintf(text, ",%sL", names[weekday]);
			model->last_weekday[weekday % 7] = true;
		}
		else
		{
			sprintf(text, ",%s#%d", names[weekday], n);
			model->nth_weekday[weekday % 7][n] = true;
		}
	}
}

/* Takes the values of a field away, so that the rules behind it are alone. */
static void
leave_rules(char *field, bool *allowed, int size)
{
	char	   *rules = strpbrk(field, "L$lW#");

	while (rules != NULL && rules > field && rules[-1] != ',')
		rules--;
	if (rules == NULL || tap_random(2))
		return;
	memmove(field, rules, strlen(rules) + 1);
	memset(allowed, 0, size);
}

/* Six random fields. */
static inline void
random_schedule(char *text, Model *model)
{
	char	   *field;

	memset(model, 0, sizeof(*model));
	random_field(text, model->second, 0, 59);
	random_field(strcat(text, " ") + strlen(text), model->minute, 0, 59);
	random_field(strcat(text, " ") + strlen(text), model->hour, 0, 23);
	field = strcat(text, " ") + strlen(text);
	random_field(field, model->day, 1, 31);
	random_day_rules(field, model);
	leave_rules(field, model->day, sizeof(model->day));
	model->day_star = *field == '*' || *field == '?';
	random_field(strcat(text, " ") + strlen(text), model->month, 1, 12);
	field = strcat(text, " ") + strlen(text);
	random_field(field, model->weekday, 0, 6);
	random_weekday_rules(field, model);
	leave_rules(field, model->weekday, sizeof(model->weekday));
	model->weekday_star = *field == '*' || *field == '?';
}

#endif							/* TASKLY_CRON_MODEL_H */
