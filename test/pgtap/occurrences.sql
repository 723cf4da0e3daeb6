-- Occurrences of schedules, past and to come: backfill() and upcoming().

\ir helper.psql
SELECT plan(56);

SET timezone = 'UTC';
DROP ROLE IF EXISTS pgtap_one, pgtap_two;
CREATE ROLE pgtap_one LOGIN;
CREATE ROLE pgtap_two LOGIN;
GRANT USAGE ON SCHEMA taskly TO pgtap_one, pgtap_two;
-- Hourly schedules are due half an hour from now, so that they do not fire by themselves.
SELECT date_trunc('minute', now()) - interval '30 min' AS hour \gset
SELECT extract(minute FROM :'hour'::timestamptz) || ' * * * *' AS hourly \gset

-- backfill: what was due

CREATE FUNCTION settled(task text) RETURNS boolean LANGUAGE sql AS $$
	SELECT poll(format('SELECT count(*) = 0 FROM taskly.runs WHERE task = %L AND finished_at IS NULL', task))
$$;
CREATE FUNCTION hours_of(name text, hour timestamptz) RETURNS numeric[] LANGUAGE sql AS $$
	SELECT array_agg(round(extract(epoch FROM scheduled_for - hour) / 3600, 2) ORDER BY run_id)
	FROM taskly.runs WHERE task = name AND source = 'backfill'
$$;

SELECT taskly.schedule('hourly', :'hourly', 'SELECT pg_sleep(0.01)', timezone => 'UTC', max_runs => 1) AS task_id \gset
CREATE TEMPORARY TABLE ids AS SELECT * FROM taskly.backfill('hourly', :'hour'::timestamptz - interval '5 hours', :'hour') AS run_id;
SELECT is(count(*), 5::bigint, 'a run for each occurrence from since on, before until') FROM ids;
SELECT ok(settled('hourly'), 'they run');
SELECT is(hours_of('hourly', :'hour'), '{-5,-4,-3,-2,-1}', 'each for its occurrence, in order, though the task is younger');
SELECT is(array_agg(status), array_fill('succeeded'::text, '{5}'), 'all that were named') FROM taskly.runs JOIN ids USING (run_id);
SELECT ok(bool_and(started_at >= before), 'one after another')
FROM (SELECT started_at, lag(finished_at) OVER (ORDER BY run_id) AS before FROM taskly.runs WHERE task = 'hourly') r;
SELECT is(fires, 0::bigint, 'they are no fires, and max_runs does not count them') FROM taskly.tasks WHERE name = 'hourly';
SELECT is(next_fire > now(), true, 'the schedule goes on') FROM taskly.tasks WHERE name = 'hourly';
SELECT is(count(*), 2::bigint, 'what has run before runs again') FROM taskly.backfill(:task_id, :'hour'::timestamptz - interval '2 hours', :'hour');
SELECT ok(settled('hourly'), 'that, too');
SELECT is_empty(format('SELECT * FROM taskly.backfill(''hourly'', %L::timestamptz - interval ''59 min'', %1$L)', :'hour'), 'none is due between');

SELECT taskly.create_calendar('pgtap off') \g /dev/null
SELECT taskly.add_days('pgtap off', (:'hour'::timestamptz - interval '2 days')::date) \g /dev/null
SELECT taskly.schedule('bounded', '0 3 * * *', 'SELECT 1', timezone => 'UTC', calendar => 'pgtap off', starts_at => date_trunc('day', :'hour'::timestamptz) - interval '4 days') \g /dev/null
SELECT is(count(*), 3::bigint, 'starts_at and days off apply')
FROM taskly.backfill('bounded', date_trunc('day', :'hour'::timestamptz) - interval '10 days', date_trunc('day', :'hour'::timestamptz));
SELECT ok(settled('bounded'), 'they run');
SELECT is_empty(format('SELECT FROM taskly.runs WHERE task = ''bounded'' AND scheduled_for::date = %L::date - 2', :'hour'), 'none on the day off');

