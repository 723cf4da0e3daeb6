-- Keys and unique keys: what is stored, what a second run of a key does to the first, and what
-- retry, cancel and the views make of them. Nothing here is due while the test runs.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

CREATE ROLE dedup_one LOGIN;
CREATE ROLE dedup_two LOGIN;
GRANT USAGE ON SCHEMA taskly TO dedup_one, dedup_two;

-- SQLSTATE, message and detail of a command that fails.
CREATE FUNCTION pg_temp.error(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE command;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(': ', SQLSTATE, SQLERRM, nullif(detail, ''));
END
$$;

-- Waiting runs of a task, counted from the first of them.
CREATE FUNCTION pg_temp.waiting(name text)
RETURNS TABLE (nth bigint, args jsonb, key text, unique_key text, priority int, run_at timestamptz, due_at timestamptz, deadline timestamptz)
LANGUAGE sql AS $$
	SELECT run_id - min(run_id) OVER (), args, key, unique_key, priority, scheduled_for, due_at, deadline
	FROM taskly.runs WHERE task = name AND finished_at IS NULL ORDER BY run_id
$$;

SELECT taskly.create_queue('dedup_fifo', algorithm => 'fifo') > 0 AS has_id;
SELECT taskly.create_queue('dedup_small', max_pending => 2) > 0 AS has_id;
SELECT taskly.define('dedup', 'SELECT $1', key => 'task''s', max_attempts => 3) AS task_id \gset
SELECT taskly.define('dedup other', 'SELECT $1') > 0 AS has_id;
SELECT taskly.define('dedup fifo', 'SELECT $1', queue => 'dedup_fifo') > 0 AS has_id;
SELECT taskly.define('dedup small', 'SELECT $1', queue => 'dedup_small') > 0 AS has_id;

--
-- key: the call's, else the task's
--
SELECT name, key FROM taskly.tasks WHERE name LIKE 'dedup%' ORDER BY name;
SELECT taskly.enqueue('dedup', run_at => '2099-01-01') > 0 AS has_id;
SELECT taskly.enqueue(:task_id, run_at => '2099-01-01', key => 'call''s') > 0 AS has_id;
SELECT count(*) FROM taskly.enqueue_many('dedup', '{1,2,3}', keys => '{a,NULL,ü}', run_at => '2099-01-01');
SELECT args, key FROM pg_temp.waiting('dedup');
SELECT taskly.submit('SELECT 1', run_at => '2099-01-01', key => 'submitted') AS id \gset
SELECT key, unique_key FROM taskly.runs WHERE run_id = :id;
SELECT taskly.alter('dedup', key => 'altered') = :task_id AS same_id;
SELECT key FROM taskly.tasks WHERE name = 'dedup';
SELECT taskly.alter('dedup', reset => '{key}') = :task_id AS same_id;
SELECT key FROM taskly.tasks WHERE name = 'dedup';
SELECT taskly.cancel(array_agg(run_id)) FROM taskly.runs WHERE task = 'dedup' AND finished_at IS NULL;
SELECT key, status FROM taskly.runs WHERE task = 'dedup' ORDER BY run_id;
SELECT taskly.enqueue('dedup', run_at => '2099-01-01', key => repeat('k', 200)) > 0 AS has_id;

SELECT e, pg_temp.error(format('SELECT taskly.enqueue(''dedup'', %s)', e)) FROM unnest(ARRAY[
	$$key => ''$$,
	$$key => repeat('k', 201)$$,
	$$key => repeat('ü', 101)$$,
	$$key => E'tab\t'$$,
	$$unique_key => ''$$,
	$$unique_key => repeat('k', 201)$$,
	$$unique_key => E'\x7f'$$,
	$$on_conflict => NULL$$,
	$$on_conflict => 'nothing'$$,
	$$on_conflict => 'replace'$$,
	$$on_conflict => 'postpone'$$,
	$$unique_for => '1 s'$$,
	$$unique_key => 'k', unique_for => '0'$$,
	$$unique_key => 'k', unique_for => '101 years'$$]) e;
SELECT e, pg_temp.error(format('SELECT taskly.enqueue_many(''dedup'', ''{1,2}'', %s)', e)) FROM unnest(ARRAY[
	$$keys => '{a}'$$,
	$$keys => '{a,b,c}'$$,
	$$keys => '{}'$$,
	$$keys => '{a,""}'$$,
	$$unique_keys => '{a}'$$,
	$$unique_keys => ARRAY['a', repeat('k', 201)]$$,
	$$on_conflict => 'replace'$$,
	$$unique_for => '1 s'$$,
	$$unique_keys => '{a,b}', on_conflict => 'all'$$]) e;
SELECT e, pg_temp.error(format('SELECT taskly.submit(''SELECT 1'', %s)', e)) FROM unnest(ARRAY[
	$$key => ''$$, $$unique_key => ''$$, $$on_conflict => 'postpone'$$, $$unique_for => '1 s'$$]) e;

--
-- unique_key: one waits
--
SELECT taskly.enqueue('dedup other', '1', '2099-01-01', unique_key => 'u') AS first \gset
SELECT taskly.enqueue('dedup other', '2', '2099-01-02', unique_key => 'u', priority => 7) - :first AS keep;
SELECT * FROM pg_temp.waiting('dedup other');
SELECT taskly.enqueue('dedup other', '3', '2099-01-03', unique_key => 'u', priority => 7, key => 'k', deadline => '1 hour',
	on_conflict => 'replace') - :first AS replace;
SELECT * FROM pg_temp.waiting('dedup other');
SELECT taskly.enqueue('dedup other', '4', '2099-01-04', unique_key => 'u', priority => 1, key => 'l', deadline => '1 day',
	on_conflict => 'postpone') - :first AS postpone;
SELECT * FROM pg_temp.waiting('dedup other');
-- What is not said is as the task says, not as it was
SELECT taskly.enqueue('dedup other', run_at => '2099-01-05', unique_key => 'u', on_conflict => 'replace') - :first AS replace;
SELECT * FROM pg_temp.waiting('dedup other');
-- Another key, another task, a submitted run, no key
SELECT count(DISTINCT id) FROM (VALUES
	(taskly.enqueue('dedup other', run_at => '2099-01-01', unique_key => 'v')),
	(taskly.enqueue('dedup', run_at => '2099-01-01', unique_key => 'u')),
	(taskly.submit('SELECT 1', run_at => '2099-01-01', unique_key => 'u')),
	(taskly.enqueue('dedup other', run_at => '2099-01-01')),
	(:first)) n (id);
-- Submitted runs are their role's
SELECT taskly.submit('SELECT 2', run_at => '2099-01-02', unique_key => 'u', max_attempts => 4) AS mine \gset
SELECT command, scheduled_for, max_attempts FROM taskly.runs WHERE run_id = :mine;
SELECT taskly.submit('SELECT 2', run_at => '2099-01-02', unique_key => 'u', max_attempts => 4, on_conflict => 'replace') - :mine AS replace;
SELECT command, scheduled_for, max_attempts FROM taskly.runs WHERE run_id = :mine;
SET ROLE dedup_one;
SELECT taskly.submit('SELECT 3', run_at => '2099-01-03', unique_key => 'u', on_conflict => 'replace') AS ones \gset
SET ROLE dedup_two;
SELECT taskly.submit('SELECT 4', run_at => '2099-01-04', unique_key => 'u', on_conflict => 'replace') AS twos \gset
RESET ROLE;
SELECT count(DISTINCT run_id), min(command), max(command) FROM taskly.runs WHERE run_id IN (:mine, :ones, :twos);

-- In every isolation level what has committed, and what this transaction has done, counts
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT taskly.enqueue('dedup other', '"new"', '2099-01-06', unique_key => 'w') AS w \gset
SELECT taskly.enqueue('dedup other', '"newer"', '2099-01-06', unique_key => 'w', on_conflict => 'replace') - :w AS replace,
	taskly.enqueue('dedup other', '"newest"', '2099-01-07', unique_key => 'w', on_conflict => 'postpone') - :w AS postpone;
SELECT args, scheduled_for FROM taskly.runs WHERE run_id = :w;
ROLLBACK;
-- Also of one statement
SELECT count(DISTINCT taskly.enqueue('dedup other', run_at => '2099-01-01', unique_key => 'x' || n % 3)) FROM generate_series(1, 300) n;
-- A run that was taken back is no duplicate
SELECT taskly.cancel(:first);
SELECT taskly.enqueue('dedup other', '5', '2099-01-01', unique_key => 'u') > :first AS is_new;

--
-- A run between two attempts keeps counting, and gets as many as a new one
--
SELECT taskly.enqueue('dedup', run_at => '2099-01-01', unique_key => 'retrying') AS id \gset
UPDATE taskly.pending_run SET attempt = 2, crashes = 1 WHERE run_id = :id;
SELECT taskly.enqueue('dedup', '"a"', run_at => '2099-01-02', unique_key => 'retrying', on_conflict => 'replace') - :id AS replace;
SELECT status, attempt, max_attempts, args FROM taskly.runs WHERE run_id = :id;
-- One that waits for others goes on waiting
UPDATE taskly.pending_run SET attempt = 0, due_at = 'infinity' WHERE run_id = :id;
SELECT taskly.enqueue('dedup', '"b"', run_at => '2099-01-03', unique_key => 'retrying', on_conflict => 'replace') - :id AS replace;
SELECT scheduled_for, due_at FROM taskly.runs WHERE run_id = :id;
SELECT taskly.enqueue('dedup', '"b"', run_at => '2099-01-04', unique_key => 'retrying', on_conflict => 'postpone') - :id AS postpone;
SELECT scheduled_for, due_at FROM taskly.runs WHERE run_id = :id;
-- One that has begun is no duplicate
UPDATE taskly.pending_run SET due_at = '2020-01-01', started_at = now() WHERE run_id = :id;
SELECT taskly.enqueue('dedup', run_at => '2099-01-01', unique_key => 'retrying', on_conflict => 'replace') > :id AS is_new;
-- but with unique_for, while it is young enough, unless another waits
SELECT taskly.enqueue('dedup', run_at => '2099-01-01', unique_key => 'retrying', unique_for => '1 hour') > :id AS is_the_one_that_waits;
SELECT taskly.cancel(array_agg(run_id)) FROM taskly.runs WHERE task = 'dedup' AND unique_key = 'retrying' AND run_id <> :id AND finished_at IS NULL;
DELETE FROM taskly.finished_run WHERE task_id = :task_id;
SELECT taskly.enqueue('dedup', '"x"', '2099-01-01', unique_key => 'retrying', unique_for => '1 hour', on_conflict => 'replace') - :id AS begun;
UPDATE taskly.pending_run SET queued_at = now() - interval '2 hours' WHERE run_id = :id;
SELECT taskly.enqueue('dedup', run_at => '2099-01-01', unique_key => 'retrying', unique_for => '1 hour') > :id AS is_new;
SELECT status, args FROM taskly.runs WHERE run_id = :id;
DELETE FROM taskly.pending_run WHERE run_id = :id;

--
-- unique_for: what is over counts, too
--
SELECT taskly.enqueue('dedup', '1', '2099-01-01', unique_key => 'once') AS id \gset
SELECT taskly.cancel(:id);
SELECT c, taskly.enqueue('dedup', '2', '2099-01-01', unique_key => 'once', unique_for => '1 hour', on_conflict => c) - :id AS over
FROM unnest('{keep,replace,postpone}'::text[]) c;
SELECT status, args FROM taskly.runs WHERE run_id = :id;
UPDATE taskly.finished_run SET queued_at = queued_at - interval '2 hours' WHERE run_id = :id;
SELECT taskly.enqueue('dedup', '3', '2099-01-01', unique_key => 'once', unique_for => '1 hour') > :id AS is_new;
SELECT taskly.submit('SELECT 1', unique_key => 'once', run_at => '2099-01-01') AS id \gset
SELECT taskly.cancel(:id);
SELECT taskly.submit('SELECT 2', unique_key => 'once', run_at => '2099-01-01', unique_for => '1 hour') - :id AS over;
SET ROLE dedup_one;
SELECT taskly.submit('SELECT 3', unique_key => 'once', run_at => '2099-01-01', unique_for => '1 hour') > :id AS is_new;
RESET ROLE;
-- It needs a history to look at
UPDATE taskly.queue SET keep = 'failures' WHERE name = 'dedup_fifo';
SELECT pg_temp.error($$SELECT taskly.enqueue('dedup fifo', unique_key => 'u', unique_for => '1 s')$$);
UPDATE taskly.queue SET keep = 'none' WHERE name = 'dedup_fifo';
SELECT pg_temp.error($$SELECT taskly.enqueue_many('dedup fifo', '{1}', unique_keys => '{u}', unique_for => '1 s')$$);
SELECT pg_temp.error($$SELECT taskly.submit('SELECT 1', queue => 'dedup_fifo', unique_key => 'u', unique_for => '1 s')$$);

--
-- enqueue_many: duplicates of each other are one
--
SELECT taskly.define('dedup many', 'SELECT $1') > 0 AS has_id;
SELECT array_agg(id ORDER BY n) AS ids FROM taskly.enqueue_many('dedup many', '{1,2,3,4,5,6}', unique_keys => '{a,b,NULL,a,NULL,b}',
	run_at => '2099-01-01') WITH ORDINALITY m (id, n) \gset
SELECT nth, args, unique_key FROM pg_temp.waiting('dedup many');
SELECT id - (:'ids'::bigint[])[1] AS nth FROM unnest(:'ids'::bigint[]) WITH ORDINALITY m (id, n) ORDER BY n;
SELECT id - (:'ids'::bigint[])[1] AS nth FROM taskly.enqueue_many('dedup many', '{11,12,13,14,15}', unique_keys => '{c,a,c,b,a}',
	run_at => '2099-01-02', on_conflict => 'replace') WITH ORDINALITY m (id, n) ORDER BY n;
SELECT nth, args, unique_key, run_at FROM pg_temp.waiting('dedup many');
SELECT id - (:'ids'::bigint[])[1] AS nth FROM taskly.enqueue_many('dedup many', '{21,22,23}', unique_keys => '{c,d,d}',
	run_at => '2099-01-03', on_conflict => 'postpone') WITH ORDINALITY m (id, n) ORDER BY n;
SELECT nth, args, unique_key, run_at FROM pg_temp.waiting('dedup many');
-- Of more keys than are locked one by one
SELECT count(DISTINCT id) FROM taskly.enqueue_many('dedup many', (SELECT array_agg(to_jsonb(n)) FROM generate_series(1, 2000) n),
	unique_keys => (SELECT array_agg('n' || n % 500) FROM generate_series(1, 2000) n), run_at => '2099-01-01') id;
SELECT count(*), count(DISTINCT unique_key), max(args::int) FROM taskly.runs WHERE task = 'dedup many' AND unique_key LIKE 'n%';

-- Only new ones need room
SELECT taskly.enqueue('dedup small', run_at => '2099-01-01', unique_key => n) > 0 AS has_id FROM unnest('{a,b}'::text[]) n;
SELECT taskly.enqueue('dedup small', run_at => '2099-01-02', unique_key => 'a', on_conflict => 'replace') > 0 AS has_id;
SELECT count(*) FROM taskly.enqueue_many('dedup small', '{1,2,3}', unique_keys => '{a,b,a}', run_at => '2099-01-01');
SELECT pg_temp.error($$SELECT taskly.enqueue('dedup small', run_at => '2099-01-01', unique_key => 'c')$$);
SELECT pg_temp.error($$SELECT taskly.enqueue_many('dedup small', '{1,2}', unique_keys => '{a,c}', run_at => '2099-01-01')$$);
-- A priority that the queue has not is none for a duplicate, either
SELECT taskly.enqueue('dedup fifo', run_at => '2099-01-02', unique_key => 'a') > 0 AS has_id;
SELECT pg_temp.error($$SELECT taskly.enqueue('dedup fifo', run_at => '2099-01-02', unique_key => 'a', priority => 1)$$);

--
-- retry does not make a second one wait
--
SELECT taskly.enqueue('dedup', run_at => '2099-01-01', unique_key => 'back') AS id \gset
SELECT taskly.cancel(:id);
SELECT taskly.enqueue('dedup', run_at => '2099-01-01', unique_key => 'back') AS other \gset
SELECT replace(pg_temp.error(format('SELECT taskly.retry(%s)', :id)), :'id', 'N');
SELECT taskly.retry(ARRAY[:id]::bigint[]);
SELECT taskly.cancel(:other);
BEGIN;
SELECT taskly.retry(:id);
SELECT taskly.retry(ARRAY[:other]::bigint[]) AS other_too;
ROLLBACK;

--
-- Many at once: cancelled and put back as one by one
--
SELECT taskly.define('dedup bulk', 'SELECT $1', deadline => '1 hour') > 0 AS has_id;
SELECT taskly.pause('dedup bulk');
SELECT array_agg(id) AS ids, min(id) AS first FROM taskly.enqueue_many('dedup bulk',
	(SELECT array_agg(to_jsonb(n)) FROM generate_series(1, 2500) n), keys => (SELECT array_agg('k' || n % 5) FROM generate_series(1, 2500) n),
	run_at => '2099-01-01') id \gset
SELECT taskly.cancel(array(SELECT run_id FROM taskly.runs WHERE task = 'dedup bulk' AND key = 'k3')) AS by_key;
SELECT taskly.cancel(:'ids'::bigint[] || :'ids'::bigint[] || ARRAY[0, NULL]::bigint[]) AS rest, taskly.cancel(:'ids'::bigint[]) AS again;
SELECT status, count(*), count(DISTINCT run_id), sum(args::int), bool_and(message LIKE 'cancelled by role%') AS says_by_whom
FROM taskly.runs WHERE task = 'dedup bulk' GROUP BY status;
SELECT taskly.retry(array(SELECT run_id FROM taskly.runs WHERE task = 'dedup bulk' AND key = 'k3')) AS by_key;
SELECT taskly.retry(:'ids'::bigint[]) AS rest, taskly.retry(:'ids'::bigint[]) AS again;
SELECT status, count(*), sum(args::int), bool_and(deadline - due_at = interval '1 hour') AS deadline_moves,
	bool_and(due_at BETWEEN now() - interval '1 minute' AND clock_timestamp()) AS are_due
FROM taskly.runs WHERE task = 'dedup bulk' GROUP BY status;
SELECT count(*), bool_or(is_final) AS is_any_final FROM taskly.attempts WHERE task = 'dedup bulk';
-- Not those of others
GRANT pg_read_all_stats TO dedup_one;
SET ROLE dedup_one;
SELECT taskly.cancel(:'ids'::bigint[]) AS cancelled, taskly.retry(:'ids'::bigint[]) AS retried;
RESET ROLE;
BEGIN;
SELECT taskly.cancel(:'ids'::bigint[]);
ROLLBACK;
SELECT status, count(*) FROM taskly.runs WHERE task = 'dedup bulk' GROUP BY status;

--
-- The views find runs by queue, key, task and id without reading all
--
CREATE FUNCTION pg_temp.reads_all_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line ~ 'Seq Scan on (pending_run|finished_run_0)' THEN
			RETURN NEXT trim(line);
		END IF;
	END LOOP;
END
$$;
BEGIN;
INSERT INTO taskly.pending_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, owner, queue_id, priority, attempt, crashes, source, key, unique_key)
SELECT -n, 0, -n % 100, '2099-01-01', '2099-01-01', now(), current_user::regrole, -n % 100, 0, 0, 0, 'enqueue', 'k' || n, 'u' || n
FROM generate_series(1, 50000) n;
INSERT INTO taskly.finished_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, owner, queue_id, priority, attempt, crashes, source, key, unique_key,
	slot, is_final, finished_at, status)
