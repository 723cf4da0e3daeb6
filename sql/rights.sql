-- Who may do what to whose tasks and queues.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';

CREATE ROLE regress_taskly_alice LOGIN;
CREATE ROLE regress_taskly_bob LOGIN;
CREATE ROLE regress_taskly_team NOLOGIN ROLE regress_taskly_alice;
CREATE ROLE regress_taskly_lead LOGIN IN ROLE regress_taskly_alice, regress_taskly_bob;
CREATE ROLE regress_taskly_super LOGIN SUPERUSER;
CREATE ROLE regress_taskly_heir LOGIN NOINHERIT IN ROLE regress_taskly_alice;

-- USAGE on the schema is the right to use taskly.
SET ROLE regress_taskly_alice;
SELECT taskly.define('mine', 'SELECT 1');
RESET ROLE;
GRANT USAGE ON SCHEMA taskly TO regress_taskly_alice, regress_taskly_bob, regress_taskly_lead, regress_taskly_heir;

-- Names belong to owners: the same name twice.
SET ROLE regress_taskly_alice;
SELECT taskly.define('mine', 'SELECT 1') AS alices \gset
SELECT taskly.define('shared', 'SELECT 1') > 0 AS has_id;
SELECT taskly.schedule('mine', '0 0 1 1 *', 'SELECT 1') = :alices AS same_id;
SET ROLE regress_taskly_bob;
SELECT taskly.define('mine', 'SELECT 2') AS bobs \gset
SELECT :bobs <> :alices AS is_another;
SELECT taskly.create_queue('bobs_queue') > 0 AS has_id;

