# Crashes: whatever process is killed, and however the server stops, an atomic run has its effect
# exactly once, a run that was started otherwise is lost and follows on_lost, no run stays running,
# and all that waited runs afterwards.

use strict;
use warnings;

use File::Spec::Functions qw(rel2abs);
use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $dir = rel2abs(PostgreSQL::Test::Utils::tempdir());
my $node = start_node(q{
max_worker_processes = 24
taskly.max_workers = 5
taskly.enable_shell = on
taskly.kill_grace = '200ms'
restart_after_crash = on
log_statement = none
});
sql(q{
	CREATE TABLE effect (case_name text, kind text, run_id bigint);
	CREATE TABLE ledger (run_id bigint);
	SELECT taskly.create_queue('narrow', max_running => 1)});
make_gate();

# The processes of taskly, as "pid type".
sub processes
{
	my $list = sql(q{
		SELECT pid || ' ' || replace(backend_type, 'taskly ', '') FROM pg_stat_activity
		WHERE backend_type LIKE 'taskly %' ORDER BY pid});

	return split /\n/, $list;
}

# Kills the postmaster. The others leave by themselves, and only then it can start again. Where
# nobody buries the dead its pid stays taken, which would make its lock files look like a living one's.
sub kill_postmaster
{
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	my @pids = ($postmaster, map { /^(\d+)/ } processes());

	$node->kill9;
	ok(poll_until(sub { !grep { is_alive($_) } @pids }), 'the other processes end')
	  or diag("of @pids");
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	$node->start;
}

my %stop = (
	'postmaster killed' => \&kill_postmaster,
	'immediate shutdown' => sub { $node->stop('immediate'); $node->start },
	'fast shutdown' => sub { $node->stop('fast'); $node->start });

# Kills what the case names while one run of every kind is in execution and others wait.
sub run_case
{
	my ($case) = @_;
	my $file = "$dir/" . $case =~ s/ /_/gr;
	my $note = "INSERT INTO effect VALUES ('$case', %s, current_setting('taskly.run_id')::bigint)";
	my %run;

	my $submit = sub {
		my ($kind, $command, $options) = @_;

		$run{$kind} = sql("SELECT taskly.submit(\$c\$$command\$c\$, $options)");
	};
	foreach my $on_lost ('retry', 'fail')
	{
		$submit->("autocommit $on_lost",
			sprintf($note, "'autocommit $on_lost'") . "; CALL wait_for_gate('$case')",
			"atomic => false, on_lost => '$on_lost', backoff => 'none'");
		$submit->("shell $on_lost",
			"echo $on_lost >>$file; while [ ! -e $file.gate ]; do sleep 0.05; done",
			"kind => 'shell', on_lost => '$on_lost', backoff => 'none'");
	}
	$submit->('atomic', sprintf($note, "'atomic'") . "; CALL wait_for_gate('$case')", "queue => 'narrow'");
	$submit->('queued', sprintf($note, "'queued'"), "queue => 'narrow'");
	$submit->('future', sprintf($note, "'future'"), "run_at => now() + interval '1 day'");
	polls(sprintf(q{
		SELECT count(*) FROM taskly.runs WHERE run_id IN (%s) AND status = 'running'},
		join ',', values %run), '5', "$case: five runs are in execution");
	ok(poll_until(sub { -e $file && (() = slurp_file($file) =~ /\n/g) == 2 }),
		"$case: the shell runs have begun");
	polls("SELECT count(*) FROM effect WHERE case_name = '$case'", '2',
		"$case: the autocommit runs have had their effect");

	if (exists $stop{$case})
	{
		$stop{$case}->();
	}
	else
	{
		my ($pid) = $case eq 'worker killed'
		  ? sql("SELECT pid FROM taskly.runs WHERE run_id = $run{atomic}")
		  : map { /^(\d+) \Q@{[$case =~ s, killed,,r]}\E$/ } processes();
		# The others end a moment later, and could still see the gate opened.
		my @pids = map { /^(\d+)/ } processes();

		ok(kill(9, $pid), "$case: pid $pid");
		ok(poll_until(sub { !grep { is_alive($_) } @pids }), "$case: it is gone, and the others with it");
	}
	append_to_file("$file.gate", '');
	ok(poll_until(sub { try_psql($node, 'postgres', "INSERT INTO gate VALUES ('$case')") == 0 }),
		"$case: the server is back, and the gate is open");

	foreach my $kind ('atomic', 'queued', 'autocommit retry', 'shell retry')
	{
		is(run_end($node, 'postgres', $run{$kind}), 'succeeded', "$case: $kind succeeds");
	}
	foreach my $kind ('autocommit fail', 'shell fail')
	{
		is(run_end($node, 'postgres', $run{$kind}), 'lost', "$case: $kind is lost");
	}
	is(sql(qq{
			SELECT string_agg(kind || ' ' || n, ', ' ORDER BY kind)
			FROM (SELECT kind, count(*) AS n FROM effect WHERE case_name = '$case' GROUP BY kind) e}),
		'atomic 1, autocommit fail 1, autocommit retry 2, queued 1',
		"$case: effects, once unless it was tried again");
	is(join(' ', sort split /\n/, slurp_file($file)), 'fail retry retry', "$case: effects of shell runs");
	is(sql(sprintf(q{
			SELECT string_agg(status || ' ' || attempt || CASE WHEN is_final THEN ' final' ELSE '' END, ', ' ORDER BY attempt)
			FROM taskly.attempts WHERE run_id IN (%s)}, join ',', @run{'autocommit retry', 'shell retry'})),
		'lost 1, lost 1, succeeded 2 final, succeeded 2 final', "$case: a lost attempt is in history");
	is(sql("SELECT attempt FROM taskly.attempts WHERE run_id = $run{atomic}"),
		'1', "$case: a crash costs an atomic run no attempt");
	is(sql("SELECT status FROM taskly.runs WHERE run_id = $run{future}"),
		'scheduled', "$case: what is due later waits on");
	sql("SELECT taskly.cancel($run{future})");
}

