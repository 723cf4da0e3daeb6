# The clock: what taskly does when it is set, forward or back, and when time passes.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;
use Time::HiRes qw(time);

my $node = start_node(q{
taskly.max_workers = 4
taskly.enable_shell = on
autovacuum = off
});

# The clocks of the server itself stay as they are: only taskly's are set.
sub set_wall_clock
{
	sql("SELECT taskly_clock.shift_wall('$_[0]')");
}

sub status_of
{
	my ($run) = @_;

	return sql("SELECT status FROM taskly.runs WHERE run_id = $run");
}

sql('CREATE EXTENSION taskly_clock');

# ---------------------------------------------------------------------------------------------
# The clock that tests set
# ---------------------------------------------------------------------------------------------

my $run = sql(q{SELECT taskly.submit('SELECT 1', run_at => now() + interval '1 hour')});
is(status_of($run), 'scheduled', 'a run is due in an hour');
set_wall_clock('1 hour');
is(sql("SELECT taskly.wait($run, '60 s')"), 'succeeded', 'it runs once the clock has been set forward');
is(sql(qq{SELECT started_at >= scheduled_for AND started_at < scheduled_for + interval '1 minute'
		FROM taskly.runs WHERE run_id = $run}), 't', 'and history goes by that clock');
sql('SELECT taskly_clock.reset()');
is(sql(q{SELECT abs(extract(epoch FROM taskly_clock.now() - now())) < 10}), 't', 'the clock is reset');

# ---------------------------------------------------------------------------------------------
# What waits or runs while the clock is set
# ---------------------------------------------------------------------------------------------

# All that is in hand when the clock steps: a run that is due an hour later, one that waits in
# line since its queue is paused, one that failed and is retried in 2 s, and one in execution with
# a timeout and a deadline.
sql(q{
	CREATE SEQUENCE tries;
	SELECT taskly.create_queue('held');
	SELECT taskly.define('again', 'SELECT 1 / (nextval(''tries'') % 2 - 1)', max_attempts => 2,
		backoff => 'fixed 2s jitter none');
	SELECT taskly.define('long', 'SELECT pg_sleep(600)', timeout => '1 hour', deadline => '1 hour');
	SELECT taskly.define('held', 'SELECT 1', queue => 'held', deadline => '1 hour')});

# And tasks that fire every second, which go on whatever the clock shows.
sql(q{
	SELECT taskly.schedule('grid', 'every 1 second', 'SELECT 1');
	SELECT taskly.schedule('cron', '* * * * * *', 'SELECT 1')});

sub last_run
{
	return sql('SELECT COALESCE(max(run_id), 0) FROM taskly.runs');
}

sub begin_all
{
	my %run;

	sql(q{ALTER SEQUENCE tries RESTART; SELECT taskly.pause_queue('held')});
	$run{later} = sql(q{SELECT taskly.submit('SELECT 1', run_at => taskly_clock.now() + interval '1 hour')});
	$run{$_} = sql("SELECT taskly.enqueue('$_', run_at => '-infinity')") foreach qw(held again long);
	polls("SELECT status FROM taskly.runs WHERE run_id = $run{again}", 'retrying', 'a run has failed');
	polls("SELECT status FROM taskly.runs WHERE run_id = $run{long}", 'running', 'another goes on');
	return %run;
}

foreach my $step ('-1 second', '-90 minutes', '-3650 days', '6 minutes', '4 hours', '3650 days')
{
	my %run = begin_all();
	my $is_due = $step =~ /^4 hours|^3650/;
	my $began = time();
	my $offset = -s $node->logfile;

	set_wall_clock($step);
	my $last = last_run();
	ok(poll_until(sub { count_in_log($node, qr/the clock was set (forward|back) by/, $offset) }), "$step: the leader notices");
	my $now = sql(q{SELECT taskly.submit('SELECT 1', run_at => '-infinity')});
	is(sql("SELECT taskly.wait($now, '20 s')"), 'succeeded', "$step: a run that is due now is executed");
	is(run_end($node, 'postgres', $run{again}), 'succeeded', "$step: the other attempt is made");
	cmp_ok(time() - $began, '<', 20, "$step: without delay");
	is(sql(qq{
			SELECT b.started_at - a.finished_at - interval '$step' >= interval '1.9 s'
			FROM taskly.attempts a JOIN taskly.attempts b USING (run_id)
			WHERE run_id = $run{again} AND a.attempt = 1 AND b.attempt = 2}), 't', "$step: and not too early");
	is(status_of($run{held}), 'queued', "$step: what was due stays due, and its deadline is not over");
	is(status_of($run{long}), 'running', "$step: nor is a timeout");
	polls("SELECT status FROM taskly.runs WHERE run_id = $run{later}", $is_due ? 'succeeded' : 'scheduled',
		"$step: a run of a later date is " . ($is_due ? 'due' : 'not due yet'));

	polls(qq{
		SELECT count(DISTINCT task) FROM taskly.runs
		WHERE run_id > $last AND task IN ('grid', 'cron') AND status = 'succeeded'
			AND scheduled_for BETWEEN taskly_clock.now() - interval '5 s' AND taskly_clock.now()}, '2', "$step: tasks go on firing at their times");
	cmp_ok(time() - $began, '<', 20, "$step: at once");

	sql(q{SELECT taskly.resume_queue('held')});
	is(sql("SELECT taskly.wait($run{held}, '20 s')"), 'succeeded', "$step: what waited in line is executed");
	sql("SELECT taskly.cancel(ARRAY[$run{long}, $run{later}])");
	is(run_end($node, 'postgres', $run{long}), 'cancelled', "$step: the one in execution can be cancelled");
	sql('SELECT taskly_clock.reset()');
}

