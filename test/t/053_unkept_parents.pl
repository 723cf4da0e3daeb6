# A run is told to wait for one that is about to end in a queue that keeps no history of it: in the
# moment between the parent's look for its children and its commit.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = start_node(q{
taskly.max_workers = 2
log_lock_waits = on
});

sub end_of
{
	my ($run) = @_;

	return sql("SELECT taskly.wait($run, '30 s')");
}

sql(q{
	CREATE SEQUENCE tries;
	SELECT taskly.create_queue('failures', keep => 'failures'), taskly.create_queue('none', keep => 'none'),
		taskly.create_queue('none in batches', keep => 'none', batch => 10)});

my $holder = $node->background_psql('postgres');
my $child = $node->background_psql('postgres', on_error_stop => 0);
my $error = '';		# the child's last

# A run with a key that has been put off once settles its key at last, for which it needs the table
# that another session has locked: it has looked for children, and has not committed.
my $put_off_once = q{SELECT taskly.snooze('1 ms') WHERE nextval('tries') % 2 = 1};

sub hold_at_its_end
{
	my ($queue, $args) = @_;

	$holder->query_safe('BEGIN; LOCK TABLE taskly.key_block IN SHARE MODE');
	my $parent = sql("SELECT taskly.submit(\$\$$put_off_once\$\$, queue => '$queue', key => 'k', kind => 'sql', $args)");
	poll_ok($node, 'postgres', q{
		SELECT count(*) FROM pg_stat_activity JOIN pg_locks USING (pid)
		WHERE backend_type = 'taskly worker' AND NOT granted AND relation = 'taskly.key_block'::regclass},
		'1', "$queue ($args): a run is at its end");
	return $parent;
}

# Lets the parent end while another session tells a run to wait for it, and commits when it is gone;
# returns that run, or ''.
sub child_of
{
	my ($parent, $depends_when) = @_;

	$child->{stdout} = $child->{stderr} = '';
	$child->{stdin} .= "BEGIN;\nSELECT taskly.submit('SELECT 1', depends_on => ARRAY[$parent], depends_when => '$depends_when');\n\\echo told\n";
	ok(poll_until(sub {
		$child->{run}->pump_nb;
		return $child->{stdout} =~ /told/ || sql(q{
			SELECT count(*) FROM pg_stat_activity JOIN pg_locks USING (pid)
			WHERE query LIKE 'SELECT taskly.submit(%' AND backend_type = 'client backend' AND NOT granted}) eq '1';
	}), 'a child is made, or waits for the end');
	$holder->query_safe('COMMIT');
	poll_ok($node, 'postgres', "SELECT count(*) FROM taskly.pending_run WHERE run_id = $parent", '0', 'the parent is gone');
	poll_until(sub { $child->{run}->pump_nb; return $child->{stdout} =~ /told/ });
	my $made = $child->{stdout} =~ /^(\d+)$/m ? $1 : '';
	$error = $child->{stderr};
	$child->query('COMMIT');
	return $made;
}

foreach my $atomic ('atomic => true', 'atomic => false')
{
	my $run = child_of(hold_at_its_end('failures', $atomic), 'succeeded');
	is(end_of($run), 'succeeded', 'a child is not skipped because of a parent that has succeeded');

	$run = child_of(hold_at_its_end('none', $atomic), 'ended');
	is(end_of($run), 'succeeded', 'nor one of a parent that has only to be over');

	my $parent = hold_at_its_end('none', $atomic);
	is(child_of($parent, 'succeeded'), '', 'how a run of a queue that keeps nothing has ended nobody knows');
	like($error, qr/ERROR:  run $parent does not exist\nDETAIL:  It is over, and its queue keeps no history/,
		'so a run that needs its success is refused');
}

# The other order: the child is there, not yet committed, when the parent looks.
foreach my $queue ('failures', 'none', 'none in batches')
{
	sql('SELECT taskly.pause_all()');
	my @parents = split /\n/, sql("SELECT taskly.submit('SELECT 1', queue => '$queue') FROM generate_series(1, 3)");
	my $run = $holder->query_safe("BEGIN; SELECT taskly.submit('SELECT 1', depends_on => ARRAY[$parents[1]])");
	is($node->psql('postgres', "SELECT taskly.wait($run, '0')"), 3, 'a run that is not committed is not over');
	sql('SELECT taskly.resume_all()');
	poll_ok($node, 'postgres', 'SELECT count(*) FROM taskly.runs WHERE finished_at IS NULL', '0', "$queue: parents are over");
	is(sql("SELECT string_agg(run_id::text, ' ') FROM taskly.runs WHERE run_id = ANY ('{" . join(',', @parents) . "}')"),
		$parents[1], 'the one with a child is kept');
	$holder->query_safe('COMMIT');
	is(end_of($run), 'succeeded', 'the child runs');
}

$_->quit foreach ($holder, $child);
check_invariants($node, 'postgres');
done_testing();
