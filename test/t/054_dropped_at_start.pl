# A database is dropped while its scheduler starts: that is no error, and nothing to alarm anybody.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = new_node('main');
my $gone = qr/database \d+ does not exist/;
$node->start;

# A launcher that starts has a scheduler look into every database that it finds. It comes a second
# after the last one was ended, and then one of these databases is dropped in between.
my $tries = 0;
until (count_in_log($node, $gone) > 0 || $tries++ == 300)
{
	$node->safe_psql('postgres', "CREATE DATABASE short$tries");
	$node->safe_psql("short$tries", 'CREATE EXTENSION taskly');
	$node->safe_psql('postgres', q{
		SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'taskly launcher'});
	$node->safe_psql('postgres', "DROP DATABASE short$tries WITH (FORCE)");
}
cmp_ok(count_in_log($node, $gone), '>', 0, 'a scheduler started for a database that was dropped');
is(count_in_log($node, qr/FATAL:  database \d+ does not exist/), 0, 'it left without an error');
is(count_in_log($node, qr/LOG:  database \d+ does not exist/), count_in_log($node, $gone), 'but said so');

$node->safe_psql('postgres', 'CREATE EXTENSION taskly');
poll_ok($node, 'postgres', 'SELECT state FROM taskly.leader', 'leading', 'others are served as ever');
check_invariants($node, 'postgres');
done_testing();
