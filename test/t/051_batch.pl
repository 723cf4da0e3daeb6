# Runs that share a transaction: each is as if it had been alone. What one of them leaves behind does
# not reach the next, what fails costs its own run only, and a crash costs none of them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

seed_random();

my $node = start_node(q{
max_worker_processes = 16
taskly.max_workers = 1
restart_after_crash = on
log_statement = none
});
sql(q{
	CREATE ROLE app LOGIN;
	CREATE ROLE other;
	GRANT other TO app;
	GRANT CREATE ON SCHEMA public TO app;
	GRANT USAGE ON SCHEMA taskly TO app;
	SELECT taskly.create_queue('shared', batch => 100);
	CREATE TABLE effect (case_name text, n int, run_id bigint DEFAULT current_setting('taskly.run_id')::bigint,
		xid xid8 DEFAULT pg_current_xact_id());
	CREATE TABLE said (case_name text, what text);
	CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE child_now (id int REFERENCES parent DEFERRABLE);
	CREATE TABLE child_late (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
	CREATE SEQUENCE numbers;
	CREATE SEQUENCE tries;
	GRANT ALL ON ALL TABLES IN SCHEMA public TO app, other;
	GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO app, other;
	-- the effect of a run, and one of its own
	CREATE FUNCTION step(args jsonb) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO effect (case_name, n) VALUES (args ->> 'case', (args ->> 'n')::int);
		IF args ->> 'sql' <> '' THEN
			EXECUTE args ->> 'sql';
		END IF;
	END $$;
	CREATE FUNCTION say(case_name text, what text) RETURNS void LANGUAGE sql AS $$
		INSERT INTO public.said VALUES (case_name, what) $$;
});

my $cases = 0;

# Enqueues one run for each of the statements, in that order, lets them go together, and waits for
# their ends. Returns the case's name, by which all is found.
sub together
{
	my ($options, @sql) = @_;
	my $case = 'case ' . ++$cases;
	my $role = delete $options->{role};
	my $waits = delete $options->{waits} // 1;
	my $arguments = join '', map { ", $_ => $options->{$_}" } sort keys %$options;
	my $list = join ', ', map { my $n = $_; "\$sql\$$sql[$n]\$sql\$" } 0 .. $#sql;

	sql(($role ? "SET SESSION AUTHORIZATION $role;" : '') . qq{
		SELECT taskly.define('$case', 'SELECT public.step(\$1)', queue => 'shared' $arguments);
		RESET SESSION AUTHORIZATION;
		SELECT taskly.pause_all();
		SELECT taskly.enqueue_many('$case', (
			SELECT array_agg(jsonb_build_object('case', '$case', 'n', n, 'sql', s) ORDER BY n)
			FROM unnest(ARRAY[$list]::text[]) WITH ORDINALITY l (s, n)));
		SELECT taskly.resume_all();
	});
	polls("SELECT count(*) FROM taskly.runs WHERE task = '$case' AND finished_at IS NULL", '0',
		"$case: all runs end") if $waits;
	return $case;
}

sub asks
{
	my ($query, $expected, $name) = @_;

	is(sql($query), $expected, $name);
}

# The ends of a case's runs, in their order.
sub ends_are
{
	my ($case, $expected, $name) = @_;

	asks("SELECT string_agg(status, ' ' ORDER BY run_id) FROM taskly.runs WHERE task = '$case'", $expected, "$case: $name");
}

# How many transactions some of a case's runs had.
sub transactions
{
	my ($case, $which) = @_;

	return sql("SELECT count(DISTINCT xid) FROM effect WHERE case_name = '$case' AND n IN ($which)");
}

# Leaves something, looks for it in the next run, which must say what is expected. $shares: the two
# are to be in one transaction, which a machine that is busy may prevent, so it is tried again.
sub leaves_nothing
{
	my ($leaves, $looks, $expected, $shares, $name, $role) = @_;
	my ($case, $transactions);

	for my $try (1 .. 30)
	{
		$case = 'case ' . ($cases + 1);
		together({role => $role}, '', $leaves, "SELECT say('$case', ($looks)::text)", '');
		$transactions = transactions($case, '2, 3');
		last if $transactions == 1 || !$shares;
	}
	ends_are($case, 'succeeded succeeded succeeded succeeded', "$name: all succeed");
	asks("SELECT what FROM said WHERE case_name = '$case'", $expected, "$case: $name does not reach the next run");
	is($transactions, $shares ? 1 : 2, "$case: $name " . ($shares ? 'does not end' : 'ends') . ' the batch');
}

my $case;

# Sharing
$case = together({}, ('') x 100);
asks("SELECT count(*), count(DISTINCT run_id) FROM effect WHERE case_name = '$case'", '100|100', 'each run has its effect once');
asks("SELECT count(DISTINCT xid) < 60 FROM effect WHERE case_name = '$case'", 't', 'most share a transaction with others');
asks("SELECT count(*), count(DISTINCT r.run_id), min(r.attempt), max(r.attempt), bool_and(r.rows = 1 AND r.started_at <= r.finished_at)
	FROM taskly.runs r JOIN effect e USING (run_id) WHERE task = '$case' AND status = 'succeeded'", '100|100|1|1|t',
	'each run has its own end, and its effect bears its id');
asks("SELECT count(DISTINCT started_at) > 50 FROM taskly.runs WHERE task = '$case'", 't', 'and its own times');
polls("SELECT runs, failures FROM taskly.tasks WHERE name = '$case'", '100|0', 'the task counts all of them');

# What one leaves
leaves_nothing('SET work_mem = 123', "current_setting('work_mem')", '4MB', 1, 'SET');
leaves_nothing(q{SELECT set_config('app.user', 'x', false), set_config('app.user', 'x', true)},
	q{coalesce(current_setting('app.user', true), '') || '.'}, '.', 1, 'set_config()');
leaves_nothing('SET search_path = pg_catalog', "current_setting('search_path')", '"$user", public', 1, 'search_path');
leaves_nothing('SET ROLE other', 'current_user', 'app', 1, 'SET ROLE', 'app');
leaves_nothing(q{SELECT nextval('numbers')}, q{SELECT count(*) FROM pg_cursors WHERE name = 'leak'}, '0', 1, 'nextval()');
leaves_nothing('', 'statement_timestamp() > now()', 'true', 1, 'the time of a statement');
leaves_nothing('CREATE TEMP TABLE leak (n int)', q{SELECT count(*) FROM pg_class WHERE relname = 'leak'}, '0', 0, 'a temporary table');
leaves_nothing('SELECT pg_advisory_xact_lock(1)', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()},
	'0', 0, 'an advisory lock of the transaction');
