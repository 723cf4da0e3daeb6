/*-------------------------------------------------------------------------
 *
 * cron_field.h
 *	  Reads one field of a cron schedule. For cron_parse.c only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TASKLY_CRON_FIELD_H
#define TASKLY_CRON_FIELD_H

#include "postgres.h"

#include "time/cron.h"
#include "time/scan.h"

/* The fields, in the order in which they are written. */
typedef enum CronField
{
	CRON_SECOND, CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY
} CronField;

#define CRON_FIELDS		6

/* Sets what the field allows in *result, whose sets for it must be empty. */
extern bool cron_field_parse(CronField field, Part text, Cron *result, ScheduleError *error);

/* Is it unrestricted, as Vixie's cron sees it: does it start with * or ?. */
extern bool cron_field_is_star(Part text);

#endif							/* TASKLY_CRON_FIELD_H */
