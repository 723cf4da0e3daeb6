-- What schedules mean, in English.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;

\x on
SELECT text, taskly.explain_schedule(text, 'Europe/Berlin')
FROM unnest(ARRAY['30 9 * * friL', '*/5 9-17 * * mon-fri', '0 0 13 * fri', '0 0 */2 * mon', '0 */2 * * *', '0 0-23/2 * * *', '@daily',
	'every 5 minutes between 09:00 and 17:00 on mon-fri', 'every 90 seconds', 'every day', '5 minutes after finish',
	'DTSTART:19970902T090000 RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;UNTIL=19971224', 'RRULE:FREQ=MONTHLY;BYDAY=-1FR',
	'DTSTART;TZID=America/New_York:20260105T090000 FREQ=DAILY;COUNT=10 RDATE:20260201 EXDATE:20260107', '2026-10-25 02:30', '2026-10-25 02:30+01', '@reboot']) WITH ORDINALITY AS t(text, n) ORDER BY n;
-- A long one is told whole.
SELECT length(s), right(s, 60) AS ends FROM taskly.explain_schedule('1/7,3/11 2/13,5/17 1,4,9,16,23 '
	|| (SELECT string_agg(n || 'W', ',' ORDER BY n) FROM generate_series(1, 31) AS n) || ' 2,5,7,11 '
	|| 'mon#1,tue#1,wed#2,thu#3,fri#4,sunL', 'Europe/Berlin') AS s;
\x off

-- The zone is that of the argument, else of taskly.timezone.
SELECT taskly.explain_schedule('0 3 * * *');
SET taskly.timezone = 'Asia/Tokyo';
SELECT taskly.explain_schedule('0 3 * * *'), taskly.explain_schedule('0 3 * * *', timezone => 'america/new_york');
RESET taskly.timezone;

-- What is refused, as by next_runs.
SELECT taskly.explain_schedule(NULL);
SELECT taskly.explain_schedule('61 * * * *');
SELECT taskly.explain_schedule('0 3 * * *', 'Mars/Olympus');
