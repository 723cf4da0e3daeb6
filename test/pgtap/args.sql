-- What a run knows of itself.

\ir helper.psql
SELECT plan(14);

CREATE TABLE seen (run_id bigint, task text, attempt int, scheduled_for timestamptz, args jsonb, setting_run_id text, setting_args text);
SELECT taskly.define('looks', $$
	INSERT INTO seen SELECT *, current_setting('taskly.run_id'), current_setting('taskly.args') FROM taskly.current_run()
$$, args => '{"from": "task"}') \g /dev/null

SELECT taskly.enqueue('looks', run_at => '2020-01-01') AS id \gset
SELECT is(ends(:id), 'succeeded', 'a run asks who it is');
SELECT results_eq('SELECT run_id, task, attempt, scheduled_for, args, setting_run_id, setting_args::jsonb FROM seen',
	format($$VALUES (%s::bigint, 'looks', 1, '2020-01-01'::timestamptz, '{"from": "task"}'::jsonb, '%1$s', '{"from": "task"}'::jsonb)$$, :id),
	'and is told');
TRUNCATE seen;
SELECT taskly.enqueue('looks', '{"from": "call"}') AS id \gset
SELECT is(ends(:id), 'succeeded', 'another one');
SELECT results_eq('SELECT run_id, args FROM seen', format($$VALUES (%s::bigint, '{"from": "call"}'::jsonb)$$, :id), 'has its own args');
TRUNCATE seen;
SELECT taskly.submit('INSERT INTO seen SELECT * FROM taskly.current_run()') AS id \gset
SELECT is(ends(:id), 'succeeded', 'a run without a task');
SELECT results_eq('SELECT run_id, task, args FROM seen', format($$VALUES (%s::bigint, NULL::text, NULL::jsonb)$$, :id), 'says so');

-- $1
TRUNCATE seen;
SELECT taskly.submit('INSERT INTO seen (args) VALUES ($1)', args => '[1, "two"]') AS id \gset
SELECT is(ends(:id), 'succeeded', 'args are $1');
SELECT is(args, '[1, "two"]', 'as given') FROM seen;
TRUNCATE seen;
SELECT taskly.submit($$DO 'BEGIN INSERT INTO seen (args) VALUES (current_setting(''taskly.args'')::jsonb); END'$$, args => '"do"') AS id \gset
SELECT is(ends(:id), 'succeeded', 'DO reads a setting');
SELECT is(args, '"do"', 'as given') FROM seen;

-- A parallel worker does not know the run: it must not give an empty answer
CREATE TABLE many AS SELECT g AS n FROM generate_series(1, 1000) g;
SELECT taskly.submit($$
	SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0;
	SET LOCAL parallel_leader_participation = off;
	SELECT 1 / count(*) FROM many WHERE n::text = current_setting('taskly.args')
$$, args => '7') AS id \gset
SELECT is(ends(:id), 'failed', 'a setting is not read in a parallel worker');
SELECT matches(message, 'cannot be read in a parallel worker', 'rather than wrongly') FROM taskly.runs WHERE run_id = :id;

-- It cannot wait for itself
SELECT taskly.submit('SELECT taskly.wait((SELECT run_id FROM taskly.current_run()))') AS id \gset
SELECT is(ends(:id), 'failed', 'a run cannot wait for itself');
SELECT is(sqlstate, '55000', 'and is told so') FROM taskly.runs WHERE run_id = :id;

SELECT * FROM finish();