SELECT -n, 0, -n % 100, '2099-01-01', '2099-01-01', now(), current_user::regrole, -n % 100, 0, 0, 0, 'enqueue', 'k' || n, 'u' || n,
	0, true, now(), 'succeeded'
FROM generate_series(1, 50000) n;
ANALYZE taskly.pending_run, taskly.finished_run;
SELECT q, pg_temp.reads_all_of(format('SELECT run_id FROM taskly.runs WHERE %s', q)) FROM unnest(ARRAY[
	$$queue = 'dedup_fifo' AND key = 'k'$$,
	$$queue = 'dedup_fifo' AND key = 'k' AND status = 'queued'$$,
	$$queue = 'dedup_fifo' AND key = 'k' AND owner = current_user::regrole$$,
	$$run_id = 7$$,
	$$run_id = ANY ('{7,8}')$$,
	$$task = 'dedup bulk'$$,
	$$task = 'dedup bulk' AND status = 'failed'$$,
	$$task_id = 7$$,
	$$unique_key = 'u7'$$]) q;
SET ROLE dedup_two;
SELECT pg_temp.reads_all_of($$SELECT run_id FROM taskly.runs WHERE queue = 'dedup_fifo' AND key = 'k'$$);
RESET ROLE;
ROLLBACK;

-- Leave nothing behind
SELECT taskly.cancel(array_agg(run_id)) > 0 AS are_cancelled FROM taskly.runs
WHERE finished_at IS NULL AND (task LIKE 'dedup%' OR task IS NULL);
SELECT name, taskly.drop_task(task_id) FROM taskly.tasks WHERE name LIKE 'dedup%' ORDER BY name;
SELECT name, taskly.drop_queue(name) FROM taskly.queues WHERE name LIKE 'dedup%' ORDER BY name;
SET client_min_messages = warning;
DELETE FROM taskly.finished_run WHERE owner IN ('dedup_one'::regrole, 'dedup_two'::regrole);
REVOKE USAGE ON SCHEMA taskly FROM dedup_one, dedup_two;
DROP ROLE dedup_one, dedup_two;
