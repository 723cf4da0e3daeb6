# Steps of the clock while schedules are at work: a step forward is a downtime; after a step back
# what follows elapsed time goes on, times of the day are not repeated, and nothing fires twice.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;
use Time::HiRes qw(time);

my $node = start_clock_node(q{
taskly.max_workers = 2
});

sub fires_of
{
	return sql("SELECT fires FROM taskly.tasks WHERE name = '$_[0]'");
}

# Tasks that are due each second or every other minute, by elapsed time or at fixed times of the day.
sub make_steady_tasks
{
	sql(q{
		SELECT taskly.schedule('interval', 'every 1 second', 'SELECT 1', overlap => 'allow');
		SELECT taskly.schedule('elapsed', '* * * * * *', 'SELECT 1', overlap => 'allow');
		SELECT taskly.schedule('fixed', '* * 0-23 * * *', 'SELECT 1', overlap => 'allow');
		SELECT taskly.schedule('minutes ' || missed, '0 */2 0-23 * * *', 'SELECT 1', overlap => 'allow', missed => missed)
		FROM unnest('{skip,once,all}'::text[]) missed});
}

# Steps the clock at 5 seconds past a full minute, so that what is due every other minute is due for
# the step only. $made_up says what fires for it then, and what is missed.
sub step_clock
{
	my ($day, $step, $made_up) = @_;
	my $fixed_goes_on = $step ne '-90 minutes';

	sql('SELECT taskly.drop_task(task_id) FROM taskly.tasks');
	set_clock("2024-12-$day 12:00:05");
	make_steady_tasks();
	polls(q{SELECT count(*) FROM taskly.tasks WHERE fires > 1}, '3', "$step: three tasks fire each second");
	my %before = map { $_ => fires_of($_) } ('interval', 'elapsed', 'fixed');

	my $began = time();
	sql("SELECT taskly_clock.shift_wall('$step')");
	foreach my $task ('interval', 'elapsed', $fixed_goes_on ? 'fixed' : ())
	{
		polls("SELECT fires > $before{$task} + 2 FROM taskly.tasks WHERE name = '$task'", 't', "$step: what is due each second goes on ($task)");
	}
	cmp_ok(time() - $began, '<', 20, "$step: at once");
	is(fires_of('fixed'), $before{fixed}, "$step: times of the day are not repeated") if !$fixed_goes_on;
	is(sql(q{
			SELECT count(*) FROM (
				SELECT FROM taskly.runs WHERE task LIKE 'minutes %' OR task = 'fixed' GROUP BY task, scheduled_for HAVING count(*) > 1) t}),
		'0', "$step: nothing fires twice");
	# The clock shows some instants again after it was set back: once, since then time goes on.
	cmp_ok(sql(q{
			SELECT max(n) FROM (
				SELECT count(*) FILTER (WHERE distance < '1 s') AS n FROM (
					SELECT task, scheduled_for - lag(scheduled_for) OVER (PARTITION BY task ORDER BY run_id) AS distance
					FROM taskly.runs WHERE task IN ('interval', 'elapsed')) d
				GROUP BY task) t}), '<=', $step =~ /^-/ ? 1 : 0, "$step: nor more often than each second");
	is(sql(q{
			SELECT string_agg(concat_ws(' ', split_part(name, ' ', 2), fires, missed_count), ', ' ORDER BY name)
			FROM taskly.tasks WHERE name LIKE 'minutes %'}),
		$made_up, "$step: what was missed is made up by policy");
}

step_clock('01', '-1 second', 'all 0 0, once 0 0, skip 0 0');
step_clock('02', '-90 minutes', 'all 0 0, once 0 0, skip 0 0');
step_clock('03', '-3650 days', 'all 0 0, once 0 0, skip 0 0');
step_clock('04', '6 minutes', 'all 3 0, once 1 2, skip 0 0');
step_clock('05', '4 hours', 'all 100 20, once 1 119, skip 0 0');
step_clock('06', '3650 days', 'all 100 2627900, once 1 2627999, skip 0 0');
sql('SELECT taskly.drop_task(task_id) FROM taskly.tasks');

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
