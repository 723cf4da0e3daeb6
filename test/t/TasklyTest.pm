# What the tests with whole servers share: a node that has taskly loaded, and what must be true
# of it after every test.

package TasklyTest;

use strict;
use warnings;

use Exporter qw(import);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(new_node start_node start_clock_node use_node make_gate seed_random sql polls set_clock try_psql
  poll_ok poll_until quickly is_alive count_in_log check_invariants check_settled scheduler_pid run_end);

# What sql() and polls() speak to: the first node that a test makes, or the one that it says.
my $main;

# A server that is initialised, has taskly loaded, and is not yet started. $settings is added to
# its postgresql.conf.
sub new_node
{
	my ($name, $settings, @init) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(@init);
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'taskly'\n");
	$node->append_conf('postgresql.conf', $settings // '');
	$main //= $node;
	return $node;
}

# One that is at work.
sub start_node
{
	my $node = new_node('main', @_);

	$node->start;
	sql('CREATE EXTENSION taskly');
	polls('SELECT state FROM taskly.leader', 'leading', 'there is a leader');
	return $node;
}

# One whose clock a test sets. History is to keep all, however far that is.
sub start_clock_node
{
	my ($settings) = @_;
	my $node = start_node(qq{
timezone = 'UTC'
taskly.timezone = 'UTC'
taskly.history_retention = '20000 d'
autovacuum = off
fsync = off
$settings});

	sql('CREATE EXTENSION taskly_clock');
	return $node;
}

sub use_node
{
	($main) = @_;
	return;
}

# Commands of anybody's wait for a gate until its name is inserted.
sub make_gate
{
	sql(q{
		CREATE TABLE public.gate (name text PRIMARY KEY);
		GRANT SELECT ON public.gate TO PUBLIC;
		CREATE PROCEDURE public.wait_for_gate(which text) LANGUAGE plpgsql AS $$
		BEGIN
			WHILE NOT EXISTS (SELECT FROM public.gate WHERE name OPERATOR(pg_catalog.=) which) LOOP
				PERFORM pg_catalog.pg_sleep(0.02);
			END LOOP;
		END $$});
	return;
}

# Random choices, which the environment can ask for again. Returns their seed.
my $seed;

sub seed_random
{
	$seed = $ENV{TASKLY_SEED} // int(rand(1_000_000));
	note("TASKLY_SEED=$seed");
	srand($seed);
	return $seed;
}

END
{
	diag("TASKLY_SEED=$seed makes the same random choices")
	  if defined $seed && ($? != 0 || !Test::More->builder->is_passing);
}

# Runs statements that must succeed; what they return.
sub sql
{
	my ($query, $database) = @_;

	return $main->safe_psql($database // 'postgres', $query);
}

sub polls
{
	my ($query, $expected, $name) = @_;

	return poll_ok($main, 'postgres', $query, $expected, $name);
}

sub set_clock
{
	my ($instant) = @_;

	sql("SELECT taskly_clock.shift_wall(timestamptz '$instant' - taskly_clock.now())");
	return;
}

# Runs statements on a server that may be down or restarting, and returns psql's exit code: not 0,
# too, when psql was gone before it had been told what to run, which else ends the test.
sub try_psql
{
	my ($node, $database, $sql, %options) = @_;
	my $code = eval { scalar $node->psql($database, $sql, %options) };

	return $code // 2;
}

# Waits until a query of the database says what is expected, and says what it did say if not.
sub poll_ok
{
	my ($node, $database, $query, $expected, $name) = @_;
	my $result = '';

	my $ok = poll_until(sub {
		return try_psql($node, $database, $query, stdout => \$result) == 0 && $result eq $expected;
	});
	ok($ok, $name) or diag("expected \"$expected\", last seen \"$result\", query $query");
	return $ok;
}

# Polls a condition until it holds; false if it does not within the time that tests have, or
# within $seconds.
sub poll_until
{
	my ($condition, $seconds) = @_;
	my $until = time() + ($seconds // $PostgreSQL::Test::Utils::timeout_default);

	while (!$condition->())
	{
		return 0 if time() > $until;
		usleep(50_000);
	}
	return 1;
}

# Runs statements that must succeed within so many seconds.
sub quickly
{
	my ($node, $database, $sql, $seconds, $name) = @_;
	my $start = time();
	my $err = '';
	my $code = $node->psql($database, $sql, stderr => \$err, on_error_stop => 1);
	my $took = time() - $start;

	ok($code == 0 && $took < $seconds, $name)
	  or diag(sprintf('exit code %d after %.1f s: %s', $code, $took, $err));
	return $took;
}

# Is there such a process? One that is dead, and that nobody has buried, is none.
sub is_alive
{
	my ($pid) = @_;
	my $stat = -e "/proc/$pid/stat" ? eval { slurp_file("/proc/$pid/stat") } // '' : '';

	return $stat ne '' && $stat !~ /\) Z/;
}

# How often the server's log, from an offset on, has a line that matches.
sub count_in_log
{
	my ($node, $pattern, $offset) = @_;
	my $log = substr(slurp_file($node->logfile), $offset // 0);

	return scalar(() = $log =~ /$pattern/g);
}

# The process of a database's scheduler, once there is one; '' if none comes.
sub scheduler_pid
{
	my ($node, $database) = @_;
	my $pid = '';

	poll_until(sub {
		$pid = $node->safe_psql('postgres', qq{
			SELECT pid FROM pg_stat_activity
			WHERE backend_type = 'taskly scheduler' AND datname = '$database'});
		return $pid ne '';
	});
	return $pid;
}

# Waits for the end of a run, through crashes of the server too; its final status.
sub run_end
{
	my ($node, $database, $run_id) = @_;
	my $status = '';

	poll_until(sub {
		my $code = $node->psql($database, qq{
			SELECT f.status FROM taskly.attempts f
			WHERE f.run_id = $run_id AND f.is_final
				AND NOT EXISTS (SELECT FROM taskly.runs r WHERE r.run_id = f.run_id AND r.finished_at IS NULL)
			ORDER BY f.finished_at DESC LIMIT 1}, stdout => \$status);
		return defined $code && $code == 0 && $status ne '';
	});
	return $status;
}

# True of every database with taskly once nothing is left to do: no run is left behind, no process
# holds a transaction, and none has crashed.
sub check_invariants
{
	my ($node, @databases) = @_;

	check_settled($node, @databases);
	is(count_in_log($node, qr/PANIC:|TRAP:|terminated by signal|ERROR:  XX/), 0,
		$node->name . ': nothing crashed');
}

# The same of a server that was crashed on purpose.
sub check_settled
{
	my ($node, @databases) = @_;

	foreach my $database (@databases)
	{
		poll_ok($node, $database, q{SELECT count(*) FROM taskly.runs WHERE status = 'running'},
			'0', "$database: no run stays running");
		is( $node->safe_psql($database, q{
				SELECT count(*) FROM (
					SELECT run_id FROM taskly.attempts GROUP BY run_id
					HAVING count(*) FILTER (WHERE status = 'succeeded') > 1) doubles}),
			'0', "$database: no run succeeded twice");
	}
	poll_ok($node, 'postgres', q{
		SELECT count(*) FROM pg_stat_activity
		WHERE backend_type LIKE 'taskly %' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)},
		'0', 'no idle process of taskly holds a snapshot or transaction');
}

1;
