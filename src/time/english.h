/*-------------------------------------------------------------------------
 *
 * english.h
 *	  What explanations of schedules are put together from.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_ENGLISH_H
#define TASKLY_ENGLISH_H

#include "postgres.h"
#include "pgtime.h"

/* As snprintf() has it: what does not fit is cut off, and counted in length. */
typedef struct Sentence
{
	char	   *buffer;
	size_t		size;
	size_t		length;
} Sentence;

/* Items that a sentence lists: "a", "a and b", "a, b and c". */
typedef struct Items
{
	Sentence   *sentence;
	const char *last;			/* before the last one: " and " */
	int			left;			/* still to come */
	bool		has_some;
} Items;

/* Says one value of a set, or where a range of them ends. */
typedef void (*SayValue) (Sentence *sentence, int value);

extern void say(Sentence *sentence, const char *format,...) pg_attribute_printf(2, 3);

/* Says what stands before the next item, which may follow then. */
extern Sentence *say_next(Items *items);

extern void say_number(Sentence *sentence, int n);
extern void say_ordinal(Sentence *sentence, int n);	/* "1st", "22nd" */
extern void say_weekday(Sentence *sentence, int weekday);	/* 0 and 7 are Sunday */
extern void say_month(Sentence *sentence, int month);	/* 1 is January */

/* "2 hours" */
extern void say_amount(Sentence *sentence, int64 n, const char *unit);

/* "09:30", or with seconds where they are not zero. */
extern void say_time(Sentence *sentence, int second_of_day);

/* "at 09:00 and 17:00": of few times; false, and nothing is said: there are many. */
extern bool say_times(Sentence *sentence, uint64 hours, uint64 minutes, uint64 seconds);

/* "23 November 2026" */
extern void say_date(Sentence *sentence, int64 day);

/*
 * "23 November 2026 at 12:00", by the clocks of a zone; with its offset when
 * they show that for the second time.
 */
extern void say_instant(Sentence *sentence, const pg_tz *zone, int64 instant);

/*
 * The values of a set from min to max, as items: three and more in a row are
 * one ("3 to 7"), which may go on from max to min ("22 to 3").
 */
extern int	count_ranges(uint64 set, int min, int max);
extern void say_ranges(Items *items, uint64 set, int min, int max, SayValue say_value);

/* All of a set as a list: "Monday to Friday and Sunday". */
extern void say_set(Sentence *sentence, uint64 set, int min, int max, SayValue say_value);

/* A set of weekdays in the order in which they are said: 1 is Monday, 7 Sunday. */
static inline uint64
week_from_monday(uint8 weekdays)
{
	return (weekdays & 0x7E) | (weekdays & 1) << 7;
}

#endif							/* TASKLY_ENGLISH_H */
