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

-- Each option
SELECT taskly.create_queue(name => 'full_queue', algorithm => 'priority', weight => 7, max_running => 3, max_running_per_key => 1,
	rate => 100, rate_per_key => 10, rate_interval => '1 minute', burst => 5, max_pending => 1000, aging => '10 s',
	block_key_on_failure => true, keep => 'failures', batch => 1) AS id \gset
SELECT algorithm, weight, max_running, max_running_per_key, rate, rate_per_key, rate_interval, burst, max_pending, aging,
	block_key_on_failure, keep, batch
FROM taskly.queue WHERE queue_id = :id \gx
-- round_robin is fair
SELECT taskly.create_queue(a || '_queue', a, batch => 1000, weight => 1000000, rate => 1000000000, burst => 1000000000,
	rate_interval => '1 ms') > 0 AS has_id
FROM unnest('{fair,round_robin,rate_monotonic,edf}'::text[]) a;
SELECT name, algorithm FROM taskly.queue WHERE name ~ '^(fair|round|rate|edf)' ORDER BY queue_id;
SELECT bool_and(taskly.drop_queue(a || '_queue')) FROM unnest('{fair,round_robin,rate_monotonic,edf}'::text[]) a;
-- Every option can be reset
SELECT taskly.alter_queue('full_queue', reset => '{algorithm,weight,max_running,max_running_per_key,rate,rate_per_key,rate_interval,burst,max_pending,aging,block_key_on_failure,keep,batch}') = :id AS same_id;
SELECT (SELECT (q.algorithm, q.weight, q.max_running, q.max_running_per_key, q.rate, q.rate_per_key, q.rate_interval, q.burst,
		q.max_pending, q.aging, q.block_key_on_failure, q.keep, q.batch) FROM taskly.queue q WHERE queue_id = :id)
	IS NOT DISTINCT FROM
	(SELECT (q.algorithm, q.weight, q.max_running, q.max_running_per_key, q.rate, q.rate_per_key, q.rate_interval, q.burst,
		q.max_pending, q.aging, q.block_key_on_failure, q.keep, q.batch) FROM taskly.queue q WHERE name = 'plain_queue') AS as_plain;
SELECT taskly.alter_queue('full_queue', max_running => 3, max_pending => 1000, aging => '10 s') = :id AS same_id;
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
SELECT taskly.alter_queue('full_queue', algorithm => 'edf');
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
SELECT taskly.create_queue('q', max_running => 0);
SELECT taskly.create_queue('q', max_pending => -1);
SELECT taskly.create_queue('q', aging => '0');
SELECT taskly.create_queue('q', aging => '-1 s');
SELECT taskly.create_queue('q', aging => '100 years 1 day');
SELECT taskly.create_queue('q', 'fifo', aging => '2 s');
SELECT taskly.create_queue('q', weight => 0);
SELECT taskly.create_queue('q', weight => -1);
SELECT taskly.create_queue('q', weight => 1000001);
SELECT taskly.create_queue('q', max_running_per_key => 0);
SELECT taskly.create_queue('q', rate => 0);
SELECT taskly.create_queue('q', rate => 1000000001);
SELECT taskly.create_queue('q', rate_per_key => -1);
SELECT taskly.create_queue('q', rate => 1, rate_interval => '0');
SELECT taskly.create_queue('q', rate => 1, rate_interval => '999 us');
SELECT taskly.create_queue('q', rate => 1, rate_interval => '101 years');
SELECT taskly.create_queue('q', rate => 1, burst => -1);
SELECT taskly.create_queue('q', rate => 1, burst => 1000000001);
SELECT taskly.create_queue('q', keep => 'some');
SELECT taskly.create_queue('q', batch => 0);
SELECT taskly.create_queue('q', batch => 1001);
-- What does not go together
SELECT taskly.create_queue('q', 'fair', aging => '2 s');
SELECT taskly.create_queue('q', 'rate_monotonic', aging => '2 s');
SELECT taskly.create_queue('q', 'edf', aging => '2 s');
SELECT taskly.create_queue('q', rate_interval => '2 s');
SELECT taskly.create_queue('q', burst => 1);
SELECT taskly.create_queue('q', max_running_per_key => 2, block_key_on_failure => true);
SELECT taskly.create_queue('q', batch => 2, block_key_on_failure => true);
SELECT taskly.create_queue('q', keep => 'none', block_key_on_failure => true);

-- Of the same errors in a queue that is there nothing is left.
SELECT taskly.create_queue('rated', rate => 5, burst => 3, rate_interval => '2 s') > 0 AS has_id;
SELECT taskly.alter_queue('rated', reset => '{rate}');
SELECT taskly.alter_queue('rated', reset => '{rate,burst}');
SELECT taskly.alter_queue('rated', rate_per_key => 2, reset => '{rate}') > 0 AS has_id;
SELECT taskly.alter_queue('rated', block_key_on_failure => true) > 0 AS has_id;
SELECT rate, rate_per_key, burst, rate_interval, max_running_per_key FROM taskly.queue WHERE name = 'rated';
SELECT taskly.alter_queue('rated', max_running_per_key => 2);
SELECT taskly.alter_queue('rated', batch => 2);
SELECT taskly.alter_queue('rated', keep => 'none');
SELECT taskly.drop_queue('rated');
-- Who writes the table by hand is held to the same.
\set VERBOSITY terse
UPDATE taskly.queue SET burst = 1 WHERE name = 'plain_queue';
UPDATE taskly.queue SET block_key_on_failure = true WHERE name = 'plain_queue';
\set VERBOSITY default