leaves_nothing('SELECT pg_advisory_lock_shared(1)', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()},
	'0', 0, 'an advisory lock of the session');
leaves_nothing('PREPARE leak AS SELECT 1', 'SELECT count(*) FROM pg_prepared_statements', '0', 0, 'a prepared statement');
leaves_nothing('DECLARE leak CURSOR WITH HOLD FOR SELECT 1', q{SELECT count(*) FROM pg_cursors WHERE name = 'leak'}, '0', 0, 'a cursor');
leaves_nothing(q{DO 'DECLARE leak refcursor := ''leak''; BEGIN OPEN leak FOR SELECT 1; END'},
	q{SELECT count(*) FROM pg_cursors WHERE name = 'leak'}, '0', 1, 'an open cursor of a function');
leaves_nothing('LOCK TABLE parent', q{SELECT count(*) FROM pg_locks WHERE relation = 'parent'::regclass AND pid = pg_backend_pid()},
	'0', 0, 'LOCK TABLE');

$case = together({}, q{SELECT nextval('numbers')}, 'SELECT lastval()');
ends_are($case, 'succeeded failed', 'lastval() of one run is not known to the next');
$case = together({}, 'SET CONSTRAINTS ALL DEFERRED', 'INSERT INTO child_now VALUES (1); DELETE FROM child_now');
ends_are($case, 'succeeded failed', 'SET CONSTRAINTS does not reach the next run');

