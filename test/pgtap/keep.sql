-- What a queue keeps in history: all, failures, or nothing.

\ir helper.psql
SELECT plan(31);

CREATE TABLE effect (run_id text DEFAULT current_setting('taskly.run_id'));
CREATE TABLE hooked (run jsonb);
CREATE SEQUENCE tries;
SELECT taskly.create_queue('failures only', keep => 'failures');
SELECT taskly.create_queue('nothing', keep => 'none');
SELECT results_eq('SELECT name, keep FROM taskly.queue WHERE name <> ''default'' ORDER BY name',
	$$VALUES ('failures only', 'failures'), ('nothing', 'none')$$, 'a queue says what it keeps');
SELECT taskly.define('hook', 'INSERT INTO hooked VALUES ($1)');

-- Failures
SELECT taskly.define('works', 'INSERT INTO effect DEFAULT VALUES', queue => 'failures only');
SELECT taskly.define('second time', $$DO 'BEGIN IF nextval(''tries'') < 2 THEN RAISE EXCEPTION ''not yet''; END IF; END'$$,
	queue => 'failures only', max_attempts => 2, backoff => 'none');
SELECT taskly.define('fails', 'SELECT 1/0', queue => 'failures only');
SELECT taskly.enqueue('works') AS id \gset
SELECT ok(poll(format('SELECT run_id = ''%s'' FROM effect', :id)), 'a run is executed');
SELECT ok(poll('SELECT runs = 1 AND last_status = ''succeeded'' FROM taskly.tasks WHERE name = ''works'''), 'the task counts it');
SELECT is(count(*), 0::bigint, 'it leaves nothing in history') FROM taskly.runs WHERE run_id = :id;
SELECT is(taskly.wait(:id, '0'), 'finished', 'who asks later is told that it is over, and no more');
SELECT results_eq(format('SELECT * FROM taskly.wait(ARRAY[%s]::bigint[], ''0'')', :id), format('VALUES (%s::bigint, ''finished'')', :id),
	'also who asks for several');
SELECT throws_ok('SELECT taskly.wait(987654321987654321)', '42704', NULL, 'a run that was never made does not exist');
SELECT throws_ok('SELECT taskly.wait(ARRAY[987654321987654321])', '42704', NULL, 'nor among several');
SELECT throws_ok('SELECT taskly.wait(0)', '42704', NULL, 'nor one that cannot be');
SELECT throws_ok(format('SELECT taskly.retry(%s)', :id), '42704', NULL, 'nor can it be retried');
SELECT taskly.submit('SELECT pg_sleep(0.3)', queue => 'failures only') AS id \gset
SELECT is(ends(:id), 'succeeded', 'who waits for it meanwhile is told');
SELECT taskly.submit('SELECT pg_sleep(0.3)', queue => 'failures only') AS a, taskly.submit('SELECT pg_sleep(0.5)') AS b,
	taskly.submit('SELECT pg_sleep(0.4); SELECT 1/0', queue => 'failures only') AS c \gset
SELECT results_eq(format('SELECT * FROM taskly.wait(ARRAY[%s, %s, %s]::bigint[], ''30 s'')', :a, :b, :c),
	format('VALUES (%s::bigint, ''succeeded''), (%s, ''succeeded''), (%s, ''failed'')', :a, :b, :c), 'who waits for several, too');
SELECT taskly.submit('SELECT pg_sleep(0.3)', queue => 'failures only') AS a, taskly.submit('SELECT 1', run_at => now() + interval '1 hour') AS b \gset
SELECT results_eq(format('SELECT * FROM taskly.wait(ARRAY[%s, %s]::bigint[], ''30 s'', any_of => true)', :a, :b),
	format('VALUES (%s::bigint, ''succeeded''), (%s, NULL)', :a, :b), 'and for the first of several');
SELECT taskly.cancel(:b);
SELECT taskly.enqueue('second time') AS id \gset
SELECT ok(poll('SELECT runs = 1 AND last_status = ''succeeded'' FROM taskly.tasks WHERE name = ''second time'''), 'a run is tried again');
SELECT results_eq(format('SELECT attempt, status, is_final FROM taskly.attempts WHERE run_id = %s', :id), $$VALUES (1, 'failed', false)$$,
	'the attempt that failed is kept, the one that succeeded is not');
SELECT taskly.enqueue('fails') AS id \gset
SELECT is(ends(:id), 'failed', 'a run that ends badly is kept');
SELECT results_eq(format('SELECT status, sqlstate FROM taskly.runs WHERE run_id = %s', :id), $$VALUES ('failed', '22012')$$,
	'with all that is known of it');
SELECT is(taskly.retry(:id), true, 'and can be retried');
SELECT is(ends(:id), 'failed', 'as ever');
SELECT taskly.submit('SELECT 1', queue => 'failures only', run_at => now() + interval '1 hour') AS id \gset
SELECT is(taskly.cancel(:id), true, 'a run that waits is cancelled');
SELECT is(ends(:id), 'cancelled', 'which is kept, too');

-- Nothing
SELECT taskly.define('fails unseen', 'SELECT 1/0', queue => 'nothing', on_failure => 'hook');
SELECT taskly.enqueue('fails unseen') AS id \gset
SELECT ok(poll('SELECT runs = 1 AND failures = 1 AND last_status = ''failed'' FROM taskly.tasks WHERE name = ''fails unseen'''),
	'the task counts a failure that is not kept');
SELECT ok(poll(format('SELECT run ->> ''run_id'' = ''%s'' AND run ->> ''message'' = ''division by zero'' FROM hooked', :id)),
	'on_failure is called');
SELECT is(count(*), 0::bigint, 'nothing of it is in history') FROM taskly.attempts WHERE run_id = :id;
SELECT throws_ok(format('SELECT taskly.retry(%s)', :id), '42704', NULL, 'it cannot be retried');
SELECT taskly.submit('SELECT pg_sleep(0.3); SELECT 1/0', queue => 'nothing') AS id \gset
SELECT is(ends(:id), 'finished', 'who waits for such a run is told that it is over, and no more');

SELECT taskly.submit('SELECT pg_sleep(0.3)', queue => 'nothing') AS a, taskly.submit('SELECT pg_sleep(0.2)', queue => 'nothing') AS b \gset
SELECT results_eq(format('SELECT status FROM taskly.wait(ARRAY[%s, %s]::bigint[], ''30 s'')', :a, :b), $$VALUES ('finished'), ('finished')$$,
	'and who waits for several of them');

-- Nobody can tell it from a run whose transaction was rolled back
SELECT nextval('taskly.run_run_id_seq') AS id \gset
SELECT is(taskly.wait(:id, '0'), 'finished', 'an id that was given away is taken for one of a run that was not kept');
SELECT taskly.alter_queue('nothing', keep => 'all'), taskly.alter_queue('failures only', keep => 'all');
SELECT throws_ok(format('SELECT taskly.wait(%s)', :id), '42704', NULL, 'but not where all is kept');
SELECT throws_ok(format('SELECT taskly.wait(ARRAY[%s]::bigint[])', :id), '42704', NULL, 'nor among several');
SELECT taskly.enqueue('fails unseen') AS id \gset
SELECT is(ends(:id), 'failed', 'a queue can be changed');

SELECT * FROM finish();
