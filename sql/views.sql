-- What the views show, to whom, and that each of their columns is explained.
-- Rows are put into the tables in transactions that are rolled back, so nothing is ever run.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE ROLE views_one LOGIN;
CREATE ROLE views_two LOGIN;
CREATE ROLE views_monitor LOGIN;
GRANT USAGE ON SCHEMA taskly TO views_one, views_two, views_monitor;
GRANT pg_monitor TO views_monitor;

--
-- Shape
--
SELECT c.relname AS view, c.reloptions, has_table_privilege('views_one', c.oid, 'SELECT') AS can_be_read,
	(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns,
	(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
		AND col_description(a.attrelid, a.attnum) IS NULL) AS not_explained,
	obj_description(c.oid) IS NOT NULL AS is_explained
FROM pg_class c WHERE c.relnamespace = 'taskly'::regnamespace AND c.relkind = 'v' ORDER BY 1;
SELECT count(*) AS tables_that_can_be_read FROM pg_class c
WHERE c.relnamespace = 'taskly'::regnamespace AND c.relkind IN ('r', 'p')
	AND has_table_privilege('views_monitor', c.oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER');
SELECT p.oid::regprocedure AS not_explained FROM pg_proc p
WHERE p.pronamespace = 'taskly'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'taskly.runs'::regclass AND attnum > 0;

--
-- Waiting runs
--
BEGIN;
SELECT taskly.create_queue('views_side') > 0 AS has_id;
SELECT taskly.define('views one', 'SELECT 1', max_attempts => 2, timeout => '1 min', queue => 'views_side') AS task_id \gset
INSERT INTO taskly.pending_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, started_at, deadline_at, owner, queue_id,
	priority, attempt, crashes, max_attempts, source)
SELECT -n, t.home_id, t.task_id, now() + d.due_in, now() + d.due_in, now(), now() + d.started_in, now() + d.due_in + '1 hour', t.owner, t.queue_id,
	0, d.attempt, 0, d.max_attempts, 'enqueue'
FROM taskly.task t, (VALUES
	(1, '1 hour'::interval, NULL::interval, 0, NULL::int),
	(2, '-1 hour', NULL, 0, NULL),
	(3, '1 hour', NULL, 1, NULL),
	(4, '-1 second', NULL, 1, 7),
	(5, '-1 minute', '-30 seconds', 1, NULL)) d (n, due_in, started_in, attempt, max_attempts)
WHERE t.task_id = :task_id;
SELECT run_id, task, status, attempt, max_attempts, kind, atomic, command, source, timeout, deadline - scheduled_for AS deadline,
	stuck, node, finished_at
FROM taskly.runs WHERE run_id < 0 ORDER BY run_id DESC;
SELECT run_id, lateness, duration >= interval '30 seconds' AS has_run_for_long FROM taskly.runs WHERE run_id = -5;
SELECT depth, scheduled, running, oldest_wait >= interval '1 hour' AS waits_for_long
FROM taskly.queues WHERE name = 'views_side';
-- Keys: of -2 and -5 one, of the others another; one that no run has, but is paused
UPDATE taskly.pending_run SET key = CASE WHEN run_id IN (-2, -5) THEN 'one' ELSE 'two' END WHERE run_id < 0;
SELECT taskly.pause_key('views_side', 'three', 'until we know more');
INSERT INTO taskly.key_block SELECT queue_id, 'two', r, now() FROM taskly.queue, unnest('{-9,-8}'::int[]) r WHERE name = 'views_side';
SELECT key, weight, depth, scheduled, depending, running, oldest_wait > '0' AS has_wait, paused_at IS NOT NULL AS is_paused, paused_reason, blocked_by
FROM taskly.keys WHERE queue = 'views_side' ORDER BY key;
SELECT taskly.alter_queue('views_side', max_running_per_key => 1) > 0 AS has_id;
UPDATE taskly.queue SET block_key_on_failure = true WHERE name = 'views_side';
SELECT key, blocked_by, blocked_at IS NOT NULL AS has_time FROM taskly.keys WHERE queue = 'views_side' ORDER BY key;
-- Runs that wait for others
UPDATE taskly.pending_run SET due_at = 'infinity' WHERE run_id = -3;
SELECT depth, scheduled, depending, running FROM taskly.queues WHERE name = 'views_side';
SELECT key, scheduled, depending FROM taskly.keys WHERE queue = 'views_side' AND key = 'two';
-- Why nothing starts
CREATE FUNCTION pg_temp.reason() RETURNS text LANGUAGE sql AS $$ SELECT reason FROM taskly.queues WHERE name = 'views_side' $$;
UPDATE taskly.home SET paused_at = NULL;
DO $$
BEGIN
	FOR i IN 1 .. 6000 LOOP
		EXIT WHEN (SELECT state NOT IN ('none', 'starting') FROM taskly.leader);
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;
SELECT pg_temp.reason() AS one_is_free;
SELECT taskly.pause_key('views_side', 'one'), pg_temp.reason() AS paused_and_blocked;
DELETE FROM taskly.key_block;
SELECT pg_temp.reason() AS two_is_free;
SELECT taskly.pause_key('views_side', 'two'), pg_temp.reason() AS both_paused;
SELECT taskly.resume_key('views_side', 'one'), pg_temp.reason() AS one_resumed;
SELECT taskly.pause('views one'), pg_temp.reason() AS task_paused;
SELECT taskly.resume('views one'), taskly.alter_queue('views_side', max_running => 1) > 0 AS has_id, pg_temp.reason() AS max_running;
SELECT taskly.alter_queue('views_side', rate => 1, reset => '{max_running}') > 0 AS has_id, pg_temp.reason() AS rate;
SELECT taskly.pause_all(), pg_temp.reason() AS all_of_it;
SELECT taskly.pause_queue('views_side', 'on fire'), pg_temp.reason() AS queue_paused;
DELETE FROM taskly.pending_run WHERE run_id IN (-2, -4);
SELECT pg_temp.reason() AS nothing_is_due;
ROLLBACK;

--
-- Finished runs
--
BEGIN;
SELECT taskly.create_queue('views_side') > 0 AS has_id;
SELECT taskly.define('views one', 'SELECT 1', max_attempts => 3, queue => 'views_side', owner => 'views_one') AS task_id \gset
CREATE TEMP TABLE ends (n int, attempt int, is_final bool, status text, due_in interval, start_in interval, duration interval, deadline interval);
INSERT INTO ends VALUES
	(1, 1, true, 'succeeded', '0', '1 s', '1 s', NULL),
	(2, 1, true, 'succeeded', '0', '2 s', '2 s', '1 hour'),
	(3, 1, false, 'failed', '0', '3 s', '3 s', NULL),
	(3, 2, true, 'succeeded', '60 s', '61 s', '4 s', NULL),
	(4, 1, true, 'failed', '0', '5 s', '5 s', '7 s'),
	(5, 0, true, 'expired', '0', NULL, NULL, '3 s'),
	(6, 1, true, 'cancelled', '0', '6 s', '6 s', NULL);
INSERT INTO taskly.finished_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, started_at, deadline_at, owner, queue_id,
	priority, attempt, crashes, source, slot, is_final, finished_at, status, message)
