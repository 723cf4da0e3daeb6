-- enqueue, enqueue_many, submit, cancel, retry, wait: each argument is seen to take effect.
-- Nothing here is due while the test runs.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE ROLE run_api_one LOGIN;
CREATE ROLE run_api_two LOGIN;
CREATE ROLE run_api_nologin;
GRANT USAGE ON SCHEMA taskly TO run_api_one, run_api_two, run_api_nologin;

-- What a waiting run's row says, as lines; columns without a value are left out.
CREATE FUNCTION pg_temp.run_row(id bigint) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s = %s', c.key, c.value)
	FROM taskly.pending_run r, jsonb_each_text(jsonb_strip_nulls(to_jsonb(r))) c
	WHERE r.run_id = id AND c.key NOT IN ('run_id', 'home_id', 'task_id', 'queue_id', 'owner', 'queued_at')
	ORDER BY c.key COLLATE "C"
$$;

-- SQLSTATE and message of a command that fails.
CREATE FUNCTION pg_temp.error(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END
$$;

SELECT taskly.create_queue('run_api_side') > 0 AS has_id;
SELECT taskly.create_queue('run_api_fifo', algorithm => 'fifo') > 0 AS has_id;
SELECT taskly.create_queue('run_api_small', max_pending => 3) > 0 AS has_id;
SELECT taskly.define('run_api plain', 'SELECT 1') > 0 AS has_id;
SELECT taskly.define('run_api full', 'SELECT $1', args => '{"from": "task"}', queue => 'run_api_side',
	priority => 4, deadline => '2 hours', max_attempts => 3) AS full_id \gset
SELECT taskly.define('run_api fifo', 'SELECT 1', queue => 'run_api_fifo') > 0 AS has_id;
SELECT taskly.define('run_api small', 'SELECT 1', queue => 'run_api_small') > 0 AS has_id;

--
-- enqueue
--
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS id \gset
SELECT * FROM pg_temp.run_row(:id);
SELECT r.home_id = h.home_id AS is_at_home, r.task_id = t.task_id AS is_of_task, r.owner = t.owner AS is_of_owner,
	r.queue_id = t.queue_id AS is_in_queue, r.queued_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS is_queued_now
FROM taskly.pending_run r JOIN taskly.task t USING (task_id), taskly.home h WHERE r.run_id = :id;

-- As the task says
SELECT taskly.enqueue('run_api full', run_at => '2099-01-01') AS id \gset
SELECT * FROM pg_temp.run_row(:id);

-- As the call says
SELECT taskly.enqueue(:full_id, '{"from": "call"}', '2099-01-01', priority => -3, deadline => '1 day') AS id \gset
SELECT * FROM pg_temp.run_row(:id);
SELECT taskly.enqueue('run_api plain', '"text"', '2099-01-01 00:00+02') AS id \gset
SELECT * FROM pg_temp.run_row(:id);

-- A run exists if and only if its transaction commits
BEGIN;
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS id \gset
SELECT count(*) FROM taskly.runs WHERE run_id = :id;
ROLLBACK;
SELECT count(*) FROM taskly.runs WHERE run_id = :id;
BEGIN;
SAVEPOINT s;
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS id \gset
ROLLBACK TO s;
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS kept \gset
COMMIT;
SELECT run_id = :kept AS is_the_one_kept FROM taskly.runs WHERE run_id IN (:id, :kept);

-- What is refused
SELECT e, pg_temp.error(format('SELECT taskly.enqueue(%s)', e)) FROM unnest(ARRAY[
	$$'run_api nothing'$$,
	$$0$$,
	$$NULL::text$$,
	$$NULL::bigint$$,
	$$''$$,
	$$'run_api plain', run_at => NULL$$,
	$$'run_api plain', run_at => 'infinity'$$,
	$$'run_api plain', priority => 1000001$$,
	$$'run_api plain', priority => -1000001$$,
	$$'run_api fifo', priority => 1$$,
	$$'run_api plain', deadline => '0'$$,
	$$'run_api plain', deadline => '-1 s'$$,
	$$'run_api plain', deadline => '101 years'$$,
	$$'run_api plain', depends_on => '{0}'$$,
	$$'run_api plain', depends_when => 'never'$$]) e;

--
-- enqueue_many
--
SELECT array_agg(id ORDER BY n) AS ids, min(id) AS first, max(id) AS last
FROM taskly.enqueue_many('run_api full', ARRAY['{"n": 1}', NULL, '{"n": 3}']::jsonb[], run_at => '2099-02-01',
	priority => 2, deadline => '1 hour') WITH ORDINALITY m (id, n) \gset
SELECT run_id - :first AS nth, args, priority, scheduled_for, deadline_at
FROM taskly.pending_run WHERE run_id = ANY (:'ids') ORDER BY run_id;
SELECT :last - :first AS span;
SELECT count(*), count(DISTINCT id), max(id) - min(id) AS span
FROM taskly.enqueue_many(:full_id, array_fill(NULL::jsonb, ARRAY[2500]), run_at => '2099-02-01') id;
SELECT count(*) FROM taskly.runs WHERE task = 'run_api full' AND args = '{"from": "task"}' AND scheduled_for = '2099-02-01';
SELECT count(*) FROM taskly.enqueue_many('run_api plain', '{}');
-- Who reads the first one only has made all of them
BEGIN;
SELECT taskly.enqueue_many('run_api plain', '{null,null}', run_at => '2099-03-01') > 0 AS has_id LIMIT 1;
SELECT count(*) FROM taskly.runs WHERE task = 'run_api plain' AND scheduled_for = '2099-03-01';
ROLLBACK;
SELECT e, pg_temp.error(format('SELECT taskly.enqueue_many(%s)', e)) FROM unnest(ARRAY[
	$$'run_api nothing', '{}'$$,
	$$'run_api plain', NULL$$,
	$$'run_api plain', '{}', run_at => 'infinity'$$]) e;

--
-- submit
--
SELECT taskly.submit('SELECT 1', run_at => '2099-01-01') AS id \gset
SELECT * FROM pg_temp.run_row(:id);
SELECT r.task_id IS NULL AS has_no_task, r.owner = current_user::regrole AS is_mine, q.name AS queue
FROM taskly.pending_run r JOIN taskly.queue q USING (queue_id) WHERE r.run_id = :id;
SELECT taskly.submit('VACUUM', run_at => '2099-01-01') AS id \gset
SELECT * FROM pg_temp.run_row(:id);
SELECT taskly.submit(
	command => 'SELECT $1', kind => 'sql', args => '[1, 2]', run_at => '2099-01-01', queue => 'run_api_side', priority => 9,
	timeout => '1 minute', deadline => '2 hours', atomic => false, max_attempts => 5, backoff => 'none',
	retry_on => '{08}', never_on => '{42}', on_lost => 'retry', on_failure => 'run_api hook') AS id \gset
SELECT * FROM pg_temp.run_row(:id);
SELECT taskly.submit('echo', kind => 'shell', run_at => '2099-01-01', retry_on => '{1}') AS id \gset
SELECT * FROM pg_temp.run_row(:id);
SELECT e, pg_temp.error(format('SELECT taskly.submit(%s)', e)) FROM unnest(ARRAY[
	$$NULL$$,
	$$''$$,
	$$'SELEC 1'$$,
	$$'COMMIT'$$,
	$$'VACUUM', atomic => true$$,
	$$'SELECT 1', kind => 'perl'$$,
	$$'SELECT 1', kind => NULL$$,
	$$'SELECT 1', queue => 'run_api nothing'$$,
	$$'SELECT 1', queue => 'run_api_fifo', priority => 1$$,
	$$'SELECT 1', priority => NULL$$,
	$$'SELECT 1', timeout => '0'$$,
	$$'SELECT 1', max_attempts => 0$$,
	$$'SELECT 1', max_attempts => NULL$$,
	$$'SELECT 1', backoff => 'sometimes'$$,
	$$'SELECT 1', retry_on => '{x}'$$,
	$$'SELECT 1', never_on => '{}'$$,
	$$'SELECT 1', on_lost => 'cry'$$,
	$$'SELECT 1', on_failure => ''$$,
	$$'SELECT 1', depends_on => '{0}'$$]) e;

--
-- A queue takes max_pending runs, those of an open transaction included
--
BEGIN;
SELECT taskly.enqueue('run_api small', run_at => '2099-01-01') > 0 AS has_id FROM generate_series(1, 2);
SELECT pg_temp.error($$SELECT taskly.enqueue_many('run_api small', '{null,null}', run_at => '2099-01-01')$$);
SELECT taskly.submit('SELECT 1', run_at => '2099-01-01', queue => 'run_api_small') > 0 AS has_id;
SELECT pg_temp.error($$SELECT taskly.enqueue('run_api small', run_at => '2099-01-01')$$);
SELECT pg_temp.error($$SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01')$$);
ROLLBACK;
SELECT pg_temp.error($$SELECT taskly.enqueue('run_api small', run_at => '2099-01-01') FROM generate_series(1, 4)$$);

--
-- cancel
--
SELECT taskly.enqueue('run_api plain', '{"a": 1}', '2099-01-01') AS id \gset
SELECT taskly.cancel(:id);
SELECT status, attempt, args, started_at IS NULL AS never_started, finished_at <= clock_timestamp() AS is_over,
	message = format('cancelled by role "%s"', current_user) AS says_by_whom
FROM taskly.runs WHERE run_id = :id;
SELECT count(*) FROM taskly.pending_run WHERE run_id = :id;
SELECT taskly.cancel(:id) AS again;
SELECT pg_temp.error('SELECT taskly.cancel(0)');
SELECT taskly.cancel(NULL::bigint) IS NULL AS of_null;
-- Taken back with its transaction
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS id \gset
BEGIN;
SELECT taskly.cancel(:id);
ROLLBACK;
SELECT status FROM taskly.runs WHERE run_id = :id;
-- In a REPEATABLE READ transaction that cannot see the run
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS mine \gset
SELECT taskly.cancel(:mine), taskly.cancel(:id);
COMMIT;
SELECT status, count(*) FROM taskly.runs WHERE run_id IN (:id, :mine) GROUP BY status;
-- Many: only what could be cancelled counts
SELECT array_agg(id) AS ids FROM taskly.enqueue_many('run_api plain', array_fill(NULL::jsonb, ARRAY[5]), run_at => '2099-01-01') id \gset
SELECT taskly.cancel((:'ids'::bigint[])[1]);
SELECT taskly.cancel(:'ids'::bigint[] || ARRAY[0, NULL, (:'ids'::bigint[])[2]]::bigint[]);
SELECT taskly.cancel('{}'::bigint[]);

--
-- retry
--
SELECT pg_temp.error('SELECT taskly.retry(0)');
SELECT taskly.retry(NULL::bigint) IS NULL AS of_null;
-- A finished run as a worker records it; all in one transaction, so that none is started
BEGIN;
INSERT INTO taskly.finished_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, deadline_at, started_at, incarnation,
	owner, queue_id, priority, attempt, crashes, pid, source, args, slot, is_final, finished_at, status)
SELECT -n, h.home_id, t.task_id, '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01 00:10', '2020-01-01', 7,
	t.owner, t.queue_id, 4, 3, 2, 4711, 'enqueue', '[1]', 0, true, '2020-01-01', s.status
FROM taskly.task t, taskly.home h, unnest('{failed,timed_out,expired,lost,cancelled,quarantined,succeeded,denied,skipped}'::text[])
	WITH ORDINALITY s (status, n)
WHERE t.task_id = :full_id;
SELECT status, taskly.retry(run_id) FROM taskly.runs WHERE run_id BETWEEN -9 AND -1 ORDER BY run_id DESC;
SELECT run_id, due_at BETWEEN now() AND clock_timestamp() AS is_due_now, scheduled_for, deadline_at - due_at AS deadline,
	started_at, incarnation, pid, attempt, max_attempts, crashes, args
FROM taskly.pending_run WHERE run_id = -1;
-- One row a run, the end before the retry among its attempts
SELECT run_id, status, attempt, max_attempts FROM taskly.runs WHERE run_id BETWEEN -9 AND -1 ORDER BY run_id DESC;
SELECT run_id, status, is_final FROM taskly.attempts WHERE run_id IN (-1, -7) ORDER BY run_id;
SELECT taskly.retry(-1) AS again;
SELECT taskly.retry('{-1,-7,0,NULL}'::bigint[]) AS many_again;
-- What waits for its next attempt becomes due
UPDATE taskly.pending_run SET due_at = '2099-01-01' WHERE run_id = -2;
SELECT taskly.retry(-2);
SELECT due_at BETWEEN now() AND clock_timestamp() AS is_due_now FROM taskly.pending_run WHERE run_id = -2;
-- What is shown of a run that is over is its last end
SELECT taskly.cancel(-1);
SELECT run_id, status, attempt FROM taskly.runs WHERE run_id = -1;
SELECT taskly.retry('{-1}'::bigint[]);
ROLLBACK;
-- Its task was dropped
BEGIN;
SELECT taskly.define('run_api gone', 'SELECT 1') > 0 AS has_id;
SELECT taskly.enqueue('run_api gone', run_at => '2099-01-01') AS gone \gset
SELECT taskly.cancel(:gone);
SELECT taskly.drop_task('run_api gone');
SELECT pg_temp.error('SELECT taskly.retry(' || :gone || ')') = format('55000: run %s cannot be retried', :gone) AS is_refused;
SELECT taskly.retry(ARRAY[:gone]::bigint[]);
ROLLBACK;

--
-- wait
--
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS id \gset
SELECT taskly.wait(:id, '0') IS NULL AS at_once, taskly.wait(:id, '20 ms') IS NULL AS soon;
SELECT taskly.cancel(:id);
SELECT taskly.wait(:id), taskly.wait(:id, '0');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskly.enqueue('run_api plain', run_at => '2099-01-01') AS id \gset
SELECT pg_temp.error('SELECT taskly.wait(' || :id || ')') = format('55000: run %s cannot start before this transaction ends', :id) AS is_refused;
ROLLBACK;
SELECT e, pg_temp.error(format('SELECT taskly.wait(%s)', e)) FROM unnest(ARRAY['0', 'NULL::bigint', '0, ''-1 s''']) e;

--
-- Rights: what belongs to another role is not there
--
SET ROLE run_api_one;
SELECT taskly.define('run_api of one', 'SELECT 1') AS one_id \gset
SELECT taskly.enqueue('run_api of one', run_at => '2099-01-01') AS one_run \gset
SELECT owner FROM taskly.runs WHERE run_id = :one_run;
SELECT taskly.submit('SELECT 1', run_at => '2099-01-01') AS one_submitted \gset
SELECT owner FROM taskly.runs WHERE run_id = :one_submitted;
SELECT pg_temp.error($$SELECT taskly.submit('id', kind => 'shell')$$);
SET ROLE run_api_two;
SELECT replace(pg_temp.error(format(c, :one_run)), :'one_run', 'N') FROM unnest(ARRAY[
	'SELECT taskly.cancel(%s)', 'SELECT taskly.retry(%s)', 'SELECT taskly.wait(%s)']) c;
SELECT taskly.cancel(ARRAY[:one_run, :one_submitted]::bigint[]), taskly.retry(ARRAY[:one_run]::bigint[]);
SELECT pg_temp.error($$SELECT taskly.enqueue('run_api of one')$$);
SELECT replace(pg_temp.error(format('SELECT taskly.enqueue(%s)', :one_id)), :'one_id', 'N');
SELECT replace(pg_temp.error(format($$SELECT taskly.enqueue_many(%s, '{null}')$$, :one_id)), :'one_id', 'N');
RESET ROLE;
-- A member may, and so may the owner of the extension; a run stays its task's owner's
GRANT run_api_one TO run_api_two;
SET ROLE run_api_two;
SELECT taskly.enqueue('run_api of one', run_at => '2099-01-01') AS id \gset
SELECT owner FROM taskly.runs WHERE run_id = :id;
SELECT taskly.cancel(:id);
RESET ROLE;
SELECT taskly.cancel(:one_submitted);
REVOKE run_api_one FROM run_api_two;
-- A role that cannot log in has no session to run in
SET ROLE run_api_nologin;
SELECT pg_temp.error($$SELECT taskly.submit('SELECT 1')$$);
RESET ROLE;
-- Without USAGE on the schema there is nothing
REVOKE USAGE ON SCHEMA taskly FROM run_api_two;
SET ROLE run_api_two;
SELECT pg_temp.error($$SELECT taskly.submit('SELECT 1')$$);
RESET ROLE;

--
-- Not in a read-only transaction
--
BEGIN READ ONLY;
SELECT e, pg_temp.error('SELECT taskly.' || e) FROM unnest(ARRAY[
	$$enqueue('run_api plain')$$, $$enqueue_many('run_api plain', '{}')$$, $$submit('SELECT 1')$$,
	'cancel(1)', $$cancel('{1}'::bigint[])$$, 'retry(1)', $$retry('{1}'::bigint[])$$]) e;
SELECT pg_temp.error('SELECT taskly.wait(0)');
COMMIT;

-- Outside a run there is none, and nobody can pretend
SELECT count(*) FROM taskly.current_run();
SELECT current_setting('taskly.run_id') AS run_id, current_setting('taskly.args') AS args;
SET taskly.run_id = '1';
SET taskly.args = '1';

-- Leave nothing behind
SELECT taskly.cancel(array_agg(run_id)) > 0 AS are_cancelled FROM taskly.runs
WHERE finished_at IS NULL AND (task LIKE 'run_api%' OR task IS NULL);
SELECT name, taskly.drop_task(task_id) FROM taskly.tasks WHERE name LIKE 'run_api%' ORDER BY name;
SELECT name, taskly.drop_queue(name) FROM taskly.queues WHERE name LIKE 'run_api%' ORDER BY name;
SET client_min_messages = warning;
DELETE FROM taskly.finished_run WHERE owner IN ('run_api_one'::regrole, 'run_api_two'::regrole);
DROP OWNED BY run_api_one, run_api_two, run_api_nologin;
DROP ROLE run_api_one, run_api_two, run_api_nologin;
