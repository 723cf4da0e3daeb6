# Installing: with and without the preload, in whose schema, and gone again without a trace.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;

# Without the preload, CREATE EXTENSION works, as a dump must restore anywhere; it says what is
# missing, and so does every call that would need the processes.
my ($code, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION taskly');
is($code, 0, 'CREATE EXTENSION works without the preload');
like($err, qr/WARNING:.*\n.*HINT:.*shared_preload_libraries/, 'with a warning that names the setting');

my %needy = (
	schedule => q{taskly.schedule('t', '@hourly', 'SELECT 1')},
	define => q{taskly.define('t', 'SELECT 1')},
	alter => q{taskly.alter('t', description => 'd')},
	drop_task => q{taskly.drop_task('t')},
	pause => q{taskly.pause('t')},
	resume => q{taskly.resume('t')},
	pause_all => q{taskly.pause_all()},
	resume_all => q{taskly.resume_all()},
	enqueue => q{taskly.enqueue('t')},
	enqueue_many => q{taskly.enqueue_many('t', '{null}'::jsonb[])},
	submit => q{taskly.submit('SELECT 1')},
	cancel => q{taskly.cancel(1)},
	'cancel of many' => q{taskly.cancel('{1}'::bigint[])},
	retry => q{taskly.retry(1)},
	wait => q{taskly.wait(1)},
	create_queue => q{taskly.create_queue('q')},
	alter_queue => q{taskly.alter_queue('q', weight => 2)},
	drop_queue => q{taskly.drop_queue('q')},
	pause_queue => q{taskly.pause_queue('q')},
	resume_queue => q{taskly.resume_queue('q')},);
foreach my $name (sort keys %needy)
{
	($code, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT $needy{$name}");
	like($err, qr/ERROR:  55000:.*HINT:.*shared_preload_libraries/s,
		"$name says what to set without the preload");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM taskly.next_runs('@hourly', 3)}),
	'3', 'what is pure works without the preload');
is($node->safe_psql('postgres', 'SELECT state FROM taskly.leader'),
	'not loaded', 'taskly.leader says that the server has not loaded taskly');
foreach my $view (qw(tasks runs attempts failures queues workers nodes stats))
{
	is($node->safe_psql('postgres', "SELECT count(*) FROM taskly.$view WHERE false"),
		'0', "taskly.$view can be read without the preload");
}

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'taskly'\n");
$node->restart;

poll_ok($node, 'postgres',
	q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly launcher'},
	'1', 'the launcher runs in a server with the preload');
poll_ok($node, 'postgres', 'SELECT state FROM taskly.leader', 'leading',
	'an extension that was made without the preload works after it');
my $run = $node->safe_psql('postgres', q{SELECT taskly.submit('SELECT 1')});
is($node->safe_psql('postgres', qq{SELECT taskly.wait($run, '60 s')}), 'succeeded', 'and runs what it is asked to');
$node->safe_psql('postgres', 'DROP EXTENSION taskly; DROP SCHEMA taskly');

# A schema that somebody made before could hold objects that run with others' rights.
$node->safe_psql('postgres', 'CREATE DATABASE captured');
$node->safe_psql('captured', 'CREATE ROLE mallory; CREATE SCHEMA taskly AUTHORIZATION mallory');
($code, $out, $err) = $node->psql('captured', 'CREATE EXTENSION taskly');
isnt($code, 0, 'CREATE EXTENSION fails in a schema that is somebody else\'s');
like($err, qr/schema "taskly" belongs to role "mallory"/, 'and says whose it is');
$node->safe_psql('captured', q{
	DROP SCHEMA taskly; CREATE SCHEMA taskly;
	CREATE FUNCTION taskly.trap() RETURNS int LANGUAGE sql AS 'SELECT 1'});
($code, $out, $err) = $node->psql('captured', 'CREATE EXTENSION taskly');
isnt($code, 0, 'CREATE EXTENSION fails in a schema that holds something');
like($err, qr/schema "taskly" is not empty.*function trap\(\)/s, 'and says what it holds');
$node->safe_psql('captured', 'DROP FUNCTION taskly.trap(); CREATE EXTENSION taskly');
is($node->safe_psql('captured', q{SELECT extowner = 10 FROM pg_extension WHERE extname = 'taskly'}),
	't', 'it works in an empty one that is a superuser\'s, as a restore makes it');
