-- What a run says of itself: it comes again later, how far it is, its result; and which failures are tried again.

\ir helper.psql
SELECT no_plan();

CREATE TABLE effect (n serial, what text, at timestamptz DEFAULT clock_timestamp());
-- Snoozes until it has been called so often.
CREATE FUNCTION snooze_until(name text, times int, delay interval) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	done bigint;
BEGIN
	INSERT INTO effect (what) VALUES (name);
	SELECT count(*) INTO done FROM effect WHERE what = name;
	IF done < times THEN
		PERFORM taskly.snooze(delay);
	END IF;
	RETURN done;
END
$$;

-- Snooze
SELECT taskly.submit($$SELECT snooze_until('atomic', 3, '200 ms') AS done$$, args => '{"a": 1}') AS id \gset
SELECT taskly.submit($$SELECT snooze_until('autocommit', 3, '200 ms') AS done$$, atomic => false) AS auto \gset
SELECT ok(poll(format('SELECT snoozes > 0 FROM taskly.runs WHERE run_id = %s', :id)), 'a run snoozes');
SELECT results_eq(format('SELECT count(*) = 2 AS ended FROM taskly.wait(%L::bigint[], ''30 s'') WHERE status = ''succeeded''', ARRAY[:id, :auto]),
	'VALUES (true)', 'and ends when it does not any more');
SELECT results_eq(format('SELECT status, attempt, snoozes, result, message FROM taskly.runs WHERE run_id = %s', r),
	$$VALUES ('succeeded', 1, 2, '{"done": 3}'::jsonb, NULL::text)$$, 'with its first attempt: ' || r)
FROM unnest(ARRAY[:id, :auto]) r;
SELECT is(args, '{"a": 1}', 'its arguments have stayed') FROM taskly.runs WHERE run_id = :id;
SELECT results_eq('SELECT what, count(*) FROM effect GROUP BY 1 ORDER BY 1', $$VALUES ('atomic', 3::bigint), ('autocommit', 3::bigint)$$,
	'the effects of all its starts have stayed');
SELECT ok(min(pause) BETWEEN '200 ms' AND '5 s', 'it came after the delay')
FROM (SELECT at - lag(at) OVER (PARTITION BY what ORDER BY n) AS pause FROM effect) e;
SELECT is(count(*), 2::bigint, 'in history each has one end') FROM taskly.attempts WHERE run_id IN (:id, :auto);

SELECT taskly.submit($$SELECT taskly.snooze('1 hour')$$) AS id \gset
SELECT ok(poll(format('SELECT snoozes = 1 FROM taskly.runs WHERE run_id = %s', :id)), 'a run snoozes for long');
SELECT ok(status = 'scheduled' AND attempt = 0 AND due_at - now() BETWEEN '59 min' AND '1 hour' AND finished_at IS NULL
	AND result IS NULL, 'meanwhile it is scheduled') FROM taskly.runs WHERE run_id = :id;
SELECT is(taskly.cancel(:id), true, 'it can be cancelled');
SELECT is(ends(:id), 'cancelled', 'as others');

SELECT taskly.submit($$SELECT snooze_until('fails', 9, '0'); SELECT 1/0$$, max_attempts => 2, backoff => 'none') AS id \gset
SELECT is(ends(:id), 'failed', 'a command that fails after a call has failed');
SELECT results_eq(format('SELECT attempt, snoozes FROM taskly.runs WHERE run_id = %s', :id), 'VALUES (2, 0)', 'as if it had not called');
SELECT taskly.submit($$SELECT snooze_until('fails too', 9, '0'); SELECT 1/0$$, atomic => false) AS id \gset
SELECT is(ends(:id), 'failed', 'so has one without a transaction');
SELECT taskly.submit($$DO 'BEGIN PERFORM taskly.snooze(''1 hour''); RAISE EXCEPTION ''undo''; EXCEPTION WHEN OTHERS THEN NULL; END'$$) AS id \gset
SELECT is(ends(:id), 'succeeded', 'a call that is rolled back does not count');
SELECT taskly.submit($$DO 'BEGIN IF NOT EXISTS (SELECT FROM effect WHERE what = ''last'') THEN PERFORM taskly.snooze(''1 hour''); END IF; PERFORM snooze_until(''last'', 2, ''0''); END'$$) AS id \gset
SELECT is(ends(:id), 'succeeded', 'the last call counts, for one start');
SELECT taskly.submit($$SELECT taskly.snooze('1 hour')$$, deadline => '500 ms') AS id \gset
SELECT is(ends(:id), 'expired', 'a run that snoozes beyond its deadline expires');
SELECT ok(due_at = deadline AND finished_at - deadline BETWEEN '0' AND '5 s', 'when it has passed') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit($$INSERT INTO effect (what) SELECT 'args ' || length($1 ->> 0); SELECT snooze_until('args', 2, '0')$$,
	args => (SELECT jsonb_build_array(string_agg(md5(n::text), '')) FROM generate_series(1, 20000) n)) AS id \gset
