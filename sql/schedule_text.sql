-- Schedules: what is read, when it comes due, and what is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';

-- Cron: five fields, or six with seconds first.
SELECT * FROM taskly.next_runs('*/20 9-10 * * mon-fri', 7, '2026-11-27 10:30Z');
SELECT * FROM taskly.next_runs('*/20 0 12 * * *', 4, '2026-11-23 12:00:10Z');
SELECT * FROM taskly.next_runs('0 0 13 * FRI', 3, '2026-11-23Z');
SELECT * FROM taskly.next_runs('0 0 29 2 ?', 3, '2090-01-01Z');
SELECT * FROM taskly.next_runs('@weekly', 2, '2026-11-23Z');
SELECT count(*) FROM taskly.next_runs('* * * * *');

SELECT * FROM taskly.next_runs('0 22-1 * * fri-sun', 5, '2026-11-27 12:00Z');
SELECT * FROM taskly.next_runs('0 9 1,15,L,$ * ?', 4, '2026-11-23Z');
SELECT * FROM taskly.next_runs('0 9 LW,1W,L-3 * ?', 5, '2027-05-01Z');
SELECT * FROM taskly.next_runs('30 9 * * FRIL,mon#2', 4, '2026-11-01Z');
SELECT * FROM taskly.next_runs('0 0 L * sun#5', 3, '2026-11-01Z');
SELECT * FROM taskly.next_runs('0 0 * 2 mon#5', 3, '2072-03-01Z');
SELECT * FROM taskly.next_runs('@every 90s', 2, '2026-11-23 12:00Z');

-- Windows: the interval is counted from when they open.
SELECT * FROM taskly.next_runs('every 3 hours between 09:00 and 17:00 on mon-fri', 6, '2026-11-27 10:00Z');
SELECT * FROM taskly.next_runs('every 4 hours between 22:00 and 06:00 on fri', 4, '2026-11-27 23:00Z');
SELECT * FROM taskly.next_runs('every 10 hours on weekends', 4, '2026-11-27 23:00Z');
SELECT * FROM taskly.next_runs('every 3 days on weekdays', 4, '2026-11-26 09:00Z');

-- Intervals: the grid starts where one asks.
SELECT * FROM taskly.next_runs('every 90 seconds', 3, '2026-11-23 12:00:00.25Z');
SELECT * FROM taskly.next_runs('1.5 seconds', 2, '2026-11-23 12:00Z');
SELECT * FROM taskly.next_runs('every month', 4, '2027-10-31 09:00Z');
SELECT * FROM taskly.next_runs('every 1 year', 5, '2024-02-29 09:00Z');
-- After a finish: only the first is known.
SELECT * FROM taskly.next_runs('90 seconds after finish', 3, '2026-11-23 12:00Z');

-- Once, and never by time.
SELECT * FROM taskly.next_runs('2026-11-23 12:00', 3, '2026-11-01Z');
SELECT * FROM taskly.next_runs('2026-11-23 12:00', 3, '2026-11-23 12:00Z');
SELECT * FROM taskly.next_runs('2026-11-23T12:00:59.5+05:30', 3, '2026-11-01Z');
SELECT * FROM taskly.next_runs('@reboot', 3, '2026-11-01Z');

-- The ends of time.
SELECT * FROM taskly.next_runs('0 0 1 1 *', 2, '-infinity');
SELECT * FROM taskly.next_runs('0 0 1 1 *', 2, '294275-06-01Z');
SELECT * FROM taskly.next_runs('0 0 1 1 *', 2, 'infinity');
SELECT * FROM taskly.next_runs('every day', 2, '294276-12-30Z');
SELECT * FROM taskly.next_runs('every day', 2, '-infinity');
SELECT * FROM taskly.next_runs('0 3 * * *', 2, '294276-07-01Z', 'Europe/Berlin');

