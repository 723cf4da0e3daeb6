-- Queues as a user sees them: keys that a failure blocks, algorithms that change under a backlog.

\ir helper.psql
SELECT plan(39);

CREATE TABLE world (is_fine boolean);
INSERT INTO world VALUES (false);
SELECT taskly.create_queue('strict', 'fifo', block_key_on_failure => true) > 0 AS has_id;
SELECT taskly.create_queue('lenient', 'fifo', max_running_per_key => 1) > 0 AS has_id;
\set body 'DO ''BEGIN IF NOT (SELECT is_fine FROM world) THEN RAISE EXCEPTION \'\'not fine\'\'; END IF; END'''
SELECT taskly.define('atomic', :'body', queue => 'strict') > 0 AS has_id;
SELECT taskly.define('autocommit', :'body', queue => 'strict', atomic => false) > 0 AS has_id;
SELECT taskly.define('shell', 'test -e /nowhere', kind => 'shell', queue => 'strict') > 0 AS has_id;
SELECT taskly.define('twice', :'body', queue => 'strict', max_attempts => 2, backoff => 'fixed 10 ms') > 0 AS has_id;
SELECT taskly.define('spare', :'body', queue => 'lenient') > 0 AS has_id;

-- A run with a key, due now.
CREATE FUNCTION start(task text, of_key text, deadline interval DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint := taskly.enqueue(task, run_at => '2100-01-01');
BEGIN
	UPDATE taskly.pending_run
	SET key = of_key, due_at = clock_timestamp(), scheduled_for = due_at, deadline_at = clock_timestamp() + deadline
	WHERE run_id = id;
	RETURN id;
END
$$;
CREATE FUNCTION blocked_by(of_key text) RETURNS bigint LANGUAGE sql AS $$
	SELECT blocked_by FROM taskly.keys WHERE queue = 'strict' AND key = of_key
$$;

-- Whatever kind of run it is
SELECT start('atomic', 'a') AS a \gset
SELECT is(ends(:a), 'failed', 'a run fails');
SELECT is(blocked_by('a'), :a::bigint, 'and blocks its key');
SELECT ok(blocked_at > now() - interval '1 minute', 'which says since when') FROM taskly.keys WHERE key = 'a';
SELECT start('autocommit', 'b') AS b \gset
SELECT is(ends(:b), 'failed', 'a run that is not atomic fails');
SELECT is(blocked_by('b'), :b::bigint, 'and blocks its key, too');
SELECT start('shell', 'c') AS c \gset
SELECT is(ends(:c), 'failed', 'a shell run fails');
SELECT is(blocked_by('c'), :c::bigint, 'and does, too');
SELECT taskly.pause_queue('strict');
SELECT start('atomic', 'd', '10 ms') AS d \gset
SELECT is(ends(:d), 'expired', 'a run expires');
SELECT is(blocked_by('d'), :d::bigint, 'and does, too');
SELECT taskly.resume_queue('strict');
SELECT taskly.enqueue('atomic') AS none \gset
SELECT is(ends(:none), 'failed', 'a run without a key fails');
SELECT start('spare', 'a') AS spare \gset
SELECT is(ends(:spare), 'failed', 'so does one in a queue without blocks');
SELECT is(count(*), 4::bigint, 'neither blocks anything') FROM taskly.keys WHERE blocked_by IS NOT NULL;

-- Between attempts nothing is recorded; at the end it is.
SELECT start('twice', 'e') AS e \gset
SELECT is(ends(:e), 'failed', 'a run has failed twice');
SELECT is(blocked_by('e'), :e::bigint, 'then it blocks its key');

-- Ways out
SELECT is(taskly.retry(:a), true, 'a blocking run is retried');
SELECT is(ends(:a), 'failed', 'and fails again');
SELECT is(blocked_by('a'), :a::bigint, 'its key stays blocked');
UPDATE world SET is_fine = true;
SELECT is(taskly.retry(:a), true, 'it is retried once more');
SELECT is(ends(:a), 'succeeded', 'and succeeds');
SELECT is(blocked_by('a'), NULL, 'its key is free');
SELECT is(taskly.retry(:b), true, 'the one that is not atomic');
SELECT is(ends(:b), 'succeeded', 'succeeds, too');
SELECT is(blocked_by('b'), NULL, 'and frees its key');
SELECT taskly.pause_queue('strict');
SELECT is(taskly.retry(:e), true, 'one that has failed twice is retried');
SELECT is(taskly.cancel(:e), true, 'and given up');
SELECT is(blocked_by('e'), NULL, 'which frees its key');
SELECT taskly.resume_queue('strict');
SELECT is(taskly.resume_key('strict', 'c'), true, 'a key is resumed');
SELECT is(blocked_by('c'), NULL, 'and free');
SELECT is(taskly.resume_key('strict', 'c'), false, 'there is nothing more to resume');
SELECT is(blocked_by('d'), :d::bigint, 'others are not');
SELECT taskly.alter_queue('strict', block_key_on_failure => false) > 0 AS has_id;
SELECT is(blocked_by('d'), NULL, 'a queue without blocks blocks no key');
SELECT taskly.alter_queue('strict', block_key_on_failure => true) > 0 AS has_id;
SELECT is(blocked_by('d'), NULL, 'and when it has them again, the old ones are gone');

-- Another algorithm under a backlog: nothing is lost, and nothing runs twice.
\set algorithms '{fifo,priority,fair,rate_monotonic,edf}'
CREATE TABLE effect (what text);
SELECT taskly.create_queue('changing') > 0 AS has_id;
SELECT taskly.define('note', 'INSERT INTO effect SELECT $1 ->> 0', queue => 'changing') > 0 AS has_id;
SELECT taskly.pause_queue('changing');
SELECT count(*) FROM taskly.enqueue_many('note', ARRAY(SELECT to_jsonb(i::text) FROM generate_series(1, 100) i), priority => 3);
SELECT lives_ok(format('SELECT taskly.alter_queue(''changing'', %L)', a), 'a paused queue with runs becomes ' || a)
FROM unnest(:'algorithms'::text[]) a;
SELECT taskly.resume_queue('changing');
SELECT count(taskly.alter_queue('changing', a)) FROM generate_series(1, 10), unnest(:'algorithms'::text[]) a;
SELECT ok(poll('SELECT count(*) = 100 FROM taskly.runs WHERE task = ''note'' AND status = ''succeeded'''), 'while it changes, all runs succeed');
SELECT results_eq('SELECT count(*), count(DISTINCT what) FROM effect', 'VALUES (100::bigint, 100::bigint)', 'each once');

SELECT * FROM finish();