-- Keys
SELECT taskly.create_queue('keyed', 'fair') AS keyed \gset
SELECT taskly.set_key('keyed', 'gold', 5), taskly.set_key('keyed', 'gold', 5), taskly.set_key('keyed', 'plain', 1);
SELECT taskly.pause_key('keyed', 'gold', 'unpaid'), taskly.pause_key('keyed', 'gold', 'still unpaid'), taskly.pause_key('keyed', 'off');
SELECT key, weight, paused_at IS NOT NULL AS is_paused, paused_reason FROM taskly.queue_key WHERE queue_id = :keyed ORDER BY key;
-- The pause and the weight do not touch each other, and what is as ever leaves no row.
SELECT taskly.set_key('keyed', 'gold'), taskly.set_key('keyed', 'gold'), taskly.resume_key('keyed', 'off'), taskly.resume_key('keyed', 'off');
SELECT key, weight, paused_at IS NOT NULL AS is_paused, paused_reason FROM taskly.queue_key WHERE queue_id = :keyed ORDER BY key;
SELECT taskly.resume_key('keyed', 'gold');
SELECT count(*) FROM taskly.queue_key WHERE queue_id = :keyed;
-- Weights wait for the queue to be fair again.
SELECT taskly.set_key('keyed', 'gold', 2), taskly.set_key('keyed', 'silver', 1000000);
SELECT taskly.alter_queue('keyed', 'edf') = :keyed AS same_id;
SELECT taskly.set_key('keyed', 'gold', 3);
SELECT taskly.set_key('keyed', 'silver', 1);
SELECT taskly.alter_queue('keyed', 'fair') = :keyed AS same_id;
SELECT key, weight FROM taskly.queue_key WHERE queue_id = :keyed ORDER BY key;
SELECT taskly.set_key('keyed', 'k', 0);
SELECT taskly.set_key('keyed', 'k', 1000001);
SELECT taskly.set_key('keyed', '', 2);
SELECT taskly.set_key('keyed', repeat('k', 201), 2);
SELECT taskly.set_key('keyed', E'k\n', 2);
SELECT taskly.set_key('keyed', NULL, 2);
SELECT taskly.set_key(NULL, 'k', 2);
SELECT taskly.pause_key('keyed', '');
SELECT taskly.pause_key('keyed', 'k', repeat('r', 1024 * 1024 + 1));
SELECT taskly.resume_key('keyed', NULL);

-- Dropped with what it holds: its tasks move, its waiting runs are cancelled.
SELECT taskly.define('in_keyed', 'SELECT 1', queue => 'keyed') AS task \gset
SELECT taskly.enqueue('in_keyed', run_at => '2100-01-01') AS first \gset
SELECT taskly.submit('SELECT 1', queue => 'keyed', run_at => '2100-01-01') AS second \gset
SELECT taskly.drop_queue('keyed');
SELECT taskly.drop_queue('keyed', cascade => true);
SELECT queue FROM taskly.tasks WHERE task_id = :task;
SELECT run_id = :first AS is_first, queue, status, replace(message, current_user, 'me') AS message FROM taskly.runs WHERE run_id IN (:first, :second) ORDER BY run_id;
SELECT count(*) FROM taskly.queue_key WHERE queue_id = :keyed;
SELECT taskly.drop_queue('default', cascade => true);
SELECT taskly.drop_task('in_keyed');

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
SELECT taskly.alter_queue('plain_queue', 'lifo');
SELECT taskly.alter_queue('plain_queue', max_running => 1, reset => '{max_running}');
SELECT taskly.alter_queue('plain_queue', reset => '{name}');
SELECT taskly.alter_queue('plain_queue', reset => '{NULL}');
SELECT taskly.alter_queue(NULL);
SELECT taskly.drop_queue('no_such_queue');
SELECT taskly.drop_queue(NULL);
SELECT taskly.pause_queue('no_such_queue');
SELECT taskly.pause_queue('plain_queue', repeat('r', 1024 * 1024 + 1));
SELECT taskly.resume_queue('no_such_queue');
SELECT taskly.set_key('no_such_queue', 'k', 2);
SELECT taskly.pause_key('no_such_queue', 'k');
SELECT taskly.resume_key('no_such_queue', 'k');
\set VERBOSITY default
SELECT count(*) FROM taskly.queue WHERE name = 'q';
BEGIN READ ONLY;
SELECT taskly.create_queue('q');
ROLLBACK;

SELECT taskly.drop_queue('plain_queue');
