-- What a run says of itself, and waiting for several: errors, and who may.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
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
-- How a run ends that executes this.
CREATE PROCEDURE end_of(command text, INOUT said text) LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	id := taskly.submit(command);
	COMMIT;
	said := taskly.wait(id, '30 s');
	SELECT concat_ws(': ', said, r.sqlstate, r.message, r.detail) INTO said FROM taskly.runs r WHERE r.run_id = id;
END
$$;

-- Outside of a run
SELECT c, pg_temp.error('SELECT taskly.' || c) FROM unnest(ARRAY['snooze(''1 s'')', 'snooze(NULL)', 'set_progress(1)',
	'set_progress(-1)', 'set_result(''1'')']) c;

-- Arguments
\set VERBOSITY terse
CALL end_of($$SELECT taskly.snooze(NULL)$$, NULL);
CALL end_of($$SELECT taskly.snooze('-1 s')$$, NULL);
CALL end_of($$SELECT taskly.snooze('1000 years')$$, NULL);
CALL end_of($$SELECT taskly.set_progress(NULL)$$, NULL);
CALL end_of($$SELECT taskly.set_progress(-1)$$, NULL);
CALL end_of($$SELECT taskly.set_progress(0, -1)$$, NULL);
CALL end_of($$SELECT taskly.set_progress(2, 1)$$, NULL);
CALL end_of($$SELECT taskly.set_progress(0, 0, '')$$, NULL);
CALL end_of($$SELECT taskly.set_progress(done => 1, note => NULL)$$, NULL);
CALL end_of($$SELECT taskly.set_result(to_jsonb(repeat('x', 65536)))$$, NULL);
CALL end_of($$SELECT taskly.set_result(to_jsonb(repeat('x', 65000)))$$, NULL);
CALL end_of($$SELECT taskly.set_result(NULL)$$, NULL);
-- A run that has been waiting for ever is told so
BEGIN;
SELECT taskly.submit($$SELECT taskly.snooze('1 s')$$) AS id \gset
UPDATE taskly.pending_run SET snoozes = 1000000 WHERE run_id = :id;
COMMIT;
SELECT taskly.wait(:id, '30 s');
SELECT sqlstate, regexp_replace(message, 'run \d+', 'run N') AS message, detail, hint, snoozes FROM taskly.runs WHERE run_id = :id;

-- Waiting for several
SELECT taskly.submit('SELECT 1', run_at => '2099-01-01') AS later \gset
SELECT taskly.submit('SELECT 1') AS a \gset
SELECT taskly.submit('SELECT 1/0') AS b \gset
SELECT array_position(ARRAY[:b, :a, :b]::bigint[], run_id) AS first, status FROM taskly.wait(ARRAY[:b, :a, :b]::bigint[], '30 s');
SELECT run_id = :later AS is_later, status FROM taskly.wait(ARRAY[:later, :a]::bigint[], '20 ms');
SELECT run_id = :later AS is_later, status FROM taskly.wait(ARRAY[:later, :a]::bigint[], '30 s', any_of => true);
SELECT run_id = :later AS is_later, status FROM taskly.wait(ARRAY[:later, :later]::bigint[], '0', any_of => true);
SELECT count(*) FROM taskly.wait('{}'::bigint[]);
SELECT count(*) FROM taskly.wait('{}'::bigint[], any_of => true);
SELECT c, pg_temp.error(format('SELECT * FROM taskly.wait(%s)', c)) FROM unnest(ARRAY['NULL::bigint[]', '''{1,NULL}''::bigint[]',
	'''{0}''::bigint[]', '''{}''::bigint[], ''-1 s''']) c;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT taskly.submit('SELECT 1') AS id \gset
SELECT regexp_replace(pg_temp.error(format('SELECT * FROM taskly.wait(ARRAY[%s, %s]::bigint[])', :a, :id)), 'run \d+', 'run N');
-- What it has cancelled itself is over for it
SELECT taskly.cancel(:later);
SELECT run_id = :later AS is_later, status FROM taskly.wait(ARRAY[:later, :a]::bigint[], '0');
ROLLBACK;
CALL end_of($$SELECT * FROM taskly.wait(ARRAY[current_setting('taskly.run_id')]::bigint[])$$, NULL) \gset
SELECT regexp_replace(:'said', 'run \d+', 'run N');

-- Of others
CREATE ROLE run_inside_one LOGIN;
GRANT USAGE ON SCHEMA taskly TO run_inside_one;
SET ROLE run_inside_one;
SELECT regexp_replace(pg_temp.error(format('SELECT * FROM taskly.wait(ARRAY[%s]::bigint[])', :a)), 'run \d+', 'run N');
SELECT count(*) FROM taskly.running_runs();
RESET ROLE;

SELECT taskly.cancel(:later);
SET client_min_messages = warning;
DROP OWNED BY run_inside_one;
DROP ROLE run_inside_one;
DROP PROCEDURE end_of;
