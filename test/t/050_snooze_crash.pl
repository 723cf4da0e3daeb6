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

my $node = start_node(q{
max_worker_processes = 16
taskly.max_workers = 3
synchronous_commit = local
restart_after_crash = on
}, allows_streaming => 1);
sql(q{
	CREATE TABLE effect (run_id bigint, start int);
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
make_gate();

sub submit
{
	my ($command, $options) = @_;

	return sql("SELECT taskly.submit(\$c\$$command\$c\$" . ($options ? ", $options)" : ')'));
}

sub kill_and_wait
{
	my ($pid, $about) = @_;

	ok(kill(9, $pid), "$about: pid $pid");
	ok(poll_until(sub { !is_alive($pid) }), "$about: it is gone");
	ok(poll_until(sub { try_psql($node, 'postgres', 'SELECT 1') == 0 }), "$about: the server is back");
}

# In the middle of a run that has asked to snooze already.
my $wait = q{CALL wait_for_gate('open')};
my $atomic = submit("SELECT snooze_until(2, '0'); $wait");
my $auto = submit("SELECT snooze_until(2, '0'); $wait", "atomic => false, on_lost => 'retry', backoff => 'none'");
# One that has snoozed, durably.
my $asleep = submit("SELECT snooze_until(2, '1 hour')");
polls("SELECT count(*) FROM taskly.runs WHERE run_id IN ($atomic, $auto) AND status = 'running'", '2',
	'two runs are in execution');
polls("SELECT count(*) FROM effect WHERE run_id = $auto", '1', 'one of them has had its effect');
polls("SELECT snoozes FROM taskly.runs WHERE run_id = $asleep", '1', 'a third one snoozes');
my $due_at = sql("SELECT due_at FROM taskly.runs WHERE run_id = $asleep");

kill_and_wait(sql("SELECT pid FROM taskly.runs WHERE run_id = $atomic"), 'worker killed');
is(sql("SELECT due_at, snoozes, attempt, status FROM taskly.runs WHERE run_id = $asleep"),
	"$due_at|1|0|scheduled", 'what snoozed snoozes on');
is(sql("SELECT snoozes FROM taskly.runs WHERE run_id = $atomic"), '0',
	'what was interrupted has not snoozed');
sql("INSERT INTO gate VALUES ('open')");
is(run_end($node, 'postgres', $atomic), 'succeeded', 'the atomic run comes again, and again');
is(run_end($node, 'postgres', $auto), 'succeeded', 'so does the other');
is(sql("SELECT attempt, snoozes FROM taskly.runs WHERE run_id IN ($atomic, $auto) ORDER BY run_id"),
	"1|1\n2|0", 'a crash costs an attempt where the effect had stayed, and no other');
is(sql("SELECT count(*), max(start) FROM effect WHERE run_id = $atomic"), '2|2',
	'each start that has ended well has had its effect once');
is(sql("SELECT taskly.cancel($asleep)"), 't', 'what snoozed can be cancelled');

# A run whose worker is killed twice, with a start in between that has ended well, is no poison.
{
	sql(q{
		CREATE FUNCTION gate_of_start() RETURNS text LANGUAGE sql AS $$
			SELECT 'start ' || count(*) FROM effect WHERE run_id = current_setting('taskly.run_id')::bigint
		$$});
	my $hit = submit("CALL wait_for_gate(gate_of_start()); SELECT snooze_until(2, '0')");

	foreach my $start (0, 1)
	{
		polls("SELECT status || snoozes FROM taskly.runs WHERE run_id = $hit", "running$start", "start $start has begun");
		kill_and_wait(sql("SELECT pid FROM taskly.runs WHERE run_id = $hit"), "worker killed in start $start");
		sql("INSERT INTO gate VALUES ('start $start')");
	}
	is(run_end($node, 'postgres', $hit), 'succeeded', 'it goes on');
}

# A cancel that comes when the command has ended, and the snooze is being committed.
{
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'");
	$node->reload;
	my $late = submit("SET synchronous_commit = on; INSERT INTO effect VALUES (current_setting('taskly.run_id')::bigint); SELECT taskly.snooze('1 hour')");
	polls(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly worker' AND wait_event = 'SyncRep'},
		'1', 'the commit of a run that snoozes waits for a standby');
	is(sql("SELECT taskly.cancel($late)"), 't', 'the run is cancelled');
	is(run_end($node, 'postgres', $late), 'cancelled', 'it does not come again');
	is(sql("SELECT count(*) FROM effect WHERE run_id = $late"), '1', 'its effect has stayed');
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''");
	$node->reload;
}

# The loop: somebody is killed again and again while runs snooze many times over.
{
	my ($runs, $starts, $rounds) = (60, 40, 6);
	my $done = 0;
	my $count = sub {
		my $result = '';
		return try_psql($node, 'postgres', 'SELECT count(*) FROM effect WHERE run_id IN (SELECT run_id FROM taskly.runs WHERE task = \'again\')',
			stdout => \$result) == 0 ? $result : -1;
	};

	seed_random();
	sql(qq{
		SELECT taskly.define('again', 'SELECT pg_sleep(0.02); SELECT snooze_until($starts, ''20 ms'')');
		SELECT count(*) FROM taskly.enqueue_many('again', array_fill('{}'::jsonb, '{$runs}'))});
	foreach my $round (1 .. $rounds)
	{
		my $until = $done + 10 + int(rand(80));

		ok(poll_until(sub { ($done = $count->()) >= $until }), "round $round: starts go on ($until)") or diag("stands at $done");
		usleep(rand(50_000));
		my @pids = split /\n/, eval { sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'taskly %'}) } // '';
		kill_and_wait($pids[int(rand(@pids))], "round $round") if @pids;
	}
	cmp_ok($done, '<', $runs * $starts, 'the last round has killed something in the middle of it');
	polls(q{SELECT count(*) FROM taskly.runs WHERE task = 'again' AND finished_at IS NULL}, '0',
		'no run is left');
	is(sql(q{
			SELECT min(n), max(n), count(*), min(d) FROM (
				SELECT count(*) AS n, count(DISTINCT start) AS d FROM effect
				WHERE run_id IN (SELECT run_id FROM taskly.runs WHERE task = 'again') GROUP BY run_id) e}),
		"$starts|$starts|$runs|$starts", 'each start has had its effect exactly once');
	is(sql(q{SELECT status, count(*), min(snoozes), max(snoozes), max(attempt) FROM taskly.runs WHERE task = 'again' GROUP BY 1}),
		'succeeded|' . join('|', $runs, $starts - 1, $starts - 1, 1), 'each run has snoozed as often as it asked for');
}
check_settled($node, 'postgres');
is(count_in_log($node, qr/PANIC:|TRAP:|ERROR:  XX/), 0, 'nothing else went wrong');
$node->stop('fast');

done_testing();
