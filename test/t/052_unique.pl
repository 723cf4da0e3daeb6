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
taskly.enable_shell = on
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
# A run that was handed to a process is changed before it begins
# ---------------------------------------------------------------------------------------------

my $early = $node->basedir . '/early';
my %command = (
	sql => q{$$INSERT INTO event VALUES ('early')$$},
	autocommit => q{$$INSERT INTO event VALUES ('early')$$, atomic => false},
	shell => qq{'echo early >>$early', kind => 'shell'});

# How often the command has had its effect.
sub effects
{
	my $lines = -e $early ? () = slurp_file($early) =~ /\n/g : 0;

	return $lines + sql('SELECT count(*) FROM event');
}

# Something else of that kind, from its beginning to its end.
sub run_other
{
	my ($kind) = @_;

	return run_end($node, 'postgres',
		sql('SELECT taskly.submit(' . ($kind eq 'shell' ? q{'sleep 0.05', kind => 'shell'} : q{'SELECT pg_sleep(0.05)'}) . ')'));
}

# A run whose row changes while a process that is stopped has it in hand.
sub change_assigned
{
	my ($kind, $on_conflict, $run_at) = @_;
	my $type = $kind eq 'shell' ? 'supervisor' : 'worker';
	my $name = "$kind, $on_conflict";

	is(run_other($kind), 'succeeded', "$name: there is a $type");
	my @pids = split /\n/, sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'taskly $type'");
	sql("SELECT taskly.define('early', $command{$kind})");
	kill 'STOP', @pids;
	my $dispatched = sql('SELECT dispatched FROM taskly.leader');
	my $run_id = sql("SELECT taskly.enqueue('early', unique_key => 'e')");
	polls("SELECT dispatched > $dispatched FROM taskly.leader", 't', "$name: a run is handed to it");
	is(sql("SELECT taskly.enqueue('early', unique_key => 'e', on_conflict => '$on_conflict', run_at => $run_at)"), $run_id,
		"$name: it still waits, and is changed");
	kill 'CONT', @pids;
	# Each process has done what it had, when it does something else.
	run_other($kind) for 1 .. 4;
	return $run_id;
}

sub forget_early
{
	sql(q{TRUNCATE event; SELECT taskly.drop_task('early')});
	unlink $early;
	return;
}

foreach my $kind ('sql', 'autocommit', 'shell')
{
	my $run_id = change_assigned($kind, 'postpone', q{'2099-01-01'});

	is(sql("SELECT status FROM taskly.runs WHERE run_id = $run_id"), 'scheduled', "$kind: nobody begins it");
	is(effects(), 0, "$kind: nor did");
	sql("SELECT taskly.cancel($run_id)");
	forget_early();

	$run_id = change_assigned($kind, 'replace', 'now()');
	is(run_end($node, 'postgres', $run_id), 'succeeded', "$kind: a run that was replaced runs");
	is(effects(), 1, "$kind: once");
	is(sql("SELECT count(*), max(attempt) FROM taskly.attempts WHERE run_id = $run_id"), '1|1', "$kind: at its first attempt");
	forget_early();
}

check_invariants($node, 'postgres');
$node->stop;
done_testing();
