-- What would happen, according to taskly.simulate(). Nothing runs here: all is paused, so no
-- duration is known, and each run is taken to need 100 ms.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS taskly;
CREATE EXTENSION taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SET intervalstyle = 'postgres';
SELECT taskly.pause_all('simulated only');

SELECT taskly.schedule('first', '0 3 * * *', 'SELECT 1', timezone => 'UTC');
SELECT taskly.schedule('second', '0 3 * * *', 'SELECT 1', timezone => 'UTC');
SELECT taskly.schedule('early', '30 2 * * *', 'SELECT 1', timezone => 'UTC');
CREATE VIEW night AS
SELECT task, scheduled_for::time AS due, outcome, predicted_start::time AS start, predicted_end::time AS "end",
	lateness, overlapping, misses_deadline
FROM taskly.simulate('2030-01-01 02:30', '2030-01-01 03:30', workers => 1);

-- With one worker the second is late by what the first takes.
SELECT * FROM night ORDER BY due, task;

-- With two workers both are in time.
SELECT task, lateness FROM taskly.simulate('2030-01-01 03:00', '2030-01-01 03:30', workers => 2) ORDER BY task;

-- The window includes its beginning, not its end.
SELECT count(*) FROM taskly.simulate('2030-01-01 02:30', '2030-01-01 03:00');
SELECT count(*) FROM taskly.simulate('2030-01-01 02:30:00.000001', '2030-01-01 03:00:00.000001');

-- Deadlines, before a start and after it.
SELECT taskly.alter('second', deadline => '50 ms');
SELECT * FROM night WHERE task = 'second';
SELECT taskly.alter('second', deadline => '150 ms');
SELECT * FROM night WHERE task = 'second';
SELECT taskly.alter('second', reset => '{deadline}', timeout => '20 ms');
SELECT * FROM night WHERE task = 'second';

-- Queues: a higher priority first, one at a time, none from a paused one.
SELECT taskly.alter('second', reset => '{timeout}', priority => 5);
SELECT task, lateness FROM night WHERE due = '03:00' ORDER BY lateness;
SELECT taskly.create_queue('single', max_running => 1);
SELECT taskly.schedule('alone ' || n, '0 4 * * *', 'SELECT 1', queue => 'single', timezone => 'UTC') FROM generate_series(1, 2) n;
SELECT task, lateness FROM taskly.simulate('2030-01-01 04:00', '2030-01-01 04:30', workers => 8) ORDER BY task;
SELECT taskly.pause_queue('single');
SELECT task, outcome, lateness FROM taskly.simulate('2030-01-01 04:00', '2030-01-01 04:30', workers => 8) ORDER BY task;

-- Tasks that are paused do not fire.
SELECT taskly.pause('first');
SELECT task FROM night ORDER BY task;
SELECT taskly.resume('first');

-- Overlap: many at 05:00 hold up what comes each second.
SELECT taskly.schedule('crowd ' || n, '0 5 * * *', 'SELECT 1', timezone => 'UTC') FROM generate_series(1, 25) n;
SELECT taskly.schedule('each second', '* 0 5 * * *', 'SELECT 1', priority => -1000, timezone => 'UTC');
SELECT outcome, overlapping, count(*) FROM taskly.simulate('2030-01-01 05:00', '2030-01-01 05:00:06', workers => 1)
WHERE task = 'each second' GROUP BY 1, 2 ORDER BY 1, 2;

-- Nothing was done.
SELECT count(*) FROM taskly.pending_run;
SELECT count(*) FROM taskly.finished_run;
SELECT count(*) FROM taskly.task WHERE last_fire <> '-infinity';

-- Others see their own tasks, played alone.
CREATE ROLE regress_tenant LOGIN;
GRANT USAGE ON SCHEMA taskly TO regress_tenant;
SET ROLE regress_tenant;
SELECT task FROM taskly.simulate('2030-01-01', '2030-01-02');
SELECT taskly.schedule('mine', '0 3 * * *', 'SELECT 1', timezone => 'UTC');
SELECT task, lateness FROM taskly.simulate('2030-01-01 03:00', '2030-01-01 04:00', workers => 1);
RESET ROLE;
SELECT task, lateness > '0' AS is_late FROM taskly.simulate('2030-01-01 03:00', '2030-01-01 04:00', workers => 1) ORDER BY task;

-- Errors.
SELECT * FROM taskly.simulate(NULL, '2030-01-02');
SELECT * FROM taskly.simulate('2030-01-01', NULL);
SELECT * FROM taskly.simulate('2030-01-01', 'infinity');
SELECT * FROM taskly.simulate('-infinity', '2030-01-01');
SELECT * FROM taskly.simulate('2030-01-01', '2030-01-01');
SELECT * FROM taskly.simulate('2030-01-01', '2030-01-02', workers => 0);
SELECT * FROM taskly.simulate('2030-01-01', '2030-01-02', shell_runs => 1025);
SELECT taskly.schedule('too many', '* * * * * *', 'SELECT 1', timezone => 'UTC');
SELECT count(*) FROM taskly.simulate('2030-01-01', '2030-02-01');
-- After an error, and twice in a statement, it starts from scratch.
DO $$
BEGIN
	PERFORM taskly.simulate('2030-01-01', '2030-02-01');
EXCEPTION WHEN program_limit_exceeded THEN
	RAISE NOTICE 'caught';
END
$$;
SELECT a.n, b.n FROM
	(SELECT count(*) AS n FROM taskly.simulate('2030-01-01 03:00', '2030-01-01 03:01')) a,
	(SELECT count(*) AS n FROM taskly.simulate('2030-01-01 03:00', '2030-01-01 03:02')) b;

DROP VIEW night;
DROP EXTENSION taskly;
DROP OWNED BY regress_tenant;
DROP ROLE regress_tenant;