SELECT -e.n, t.home_id, t.task_id, '2020-01-01'::timestamptz + e.due_in, '2020-01-01', '2020-01-01', '2020-01-01'::timestamptz + e.start_in,
	'2020-01-01'::timestamptz + e.deadline, t.owner, t.queue_id,
	0, e.attempt, 0, 'enqueue', e.n, e.is_final, '2020-01-01'::timestamptz + COALESCE(e.start_in + e.duration, '9 s'), e.status, e.status || '!'
FROM taskly.task t, ends e WHERE t.task_id = :task_id;
-- and one without a task
INSERT INTO taskly.finished_run (run_id, home_id, due_at, scheduled_for, queued_at, started_at, owner, queue_id, priority, attempt,
	crashes, source, slot, is_final, finished_at, status, command, kind, atomic)
SELECT -7, t.home_id, '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01', 'views_two', t.queue_id, 0, 1, 0, 'submit', 0, true,
	'2020-01-01 00:00:10', 'succeeded', 'SELECT 7', 'sql', true
FROM taskly.task t WHERE t.task_id = :task_id;
SELECT run_id, task, queue, status, attempt, max_attempts, command, duration, lateness, finished_at
FROM taskly.runs WHERE run_id < 0 ORDER BY run_id DESC;
SELECT run_id, attempt, status, is_final, duration, lateness FROM taskly.attempts WHERE run_id = -3 ORDER BY attempt;
-- newest first
SELECT run_id, status, message FROM taskly.failures WHERE run_id < 0;
SELECT scope, task, owner, runs, failures, attempts, duration_mean, duration_p50, duration_p95, duration_p99,
	lateness_mean, lateness_p50, lateness_p95, lateness_p99, deadline_misses, since
