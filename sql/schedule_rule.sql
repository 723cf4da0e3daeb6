-- Calendar rules, in PostgreSQL's own time zones.
\set ON_ERROR_STOP 0
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'America/New_York';

-- Every last Friday, across a change of clocks, in the zone of the call, and in its own.
SELECT next_runs FROM taskly.next_runs('DTSTART:20261001T093000 RRULE:FREQ=MONTHLY;BYDAY=-1FR', 3,
	'2026-01-01', 'America/New_York');
SELECT next_runs FROM taskly.next_runs('FREQ=MONTHLY;BYDAY=-1FR;COUNT=2 DTSTART;TZID=Europe/Berlin:20261001T093000', 3,
	'2026-01-01', 'America/New_York');
SELECT next_runs FROM taskly.next_runs('DTSTART:20261101T050000Z RRULE:FREQ=HOURLY;COUNT=3', 10, '2026-01-01', 'Asia/Tokyo');
-- Without DTSTART, the instant that is asked from is it.
SELECT next_runs FROM taskly.next_runs(E'RRULE:FREQ=WEEKLY;BYDAY=MO,FR\nEXDATE;VALUE=DATE:20260109\nRDATE:20260110T120000', 4,
	'2026-01-01 09:30', 'America/New_York');
-- The day that Samoa left out.
SELECT next_runs AT TIME ZONE 'Pacific/Apia' FROM taskly.next_runs('DTSTART;TZID=Pacific/Apia:20111229T120000 RRULE:FREQ=DAILY;COUNT=3',
	3, '2011-01-01', 'UTC');

-- Refused: what never comes due, and what is not a rule.
SELECT taskly.next_runs('DTSTART:20260101T000000 RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30', 1, now(), 'UTC');
SELECT taskly.next_runs('RRULE:FREQ=MONTHLY;BYWEEKNO=1', 1, now(), 'UTC');
SELECT taskly.next_runs('DTSTART;TZID=Europe/Berlin2:20260101T000000', 1, now(), 'UTC');
SELECT taskly.next_runs('BEGIN:VEVENT', 1, now(), 'UTC');

-- A task by a rule.
SELECT taskly.schedule('rule', 'RRULE:FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=9;BYMINUTE=30;BYSECOND=0', 'SELECT 1',
	starts_at => '2100-01-01', timezone => 'Europe/Berlin') > 0 AS scheduled;
SELECT next_fire AT TIME ZONE 'Europe/Berlin' AS next_fire FROM taskly.tasks WHERE name = 'rule';
SELECT taskly.schedule('past', 'DTSTART:20200101T000000 RRULE:FREQ=DAILY;COUNT=3', 'SELECT 1', timezone => 'UTC');
SELECT taskly.drop_task('rule');
