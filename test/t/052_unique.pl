# Eight sessions hammer ten unique keys: two runs of one key never wait at the same time, no call
# fails or deadlocks, and what is written before a run is asked for is seen by a run.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $seed = seed_random();

my $node = start_node(q{
taskly.max_workers = 2
max_worker_processes = 20
deadlock_timeout = '100ms'
fsync = off
});

# Eight clients, each so many transactions of one of the scripts, must all succeed.
sub hammer
{
	my ($transactions, $name, %scripts) = @_;
	my @files;

	foreach my $script (sort keys %scripts)
	{
		my $file = $node->basedir . "/$script.sql";

		unlink $file;
		append_to_file($file, $scripts{$script});
		push @files, '-f', $file;
	}
	command_ok(
		[
			'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-c', 8, '-j', 2, '-t', $transactions,
			"--random-seed=$seed", @files, 'postgres'
		],
		$name);
	return;
}

sql(q{
	CREATE TABLE event (key text);
	CREATE TABLE doubled (at timestamptz, keys text);
	SELECT taskly.define('handle', $$DELETE FROM event WHERE key = $1->>0$$);
	SELECT taskly.pause('handle')});

# ---------------------------------------------------------------------------------------------
# Nothing runs: what waits stays
# ---------------------------------------------------------------------------------------------

# Whenever a client looks there is one run of a key at most.
my $look = q{
	INSERT INTO doubled SELECT clock_timestamp(), string_agg(unique_key, ' ')
	FROM (SELECT unique_key FROM taskly.runs WHERE finished_at IS NULL GROUP BY unique_key HAVING count(*) > 1) d
	HAVING count(*) > 0;
};
my $conflict = q{(ARRAY['keep', 'replace', 'postpone'])[1 + :k % 3]};

my %scripts = (
	one => qq{
		\\set k random(0, 9)
		SELECT taskly.enqueue('handle', to_jsonb(:k), unique_key => 'k' || :k, on_conflict => $conflict);
	},
	two_levels => qq{
		\\set k random(0, 9)
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		SELECT count(*) FROM taskly.runs;
		SELECT taskly.enqueue('handle', to_jsonb(:k), unique_key => 'k' || :k, on_conflict => $conflict);
		COMMIT;
	},
	some => qq{
		\\set k random(0, 9)
		\\set step random(1, 9)
		SELECT count(*) FROM taskly.enqueue_many('handle', (SELECT array_agg(to_jsonb(n)) FROM generate_series(1, 6) n),
			unique_keys => (SELECT array_agg('k' || (:k + n * :step) % 10) FROM generate_series(1, 6) n), on_conflict => $conflict);
		$look
	});

hammer(150, 'eight sessions enqueue ten keys, one by one, some by some, and in every isolation level', %scripts);
is(sql('SELECT count(*) FROM doubled'), 0, 'no two runs of a key ever waited');
is(sql(q{SELECT count(*) FROM (SELECT unique_key FROM taskly.pending_run GROUP BY 1 HAVING count(*) > 1) d}), 0, 'nor do they now');
is(sql('SELECT count(*) FROM taskly.pending_run'), 10, 'but one of each waits');

# What is being cancelled may be seen beside its successor, until that is committed.
hammer(150, 'meanwhile others cancel and retry', %scripts,
	back => q{
		\set k random(0, 9)
		SELECT taskly.cancel(array(SELECT run_id FROM taskly.runs WHERE unique_key = 'k' || :k AND finished_at IS NULL));
	},
	retry => q{
		\set k random(0, 9)
		SELECT taskly.retry(array(SELECT max(run_id) FROM taskly.runs WHERE unique_key = 'k' || :k AND status = 'cancelled'));
	});
is(sql(q{SELECT count(*) FROM (SELECT unique_key FROM taskly.pending_run GROUP BY 1 HAVING count(*) > 1) d}), 0,
	'no two runs of a key wait after that');
is(count_in_log($node, qr/deadlock detected/), 0, 'no call met another in a deadlock');

# ---------------------------------------------------------------------------------------------
# They run: no event is lost
# ---------------------------------------------------------------------------------------------

sql('SELECT taskly.cancel(array(SELECT run_id FROM taskly.runs WHERE finished_at IS NULL))');
sql(q{SELECT taskly.resume('handle')});
hammer(150, 'eight sessions write events and ask for their handling',
	event => q{
		\set k random(0, 9)
		BEGIN;
		INSERT INTO event VALUES ('k' || :k);
		SELECT taskly.enqueue('handle', jsonb_build_array('k' || :k), unique_key => 'k' || :k);
		COMMIT;
	});
polls('SELECT count(*) FROM taskly.pending_run', '0', 'all runs are over');
is(sql('SELECT count(*) FROM event'), 0, 'every event has been handled');
cmp_ok(sql(q{SELECT count(*) FROM taskly.runs WHERE task = 'handle' AND status = 'succeeded'}), '<', 1200, 'by fewer runs than events');

# ---------------------------------------------------------------------------------------------
# A run that was handed to a worker is postponed before the worker begins it
# ---------------------------------------------------------------------------------------------

sub postpone_assigned
{
	my ($kind, %options) = @_;
	my @workers = split /\n/, sql(q{SELECT pid FROM taskly.workers WHERE state = 'ready'});

	isnt(scalar @workers, 0, "$kind: there is a worker");
	sql("SELECT taskly.define('early $kind', \$\$INSERT INTO event VALUES ('early')\$\$, atomic => $options{atomic})");
	kill 'STOP', @workers;
	my $dispatched = sql('SELECT dispatched FROM taskly.leader');
	my $run_id = sql("SELECT taskly.enqueue('early $kind', unique_key => 'e')");
	polls("SELECT dispatched > $dispatched FROM taskly.leader", 't', "$kind: a run is handed to one");
	is(sql("SELECT taskly.enqueue('early $kind', unique_key => 'e', on_conflict => 'postpone', run_at => '2099-01-01')"), $run_id,
		"$kind: it still waits, and is postponed");
	kill 'CONT', @workers;
	# Each worker has done what it had, when it does something else.
	foreach my $n (1 .. 4)
	{
		run_end($node, 'postgres', sql(q{SELECT taskly.submit('SELECT pg_sleep(0.05)')}));
	}
	is(sql("SELECT status FROM taskly.runs WHERE run_id = $run_id"), 'scheduled', "$kind: nobody begins it");
	is(sql('SELECT count(*) FROM event'), 0, "$kind: nor did");
	sql("SELECT taskly.cancel($run_id)");
	return;
}

postpone_assigned('sql', atomic => 'true');
postpone_assigned('autocommit', atomic => 'false');

check_invariants($node, 'postgres');
$node->stop;
done_testing();
