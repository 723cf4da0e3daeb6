-- Two tenants: what they see, change and run as.

\ir helper.psql
SELECT plan(25);

DROP ROLE IF EXISTS pgtap_one, pgtap_two;
CREATE ROLE pgtap_one LOGIN;
CREATE ROLE pgtap_two LOGIN;
GRANT USAGE ON SCHEMA taskly TO pgtap_one, pgtap_two;
CREATE TABLE effect (who text, session text, pid int DEFAULT pg_backend_pid());
GRANT INSERT ON effect TO PUBLIC;

SET ROLE pgtap_one;
SELECT taskly.define('who', 'INSERT INTO effect VALUES (current_user, session_user)') \g /dev/null
SELECT taskly.enqueue('who') AS one \gset
SELECT is(ends(:one), 'succeeded', 'a tenant''s run succeeds');
SELECT taskly.submit('SELECT pg_sleep(600) /* of one */') AS sleeps \gset
SELECT ok(runs(:sleeps), 'another one runs');
SELECT ok(EXISTS (SELECT FROM taskly.workers WHERE role = 'pgtap_one'::regrole AND run_id = :sleeps AND pid > 0), 'in a worker of its own');

SET ROLE pgtap_two;
SELECT taskly.define('who', 'INSERT INTO effect VALUES (current_user, session_user)') \g /dev/null
SELECT taskly.enqueue('who') AS two \gset
SELECT is(ends(:two), 'succeeded', 'another tenant''s task of the same name');
SELECT is_empty(format('SELECT FROM taskly.runs WHERE run_id IN (%s, %s)', :one, :sleeps), 'what belongs to one is not shown to the other');
SELECT is(count(*), 1::bigint, 'its own is') FROM taskly.runs;
SELECT is_empty('SELECT FROM taskly.running_runs()', 'nor is what runs');
SELECT is_empty('SELECT FROM taskly.workers WHERE role = ''pgtap_one''::regrole', 'nor in which process');
SELECT throws_ok(format('SELECT taskly.cancel(%s)', :sleeps), '42704', NULL, 'it cannot be cancelled');
SELECT throws_ok(format('SELECT taskly.wait(%s)', :sleeps), '42704', NULL, 'nor waited for');
SELECT is(taskly.cancel(ARRAY[:sleeps]::bigint[]), 0::bigint, 'nor cancelled among others');
SELECT throws_ok('SELECT * FROM taskly.pending_run', '42501', NULL, 'and tables are closed');
SELECT throws_ok('DELETE FROM taskly.finished_run', '42501', NULL, 'history, too');
SELECT throws_ok($$SELECT taskly.schedule('as one', '* * * * *', 'SELECT 1', owner => 'pgtap_one')$$, '42501', NULL,
	'nobody schedules for whom it is not a member of');

RESET ROLE;
SELECT is(status, 'running', 'it still runs') FROM taskly.runs WHERE run_id = :sleeps;
SET ROLE pgtap_one;
SELECT is(taskly.cancel(:sleeps), true, 'its owner can cancel it');
SELECT is(ends(:sleeps), 'cancelled', 'and it ends');
RESET ROLE;
SELECT results_eq('SELECT who, session FROM effect ORDER BY who',
	$$VALUES ('pgtap_one', 'pgtap_one'), ('pgtap_two', 'pgtap_two')$$, 'each ran as its owner');
SELECT is(count(DISTINCT pid), 2::bigint, 'in another process') FROM effect;

-- No way to another role
TRUNCATE effect;
SET ROLE pgtap_one;
SELECT taskly.submit('RESET ROLE; RESET SESSION AUTHORIZATION; INSERT INTO effect VALUES (current_user, session_user)') AS id \gset
SELECT is(ends(:id), 'succeeded', 'RESET ROLE in a run');
RESET ROLE;
SELECT results_eq('SELECT who, session FROM effect', $$VALUES ('pgtap_one', 'pgtap_one')$$, 'leads to its owner only');
SET ROLE pgtap_one;
SELECT taskly.submit('SET SESSION AUTHORIZATION pgtap_two') AS id \gset
SELECT is(ends(:id), 'failed', 'SET SESSION AUTHORIZATION fails');

-- Rights are checked again at the start
SELECT taskly.enqueue('who', run_at => clock_timestamp() + interval '1 second') AS id \gset
RESET ROLE;
ALTER ROLE pgtap_one NOLOGIN;
SELECT is(ends(:id), 'denied', 'an owner who may not log in any more is denied');
SELECT is(run_id, :id::bigint, 'which is a failure') FROM taskly.failures WHERE status = 'denied';
ALTER ROLE pgtap_one LOGIN;
SET ROLE pgtap_one;
SELECT throws_ok($$SELECT taskly.submit('id', kind => 'shell')$$, '42501', NULL, 'shell is for members of pg_execute_server_program');
RESET ROLE;

SELECT * FROM finish();

DROP OWNED BY pgtap_one, pgtap_two;
SELECT taskly.drop_task(task_id) FROM taskly.tasks \g /dev/null
DROP ROLE pgtap_one, pgtap_two;