FROM taskly.stats WHERE task_id = :task_id;
SAVEPOINT before_drop;
DELETE FROM taskly.task WHERE task_id = :task_id;
SELECT scope, task, owner, runs FROM taskly.stats WHERE task_id = :task_id;
ROLLBACK TO before_drop;
-- Queues and tasks tell of the last hour only
SELECT lateness_p50, lateness_p95, lateness_p99, deadline_misses FROM taskly.queues WHERE name = 'views_side';
SELECT deadline_misses FROM taskly.tasks WHERE task_id = :task_id;
UPDATE taskly.finished_run SET finished_at = finished_at + (now() - '2020-01-01'), deadline_at = deadline_at + (now() - '2020-01-01') WHERE run_id < 0;
UPDATE taskly.task SET last_finished_at = now() WHERE task_id = :task_id;
SELECT lateness_p50, lateness_p95, lateness_p99, deadline_misses FROM taskly.queues WHERE name = 'views_side';
SELECT deadline_misses FROM taskly.tasks WHERE task_id = :task_id;

-- To whom
CREATE FUNCTION pg_temp.seen() RETURNS TABLE (tasks bigint, runs bigint, attempts bigint, failures bigint, all_runs bigint) LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM taskly.tasks WHERE name = 'views one'),
		(SELECT count(*) FROM taskly.runs WHERE run_id < 0),
		(SELECT count(*) FROM taskly.attempts WHERE run_id < 0),
		(SELECT count(*) FROM taskly.failures WHERE run_id < 0),
		(SELECT runs FROM taskly.stats WHERE scope = 'all')
$$;
SET LOCAL ROLE views_one;
SELECT * FROM pg_temp.seen();
SELECT scope, runs FROM taskly.stats ORDER BY scope;
SET LOCAL ROLE views_two;
SELECT * FROM pg_temp.seen();
SELECT run_id, task, command FROM taskly.runs;
-- A function that tells what it is given is given nothing of others
CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'seen: %', $1; RETURN true; END $$;
SELECT count(*) FROM taskly.runs WHERE pg_temp.tell(command);
SELECT count(*) FROM taskly.tasks WHERE pg_temp.tell(command);
SELECT count(*) FROM taskly.attempts WHERE pg_temp.tell(status);
SELECT count(*) FROM taskly.failures WHERE pg_temp.tell(message);
-- Queues can be seen by all, what is in them not
SELECT name, depth, lateness_p50 FROM taskly.queues WHERE name = 'views_side';
SELECT count(*) FROM taskly.keys WHERE queue = 'views_side';
SELECT taskly.reads_all(), count(*) FROM taskly.running_runs();
SELECT waiting, dispatched, wakeups, rescans FROM taskly.leader;
SET LOCAL ROLE views_monitor;
SELECT taskly.reads_all(), tasks, runs, attempts, failures FROM pg_temp.seen();
RESET ROLE;
SELECT taskly.reads_all(), tasks, runs, attempts, failures FROM pg_temp.seen();
GRANT views_one TO views_two;
SET LOCAL ROLE views_two;
SELECT * FROM pg_temp.seen();
RESET ROLE;
-- By indexes, when one run or the runs of one task are asked for
SET LOCAL enable_seqscan = off;
CREATE FUNCTION pg_temp.indexes(query text) RETURNS TABLE (relation text, index text) LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN QUERY SELECT DISTINCT COALESCE(s ->> 'Relation Name', ''), s ->> 'Index Name'
		FROM jsonb_path_query(plan, 'strict $.**') s
		WHERE jsonb_typeof(s) = 'object' AND s ? 'Node Type' AND s ->> 'Node Type' ~ 'Scan'
			AND (s ? 'Index Name' OR s ->> 'Relation Name' ~ '^(pending|finished)' AND s ->> 'Node Type' !~ 'Bitmap');
END
$$;
SELECT regexp_replace(index, '_\d+', '_N'), count(*) FROM pg_temp.indexes('SELECT * FROM taskly.runs WHERE run_id = 5')
WHERE index ~ '_run_' OR relation ~ '_run' GROUP BY 1 ORDER BY 1;
SELECT regexp_replace(index, '_\d+', '_N'), count(*) FROM pg_temp.indexes(format('SELECT * FROM taskly.runs WHERE task_id = %s', :task_id))
WHERE index ~ '_run_' OR relation ~ '_run' GROUP BY 1 ORDER BY 1;
SELECT regexp_replace(index, '_\d+', '_N'), count(*) FROM pg_temp.indexes('SELECT * FROM taskly.runs WHERE task = ''views one''')
WHERE index ~ '_run_' OR relation ~ '_run' GROUP BY 1 ORDER BY 1;
ROLLBACK;

