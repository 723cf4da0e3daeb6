# Installing: with and without the preload, in whose schema, and gone again without a trace.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

# Without the preload there are no background workers and no shared memory: CREATE EXTENSION says
# what to do, and leaves nothing behind.
my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION taskly');
isnt($code, 0, 'CREATE EXTENSION fails without the preload');
like($err, qr/shared_preload_libraries/, 'the error names the setting');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_namespace WHERE nspname = 'taskly'"),
	'0', 'and nothing is left behind');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'taskly'\n");
$node->restart;

my $launchers =
  "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly launcher'";
ok($node->poll_query_until('postgres', $launchers, '1'), 'the launcher runs in a server with the preload');

# A schema that somebody made before could hold objects that run with others' rights.
$node->safe_psql('postgres',
	'CREATE DATABASE captured');
$node->safe_psql('captured',
	'CREATE ROLE mallory; CREATE SCHEMA taskly AUTHORIZATION mallory');
($code, $out, $err) = $node->psql('captured', 'CREATE EXTENSION taskly');
isnt($code, 0, 'CREATE EXTENSION fails in a schema that is somebody else\'s');

$node->safe_psql('postgres', 'CREATE EXTENSION taskly');
is( $node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'taskly'"),
	$node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'taskly'"),
	'the version is the default one');

my $uncommented = q{
	SELECT pg_describe_object(d.classid, d.objid, 0)
	FROM pg_depend d
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'taskly')
		AND (d.classid = 'pg_proc'::regclass
			OR d.classid = 'pg_class'::regclass
				AND (SELECT relkind FROM pg_class WHERE oid = d.objid) IN ('r', 'p', 'v'))
		AND coalesce(obj_description(d.objid, (SELECT relname FROM pg_class WHERE oid = d.classid)), '') = ''
	ORDER BY 1};
is($node->safe_psql('postgres', $uncommented), '', 'every table, view and function has a comment');

my $definers = q{
	SELECT oid::regprocedure FROM pg_proc
	WHERE pronamespace = 'taskly'::regnamespace AND prosecdef ORDER BY 1};
is($node->safe_psql('postgres', $definers), '', 'no function runs with its owner\'s rights');

# What a role without any grant can reach.
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN');
($code, $out, $err) =
  $node->psql('postgres', 'SET ROLE stranger; SELECT count(*) FROM taskly.tasks');
like($err, qr/permission denied for schema taskly/, 'a stranger sees nothing');
my $open_tables = q{
	SELECT c.oid::regclass FROM pg_class c
	WHERE c.relnamespace = 'taskly'::regnamespace AND c.relkind IN ('r', 'p')
		AND has_table_privilege('stranger', c.oid, 'SELECT, INSERT, UPDATE, DELETE')
	ORDER BY 1};
is($node->safe_psql('postgres', $open_tables), '', 'no table is open to everyone');

# The scheduler comes with the extension and leaves with it.
my $schedulers =
  "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly scheduler' AND datname = 'postgres'";
ok($node->poll_query_until('postgres', $schedulers, '1'), 'a scheduler starts with CREATE EXTENSION');
$node->safe_psql('postgres', 'DROP EXTENSION taskly');
ok($node->poll_query_until('postgres', $schedulers, '0'), 'and stops with DROP EXTENSION');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'taskly')"),
	'0', 'DROP EXTENSION leaves no table');

$node->safe_psql('postgres', 'CREATE EXTENSION taskly');
ok($node->poll_query_until('postgres', $schedulers, '1'), 'a scheduler starts with a second CREATE EXTENSION');
$node->stop('fast');

done_testing();
