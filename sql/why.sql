-- why(): what keeps a run from running, as far as tables tell; test/pgtap/why.sql has what runs.
-- All is done in transactions that are rolled back, so nothing is ever run.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- The runs of a queue, with the reason of each; ids as they are counted from the first.
CREATE FUNCTION pg_temp.reasons(queue text) RETURNS TABLE (run bigint, status text, reason text) LANGUAGE sql AS $$
	SELECT run_id - 1000000, status, regexp_replace(taskly.why(run_id), '1000(\d\d\d)', 'N+\1', 'g')
	FROM taskly.runs WHERE queue = $1 ORDER BY run_id
$$;
DO $$
BEGIN
	FOR i IN 1 .. 6000 LOOP
		EXIT WHEN (SELECT state = 'leading' FROM taskly.leader);
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;

--
-- Not due
--
BEGIN;
ALTER SEQUENCE taskly.run_run_id_seq RESTART 1000001;
SELECT taskly.create_queue('why') > 0 AS has_id;
SELECT taskly.define('why one', 'SELECT 1', queue => 'why', max_attempts => 3) > 0 AS has_id;
SELECT taskly.enqueue('why one', run_at => '2099-01-01') IS NULL AS later,
	taskly.enqueue('why one', depends_on => '{1000001}') IS NULL AS depends,
	taskly.enqueue('why one', depends_on => '{1000001,1000002}', depends_when => 'ended') IS NULL AS depends_on_two,
	taskly.enqueue('why one') IS NULL AS now,
	taskly.enqueue('why one', run_at => '2099-01-02') IS NULL AS retried,
	taskly.enqueue('why one', run_at => '2099-01-03') IS NULL AS snoozed,
	taskly.enqueue('why one', run_at => '2099-01-04') IS NULL AS parked;
SELECT count(taskly.enqueue('why one', run_at => '2099-01-05')) FROM generate_series(1, 10);
SELECT taskly.enqueue('why one', depends_on => array(SELECT generate_series(1000005, 1000017)), depends_when => 'ended') IS NULL AS depends_on_many;
UPDATE taskly.pending_run SET attempt = 2, last_message = 'no such file' WHERE run_id = 1000005;
UPDATE taskly.pending_run SET snoozes = 4 WHERE run_id = 1000006;
UPDATE taskly.pending_run SET home_id = home_id + 1 WHERE run_id = 1000007;
SELECT * FROM pg_temp.reasons('why') WHERE run NOT BETWEEN 8 AND 17;
UPDATE taskly.run_dependency SET parent_status = 'succeeded' WHERE run_id = 1000002;
SELECT * FROM pg_temp.reasons('why') WHERE run = 2;
ROLLBACK;

--
-- Pauses and blocks: of several the one that would have to go first
--
BEGIN;
ALTER SEQUENCE taskly.run_run_id_seq RESTART 1000001;
SELECT taskly.create_queue('why', 'fifo', block_key_on_failure => true) > 0 AS has_id;
SELECT taskly.define('why one', 'SELECT 1', queue => 'why', max_attempts => 3) > 0 AS has_id;
SELECT count(taskly.enqueue('why one', key => k)) FROM unnest('{a,a,b}'::text[]) k;
SELECT * FROM pg_temp.reasons('why');
UPDATE taskly.pending_run SET attempt = 1, due_at = '2099-01-01' WHERE run_id = 1000001;
SELECT * FROM pg_temp.reasons('why');
INSERT INTO taskly.key_block SELECT queue_id, 'a', 1000001, now() FROM taskly.queue WHERE name = 'why';
INSERT INTO taskly.key_block SELECT queue_id, 'b', 1000003, now() FROM taskly.queue WHERE name = 'why';
SELECT * FROM pg_temp.reasons('why');
SELECT taskly.pause_key('why', 'a');
SELECT * FROM pg_temp.reasons('why') WHERE run = 2;
SELECT taskly.pause_queue('why', 'on fire');
SELECT * FROM pg_temp.reasons('why') WHERE run = 2;
SELECT taskly.pause('why one', 'ann: disk full');
SELECT * FROM pg_temp.reasons('why') WHERE run = 2;
SELECT taskly.pause_all('upgrade', '2099-02-02');
SELECT * FROM pg_temp.reasons('why') WHERE run = 2;
SELECT taskly.cancel(1000002);
SELECT regexp_replace(taskly.why(1000002), 'since .*role \S+', 'since …');
ROLLBACK;

--
-- A role that lost its right
--
BEGIN;
CREATE ROLE why_one LOGIN;
GRANT USAGE ON SCHEMA taskly TO why_one;
SET ROLE why_one;
SELECT taskly.submit('SELECT 1') AS run_id \gset
RESET ROLE;
ALTER ROLE why_one NOLOGIN;
INSERT INTO taskly.pending_run (run_id, home_id, due_at, scheduled_for, queued_at, owner, queue_id, priority, attempt, crashes, command, kind, source)
SELECT k.run_id, home_id, due_at, scheduled_for, queued_at, owner, queue_id, priority, attempt, crashes, command, k.kind, source
FROM taskly.pending_run p, (VALUES (-1, 'sql'), (-2, 'shell')) k (run_id, kind) WHERE p.run_id = :run_id;
SELECT taskly.why(:run_id) AS made_here, taskly.why(-1) AS sql, taskly.why(-2) AS shell;
ROLLBACK;

-- There is none, and no argument
SELECT taskly.why(-1);
SELECT taskly.why(NULL);