-- The zone is that of the argument, else of taskly.timezone; the session's does not matter.
SELECT * FROM taskly.next_runs('0 3 * * *', 1, '2026-11-23Z', 'Asia/Kolkata');
SELECT * FROM taskly.next_runs('2026-11-23 12:00', 1, '2026-11-01Z', 'america/new_york');
SET timezone = 'Asia/Tokyo';
SELECT next_runs AT TIME ZONE 'UTC' AS utc FROM taskly.next_runs('0 3 * * *', 1, '2026-11-23Z');
SET taskly.timezone = 'Europe/Berlin';
SELECT next_runs AT TIME ZONE 'UTC' AS utc FROM taskly.next_runs('0 3 * * *', 1, '2026-11-23Z');
RESET taskly.timezone;
SET timezone = 'UTC';

-- Clocks move forward (02:00 to 03:00 on 29 March) and back (03:00 to 02:00 on 25 October).
SET timezone = 'Europe/Berlin';
SELECT * FROM taskly.next_runs('30 2 * * *', 3, '2026-03-28 00:00', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('30 2 * * *', 3, '2026-10-24 00:00', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('30 * * * *', 3, '2026-03-29 01:00', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('30 * * * *', 4, '2026-10-25 01:00', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('every day', 3, '2026-03-28 02:30', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('every 24 hours', 2, '2026-03-28 02:30', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('every 1 hour between 02:30 and 04:30', 5, '2026-03-28 12:00', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('every 1 hour between 01:30 and 04:00', 5, '2026-10-24 12:00', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('2026-03-29 02:30:30.5', 1, '2026-01-01', 'Europe/Berlin');
SELECT * FROM taskly.next_runs('2026-10-25 02:30', 1, '2026-01-01', 'Europe/Berlin');
SET timezone = 'UTC';

-- The same, by a clock that is watched minute by minute. A fixed time is due when the clock first
-- reaches or passes it; a schedule with * as its hour, whenever the clock shows a match.
CREATE FUNCTION pg_temp.watched(zone text, minutes int[], hours int[], follows boolean, starts timestamptz, ends timestamptz)
RETURNS SETOF timestamptz LANGUAGE sql AS $$
	WITH clock AS (
		SELECT t, t AT TIME ZONE zone AS shown,
			max(t AT TIME ZONE zone) OVER (ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS latest
		FROM generate_series(starts - interval '2 days', ends, '1 minute') AS t)
	SELECT t FROM clock
	WHERE t > starts AND EXISTS (
		SELECT FROM generate_series(CASE WHEN follows THEN shown ELSE latest + interval '1 minute' END, shown, '1 minute') AS passed
		WHERE extract(minute FROM passed) = ANY (minutes) AND extract(hour FROM passed) = ANY (hours))
$$;
CREATE TEMP TABLE change (zone text, starts timestamptz);
INSERT INTO change VALUES
	('Europe/Berlin', '2026-03-28'), ('Europe/Berlin', '2026-10-24'),
	('America/New_York', '2026-03-07'), ('America/New_York', '2026-10-31'),
	('Australia/Lord_Howe', '2026-04-03'), ('Australia/Lord_Howe', '2026-10-02'),
	('Asia/Gaza', '2010-03-25'), ('Asia/Gaza', '2009-09-03'),
	('America/Sao_Paulo', '2018-11-03'), ('America/Sao_Paulo', '2018-02-16'),
	('Africa/Casablanca', '2025-02-22'), ('Africa/Casablanca', '2025-04-05'),
	('Pacific/Apia', '2011-12-29'), ('Pacific/Kwajalein', '1969-09-29');
CREATE TEMP TABLE pattern (schedule text, minutes int[], hours int[], follows boolean);
INSERT INTO pattern VALUES
	('30 2 * * *', '{30}', '{2}', false),
	('15 0 * * *', '{15}', '{0}', false),
	('0,15,45 1-3 * * *', '{0,15,45}', '{1,2,3}', false),
	('7 0-23 * * *', '{7}', ARRAY(SELECT generate_series(0, 23)), false),
	('20,50 * * * *', '{20,50}', ARRAY(SELECT generate_series(0, 23)), true),
	('0 */2 * * *', '{0}', ARRAY(SELECT generate_series(0, 23, 2)), true);
SELECT zone, starts, sum(fires) > 200 AS watched, sum(missing) AS missing, sum(extra) AS extra
FROM change, pattern, LATERAL (
	WITH expected AS MATERIALIZED (
		SELECT * FROM pg_temp.watched(zone, minutes, hours, follows, starts, starts + interval '3 days') AS t),
	found AS MATERIALIZED (
		SELECT * FROM taskly.next_runs(schedule, 200, starts, zone) AS t WHERE t <= starts + interval '3 days')
	SELECT (SELECT count(*) FROM expected) AS fires,
		(SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE found) AS m) AS missing,
		(SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE expected) AS e) AS extra) AS compared
GROUP BY zone, starts ORDER BY zone, starts;

-- Clocks go on being moved beyond what the zone's table lists.
SELECT zone, count(*) AS years, count(*) FILTER (WHERE shown <> make_timestamp(year + 1, month, 1, 0, 0, 0)) AS wrong
FROM unnest('{Europe/Berlin,America/New_York,Australia/Sydney,UTC}'::text[]) AS zone,
	unnest('{1,7}'::int[]) AS month, generate_series(2000, 3000) AS year,
	LATERAL (SELECT next_runs AT TIME ZONE zone AS shown
		FROM taskly.next_runs('0 * 1 ' || month || ' *', 1, make_timestamptz(year, month, 2, 12, 0, 0), zone)) AS n
GROUP BY zone ORDER BY zone;

-- What is refused, and how it is said.
CREATE FUNCTION pg_temp.refused(schedule text, timezone text DEFAULT NULL, n int DEFAULT 1, after timestamptz DEFAULT now())
RETURNS TABLE (code text, message text, detail text, hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM taskly.next_runs(schedule, n, after, timezone);
	RETURN QUERY SELECT 'accepted', schedule, '', '';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;
\x on
SELECT r.* FROM unnest(ARRAY['61 * * * *', '* * 25-5/2 * *', '* * 15X * *', '* * * * L', '* * * * fri#6', '*/90 * * * *', '* * * foo *', '* * * *', '0 0 31 4 *', '@fortnightly',
	'every 5 fortnights', 'every 10 ms', 'every 1.5 days', '5 minutes after finsh', 'every monday', 'every day at 9:00', 'every 5 minutes between 9 and 17',
	'every 5 minutes on payday', 'every day between 09:00 and 17:00', 'every 2 weeks on tue', '2026-02-30 12:00', 'tomorrow',
	E'0 0 1 1 \001']) WITH ORDINALITY AS t(text, n), pg_temp.refused(text) AS r ORDER BY n;
\x off
-- Zones: names of the IANA tables, and nothing that only looks like one.
SELECT left(zone, 20) AS zone, r.code, r.message FROM unnest(ARRAY['Etc/GMT+5', 'EST5EDT', 'Europe/Berlin2', 'UTC+3', '<+03>-3', 'Mars/Olympus', '',
	repeat('x', 300)]) WITH ORDINALITY AS t(zone, n), pg_temp.refused('@daily', zone) AS r ORDER BY n;
-- Arguments.
SELECT r.code, r.message, r.detail FROM (VALUES (1, NULL, 1, now()), (2, '@daily', NULL, now()), (3, '@daily', 1, NULL),
	(4, '@daily', 0, now()), (5, '@daily', 10001, now()), (6, '@daily', 10000, now())) AS t(i, text, n, after),
	pg_temp.refused(text, n => n, after => after) AS r ORDER BY i;
SELECT count(*), max(next_runs) FROM taskly.next_runs('every second', 10000, '2026-11-23Z');