# Failures
$case = together({}, map { $_ == 50 ? 'SELECT 1/0' : '' } 1 .. 100);
asks("SELECT status, count(*), min(attempt), max(attempt), min(sqlstate) FROM taskly.runs WHERE task = '$case' GROUP BY 1 ORDER BY 1",
	"failed|1|1|1|22012\nsucceeded|99|1|1|", 'one of a hundred that fails costs nobody else');
asks("SELECT count(*), count(*) FILTER (WHERE n = 50) FROM effect WHERE case_name = '$case'", '99|0', 'and leaves no effect');
asks("SELECT count(DISTINCT xid) < 60 FROM effect WHERE case_name = '$case'", 't', 'the others share transactions, before it and after');
$case = together({max_attempts => 3, backoff => q{'none'}}, '',
	q{DO 'BEGIN IF nextval(''tries'') < 3 THEN RAISE EXCEPTION ''not yet''; END IF; END'}, '');
ends_are($case, 'succeeded succeeded succeeded', 'one that fails is tried again');
asks("SELECT string_agg(status, ' ' ORDER BY attempt) FROM taskly.attempts WHERE task = '$case' AND run_id = (
	SELECT run_id FROM effect WHERE case_name = '$case' AND n = 2)", 'failed failed succeeded', 'until it succeeds, and each attempt is kept');
for my $try (1 .. 30)
{
	$case = together({}, '', 'INSERT INTO child_late VALUES (1)', '');
	last if transactions($case, '1, 3') == 1;
}
ends_are($case, 'succeeded failed succeeded', 'a deferred constraint fails the run that broke it');
asks("SELECT sqlstate FROM taskly.runs WHERE task = '$case' AND status = 'failed'", '23503', 'by its own error');
is(transactions($case, '1, 3'), 1, 'and no other: they still share a transaction');
sql(q{SELECT taskly.define('hook', 'INSERT INTO said VALUES (''hook'', $1 ->> ''message'')')});
$case = together({on_failure => q{'hook'}}, '', q{DO 'BEGIN RAISE EXCEPTION ''told''; END'}, '');
polls(q{SELECT what FROM said WHERE case_name = 'hook'}, 'told', 'on_failure is called, once');

# What a run asks for
sql(q{SELECT setval('tries', 1, false)});
$case = together({}, '', q{DO 'BEGIN IF nextval(''tries'') = 1 THEN PERFORM taskly.snooze(''0 s''); END IF; END'},
	q{SELECT taskly.set_result('{"n": 7}')}, q{SELECT taskly.set_result('{"n": 8}')});