SELECT is(ends(:id), 'succeeded', 'a run with long arguments comes again');
SELECT is(count(*), 2::bigint, 'with the same') FROM effect WHERE what = 'args 640000';
SELECT taskly.schedule('sleeps', 'every 1 second', $$SELECT snooze_until('sleeps', 3, '1500 ms')$$) AS task_id \gset
SELECT ok(poll($$SELECT runs > 0 AND skipped > 1 FROM taskly.tasks WHERE name = 'sleeps'$$), 'an occurrence that snoozes is not over for its task');
SELECT taskly.drop_task('sleeps') \g /dev/null

-- Progress
CREATE ROLE inside_other LOGIN;
GRANT USAGE ON SCHEMA taskly TO inside_other;
SELECT taskly.submit($$SELECT taskly.set_progress(1); SELECT taskly.set_progress(3, 10, 'häää' || repeat('ä', 200)); SELECT pg_sleep(600)$$) AS id \gset
SELECT ok(poll(format('SELECT progress_done = 3 FROM taskly.runs WHERE run_id = %s', :id)), 'progress shows before any commit');
SELECT results_eq(format('SELECT progress_done, progress_total, progress_note FROM taskly.runs WHERE run_id = %s', :id),
	$$VALUES (3::bigint, 10::bigint, 'h' || repeat('ä', 99))$$, 'all of it, the note up to a whole character');
SET ROLE inside_other;
SELECT is(count(*), 0::bigint, 'but not to everybody') FROM taskly.running_runs();
RESET ROLE;
SELECT taskly.cancel(:id) \g /dev/null
SELECT is(ends(:id), 'cancelled', 'the run ends');
SELECT results_eq(format('SELECT progress_done, progress_note FROM taskly.runs WHERE run_id = %s', :id),
	'VALUES (NULL::bigint, NULL::text)', 'and its progress with it');
SELECT is(message, 'cancelled by role "' || current_user || '"', 'it says who has cancelled it') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit('SELECT pg_sleep(600)') AS id \gset
SELECT ok(poll(format('SELECT status = ''running'' AND progress_done IS NULL FROM taskly.runs WHERE run_id = %s', :id)),
	'the next run of the process begins without');
SELECT taskly.cancel(:id) \g /dev/null
DROP OWNED BY inside_other;
DROP ROLE inside_other;

