-- Shell and autocommit runs, as a user sees them.

\ir helper.psql
SELECT plan(27);

SELECT taskly.submit('echo out; echo err >&2', kind => 'shell') AS id \gset
SELECT is(ends(:id), 'succeeded', 'a shell run succeeds');
SELECT results_eq(format('SELECT kind, exit_code, attempt, pid > 0 FROM taskly.runs WHERE run_id = %s', :id),
	$$VALUES ('shell', 0, 1, true)$$, 'with exit code 0');
SELECT ok(output ~ 'out' AND output ~ 'err' AND output_bytes = 8, 'its output is kept') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit('exit 3', kind => 'shell') AS id \gset
SELECT is(ends(:id), 'failed', 'a shell run with another exit code fails');
SELECT is(exit_code, 3, 'which is kept') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit('exit 3', kind => 'shell', max_attempts => 3, backoff => 'none', retry_on => '{3}') AS id \gset
SELECT is(ends(:id), 'failed', 'it is tried again');
SELECT results_eq(format('SELECT attempt, exit_code, is_final FROM taskly.attempts WHERE run_id = %s ORDER BY attempt', :id),
	$$VALUES (1, 3, false), (2, 3, false), (3, 3, true)$$, 'on the exit codes of retry_on');
SELECT taskly.submit('exit 4', kind => 'shell', max_attempts => 3, backoff => 'none', retry_on => '{3}') AS id \gset
SELECT is(ends(:id), 'failed', 'on others');
SELECT is(attempt, 1, 'it is not') FROM taskly.runs WHERE run_id = :id;

-- Arguments
SELECT taskly.submit('printf "%s|" "$TASKLY_ARGS"; cat', kind => 'shell', args => '{"a": "x; $(id)"}') AS id \gset
SELECT is(ends(:id), 'succeeded', 'args');
SELECT is(output, '{"a": "x; $(id)"}|{"a": "x; $(id)"}', 'are in the environment and on stdin, as they are')
FROM taskly.runs WHERE run_id = :id;

-- Stops
SELECT taskly.submit('sleep 600', kind => 'shell', timeout => '200 ms') AS id \gset
SELECT is(ends(:id), 'timed_out', 'a shell run is stopped at its timeout');
SELECT taskly.submit('echo begun; sleep 600', kind => 'shell') AS id \gset
SELECT ok(runs(:id), 'a shell run runs');
SELECT ok(EXISTS (SELECT FROM taskly.workers WHERE kind = 'supervisor' AND pid > 0), 'watched by a supervisor');
SELECT is(taskly.cancel(:id), true, 'it can be cancelled');
SELECT is(ends(:id), 'cancelled', 'and ends');

-- Autocommit
CREATE TABLE t AS SELECT g AS n FROM generate_series(1, 100) g;
SELECT taskly.submit('VACUUM t') AS id \gset
SELECT is(ends(:id), 'succeeded', 'VACUUM runs');
SELECT is(atomic, false, 'on its own') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit('CREATE INDEX CONCURRENTLY t_n ON t (n)') AS id \gset
CALL settle(:id);
SELECT is(ends(:id), 'succeeded', 'so does CREATE INDEX CONCURRENTLY');
SELECT ok(indisvalid, 'to its end') FROM pg_index WHERE indexrelid = 't_n'::regclass;
CREATE PROCEDURE halves() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (101); COMMIT; INSERT INTO t VALUES (1 / 0); END';
SELECT taskly.submit('CALL halves()', atomic => false) AS id \gset
SELECT is(ends(:id), 'failed', 'a procedure that fails after COMMIT fails');
SELECT is(count(*), 101::bigint, 'and what it committed stays') FROM t;
SELECT taskly.submit('CALL halves()') AS id \gset
SELECT is(ends(:id), 'failed', 'in an atomic run COMMIT is an error');
SELECT is(sqlstate, '2D000', 'of its own') FROM taskly.runs WHERE run_id = :id;
SELECT taskly.submit('INSERT INTO t VALUES (102); INSERT INTO t VALUES (1 / 0)', atomic => false) AS id \gset
SELECT is(ends(:id), 'failed', 'statements run one after another');
SELECT is(count(*), 1::bigint, 'each in its own transaction') FROM t WHERE n = 102;
SELECT ok(NOT EXISTS (SELECT FROM taskly.runs WHERE finished_at IS NULL), 'nothing is left behind');

SELECT * FROM finish();
