-- Recurring tasks, as a user sees them.

\ir helper.psql
SELECT plan(25);

CREATE TABLE tick (at timestamptz DEFAULT clock_timestamp(), scheduled_for timestamptz);

SELECT taskly.schedule('tick', 'every 1 second',
	'INSERT INTO tick (scheduled_for) SELECT scheduled_for FROM taskly.current_run()') AS task_id \gset
SELECT ok(poll('SELECT count(*) >= 3 FROM taskly.runs WHERE task = ''tick'' AND status = ''succeeded'''), 'a task recurs');
SELECT ok(next_fire > now() - interval '2 seconds' AND next_fire < now() + interval '2 seconds', 'its next run is known')
FROM taskly.tasks WHERE name = 'tick';
SELECT is(taskly.pause('tick'), true, 'it is paused');
SELECT is(next_fire, NULL, 'then there is no next run') FROM taskly.tasks WHERE name = 'tick';
SELECT ok(poll('SELECT count(*) = 0 FROM taskly.runs WHERE task = ''tick'' AND finished_at IS NULL'), 'what was due ends');
SELECT is(count(DISTINCT scheduled_for), count(*), 'each occurrence has run once') FROM tick;
SELECT is(count(DISTINCT extract(microseconds FROM scheduled_for)::int % 1000000), 1::bigint, 'on its grid, without drift') FROM tick;
SELECT ok(min(at - scheduled_for) >= '0', 'none before its time') FROM tick;
SELECT ok(poll(format('SELECT runs = %s AND failures = 0 AND last_status = ''succeeded'' FROM taskly.tasks WHERE name = ''tick''',
	(SELECT count(*) FROM tick))), 'the task counts its runs');
SELECT is(source, 'schedule', 'and they say where they come from') FROM taskly.runs WHERE task = 'tick' LIMIT 1;
SELECT count(*) AS ticks FROM tick \gset
SELECT taskly.enqueue('tick') AS id \gset
SELECT is(status, 'queued', 'a run of a paused task waits') FROM taskly.runs WHERE run_id = :id;
SELECT is(taskly.wait(:id, '1 second'), NULL, 'as long as the pause lasts');
SELECT taskly.resume('tick') \g /dev/null
SELECT is(ends(:id), 'succeeded', 'and runs when it is resumed');
SELECT ok(poll(format('SELECT count(*) > %s FROM tick', :ticks + 1)), 'which goes on recurring');
SELECT is(taskly.drop_task('tick'), true, 'until it is dropped');

-- Once
SELECT taskly.schedule('once', (clock_timestamp() + interval '500 ms')::text, 'INSERT INTO tick DEFAULT VALUES') \g /dev/null
SELECT ok(poll('SELECT count(*) = 1 FROM taskly.runs WHERE task = ''once'' AND status = ''succeeded'''), 'a timestamp is due once');
SELECT is(next_fire, NULL, 'and never again') FROM taskly.tasks WHERE name = 'once';

-- Overlap
SELECT taskly.schedule('long', 'every 1 second', 'SELECT pg_sleep(600)') \g /dev/null
SELECT ok(poll('SELECT skipped > 0 FROM taskly.tasks WHERE name = ''long'''), 'an occurrence is skipped while the one before runs');
SELECT is(count(*), 1::bigint, 'so one runs') FROM taskly.runs WHERE task = 'long' AND status = 'running';
SELECT run_id AS id FROM taskly.runs WHERE task = 'long' AND status = 'running' \gset
SELECT is(taskly.drop_task('long'), true, 'its task can be dropped meanwhile');
SELECT taskly.cancel(:id) \g /dev/null
SELECT is(ends(:id), 'cancelled', 'and the run cancelled');

-- Days off: what changes them changes what the scheduler does
SELECT taskly.create_calendar('days off', ARRAY[current_date - 1, current_date, current_date + 1]) \g /dev/null
SELECT taskly.schedule('off', 'every 1 second', 'SELECT 1', calendar => 'days off') \g /dev/null
SELECT taskly.schedule('after finish', '1 second after finish', 'SELECT 1', calendar => 'days off') \g /dev/null
SELECT taskly.schedule('on', 'every 1 second', 'SELECT 1') \g /dev/null
SELECT ok(poll($$SELECT count(*) >= 2 FROM taskly.runs WHERE task = 'on'$$), 'on a day off others go on');
SELECT is(count(*), 0::bigint, 'a task that minds it does not') FROM taskly.runs WHERE task IN ('off', 'after finish');
SELECT taskly.remove_days('days off', current_date - 1, current_date, current_date + 1) \g /dev/null
SELECT ok(poll($$SELECT count(*) FILTER (WHERE task = 'off') >= 2 AND count(*) FILTER (WHERE task = 'after finish') >= 2 FROM taskly.runs$$), 'until it is none any more');
SELECT taskly.add_days_between('days off', current_date - 1, current_date + 1) \g /dev/null
SELECT ok(poll($$SELECT max(scheduled_for) FILTER (WHERE task = 'on') > max(scheduled_for) FILTER (WHERE task = 'off') + interval '2500 ms'
	FROM taskly.runs$$), 'or becomes one again');

SELECT * FROM finish();
