# The scheduler reads the rows of very many runs a part at a time. What it is told meanwhile is neither lost nor
# done too early.

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
taskly.max_workers = 1
autovacuum = off
fsync = off
});
my $many = 7000;

sql(q{
	SELECT taskly.define('many', 'SELECT 1');
	SELECT taskly.define('one', 'SELECT 1')});

# All of this is told before any of it is read.
my $scheduler = scheduler_pid($node, 'postgres');

kill 'STOP', $scheduler;
my ($first) = sql(qq{
	SELECT count(*) FROM taskly.enqueue_many('many', array_fill('{}'::jsonb, '{$many}'));
	SELECT min(run_id) FROM taskly.pending_run}) =~ /(\d+)$/;
my $last = sql(q{SELECT taskly.enqueue('one')});
my @cancelled = map { $first + $_ } (1, 3000, 3001, 6000);

is(sql('SELECT taskly.cancel(ARRAY[' . join(', ', @cancelled) . ']::bigint[])'), scalar(@cancelled), 'some are cancelled');
sql(q{SELECT taskly.pause('one')});
kill 'CONT', $scheduler;

polls(q{SELECT count(*) FROM taskly.runs WHERE finished_at IS NULL}, '1', 'all are executed but the one that is paused');
is(sql("SELECT status FROM taskly.runs WHERE run_id = $last"), 'queued', 'which waits');
sql(q{SELECT taskly.resume('one')});
is(run_end($node, 'postgres', $last), 'succeeded', 'until it is resumed');
is(sql(q{SELECT string_agg(format('%s %s', n, status), ', ') FROM (
		SELECT status, count(*) AS n FROM taskly.runs WHERE task = 'many' GROUP BY status ORDER BY status) s}),
	@cancelled . ' cancelled, ' . ($many - @cancelled) . ' succeeded', 'each once');
is(sql(q{
		SELECT count(*) FROM (
			SELECT run_id < lag(run_id) OVER (ORDER BY started_at) AS is_early
			FROM taskly.attempts WHERE started_at IS NOT NULL) a
		WHERE is_early}),
	'0', 'in their order');
is(sql(q{SELECT rescans FROM taskly.leader}), '1', 'and nothing had to be read again');

check_invariants($node, 'postgres');
$node->stop;
done_testing();
