# Keys whose runs go one after another, while all that may happen to runs happens at random: failures and retries,
# snoozes, slow runs, cancels, pauses, other settings, a scheduler that ends, workers and a server that are killed.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use List::Util qw(sum);
use Test::More;
use Time::HiRes qw(usleep);

my $node = start_node(q{
max_worker_processes = 16
taskly.max_workers = 3
taskly.history_retention = '1d'
restart_after_crash = on
autovacuum = off
});
my @strict = ('strict', 'fair strict', 'urgent strict');
my @queues = (@strict, 'serial', 'batched', 'changing');
my $keys = 5;

seed_random();
sql(q{
	CREATE TABLE effect (at bigserial, run_id bigint, queue text, n int);
	CREATE TABLE snoozed (run_id bigint PRIMARY KEY);
	CREATE TABLE mended (run_id bigint PRIMARY KEY);
	-- What becomes of a run depends on its number; whoever has been mended succeeds.
	CREATE FUNCTION step(queue_ text, n_ int) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		id bigint := current_setting('taskly.run_id')::bigint;
		me record;
	BEGIN
		SELECT * INTO me FROM taskly.current_run();
		IF n_ % 11 = 3 AND me.attempt = 1 THEN
			RAISE 'fails once';
		ELSIF n_ % 31 = 17 AND NOT EXISTS (SELECT FROM mended WHERE run_id = id) THEN
			RAISE 'fails until it is mended';
		ELSIF n_ % 23 = 5 THEN
			PERFORM pg_sleep(0.007);
		ELSIF n_ % 13 = 7 AND NOT EXISTS (SELECT FROM snoozed WHERE run_id = id) THEN
			INSERT INTO snoozed VALUES (id);
			PERFORM taskly.snooze('3 ms');
			RETURN;
		END IF;
		INSERT INTO effect (run_id, queue, n) VALUES (id, queue_, n_);
	END
	$$;
	SELECT taskly.create_queue('strict', block_key_on_failure => true);
	SELECT taskly.create_queue('fair strict', 'fair', block_key_on_failure => true);
	SELECT taskly.create_queue('urgent strict', 'priority', block_key_on_failure => true);
	SELECT taskly.create_queue('serial', max_running_per_key => 1);
	SELECT taskly.create_queue('batched', max_running_per_key => 1, batch => 20);
	SELECT taskly.create_queue('changing', max_running_per_key => 1)});

# $1 is a list of queue and number.
sql(qq{
	SELECT taskly.define('$_', 'SELECT step(\$1 ->> 0, (\$1 ->> 1)::int)', queue => '$_', max_attempts => 3, backoff => 'fixed 2ms jitter none');
	SELECT count(*) FROM taskly.enqueue_many('$_', array_fill('["warm", 1]'::jsonb, '{40}'), keys => array_fill('warm'::text, '{40}'))})
  foreach @queues;
polls('SELECT count(*) FROM taskly.runs WHERE finished_at IS NULL', '0', 'what shows that runs are short');

# More of them, for each key of a queue; their numbers go on.
my %put = map { $_ => 0 } @queues;

sub put_more
{
	my ($queue, $count) = @_;
	my ($first, $last) = ($put{$queue} + 1, $put{$queue} + $count);
	my $each = "generate_series($first, $last) n, generate_series(1, $keys) k ORDER BY n, k";

	$put{$queue} = $last;
	return qq{
		SELECT count(*) FROM taskly.enqueue_many('$queue', ARRAY(SELECT jsonb_build_array('$queue', n) FROM $each),
			keys => ARRAY(SELECT 'key ' || k FROM $each))};
}

sub any
{
	return $_[int(rand(@_))];
}

# One of the runs that wait.
sub any_waiting
{
	my ($max) = @_;

	return "(SELECT coalesce(array_agg(run_id), '{}') FROM (SELECT run_id FROM taskly.runs WHERE status IN ('queued', 'running', 'retrying') AND queue = '"
	  . any(@queues) . "' ORDER BY run_id OFFSET " . int(rand(20)) . " LIMIT $max) r)";
}

# Whoever failed for good is mended and tried again.
my $mend = q{
	WITH failed AS MATERIALIZED (SELECT run_id FROM taskly.runs WHERE status = 'failed'),
		noted AS (INSERT INTO mended SELECT run_id FROM failed ON CONFLICT DO NOTHING)
	SELECT taskly.retry(ARRAY(SELECT run_id FROM failed))};

