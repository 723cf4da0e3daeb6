# A run that crashes the server is found out and quarantined; runs that were merely in flight are
# spared. A run that ends its own process costs itself attempts, and nobody else anything.

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
taskly.max_workers = 4
restart_after_crash = on
log_statement = none
});
sql('CREATE TABLE effect (what text, run_id bigint)');
make_gate();

my $crash = qr/was terminated by signal/;

sub crashes
{
	return count_in_log($node, $crash);
}

sub note_effect
{
	my ($what) = @_;

	return "INSERT INTO effect VALUES ('$what', current_setting('taskly.run_id')::bigint)";
}

# A command that has an effect, then lets its own process die by a signal.
sub deadly
{
	my ($what, $signal) = @_;

	return note_effect($what) . "; COPY (SELECT 1) TO PROGRAM 'kill -$signal \$PPID; cat'";
}

sub sql_when_up
{
	my ($query) = @_;
	my $result = '';

	# The server may be restarting.
	poll_until(sub { try_psql($node, 'postgres', $query, stdout => \$result) == 0 });
	return $result;
}

sub submit
{
	my ($command, $options) = @_;

	return sql_when_up('SELECT taskly.submit($c$' . $command . '$c$' . ($options ? ", $options" : '') . ')');
}

sub effects
{
	my ($what) = @_;

	return sql_when_up("SELECT count(*), count(DISTINCT run_id) FROM effect WHERE what = '$what'");
}

# What crashes the server may do so before the call that made it has heard of its success: it is due
# a little later, and a lost answer to a retry is none to worry about.
my $later = q{run_at => now() + interval '2 seconds'};

sub retry_deadly
{
	my ($run) = @_;
	my $before = crashes();

	return poll_until(sub {
		return crashes() > $before || try_psql($node, 'postgres', "SELECT taskly.retry($run)") == 0;
	});
}

# The culprit among innocents in execution, and with more of them waiting behind.
{
	my @innocent = map { submit(note_effect('innocent') . "; CALL wait_for_gate('first')") } (1 .. 3);

	polls(q{SELECT count(*) FROM taskly.runs WHERE status = 'running'}, '3',
		'three innocent runs are in execution');
	sql_when_up('SELECT taskly.define(\'culprit\', $c$' . deadly('culprit', 'SEGV') . '$c$, max_attempts => 10, backoff => \'none\')');
	my ($culprit, @behind) = split / /, sql_when_up("SELECT taskly.enqueue('culprit', $later) || ' ' || string_agg(taskly.submit(\$c\$"
		. note_effect('behind') . "\$c\$, $later)::text, ' ') FROM generate_series(1, 20)");

	is(run_end($node, 'postgres', $culprit), 'quarantined', 'the run that crashes the server is quarantined');
	polls(q{SELECT concat_ws(' ', runs, failures, consecutive_failures, last_status) FROM taskly.tasks WHERE name = 'culprit'},
		'1 1 1 quarantined', 'and counted as a failure of its task');
	my $count = crashes();
	ok($count >= 1 && $count <= 3, 'after at most three crashes') or diag("$count crashes");
	sql_when_up("INSERT INTO gate VALUES ('first')");
	is(join(' ', map { run_end($node, 'postgres', $_) } @innocent), 'succeeded succeeded succeeded',
		'the runs that were in execution with it succeed');
	is(join(' ', map { run_end($node, 'postgres', $_) } @behind), join(' ', ('succeeded') x 20),
		'so do those that waited');
	is(effects('innocent'), '3|3', 'with one effect each');
	is(effects('behind'), '20|20', 'with one effect each, behind it');
	is(effects('culprit'), '0|0', 'the culprit has none');
	is(sql_when_up("SELECT sqlstate, message, hint FROM taskly.runs WHERE run_id = $culprit"),
		'57P02|the run crashed the server|Mend the command, then call taskly.retry().', 'it says what happened');
	is(crashes(), $count, 'and the server has not crashed again');

	# Again, without having been mended.
	ok(retry_deadly($culprit), 'retry brings it back');
	ok(poll_until(sub { crashes() > $count }), 'it is tried');
	is(run_end($node, 'postgres', $culprit), 'quarantined', 'not mended, it is quarantined again');
	cmp_ok(crashes() - $count, '<=', 3, 'after at most three more crashes');

	sql_when_up('SELECT taskly.alter(\'culprit\', command => $c$' . note_effect('culprit') . '$c$)');
	is(sql_when_up("SELECT taskly.retry($culprit)"), 't', 'retry brings it back once more');
	is(run_end($node, 'postgres', $culprit), 'succeeded', 'mended, it succeeds');
	is(effects('culprit'), '1|1', 'with its effect');
}

