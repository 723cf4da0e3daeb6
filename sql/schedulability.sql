-- Will the tasks of a queue meet their deadlines? Nothing runs here: durations are written into history.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS taskly;
CREATE EXTENSION taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SELECT taskly.pause_all('looked at only');

-- So many attempts of a task that took so long, the first of them longest seconds, an hour apart.
CREATE FUNCTION measure(name text, longest interval, others interval DEFAULT NULL, count integer DEFAULT 10) RETURNS void
LANGUAGE sql AS $$
	INSERT INTO taskly.finished_run (run_id, home_id, task_id, due_at, scheduled_for, queued_at, deadline_at, started_at, owner,
		queue_id, priority, attempt, crashes, source, slot, is_final, finished_at, status)
	SELECT nextval('taskly.run_run_id_seq'), t.home_id, t.task_id, at, at, at, at + t.deadline, at, t.owner,
		t.queue_id, 0, 1, 0, 'schedule', 0, true, at + CASE WHEN n = 1 THEN longest ELSE COALESCE(others, longest) END, 'succeeded'
	FROM taskly.task t, generate_series(1, count) n, LATERAL (SELECT now() - interval '2 days' + n * interval '1 hour') a(at)
	WHERE t.name = measure.name
$$;
CREATE VIEW verdicts AS
SELECT scope, task, period, wcet, round(utilisation::numeric, 4) AS u, blocking, response_time AS response, verdict, test, reason
FROM taskly.schedulability('rt') ORDER BY scope DESC, task_id;
CREATE VIEW bounds AS
SELECT algorithm, workers, round(utilisation::numeric, 4) AS u, round(bound::numeric, 4) AS bound,
	round(hyperbolic::numeric, 4) AS hyperbolic, round(load::numeric, 4) AS load, verdict, test
FROM taskly.schedulability('rt') WHERE scope = 'queue';

-- An empty queue, and one that nobody has made yet.
SELECT taskly.create_queue('rt', max_running => 1);
UPDATE taskly.queue SET algorithm = 'rate_monotonic' WHERE name = 'rt';
SELECT scope, algorithm, workers, runs, utilisation, load, backlog, drain_time, verdict, test, reason FROM taskly.schedulability('rt');
SELECT scope, algorithm, verdict FROM taskly.schedulability('default');

-- Nothing is known of a task that has never run.
SELECT taskly.schedule('fast', 'every 5 seconds', 'SELECT 1', queue => 'rt');
SELECT * FROM verdicts;
SELECT taskly.schedule('middle', 'every 10 seconds', 'SELECT 1', queue => 'rt');
SELECT taskly.schedule('slow', 'every 40 seconds', 'SELECT 1', queue => 'rt');

-- C = (1, 2, 4), T = (5, 10, 40): 0.5, below the bound of Liu and Layland, and each response in time.
SELECT measure('fast', '1 s'), measure('middle', '2 s'), measure('slow', '4 s');
SELECT * FROM verdicts;
SELECT * FROM bounds;

-- Longer by a fifth, the slow one holds up the fast one beyond its period, below the bound still.
SELECT task, wcet, response_time, verdict, reason FROM taskly.schedulability('rt', 1.2) ORDER BY scope DESC, task_id;
-- The summary comes first.
SELECT scope FROM taskly.schedulability('rt') LIMIT 1;
-- Not when its timeout ends it before.
SELECT taskly.alter('slow', timeout => '4 s');
SELECT task, wcet, verdict FROM taskly.schedulability('rt', 1.2) WHERE task = 'slow';
-- By another's deadline, or a second worker.
SELECT taskly.alter('middle', deadline => '6 s');
SELECT task, deadline, response_time, verdict, reason FROM taskly.schedulability('rt') WHERE task = 'middle';
UPDATE taskly.queue SET max_running = 2 WHERE name = 'rt';
SELECT * FROM verdicts;
SELECT * FROM bounds;

-- Earliest deadline first: what has no deadline comes last.
UPDATE taskly.queue SET max_running = 1, algorithm = 'edf' WHERE name = 'rt';
SELECT * FROM verdicts;
SELECT taskly.alter('fast', deadline => '5 s'), taskly.alter('slow', deadline => '40 s');
SELECT * FROM verdicts;
SELECT taskly.alter('middle', deadline => '7 s');
SELECT * FROM verdicts;
SELECT * FROM bounds;

-- No other algorithm guarantees a thing.
UPDATE taskly.queue SET algorithm = 'fifo' WHERE name = 'rt';
SELECT * FROM verdicts;

-- More than a worker can do, and a run that was longer than its deadline.
SELECT taskly.schedule('heavy', 'every 20 seconds', 'SELECT 1', queue => 'rt');
SELECT measure('heavy', '11 s');
SELECT * FROM verdicts;
SELECT load > 1 AS overloaded, drain_time FROM taskly.schedulability('rt') WHERE scope = 'queue';
SELECT taskly.alter('heavy', deadline => '10 s');
SELECT measure('heavy', '9 s', '11 s', 4);
SELECT task, deadline_misses, test, reason FROM taskly.schedulability('rt') WHERE task = 'heavy' OR scope = 'queue' ORDER BY scope DESC;
UPDATE taskly.finished_run SET status = 'expired', started_at = NULL, finished_at = deadline_at
WHERE finished_at - started_at = '9 s';
SELECT task, runs, deadline_misses FROM taskly.schedulability('rt') WHERE task = 'heavy';
SELECT task, deadline_misses FROM taskly.stats WHERE deadline_misses > 0 AND scope = 'task';
SELECT taskly.pause('heavy', 'too much');
UPDATE taskly.task SET ends_at = now() WHERE name = 'slow';
SELECT task, verdict, reason FROM taskly.schedulability('rt') ORDER BY scope DESC, task_id;
SELECT * FROM bounds;
SELECT taskly.drop_task('heavy'), taskly.drop_task('slow');

