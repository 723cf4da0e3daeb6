-- What the functions about tasks refuse, and how they say it.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
RESET client_min_messages;
SET timezone = 'UTC';
SELECT taskly.create_queue('a queue') > 0 AS has_id;
SELECT taskly.define('good', 'SELECT 1') AS id \gset

-- Names
SELECT taskly.define(NULL, 'SELECT 1');
SELECT taskly.define('', 'SELECT 1');
SELECT taskly.define(E' \t ', 'SELECT 1');
SELECT taskly.create_queue('  ');
SELECT taskly.define(repeat('n', 201), 'SELECT 1');
SELECT taskly.define(repeat('n', 200), 'SELECT 1') > 0 AS has_id, taskly.drop_task(repeat('n', 200));
SELECT taskly.define(E'two\nlines', 'SELECT 1');
SELECT taskly.define(E'\033[31m', 'SELECT 1');
SELECT taskly.define(U&'\0085', 'SELECT 1');
SELECT taskly.define('"quoted", ''spaced'' and ünïcode %s %d', 'SELECT 1') > 0 AS has_id,
	taskly.drop_task('"quoted", ''spaced'' and ünïcode %s %d');
SELECT taskly.pause('no %s such task');
SELECT taskly.pause('goood');
SELECT taskly.pause('GOOD');
SELECT taskly.pause('go');
SELECT taskly.pause('gxyz');
SELECT taskly.pause('');
SELECT taskly.pause(NULL::text);
SELECT taskly.pause(NULL::bigint);
SELECT taskly.pause(0);
SELECT taskly.drop_task(9223372036854775807);
SELECT taskly.alter('good', rename_to => '');
SELECT taskly.pause('good', repeat('r', 1024 * 1024 + 1));

-- Schedules that are not there
SELECT taskly.backfill('good', now() - interval '1 hour', now());
SELECT * FROM taskly.upcoming(now() + interval '1 hour', only_task => 'good');

-- Commands
SELECT taskly.define('bad', NULL);
SELECT taskly.define('bad', '');
SELECT taskly.define('bad', E' \t\n');
SELECT taskly.define('bad', '-- nothing');
SELECT taskly.define('bad', ';');
SELECT taskly.define('bad', 'SELEC 1');
SELECT taskly.define('bad', 'SELECT 1; SELECT (');
SELECT taskly.define('bad', 'SELECT ''open');
SELECT taskly.alter('good', command => 'DELETE FORM t');
SELECT taskly.define('bad', 'SELECT 1 -- ' || repeat('x', 1024 * 1024));
SELECT taskly.define('bad', 'BEGIN');
SELECT taskly.define('bad', 'UPDATE t SET a = 1; COMMIT');
SELECT taskly.define('bad', 'VACUUM; SAVEPOINT s');
SELECT taskly.define('bad', 'BEGIN; SELECT 1; ROLLBACK');
SELECT taskly.define('bad', 'VACUUM', atomic => true);
SELECT taskly.alter('good', command => 'CREATE INDEX CONCURRENTLY ON t (a)');
SELECT taskly.define('bad', 'COPY t FROM STDIN');
SELECT taskly.define('bad', 'COPY t TO STDOUT', atomic => false);
SELECT taskly.define('bad', '', kind => 'shell');
SELECT taskly.define('bad', 'true', kind => 'shell', atomic => true);
SELECT taskly.define('bad', 'true', kind => 'python');
SELECT taskly.define('bad', 'SELECT 1', kind => 'SQL');
SELECT taskly.define('bad', 'SELECT 1', description => repeat('d', 1024 * 1024 + 1));

-- Arguments too big, and about as big as can be
SELECT taskly.define('bad', 'SELECT 1', args => to_jsonb(repeat('a', 16 * 1024 * 1024)));
SELECT taskly.define('big', 'SELECT 1', args => to_jsonb(repeat('a', 16 * 1024 * 1024 - 2))) > 0 AS has_id, taskly.drop_task('big');

-- Attempts
SELECT taskly.define('bad', 'SELECT 1', max_attempts => 0);
SELECT taskly.define('bad', 'SELECT 1', max_attempts => 1000001);
SELECT taskly.define('bad', 'SELECT 1', backoff => 'sometimes');
SELECT taskly.define('bad', 'SELECT 1', backoff => 'linear -1s');
SELECT taskly.define('once', 'SELECT 1', retry_on => '{40001}') > 0 AS has_id, taskly.alter('once', max_attempts => 2) > 0 AS may_retry, taskly.alter('once', retry_on => '{40}') > 0 AS no_notice, taskly.drop_task('once');
SELECT taskly.define('bad', 'SELECT 1', retry_on => '{}');
SELECT taskly.define('bad', 'SELECT 1', retry_on => '{{08},{09}}');
SELECT taskly.define('bad', 'SELECT 1', retry_on => '{08,NULL}');
SELECT taskly.define('bad', 'SELECT 1', retry_on => '{08,4}');
SELECT taskly.define('bad', 'SELECT 1', never_on => '{40p01}');
SELECT taskly.define('bad', 'SELECT 1', never_on => '{unique_violation}');
SELECT taskly.define('bad', 'SELECT 1', never_on => array_fill('08'::text, '{101}'));
SELECT taskly.define('bad', 'true', kind => 'shell', retry_on => '{40P01}');
SELECT taskly.define('bad', 'true', kind => 'shell', retry_on => '{0}');
SELECT taskly.define('bad', 'true', kind => 'shell', retry_on => '{256}');
SELECT taskly.define('bad', 'true', kind => 'shell', never_on => '{08}');
SELECT taskly.alter('good', command => 'true', kind => 'shell', retry_on => '{08006}');
SELECT taskly.define('bad', 'SELECT 1', timeout => '0');
SELECT taskly.define('bad', 'SELECT 1', timeout => '-1 s');
SELECT taskly.define('bad', 'SELECT 1', timeout => '1 day -25 hours');
SELECT taskly.define('bad', 'SELECT 1', timeout => '178000000 years');
SELECT taskly.define('bad', 'SELECT 1', deadline => '-1 month');
SELECT taskly.define('bad', 'SELECT 1', deadline => '0');

