# A streaming standby that has taskly loaded: silent until it is promoted, then at work at once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;
use Time::HiRes qw(time);

my $primary = new_node('primary', q{
taskly.max_workers = 2
max_worker_processes = 16
}, allows_streaming => 1);
$primary->start;
$primary->safe_psql('postgres', q{
	CREATE EXTENSION taskly;
	CREATE TABLE effect (at timestamptz, node text DEFAULT current_setting('cluster_name'));
	SELECT taskly.schedule('tick', '* * * * * *',
		'INSERT INTO effect SELECT (scheduled_for) FROM taskly.current_run()')});
poll_ok($primary, 'postgres', 'SELECT count(*) > 1 FROM effect', 't', 'the primary runs its tasks');

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# Long enough for whatever might start there.
my $seen = $primary->safe_psql('postgres', 'SELECT count(*) FROM effect');
poll_ok($primary, 'postgres', "SELECT count(*) > $seen + 3 FROM effect", 't', 'the primary goes on');
$primary->wait_for_catchup($standby);

is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'taskly %'}), '0',
	'no process of taskly runs on a standby');
is(count_in_log($standby, qr/(ERROR|FATAL|PANIC|WARNING): /), 0, 'its log is clean');
is($standby->safe_psql('postgres', 'SELECT count(*) > 0, bool_and(NOT parked) FROM taskly.tasks'), 't|t',
	'the views can be read there');
is($standby->safe_psql('postgres', 'SELECT role FROM taskly.nodes'), 'standby', 'and say where one is');
my ($code, $out, $err) = $standby->psql('postgres', q{SELECT taskly.submit('SELECT 1')});
like($err, qr/cannot execute taskly\.submit\(\) (during recovery|in a read-only transaction)/, 'a call that writes is refused');
($code, $out, $err) = $standby->psql('postgres', q{SELECT taskly.adopt()});
like($err, qr/cannot execute taskly\.adopt\(\) (during recovery|in a read-only transaction)/, 'adopt() as well');

# Promotion.
my $term = $primary->safe_psql('postgres', 'SELECT term FROM taskly.home');
$primary->safe_psql('postgres', q{SELECT taskly.submit('INSERT INTO effect VALUES (''2000-01-01'')', run_at => now() + interval '3 seconds')});
$primary->safe_psql('postgres', q{SELECT taskly.submit('SELECT pg_sleep(100)')});
poll_ok($primary, 'postgres', q{SELECT count(*) FROM taskly.runs WHERE status = 'running' AND task IS NULL}, '1', 'a run is in execution');
$primary->wait_for_catchup($standby);
$primary->stop('immediate');
$standby->promote;
my $start = time();
poll_ok($standby, 'postgres', 'SELECT state FROM taskly.leader', 'leading', 'the promoted server leads');
cmp_ok(time() - $start, '<', 3, 'within a second or so');
cmp_ok($standby->safe_psql('postgres', 'SELECT term FROM taskly.home'), '>', $term, 'in a later term');
$seen = $standby->safe_psql('postgres', 'SELECT count(*) FROM effect');
poll_ok($standby, 'postgres', "SELECT count(*) > $seen + 1 FROM effect", 't', 'its tasks fire');
poll_ok($standby, 'postgres', q{SELECT count(*) FROM effect WHERE at = '2000-01-01'}, '1', 'and a run that waited is executed');
poll_ok($standby, 'postgres', q{SELECT count(*) FROM taskly.runs WHERE status = 'running' AND task IS NULL}, '1',
	'as is the one that was interrupted, since it left no trace');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM (SELECT at FROM effect GROUP BY at HAVING count(*) > 1) t'), '0',
	'no occurrence has run twice');
is( $standby->safe_psql('postgres', q{
		SELECT count(*) FROM (
			SELECT scheduled_for FROM taskly.runs WHERE task = 'tick' GROUP BY 1 HAVING count(*) > 1) t}),
	'0', 'nor exists twice');
cmp_ok($standby->safe_psql('postgres', 'SELECT extract(epoch FROM now() - max(last_fire)) FROM taskly.task'), '<', 10,
	'last_fire has moved on');
is($standby->safe_psql('postgres', 'SELECT role FROM taskly.nodes'), 'primary', 'the views say what it is now');

$standby->safe_psql('postgres', q{SELECT taskly.cancel(run_id) FROM taskly.runs WHERE status = 'running' AND task IS NULL});
$standby->safe_psql('postgres', q{SELECT taskly.pause('tick')});
check_invariants($standby, 'postgres');
$standby->stop('fast');

done_testing();
