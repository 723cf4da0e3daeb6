# Runs of a key that go one after another are handed to a worker several ahead. When one of them fails in a queue that
# keeps their order, those behind it go back and wait for it; they are never two at once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = start_node(q{
max_worker_processes = 16
taskly.max_workers = 2
taskly.enable_shell = on
autovacuum = off
fsync = off
});
sql(q{
	CREATE FUNCTION step(n int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF n % 41 = 0 AND NOT EXISTS (SELECT FROM taskly.attempts WHERE run_id = current_setting('taskly.run_id')::bigint) OR
			n = 150 AND EXISTS (SELECT FROM gate) THEN
			RAISE 'step % fails', n;
		END IF;
	END
	$$;
	CREATE TABLE gate (n int);
	CREATE VIEW tried AS SELECT q.name AS queue, f.* FROM taskly.finished_run f JOIN taskly.queue q USING (queue_id);
	SELECT taskly.create_queue('strict', block_key_on_failure => true);
	SELECT taskly.create_queue('fair strict', 'fair', block_key_on_failure => true);
	SELECT taskly.create_queue('serial', max_running_per_key => 1);
	SELECT taskly.create_queue('batched', max_running_per_key => 1, batch => 50)});
my @strict = ('strict', 'fair strict');
my @queues = (@strict, 'serial', 'batched');

sub put
{
	my ($queue, $key, $count) = @_;

	sql(qq{
		SELECT count(*) FROM taskly.enqueue_many('$queue',
			ARRAY(SELECT jsonb_build_array(n) FROM generate_series(1, $count) n), array_fill('$key'::text, ARRAY[$count]))});
}

sub all_end
{
	my ($where, $name) = @_;

	polls("SELECT count(*) FROM taskly.runs WHERE finished_at IS NULL AND $where", '0', $name);
}

foreach my $queue (@queues)
{
	sql(qq{
		SELECT taskly.define('$queue', 'SELECT step((\$1 ->> 0)::int)', queue => '$queue', max_attempts => 2,
			backoff => 'fixed 1ms jitter none')});
	# What is known to be short goes ahead.
	put($queue, 'warm', 40);
}
all_end('true', 'what shows that runs are short');
sql('SELECT taskly.pause_all()');
foreach my $queue (@queues)
{
	put($queue, "key $_", 400) foreach 1 .. 3;
}
sql(q{
	INSERT INTO gate VALUES (1);
	SELECT taskly.resume_all()});

# Run 150 of each key fails for good.
my $behind = q{queue LIKE '%strict' AND key LIKE 'key %' AND (args ->> 0)::int > 150};
polls(q{SELECT count(*) FROM taskly.keys WHERE blocked_by IS NOT NULL}, '6', 'strict keys are blocked by a run that failed for good');
all_end(q{queue NOT LIKE '%strict'}, 'without strict order all are tried');
is(sql("SELECT count(*) FROM tried WHERE $behind"), '0', 'none behind it has begun');
is(sql("SELECT count(*) FROM taskly.runs WHERE status = 'queued' AND $behind"), '1500', 'and all of them wait');
sql(q{
	DELETE FROM gate;
	SELECT taskly.retry(run_id) FROM taskly.runs WHERE status = 'failed' AND queue LIKE '%strict'});
all_end('true', 'all go on when it succeeds');

foreach my $queue (@queues)
{
	my $is_strict = $queue =~ /strict/;
	my $order = $is_strict ? 'run_id >= lag(run_id) OVER w' : 'true';

	is(sql(qq{
			SELECT string_agg(DISTINCT concat_ws(' ', in_order, alone), ', ') FROM (
				SELECT $order AS in_order, started_at >= lag(finished_at) OVER w AS alone
				FROM tried WHERE queue = '$queue'
				WINDOW w AS (PARTITION BY key ORDER BY started_at, finished_at)) a
			WHERE alone IS NOT NULL}),
		't t', "$queue: each attempt after the one before it, and in order");
	is(sql(qq{
			SELECT count(*) > 100 FROM (
				SELECT picked_at < lag(finished_at) OVER w AS is_ahead
				FROM tried WHERE queue = '$queue'
				WINDOW w AS (PARTITION BY key ORDER BY started_at, finished_at)) a
			WHERE is_ahead}),
		't', "$queue: many were handed over before the one before them had ended");
	is(sql(qq{
			SELECT count(*) FROM taskly.runs
			WHERE queue = '$queue' AND key LIKE 'key %' AND status = 'succeeded' AND attempt = CASE WHEN (args ->> 0)::int % 41 = 0 THEN 2 ELSE attempt END}),
		$is_strict ? '1200' : '1197', "$queue: all have succeeded in the end, once");
}

# Runs of one key that other processes execute: of two roles, and shell commands.
sql(q{
	CREATE ROLE tenant LOGIN;
	GRANT USAGE ON SCHEMA taskly TO tenant;
	SELECT taskly.pause_all()});
sql(join '', map {
	my $kind = $_ % 3 == 0 ? 'shell' : 'sql';
	my $command = $kind eq 'shell' ? 'true' : 'SELECT 1';
	my $role = $kind eq 'sql' && $_ % 4 == 0 ? 'tenant' : 'postgres';

	"SET SESSION AUTHORIZATION $role; SELECT taskly.submit('$command', kind => '$kind', queue => 'serial', key => 'mixed'); RESET SESSION AUTHORIZATION;";
} (1 .. 40));
sql('SELECT taskly.resume_all()');
all_end('true', 'runs of several roles and kinds end');
is(sql(q{
		SELECT count(*), count(DISTINCT (owner, kind)), bool_or(is_early) FROM (
			SELECT owner, kind, run_id < lag(run_id) OVER (ORDER BY started_at) AS is_early FROM taskly.attempts
			WHERE key = 'mixed' AND status = 'succeeded') a}),
	'40|3|f', 'each in its turn');

done_testing();
