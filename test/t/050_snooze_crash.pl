# Snoozing runs and crashes: a run that is killed while it snoozes comes again as if it had not been
# started; one whose snooze has been committed comes again when it said; none is lost or run twice.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;
use Time::HiRes qw(usleep);

my $node = new_node('main', q{
max_worker_processes = 16
taskly.max_workers = 3
synchronous_commit = local
restart_after_crash = on
}, allows_streaming => 1);
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION taskly;
	CREATE TABLE effect (run_id bigint, start int);
	CREATE TABLE gate (name text PRIMARY KEY);
	-- One row for each start that has ended well; snoozes until there are so many.
	CREATE FUNCTION snooze_until(times int, delay interval) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		id bigint := current_setting('taskly.run_id')::bigint;
		start int;
	BEGIN
		SELECT count(*) + 1 INTO start FROM effect WHERE run_id = id;
		IF start < times THEN
			PERFORM taskly.snooze(delay);
		END IF;
		INSERT INTO effect VALUES (id, start);
	END $$;
});

sub submit
{
	my ($command, $options) = @_;

	return $node->safe_psql('postgres', "SELECT taskly.submit(\$c\$$command\$c\$" . ($options ? ", $options)" : ')'));
}

sub is_alive
{
	my ($pid) = @_;
	my $stat = -e "/proc/$pid/stat" ? eval { slurp_file("/proc/$pid/stat") } // '' : '';

	return $stat ne '' && $stat !~ /\) Z/;
}

sub kill_and_wait
{
	my ($pid, $about) = @_;

	ok(kill(9, $pid), "$about: pid $pid");
	ok(poll_until(sub { !is_alive($pid) }), "$about: it is gone");
	ok(poll_until(sub { try_psql($node, 'postgres', 'SELECT 1') == 0 }), "$about: the server is back");
}

# In the middle of a run that has asked to snooze already.
my $wait = q{DO 'BEGIN WHILE NOT EXISTS (SELECT FROM gate) LOOP PERFORM pg_sleep(0.02); END LOOP; END'};
my $atomic = submit("SELECT snooze_until(2, '0'); $wait");
my $auto = submit("SELECT snooze_until(2, '0'); $wait", "atomic => false, on_lost => 'retry', backoff => 'none'");
# One that has snoozed, durably.
my $asleep = submit("SELECT snooze_until(2, '1 hour')");
poll_ok($node, 'postgres', "SELECT count(*) FROM taskly.runs WHERE run_id IN ($atomic, $auto) AND status = 'running'", '2',
	'two runs are in execution');
poll_ok($node, 'postgres', "SELECT count(*) FROM effect WHERE run_id = $auto", '1', 'one of them has had its effect');
poll_ok($node, 'postgres', "SELECT snoozes FROM taskly.runs WHERE run_id = $asleep", '1', 'a third one snoozes');
my $due_at = $node->safe_psql('postgres', "SELECT due_at FROM taskly.runs WHERE run_id = $asleep");

kill_and_wait($node->safe_psql('postgres', "SELECT pid FROM taskly.runs WHERE run_id = $atomic"), 'worker killed');
is( $node->safe_psql('postgres', "SELECT due_at, snoozes, attempt, status FROM taskly.runs WHERE run_id = $asleep"),
	"$due_at|1|0|scheduled", 'what snoozed snoozes on');
is($node->safe_psql('postgres', "SELECT snoozes FROM taskly.runs WHERE run_id = $atomic"), '0',
	'what was interrupted has not snoozed');
$node->safe_psql('postgres', "INSERT INTO gate VALUES ('open')");
is(run_end($node, 'postgres', $atomic), 'succeeded', 'the atomic run comes again, and again');
is(run_end($node, 'postgres', $auto), 'succeeded', 'so does the other');
is( $node->safe_psql('postgres', "SELECT attempt, snoozes FROM taskly.runs WHERE run_id IN ($atomic, $auto) ORDER BY run_id"),
	"1|1\n2|0", 'a crash costs an attempt where the effect had stayed, and no other');
is( $node->safe_psql('postgres', "SELECT count(*), max(start) FROM effect WHERE run_id = $atomic"), '2|2',
	'each start that has ended well has had its effect once');
is($node->safe_psql('postgres', "SELECT taskly.cancel($asleep)"), 't', 'what snoozed can be cancelled');

# A cancel that comes when the command has ended, and the snooze is being committed.
{
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
	$node->reload;
	my $late = submit("SET synchronous_commit = on; INSERT INTO effect VALUES (current_setting('taskly.run_id')::bigint); SELECT taskly.snooze('1 hour')");
	poll_ok($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly worker' AND wait_event = 'SyncRep'},
		'1', 'the commit of a run that snoozes waits for a standby');
	is($node->safe_psql('postgres', "SELECT taskly.cancel($late)"), 't', 'the run is cancelled');
	is(run_end($node, 'postgres', $late), 'cancelled', 'it does not come again');
	is($node->safe_psql('postgres', "SELECT count(*) FROM effect WHERE run_id = $late"), '1', 'its effect has stayed');
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$node->reload;
}

# The loop: somebody is killed again and again while runs snooze many times over.
{
	my ($runs, $starts, $rounds) = (60, 40, 6);
	my $seed = $ENV{TASKLY_SEED} // int(rand(1_000_000));
	my $done = 0;
	my $count = sub {
		my $result = '';
		return try_psql($node, 'postgres', 'SELECT count(*) FROM effect WHERE run_id IN (SELECT run_id FROM taskly.runs WHERE task = \'again\')',
			stdout => \$result) == 0 ? $result : -1;
	};

	note("seed $seed; set TASKLY_SEED to it to have the same choices");
	srand($seed);
	$node->safe_psql('postgres', qq{
		SELECT taskly.define('again', 'SELECT pg_sleep(0.02); SELECT snooze_until($starts, ''20 ms'')');
		SELECT count(*) FROM taskly.enqueue_many('again', array_fill('{}'::jsonb, '{$runs}'))});
	foreach my $round (1 .. $rounds)
	{
		my $until = $done + 10 + int(rand(80));

		ok(poll_until(sub { ($done = $count->()) >= $until }), "round $round: starts go on ($until)") or diag("stands at $done");
		usleep(rand(50_000));
		my @pids = split /\n/, eval { $node->safe_psql('postgres',
			q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'taskly %'}) } // '';
		kill_and_wait($pids[int(rand(@pids))], "round $round") if @pids;
	}
	cmp_ok($done, '<', $runs * $starts, 'the last round has killed something in the middle of it');
	poll_ok($node, 'postgres', q{SELECT count(*) FROM taskly.runs WHERE task = 'again' AND finished_at IS NULL}, '0',
		'no run is left');
	is( $node->safe_psql('postgres', q{
			SELECT min(n), max(n), count(*), min(d) FROM (
				SELECT count(*) AS n, count(DISTINCT start) AS d FROM effect
				WHERE run_id IN (SELECT run_id FROM taskly.runs WHERE task = 'again') GROUP BY run_id) e}),
		"$starts|$starts|$runs|$starts", 'each start has had its effect exactly once');
	is( $node->safe_psql('postgres', q{SELECT status, count(*), min(snoozes), max(snoozes), max(attempt) FROM taskly.runs WHERE task = 'again' GROUP BY 1}),
		'succeeded|' . join('|', $runs, $starts - 1, $starts - 1, 1), 'each run has snoozed as often as it asked for');
}
check_settled($node, 'postgres');
is(count_in_log($node, qr/PANIC:|TRAP:|ERROR:  XX/), 0, 'nothing else went wrong');
$node->stop('fast');

done_testing();