-- Not found and not yours are the same.
SELECT taskly.pause('shared');
SELECT taskly.pause('no_such_task');
-- Nor is a name told that would be near.
SELECT taskly.pause('shareb');
SELECT taskly.pause('mina');
SELECT taskly.alter('shared', command => 'SELECT 2');
SELECT taskly.drop_task('shared');
SELECT taskly.resume('shared');
CREATE FUNCTION pg_temp.message(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s: %s', sqlstate, regexp_replace(sqlerrm, '[0-9]+', 'N', 'g'));
END
$$;
SELECT c AS call, pg_temp.message(format('SELECT taskly.' || c, i))
FROM unnest(ARRAY['alter(%s, command => ''SELECT 2'')', 'pause(%s)', 'resume(%s)', 'drop_task(%s)']) c,
	unnest(ARRAY[:alices, -1]) i ORDER BY c, i;

-- Everybody uses every queue, but only its owner changes it.
SET ROLE regress_taskly_alice;
SELECT taskly.alter('mine', queue => 'bobs_queue') = :alices AS same_id;
SELECT taskly.alter_queue('bobs_queue', max_running => 1);
SELECT taskly.pause_queue('bobs_queue');
SELECT taskly.resume_queue('bobs_queue');
SELECT taskly.drop_queue('bobs_queue');
SELECT taskly.drop_queue('bobs_queue', cascade => true);
SELECT taskly.set_key('bobs_queue', 'k', 2);
SELECT taskly.pause_key('bobs_queue', 'k');
SELECT taskly.resume_key('bobs_queue', 'k');
SELECT taskly.pause_queue('default');
SELECT taskly.pause_key('default', 'k');
SELECT taskly.set_quota('regress_taskly_alice', max_running => 1);
SELECT taskly.alter('mine', reset => '{queue}') = :alices AS same_id;

-- Members of the owner manage; a name that two of them have is ambiguous.
SET ROLE regress_taskly_lead;
SELECT taskly.pause('shared', 'by a member'), taskly.resume('shared');
CREATE FUNCTION pg_temp.detail(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE call;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN format('%s: %s | %s | %s', sqlstate, sqlerrm, regexp_replace(detail, '[0-9]+', 'N', 'g'), hint);
END
$$;
SELECT pg_temp.detail($$SELECT taskly.pause('mine')$$);
SELECT taskly.pause(:bobs), taskly.resume(:bobs);
-- Of one's own there is no doubt.
SELECT taskly.define('mine', 'SELECT 3') AS leads \gset
SELECT taskly.alter('mine', command => 'SELECT 4') = :leads AS same_id;
SELECT taskly.drop_task('mine');
SELECT taskly.pause_queue('bobs_queue'), taskly.resume_queue('bobs_queue');
SELECT taskly.pause_key('bobs_queue', 'secret'), count(*) FROM taskly.keys WHERE queue = 'bobs_queue';
SET ROLE regress_taskly_alice;
SELECT count(*) FROM taskly.keys WHERE queue = 'bobs_queue';
SET ROLE regress_taskly_lead;
SELECT count(*), taskly.resume_key('bobs_queue', 'secret') FROM taskly.keys WHERE queue = 'bobs_queue';
-- Membership without INHERIT gives no rights.
SET ROLE regress_taskly_heir;
SELECT taskly.pause('shared');
RESET ROLE;

--
-- Owners: the caller is a member, the role may log in
--
SET ROLE regress_taskly_alice;
SELECT taskly.define('given', 'SELECT 1', owner => 'regress_taskly_bob');
SELECT taskly.define('given', 'SELECT 1', owner => 'regress_taskly_team');
SELECT taskly.define('given', 'SELECT 1', owner => 'regress_taskly_super');
SELECT taskly.alter('mine', owner => 'regress_taskly_bob');
RESET ROLE;
SELECT taskly.define('given', 'SELECT 1', owner => 4294967290::oid::regrole);
GRANT regress_taskly_super TO regress_taskly_alice;
SET ROLE regress_taskly_alice;
SELECT taskly.define('given', 'SELECT 1', owner => 'regress_taskly_super');
RESET ROLE;
SELECT taskly.define('given', 'SELECT 1', owner => 'regress_taskly_super') AS supers \gset
SET ROLE regress_taskly_alice;
SELECT taskly.alter('given', command => 'ALTER ROLE regress_taskly_alice SUPERUSER');
RESET ROLE;
REVOKE regress_taskly_super FROM regress_taskly_alice;
SELECT taskly.drop_task('given');

-- Giving a task away takes its waiting runs along, but not those in execution.
SET ROLE regress_taskly_lead;
SELECT taskly.define('given', 'SELECT 1', owner => 'regress_taskly_alice') AS given \gset
RESET ROLE;
INSERT INTO taskly.pending_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, owner, queue_id,
	priority, attempt, crashes, source, started_at)
SELECT 9000000000 + n, 0, :given, '2100-01-01', '2100-01-01', now(), 'regress_taskly_alice', 0, 0, 0, 0, 'enqueue',
	CASE WHEN n = 2 THEN now() END
FROM generate_series(1, 2) n;
SET ROLE regress_taskly_lead;
SELECT taskly.alter('given', owner => 'regress_taskly_bob') = :given AS same_id;
SELECT taskly.alter('given', owner => 'regress_taskly_bob') = :given AS same_id;
RESET ROLE;
SELECT owner FROM taskly.task WHERE task_id = :given;
SELECT run_id - 9000000000 AS n, owner FROM taskly.pending_run WHERE task_id = :given ORDER BY 1;
DELETE FROM taskly.pending_run WHERE task_id = :given;
-- Not where the new owner has a task of that name.
SELECT taskly.alter(:bobs, owner => 'regress_taskly_alice');
SELECT taskly.alter(:given, rename_to => 'mine');
SELECT taskly.drop_task(:given);

--
-- Shell: for members of pg_execute_server_program
--
SET ROLE regress_taskly_alice;
SELECT taskly.define('shell', 'true', kind => 'shell');
SELECT taskly.alter('mine', command => 'true', kind => 'shell');
RESET ROLE;
SELECT taskly.define('shell', 'true', kind => 'shell', owner => 'regress_taskly_alice');
GRANT pg_execute_server_program TO regress_taskly_alice;
SET ROLE regress_taskly_alice;
SELECT taskly.define('shell', 'true', kind => 'shell') > 0 AS has_id;
RESET ROLE;
REVOKE pg_execute_server_program FROM regress_taskly_alice;
-- What was allowed once cannot be given another command now, but can be stopped.
SET ROLE regress_taskly_alice;
SELECT taskly.alter('shell', command => 'false');
SELECT taskly.alter('shell', description => 'no more') > 0 AS has_id;
SELECT taskly.pause('shell'), taskly.drop_task('shell');

--
-- The whole database: administrators only
--
SELECT taskly.pause_all();
SELECT taskly.resume_all();
SELECT taskly.adopt();
RESET ROLE;
-- Whoever has the rights of the extension's owner.
GRANT USAGE ON SCHEMA taskly TO regress_taskly_super;
SET ROLE regress_taskly_super;
SELECT taskly.pause_all(), taskly.resume_all();
SELECT taskly.pause(:bobs), taskly.resume(:bobs);
RESET ROLE;

--
-- Tables are nobody's, and nobody can write around the functions
--
SET ROLE regress_taskly_alice;
SELECT * FROM taskly.task;
INSERT INTO taskly.task (home_id, name, owner, command, queue_id) VALUES (0, 'x', 'regress_taskly_super', 'SELECT 1', 1);
UPDATE taskly.task SET owner = 'regress_taskly_super';
DELETE FROM taskly.pending_run;
TRUNCATE taskly.finished_run;
SELECT * FROM taskly.finished_run_3;
SELECT * FROM taskly.home;
SELECT * FROM taskly.queue;
SELECT nextval('taskly.run_run_id_seq');
CREATE TABLE taskly.mine (a integer);
CREATE TRIGGER mine BEFORE INSERT ON taskly.task FOR EACH ROW EXECUTE FUNCTION taskly._rows_changed();
CREATE TEMP TABLE tap (a integer);
CREATE TRIGGER mine BEFORE INSERT ON tap FOR EACH ROW EXECUTE FUNCTION taskly._rows_changed();
SELECT taskly._rows_changed();
RESET ROLE;
SELECT c.relname, c.relacl FROM pg_class c
WHERE c.relnamespace = 'taskly'::regnamespace AND c.relkind IN ('r', 'p', 'S') AND EXISTS (
	SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner);
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'taskly'::regnamespace AND p.prosecdef;

-- An owner's own objects cannot stand in for those that taskly means.
SET ROLE regress_taskly_alice;
CREATE TEMP TABLE task AS SELECT 1 AS task_id;
CREATE TEMP TABLE queue AS SELECT 1 AS queue_id;
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught by %', current_user; END $$;
CREATE FUNCTION pg_temp.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught by %', current_user; END $$;
CREATE OPERATOR pg_temp.= (LEFTARG = bigint, RIGHTARG = bigint, PROCEDURE = pg_temp.eq);
SET search_path = pg_temp, pg_catalog;
SELECT taskly.alter('mine', command => 'SELECT 5') IS NOT NULL AS has_id;
SELECT taskly.pause('mine'), taskly.resume('mine');
RESET search_path;
DISCARD TEMP;
-- What a role sets for itself does not reach what taskly writes.
SET default_transaction_isolation = 'serializable';
SELECT taskly.alter('mine', command => 'SELECT 6') > 0 AS has_id;
RESET default_transaction_isolation;

SELECT taskly.drop_task('mine'), taskly.drop_task('shared');
SET ROLE regress_taskly_bob;
SELECT taskly.drop_task('mine'), taskly.drop_queue('bobs_queue');
RESET ROLE;
REVOKE USAGE ON SCHEMA taskly FROM regress_taskly_alice, regress_taskly_bob, regress_taskly_lead, regress_taskly_heir, regress_taskly_super;
DROP ROLE regress_taskly_alice, regress_taskly_bob, regress_taskly_team, regress_taskly_lead, regress_taskly_super, regress_taskly_heir;