-- The load: means by cron and calendars, and what was enqueued in the last hour.
SELECT taskly.create_queue('office');
SELECT taskly.schedule('office', '*/10 9-16 * * mon-fri', 'SELECT 1', queue => 'office', timezone => 'UTC');
SELECT measure('office', '63 s', '21 s', 9);
SELECT period, duration_max, duration_mean, utilisation, round(arrival_rate::numeric * 86400 * 7, 1) AS a_week, backlog
FROM taskly.schedulability('office') WHERE scope = 'task';
SELECT count(taskly.enqueue('office')) FROM generate_series(1, 36);
SELECT count(taskly.submit('SELECT 1', queue => 'office')) FROM generate_series(1, 18);
SELECT scope, task, round(arrival_rate::numeric, 5) AS arrival_rate, round(load::numeric * max(workers) OVER (), 3) AS demand, backlog, backlog_work, drain_time IS NULL AS never
FROM taskly.schedulability('office') ORDER BY scope DESC;
-- Seconds of work of the queue's backlog are known when every duration is.
INSERT INTO taskly.finished_run (run_id, home_id, due_at, scheduled_for, queued_at, started_at, owner, queue_id, priority, attempt, crashes,
	source, slot, is_final, finished_at, status)
SELECT nextval('taskly.run_run_id_seq'), t.home_id, now() - interval '1 day', now(), now(), now() - interval '1 day', t.owner,
	t.queue_id, 0, 1, 0, 'submit', 0, true, now() - interval '1 day' + interval '2 seconds', 'succeeded'
FROM taskly.task t WHERE t.name = 'office';
SELECT scope, backlog, backlog_work FROM taskly.schedulability('office') ORDER BY scope DESC;
SELECT round(extract(epoch FROM drain_time) * workers * (1 - load)::numeric, 3) AS work FROM taskly.schedulability('office') WHERE scope = 'queue';

-- Of many runs, some are looked at: with 8000, one of four, but not always that of the same queue.
SELECT taskly.create_queue('quarter');
SELECT count(taskly.submit('SELECT 1', queue => CASE WHEN (n - 1) % 4 = 0 THEN 'quarter' ELSE 'default' END)) > 7000 AS many
FROM taskly.run_run_id_seq s, (SELECT min(run_id) FROM taskly.pending_run) f(first), generate_series(s.last_value - f.first + 2, 8000) n;
SELECT scope, round(arrival_rate::numeric * 3600, -2) AS an_hour FROM taskly.schedulability('quarter') ORDER BY scope DESC;

-- Runs besides the schedule void a guarantee.
UPDATE taskly.queue SET algorithm = 'rate_monotonic' WHERE name = 'office';
SELECT verdict, reason FROM taskly.schedulability('office') WHERE scope = 'task';

-- Runs of the queue that have a deadline and no period leave EDF without a guarantee.
UPDATE taskly.queue SET algorithm = 'edf' WHERE name = 'rt';
SELECT task, verdict FROM taskly.schedulability('rt') ORDER BY scope DESC, task_id;
SELECT taskly.define('loose', 'SELECT 1', queue => 'rt', deadline => '1 minute');
SELECT task, verdict, reason FROM taskly.schedulability('rt') ORDER BY scope DESC, task_id;
SELECT taskly.drop_task('loose');

-- Shell runs have no workers of taskly.max_workers.
SELECT workers = current_setting('taskly.max_workers')::integer AS as_many FROM taskly.schedulability('office') WHERE scope = 'queue';
UPDATE taskly.task SET kind = 'shell' WHERE name = 'office';
SELECT workers = current_setting('taskly.max_shell_runs')::integer AS as_many FROM taskly.schedulability('office') WHERE scope = 'queue';

-- Others see their own tasks, and no guarantee beside those of others.
CREATE ROLE regress_sched_other LOGIN;
GRANT USAGE ON SCHEMA taskly TO regress_sched_other;
SELECT taskly.schedule('his', 'every 100 seconds', 'SELECT 1', queue => 'rt', deadline => '50 s', owner => 'regress_sched_other');
SELECT measure('his', '1 s');
SELECT task, verdict FROM taskly.schedulability('rt') ORDER BY scope DESC, task_id;
SET ROLE regress_sched_other;
SELECT scope, task, runs, verdict, reason FROM taskly.schedulability('rt') ORDER BY scope DESC, task_id;
SELECT scope, runs, backlog FROM taskly.schedulability('office') ORDER BY scope DESC;
RESET ROLE;
GRANT pg_read_all_stats TO regress_sched_other;
SET ROLE regress_sched_other;
SELECT task, verdict FROM taskly.schedulability('rt') ORDER BY scope DESC, task_id;
RESET ROLE;
DROP OWNED BY regress_sched_other;
SELECT taskly.drop_task('his');
DROP ROLE regress_sched_other;

-- Bad input.
SELECT taskly.schedulability(NULL);
SELECT taskly.schedulability('no such queue');
SELECT taskly.schedulability('');
SELECT taskly.schedulability('rt', NULL);
SELECT taskly.schedulability('rt', 0.99);
SELECT taskly.schedulability('rt', 'NaN');
SELECT taskly.schedulability('rt', 1001);

DROP VIEW verdicts, bounds;
DROP FUNCTION measure(text, interval, interval, integer);
DROP EXTENSION taskly;