$node->safe_psql('postgres', 'DROP DATABASE captured');

$node->safe_psql('postgres', 'CREATE EXTENSION taskly');
is( $node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'taskly'"),
	$node->safe_psql('postgres', "SELECT default_version FROM pg_available_extensions WHERE name = 'taskly'"),
	'the version is the default one');

# Objects that make no sense without their table go without a comment: indexes, types of rows.
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
is( $node->safe_psql('postgres', q{
		SELECT a.attrelid::regclass || '.' || a.attname
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace = 'taskly'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
			AND col_description(a.attrelid, a.attnum) IS NULL
		ORDER BY 1}),
	'', 'every column of a view has a comment');
is( $node->safe_psql('postgres', q{
		SELECT t.tgrelid::regclass FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE c.relnamespace = 'taskly'::regnamespace AND NOT t.tgisinternal
			AND obj_description(t.oid, 'pg_trigger') IS NULL}),
	'', 'every trigger has a comment');

my $definers = q{
	SELECT oid::regprocedure FROM pg_proc
	WHERE pronamespace = 'taskly'::regnamespace AND prosecdef ORDER BY 1};
is($node->safe_psql('postgres', $definers), '', 'no function runs with its owner\'s rights');
is( $node->safe_psql('postgres', q{
		SELECT c.oid::regclass FROM pg_class c
		WHERE c.relnamespace = 'taskly'::regnamespace AND c.relkind = 'v'
			AND NOT coalesce(c.reloptions @> '{security_barrier=true}', false)
			AND NOT coalesce(c.reloptions @> '{security_barrier}', false)
		ORDER BY 1}),
	'', 'every view is a security barrier');

# What a role without any grant can reach, and one that may use taskly.
$node->safe_psql('postgres', q{
	CREATE ROLE stranger LOGIN;
	CREATE ROLE tenant LOGIN;
	GRANT USAGE ON SCHEMA taskly TO tenant});
($code, $out, $err) =
  $node->psql('postgres', 'SET ROLE stranger; SELECT count(*) FROM taskly.tasks');
like($err, qr/permission denied for schema taskly/, 'a stranger sees nothing');
my $open_tables = q{
	SELECT c.oid::regclass FROM pg_class c, (VALUES ('stranger'), ('tenant')) AS r(role)
	WHERE c.relnamespace = 'taskly'::regnamespace
		AND (c.relkind IN ('r', 'p')
				AND has_table_privilege(r.role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
			OR c.relkind = 'v'
				AND has_table_privilege(r.role, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
			OR c.relkind = 'S' AND has_sequence_privilege(r.role, c.oid, 'USAGE, SELECT, UPDATE'))
	ORDER BY 1};
is($node->safe_psql('postgres', $open_tables), '', 'no table or sequence is open to everyone');
is( $node->safe_psql('postgres', q{
		SELECT has_schema_privilege('tenant', 'taskly', 'CREATE')}),
	'f', 'nobody may create objects in the schema');

# The scheduler comes with the extension and leaves with it, and nothing is left to trip over.
my $schedulers =
  "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly scheduler' AND datname = 'postgres'";
poll_ok($node, 'postgres', $schedulers, '1', 'a scheduler starts with CREATE EXTENSION');
$node->safe_psql('postgres', 'DROP EXTENSION taskly');
poll_ok($node, 'postgres', $schedulers, '0', 'and stops with DROP EXTENSION');
is( $node->safe_psql('postgres', q{
		SELECT count(*) FROM pg_depend
		WHERE refclassid = 'pg_namespace'::regclass
			AND refobjid = (SELECT oid FROM pg_namespace WHERE nspname = 'taskly')}),
	'0', 'DROP EXTENSION leaves nothing in the schema');
like($node->safe_psql('postgres', q{SET client_min_messages = error; SELECT count(*) FROM pg_settings WHERE name LIKE 'taskly.%'}),
	qr/^[1-9]/, 'the settings of a loaded server stay');

$node->safe_psql('postgres', 'CREATE EXTENSION taskly');
poll_ok($node, 'postgres', $schedulers, '1', 'a scheduler starts with a second CREATE EXTENSION');
$run = $node->safe_psql('postgres', q{SELECT taskly.submit('SELECT 1')});
is($node->safe_psql('postgres', qq{SELECT taskly.wait($run, '60 s')}), 'succeeded', 'and runs are executed');
check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
