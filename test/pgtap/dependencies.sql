-- Runs that wait for runs, and tasks that come after tasks, as a user sees them.

\ir helper.psql
SELECT no_plan();

CREATE TABLE effect (n serial, what text, at timestamptz DEFAULT clock_timestamp());
-- What says whether "breaks" fails.
CREATE TABLE trouble (what text);
SELECT taskly.define('writes', $$INSERT INTO effect (what) VALUES ($1 #>> '{}')$$) AS id \gset
SELECT taskly.define('breaks', $$
	DO $do$ BEGIN
		IF EXISTS (SELECT FROM trouble WHERE what = current_setting('taskly.args')::jsonb #>> '{}') THEN
			RAISE EXCEPTION 'trouble';
		END IF;
		INSERT INTO effect (what) VALUES (current_setting('taskly.args')::jsonb #>> '{}');
	END $do$ $$) AS id \gset

CREATE FUNCTION status(bigint) RETURNS text LANGUAGE sql AS $$ SELECT status FROM taskly.runs WHERE run_id = $1 $$;
CREATE FUNCTION effects() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(what, ' ' ORDER BY n) FROM effect $$;

-- A diamond, made in one transaction
BEGIN;
SELECT taskly.enqueue('writes', '"a"') AS a \gset
SELECT taskly.enqueue('writes', '"b"', depends_on => ARRAY[:a]) AS b \gset
SELECT taskly.enqueue('writes', '"b"', depends_on => ARRAY[:a]) AS c \gset
SELECT taskly.enqueue('writes', '"d"', depends_on => ARRAY[:b, :c]) AS d \gset
COMMIT;
SELECT is(ends(:d), 'succeeded', 'the last run of a diamond succeeds');
SELECT is(effects(), 'a b b d', 'each ran once, after those that it depends on');
SELECT is(taskly.wait(:d, '0'), 'succeeded', 'and is over');
SELECT ok(bool_and(r.started_at >= p.finished_at), 'none began before its parents had ended')
FROM taskly.runs r, unnest(r.depends_on) i JOIN taskly.runs p ON p.run_id = i;
SELECT ok(max(lateness) < '5 s' AND min(lateness) >= '0', 'their lateness does not count the wait')
FROM taskly.runs WHERE depends_on IS NOT NULL;
SELECT taskly.enqueue('writes', '"e"', depends_on => ARRAY[:a, :d]) AS e \gset
SELECT is(ends(:e), 'succeeded', 'one that depends on what has succeeded runs at once');

-- Not before its own time
TRUNCATE effect;
SELECT taskly.enqueue('writes', '"a"') AS a \gset
SELECT taskly.enqueue('writes', '"b"', run_at => clock_timestamp() + '1.5 s', depends_on => ARRAY[:a]) AS b \gset
SELECT is(ends(:a), 'succeeded', 'the parent of a run that is due later ends');
SELECT ok(poll(format('SELECT status(%s) = ''scheduled''', :b)), 'then that waits for its time');
SELECT is(ends(:b), 'succeeded', 'and runs');
SELECT ok(started_at >= scheduled_for, 'not before') FROM taskly.runs WHERE run_id = :b;

-- Skipped, one after another
TRUNCATE effect;
INSERT INTO trouble VALUES ('a');
BEGIN;
SELECT taskly.enqueue('breaks', '"a"') AS a \gset
SELECT taskly.enqueue('breaks', '"x"', run_at => now() + '1 hour') AS x \gset
SELECT taskly.enqueue('writes', '"b"', depends_on => ARRAY[:a]) AS b \gset
SELECT taskly.enqueue('writes', '"c"', depends_on => ARRAY[:b]) AS c \gset
SELECT taskly.enqueue('writes', '"d"', depends_on => ARRAY[:b, :c]) AS d \gset
SELECT taskly.enqueue('writes', '"both"', depends_on => ARRAY[:c, :x]) AS both \gset
SELECT taskly.enqueue('writes', '"anyway"', depends_on => ARRAY[:a, :d], depends_when => 'ended') AS anyway \gset
COMMIT;
SELECT is(ends(:both), 'skipped', 'a run is skipped though another parent is not over');
SELECT is(ends(:anyway), 'succeeded', 'one that needs them to have ended runs');
SELECT results_eq(format('SELECT status(i) FROM unnest(ARRAY[%s]::bigint[]) i', concat_ws(',', :a, :b, :c, :d, :x)),
	$$VALUES ('failed'), ('skipped'), ('skipped'), ('skipped'), ('scheduled')$$, 'a failure skips all that depends on it');
SELECT is(message, format('run %s of task "breaks", which the run depends on, has ended as failed', :a), 'a skipped run names the run that failed')
FROM taskly.runs WHERE run_id = :b;
SELECT matches(hint, format('taskly.retry\(%s\)', :a), 'and says what to do') FROM taskly.runs WHERE run_id = :b;
SELECT is(effects(), 'anyway', 'nothing of them happened');
SELECT results_eq(format('SELECT attempt, due_at = scheduled_for, started_at, pid FROM taskly.runs WHERE run_id = %s', :b),
	'VALUES (0, true, NULL::timestamptz, NULL::int)', 'a skipped run had no attempt');
SELECT ok(poll($$SELECT last_status = 'succeeded' AND failures = 0 FROM taskly.tasks WHERE name = 'writes'$$), 'nor does it count as a failure');
SELECT is(count(*), 0::bigint, 'nor is it among the failures') FROM taskly.failures WHERE status = 'skipped';

-- Brought back
SELECT throws_ok(format('SELECT taskly.retry(%s)', :b), '55000', format('run %s cannot be retried', :b), 'a skipped run is not retried while its parent is failed');
SELECT ok(taskly.retry(:a), 'its parent is');
SELECT is(ends(:d), 'skipped', 'and fails again, as does what depends on it');
DELETE FROM trouble;
BEGIN;
SELECT ok(taskly.retry(:a), 'retried once more');
SELECT results_eq(format('SELECT status(i) FROM unnest(ARRAY[%s]::bigint[]) i', concat_ws(',', :b, :c, :d, :both, :anyway)),
	$$VALUES ('waiting'), ('waiting'), ('waiting'), ('waiting'), ('succeeded')$$, 'all that was skipped waits again, at once');
COMMIT;
SELECT is(ends(:d), 'succeeded', 'the last of them runs');
SELECT is(effects(), 'anyway a b c d', 'each once, in order');
SELECT is(status(:both), 'waiting', 'what has another parent waits on for it');
SELECT ok(taskly.cancel(:x), 'which is cancelled');
SELECT is(ends(:both), 'skipped', 'so that it is skipped for that');
SELECT ok(taskly.retry(:x), 'it is put back');
SELECT is(ends(:both), 'succeeded', 'and brings back its child');

-- Two parents failed: one is not enough
INSERT INTO trouble VALUES ('p'), ('q');
BEGIN;
SELECT taskly.enqueue('breaks', '"p"') AS p \gset
SELECT taskly.enqueue('breaks', '"q"') AS q \gset
SELECT taskly.enqueue('writes', '"pq"', depends_on => ARRAY[:p, :q]) AS pq \gset
COMMIT;
SELECT ok(ends(:q) = 'failed' AND ends(:p) = 'failed', 'two parents fail');
SELECT is(ends(:pq), 'skipped', 'their child is skipped');
DELETE FROM trouble;
SELECT ok(taskly.retry(:p), 'one is retried');
SELECT is(ends(:p), 'succeeded', 'and succeeds');
SELECT is(status(:pq), 'skipped', 'the child stays skipped');
SELECT ok(taskly.retry(:q), 'the other is');
SELECT is(ends(:pq), 'succeeded', 'then it runs');

-- Cancelled while it waits; a deadline that passes
SELECT taskly.enqueue('writes', '"late"', run_at => now() + '1 hour') AS p \gset
BEGIN;
SELECT taskly.enqueue('writes', '"c"', depends_on => ARRAY[:p]) AS c \gset
SELECT taskly.enqueue('writes', '"e"', deadline => '1 s', depends_on => ARRAY[:p]) AS e \gset
SELECT taskly.enqueue('writes', '"f"', depends_on => ARRAY[:e], depends_when => 'ended') AS f \gset
COMMIT;
SELECT ok(taskly.cancel(:c), 'a waiting run can be cancelled');
SELECT is(ends(:c), 'cancelled', 'and is over');
SELECT is(ends(:e), 'expired', 'a deadline passes while a run waits');
SELECT is(detail, 'The run was waiting for other runs.', 'and the run says so') FROM taskly.runs WHERE run_id = :e;
SELECT ok(finished_at >= deadline AND finished_at < deadline + '10 s', 'not before, and soon') FROM taskly.runs WHERE run_id = :e;
SELECT is(ends(:f), 'succeeded', 'what depends on its end goes on');

-- A parent that is dropped with its task
SELECT taskly.define('dropped', 'SELECT 1') AS dropped \gset
SELECT taskly.enqueue('dropped', run_at => now() + '1 hour') AS p \gset
SELECT taskly.enqueue('writes', '"orphan"', depends_on => ARRAY[:p]) AS c \gset
SELECT ok(taskly.drop_task('dropped'), 'the task of a parent is dropped');
SELECT is(ends(:c), 'skipped', 'its child is skipped');
SELECT matches(message, 'does not exist any more', 'and says why') FROM taskly.runs WHERE run_id = :c;
SELECT ok(taskly.retry(:c), 'that one is retried');
SELECT is(ends(:c), 'succeeded', 'and runs without its parent');

-- Results of parents
SELECT taskly.submit('SELECT 1') AS a \gset
SELECT taskly.submit('SELECT 1/0') AS b \gset
SELECT ok(ends(:a) = 'succeeded' AND ends(:b) = 'failed', 'two parents end');
UPDATE taskly.finished_run SET result = '{"rows": 3}' WHERE run_id = :a;
CREATE TABLE seen (run_id bigint, task text, status text, result jsonb);
SELECT taskly.submit('INSERT INTO seen SELECT * FROM taskly.parent_results()', depends_on => ARRAY[:b, :a], depends_when => 'ended') AS c \gset
SELECT is(ends(:c), 'succeeded', 'a run reads what its parents left');
SELECT results_eq('SELECT * FROM seen', format($$VALUES (%s::bigint, NULL::text, 'succeeded', '{"rows": 3}'::jsonb), (%s, NULL, 'failed', NULL)$$, :a, :b), 'all of it');
SELECT is(count(*), 0::bigint, 'elsewhere there is none') FROM taskly.parent_results();

-- A graph
BEGIN;
SELECT taskly.enqueue('writes', '"g1"') AS g1 \gset
SELECT taskly.enqueue('writes', '"g2"', depends_on => ARRAY[:g1]) AS g2 \gset
SELECT taskly.enqueue('writes', '"g3"', depends_on => ARRAY[:g1]) AS g3 \gset
SELECT taskly.submit('SELECT 1', depends_on => ARRAY[:g1, :g3]) AS g4 \gset
COMMIT;
SELECT is(ends(:g4), 'succeeded', 'a graph of runs ends');
SELECT results_eq(format('SELECT tree, run_id, depth, status FROM taskly.run_graph(%s)', :g2),
	format($$VALUES ('writes %1$s', %1$s::bigint, 0, 'succeeded'), ('   writes %2$s', %2$s, 1, 'succeeded'),
		('   writes %3$s', %3$s, 1, 'succeeded'), ('      run %4$s', %4$s, 2, 'succeeded')$$, :g1, :g2, :g3, :g4), 'and is shown as a tree, from whichever run');

-- A long chain, skipped and brought back
TRUNCATE effect;
INSERT INTO trouble VALUES ('first');
DO $$
DECLARE
	previous bigint := taskly.enqueue('breaks', '"first"');
BEGIN
	FOR i IN 1 .. 300 LOOP
		previous := taskly.enqueue('writes', to_jsonb(i::text), depends_on => ARRAY[previous]);
	END LOOP;
	PERFORM set_config('test.last', previous::text, false);
END
$$;
SELECT is(ends(current_setting('test.last')::bigint), 'skipped', 'the last of a long chain is skipped');
DELETE FROM trouble;
SELECT ok(taskly.retry(run_id), 'the first is retried') FROM taskly.runs WHERE task = 'breaks' AND status = 'failed' AND args = '"first"';
SELECT is(ends(current_setting('test.last')::bigint), 'succeeded', 'and all follow');
SELECT is(effects(), 'first ' || string_agg(i::text, ' ' ORDER BY i), 'in order') FROM generate_series(1, 300) i;

-- Very many children of one parent: others do not wait for them
TRUNCATE effect;
BEGIN;
SELECT taskly.define('nothing', 'SELECT 1', priority => -10) AS id \gset
SELECT taskly.enqueue('nothing', run_at => now() + '1 day') AS p \gset
SELECT count(taskly.enqueue('nothing', depends_on => ARRAY[:p])) AS n FROM generate_series(1, 20000) \gset
COMMIT;
SELECT ok(taskly.cancel(:p), 'the parent of 20,000 runs is cancelled');
SELECT taskly.enqueue('writes', '"between"') AS between \gset
SELECT is(ends(:between), 'succeeded', 'another run runs');
SELECT cmp_ok(lateness, '<', '2 s'::interval, 'without waiting for all of them') FROM taskly.runs WHERE run_id = :between;
SELECT ok(poll($$SELECT count(*) = 20000 FROM taskly.runs WHERE task = 'nothing' AND status = 'skipped'$$, 60), 'they are skipped');
SELECT taskly.enqueue('nothing', run_at => now() + '1 day') AS p \gset
SELECT count(taskly.enqueue('nothing', depends_on => ARRAY[:p], depends_when => 'ended')) AS n FROM generate_series(1, 20000) \gset
SELECT ok(taskly.cancel(:p), 'the parent of 20,000 others is cancelled');
SELECT ok(poll($$SELECT count(*) = 20000 FROM taskly.runs WHERE task = 'nothing' AND status = 'succeeded'$$, 60), 'they run');

-- Many at once: cancelled, retried, dropped with their queue
SELECT taskly.create_queue('pgtap many') > 0 AS has_id;
SELECT taskly.define('later', 'SELECT 1', queue => 'pgtap many') AS id \gset
BEGIN;
SELECT array_agg(taskly.enqueue('later', run_at => now() + '1 day')) AS parents FROM generate_series(1, 1500) \gset
SELECT array_agg(taskly.enqueue('writes', '"many"', depends_on => ARRAY[p])) AS children FROM unnest(:'parents'::bigint[]) p \gset
COMMIT;
SELECT is(taskly.cancel(:'parents'::bigint[]), 1500::bigint, 'many parents are cancelled');
SELECT ok(poll(format($$SELECT count(*) = 1500 FROM taskly.runs WHERE run_id = ANY (%L) AND status = 'skipped'$$, :'children')), 'each child is skipped');
TRUNCATE effect;
SELECT is(taskly.retry(:'parents'::bigint[] || :'children'::bigint[]), 1500::bigint, 'all are retried: parents by themselves, children with them');
SELECT ok(poll('SELECT count(*) = 1500 FROM effect'), 'and all run');
SELECT ok(bool_and(status = 'succeeded'), 'parents, too') FROM taskly.runs WHERE run_id = ANY (:'parents'::bigint[]);
-- With gaps between them they are more than a commit can name.
BEGIN;
SELECT array_agg(taskly.enqueue('later', run_at => now() + '1 day')) AS parents FROM generate_series(1, 4000) \gset
SELECT array_agg(taskly.enqueue('writes', '"gap"', depends_on => ARRAY[p])) AS children FROM unnest(:'parents'::bigint[]) p WHERE p % 2 = 0 \gset
COMMIT;
SELECT is(taskly.cancel(array_agg(p)), 2000::bigint, 'every second one is cancelled') FROM unnest(:'parents'::bigint[]) p WHERE p % 2 = 0;
SELECT ok(poll(format($$SELECT count(*) = 2000 FROM taskly.runs WHERE run_id = ANY (%L) AND status = 'skipped'$$, :'children')), 'each child is skipped');
SELECT is(taskly.cancel(array_agg(p)), 2000::bigint, 'the others, too') FROM unnest(:'parents'::bigint[]) p WHERE p % 2 = 1;
BEGIN;
SELECT taskly.enqueue('later', run_at => now() + '1 day') AS p \gset
SELECT taskly.enqueue('later', depends_on => ARRAY[:p]) AS inside \gset
SELECT taskly.enqueue('writes', '"outside"', depends_on => ARRAY[:inside]) AS outside \gset
COMMIT;
SELECT is(taskly.retry(ARRAY[:inside, :outside]::bigint[]), 0::bigint, 'those that wait for others cannot be hurried');
SELECT ok(taskly.drop_queue('pgtap many', cascade => true), 'a queue is dropped with what waits in it');
SELECT is(ends(:outside), 'skipped', 'a child in another queue is skipped');
SELECT ok(status = 'cancelled' AND due_at = scheduled_for, 'one in the queue is cancelled') FROM taskly.runs WHERE run_id = :inside;

-- Children that were cancelled with their parent: it goes first
BEGIN;
SELECT taskly.enqueue('writes', '"p"', run_at => now() + '1 day') AS p \gset
SELECT taskly.enqueue('writes', '"c"', depends_on => ARRAY[:p]) AS c \gset
COMMIT;
SELECT is(taskly.cancel(ARRAY[:p, :c]::bigint[]), 2::bigint, 'a parent and its child are cancelled');
TRUNCATE effect;
SELECT is(taskly.retry(ARRAY[:p, :c]::bigint[]), 2::bigint, 'and retried');
SELECT is(ends(:c), 'succeeded', 'both run');
SELECT is(effects(), 'p c', 'one after the other');

-- Queues that keep nothing keep the end of a parent
SELECT taskly.create_queue('pgtap forgets', keep => 'none') > 0 AS has_id;
SELECT taskly.create_queue('pgtap shares', keep => 'none', batch => 10) > 0 AS has_id;
SELECT taskly.define('forgotten', 'SELECT 1', queue => 'pgtap forgets') AS id \gset
SELECT taskly.define('shared', 'SELECT 1', queue => 'pgtap shares') AS id \gset
SELECT taskly.define('fails', 'SELECT 1/0', queue => 'pgtap forgets') AS id \gset
BEGIN;
SELECT taskly.enqueue('forgotten') AS f1 \gset
SELECT taskly.enqueue('forgotten') AS alone \gset
SELECT taskly.enqueue('forgotten', depends_on => ARRAY[:f1]) AS f2 \gset
SELECT count(taskly.enqueue('shared')) AS n FROM generate_series(1, 20) \gset
SELECT array_agg(taskly.enqueue('shared')) AS shared FROM generate_series(1, 20) \gset
SELECT taskly.enqueue('fails') AS f3 \gset
SELECT taskly.enqueue('writes', '"never"', depends_on => ARRAY[:f3]) AS f4 \gset
SELECT taskly.enqueue('writes', '"all"', depends_on => ARRAY[:f2] || :'shared'::bigint[]) AS last \gset
COMMIT;
SELECT is(ends(:last), 'succeeded', 'children of runs that are not kept run');
SELECT is(ends(:f4), 'skipped', 'or are skipped');
SELECT ok(poll($$SELECT count(*) = 0 FROM taskly.runs WHERE task IN ('shared', 'forgotten') AND finished_at IS NULL$$), 'all end');
SELECT is(count(*), 20::bigint, 'runs of batches that have children are kept, others are not') FROM taskly.runs WHERE task = 'shared';
SELECT results_eq($$SELECT run_id FROM taskly.runs WHERE task = 'forgotten' ORDER BY 1$$,
	format('VALUES (%s::bigint), (%s)', :f1, :f2), 'so are single ones');

-- Unique keys
SELECT taskly.enqueue('writes', '"u"', unique_key => 'u', run_at => now() + '1 day') AS u \gset
SELECT is(taskly.enqueue('writes', unique_key => 'u', depends_on => ARRAY[:last]), :u::bigint, 'a run that stays does not depend on what another was to');
SELECT is(depends_on, NULL, 'but on nothing') FROM taskly.runs WHERE run_id = :u;
SELECT throws_ok(format('SELECT taskly.enqueue(%L, unique_key => %L, on_conflict => %L, depends_on => %L)', 'writes', 'u', c, ARRAY[:last]), '22023',
	'depends_on cannot be used with this on_conflict', c || ' and depends_on are refused') FROM unnest('{replace,postpone}'::text[]) c;
SELECT throws_ok(format('SELECT taskly.submit(%L, unique_key => %L, on_conflict => %L, depends_on => %L)', 'SELECT 1', 'u', 'replace', ARRAY[:last]), '22023',
	'depends_on cannot be used with this on_conflict', 'by submit, too');
SELECT taskly.enqueue('writes', '"v"', unique_key => 'v', depends_on => ARRAY[:u]) AS v \gset
SELECT is(taskly.enqueue('writes', '"w"', unique_key => 'v', on_conflict => 'replace'), :v::bigint, 'one that waits for another is replaced');
SELECT is(status || ' ' || depends_on::text, format('waiting {%s}', :u), 'and waits on') FROM taskly.runs WHERE run_id = :v;
SELECT ok(taskly.cancel(:u), 'its parent is cancelled');
SELECT is(ends(:v), 'skipped', 'it is skipped');

-- Tasks after tasks: the same instants
TRUNCATE effect;
BEGIN;
SELECT taskly.schedule('root', '* * * * * *', $$INSERT INTO effect (what) VALUES ('root')$$) AS root_id \gset
SELECT taskly.define('left', $$INSERT INTO effect (what) VALUES ('side')$$, after => '{root}', priority => 5, deadline => '1 hour') AS left_id \gset
SELECT taskly.define('right', $$INSERT INTO effect (what) VALUES ('side')$$, after => '{root}') AS right_id \gset
SELECT taskly.define('end', $$INSERT INTO effect (what) VALUES ('end')$$, after => '{left,right}') AS end_id \gset
COMMIT;
SELECT ok(poll($$SELECT count(*) >= 3 FROM taskly.runs WHERE task = 'end' AND status = 'succeeded'$$), 'what comes last runs each second');
SELECT ok(taskly.pause('root'), 'the schedule is paused');
SELECT ok(poll($$SELECT count(*) = 0 FROM taskly.runs WHERE task IN ('root', 'left', 'right', 'end') AND finished_at IS NULL$$), 'all instants end');
SELECT matches(effects(), '^(root side side end ?)+$', 'in order');
SELECT ok(bool_and(n = 4 AND tasks = 4), 'one run of each task for each instant') FROM (
	SELECT count(*) AS n, count(DISTINCT task) AS tasks FROM taskly.runs WHERE task IN ('root', 'left', 'right', 'end')
	GROUP BY scheduled_for) i;
SELECT ok(bool_and(source = 'schedule'), 'made by the schedule') FROM taskly.runs WHERE task IN ('root', 'left', 'right', 'end');
SELECT ok(bool_and(priority = 5 AND deadline = scheduled_for + '1 hour'), 'each as its own task says') FROM taskly.runs WHERE task = 'left';

-- A failure for one instant; a new name; a follower that is paused
SELECT taskly.alter('left', rename_to => 'lefty', command => 'SELECT 1/0') AS id \gset
SELECT ok(taskly.resume('root'), 'the schedule goes on');
SELECT ok(poll($$SELECT count(*) >= 1 FROM taskly.runs WHERE task = 'end' AND status = 'skipped'$$), 'for an instant for which one failed, the last is skipped');
SELECT ok(taskly.pause('right'), 'one is paused');
SELECT ok(poll($$SELECT count(*) >= 1 FROM taskly.runs WHERE task = 'right' AND finished_at IS NULL AND due_at < 'infinity'$$), 'its runs wait, though their parent has succeeded');
SELECT ok(taskly.resume('right'), 'it goes on');
SELECT ok(taskly.pause('root'), 'no more instants');
SELECT ok(poll($$SELECT count(*) = 0 FROM taskly.runs WHERE task IN ('root', 'lefty', 'right', 'end') AND finished_at IS NULL$$), 'then all of them end');
SELECT results_eq($$SELECT DISTINCT l.status, e.status FROM taskly.runs l JOIN taskly.runs e USING (scheduled_for) WHERE l.task = 'lefty' AND e.task = 'end' ORDER BY 1$$,
	$$VALUES ('failed', 'skipped'), ('succeeded', 'succeeded')$$, 'the last ran if and only if the left one had succeeded');

-- backfill
SELECT is(count(*), 5::bigint, 'five instants of the past are made up')
FROM taskly.backfill('root', '2020-01-01 00:00:00+00', '2020-01-01 00:00:05+00');
SELECT is(count(*), 20::bigint, 'with all that follows') FROM taskly.runs WHERE scheduled_for < '2021-01-01';
SELECT is(count(DISTINCT (task, scheduled_for)), 20::bigint, 'once each') FROM taskly.runs WHERE scheduled_for < '2021-01-01' AND source = 'backfill';
SELECT ok(taskly.resume('root'), 'while the task is paused they wait');
SELECT ok(taskly.alter('root', schedule => '@yearly') > 0, 'not for others');
SELECT ok(poll($$SELECT count(*) = 20 FROM taskly.runs WHERE scheduled_for < '2021-01-01' AND finished_at IS NOT NULL$$), 'then they end');
SELECT results_eq($$SELECT task, status, count(*) FROM taskly.runs WHERE scheduled_for < '2021-01-01' GROUP BY 1, 2 ORDER BY 1$$,
	$$VALUES ('end', 'skipped', 5::bigint), ('lefty', 'failed', 5), ('right', 'succeeded', 5), ('root', 'succeeded', 5)$$, 'as those of now do');
SELECT taskly.enqueue('root') AS alone \gset
SELECT is(count(*), 1::bigint, 'enqueued, a task has no followers') FROM taskly.run_graph(:alone);

SELECT * FROM finish();
