-- Queues: each argument is seen to take effect, and each error.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';

SELECT taskly.create_queue('plain_queue') AS id \gset
SELECT :id > 0 AS has_id;
SELECT name, owner = current_user::regrole AS is_mine, algorithm, weight, max_running, max_running_per_key, rate, rate_per_key,
	rate_interval, burst, max_pending, aging, block_key_on_failure, keep, batch, paused_at, paused_reason
FROM taskly.queue WHERE queue_id = :id \gx

-- What is built, and what is not but has its default.
SELECT taskly.create_queue(name => 'full_queue', algorithm => 'priority', weight => 1, max_running => 3,
	rate_interval => '1 second', max_pending => 1000, aging => '10 s', block_key_on_failure => false, keep => 'all',
	batch => 1) AS id \gset
SELECT algorithm, max_running, max_pending, aging FROM taskly.queue WHERE queue_id = :id;
SELECT taskly.create_queue('fifo_queue', 'fifo') > 0 AS has_id;
SELECT algorithm FROM taskly.queue WHERE name = 'fifo_queue';

-- alter_queue: NULL keeps, reset returns to the default.
SELECT taskly.alter_queue('full_queue') = :id AS same_id;
SELECT taskly.alter_queue('full_queue', max_running => 4) = :id AS same_id;
SELECT algorithm, max_running, max_pending, aging FROM taskly.queue WHERE queue_id = :id;
SELECT taskly.alter_queue('full_queue', max_pending => 5, aging => '1 day') = :id AS same_id;
SELECT algorithm, max_running, max_pending, aging FROM taskly.queue WHERE queue_id = :id;
SELECT taskly.alter_queue('full_queue', algorithm => 'fifo', reset => '{max_running,aging}') = :id AS same_id;
SELECT algorithm, max_running, max_pending, aging FROM taskly.queue WHERE queue_id = :id;
SELECT taskly.alter_queue('full_queue', reset => '{algorithm,max_pending}') = :id AS same_id;
SELECT algorithm, max_running, max_pending, aging FROM taskly.queue WHERE queue_id = :id;

-- pause_queue, resume_queue
SELECT taskly.pause_queue('full_queue', 'overload');
SELECT paused_at IS NOT NULL AS is_paused, paused_reason FROM taskly.queue WHERE queue_id = :id;
SELECT taskly.pause_queue('full_queue');
SELECT paused_at IS NOT NULL AS is_paused, paused_reason FROM taskly.queue WHERE queue_id = :id;
SELECT taskly.resume_queue('full_queue');
SELECT paused_at IS NOT NULL AS is_paused, paused_reason FROM taskly.queue WHERE queue_id = :id;
SELECT taskly.resume_queue('full_queue');

-- The queue "default" is made on first use, by whatever uses it.
SELECT taskly.pause_queue('default'), taskly.resume_queue('default');
SELECT count(*) FROM taskly.queue WHERE name = 'default';

-- A queue in use cannot be dropped.
SELECT taskly.define('in_queue', 'SELECT 1', queue => 'full_queue', priority => 5) > 0 AS has_id;
INSERT INTO taskly.pending_run (run_id, home_id, due_at, scheduled_for, queued_at, owner, queue_id,
	priority, attempt, crashes, source)
VALUES (9000000001, 0, '2100-01-01', '2100-01-01', now(), current_user::regrole, :id, 0, 0, 0, 'enqueue');
SELECT taskly.drop_queue('full_queue');
DELETE FROM taskly.pending_run WHERE run_id = 9000000001;
SELECT taskly.drop_queue('full_queue');
-- Nor may what its tasks say become void.
SELECT taskly.alter_queue('full_queue', algorithm => 'fifo');
SELECT taskly.define('in_fifo', 'SELECT 1', queue => 'fifo_queue', priority => 5);
SELECT taskly.define('in_fifo', 'SELECT 1', queue => 'fifo_queue') > 0 AS has_id;
SELECT taskly.alter('in_fifo', priority => 5);
SELECT taskly.alter('in_queue', queue => 'fifo_queue');
SELECT taskly.alter('in_queue', queue => 'fifo_queue', priority => 0) > 0 AS has_id;
SELECT taskly.drop_queue('full_queue');
SELECT count(*) FROM taskly.queue WHERE name = 'full_queue';
SELECT taskly.drop_task('in_queue'), taskly.drop_task('in_fifo');
SELECT taskly.drop_queue('fifo_queue');

-- Errors
SELECT taskly.create_queue('plain_queue');
SELECT taskly.create_queue(NULL);
SELECT taskly.create_queue('');
SELECT taskly.create_queue(repeat('q', 201));
SELECT taskly.create_queue(E'q\n');
SELECT taskly.create_queue('q', 'lifo');
SELECT taskly.create_queue('q', 'fair');
SELECT taskly.create_queue('q', 'rate_monotonic');
SELECT taskly.create_queue('q', 'edf');
SELECT taskly.create_queue('q', max_running => 0);
SELECT taskly.create_queue('q', max_pending => -1);
SELECT taskly.create_queue('q', aging => '0');
SELECT taskly.create_queue('q', aging => '-1 s');
SELECT taskly.create_queue('q', aging => '100 years 1 day');
SELECT taskly.create_queue('q', 'fifo', aging => '2 s');
SELECT taskly.create_queue('q', weight => 2);
SELECT taskly.create_queue('q', max_running_per_key => 1);
SELECT taskly.create_queue('q', rate => 1);
SELECT taskly.create_queue('q', rate_per_key => 1);
SELECT taskly.create_queue('q', rate_interval => '2 s');
SELECT taskly.create_queue('q', burst => 1);
SELECT taskly.create_queue('q', block_key_on_failure => true);
SELECT taskly.create_queue('q', keep => 'some');
SELECT taskly.create_queue('q', batch => 0);
SELECT taskly.create_queue('q', batch => 1001);
SELECT taskly.set_key('plain_queue', 'k', 2);
-- The hint lists what there is.
SELECT taskly.create_queue('it''s "quoted"') > 0 AS has_id;
CREATE FUNCTION pg_temp.hint(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE call;
	RETURN 'no error';
EXCEPTION WHEN undefined_object THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN hint;
END
$$;
SELECT pg_temp.hint($$SELECT taskly.drop_queue('no_such_queue')$$) LIKE 'Existing queues: %"default", %"it''s "quoted"", %"plain_queue"%' AS lists_queues;
SELECT taskly.drop_queue('it''s "quoted"');
\set VERBOSITY terse
SELECT taskly.alter_queue('no_such_queue', max_running => 1);
SELECT taskly.alter_queue('plain_queue', 'fair');
SELECT taskly.alter_queue('plain_queue', max_running => 1, reset => '{max_running}');
SELECT taskly.alter_queue('plain_queue', reset => '{rate}');
SELECT taskly.alter_queue('plain_queue', reset => '{NULL}');
SELECT taskly.alter_queue(NULL);
SELECT taskly.drop_queue('no_such_queue');
SELECT taskly.drop_queue(NULL);
SELECT taskly.pause_queue('no_such_queue');
SELECT taskly.pause_queue('plain_queue', repeat('r', 1024 * 1024 + 1));
SELECT taskly.resume_queue('no_such_queue');
\set VERBOSITY default
SELECT count(*) FROM taskly.queue WHERE name = 'q';
BEGIN READ ONLY;
SELECT taskly.create_queue('q');
ROLLBACK;

SELECT taskly.drop_queue('plain_queue');