run_case($_) foreach ('worker killed', 'scheduler killed', 'supervisor killed', 'launcher killed',
	'postmaster killed', 'immediate shutdown', 'fast shutdown');
check_settled($node, 'postgres');

# The loop: somebody is killed again and again while thousands of runs are in flight. How far a
# round goes is measured in runs, so that it means the same on a slow machine.
{
	my ($runs, $rounds) = (3000, 8);
	my $done = 0;
	my $count = sub {
		my $result = '';
		my $code = try_psql($node, 'postgres', 'SELECT count(*) FROM ledger', stdout => \$result);
		return $code == 0 ? $result : -1;
	};

	seed_random();
	sql(qq{
		SELECT taskly.define('row', 'INSERT INTO ledger VALUES (current_setting(''taskly.run_id'')::bigint); SELECT pg_sleep(0.01)');
		SELECT count(*) FROM taskly.enqueue_many('row', array_fill('{}'::jsonb, '{$runs}'))});
	foreach my $round (1 .. $rounds)
	{
		my $until = $done + 20 + int(rand(120));
		my @alive;

		ok(poll_until(sub { ($done = $count->()) >= $until }), "round $round: runs go on ($until)")
		  or diag("stands at $done");
		poll_until(sub { @alive = eval { processes() }; @alive > 2 });
		my ($pid, $type) = split / /, $alive[int(rand(@alive))];
		note("round $round: $done rows, kills $type $pid");
		kill 9, $pid;
		poll_until(sub { !is_alive($pid) });
	}
	cmp_ok($done, '<', $runs, 'the last round has killed something in the middle of it');
	polls(q{SELECT count(*) FROM taskly.runs WHERE task = 'row' AND finished_at IS NULL},
		'0', 'no run is left');
	is(sql('SELECT count(*), count(DISTINCT run_id) FROM ledger'),
		"$runs|$runs", 'each run has inserted exactly one row');
	is(sql(q{
			SELECT status, count(*), count(DISTINCT run_id), max(attempt) FROM taskly.attempts
			WHERE task = 'row' GROUP BY 1}),
		"succeeded|$runs|$runs|1", 'each run has succeeded exactly once');
	is(sql(q{
			SELECT count(*) FROM ledger l FULL JOIN (SELECT run_id FROM taskly.runs WHERE task = 'row') r USING (run_id)
			WHERE l.run_id IS NULL OR r.run_id IS NULL}),
		'0', 'the rows are those of the runs');
}
check_settled($node, 'postgres');
is(count_in_log($node, qr/PANIC:|TRAP:|ERROR:  XX|could not start background process/), 0, 'nothing else went wrong');
$node->stop('fast');

done_testing();