my @events = (
	sub { 'SELECT taskly.cancel(' . any_waiting(1) . ')' },
	sub { 'SELECT taskly.cancel(' . any_waiting(3) . ')' },
	sub { $mend },
	sub { $mend },
	sub { my $q = any(@queues); "SELECT taskly.pause_queue('$q'); SELECT pg_sleep(" . rand(0.02) . "); SELECT taskly.resume_queue('$q')" },
	sub { my $q = any(@queues); "SELECT taskly.pause('$q'); SELECT pg_sleep(" . rand(0.02) . "); SELECT taskly.resume('$q')" },
	sub { my $k = 'key ' . (1 + int(rand($keys))); my $q = any('serial', 'batched', 'changing');
		"SELECT taskly.pause_key('$q', '$k'); SELECT pg_sleep(" . rand(0.02) . "); SELECT taskly.resume_key('$q', '$k')" },
	sub { "SELECT taskly.alter_queue('changing', max_running_per_key => " . any(1, 1, 2, 'NULL') . ')' },
	sub { "SELECT taskly.alter_queue('changing', block_key_on_failure => false, max_running_per_key => 1)" },
	sub { "SELECT taskly.alter_queue('strict', max_running => " . any(1, 2, 'NULL') . ')' },
	sub { q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'taskly scheduler'} },
	sub { q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'taskly worker' ORDER BY random() LIMIT 1} },
);

my $errors = '';
sql(put_more($_, 100)) foreach @queues;
foreach my $round (1 .. 80)
{
	my $stderr = '';

	sql(put_more(any(@queues), 40)) if $round % 2;
	try_psql($node, 'postgres', any(@events)->(), stderr => \$stderr);
	$errors .= $stderr if $stderr =~ /ERROR/;
	if ($round % 20 == 10)
	{
		my ($pid) = split /\n/, eval { sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'taskly worker' ORDER BY random()}) } // '';
		kill 9, $pid if $pid;
		poll_until(sub { !is_alive($pid) && try_psql($node, 'postgres', 'SELECT 1') == 0 }) if $pid;
	}
	usleep(rand(40_000));
}
is($errors, '', 'all that was asked for was done');
poll_ok($node, 'postgres', 'SELECT true', 't', 'the server is there');
sql(join '; ', map { "SELECT taskly.resume_queue('$_'); SELECT taskly.resume('$_')" } @queues);
ok(poll_until(sub {
	try_psql($node, 'postgres', $mend);
	return sql(q{SELECT count(*) FROM taskly.runs WHERE finished_at IS NULL OR status = 'failed'}) eq '0';
}), 'all come to an end')
  or diag(sql(q{SELECT queue, key, status, count(*), min(run_id), min(message) FROM taskly.runs WHERE finished_at IS NULL OR status = 'failed' GROUP BY 1, 2, 3 LIMIT 20}));

is(sql(q{SELECT string_agg(DISTINCT status, ', ' ORDER BY status) FROM taskly.runs}), 'cancelled, succeeded', 'well, or cancelled');
is(sql(qq{SELECT count(*) FROM taskly.runs WHERE key <> 'warm'}), $keys * sum(values %put), 'and none is missing');
is(sql(q{
		SELECT count(*) FROM (SELECT run_id FROM effect WHERE queue <> 'warm' GROUP BY run_id HAVING count(*) > 1) d}),
	'0', 'none had its effect twice');
is(sql(q{
		SELECT count(*) FROM (SELECT run_id FROM taskly.runs WHERE status = 'succeeded' AND key <> 'warm') r
		FULL JOIN (SELECT run_id FROM effect WHERE queue <> 'warm') e USING (run_id) WHERE r.run_id IS NULL OR e.run_id IS NULL}),
	'0', 'each that succeeded had its effect, and no other');
foreach my $queue (@queues)
{
	next if $queue eq 'changing';
	is(sql(qq{
			SELECT count(*) FROM (
				SELECT started_at < lag(finished_at) OVER (PARTITION BY key ORDER BY finished_at, started_at) AS is_beside
				FROM taskly.attempts WHERE queue = '$queue' AND started_at IS NOT NULL) a
			WHERE is_beside}),
		'0', "$queue: never two of a key at once");
}
foreach my $queue (@strict)
{
	is(sql(qq{
			SELECT count(*) FROM (
				SELECT e.run_id < lag(e.run_id) OVER (PARTITION BY r.key ORDER BY e.at) AS is_behind
				FROM effect e JOIN taskly.runs r USING (run_id) WHERE r.queue = '$queue' AND r.key <> 'warm') a
			WHERE is_behind}),
		'0', "$queue: the order of a key was kept");
}
note(sql(q{SELECT string_agg(format('%s %s', n, status), ', ') FROM (SELECT count(*) AS n, status FROM taskly.attempts GROUP BY 2) a}), ', ',
	count_in_log($node, qr/terminated by signal 9/), ' kills');
check_settled($node, 'postgres');
is(count_in_log($node, qr/PANIC:|TRAP:|ERROR:  XX/), 0, 'nothing else went wrong');
$node->stop;
done_testing();