-- Result
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN number AS int;
CREATE TEMP TABLE wanted (n serial, command text, expected jsonb, about text, atomic boolean, id bigint);
INSERT INTO wanted (command, expected, about, atomic) VALUES
	('SELECT 1 AS one, ''x''::text AS t, NULL AS n', '{"one": 1, "t": "x", "n": null}', 'the first row is the result', NULL),
	('SELECT n FROM generate_series(1, 1000) n', '{"n": 1}', 'of many', NULL),
	('SELECT n FROM generate_series(1, 1000) n', '{"n": 1}', 'of many, without a transaction', false),
	('SELECT 1::int2 AS a, 2::int8 AS b, 1.50 AS c, true AS d, ''v''::varchar AS e, ''c''::char(3) AS f, ''nan''::float8 AS g,
		''2026-01-02''::date AS h, ''{1,2}''::int[] AS i, ROW(1, ''z'')::pair AS j, ''{"k": [1]}''::jsonb AS k, ''"s"''::jsonb AS l,
		''[1]''::json AS m, 5::number AS o, ''\x01''::bytea AS p, ''1 day''::interval AS q',
	(SELECT to_jsonb(r) FROM (SELECT 1::int2 AS a, 2::int8 AS b, 1.50 AS c, true AS d, 'v'::varchar AS e, 'c'::char(3) AS f, 'nan'::float8 AS g,
		'2026-01-02'::date AS h, '{1,2}'::int[] AS i, ROW(1, 'z')::pair AS j, '{"k": [1]}'::jsonb AS k, '"s"'::jsonb AS l,
		'[1]'::json AS m, 5::number AS o, '\x01'::bytea AS p, '1 day'::interval AS q) r), 'values of all types', NULL),
	('SELECT 1 AS a; SELECT 2 AS b; INSERT INTO effect (what) VALUES (''r'')', '{"b": 2}', 'the last statement that returns rows counts', NULL),
	('SELECT 1 AS a; SELECT 2 AS b WHERE false; SELECT pg_sleep(0)', '{"a": 1}', 'not one without rows or values', false),
	('INSERT INTO effect (what) VALUES (''r'') RETURNING what', '{"what": "r"}', 'RETURNING returns', NULL),
	('SHOW server_encoding', '{"server_encoding": "UTF8"}', 'SHOW, too', NULL),
	('SELECT pg_sleep(0)', NULL, 'void is nothing', NULL),
	('SELECT NULL::int', NULL, 'nor is NULL', NULL),
	('VACUUM effect', NULL, 'what returns no rows has none', NULL),
	('SELECT 1 AS a, 2 AS a', '{"a": 2}', 'of columns of one name the last counts', NULL),
	('SELECT taskly.set_result(''{"set": true}''); SELECT 1', '{"set": true}', 'set_result() wins', NULL),
	('SELECT taskly.set_result(''[1]''); SELECT taskly.set_result(''2'')', '2', 'its last call', false),
	('SELECT 1; SELECT taskly.set_result(NULL)', NULL, 'also one that takes it back', NULL),
	('DO ''BEGIN PERFORM taskly.set_result(''''1''''); BEGIN PERFORM taskly.set_result(''''2''''); RAISE ''''no''''; EXCEPTION WHEN OTHERS THEN NULL; END; END''',
		'1', 'not one that is rolled back', NULL),
	('DO ''BEGIN PERFORM taskly.set_result(''''1''''); BEGIN BEGIN PERFORM taskly.set_result(''''2''''); EXCEPTION WHEN division_by_zero THEN NULL; END; RAISE ''''no''''; EXCEPTION WHEN OTHERS THEN NULL; END; END''',
		'1', 'with what it was part of', NULL),
	('DO ''BEGIN PERFORM taskly.set_result(''''1''''); BEGIN PERFORM taskly.set_result(''''2''''); EXCEPTION WHEN division_by_zero THEN NULL; END; END''',
		'2', 'but one that is kept', NULL),
	('SELECT repeat(''x'', 60000) AS long', jsonb_build_object('long', repeat('x', 60000)), 'up to 64 kB', NULL),
	('SELECT repeat(''x'', 70000) AS long', NULL, 'not more', NULL),
	('SELECT ''"a\u0000b"''::json AS j', NULL, 'nor what jsonb cannot hold', NULL),
	('SELECT ''1e999999''::json AS j', NULL, 'nor what jsonb cannot hold, without a transaction', false),
	('SELECT array_agg(repeat(''x'', 100)) AS long FROM generate_series(1, 650)', NULL, 'not more in a value that grows', NULL);
UPDATE wanted SET id = taskly.submit(command, atomic => wanted.atomic);
SELECT is(count(*) FILTER (WHERE w.status = 'succeeded'), (SELECT count(*) FROM wanted), 'all of them succeed')
FROM taskly.wait((SELECT array_agg(id) FROM wanted), '30 s') w;
SELECT is(r.result, w.expected, w.about) FROM wanted w JOIN taskly.runs r ON r.run_id = w.id ORDER BY n;
SELECT is(message, 'the result was not kept: it is longer than 64 kB', 'it says so') FROM taskly.runs JOIN wanted ON id = run_id WHERE about LIKE 'not more%';
SELECT is(message LIKE 'the result was not kept: %' AND result IS NULL, true, 'nor if it cannot be converted') FROM taskly.runs JOIN wanted ON id = run_id WHERE about LIKE 'nor what%';
SELECT taskly.submit($$SELECT taskly.set_result('1'); SELECT 1/0$$) AS id \gset
SELECT is(ends(:id), 'failed', 'a run that fails');
SELECT is(result, NULL, 'has no result') FROM taskly.runs WHERE run_id = :id;

