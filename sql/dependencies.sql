-- Runs that wait for runs, and tasks that come after tasks: arguments, errors, rights, what the
-- views show. Nothing here is due while the test runs; test/pgtap/dependencies.sql runs things.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE ROLE dependencies_one LOGIN;
CREATE ROLE dependencies_two LOGIN;
GRANT USAGE ON SCHEMA taskly TO dependencies_one, dependencies_two;

-- SQLSTATE and message of a command that fails, with detail and hint.
CREATE FUNCTION pg_temp.error(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	d text;
	h text;
BEGIN
	EXECUTE command;
	RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
	RETURN NEXT regexp_replace(SQLSTATE || ': ' || SQLERRM, '\y\d{7}\y', 'N', 'g');
	IF d <> '' THEN
		RETURN NEXT '  ' || regexp_replace(d, '\y\d{7}\y', 'N', 'g');
	END IF;
	IF h <> '' THEN
		RETURN NEXT '  ' || regexp_replace(h, '\y\d{7}\y', 'N', 'g');
	END IF;
END
$$;

-- Large numbers, so that no id is taken for a number of something else.
SELECT setval('taskly.run_run_id_seq', 1000000) > 0 AS is_set;
SELECT taskly.define('dependencies task', 'SELECT 1', deadline => '1 day') AS task_id \gset
SELECT taskly.pause('dependencies task');

--
-- A run waits, and its row says until when.
--
SELECT taskly.enqueue('dependencies task', run_at => '2999-01-01') AS first \gset
SELECT taskly.enqueue('dependencies task', run_at => '2999-01-01 12:00', depends_on => ARRAY[:first, :first]) AS second \gset
SELECT taskly.submit('SELECT 1', depends_on => ARRAY[:second, :first], depends_when => 'ended') AS third \gset
SELECT taskly.submit('SELECT 1', run_at => '2999-01-01', depends_on => '{}') AS fourth \gset
SELECT run_id - :first AS run, due_at, scheduled_for > now() AS is_later, deadline_at
FROM taskly.pending_run WHERE run_id >= :first ORDER BY run_id;
SELECT run_id - :first AS run, parent_id - :first AS parent, needs, parent_status
FROM taskly.run_dependency WHERE run_id >= :first ORDER BY run_id, parent_id;
SELECT run_id - :first AS run, status, lateness,
	ARRAY(SELECT p - :first FROM unnest(depends_on) p) AS depends_on, depends_on IS NULL AS on_nothing
FROM taskly.runs WHERE run_id >= :first ORDER BY run_id;
SELECT replace(tree, run_id::text, (run_id - :first)::text) AS tree, status, depth FROM taskly.run_graph(:second);
SELECT tree = 'run ' || :fourth AS is_alone, depth FROM taskly.run_graph(:fourth);

-- Of the same transaction, and none that was rolled back.
BEGIN;
SELECT taskly.submit('SELECT 1', run_at => '2999-01-01') AS ours \gset
SELECT taskly.submit('SELECT 1', depends_on => ARRAY[:ours]) > 0 AS has_id;
ROLLBACK;
SELECT pg_temp.error(format('SELECT taskly.submit(''SELECT 1'', depends_on => ''{%s}'')', :ours));

-- A waiting run counts in its queue.
SELECT taskly.create_queue('dependencies small', max_pending => 2) > 0 AS has_id;
SELECT taskly.submit('SELECT 1', queue => 'dependencies small', depends_on => ARRAY[:first]) > 0 AS has_id
FROM generate_series(1, 2);
SELECT pg_temp.error(format('SELECT taskly.submit(''SELECT 1'', queue => ''dependencies small'', depends_on => ''{%s}'')', :first));

--
-- What is refused
--
SELECT e AS arguments, pg_temp.error(format('SELECT taskly.enqueue(''dependencies task'', %s)', e))
FROM unnest(ARRAY[
	$$depends_on => '{0}'$$,
	$$depends_on => '{-1}'$$,
	$$depends_on => '{9223372036854775807}'$$,
	$$depends_on => '{1,NULL}'$$,
	$$depends_on => array_fill(0::bigint, '{1001}')$$,
	$$depends_when => 'failed'$$,
	$$depends_when => NULL$$]) e;
SELECT e AS arguments, pg_temp.error(format('SELECT taskly.submit(''SELECT 1'', %s)', e))
FROM unnest(ARRAY[
	$$depends_on => '{0}'$$,
	$$depends_on => '{1,NULL}'$$,
	$$depends_when => 'failed'$$,
	$$depends_when => 'ended'$$]) e;
SELECT pg_temp.error('SELECT * FROM taskly.run_graph(0)');
SELECT pg_temp.error('SELECT * FROM taskly.run_graph(NULL)');
SELECT * FROM taskly.parent_results();

-- Ended ones: satisfied at once, or refused.
CREATE FUNCTION pg_temp.ended(id bigint, status text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO taskly.finished_run (run_id, home_id, due_at, scheduled_for, queued_at, owner, queue_id,
		priority, attempt, crashes, max_attempts, source, command, kind, backoff, slot, is_final, finished_at, status)
	SELECT id, h.home_id, now(), now(), now(), current_user::regrole,
		(SELECT queue_id FROM taskly.queue WHERE name = 'default'), 0, 1, 0, 1, 'submit', 'SELECT 1', 'sql',
		'none', 0, true, now(), status
	FROM taskly.home h
$$;
SELECT pg_temp.ended(1000, 'succeeded'), pg_temp.ended(1001, 'failed'), pg_temp.ended(1002, 'cancelled'),
	pg_temp.ended(1003, 'skipped');
SELECT id, pg_temp.error(format('SELECT taskly.submit(''SELECT 1'', run_at => ''2999-01-01'', depends_on => ''{%s}'')', id))
FROM unnest('{1001,1002,1003}'::bigint[]) id;
SELECT taskly.submit('SELECT 1', run_at => '2999-01-01', depends_on => '{1000}') AS after_good \gset
SELECT taskly.submit('SELECT 1', run_at => '2999-01-01', depends_on => '{1000,1001,1002,1003}', depends_when => 'ended') AS after_all \gset
SELECT run_id = :after_good AS good, status, depends_on FROM taskly.runs WHERE run_id IN (:after_good, :after_all) ORDER BY run_id;
SELECT parent_id, needs, parent_status FROM taskly.run_dependency WHERE run_id IN (:after_good, :after_all) ORDER BY run_id, parent_id;

--
-- Others' runs are as runs that do not exist.
--
SET ROLE dependencies_one;
SELECT pg_temp.error(format('SELECT taskly.submit(''SELECT 1'', depends_on => ''{%s}'')', :first));
SELECT pg_temp.error(format('SELECT * FROM taskly.run_graph(%s)', :first));
SELECT taskly.submit('SELECT 1', run_at => '2999-01-01') AS ones \gset
SET ROLE dependencies_two;
SELECT pg_temp.error(format('SELECT taskly.submit(''SELECT 1'', depends_on => ''{%s}'')', :ones));
RESET ROLE;
-- An administrator may see it, and its owner does not see what depends on it.
SELECT taskly.submit('SELECT 1', depends_on => ARRAY[:ones]) AS admins \gset
SELECT count(*) FROM taskly.run_graph(:ones);
SET ROLE dependencies_one;
SELECT tree = 'run ' || :ones AS is_alone FROM taskly.run_graph(:ones);
SELECT pg_temp.error(format('SELECT taskly.cancel(%s)', :admins));
SELECT pg_temp.error('SELECT * FROM taskly.run_dependency');
RESET ROLE;

--
-- cancel, retry
--
SELECT taskly.retry(:second) AS waiting_is_not_retried, taskly.cancel(:second) AS cancelled, taskly.cancel(:second) AS again;
SELECT status, due_at, scheduled_for, message IS NOT NULL AS says_who FROM taskly.runs WHERE run_id = :second;
-- Back it waits again, and with a failed parent it does not come back.
SELECT taskly.retry(:second) AS retried;
SELECT status FROM taskly.runs WHERE run_id = :second;
SELECT taskly.cancel(ARRAY[:second, :first, :third]) AS cancelled;
SELECT pg_temp.error(format('SELECT taskly.retry(%s)', :second));
SELECT taskly.retry(ARRAY[:second]) AS none;
SELECT taskly.retry(ARRAY[:first, :second]) AS both;
SELECT run_id - :first AS run, status, deadline - due_at AS deadline FROM taskly.runs WHERE run_id = :first;
SELECT run_id - :first AS run, status, due_at, deadline - scheduled_for AS deadline FROM taskly.runs WHERE run_id = :second;

--
-- Tasks that come after tasks
--
SELECT taskly.schedule('dependencies root', '0 0 1 1 *', 'SELECT 1') AS root_id \gset
SELECT taskly.define('dependencies b', 'SELECT 1', after => '{dependencies root,dependencies root}') AS b_id \gset
SELECT taskly.define('dependencies c', 'SELECT 1', after => '{dependencies root}') > 0 AS has_id;
SELECT taskly.define('dependencies d', 'SELECT 1', after => '{dependencies c,dependencies b}') > 0 AS has_id;
SELECT name, after, schedule, next_fire IS NULL AS has_no_fire FROM taskly.tasks WHERE name ~ '^dependencies .$' ORDER BY name;
SELECT taskly.schedule('dependencies other', '0 0 1 2 *', 'SELECT 1') > 0 AS has_id;
SELECT taskly.define('dependencies plain', 'SELECT 1') > 0 AS has_id;

SELECT c AS call, pg_temp.error('SELECT taskly.' || c)
FROM unnest(ARRAY[
	$$define('dependencies e', 'SELECT 1', after => '{dependencies nobody}')$$,
	$$define('dependencies e', 'SELECT 1', after => '{dependencies e}')$$,
	$$define('dependencies e', 'SELECT 1', after => '{""}')$$,
	$$define('dependencies e', 'SELECT 1', after => '{NULL}')$$,
	$$define('dependencies e', 'SELECT 1', after => array_fill('x'::text, '{101}'))$$,
	$$define('dependencies e', 'SELECT 1', after => '{dependencies plain}')$$,
	$$define('dependencies e', 'SELECT 1', after => '{dependencies root,dependencies other}')$$,
	$$define('dependencies e', 'SELECT 1', after => '{dependencies d,dependencies other}')$$,
	$$schedule('dependencies e', '@yearly', 'SELECT 1', after => '{dependencies root}')$$,
	$$alter('dependencies root', after => '{dependencies d}')$$,
	$$alter('dependencies root', after => '{dependencies d}', reset => '{schedule}')$$,
	$$alter('dependencies b', after => '{dependencies b}')$$,
	$$alter('dependencies b', after => '{dependencies d}')$$,
	$$alter('dependencies b', after => '{dependencies other}')$$,
	$$alter('dependencies b', schedule => '@yearly')$$,
	$$alter('dependencies b', reset => '{after}')$$,
	$$alter('dependencies b', schedule => '@yearly', reset => '{after}')$$,
	$$alter('dependencies root', reset => '{schedule}')$$,
	$$define('dependencies root', 'SELECT 1')$$,
	$$drop_task('dependencies root')$$,
	$$drop_task('dependencies b')$$]) c;

-- A task is another's to whoever may not manage it.
SET ROLE dependencies_one;
SELECT pg_temp.error($$SELECT taskly.define('mine', 'SELECT 1', after => '{dependencies root}')$$);
RESET ROLE;
GRANT dependencies_one TO dependencies_two;
SET ROLE dependencies_one;
SELECT taskly.schedule('dependencies ones', '@yearly', 'SELECT 1') > 0 AS has_id;
SET ROLE dependencies_two;
SELECT taskly.define('dependencies twos', 'SELECT 1', after => '{dependencies ones}') > 0 AS has_id;
SET ROLE dependencies_one;
SELECT pg_temp.error($$SELECT taskly.drop_task('dependencies ones')$$);
RESET ROLE;

-- Names change, what they stand for does not.
SELECT taskly.alter('dependencies b', rename_to => 'dependencies bb') = :b_id AS same_id;
SELECT taskly.alter('dependencies root', schedule => '0 0 2 1 *', description => 'new') = :root_id AS same_id;
SELECT name, after FROM taskly.tasks WHERE name = 'dependencies d';
-- Replaced without the option, it is a task like any other.
SELECT taskly.define('dependencies d', 'SELECT 1') > 0 AS has_id;
SELECT after, schedule FROM taskly.tasks WHERE name = 'dependencies d';
SELECT taskly.alter('dependencies d', after => '{dependencies c}') > 0 AS has_id;
SELECT taskly.alter('dependencies d', description => 'kept') > 0 AS has_id;
SELECT after, description FROM taskly.tasks WHERE name = 'dependencies d';
SELECT taskly.alter('dependencies d', schedule => '@yearly', reset => '{after}') > 0 AS has_id;
SELECT after, schedule FROM taskly.tasks WHERE name = 'dependencies d';
SELECT taskly.alter('dependencies d', after => '{dependencies c}', reset => '{schedule}') > 0 AS has_id;
SELECT taskly.drop_task('dependencies d') AS d, taskly.drop_task('dependencies c') AS c,
	taskly.drop_task('dependencies bb') AS b, taskly.drop_task('dependencies root') AS root;

-- Only after the last follower is there no more to follow.
SELECT count(*) FROM taskly.task WHERE after IS NOT NULL AND name LIKE 'dependencies%';

SELECT count(*) > 0 AS dropped FROM (
	SELECT taskly.drop_task(t) FROM unnest('{dependencies plain,dependencies other,dependencies twos,dependencies ones}'::text[]) t) d;
SELECT taskly.cancel(array_agg(run_id)) > 0 AS cancelled FROM taskly.runs WHERE finished_at IS NULL AND run_id >= 1000000;
SELECT taskly.drop_task('dependencies task');
SELECT taskly.drop_queue('dependencies small');
DELETE FROM taskly.finished_run WHERE run_id BETWEEN 1000 AND 1003;
REVOKE USAGE ON SCHEMA taskly FROM dependencies_one, dependencies_two;
DROP ROLE dependencies_one, dependencies_two;
