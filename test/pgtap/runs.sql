-- Runs of SQL, as a user sees them: enqueue, wait, failures, attempts, cancel, retry, time limits.

\ir helper.psql
SELECT plan(62);

CREATE TABLE effect (n serial, what text, run_id text DEFAULT current_setting('taskly.run_id'));
CREATE SEQUENCE tries;

-- Success
SELECT taskly.define('works', $$INSERT INTO effect (what) VALUES ('works'), ('twice')$$) AS task_id \gset
SELECT taskly.enqueue('works') AS id \gset
SELECT is(ends(:id), 'succeeded', 'an enqueued run succeeds');
SELECT results_eq('SELECT what, run_id FROM effect ORDER BY n', format($$VALUES ('works', '%1$s'), ('twice', '%1$s')$$, :id),
	'its effects are there, once');
SELECT results_eq(format('SELECT task, status, attempt, source, rows, exit_code, sqlstate FROM taskly.runs WHERE run_id = %s', :id),
	$$VALUES ('works', 'succeeded', 1, 'enqueue', 2::bigint, NULL::int, NULL::text)$$, 'the run says how it ended');
SELECT ok(queued_at <= started_at AND picked_at <= started_at AND started_at <= finished_at AND duration >= '0' AND lateness >= '0'
	AND pid > 0 AND finished_at > now() - interval '1 minute', 'its times and process are there') FROM taskly.runs WHERE run_id = :id;
SELECT is(taskly.wait(:id, '0'), 'succeeded', 'wait() returns at once when a run is over');
SELECT is(taskly.retry(:id), false, 'what has succeeded is not retried');
SELECT is(taskly.cancel(:id), false, 'nor cancelled');
SELECT ok(poll('SELECT runs = 1 AND failures = 0 AND last_status = ''succeeded'' FROM taskly.tasks WHERE name = ''works'''),
	'the task counts it');

-- Many
SELECT is(count(*), 1000::bigint, 'a thousand runs are enqueued')
FROM taskly.enqueue_many('works', array_fill(NULL::jsonb, ARRAY[1000]));
SELECT ok(poll('SELECT count(*) = 1001 FROM taskly.runs WHERE task = ''works'' AND status = ''succeeded'''), 'all of them succeed');
SELECT is(count(*), 2002::bigint, 'each once') FROM effect;
SELECT is(count(DISTINCT run_id), 1001::bigint, 'each as itself') FROM effect;
SELECT is(runs, 1001::bigint, 'they are counted by stats') FROM taskly.stats WHERE task = 'works';

-- In one transaction with the caller
BEGIN;
SELECT taskly.submit('SELECT 1') AS id \gset
ROLLBACK;
SELECT throws_ok(format('SELECT taskly.wait(%s)', :id), '42704', NULL, 'a run whose transaction was rolled back never existed');

-- Failure
TRUNCATE effect;
SELECT taskly.submit($$INSERT INTO effect (what) VALUES ('gone'); SELECT 1/0$$) AS id \gset
SELECT is(ends(:id), 'failed', 'a run with an error fails');
SELECT is(count(*), 0::bigint, 'nothing of it stays') FROM effect;
SELECT results_eq(format('SELECT status, attempt, sqlstate, message, source, task FROM taskly.runs WHERE run_id = %s', :id),
	$$VALUES ('failed', 1, '22012', 'division by zero', 'submit', NULL::text)$$, 'the run says what went wrong');
SELECT is(run_id, :id::bigint, 'it is among the failures') FROM taskly.failures;
SELECT taskly.submit($$DO 'BEGIN RAISE EXCEPTION ''m'' USING DETAIL = ''d'', HINT = ''h'', ERRCODE = ''TT001''; END'$$) AS id \gset
SELECT is(ends(:id), 'failed', 'so does one that raises an error itself');
SELECT results_eq(format('SELECT sqlstate, message, detail, hint, context ~ ''RAISE'' FROM taskly.runs WHERE run_id = %s', :id),
	$$VALUES ('TT001', 'm', 'd', 'h', true)$$, 'with all parts of the error');

-- Where it failed: in a line of the command, of one not atomic, or of a statement in it
SELECT taskly.submit(E'SELECT 1;\nSELECT ''Zoë'', nonsense\nFROM effect') AS id \gset
SELECT taskly.submit(format('SELECT %L, nonsense, %L', repeat('é', 50), repeat('é', 50))) AS long \gset
SELECT taskly.submit(E'VACUUM effect;\nSELECT nonsense', atomic => false) AS apart \gset
SELECT taskly.submit($$DO 'BEGIN EXECUTE ''SELECT 1 FRM effect''; END'$$) AS inside \gset
SELECT bool_and(ends(i) = 'failed') AS failed FROM unnest(ARRAY[:id, :long, :apart, :inside]::bigint[]) i;
SELECT is(context, 'line 2, character 15: "SELECT ''Zoë'', nonsense"', 'the context says where in the command') FROM taskly.runs WHERE run_id = :id;
SELECT is(context, format('line 1, character 62: "...%s'', nonsense, ''%s..."', repeat('é', 37), repeat('é', 29)), 'with what is around it')
FROM taskly.runs WHERE run_id = :long;
SELECT is(context, 'line 2, character 8: "SELECT nonsense"', 'so it does when the command is not atomic') FROM taskly.runs WHERE run_id = :apart;
SELECT matches(context, E'^line 1, character 14: "SELECT 1 FRM effect"\nPL/pgSQL function inline_code_block line 1 at EXECUTE\n', 'and in a statement of a function')
FROM taskly.runs WHERE run_id = :inside;