sql(q{SELECT taskly.drop_task('grid'); SELECT taskly.drop_task('cron')});

# ---------------------------------------------------------------------------------------------
# Timeouts and deadlines
# ---------------------------------------------------------------------------------------------

# PostgreSQL's own timer does not know of the time that passes here, so the scheduler must help: as
# when the clock was set back, which makes that timer late.
my %run = begin_all();
my $shell = sql(q{SELECT taskly.submit('sleep 600', kind => 'shell', timeout => '1 hour', run_at => '-infinity')});
my $deadline = sql(q{SELECT taskly.submit('SELECT pg_sleep(600)', deadline => '1 hour', run_at => '-infinity')});
my $commits = sql(q{SELECT taskly.submit('SELECT 1; SELECT pg_sleep(600)', atomic => false, timeout => '1 hour', run_at => '-infinity')});
polls(q{SELECT count(*) FROM taskly.runs WHERE status = 'running'}, '4', 'four runs with limits go on');
sql(q{SELECT taskly_clock.pass('59 minutes')});
$run = sql(q{SELECT taskly.submit('SELECT 1')});
is(sql("SELECT taskly.wait($run, '20 s')"), 'succeeded', 'time has passed');
is(sql(q{SELECT count(*) FROM taskly.runs WHERE status = 'running'}), '4', 'they go on');
my $began = time();
sql(q{SELECT taskly_clock.pass('2 minutes')});
foreach ([ $run{long}, 'SQL' ], [ $deadline, 'SQL with a deadline' ], [ $commits, 'SQL that commits' ], [ $shell, 'a shell command' ])
{
	my ($limited, $kind) = @$_;

	is(run_end($node, 'postgres', $limited), 'timed_out', "$kind times out");
	is(sql("SELECT message FROM taskly.attempts WHERE run_id = $limited"), 'run timed out', "$kind: history says so");
}
is(run_end($node, 'postgres', $run{held}), 'expired', 'a run in line expires');
cmp_ok(time() - $began, '<', 5, 'all within seconds');
sql("SELECT taskly.resume_queue('held'); SELECT taskly.cancel($run{later})");

# One that does not heed it loses its process, after a grace.
sql(q{
	CREATE FUNCTION stubborn() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		LOOP
			BEGIN
				PERFORM pg_sleep(600);
			EXCEPTION WHEN query_canceled THEN NULL;
			END;
		END LOOP;
	END $$});
$run = sql(q{SELECT taskly.submit('SELECT stubborn()', timeout => '1 hour', run_at => '-infinity')});
polls("SELECT status FROM taskly.runs WHERE run_id = $run", 'running', 'a stubborn run goes on');
sql(q{SELECT taskly_clock.pass('61 minutes')});
sql(q{SELECT taskly_clock.pass('1 minute')});
is(run_end($node, 'postgres', $run), 'timed_out', 'its process is ended');
sql('SELECT taskly_clock.reset()');

# A short timeout, by PostgreSQL's timer, is as exact as ever.
$run = sql(q{SELECT taskly.submit('SELECT pg_sleep(600)', timeout => '300 ms')});
is(sql("SELECT taskly.wait($run, '20 s')"), 'timed_out', 'a run times out by itself');
is(sql(qq{SELECT duration BETWEEN '300 ms' AND '1300 ms' FROM taskly.runs WHERE run_id = $run}), 't', 'in time');

# ---------------------------------------------------------------------------------------------
# Precision
# ---------------------------------------------------------------------------------------------

sql(q{SELECT taskly.schedule('tick', 'every 100 ms', 'SELECT 1')});
polls(q{SELECT count(*) >= 30 FROM taskly.runs WHERE task = 'tick' AND status = 'succeeded'}, 't', 'a task fires every 100 ms');
is(sql(q{SELECT wakeup_latency BETWEEN '1 us' AND '1 ms' FROM taskly.leader}), 't', 'the leader shows how late the machine wakes it');
sql(q{SELECT taskly.drop_task('tick')});
# Of one that was about to be due when the clock was set back, the wait that was left has passed.
is(sql(q{SELECT string_agg(format('%s %s %s due %s started %s', run_id, task, attempt, due_at, started_at), '; ') FROM taskly.attempts
		JOIN taskly.finished_run USING (run_id, attempt, due_at, started_at)
		WHERE started_at < due_at - interval '1 ms' AND NOT (source = 'schedule' AND queued_at >= due_at - interval '20 ms')
			AND (task IS NULL OR task NOT IN ('held', 'again'))}), '', 'nothing has ever started before its date');

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
