-- schedule, define, alter, pause, resume, drop_task: each argument is seen to take effect.
-- Nothing here is due while the test runs, but for one task that is meant to be.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- What defines a task, as lines; columns without a value are left out.
CREATE FUNCTION pg_temp.definition(task text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s = %s', c.key, c.value)
	FROM taskly.task t, jsonb_each_text(jsonb_strip_nulls(to_jsonb(t))) c
	WHERE t.name = task AND c.key NOT IN ('task_id', 'home_id', 'queue_id', 'owner', 'anchor', 'last_fire',
		'created_at', 'altered_at', 'paused_at')
	ORDER BY c.key COLLATE "C"
$$;

-- The same, of what differs from another task.
CREATE FUNCTION pg_temp.difference(task text, other text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT d FROM pg_temp.definition(task) d
	WHERE d <> 'name = ' || task AND d NOT IN (SELECT * FROM pg_temp.definition(other))
$$;

--
-- Defaults
--
SELECT taskly.schedule('plain', '0 0 1 1 *', 'SELECT 1') > 0 AS has_id;
SELECT * FROM pg_temp.definition('plain');
SELECT q.name, q.algorithm, q.aging, q.owner = e.extowner AS is_extension_owners
FROM taskly.task t JOIN taskly.queue q USING (queue_id), pg_extension e
WHERE t.name = 'plain' AND e.extname = 'taskly';
SELECT anchor = created_at AS anchored_now, last_fire <= now() + interval '1 minute' AND last_fire >= created_at AS fires_later,
	home_id = (SELECT home_id FROM taskly.home) AS is_at_home
FROM taskly.task WHERE name = 'plain';

SELECT taskly.define('plain_definition', 'SELECT 1') > 0 AS has_id;
SELECT * FROM pg_temp.definition('plain_definition');

--
-- Every argument
--
SELECT taskly.create_queue('side') > 0 AS has_id;
SELECT taskly.schedule(
	name => 'full', schedule => 'every 2 days', command => 'SELECT $1', kind => 'sql',
	args => '{"a": 1}', atomic => false, queue => 'side', priority => 7,
	timezone => 'Europe/Berlin', starts_at => '2100-01-01 00:00+00', ends_at => '2101-01-01 00:00+00',
	timeout => '90 s', deadline => '1 month', max_attempts => 3, backoff => 'linear 1s max 10s jitter full',
	retry_on => '{08,40P01}', never_on => '{42}', overlap => 'allow', missed => 'skip',
	on_lost => 'retry', on_failure => 'plain_definition', owner => current_user::regrole, description => 'all there is') > 0 AS has_id;
SELECT * FROM pg_temp.difference('full', 'plain');
SELECT q.name, t.anchor = t.starts_at AS anchored_at_start
FROM taskly.task t JOIN taskly.queue q USING (queue_id) WHERE t.name = 'full';

SELECT taskly.define(
	name => 'full_definition', command => 'echo', kind => 'shell', args => '[1]', queue => 'side', priority => -7,
	timeout => '90 s', deadline => '1 h', max_attempts => 2, backoff => 'none', retry_on => '{1,255}',
	never_on => '{2}', on_lost => 'retry', on_failure => 'plain_definition', description => 'a shell command') > 0 AS has_id;
SELECT * FROM pg_temp.difference('full_definition', 'plain_definition');

-- NULL is the default.
SELECT taskly.schedule('nulls', '0 0 1 1 *', 'SELECT 1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) > 0 AS has_id;
SELECT * FROM pg_temp.difference('nulls', 'plain');
SELECT taskly.drop_task('nulls');

--
-- Replacing: same task_id, options return to their defaults, state stays
--
CREATE TEMP TABLE before AS SELECT * FROM taskly.task WHERE name = 'full';
SELECT taskly.pause('full', 'for now');
UPDATE taskly.task SET runs = 5, failures = 2, consecutive_failures = 1, fires = 6 WHERE name = 'full';
SELECT taskly.schedule('full', 'every 2 days', 'SELECT 2', starts_at => '2100-01-01') = task_id AS same_id FROM before;
SELECT * FROM pg_temp.difference('full', 'plain');
SELECT t.anchor = b.anchor AS same_anchor, t.last_fire > b.last_fire AS bounds_changed, t.version > b.version AS version_grows
FROM taskly.task t JOIN before b USING (task_id);
SELECT taskly.schedule('full', 'every 2 days', 'SELECT 3') = task_id AS same_id FROM before;
SELECT anchor > now() - interval '1 minute' AS new_anchor FROM taskly.task WHERE name = 'full';
-- Nothing of the schedule changes: neither does what it remembers.
UPDATE taskly.task SET last_fire = '2020-01-01', anchor = '2019-01-01' WHERE name = 'full';
SELECT taskly.schedule('full', 'every 2 days', 'SELECT 4') = task_id AS same_id FROM before;
SELECT anchor, last_fire, command FROM taskly.task WHERE name = 'full';
-- Another one begins now, but one instant begins anew, and what has no schedule remembers.
SELECT taskly.schedule('full', 'every 3 days', 'SELECT 4') = task_id AS same_id FROM before;
SELECT anchor > now() - interval '1 minute' AS new_anchor, last_fire > now() - interval '1 minute' AS begins_now FROM taskly.task WHERE name = 'full';
SELECT taskly.schedule('full', '2100-01-01 00:00', 'SELECT 4') = task_id AS same_id FROM before;
SELECT last_fire FROM taskly.task WHERE name = 'full';
UPDATE taskly.task SET last_fire = '2020-01-01' WHERE name = 'full';
SELECT taskly.define('full', 'SELECT 5') = task_id AS same_id FROM before;
SELECT * FROM pg_temp.difference('full', 'plain_definition');
SELECT last_fire FROM taskly.task WHERE name = 'full';
SELECT taskly.drop_task('full');

--
-- Whether a command can be atomic, as NULL decides
--
CREATE FUNCTION pg_temp.kind_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM taskly.define('kind_of', command);
	RETURN (SELECT format('%s, on_lost %s', CASE WHEN atomic THEN 'atomic' ELSE 'autocommit' END, on_lost)
		FROM taskly.task WHERE name = 'kind_of');
END
$$;
SELECT n, c, pg_temp.kind_of(c) FROM unnest(ARRAY[
	'SELECT 1; SELECT 2',
	'ANALYZE t',
	'VACUUM',
	'SELECT 1; VACUUM ANALYZE t',
	'CREATE INDEX ON t (a)',
	'CREATE INDEX CONCURRENTLY ON t (a)',
	'DROP INDEX i',
	'DROP INDEX CONCURRENTLY i',
	'REINDEX TABLE t',
	'REINDEX TABLE CONCURRENTLY t',
	'REINDEX (CONCURRENTLY off) TABLE t',
	'REINDEX SCHEMA s',
	'REINDEX DATABASE d',
	'REINDEX SYSTEM d',
	'CREATE DATABASE d',
	'DROP DATABASE d',
	'ALTER DATABASE d SET TABLESPACE t',
	'ALTER DATABASE d CONNECTION LIMIT 1',
	'ALTER DATABASE d SET work_mem = 1',
	'CREATE TABLESPACE t LOCATION ''/t''',
	'DROP TABLESPACE t',
	'ALTER SYSTEM RESET ALL',
	'CLUSTER',
	'CLUSTER t',
	'DISCARD ALL',
	'DISCARD PLANS',
	'ALTER TABLE t DETACH PARTITION p',
	'ALTER TABLE t DETACH PARTITION p CONCURRENTLY',
	'ALTER TYPE t ADD VALUE ''v''',
	'CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p',
	'CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p WITH (create_slot = false)',
	'CREATE SUBSCRIPTION s CONNECTION '''' PUBLICATION p WITH (connect = false)',
	'ALTER SUBSCRIPTION s REFRESH PUBLICATION',
	'DROP SUBSCRIPTION s',
	'COPY t FROM ''/f''']) WITH ORDINALITY u (c, n) ORDER BY n;
-- The choice can be made by hand, where there is one.
SELECT taskly.define('kind_of', 'SELECT 1', atomic => false) > 0 AS has_id;
SELECT atomic, on_lost FROM taskly.task WHERE name = 'kind_of';
SELECT taskly.define('kind_of', 'BEGIN; SELECT 1; COMMIT', atomic => false) > 0 AS has_id;
SELECT taskly.define('kind_of', 'SELECT 1', on_lost => 'fail') > 0 AS has_id;
SELECT atomic, on_lost FROM taskly.task WHERE name = 'kind_of';
SELECT taskly.define('kind_of', 'true', kind => 'shell') > 0 AS has_id;
SELECT kind, atomic, on_lost FROM taskly.task WHERE name = 'kind_of';
SELECT taskly.drop_task('kind_of');

--
-- Time zones
--
SET taskly.timezone = 'Asia/Tokyo';
SET timezone = 'Asia/Tokyo';
SELECT taskly.schedule('zone', '0 3 1 1 *', 'SELECT 1') > 0 AS has_id;
SELECT timezone FROM taskly.task WHERE name = 'zone';
RESET taskly.timezone;
-- It is told when the session reads the schedule in another way, and only then.
SELECT taskly.schedule('zone', '0 3 1 1 *', 'SELECT 1') > 0 AS has_id;
SELECT taskly.schedule('zone', '2100-01-01 12:00', 'SELECT 1') > 0 AS has_id;
SELECT taskly.schedule('zone', '2100-01-01 12:00Z', 'SELECT 1') > 0 AS has_id;
SELECT taskly.schedule('zone', '*/5 * * * *', 'SELECT 1', starts_at => '2100-01-01') > 0 AS has_id;
SELECT taskly.schedule('zone', 'every 9 days', 'SELECT 1') > 0 AS has_id;
SELECT taskly.schedule('zone', '9 days after finish', 'SELECT 1', starts_at => '2100-01-01') > 0 AS has_id;
SELECT taskly.schedule('zone', '0 3 1 1 *', 'SELECT 1', timezone => 'UTC') > 0 AS has_id;
SET timezone = 'UTC';
SELECT timezone FROM taskly.task WHERE name = 'zone';
SELECT taskly.drop_task('zone');

--
-- A time in the past is due at once; bounds
--
SELECT taskly.schedule('past', '2020-01-01 00:00', 'SELECT 1') > 0 AS has_id;
SELECT taskly.drop_task('past');
SELECT taskly.schedule('bounds', '0 0 1 1 *', 'SELECT 1', starts_at => '2099-12-31', ends_at => '2100-01-01') > 0 AS has_id;
SELECT taskly.schedule('bounds', 'every 1 day', 'SELECT 1', starts_at => '-infinity', ends_at => 'infinity') > 0 AS has_id;
SELECT starts_at, ends_at FROM taskly.task WHERE name = 'bounds';
SELECT taskly.drop_task('bounds');

--
-- alter: each option, what NULL keeps, and back to the default
--
SELECT taskly.schedule('changing', '0 0 1 1 *', 'SELECT 1') AS id \gset
CREATE FUNCTION pg_temp.altered() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT d FROM pg_temp.difference('changing', 'plain') d WHERE d NOT LIKE 'version = %'
$$;
SELECT taskly.alter('changing') = :id AS same_id;
SELECT version FROM taskly.task WHERE name = 'changing';
SELECT taskly.alter('changing', schedule => '0 0 2 1 *', command => 'SELECT 2', args => '2', atomic => false,
	queue => 'side', priority => 2, timezone => 'Europe/Berlin', starts_at => '2100-01-01', ends_at => '2102-01-01',
	timeout => '2 s', deadline => '2 min', max_attempts => 2, backoff => 'fixed 2s', retry_on => '{22}',
	never_on => '{23}', overlap => 'allow', missed => 'skip', on_failure => 'plain_definition',
	description => 'changed') = :id AS same_id;
SELECT * FROM pg_temp.altered();
SELECT version, anchor = starts_at AS anchored_at_start FROM taskly.task WHERE name = 'changing';
SELECT taskly.alter('changing', description => 'changed again') = :id AS same_id;
SELECT * FROM pg_temp.altered();
SELECT taskly.alter('changing', reset => '{args,atomic,queue,priority,timezone,starts_at,ends_at}') = :id AS same_id;
SELECT * FROM pg_temp.altered();
SELECT anchor > now() - interval '1 minute' AS new_anchor FROM taskly.task WHERE name = 'changing';
SELECT taskly.alter('changing', reset => '{timeout,deadline,max_attempts,backoff,retry_on,never_on,overlap,missed,on_lost,on_failure,description,kind}') = :id AS same_id;
SELECT * FROM pg_temp.altered();
-- A hook need not exist yet, but that is told.
SELECT taskly.alter('changing', on_failure => 'hook') = :id AS same_id;
SELECT taskly.alter('changing', on_failure => 'changing') = :id AS same_id;
SELECT taskly.alter('changing', reset => '{on_failure}') = :id AS same_id;
-- By task_id, and a new name.
SELECT taskly.alter(:id, command => 'SELECT 3', rename_to => 'changed') = :id AS same_id;
SELECT name, command FROM taskly.task WHERE task_id = :id;
SELECT taskly.alter('changed', rename_to => 'changing') = :id AS same_id;
-- Kind and what depends on it.
SELECT taskly.alter('changing', command => 'true', kind => 'shell') = :id AS same_id;
SELECT kind, atomic, on_lost FROM taskly.task WHERE task_id = :id;
SELECT taskly.alter('changing', command => 'VACUUM', reset => '{kind}') = :id AS same_id;
SELECT kind, atomic, on_lost FROM taskly.task WHERE task_id = :id;
SELECT taskly.alter('changing', command => 'SELECT 1') = :id AS same_id;
SELECT kind, atomic, on_lost FROM taskly.task WHERE task_id = :id;
SELECT taskly.alter('changing', reset => '{atomic}') = :id AS same_id;
SELECT kind, atomic, on_lost FROM taskly.task WHERE task_id = :id;
SELECT taskly.alter('changing', atomic => false, on_lost => 'retry') = :id AS same_id;
SELECT kind, atomic, on_lost FROM taskly.task WHERE task_id = :id;
-- Without its schedule, with another one.
SELECT taskly.alter('changing', starts_at => '2100-01-01', overlap => 'allow') = :id AS same_id;
SELECT taskly.alter('changing', reset => '{schedule}') = :id AS same_id;
SELECT schedule, timezone, starts_at, overlap FROM taskly.task WHERE task_id = :id;
SELECT taskly.alter('changing', schedule => 'every 7 days') = :id AS same_id;
SELECT schedule, timezone, starts_at, overlap FROM taskly.task WHERE task_id = :id;
-- A task whose time has passed can still be changed, and be given new time.
UPDATE taskly.task SET ends_at = '2020-01-01' WHERE task_id = :id;
SELECT taskly.alter('changing', description => 'over') = :id AS same_id;
SELECT taskly.alter('changing', ends_at => '2100-01-01') = :id AS same_id;

--
-- pause, resume
--
SELECT version AS version FROM taskly.task WHERE task_id = :id \gset
SELECT taskly.pause('changing', 'maintenance');
SELECT paused_at IS NOT NULL AS is_paused, paused_reason, version > :version AS version_grows FROM taskly.task WHERE task_id = :id;
UPDATE taskly.task SET paused_at = '2020-01-01', last_fire = '2020-01-01' WHERE task_id = :id;
SELECT taskly.pause(:id);
SELECT paused_at, paused_reason FROM taskly.task WHERE task_id = :id;
SELECT taskly.resume(:id);
SELECT paused_at, paused_reason, last_fire > now() - interval '1 minute' AS makes_up_nothing FROM taskly.task WHERE task_id = :id;
SELECT taskly.resume('changing');
-- One instant that the pause has skipped is over; a delay after a finish has no memory of times.
SELECT taskly.alter('changing', schedule => '2100-01-01 00:00', reset => '{ends_at}') = :id AS same_id;
SELECT last_fire FROM taskly.task WHERE task_id = :id;
SELECT taskly.pause('changing'), taskly.resume('changing');
SELECT last_fire > now() - interval '1 minute' AS makes_up_nothing FROM taskly.task WHERE task_id = :id;
SELECT taskly.pause('changing');
SELECT taskly.alter('changing', schedule => '1 day after finish', starts_at => '2100-01-01') = :id AS same_id;
SELECT taskly.resume('changing');
SELECT last_fire FROM taskly.task WHERE task_id = :id;
-- Another delay counts from the same finish. (Paused, so that none is due.)
SELECT taskly.pause('changing');
UPDATE taskly.task SET last_fire = '2020-01-01' WHERE task_id = :id;
SELECT taskly.alter('changing', schedule => '2 days after finish') = :id AS same_id;
SELECT last_fire FROM taskly.task WHERE task_id = :id;
SELECT taskly.schedule('changing', '3 days after finish', 'SELECT 1', starts_at => '2100-01-01') = :id AS same_id;
SELECT last_fire FROM taskly.task WHERE task_id = :id;

--
-- drop_task: its waiting runs go, runs in execution and others' stay
--
INSERT INTO taskly.pending_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, owner, queue_id,
	priority, attempt, crashes, source, started_at)
SELECT 9000000000 + n, 0, CASE WHEN n < 4 THEN :id END, '2100-01-01', '2100-01-01', now(), current_user::regrole, 0, 0, 0, 0, 'enqueue',
	CASE WHEN n = 3 THEN now() END
FROM generate_series(1, 4) n;
SELECT taskly.drop_task('changing');
SELECT count(*) FROM taskly.task WHERE task_id = :id;
SELECT run_id - 9000000000 AS n FROM taskly.pending_run WHERE home_id = 0 ORDER BY 1;
DELETE FROM taskly.pending_run WHERE home_id = 0;

SELECT task_id AS id FROM taskly.task WHERE name = 'plain_definition' \gset
SELECT taskly.drop_task(:id);
SELECT taskly.drop_task('full_definition'), taskly.drop_task('plain');
SELECT taskly.drop_queue('side');

--
-- What a transaction does is undone with it
--
BEGIN;
SELECT taskly.define('undone', 'SELECT 1') > 0 AS has_id;
ROLLBACK;
SELECT count(*) FROM taskly.task WHERE name = 'undone';
BEGIN READ ONLY;
SELECT taskly.define('undone', 'SELECT 1');
ROLLBACK;

-- One statement sees what it did before.
SELECT taskly.define('one', 'SELECT 1') = taskly.alter('one', priority => 1) AS same_id, taskly.drop_task('one');

--
-- How many at once
--
SELECT taskly.define('two at once', 'SELECT 1', max_running => 2) AS id \gset
SELECT taskly.alter('two at once', description => 'as before') = :id AS same_id;
SELECT max_running, version FROM taskly.task WHERE task_id = :id;
SELECT taskly.alter('two at once', max_running => 2147483647) = :id AS same_id;
SELECT max_running FROM taskly.tasks WHERE task_id = :id;
SELECT taskly.alter('two at once', reset => '{max_running}') = :id AS same_id;
SELECT max_running FROM taskly.tasks WHERE task_id = :id;
SELECT taskly.schedule('two at once', '@yearly', 'SELECT 1', max_running => 1, timezone => 'UTC') = :id AS same_id;
SELECT max_running FROM taskly.tasks WHERE task_id = :id;
SELECT taskly.define('two at once', 'SELECT 1') = :id AS same_id;
SELECT max_running FROM taskly.tasks WHERE task_id = :id;
SELECT taskly.drop_task('two at once');

--
-- All of the database
--
SELECT taskly.pause_all('moving house', '2100-01-01');
SELECT paused_at IS NOT NULL AS is_paused, paused_until, paused_reason FROM taskly.home;
SELECT taskly.pause_all();
SELECT paused_at IS NOT NULL AS is_paused, paused_until, paused_reason FROM taskly.home;
SELECT taskly.resume_all();
SELECT paused_at, paused_until <= clock_timestamp() AS is_over, paused_reason FROM taskly.home;
SELECT taskly.resume_all();
-- A pause that has ended is not in force.
UPDATE taskly.home SET paused_at = '2020-01-01', paused_until = '2020-01-02';
SELECT taskly.pause_all();
SELECT taskly.resume_all();

-- Tasks that came from another home are parked until they are adopted.
SELECT taskly.adopt();
SELECT taskly.define('immigrant', 'SELECT 1') AS id \gset
UPDATE taskly.task SET home_id = -1 WHERE task_id = :id;
SELECT home_id AS home FROM taskly.home \gset
SELECT taskly.adopt();
SELECT home_id = :home AS is_at_home FROM taskly.task WHERE task_id = :id;
-- A database that was copied gets a home of its own.
UPDATE taskly.home SET database = 0;
SELECT taskly.define('immigrant', 'SELECT 1');
SELECT taskly.pause_all();
SELECT taskly.adopt();
SELECT home_id <> :home AS is_new, d.datname = current_database() AS is_ours
FROM taskly.home h LEFT JOIN pg_database d ON d.oid = h.database;
SELECT t.home_id = h.home_id AS is_at_home FROM taskly.task t, taskly.home h WHERE task_id = :id;
SELECT taskly.drop_task('immigrant');