-- Attempts
SELECT taskly.define('third time', $$
	DO 'BEGIN IF nextval(''tries'') < 3 THEN RAISE EXCEPTION ''not yet''; END IF; INSERT INTO effect (what) VALUES (''third''); END'
$$, max_attempts => 5, backoff => 'none') AS task_id \gset
SELECT taskly.enqueue('third time') AS id \gset
SELECT is(ends(:id), 'succeeded', 'a run is tried again');
SELECT results_eq(format('SELECT attempt, status, is_final FROM taskly.attempts WHERE run_id = %s ORDER BY attempt', :id),
	$$VALUES (1, 'failed', false), (2, 'failed', false), (3, 'succeeded', true)$$, 'until it succeeds, and each attempt is kept');
SELECT results_eq(format('SELECT status, attempt, max_attempts FROM taskly.runs WHERE run_id = %s', :id),
	$$VALUES ('succeeded', 3, 5)$$, 'but the run is one');
SELECT is(count(*), 1::bigint, 'with one effect') FROM effect;
SELECT is_empty('SELECT FROM taskly.failures WHERE task = ''third time''', 'it is no failure');
SELECT taskly.submit('SELECT 1/0', max_attempts => 2, backoff => 'none') AS id \gset
SELECT is(ends(:id), 'failed', 'attempts come to an end');
SELECT is(attempt, 2, 'after max_attempts') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit('SELECT 1/0', max_attempts => 2, backoff => 'none', never_on => '{22}') AS id \gset
SELECT is(ends(:id), 'failed', 'never_on ends them at once');
SELECT is(attempt, 1, 'after the first') FROM taskly.runs WHERE run_id = :id;

-- retry
SELECT setval('tries', 1) \g /dev/null
SELECT taskly.submit($$DO 'BEGIN IF nextval(''tries'') < 3 THEN RAISE EXCEPTION ''not yet''; END IF; END'$$) AS id \gset
SELECT is(ends(:id), 'failed', 'a run without attempts left');
SELECT is(taskly.retry(:id), true, 'can be retried');
SELECT is(ends(:id), 'succeeded', 'and succeeds this time');
SELECT results_eq(format('SELECT attempt, status, is_final FROM taskly.attempts WHERE run_id = %s ORDER BY attempt', :id),
	$$VALUES (1, 'failed', false), (2, 'succeeded', true)$$, 'as its next attempt');
SELECT is(count(*), 1::bigint, 'of one run') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit('SELECT 1/0', max_attempts => 2, backoff => 'fixed 1h') AS id \gset
SELECT ok(poll(format('SELECT status = ''retrying'' FROM taskly.runs WHERE run_id = %s', :id)), 'a run waits for its next attempt');
SELECT is(taskly.retry(:id), true, 'it need not wait');
SELECT is(ends(:id), 'failed', 'when it is retried');

-- cancel
SELECT taskly.enqueue('works', run_at => now() + interval '1 hour') AS id \gset
SELECT is(status, 'scheduled', 'a run waits for its time') FROM taskly.runs WHERE run_id = :id;
SELECT is(taskly.cancel(:id), true, 'it can be cancelled');
SELECT is(ends(:id), 'cancelled', 'and is over');
SELECT taskly.submit($$INSERT INTO effect (what) VALUES ('never'); SELECT pg_sleep(600)$$, max_attempts => 3, backoff => 'none') AS id \gset
SELECT ok(runs(:id), 'a run runs');
SELECT is(taskly.retry(:id), false, 'it is not retried');
SELECT is(taskly.cancel(:id), true, 'it can be cancelled, too');
SELECT is(ends(:id), 'cancelled', 'and ends');
SELECT is_empty('SELECT FROM effect WHERE what = ''never''', 'without effect');
SELECT is(taskly.cancel(ARRAY[:id, 0]::bigint[]), 0::bigint, 'for good');

-- Limits of time
SELECT taskly.submit('SELECT pg_sleep(600)', timeout => '100 ms') AS id \gset
SELECT is(ends(:id), 'timed_out', 'a run is stopped at its timeout');
SELECT taskly.submit($$INSERT INTO effect (what) VALUES ('late')$$, run_at => now() - interval '1 hour', deadline => '1 minute') AS id \gset
SELECT is(ends(:id), 'expired', 'a run whose deadline has passed is not started');
SELECT is_empty('SELECT FROM effect WHERE what = ''late''', 'at all');
SELECT is(deadline_misses, 1::bigint, 'it is counted') FROM taskly.stats WHERE scope = 'submitted';
SELECT taskly.submit('SELECT pg_sleep(600)', deadline => '1 second') AS id \gset
SELECT is(ends(:id), 'timed_out', 'a run is stopped at its deadline');
SELECT ok(NOT EXISTS (SELECT FROM taskly.runs WHERE finished_at IS NULL), 'nothing is left behind');

-- One run of a unique key waits, and runs once
SELECT taskly.enqueue('works', '"first"', now() + interval '1 hour', unique_key => 'u') AS id \gset
SELECT is(taskly.enqueue('works', '"second"', unique_key => 'u'), :id::bigint, 'a second run of a unique key is the first');
SELECT is(args, '"first"', 'which stays as it was') FROM taskly.runs WHERE run_id = :id;
SELECT is(taskly.enqueue('works', '"third"', now() + interval '1 hour', unique_key => 'u', on_conflict => 'replace'), :id::bigint,
	'it can be replaced');
SELECT is(taskly.enqueue('works', unique_key => 'u', on_conflict => 'postpone'), :id::bigint, 'and moved, here to now');
SELECT is(ends(:id), 'succeeded', 'then it runs');
SELECT results_eq(format('SELECT args, status FROM taskly.runs WHERE run_id = %s', :id), $$VALUES ('"third"'::jsonb, 'succeeded')$$,
	'as it was replaced');

SELECT * FROM finish();