SELECT taskly.schedule('late', :'hourly', 'SELECT 1', timezone => 'UTC', jitter => '20 min') \g /dev/null
SELECT taskly.backfill('late', :'hour'::timestamptz - interval '3 hours', :'hour') \g /dev/null
SELECT ok(settled('late'), 'a task with jitter runs');
SELECT is(array_agg(DISTINCT scheduled_for - date_bin('1 hour', scheduled_for, :'hour')),
	(SELECT ARRAY[next_fire - date_bin('1 hour', next_fire, :'hour')] FROM taskly.tasks WHERE name = 'late'), 'always as late as it will be')
FROM taskly.runs WHERE task = 'late' AND source = 'backfill';

SELECT taskly.pause('hourly') \g /dev/null
SELECT count(*) FROM taskly.backfill('hourly', :'hour'::timestamptz - interval '3 hours', :'hour') \g /dev/null
SELECT is(count(*), 3::bigint, 'runs of a paused task wait') FROM taskly.runs WHERE task = 'hourly' AND status = 'queued';
SELECT taskly.resume('hourly') \g /dev/null
SELECT ok(settled('hourly'), 'until it is resumed');

SELECT taskly.schedule('seconds', 'every 1 second', 'SELECT 1', starts_at => now() + interval '1 day') \g /dev/null
SELECT is_empty('SELECT * FROM taskly.backfill(''seconds'', now() - interval ''1 hour'', now())', 'nothing was due before starts_at');
SELECT taskly.schedule('seconds', '* * * * * *', 'SELECT 1', ends_at => now() + interval '1 s') \g /dev/null
SELECT throws_ok('SELECT count(*) FROM taskly.backfill(''seconds'', now() - interval ''100001 s'', now())', '54000', NULL, '100001 are too many');
SELECT ok(settled('seconds'), 'nothing of it waits');
SELECT is(count(*), 0::bigint, 'and nothing was made') FROM taskly.runs WHERE task = 'seconds' AND source = 'backfill';

SELECT taskly.create_queue('pgtap short', max_pending => 3) \g /dev/null
SELECT taskly.schedule('narrow', :'hourly', 'SELECT 1', timezone => 'UTC', queue => 'pgtap short') \g /dev/null
SELECT throws_ok(format('SELECT * FROM taskly.backfill(''narrow'', %L::timestamptz - interval ''4 hours'', %1$L)', :'hour'), '53400', NULL, 'a queue that would be too full takes none');
SELECT is(count(*), 0::bigint, 'none at all') FROM taskly.runs WHERE task = 'narrow';
SELECT is(count(*), 3::bigint, 'and as many as it takes') FROM taskly.backfill('narrow', :'hour'::timestamptz - interval '3 hours', :'hour');

