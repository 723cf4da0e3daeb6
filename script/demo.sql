-- What taskly does, in a minute: run by script/demo on a server of its own.
\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\pset null '-'
SET client_min_messages = warning;

CREATE EXTENSION taskly;

CREATE TABLE beat (at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE parcel (number int PRIMARY KEY, sent_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE SEQUENCE try;

-- Waits until a query's answer is true.
CREATE PROCEDURE wait_until(question text, seconds int DEFAULT 30)
LANGUAGE plpgsql AS $$
DECLARE
	is_so boolean := false;
	give_up_at timestamptz := clock_timestamp() + make_interval(secs => seconds);
BEGIN
	LOOP
		EXECUTE question INTO is_so;
		EXIT WHEN is_so;
		IF clock_timestamp() > give_up_at THEN
			RAISE EXCEPTION 'waited % s for: %', seconds, question;
		END IF;
		COMMIT;
		PERFORM pg_sleep(0.1);
	END LOOP;
END
$$;

\echo
\echo '== 1. Tasks: every second, by cron (six fields: every fifth second), once in three seconds'
SELECT taskly.schedule('heartbeat', 'every 1 second', 'INSERT INTO beat DEFAULT VALUES');
SELECT taskly.schedule('tidy', '*/5 * * * * *', 'DELETE FROM beat WHERE at < now() - interval ''1 hour''');
SELECT taskly.create_calendar('holidays', ARRAY[current_date + 1]);
SELECT taskly.schedule('payroll', 'RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=9;BYMINUTE=30;BYSECOND=0',
	'SELECT 1', timezone => 'Europe/Berlin', calendar => 'holidays', on_excluded => 'previous');
SELECT taskly.schedule('office', 'every 20 minutes between 09:00 and 17:00 on mon-fri', 'SELECT 1',
	timezone => 'America/New_York', overlap => 'queue', missed => 'skip');
SELECT taskly.schedule('one-shot', (now() + interval '3 seconds')::text, 'ANALYZE parcel');

\echo '   What schedules mean'
SELECT name, taskly.explain_schedule(schedule, timezone) AS means FROM taskly.tasks ORDER BY name;

\echo '== 2. A task that fails twice before it works, a shell task, and one that takes too long'
SELECT taskly.define('flaky', $$
	DO $do$
	BEGIN
		IF nextval('try') < 3 THEN
			RAISE EXCEPTION 'the other side does not answer';
		END IF;
	END
	$do$ $$,
	max_attempts => 5, backoff => 'exponential 1s max 10s');
SELECT taskly.define('greet', 'echo "hello from $(uname -s); my arguments are $TASKLY_ARGS"', kind => 'shell');
SELECT taskly.define('too slow', 'SELECT pg_sleep(3600)', timeout => '1 second');

SELECT taskly.enqueue('flaky') AS flaky,
	taskly.enqueue('greet', '{"planet": "earth"}') AS greet,
	taskly.enqueue('too slow') AS too_slow \gset

\echo '== 3. A burst: 1,000 runs of a task in one transaction'
SELECT taskly.define('send parcel', 'INSERT INTO parcel VALUES (($1 ->> ''number'')::int)');
SELECT clock_timestamp() AS burst_at \gset
SELECT count(*) AS enqueued
FROM taskly.enqueue_many('send parcel',
	ARRAY(SELECT jsonb_build_object('number', i) FROM generate_series(1, 1000) i));
CALL wait_until('SELECT count(*) = 1000 FROM parcel');
SELECT count(*) AS parcels, max(sent_at) - :'burst_at' AS "time for all" FROM parcel;

\echo '== 4. Waiting for the others'
SELECT taskly.wait(:greet, '20 seconds') AS greet,
	taskly.wait(:too_slow, '20 seconds') AS "too slow",
	taskly.wait(:flaky, '30 seconds') AS flaky;
CALL wait_until('SELECT count(*) >= 5 FROM beat');
CALL wait_until($$SELECT count(*) > 0 FROM taskly.runs WHERE task = 'tidy' AND status = 'succeeded'$$);
CALL wait_until($$SELECT count(*) > 0 FROM taskly.runs WHERE task = 'one-shot' AND status = 'succeeded'$$);

\echo
\echo '== taskly.tasks'
SELECT name, schedule, next_fire, last_status, runs, failures FROM taskly.tasks ORDER BY name;

\echo '== What is upcoming: in the next three seconds, and of one task'
SELECT scheduled_for, task FROM taskly.upcoming(now() + interval '3 seconds');
SELECT scheduled_for, task FROM taskly.upcoming(now() + interval '100 days', only_task => 'payroll');

\echo '== taskly.runs: the newest 20, less the parcels'
SELECT run_id, task, status, attempt, to_char(started_at, 'HH24:MI:SS.MS') AS started,
	lateness, duration, coalesce(message, rtrim(output, E'\n')) AS "message or output"
FROM taskly.runs
WHERE task <> 'send parcel'
ORDER BY run_id DESC
LIMIT 20;

\echo '== The attempts of the task that failed twice'
SELECT attempt, status, sqlstate, message, to_char(finished_at, 'HH24:MI:SS.MS') AS finished
FROM taskly.attempts
WHERE run_id = :flaky
ORDER BY attempt;

\echo '== Runs by status'
SELECT status, count(*) FROM taskly.runs GROUP BY status ORDER BY status;

\echo '== How late runs started, and how long they took: taskly.stats'
SELECT task, runs, failures, lateness_p50, lateness_p99, duration_p50, duration_p99
FROM taskly.stats
ORDER BY task;
