# What a leader has passed over does not come back, and what it is about to fire is not passed over,
# when it reads its tasks again. What rows say of time goes by the clock that is set here.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = start_clock_node(q{
taskly.history_retention = '1 d'
});

# How often a task has fired, and missed a fire.
sub task_is
{
	my ($task, $expected, $name) = @_;

	return polls(qq{
		SELECT concat_ws(' ', fires, missed_count) FROM taskly.tasks WHERE name = '$task'}, $expected, "$task: $name");
}

# Another scheduler leads, and has done its first turn as a leader.
sub change_leader
{
	my $term = sql('SELECT term FROM taskly.home');
	my $pid = scheduler_pid($node, 'postgres');

	sql("SELECT pg_terminate_backend($pid)");
	polls("SELECT term > $term FROM taskly.home", 't', 'another scheduler leads');
	let_leader_turn();
	return;
}

# A run is handed out after what is due has been fired.
sub let_leader_turn
{
	is(run_end($node, 'postgres', sql(q{SELECT taskly.submit('SELECT 1', run_at => taskly_clock.now())})), 'succeeded', 'the leader has had a turn');
	return;
}

# ---------------------------------------------------------------------------------------------
# A pause of all tasks
# ---------------------------------------------------------------------------------------------

set_clock('2024-05-06 11:00');
sql(q{
	SELECT taskly.schedule('noon', '0 12 * * *', 'SELECT 1');
	SELECT taskly.pause_all()});
set_clock('2024-05-06 13:00');
sql('SELECT taskly.resume_all()');
let_leader_turn();
change_leader();
task_is('noon', '0 0', 'what a pause has skipped is not made up by the next leader');
sql(q{SELECT taskly.pause_all(until => '2024-05-07 12:30+00')});
set_clock('2024-05-07 13:00');
let_leader_turn();
change_leader();
task_is('noon', '0 0', 'nor what one has that has ended by itself');
is(sql(q{SELECT taskly.resume_all()}), 'f', 'which is in force no more');

# ---------------------------------------------------------------------------------------------
# Everything is read again
# ---------------------------------------------------------------------------------------------

set_clock('2024-05-08 11:59:50');
sql(q{SELECT taskly.schedule('skips', '0 12 * * *', 'SELECT 1', missed => 'skip')});
let_leader_turn();

my $scheduler = scheduler_pid($node, 'postgres');

kill 'STOP', $scheduler;
sql(q{SELECT pg_reload_conf(); SELECT taskly_clock.pass('15 s')});
kill 'CONT', $scheduler;
task_is('skips', '1 0', 'what is due while everything is read again is not missed');

# ---------------------------------------------------------------------------------------------
# What rows say
# ---------------------------------------------------------------------------------------------

sql(q{SELECT taskly.schedule('hourly', '1 hour', 'SELECT 1')});
is(sql(q{SELECT anchor - taskly_clock.now() BETWEEN '-5 min' AND '0' AND altered_at - taskly_clock.now() BETWEEN '-5 min' AND '0'
	FROM taskly.task WHERE name = 'hourly'}), 't', 'a task begins, and is altered, by the clock');
sql(q{SELECT taskly_clock.pass('1 day')});
sql(q{SELECT taskly.alter('hourly', description => 'x')});
is(sql(q{SELECT altered_at - anchor >= '1 day' FROM taskly.task WHERE name = 'hourly'}), 't', 'also later');

set_clock('2024-05-01 00:00');
polls(q{
	SELECT history_since <= taskly_clock.now() FROM taskly.home,
		LATERAL (SELECT taskly_clock.pass('2 min')) p}, 't', 'history is kept from the time that the clock was set back to');

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
