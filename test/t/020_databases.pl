# Several databases with taskly in one server: each runs its own tasks, they share the workers, and
# taskly is never in an administrator's way.

use strict;
use warnings;

use File::Spec::Functions qw(rel2abs);
use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = new_node('main', q{
taskly.max_workers = 2
taskly.max_databases = 3
max_worker_processes = 16
max_prepared_transactions = 1
});
$node->start;

sub sql_in
{
	my ($database, $query) = @_;

	return $node->safe_psql($database, $query);
}

# Whoever of taskly is connected to a database.
sub processes_in
{
	my ($database) = @_;

	return qq{SELECT count(*) FROM pg_stat_activity
		WHERE backend_type LIKE 'taskly %' AND datname = '$database'};
}

# A table for effects, and a task that leaves one each second.
sub make_tasks
{
	my ($database) = @_;

	sql_in($database, q{
		CREATE TABLE effect (what text, database name DEFAULT current_database());
		SELECT taskly.schedule('tick', '* * * * * *', 'INSERT INTO effect VALUES (''tick'')');
		SELECT taskly.define('put', 'INSERT INTO effect SELECT $1 ->> 0')});
}

# Runs that keep the workers busy for a while.
sub load
{
	my ($database, $runs) = @_;

	sql_in($database, qq{
		SELECT count(taskly.submit('SELECT pg_sleep(0.02)')) FROM generate_series(1, $runs)});
}

# Waits until a run of its own has been executed in a database.
sub works
{
	my ($database, $name) = @_;
	my $run_id = sql_in($database, q{SELECT taskly.submit('SELECT 1')});

	is(sql_in($database, "SELECT taskly.wait($run_id, '30 s')"), 'succeeded', $name);
}

# ---------------------------------------------------------------------------------------------
# Coming
# ---------------------------------------------------------------------------------------------

sql_in('postgres', 'CREATE DATABASE one');
sql_in('postgres', 'CREATE DATABASE two');
sql_in('postgres', 'CREATE DATABASE three');
sql_in('three', 'BEGIN; CREATE EXTENSION taskly; ROLLBACK');
my $session = $node->background_psql('one');
$session->query_safe('BEGIN; CREATE EXTENSION taskly');
sql_in('two', 'CREATE EXTENSION taskly');
poll_ok($node, 'two', 'SELECT state FROM taskly.leader', 'leading', 'CREATE EXTENSION starts a scheduler');
is(sql_in('postgres', processes_in('one')), '0', 'not before it has committed');
$session->query_safe('COMMIT');
$session->quit;
poll_ok($node, 'one', 'SELECT state FROM taskly.leader', 'leading', 'but then');
is(count_in_log($node, qr/leads database "three"/), 0, 'and not when it was rolled back');

sql_in('postgres', 'CREATE DATABASE late');
sql_in('late', q{BEGIN; CREATE EXTENSION taskly; PREPARE TRANSACTION 'later'});
sql_in('late', q{COMMIT PREPARED 'later'});
poll_ok($node, 'late', 'SELECT state FROM taskly.leader', 'leading', 'so does COMMIT PREPARED of it');
quickly($node, 'postgres', 'DROP DATABASE late', 10, 'DROP DATABASE is not in its way');
make_tasks($_) foreach ('one', 'two');
poll_ok($node, 'one', q{SELECT count(*) > 1 FROM effect WHERE database = 'one'}, 't', 'the first database runs its task');
poll_ok($node, 'two', q{SELECT count(*) > 1 FROM effect WHERE database = 'two'}, 't', 'the second one, too');
is(sql_in('one', q{SELECT count(*) FROM taskly.tasks}) . sql_in('one', q{SELECT count(*) FROM effect WHERE database <> 'one'}),
	'20', 'each has only its own');

# One database has more than enough to do for both workers; the other one is not kept waiting.
sql_in('one', q{SELECT count(taskly.submit('SELECT pg_sleep(0.5)')) FROM generate_series(1, 60)});
poll_ok($node, 'one', q{SELECT count(*) > 0 FROM taskly.runs WHERE status = 'running'}, 't', 'one database is busy');
my @runs = split /\n/, sql_in('two', q{SELECT taskly.submit('SELECT pg_sleep(0.01)') FROM generate_series(1, 3)});
is(sql_in('two', "SELECT taskly.wait($runs[2], '60 s')"), 'succeeded', 'with few workers, another database gets its share');
cmp_ok(sql_in('two', "SELECT extract(epoch FROM max(started_at - queued_at)) FROM taskly.runs WHERE run_id IN ("
	. join(', ', @runs) . ')'), '<', 10, 'soon');
is(sql_in('one', q{SELECT count(*) > 0 FROM taskly.runs WHERE status IN ('queued', 'running')}), 't',
	'while the first one has more to do');
sql_in('one', q{SELECT taskly.cancel(array_agg(run_id)) FROM taskly.runs WHERE status IN ('queued', 'running')});