SELECT taskly.schedule('once', (now() + interval '1 day')::text, 'SELECT 1') \g /dev/null
SELECT taskly.schedule('after', '1 hour after finish', 'SELECT 1', starts_at => now() + interval '1 day') \g /dev/null
SELECT taskly.define('plain', 'SELECT 1') \g /dev/null
CREATE FUNCTION backfill_of(task text, since timestamptz, until timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM taskly.backfill(task, since, until)
$$;
SELECT throws_ok('SELECT backfill_of(''once'', now() - interval ''1 hour'', now())', '55000', NULL, 'one instant does not recur');
SELECT throws_ok('SELECT backfill_of(''after'', now() - interval ''1 hour'', now())', '55000', NULL, 'nobody knows what was due after finishes');
SELECT throws_ok('SELECT backfill_of(''plain'', now() - interval ''1 hour'', now())', '55000', NULL, 'a task without a schedule has no occurrences');
SELECT throws_ok('SELECT backfill_of(''none'', now() - interval ''1 hour'', now())', '42704', NULL, 'nor one that is not there');
SELECT throws_ok('SELECT backfill_of(''hourly'', now() - interval ''1 hour'', now() + interval ''1 hour'')', '22023', NULL, 'the future is not backfilled');
SELECT throws_ok('SELECT backfill_of(''hourly'', now(), now())', '22023', NULL, 'since is before until');
SELECT throws_ok('SELECT backfill_of(''hourly'', ''-infinity'', now())', '22023', NULL, 'since is finite');
SELECT throws_ok('SELECT backfill_of(''hourly'', NULL, now())', '22004', NULL, 'and not null');

-- upcoming: what will be due

SELECT taskly.drop_task(task_id) FROM taskly.tasks \g /dev/null
-- Of one tenant, from tomorrow on.
SELECT date_trunc('day', now()) + interval '1 day' AS day \gset
SET ROLE pgtap_one;
SELECT taskly.schedule('hours', '0 * * * *', 'SELECT 1', timezone => 'UTC', starts_at => :'day') \g /dev/null
SELECT taskly.schedule('halves', '*/30 * * * *', 'SELECT 1', timezone => 'UTC', starts_at => :'day', max_runs => 3) \g /dev/null
SELECT taskly.schedule('bounded', 'every 40 minutes', 'SELECT 1', starts_at => :'day', ends_at => :'day'::timestamptz + interval '80 min') \g /dev/null
SELECT taskly.schedule('once', (:'day'::timestamptz + interval '95 min')::text, 'SELECT 1') \g /dev/null
SELECT taskly.schedule('after', '1 hour after finish', 'SELECT 1', starts_at => :'day'::timestamptz + interval '10 min') \g /dev/null
SELECT taskly.schedule('paused', '* * * * *', 'SELECT 1') \g /dev/null
SELECT taskly.pause('paused') \g /dev/null

RESET ROLE;
CREATE FUNCTION upcoming_until(until timestamptz) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(to_char(scheduled_for, 'HH24:MI ') || task, ', ') FROM taskly.upcoming(until)
$$;
SET ROLE pgtap_one;
SELECT is(upcoming_until(:'day'::timestamptz + interval '2 hours'), '00:00 hours, 00:00 halves, 00:00 bounded, 00:10 after, 00:30 halves, 00:40 bounded, 01:00 hours, 01:00 halves, 01:20 bounded, 01:35 once, 02:00 hours',
	'what is due, in order, until included, with max_runs and ends_at; after a finish only what is known; nothing of a paused task');
SELECT results_eq('SELECT name, next_fire FROM taskly.tasks WHERE next_fire IS NOT NULL ORDER BY 1',
	format('SELECT task, min(scheduled_for) FROM taskly.upcoming(%L::timestamptz + interval ''1 day'') GROUP BY 1 ORDER BY 1', :'day'), 'the first of each is its next_fire');
SELECT is(string_agg(to_char(scheduled_for, 'HH24:MI ') || task, ', '), '01:00 hours, 01:00 halves, 01:20 bounded', 'since is included; what was before counts for max_runs')
FROM taskly.upcoming(:'day'::timestamptz + interval '90 min', :'day'::timestamptz + interval '1 hour');
SELECT is_empty(format('SELECT * FROM taskly.upcoming(%L::timestamptz + interval ''10 days'', %1$L::timestamptz + interval ''9 days'') WHERE task <> ''hours''', :'day'), 'what is over is over');
SELECT is(array_agg(DISTINCT owner::text), '{pgtap_one}', 'with its owner') FROM taskly.upcoming(:'day'::timestamptz + interval '1 day');

SET ROLE pgtap_two;
SELECT is(upcoming_until(:'day'::timestamptz + interval '2 hours'), NULL, 'another tenant sees none of it');
SELECT is_empty(format('SELECT FROM taskly.upcoming_occurrences(%L::timestamptz + interval ''1 day'', %1$L, NULL)', :'day'), 'nor below the names');
SELECT taskly.schedule('own', '30 0 * * *', 'SELECT 1', timezone => 'UTC', starts_at => :'day') \g /dev/null
SELECT is(upcoming_until(:'day'::timestamptz + interval '2 hours'), '00:30 own', 'but its own');
SELECT throws_ok('SELECT * FROM taskly.backfill(''hours'', now() - interval ''1 hour'', now())', '42704', NULL, 'it cannot backfill what is another''s');
RESET ROLE;
SELECT task_id AS hours FROM taskly.tasks WHERE name = 'hours' \gset
SET ROLE pgtap_two;
SELECT throws_ok(format('SELECT * FROM taskly.backfill(%s, now() - interval ''1 hour'', now())', :hours), '42704', NULL, 'not by its number, either');
RESET ROLE;
SELECT is(count(*), 12::bigint, 'a superuser sees all') FROM taskly.upcoming(:'day'::timestamptz + interval '2 hours');
GRANT pgtap_one TO pgtap_two;
SET ROLE pgtap_two;
SELECT is(count(*), 12::bigint, 'a member sees what its role has') FROM taskly.upcoming(:'day'::timestamptz + interval '2 hours');
RESET ROLE;

SELECT taskly.alter('hours', jitter => '30 min') \g /dev/null
SELECT is(count(DISTINCT scheduled_for - date_trunc('hour', scheduled_for)), 1::bigint, 'jitter is in it') FROM taskly.upcoming(:'day'::timestamptz + interval '1 day') WHERE task = 'hours';
SELECT taskly.add_days('pgtap off', :'day') \g /dev/null
SELECT taskly.alter('hours', calendar => 'pgtap off', reset => '{jitter}') \g /dev/null
SELECT is(min(scheduled_for), :'day'::timestamptz + interval '1 day', 'and days off are') FROM taskly.upcoming(:'day'::timestamptz + interval '2 days') WHERE task = 'hours';
SELECT taskly.remove_days('pgtap off', :'day') \g /dev/null
SELECT is(min(scheduled_for), :'day', 'until they are no more') FROM taskly.upcoming(:'day'::timestamptz + interval '2 days') WHERE task = 'hours';

SELECT is(array_agg(DISTINCT task), '{hours}', 'one task can be asked for')
FROM taskly.upcoming(:'day'::timestamptz + interval '1 day', only_task => 'hours');
SELECT throws_ok('SELECT * FROM taskly.upcoming(now() + interval ''1 hour'', only_task => ''none'')', '42704', 'task "none" does not exist', 'if there is one');
-- Grids of days and weeks: at their start, and before it.
SELECT taskly.schedule('weeks', 'every 2 weeks', 'SELECT 1', timezone => 'Europe/Berlin', starts_at => '2027-03-05 16:00 Europe/Berlin') \g /dev/null
SELECT is(array_agg(scheduled_for ORDER BY 1), '{2027-03-05 16:00+01,2027-03-19 16:00+01,2027-04-02 16:00+02}', 'weeks count from starts_at, itself included')
FROM taskly.upcoming('2027-04-03', '2027-01-01', only_task => 'weeks');
SELECT taskly.schedule('days', 'every day', 'SELECT 1', timezone => 'UTC') \g /dev/null
CREATE TEMP TABLE before_start AS SELECT run_id FROM taskly.backfill('days', now() - interval '3 days', now()) AS b (run_id);
SELECT is(count(DISTINCT r.scheduled_for::time) || ' ' || bool_and(r.scheduled_for::time = t.anchor::time) || ' ' || count(*), '1 true 3', 'what is backfilled from before the start is on the same grid')
FROM before_start JOIN taskly.runs r USING (run_id) JOIN taskly.task t ON t.name = 'days';
SELECT taskly.schedule('over', 'every 1 second', 'SELECT 1', max_runs => 1, missed => 'all') \g /dev/null
UPDATE taskly.task SET fires = 1, last_fire = now() - interval '1 hour' WHERE name = 'over';
SELECT taskly.alter('over', max_runs => 2) \g /dev/null
SELECT ok(last_fire > now() - interval '1 minute', 'more runs for one that was over are not for what has passed') FROM taskly.task WHERE name = 'over';
SELECT throws_ok('SELECT * FROM taskly.upcoming(now(), now())', '22023', NULL, 'since is before until');
SELECT throws_ok('SELECT * FROM taskly.upcoming(''infinity'')', '22023', NULL, 'until is finite');
SELECT throws_ok('SELECT * FROM taskly.upcoming(NULL)', '22004', NULL, 'and not null');
SELECT taskly.schedule('many', 'every 100 ms', 'SELECT 1', starts_at => :'day') \g /dev/null
SELECT throws_ok(format('SELECT count(*) FROM taskly.upcoming(%L::timestamptz + interval ''28 hours'')', :'day'), '54000', NULL, 'more than 1000000 are too many');

SELECT taskly.drop_task(task_id) FROM taskly.tasks \g /dev/null
DROP OWNED BY pgtap_one, pgtap_two;
DROP ROLE pgtap_one, pgtap_two;
SELECT * FROM finish();