# Statements that commit on their own, tried again when lost: bounded all the same.
{
	my $before = crashes();
	my $culprit = submit(deadly('autocommit', 'KILL'),
		qq{atomic => false, on_lost => 'retry', max_attempts => 10, backoff => 'none', $later});

	is(run_end($node, 'postgres', $culprit), 'quarantined', 'an autocommit run that crashes the server is quarantined');
	my $count = crashes() - $before;
	ok($count >= 1 && $count <= 3, 'after at most three crashes, too') or diag("$count crashes");
	my ($effects) = split /\|/, effects('autocommit');
	is($effects, $count, 'its first statement was committed in each attempt');
	is(run_end($node, 'postgres', submit('SELECT 1')), 'succeeded', 'others run');
}

# A worker that is killed once, from outside, while it runs something innocent.
{
	my $run = submit(note_effect('victim') . "; CALL wait_for_gate('second')");

	polls("SELECT status FROM taskly.runs WHERE run_id = $run", 'running', 'a run is in execution');
	my $pid = sql_when_up("SELECT pid FROM taskly.runs WHERE run_id = $run");
	kill 9, $pid;
	polls("SELECT pid <> $pid FROM taskly.runs WHERE run_id = $run AND status = 'running'", 't',
		'it runs again after its process was killed');
	sql_when_up("INSERT INTO gate VALUES ('second')");
	is(run_end($node, 'postgres', $run), 'succeeded', 'and succeeds');
	is(effects('victim'), '1|1', 'with one effect');
}

# Somebody else crashes the server, as often as would do for a quarantine.
{
	my $run = submit(note_effect('bystander') . "; CALL wait_for_gate('third')");

	foreach my $time (1 .. 4)
	{
		my $before = crashes();

		polls("SELECT status FROM taskly.runs WHERE run_id = $run", 'running',
			"a run is in execution before crash $time");
		try_psql($node, 'postgres', q{COPY (SELECT 1) TO PROGRAM 'kill -KILL $PPID; cat'});
		ok(poll_until(sub { crashes() > $before }), "crash $time, of an ordinary session");
	}
	sql_when_up("INSERT INTO gate VALUES ('third')");
	is(run_end($node, 'postgres', $run), 'succeeded', 'a run is not blamed for the crashes of others');
	is(effects('bystander'), '1|1', 'and has one effect');
}

# A command that ends its own process in order.
{
	my $before = crashes();
	my @others = map { submit(note_effect('other') . '; SELECT pg_sleep(0.01)') } (1 .. 30);
	my $suicide = submit(note_effect('suicide') . '; SELECT pg_terminate_backend(pg_backend_pid()); SELECT pg_sleep(60)',
		q{max_attempts => 3, backoff => 'none'});
	my @later = map { submit(note_effect('other') . '; SELECT pg_sleep(0.01)') } (1 .. 30);

	is(run_end($node, 'postgres', $suicide), 'failed', 'a run that terminates its own process fails');
	is( sql_when_up("SELECT string_agg(attempt || ' ' || status || ' ' || sqlstate, ', ' ORDER BY attempt) FROM taskly.attempts WHERE run_id = $suicide"),
		'1 failed 57P01, 2 failed 57P01, 3 failed 57P01', 'after as many attempts as it has');
	is(effects('suicide'), '0|0', 'without effect');
	is(join(' ', map { run_end($node, 'postgres', $_) } @others, @later), join(' ', ('succeeded') x 60),
		'all others succeed');
	is(effects('other'), '60|60', 'with one effect each');
	is(crashes(), $before, 'and the server does not restart');

	my $autocommit = submit(note_effect('half') . '; SELECT pg_terminate_backend(pg_backend_pid()); SELECT pg_sleep(60)',
		q{atomic => false, max_attempts => 3, backoff => 'none'});
	is(run_end($node, 'postgres', $autocommit), 'lost', 'an autocommit run that terminates its own process is lost');
	is(effects('half'), '1|1', 'and not tried again, as on_lost is fail');
	is(crashes(), $before, 'the server does not restart for it');
}

check_settled($node, 'postgres');
is(count_in_log($node, qr/PANIC:|TRAP:|ERROR:  XX/), 0, 'nothing else went wrong');
$node->stop('fast');

done_testing();