--
-- Next occurrences
--
-- of a task whose row says so
BEGIN;
SELECT taskly.define('views fire', 'SELECT 1') > 0 AS has_id;
CREATE FUNCTION pg_temp.next_fire(text, text, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz)
RETURNS timestamptz LANGUAGE sql AS $$
	UPDATE taskly.task SET schedule = $1, timezone = $2, anchor = $3, last_fire = $4, starts_at = $5, ends_at = $6,
		last_finished_at = $7 WHERE name = 'views fire';
	SELECT taskly.next_fire(task_id) FROM taskly.task WHERE name = 'views fire'
$$;
SELECT s, pg_temp.next_fire(s, 'UTC', '2020-01-01 00:00', '2020-06-01 12:00', NULL, NULL, NULL)
FROM unnest('{0 3 * * *,every 7 hours,2020-06-01 11:00,2020-07-01 11:00,@reboot,1 hour after finish,nonsense}'::text[]) s;
SELECT pg_temp.next_fire(NULL, 'UTC', now(), now(), NULL, NULL, NULL) IS NULL AS without_schedule,
	pg_temp.next_fire('0 3 * * *', 'Nowhere/Land', now(), now(), NULL, NULL, NULL) IS NULL AS without_zone;
SELECT pg_temp.next_fire('0 3 * * *', 'America/New_York', '2020-01-01', '2020-06-01 12:00', NULL, NULL, NULL) AS in_zone,
	pg_temp.next_fire('0 3 * * *', 'UTC', '2020-01-01', '2020-06-01', '2021-01-01 03:00', NULL, NULL) AS from_start,
	pg_temp.next_fire('0 3 * * *', 'UTC', '2020-01-01', '2020-06-01 12:00', NULL, '2020-06-02 03:00', NULL) AS until_end,
	pg_temp.next_fire('0 3 * * *', 'UTC', '2020-01-01', '2020-06-01 12:00', NULL, '2020-06-02 02:59', NULL) AS after_end;
SELECT pg_temp.next_fire('1 hour after finish', 'UTC', '2020-01-01', '-infinity', NULL, NULL, NULL) AS at_first,
	pg_temp.next_fire('1 hour after finish', 'UTC', '2020-01-01', '2020-06-01 12:00', NULL, NULL, '2020-06-01 12:10') AS after_finish,
	pg_temp.next_fire('2020-07-01 00:00', 'UTC', '2020-08-01', '-infinity', NULL, NULL, NULL) AS once_in_the_past;
UPDATE taskly.task SET max_runs = 2, fires = 2, schedule = '@daily' WHERE name = 'views fire';
SELECT next_fire IS NULL AS is_over FROM taskly.tasks WHERE name = 'views fire';
ROLLBACK;
BEGIN;
SELECT taskly.schedule('views one', '0 3 1 1 *', 'SELECT 1') > 0 AS has_id;
SELECT next_fire = date_trunc('year', now()) + interval '1 year 3 hours' AS is_next, last_status, parked, paused_at
FROM taskly.tasks WHERE name = 'views one';
SELECT taskly.pause('views one');
SELECT next_fire, paused_at IS NOT NULL AS is_paused FROM taskly.tasks WHERE name = 'views one';
ROLLBACK;

--
-- Processes
--
SELECT count(*) AS nodes, min(role) AS role, bool_and(started_at < now()) AS has_started,
	min(max_workers) = current_setting('taskly.max_workers')::int AS has_workers FROM taskly.nodes;
SELECT count(*) AS leaders, bool_and(term >= 0) AS has_term, bool_and(reason IS NULL OR reason <> '') AS may_have_reason FROM taskly.leader;
-- A copy of a database says so, and what to do
BEGIN;
UPDATE taskly.home SET database = 0;
SELECT state, reason FROM taskly.leader;
SELECT taskly.define('views one', 'SELECT 1');
ROLLBACK;

SET client_min_messages = warning;
DROP OWNED BY views_one, views_two, views_monitor;
DROP ROLE views_one, views_two, views_monitor;
