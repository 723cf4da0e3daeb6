-- Quotas: how much a role may have.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
DROP ROLE IF EXISTS regress_taskly_tenant, regress_taskly_other;
CREATE ROLE regress_taskly_tenant LOGIN;
CREATE ROLE regress_taskly_other LOGIN;
GRANT USAGE ON SCHEMA taskly TO regress_taskly_tenant, regress_taskly_other;
RESET client_min_messages;
SET timezone = 'UTC';

-- It says what is so, and whether that is new.
SELECT taskly.set_quota('regress_taskly_tenant', max_pending => 4, max_tasks => 2, max_running => 1);
SELECT taskly.set_quota('regress_taskly_tenant', max_pending => 4, max_tasks => 2, max_running => 1);
SELECT taskly.set_quota('regress_taskly_tenant', max_pending => 4, max_tasks => 2);
SELECT taskly.set_quota('regress_taskly_other');
SELECT * FROM taskly.quotas ORDER BY role;

-- Tasks: a new one counts, replacing one does not.
SET ROLE regress_taskly_tenant;
SELECT taskly.define('one', 'SELECT 1') > 0, taskly.schedule('two', '0 0 1 1 *', 'SELECT 1') > 0, taskly.define('one', 'SELECT 2') > 0;
SELECT taskly.define('three', 'SELECT 1');
SELECT taskly.schedule('three', '0 0 1 1 *', 'SELECT 1');
SELECT taskly.alter('one', rename_to => 'first') > 0, taskly.alter('first', rename_to => 'one') > 0;
-- One that is given to the role counts, whoever gives it.
RESET ROLE;
SELECT taskly.define('gift', 'SELECT 1') > 0;
SELECT taskly.alter('gift', owner => 'regress_taskly_tenant');
SELECT taskly.define('three', 'SELECT 1', owner => 'regress_taskly_tenant');
SELECT taskly.drop_task('gift');

-- Pending runs, of tasks and without one, whoever makes them.
SET ROLE regress_taskly_tenant;
SELECT taskly.enqueue('one', run_at => '2100-01-01') > 0, taskly.submit('SELECT 1', run_at => '2100-01-01') > 0;
SELECT count(*) FROM taskly.enqueue_many('two', '{null,null,null}', run_at => '2100-01-01');
SELECT count(*) FROM taskly.enqueue_many('two', '{null,null}', run_at => '2100-01-01');
SELECT taskly.enqueue('one');
SELECT taskly.submit('SELECT 1');
RESET ROLE;
SELECT taskly.enqueue('one') FROM taskly.tasks WHERE owner = 'regress_taskly_tenant'::regrole AND name = 'one';
SELECT taskly.backfill(task_id, '2020-01-01', '2021-01-02') FROM taskly.tasks WHERE owner = 'regress_taskly_tenant'::regrole AND name = 'two';
-- A cancelled one makes room.
SET ROLE regress_taskly_tenant;
SELECT taskly.cancel(min(run_id)) FROM taskly.runs WHERE status = 'scheduled';
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01') > 0;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01');
-- Others have no quota.
SET ROLE regress_taskly_other;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01') > 0;
SELECT * FROM taskly.quotas;
SET ROLE regress_taskly_tenant;
SELECT * FROM taskly.quotas;
RESET ROLE;

-- A quota for all others, but superusers
SELECT taskly.set_quota(NULL, max_pending => 1);
SELECT role, is_general, max_pending, pending, max_tasks, tasks, max_running, running FROM taskly.quotas
WHERE role IS NULL OR role::text ~ '^regress_taskly' ORDER BY role;
SELECT count(*) FROM taskly.quotas WHERE role = current_user::regrole;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01') AS first, taskly.submit('SELECT 1', run_at => '2100-01-01') AS second \gset
SELECT taskly.cancel(ARRAY[:first, :second]);
SET ROLE regress_taskly_other;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01');
RESET ROLE;
-- Another role's own quota says all of it, the general one nothing.
SELECT taskly.set_quota('regress_taskly_other', max_tasks => 1);
SET ROLE regress_taskly_other;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01') > 0;
-- It comes and goes at once, and with the transaction.
RESET ROLE;
BEGIN;
SELECT taskly.set_quota('regress_taskly_other', max_pending => 1);
SET LOCAL ROLE regress_taskly_other;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01');
ROLLBACK;
SET ROLE regress_taskly_other;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01') > 0;
RESET ROLE;
-- What is written by hand is seen, too.
UPDATE taskly.quota SET max_pending = 1 WHERE role = 'regress_taskly_other'::regrole;
SET ROLE regress_taskly_other;
SELECT taskly.submit('SELECT 1', run_at => '2100-01-01');
RESET ROLE;
SELECT taskly.set_quota('regress_taskly_other'), taskly.set_quota(NULL), taskly.set_quota(NULL);

-- Errors
SELECT taskly.set_quota('regress_taskly_tenant', max_pending => 0);
SELECT taskly.set_quota('regress_taskly_tenant', max_tasks => -1);
SELECT taskly.set_quota('regress_taskly_tenant', max_running => 0);
SELECT taskly.set_quota('regress_taskly_nobody', max_running => 1);
SELECT taskly.set_quota('4294967295', max_running => 1);
SELECT taskly.set_quota('4294967295');
SET ROLE regress_taskly_tenant;
SELECT taskly.set_quota('regress_taskly_tenant');
SELECT * FROM taskly.quota;
RESET ROLE;
BEGIN READ ONLY;
SELECT taskly.set_quota('regress_taskly_tenant', max_tasks => 9);
ROLLBACK;

-- A role that is gone can be forgotten.
SELECT count(taskly.drop_task(task_id)) FROM taskly.tasks WHERE owner = 'regress_taskly_tenant'::regrole;
SELECT count(taskly.cancel(run_id)) > 0 AS cancelled FROM taskly.runs
WHERE owner IN ('regress_taskly_tenant'::regrole, 'regress_taskly_other'::regrole) AND status = 'scheduled';
SELECT 'regress_taskly_tenant'::regrole::oid AS tenant \gset
REVOKE USAGE ON SCHEMA taskly FROM regress_taskly_tenant, regress_taskly_other;
DROP ROLE regress_taskly_tenant, regress_taskly_other;
SELECT role = :tenant AS is_number, max_tasks FROM taskly.quotas;
SELECT taskly.set_quota(:'tenant');
SELECT count(*) FROM taskly.quotas;
