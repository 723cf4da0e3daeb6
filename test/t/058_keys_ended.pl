# Runs of few keys that go one after another, while runs fail, workers and schedulers are ended, the server crashes, queues and keys
# are paused, runs are cancelled and tried again, and limits change. Order, and one at a time, hold all along; none is lost.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;
use Time::HiRes qw(time usleep);

my $chaos_seconds = 8;
my @strict = ('strict', 'strict fair');
my @queues = (@strict, 'serial', 'batched', 'changing');
my $node = start_node(q{
max_worker_processes = 16
taskly.max_workers = 3
autovacuum = off
fsync = off
restart_after_crash = on
});
TasklyTest::seed_random();
sql(q{
	CREATE TABLE effect (id bigserial, run_id bigint, queue text, key text, n int);
	CREATE TABLE mended (run_id bigint PRIMARY KEY);
	CREATE FUNCTION step(queue text, key text, n int, fate text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		run bigint := current_setting('taskly.run_id')::bigint;
		is_mended bool := EXISTS (SELECT FROM mended m WHERE m.run_id = run);
	BEGIN
		IF NOT is_mended AND (fate = 'fails' OR
			fate = 'fails once' AND NOT EXISTS (SELECT FROM taskly.attempts a WHERE a.run_id = run)) THEN
			RAISE 'it %', fate;
		END IF;
		IF fate = 'is slow' THEN
			PERFORM pg_sleep(0.02);
		END IF;
		INSERT INTO effect (run_id, queue, key, n) VALUES (run, queue, key, n);
	END
	$$;
	SELECT taskly.create_queue('strict', block_key_on_failure => true);
	SELECT taskly.create_queue('strict fair', 'fair', block_key_on_failure => true);
	SELECT taskly.create_queue('serial', max_running_per_key => 1);
	SELECT taskly.create_queue('batched', max_running_per_key => 1, batch => 20);
	SELECT taskly.create_queue('changing', max_running_per_key => 1)});
foreach my $queue (@queues)
{
	sql(qq{
		SELECT taskly.define('$queue', 'SELECT step(\$1 ->> 0, \$1 ->> 1, (\$1 ->> 2)::int, \$1 ->> 3)', queue => '$queue',
			max_attempts => 2, backoff => 'fixed 1ms jitter none')});
}

sub any_of
{
	return $_[int(rand(@_))];
}

# What a crash cuts short may be done or not; both are to be right.
sub attempt
{
	return TasklyTest::try_psql($node, 'postgres', $_[0]);
}

my %next;

sub put
{
	my $queue = any_of(@queues);
	my $key = any_of('a' .. 'd');
	my $first = $next{"$queue $key"} //= 1;
	my $count = 5 + int(rand(60));
	my @fates = map { rand() < 0.97 ? 'succeeds' : any_of('fails', 'fails once', 'fails once', 'is slow') } 1 .. $count;
	my $fates = join(', ', map { "'$_'" } @fates);

	$next{"$queue $key"} += $count;
	attempt(qq{
		SELECT count(*) FROM taskly.enqueue_many('$queue',
			ARRAY(SELECT jsonb_build_array('$queue', '$key', $first - 1 + i, fate)
				FROM unnest(ARRAY[$fates]) WITH ORDINALITY f (fate, i) ORDER BY i),
			array_fill('$key'::text, ARRAY[$count]))});
	return;
}

sub mend
{
	return attempt(q{
		WITH failed AS (SELECT run_id FROM taskly.runs WHERE status IN ('failed', 'quarantined', 'lost')),
			marked AS (INSERT INTO mended SELECT run_id FROM failed ON CONFLICT DO NOTHING)
		SELECT count(taskly.retry(run_id)) FROM failed});
}

sub end_processes
{
	my ($kind) = @_;

	return attempt(qq{
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE backend_type = 'taskly $kind' AND datname = 'postgres' ORDER BY random() LIMIT 1});
}

sub crash
{
	my $pid = '';

	TasklyTest::try_psql($node, 'postgres', q{
		SELECT pid FROM pg_stat_activity
		WHERE backend_type IN ('taskly worker', 'taskly scheduler') AND datname = 'postgres' ORDER BY random() LIMIT 1}, stdout => \$pid);
	kill('KILL', $pid) if $pid =~ /^\d+$/;
	return;
}

my $until = time() + $chaos_seconds;
my $crash_at = time() + rand($chaos_seconds);
my %acts = (
	mend => \&mend,
	worker => sub { end_processes('worker') },
	scheduler => sub { end_processes('scheduler') },
	cancel => sub {
		attempt(q{SELECT taskly.cancel(run_id) FROM taskly.runs WHERE status = 'queued' ORDER BY random() LIMIT 3});
	},
	queue => sub {
		my $queue = any_of(@queues);
		attempt("SELECT taskly.pause_queue('$queue')");
		attempt("SELECT taskly.resume_queue('$queue')");
	},
	# resume_key() would also end a block.
	key => sub {
		my $key = any_of('a' .. 'd');
		attempt("SELECT taskly.pause_key('serial', '$key')");
		attempt("SELECT taskly.resume_key('serial', '$key')");
	},
	limit => sub {
		my ($limit, $block) = @{ any_of([1, 'false'], [2, 'false'], [1, 'true']) };
		attempt("SELECT taskly.alter_queue('changing', max_running_per_key => $limit, block_key_on_failure => $block)");
	});
my %done;
while (time() < $until)
{
	my $act = any_of(sort keys %acts);

	put() foreach 1 .. 2;
	if ($crash_at && time() > $crash_at)
	{
		crash();
		$crash_at = 0;
	}
	$acts{$act}->();
	$done{$act}++;
}
note(join(', ', map { "$_ $done{$_}" } sort keys %done));

ok( TasklyTest::poll_until(sub {
		my $left = '';
		attempt(join(';', map { "SELECT taskly.resume_queue('$_')" } @queues));
		attempt(join(';', map { "SELECT taskly.resume_key('serial', '$_')" } 'a' .. 'd'));
		mend();
		return TasklyTest::try_psql($node, 'postgres', q{
			SELECT count(*) FROM taskly.runs WHERE status NOT IN ('succeeded', 'cancelled')}, stdout => \$left) == 0 && $left eq '0';
	}), 'all come to an end')
  or diag(sql('SELECT queue, key, status, count(*), min(run_id) FROM taskly.runs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3'));

is(sql(q{
		SELECT count(*) FROM (SELECT run_id FROM taskly.runs WHERE status = 'succeeded') r
		FULL JOIN effect e USING (run_id) WHERE r.run_id IS NULL OR e.run_id IS NULL}),
	'0', 'those that have succeeded have had their effect, and no others');
is(sql('SELECT count(*) FROM (SELECT run_id FROM effect GROUP BY run_id HAVING count(*) > 1) d'), '0', 'and had it once');
cmp_ok(sql('SELECT count(*) FROM effect'), '>', 500, 'many have run');
foreach my $queue (@strict)
{
	is(sql(qq{
			SELECT string_agg(key || ' ' || n, ', ') FROM (
				SELECT key, n, n > lag(n) OVER (PARTITION BY key ORDER BY id) AS in_order FROM effect WHERE queue = '$queue') e
			WHERE NOT in_order}),
		'', "$queue: effects are in order");
	is(sql(qq{
			SELECT string_agg(key || ' ' || run_id, ', ') FROM (
				SELECT key, run_id, run_id >= lag(run_id) OVER (PARTITION BY key ORDER BY started_at, finished_at) AS in_order
				FROM taskly.attempts
				WHERE queue = '$queue' AND started_at IS NOT NULL) a
			WHERE NOT in_order}),
		'', "$queue: none was tried before those ahead of it had succeeded");
}
foreach my $queue (@strict, 'serial', 'batched')
{
	is(sql(qq{
			SELECT string_agg(key || ' ' || run_id, ', ') FROM (
				SELECT key, run_id, started_at >= lag(finished_at) OVER (PARTITION BY key ORDER BY started_at, finished_at) AS alone
				FROM taskly.attempts
				WHERE queue = '$queue' AND started_at IS NOT NULL) a
			WHERE NOT alone}),
		'', "$queue: one at a time");
}
TasklyTest::check_settled($node, 'postgres');

done_testing();
