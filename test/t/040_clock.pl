# The clock: what taskly does when it is set, forward or back, and when time passes.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = new_node('main', q{
taskly.max_workers = 4
taskly.enable_shell = on
autovacuum = off
});
$node->start;

sub sql
{
	return $node->safe_psql('postgres', shift);
}

sub polls
{
	my ($query, $expected, $name) = @_;

	poll_ok($node, 'postgres', $query, $expected, $name);
}

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

sql('CREATE EXTENSION taskly; CREATE EXTENSION taskly_clock');
polls('SELECT state FROM taskly.leader', 'leading', 'there is a leader');

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

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
