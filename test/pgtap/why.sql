-- Why a run does not run now, of runs that do: limits, turns, workers; and who may ask.

\ir helper.psql
SELECT plan(32);

DROP ROLE IF EXISTS pgtap_one, pgtap_two;
CREATE ROLE pgtap_one LOGIN;
CREATE ROLE pgtap_two LOGIN;
GRANT USAGE ON SCHEMA taskly TO pgtap_one, pgtap_two;
\set sleep 'SELECT pg_sleep(600)'

-- Says why() soon what it is to say? What begins is known a moment later.
CREATE FUNCTION says(run_id bigint, pattern text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM poll(format('SELECT taskly.why(%s) ~ %L', run_id, pattern));
	RETURN NEXT matches(taskly.why(run_id), pattern);
END
$$;

-- The reason of a queue, of which readers see what is theirs
CREATE FUNCTION queue_says(queue text, pattern text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM poll(format('SELECT reason ~ %L FROM taskly.queues WHERE name = %L', pattern, queue));
	RETURN NEXT matches(reason, pattern) FROM taskly.queues WHERE name = queue;
END
$$;

-- Each limit, and who has reached it
SELECT taskly.create_queue('narrow', max_running => 1) > 0 AS has_id;
SELECT taskly.submit(:'sleep', queue => 'narrow') AS a \gset
SELECT taskly.submit('SELECT 1', queue => 'narrow') AS b \gset
SELECT says(:a, '^It has been running since 2\S+ \S+\.$');
SELECT says(:b, '^Its queue "narrow" has reached max_running: 1 of 1\.$');
SELECT queue_says('narrow', '^It has reached max_running: 1 of 1\.$');
SELECT taskly.cancel(:a);
SELECT is(ends(:b), 'succeeded', 'it starts when there is room');
SELECT says(:b, '^It is over since 2\S+ \S+, and succeeded$');
SELECT is(ends(:a), 'cancelled', 'and the other one has ended');
SELECT says(:a, '^It is over since 2\S+ \S+, and was cancelled: cancelled by role');

SELECT taskly.create_queue('keyed', max_running_per_key => 1) > 0 AS has_id;
SELECT taskly.define('sleeps', :'sleep', queue => 'keyed') > 0 AS has_id;
SELECT taskly.enqueue('sleeps', key => 'k') AS a \gset
SELECT runs(:a);
SELECT taskly.enqueue('sleeps', key => 'k') AS b \gset
SELECT says(:b, format('^Its key "k" has reached max_running_per_key of its queue "keyed": 1 of 1, among them run %s\.$', :a));
SELECT queue_says('keyed', '^No waiting run may start: 1 with keys at max_running_per_key\.$');
SELECT taskly.alter('sleeps', max_running => 1) > 0 AS has_id;
SELECT taskly.enqueue('sleeps', key => 'another') AS c \gset
SELECT says(:c, '^Its task "sleeps" has reached max_running: 1 of 1\.$');
SELECT queue_says('keyed', '^No waiting run may start: 2 of tasks at their max_running\.$');
SELECT taskly.cancel(ARRAY[:a, :b, :c]::bigint[]);
SELECT is(ends(:a), 'cancelled', 'the end of it');

-- Occurrences of a task take turns.
SELECT taskly.schedule('daily', '0 0 * * *', :'sleep') > 0 AS has_id;
SELECT array_agg(b) AS days FROM taskly.backfill('daily', '2020-01-01', '2020-01-03') b \gset
SELECT poll($$SELECT count(*) = 1 FROM taskly.runs WHERE task = 'daily' AND status = 'running'$$);
SELECT run_id AS a FROM taskly.runs WHERE task = 'daily' AND status = 'running' \gset
SELECT run_id AS b FROM taskly.runs WHERE task = 'daily' AND status = 'queued' LIMIT 1 \gset
SELECT says(:b, format('^Another occurrence of its task, run %s, goes first: its overlap is "skip"\.$', :a));
SELECT taskly.cancel(array(SELECT run_id FROM taskly.runs WHERE task = 'daily'));
SELECT is(ends(:a), 'cancelled', 'the end of it');

-- A rate
SELECT taskly.create_queue('slow', rate => 1, rate_interval => '1 hour') > 0 AS has_id;
SELECT taskly.submit('SELECT 1', queue => 'slow') AS a \gset
SELECT is(ends(:a), 'succeeded', 'the first one starts');
SELECT taskly.submit('SELECT 1', queue => 'slow') AS b \gset
SELECT says(:b, '^Its queue "slow" may have reached its rate: 1 in 01:00:00\.$');
SELECT queue_says('slow', '^It may have reached its rate: 1 in 01:00:00\.$');
SELECT taskly.cancel(:b);
SELECT taskly.create_queue('slow keys', rate_per_key => 1, rate_interval => '1 hour') > 0 AS has_id;
SELECT taskly.submit('SELECT 1', queue => 'slow keys', key => 'k') AS a \gset
SELECT ends(:a) = 'succeeded' AS has_ended;
SELECT taskly.submit('SELECT 1', queue => 'slow keys', key => 'k') AS b \gset
SELECT says(:b, '^Its key "k" may have reached rate_per_key of its queue "slow keys": 1 in 01:00:00\.$');
SELECT queue_says('slow keys', '^Keys may have reached rate_per_key: 1 in 01:00:00\.$');
SELECT taskly.cancel(:b);

-- Who may ask
SET ROLE pgtap_one;
SELECT taskly.submit(:'sleep') AS a \gset
SELECT says(:a, '^It has been running since');
SELECT taskly.submit('DO ''BEGIN ASSERT taskly.why(current_setting(''''taskly.run_id'''')::bigint) = ''''It is running: it is the run that asks.''''; END''') AS b \gset
SELECT is(ends(:b), 'succeeded', 'a run may ask about itself');
SET ROLE pgtap_two;
SELECT throws_ok(format('SELECT taskly.why(%s)', :a), '42704', format('run %s does not exist', :a), 'not those who may not see it');
SELECT throws_ok(format('SELECT taskly.why(%s)', :b), '42704', format('run %s does not exist', :b), 'nor when it is over');
SELECT throws_ok('SELECT * FROM taskly._reasons', '42501', NULL, 'and what it reads is closed');
RESET ROLE;
GRANT pg_read_all_stats TO pgtap_two;
SET ROLE pgtap_two;
SELECT says(:a, '^It has been running since');
RESET ROLE;
REVOKE pg_read_all_stats FROM pgtap_two;

-- A quota; those of others count for it no more than they do for the queue
SELECT taskly.set_quota('pgtap_one', max_running => 1);
SET ROLE pgtap_one;
SELECT taskly.submit('SELECT 1') AS b \gset
SELECT says(:b, '^Its owner "pgtap_one" has reached the quota of running runs: 1 of 1\.$');
SELECT queue_says('default', '^No waiting run may start: 1 of roles at their quota of running runs\.$');
SELECT taskly.cancel(ARRAY[:a, :b]::bigint[]);
RESET ROLE;
SELECT is(ends(:a), 'cancelled', 'the end of it');

-- No worker is left: what others run is not shown, but that it is so.
SELECT array_agg(taskly.submit(:'sleep')) AS all FROM generate_series(1, current_setting('taskly.max_workers')::int) \gset
SELECT ok(poll($$SELECT count(*) = current_setting('taskly.max_workers')::int FROM taskly.runs WHERE status = 'running'$$), 'all workers are busy');
SELECT is(count(*), current_setting('taskly.max_workers')::bigint, 'and say so') FROM taskly.workers WHERE kind = 'worker' AND state = 'running';
SET ROLE pgtap_two;
SELECT taskly.submit(:'sleep') AS b \gset
SELECT says(:b, '^All \d+ workers are taken: see taskly.max_workers\.$');
SELECT taskly.cancel(:b);
RESET ROLE;
SELECT taskly.cancel(:'all'::bigint[]);
SELECT ok(poll($$SELECT count(*) = 0 FROM taskly.runs WHERE status = 'running'$$), 'the end of it');

SELECT * FROM finish();

DROP OWNED BY pgtap_one, pgtap_two;
SELECT taskly.set_quota('pgtap_one') \gset unused_
SELECT count(taskly.drop_task(task_id)) AS unused FROM taskly.tasks \gset
DROP ROLE pgtap_one, pgtap_two;