ends_are($case, 'succeeded succeeded succeeded succeeded', 'one that snoozes comes again');
asks("SELECT count(*), count(*) FILTER (WHERE n = 2), max(attempt) FROM effect JOIN taskly.attempts USING (run_id)
	WHERE case_name = '$case'", '5|2|1', 'after what it has done, at no attempt\'s cost');
asks("SELECT string_agg(coalesce(result ->> 'n', '-'), '' ORDER BY run_id) FROM taskly.runs WHERE task = '$case'", '--78',
	'a result is that of the run that has set it');
sql(q{
	SELECT taskly.define('plain', 'SELECT step($1)', queue => 'shared', args => '{"case": "mixed", "n": 1, "sql": ""}');
	SELECT taskly.pause_all();
	SELECT taskly.enqueue('plain'), taskly.enqueue('plain');
	SELECT taskly.submit('VACUUM parent', queue => 'shared', atomic => false);
	SELECT taskly.enqueue('plain'), taskly.enqueue('plain', deadline => '1 ms'), taskly.enqueue('plain');
	SELECT pg_sleep(0.1);
	SELECT taskly.resume_all();
});
polls(q{SELECT string_agg(status, ' ' ORDER BY run_id) FROM taskly.runs
	WHERE task = 'plain' OR command = 'VACUUM parent'}, 'succeeded succeeded succeeded succeeded expired succeeded',
	'what cannot share a transaction is executed in its place');
asks(q{SELECT count(*), count(DISTINCT run_id) FROM effect WHERE case_name = 'mixed'}, '4|4', 'and the others once');

# What may be the batch's own fault
sql(q{SELECT setval('tries', 1, false)});
$case = together({}, '', '', q{DO 'BEGIN IF nextval(''tries'') = 1 THEN RAISE serialization_failure; END IF; END'}, '');
ends_are($case, 'succeeded succeeded succeeded succeeded', 'a serialization failure is nobody\'s');
is(transactions($case, '1, 2, 3, 4'), 4, 'the batch is undone, and its runs run alone, each once');
asks("SELECT count(*), max(attempt) FROM taskly.attempts WHERE task = '$case'", '4|1', 'at no attempt\'s cost');

sql(q{ALTER ROLE app SET default_transaction_isolation = 'repeatable read'});
$case = together({role => 'app'}, '', '', '');
is(transactions($case, '1, 2, 3'), 3, 'a role whose transactions have one snapshot shares none');
sql(q{ALTER ROLE app RESET ALL});

# Long ones
$case = together({}, '', 'SELECT pg_sleep(0.05)', '', '');
is(transactions($case, '2, 3'), 2, 'a run that took long ends the batch');
$case = together({}, ('SELECT pg_sleep(0.002)') x 20);
asks("SELECT count(DISTINCT xid) >= 4 FROM effect WHERE case_name = '$case'", 't', 'so do several that took long together');
$case = together({timeout => q{'200 ms'}}, '', 'SELECT pg_sleep(60)', '');
ends_are($case, 'succeeded timed_out succeeded', 'a timeout ends its own run');
$case = together({waits => 0}, '', 'SELECT pg_sleep(60)', '');
polls("SELECT taskly.cancel(run_id) FROM taskly.runs WHERE task = '$case' AND status = 'running' AND args ->> 'n' = '2'",
	't', 'the run that executes is shown, and can be cancelled');
polls("SELECT string_agg(status, ' ' ORDER BY run_id) FROM taskly.runs WHERE task = '$case'",
	'succeeded cancelled succeeded', 'a cancel ends its own run');

# Processes that end
$case = together({}, '', 'SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)', '', '');
ends_are($case, 'succeeded failed succeeded succeeded', 'whose command ends the process has failed, no other');
asks("SELECT count(*), max(attempt) FROM taskly.attempts WHERE task = '$case'", '4|1', 'the others run again at no attempt\'s cost');

# Runs that take a millisecond share nothing, so these take a tenth of one, and are many.
my ($runs, $done) = (30_000, 0);
$case = together({waits => 0}, ('SELECT count(*) FROM generate_series(1, 1000)') x $runs);
foreach my $round (1 .. 6)
{
	my $until = $done + 20 + int(rand(200));
	my ($count, $pid) = (0, '');

	note("round $round: $done runs are over");
	ok(poll_until(sub {
		return 0 if try_psql($node, 'postgres', qq{
			SELECT count(*), (SELECT max(pid) FROM pg_stat_activity WHERE backend_type = 'taskly worker')
			FROM effect WHERE case_name = '$case'}, stdout => \$count) != 0;
		($done, $pid) = split /\|/, $count;
		return $done >= $until && $pid;
	}), "round $round: runs go on ($until)");
	kill 'KILL', $pid;
	poll_until(sub { !is_alive($pid) });
}
cmp_ok($done, '<', $runs, 'the last worker was killed in the middle of it');
polls("SELECT count(*) FROM taskly.runs WHERE task = '$case' AND finished_at IS NULL", '0', 'all runs end after kill -9');
asks("SELECT count(*), count(DISTINCT n) FROM effect WHERE case_name = '$case'", "$runs|$runs", 'with exactly one effect each');
asks("SELECT count(DISTINCT xid) < $runs / 2 FROM effect WHERE case_name = '$case'", 't', 'most share a transaction with others');
asks("SELECT count(*), count(DISTINCT run_id) FROM taskly.attempts WHERE task = '$case' AND status = 'succeeded'", "$runs|$runs",
	'and one success each');
asks("SELECT count(*) FROM taskly.attempts WHERE task = '$case' AND status <> 'succeeded'", '0', 'nobody is blamed for a crash');

check_settled($node, 'postgres');
done_testing();