# ---------------------------------------------------------------------------------------------
# Going
# ---------------------------------------------------------------------------------------------

sql_in('two', q{DROP TABLE effect; DROP EXTENSION taskly; DROP SCHEMA taskly});
foreach my $how ('DROP EXTENSION taskly', 'DROP EXTENSION taskly CASCADE', 'DROP SCHEMA taskly CASCADE', 'DROP OWNED BY boss')
{
	sql_in('two', q{
		SET client_min_messages = error;
		DROP SCHEMA IF EXISTS taskly; DROP ROLE IF EXISTS boss; CREATE ROLE boss SUPERUSER;
		SET ROLE boss; CREATE EXTENSION taskly});
	sql_in('two', q{SELECT taskly.submit('SELECT pg_sleep(100)')});
	poll_ok($node, 'postgres', q{
		SELECT count(*) FROM pg_stat_activity
		WHERE datname = 'two' AND backend_type = 'taskly worker' AND wait_event = 'PgSleep'},
		'1', "a long run, then $how");
	quickly($node, 'two', $how, 5, 'does not wait for it');
	poll_ok($node, 'postgres', processes_in('two'), '0', 'all processes of taskly leave');
}
sql_in('two', 'SET client_min_messages = error; DROP SCHEMA IF EXISTS taskly');

# Gone and back at once, again and again: the last word counts.
sql_in('two', 'CREATE EXTENSION taskly');
foreach my $round (1 .. 8)
{
	sql_in('two', 'DROP EXTENSION taskly');
	sql_in('two', 'CREATE EXTENSION taskly');
}
poll_ok($node, 'two', 'SELECT state FROM taskly.leader', 'leading', 'an extension that was made anew has its scheduler');
works('two', 'and works');

# ---------------------------------------------------------------------------------------------
# Commands that need a database for themselves
# ---------------------------------------------------------------------------------------------

make_tasks('two');
sql_in('postgres', q{
	CREATE ROLE nobody LOGIN;
	CREATE ROLE maker LOGIN CREATEDB});

# Somebody without rights cannot even make taskly leave.
my $pid = scheduler_pid($node, 'two');
my $term = sql_in('two', 'SELECT term FROM taskly.leader');
foreach my $command ('DROP DATABASE two', 'DROP DATABASE two WITH (FORCE)', 'ALTER DATABASE two RENAME TO six',
	'CREATE DATABASE six TEMPLATE two', 'ALTER DATABASE two SET TABLESPACE pg_default')
{
	foreach my $role ('nobody', 'maker')
	{
		my ($code, $out, $err) = $node->psql('postgres', "SET SESSION AUTHORIZATION $role;\n$command");
		like($err, qr/must be owner|permission denied/, "$role may not $command");
	}
}
is(scheduler_pid($node, 'two'), $pid, 'nor is taskly disturbed');
is(sql_in('two', 'SELECT term FROM taskly.leader'), $term, 'it has led all the time');

load('two', 150);
quickly($node, 'postgres', 'ALTER DATABASE two RENAME TO second', 10, 'RENAME works under load');
poll_ok($node, 'second', 'SELECT state FROM taskly.leader', 'leading', 'taskly comes back after it');
works('second', 'and works on');

my $directory = rel2abs(PostgreSQL::Test::Utils::tempdir());
sql_in('postgres', "CREATE TABLESPACE elsewhere LOCATION '$directory'");
load('second', 150);
quickly($node, 'postgres', 'ALTER DATABASE second SET TABLESPACE elsewhere', 15, 'SET TABLESPACE works under load');
poll_ok($node, 'second', 'SELECT state FROM taskly.leader', 'leading', 'taskly comes back after it');

# A command that fails: a session of somebody else's is there.
$session = $node->background_psql('second');
$session->query_safe('SELECT 1');
$pid = scheduler_pid($node, 'second');
my ($code, $out, $err) = $node->psql('postgres', 'DROP DATABASE second');
like($err, qr/is being accessed by other users.*There is 1 other session/s,
	'DROP DATABASE fails for another\'s session, and for that only');
$session->quit;
poll_ok($node, 'second', 'SELECT state FROM taskly.leader', 'leading', 'taskly comes back after it has failed');
isnt(scheduler_pid($node, 'second'), $pid, 'it had left');
works('second', 'and works on');

# ---------------------------------------------------------------------------------------------
# A copy
# ---------------------------------------------------------------------------------------------