-- Which failures are tried again
CREATE TEMP TABLE filtered (n serial, command text, retry_on text[], never_on text[], attempts int, about text, kind text DEFAULT 'sql', id bigint);
INSERT INTO filtered (command, retry_on, never_on, attempts, about, kind) VALUES
	('SELECT 1/0', NULL, NULL, 2, 'without a list every failure', 'sql'),
	('SELECT 1/0', '{22012}', NULL, 2, 'retry_on: its SQLSTATE', 'sql'),
	('SELECT 1/0', '{40001,22}', NULL, 2, 'retry_on: its class', 'sql'),
	('SELECT 1/0', '{22003,08}', NULL, 1, 'retry_on: another one of its class, and another class', 'sql'),
	('SELECT 1/0', NULL, '{22012}', 1, 'never_on: its SQLSTATE', 'sql'),
	('SELECT 1/0', NULL, '{22}', 1, 'never_on: its class', 'sql'),
	('SELECT 1/0', NULL, '{22003,08}', 2, 'never_on: others', 'sql'),
	('SELECT 1/0', '{22012}', '{22}', 1, 'never_on wins', 'sql'),
	('SELECT 1/0', '{22}', '{22012}', 1, 'never_on wins with a single state, too', 'sql'),
	('exit 75', NULL, NULL, 2, 'without a list every exit code', 'shell'),
	('exit 75', '{75}', NULL, 2, 'retry_on: its exit code', 'shell'),
	('exit 75', '{7,5}', NULL, 1, 'retry_on: other exit codes', 'shell'),
	('exit 75', NULL, '{75}', 1, 'never_on: its exit code', 'shell'),
	('exit 75', '{75}', '{1,75}', 1, 'never_on wins', 'shell');
UPDATE filtered SET id = taskly.submit(command, kind => filtered.kind, retry_on => filtered.retry_on, never_on => filtered.never_on,
	max_attempts => 2, backoff => 'none');
SELECT is(count(*) FILTER (WHERE w.status = 'failed'), (SELECT count(*) FROM filtered), 'all of them fail')
FROM taskly.wait((SELECT array_agg(id) FROM filtered), '60 s') w;
SELECT is(r.attempt, f.attempts, f.kind || ', ' || f.about) FROM filtered f JOIN taskly.runs r ON r.run_id = f.id ORDER BY n;

-- The error of the last attempt shows while the next one waits
SELECT taskly.submit('SELECT 1/0', max_attempts => 2, backoff => 'fixed 1h') AS id \gset
SELECT ok(poll(format('SELECT status = ''retrying'' FROM taskly.runs WHERE run_id = %s', :id)), 'a run waits for its next attempt');
SELECT results_eq(format('SELECT sqlstate, message FROM taskly.runs WHERE run_id = %s', :id), $$VALUES ('22012', 'division by zero')$$,
	'it says what went wrong');
SELECT taskly.retry(:id) \g /dev/null
SELECT is(ends(:id), 'failed', 'it fails for good');
SELECT taskly.pause_all('look at what waits') \g /dev/null
SELECT is(taskly.retry(:id), true, 'and is put back');
SELECT results_eq(format('SELECT status, attempt, sqlstate, message FROM taskly.runs WHERE run_id = %s', :id),
	$$VALUES ('retrying', 2, '22012', 'division by zero')$$, 'it still says what went wrong');
SELECT taskly.resume_all() \g /dev/null
SELECT is(ends(:id), 'failed', 'once more');
SELECT is(attempt, 3, 'with its third attempt') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit($$DO 'BEGIN RAISE EXCEPTION ''%'', repeat(''ä'', 10000); END'$$, max_attempts => 2, backoff => 'fixed 1h') AS id \gset
SELECT ok(poll(format('SELECT message = repeat(''ä'', 500) FROM taskly.runs WHERE run_id = %s', :id)), 'of a long message the beginning');
SELECT taskly.cancel(:id) \g /dev/null

-- Many at once
SELECT taskly.define('nothing', 'SELECT 1') \g /dev/null
CREATE TEMP TABLE many AS SELECT array_agg(run_id) AS ids FROM taskly.enqueue_many('nothing', array_fill(NULL::jsonb, ARRAY[10000])) run_id;
SELECT is(count(*) FILTER (WHERE status = 'succeeded'), 10000::bigint, 'ten thousand are waited for') FROM many, taskly.wait(ids, '60 s');
SELECT ok(bool_and(run_id = ids[n]), 'in their order') FROM many, taskly.wait(ids, '0') WITH ORDINALITY w (run_id, status, n);

SELECT * FROM finish();