-- Policies
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', overlap => 'never');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', missed => '');
SELECT taskly.define('bad', 'SELECT 1', on_lost => 'ignore');
SELECT taskly.define('bad', 'SELECT 1', on_failure => '');
SELECT taskly.define('bad', 'SELECT 1', on_failure => E'a\tb');

-- Queues and priorities
\set VERBOSITY terse
SELECT taskly.define('bad', 'SELECT 1', queue => 'no_such_queue');
\set VERBOSITY default
SELECT taskly.define('bad', 'SELECT 1', queue => '');
SELECT taskly.define('bad', 'SELECT 1', priority => 1000001);
SELECT taskly.define('bad', 'SELECT 1', priority => -1000001);

-- Schedules
SELECT taskly.schedule('bad', NULL, 'SELECT 1');
SELECT taskly.schedule('bad', '', 'SELECT 1');
SELECT taskly.schedule('bad', 'whenever', 'SELECT 1');
SELECT taskly.schedule('bad', 'every', 'SELECT 1');
SELECT taskly.schedule('bad', 'SELECT 1', '0 9 * * *');
SELECT taskly.schedule('bad', 'true', 'every 5 minutes', kind => 'shell');
SELECT taskly.define('bad', '2100-01-01 12:00');
SELECT taskly.alter('good', command => '@daily');
SELECT taskly.schedule('bad', '61 * * * *', 'SELECT 1');
SELECT taskly.schedule('bad', 'RRULE:FREQ=FORTNIGHTLY', 'SELECT 1');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', timezone => 'Mars/Olympus');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', starts_at => '2100-01-02', ends_at => '2100-01-01');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', starts_at => 'infinity');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', ends_at => '-infinity');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', ends_at => '2020-01-01');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', starts_at => '2100-02-01', ends_at => '2100-03-01');
SELECT taskly.schedule('bad', 'every 1 day', 'SELECT 1', ends_at => '2020-01-01');
SELECT taskly.schedule('bad', '1 day after finish', 'SELECT 1', ends_at => '2020-01-01');
SELECT taskly.schedule('bad', '2020-01-01 00:00', 'SELECT 1', starts_at => '2100-01-01');
SELECT taskly.schedule('bad', '2020-01-01 00:00', 'SELECT 1', ends_at => '2021-01-01');
SELECT taskly.schedule('bad', '2100-01-02 00:00', 'SELECT 1', ends_at => '2100-01-01');
SELECT taskly.alter('good', timezone => 'UTC');
SELECT taskly.alter('good', missed => 'skip');
SELECT taskly.alter('good', schedule => 'RRULE:FREQ=FORTNIGHTLY');

-- reset
SELECT taskly.alter('good', reset => '{command}');
SELECT taskly.alter('good', reset => '{owner}');
SELECT taskly.alter('good', reset => '{nonsense}');
SELECT taskly.alter('good', reset => '{priority,NULL}');
SELECT taskly.alter('good', priority => 1, reset => '{priority}');
SELECT taskly.alter('good', reset => '{}') = :id AS same_id;

-- What is not supported is refused, never ignored.
SELECT taskly.define('bad', 'SELECT 1', key => E'k\n');
SELECT taskly.define('bad', 'SELECT 1', after => '{good}');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', key => E'k\n');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', after => '{good}');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', calendar => 'holidays');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', jitter => '-1 s');
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', max_runs => 0);
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', max_instances => 2);
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', overlap => 'allow', max_instances => 0);
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', missed_limit => 10);
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', missed => 'all', missed_limit => 10001);
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', pause_after_failures => 0);
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', on_excluded => 'before');
SELECT taskly.resume('good', missed => 'all');
SELECT taskly.define('bad', 'SELECT 1', pause_after_failures => -1);
SELECT taskly.alter('good', key => E'k\n');
SELECT taskly.alter('good', key => '');
SELECT taskly.alter('good', key => repeat('k', 201));
SELECT taskly.define('bad', 'SELECT 1', max_running => 0);
SELECT taskly.schedule('bad', '@yearly', 'SELECT 1', max_running => -1);
SELECT taskly.alter('good', reset => '{key}') = :id AS is_it;
SELECT taskly.alter('good', jitter => '1 s');

-- The whole database
SELECT taskly.pause_all(until => '2020-01-01');
SELECT taskly.pause_all(repeat('r', 1024 * 1024 + 1));

-- None of this has left anything.
SELECT version, command, schedule, priority FROM taskly.task WHERE task_id = :id;
SELECT count(*) FROM taskly.task WHERE name = 'bad';
SELECT taskly.drop_task('good'), taskly.drop_queue('a queue');