sql_in('second', q{SELECT taskly.enqueue('put', '["later"]', run_at => now() + interval '1 second')});
sql_in('second', q{SELECT taskly.enqueue('put', '["far"]', run_at => now() + interval '1 day')});
load('second', 150);
quickly($node, 'postgres', 'CREATE DATABASE copy TEMPLATE second', 15, 'CREATE DATABASE TEMPLATE works under load');
is(sql_in('copy', 'SELECT state FROM taskly.leader'), 'parked', 'the copy is parked');
like(sql_in('copy', 'SELECT reason FROM taskly.leader'), qr/taskly\.adopt\(\)/, 'and says what to do');
is(sql_in('copy', q{SELECT bool_and(parked) FROM taskly.tasks}), 't', 'so are its tasks');
poll_ok($node, 'second', q{SELECT count(*) FROM effect WHERE what = 'later'}, '1', 'the original works on');
$node->restart;
poll_ok($node, 'second', 'SELECT state FROM taskly.leader', 'leading', 'also after a restart');
works('second', 'when the scheduler of each database has been started');
poll_ok($node, 'copy', q{SELECT count(*) FROM taskly.scheduler_state() WHERE pid IS NOT NULL}, '1', 'that of the copy, too');
is(sql_in('copy', 'SELECT state FROM taskly.leader'), 'parked', 'which is still parked');
is(sql_in('copy', q{SELECT count(*) FROM effect WHERE database = 'copy'}), '0', 'nothing has run there');
my $original = q{
	SELECT h.home_id, (SELECT count(*) FROM taskly.task t WHERE t.home_id = h.home_id),
		(SELECT count(*) FROM taskly.pending_run p WHERE p.home_id = h.home_id AND p.due_at > now() + interval '1 hour')
	FROM taskly.home h};
my $before = sql_in('second', $original);
cmp_ok(sql_in('copy', 'SELECT taskly.adopt()'), '>=', 4, 'adopt() brings in tasks and runs');
poll_ok($node, 'copy', q{SELECT count(*) FROM effect WHERE database = 'copy' AND what = 'later'}, '1', 'then its runs are executed');
poll_ok($node, 'copy', q{SELECT count(*) > 0 FROM effect WHERE database = 'copy' AND what = 'tick'}, 't', 'and its tasks fire');
is(sql_in('copy', 'SELECT state FROM taskly.leader'), 'leading', 'it is a home of its own');
is(sql_in('second', $original), $before, 'and the original is untouched');
is(sql_in('second', q{SELECT count(*) FROM effect WHERE what = 'later'}), '1', 'it has not run twice');

# A copy that is adopted at once, before anybody has connected to it.
sql_in('postgres', 'DROP DATABASE copy');
sql_in('postgres', 'CREATE DATABASE copy TEMPLATE second');
sql_in('copy', 'SELECT taskly.adopt()');
works('copy', 'a copy that is adopted at once works');

# ---------------------------------------------------------------------------------------------
# More databases than taskly.max_databases
# ---------------------------------------------------------------------------------------------

# one, second and copy fill the entries.
my $offset = -s $node->logfile;
poll_ok($node, 'one', 'SELECT state FROM taskly.leader', 'leading', 'all entries are in use');
sql_in('three', 'CREATE EXTENSION taskly');
ok(poll_until(sub { count_in_log($node, qr/all entries for databases are in use/, $offset) }),
	'one database too many is logged');
like(sql_in('three', 'SELECT state || reason FROM taskly.leader'), qr/^none.*taskly\.max_databases/, 'and its view says so');
sql_in('three', q{SELECT taskly.submit('SELECT 1')});
works($_, "$_ works on") foreach ('one', 'second', 'copy');
sql_in('postgres', 'CREATE DATABASE four');
sql_in('four', 'CREATE EXTENSION taskly');
works('second', 'a second one too many waits, too');
quickly($node, 'postgres', 'DROP DATABASE copy', 10, 'DROP DATABASE works');
quickly($node, 'postgres', 'DROP DATABASE second WITH (FORCE)', 10, 'DROP DATABASE FORCE works');
poll_ok($node, 'three', q{SELECT count(*) FROM taskly.runs WHERE status = 'succeeded'}, '1', 'the waiting one takes the place that is free');
works('four', 'and the next one the next');
is(count_in_log($node, qr/all entries for databases are in use/, $offset), 1, 'there was one line in the log');

check_invariants($node, qw(one three four));
$node->stop('fast');

# Databases that do not use taskly need no entry but for a look.
$offset = -s $node->logfile;
$node->append_conf('postgresql.conf', 'taskly.max_databases = 1');
$node->start;
sql_in($_, 'DROP EXTENSION taskly') foreach ('three', 'four');
poll_ok($node, 'one', 'SELECT state FROM taskly.leader', 'leading', 'one entry serves the one database that needs it');
$node->stop('fast');

# Many databases: one starts as soon as another has, long before the safety wake of a minute.
$node->append_conf('postgresql.conf', 'taskly.max_databases = 12');
$node->start;
foreach my $n (1 .. 8)
{
	sql_in('postgres', "CREATE DATABASE many$n");
	sql_in("many$n", 'CREATE EXTENSION taskly');
}
foreach my $round (1 .. 3)
{
	$node->restart;
	ok( poll_until(sub {
			sql_in('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly scheduler'") == 9
		}, 30),
		"restart $round: each database has its scheduler");
}
$node->stop('fast');

done_testing();
