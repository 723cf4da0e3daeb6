# Dump and restore: all that users have made comes back, in another database and in another cluster,
# and nothing of it runs before somebody says so.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $settings = q{
taskly.max_workers = 2
max_worker_processes = 16
};
my $node = new_node('main', $settings);
my $other = new_node('other', $settings);
my $dumps = PostgreSQL::Test::Utils::tempdir();
$_->start foreach ($node, $other);

# Every column that is not a matter of here and now.
my $definitions = q{
	SELECT string_agg(to_jsonb(t)::text, E'\n' ORDER BY t.task_id)
	FROM (SELECT task_id, name, owner, command, kind, args, queue_id, schedule, paused_at, anchor,
		max_attempts, description FROM taskly.task) t};
my $queues = q{
	SELECT string_agg(j::text, E'\n' ORDER BY j::text)
	FROM (
		SELECT to_jsonb(q) FROM taskly.queue q
		UNION ALL SELECT to_jsonb(k) FROM taskly.queue_key k
		UNION ALL SELECT to_jsonb(b) FROM taskly.key_block b
		UNION ALL SELECT to_jsonb(o) FROM taskly.quota o) s (j)};
my $calendars = q{
	SELECT string_agg(to_jsonb(c)::text, E'\n' ORDER BY c.calendar_id) FROM taskly.calendar c};
my $waiting = q{
	SELECT string_agg(to_jsonb(p)::text, E'\n' ORDER BY p.run_id)
	FROM (SELECT run_id, task_id, due_at, owner, args, command, deadline_at, attempt
		FROM taskly.pending_run WHERE due_at > now() + interval '1 hour' AND source <> 'schedule') p};

# Of the runs that are not a matter of now.
my $dependencies = q{
	SELECT string_agg(to_jsonb(d)::text, E'\n' ORDER BY d.run_id, d.parent_id) FROM taskly.run_dependency d, family
	WHERE d.run_id = child};

# Dumps a database of the first node.
sub dump_database
{
	my ($database, $file, @options) = @_;

	$node->command_ok([ 'pg_dump', '-Fc', @options, '-f', "$dumps/$file", $node->connstr($database) ],
		"dump of $database into $file");
}

# Restores into a new database; pg_restore must not meet an error.
sub restore
{
	my ($target, $database, $file) = @_;

	$target->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	$target->command_ok([ 'pg_restore', '--exit-on-error', '-d', $target->connstr($database), "$dumps/$file" ],
		"restore of $file into $database");
}

# Everything has come back, is parked, and nothing has run.
sub is_parked
{
	my ($target, $database, $name) = @_;

	poll_ok($target, $database, 'SELECT count(*) FROM taskly.scheduler_state() WHERE pid IS NOT NULL', '1',
		"$name: there is a scheduler");
	is($target->safe_psql($database, 'SELECT bool_and(parked) FROM taskly.tasks'), 't', "$name: all tasks are parked");
	# A new run is of this home, and is behind all that are due.
	my $run_id = $target->safe_psql($database,
		q{SELECT taskly.submit('SELECT 1', run_at => now() + interval '1500 ms')});
	is($target->safe_psql($database, "SELECT taskly.wait($run_id, '60 s')"), 'succeeded', "$name: new runs are executed");
	is($target->safe_psql($database, 'SELECT count(*) FROM taskly.attempts'), '1', "$name: others are not");
	my ($code, $out, $err) = $target->psql($database, q{SELECT count(*) FROM effect WHERE database <> 'source'});
	is($out, '0', "$name: nor left an effect");
}

# ---------------------------------------------------------------------------------------------
# What there is to dump
# ---------------------------------------------------------------------------------------------

$_->safe_psql('postgres', 'CREATE ROLE tenant LOGIN') foreach ($node, $other);
$node->safe_psql('postgres', 'CREATE ROLE homesick LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', q{
	CREATE EXTENSION taskly;
	GRANT USAGE ON SCHEMA taskly TO tenant;
	CREATE TABLE effect (what text, database name DEFAULT current_database());
	GRANT INSERT ON effect TO tenant;
	SELECT taskly.create_queue('narrow', algorithm => 'fifo', max_running => 1);
	SELECT taskly.create_queue('keyed', algorithm => 'fair', weight => 2, rate => 5, burst => 1, block_key_on_failure => true);
	SELECT taskly.set_key('keyed', 'gold', 7), taskly.pause_key('keyed', 'lead', 'poison');
	INSERT INTO taskly.key_block SELECT queue_id, 'tin', 4711, now() FROM taskly.queue WHERE name = 'keyed';
	SELECT taskly.set_quota('tenant', max_pending => 1000), taskly.set_quota(NULL, max_tasks => 99);
	SELECT taskly.create_calendar('holidays', '{2026-12-25, 2027-01-01}');
	SELECT taskly.schedule('tick', '* * * * * *', 'INSERT INTO effect VALUES (''tick'')', description => 'every second');
	SELECT taskly.schedule('yearly', '0 0 1 1 *', 'SELECT 1', max_attempts => 3);
	SELECT taskly.define('put', 'INSERT INTO effect SELECT $1 ->> 0', queue => 'narrow');
	SELECT taskly.define('resting', 'SELECT 1');
	SELECT taskly.define('after tick', 'INSERT INTO effect VALUES (''after tick'')', after => '{tick}');
	SELECT taskly.pause('resting')});
$node->safe_psql('source', q{
	SET ROLE tenant;
	SELECT taskly.define('own', 'INSERT INTO public.effect VALUES (current_user)');
	SELECT taskly.enqueue('own', run_at => now() + interval '2 hours')});
$node->safe_psql('source', q{
	SELECT taskly.enqueue('put', '["far"]', run_at => now() + interval '1 day');
	SELECT taskly.submit('INSERT INTO effect VALUES (''ad hoc'')', run_at => now() + interval '1 day')});
# One that waits for two others, of which one has succeeded.
$node->safe_psql('source', q{
	CREATE TABLE family AS
	SELECT taskly.submit('SELECT 1') AS first, taskly.submit('INSERT INTO effect VALUES (''parent'')', run_at => now() + interval '1 day') AS second;
	ALTER TABLE family ADD child bigint;
	UPDATE family SET child = taskly.submit('INSERT INTO effect VALUES (''child'')', depends_on => ARRAY[first, second])});
poll_ok($node, 'source', q{SELECT count(*) FROM taskly.run_dependency, family WHERE run_id = child AND parent_status = 'succeeded'}, '1',
	'a run waits on when one of its parents has succeeded');
poll_ok($node, 'source', 'SELECT count(*) > 0 FROM effect', 't', 'tasks run in the original');

# ---------------------------------------------------------------------------------------------
# Another database, another cluster, while runs flow
# ---------------------------------------------------------------------------------------------

$node->safe_psql('source', q{
	SELECT count(taskly.submit('SELECT pg_sleep(0.005)')) FROM generate_series(1, 2000)});
dump_database('source', 'flowing');
is($node->safe_psql('source', q{SELECT count(*) > 0 FROM taskly.pending_run WHERE due_at <= now()}), 't',
	'runs were waiting while the dump was taken');
is($node->safe_psql('source', q{SELECT count(*) FROM taskly.attempts WHERE status <> 'succeeded'}), '0',
	'no run minded the dump');

restore($node, 'copy', 'flowing');
restore($other, 'copy', 'flowing');
foreach my $target ($node, $other)
{
	my $name = $target->name;

	is_parked($target, 'copy', $name);
	is($target->safe_psql('copy', $definitions), $node->safe_psql('source', $definitions), "$name: all tasks are there");
	is($target->safe_psql('copy', $queues), $node->safe_psql('source', $queues), "$name: all queues, keys and quotas");
	is($target->safe_psql('copy', $calendars), $node->safe_psql('source', $calendars), "$name: all calendars");
	is($target->safe_psql('copy', $waiting), $node->safe_psql('source', $waiting), "$name: all runs that wait");
	is($target->safe_psql('copy', $dependencies), $node->safe_psql('source', $dependencies), "$name: and for which");
	is($target->safe_psql('copy', q{
			SELECT (SELECT last_value FROM taskly.run_run_id_seq) >= (SELECT max(run_id) FROM taskly.pending_run),
				(SELECT last_value FROM taskly.task_task_id_seq) >= (SELECT max(task_id) FROM taskly.task),
				(SELECT last_value FROM taskly.queue_queue_id_seq) >= (SELECT max(queue_id) FROM taskly.queue)}),
		't|t|t', "$name: the sequences go on");
	is($target->safe_psql('copy', 'SELECT has_schema_privilege(\'tenant\', \'taskly\', \'USAGE\')'),
		't', "$name: who may use taskly still may");

	like($target->safe_psql('copy', 'SELECT reason FROM taskly.leader'), qr/taskly\.adopt\(\)/,
		"$name: taskly.leader says what to do");
	cmp_ok($target->safe_psql('copy', 'SELECT taskly.adopt()'), '>', 5, "$name: adopt() brings in tasks and runs");
	is($target->safe_psql('copy', 'SELECT reason IS NULL FROM taskly.leader'), 't', "$name: and then no more");
	poll_ok($target, 'copy', q{SELECT count(*) > 0 FROM effect WHERE what = 'tick' AND database = 'copy'}, 't',
		"$name: then the schedules fire");
	$target->safe_psql('copy', q{SELECT taskly.enqueue('put', '["new"]')});
	poll_ok($target, 'copy', q{SELECT count(*) FROM effect WHERE what = 'new' AND database = 'copy'}, '1',
		"$name: and new runs are executed");
	poll_ok($target, 'copy', q{SELECT count(*) FROM taskly.runs WHERE status IN ('queued', 'running') AND task IS NULL}, '0',
		"$name: and those that came along");
	is($target->safe_psql('copy', q{SELECT count(*) > 0 FROM taskly.attempts WHERE task_id IS NULL AND status = 'succeeded'}),
		't', "$name: which were some");
	poll_ok($target, 'copy', q{SELECT count(*) > 0 FROM effect WHERE what = 'after tick' AND database = 'copy'}, 't',
		"$name: what comes after a task does");
	$target->safe_psql('copy', q{UPDATE taskly.pending_run SET due_at = now() FROM family WHERE run_id = second});
	poll_ok($target, 'copy', q{SELECT string_agg(what, ' ') FROM effect WHERE what IN ('parent', 'child') AND database = 'copy'},
		'parent child', "$name: a run that waited for another runs after it");
	is($target->safe_psql('copy', 'SELECT paused_at IS NOT NULL FROM taskly.tasks WHERE name = \'resting\''), 't',
		"$name: what was paused is still");
}
is($node->safe_psql('source', q{SELECT count(*) FROM effect WHERE database <> 'source'}), '0', 'the original is untouched');
poll_ok($node, 'source', q{SELECT count(*) FROM taskly.runs WHERE status IN ('queued', 'running') AND task IS NULL}, '0',
	'and executes what is its own');

# A dump of what was restored: it has the same form.
$node->command_ok([ 'pg_dump', '-Fp', '-f', "$dumps/again.sql", $node->connstr('copy') ], 'a dump of a restored database');
unlike(slurp_file("$dumps/again.sql"), qr/COPY taskly\.(home|finished_run)/, 'neither home nor history is dumped');

# ---------------------------------------------------------------------------------------------
# Roles that are not there
# ---------------------------------------------------------------------------------------------

$node->safe_psql('source', q{
	GRANT USAGE ON SCHEMA taskly TO homesick;
	GRANT INSERT ON effect TO homesick;
	SET ROLE homesick;
	SELECT taskly.schedule('lonely', '0 0 1 1 *', 'INSERT INTO public.effect VALUES (''lonely'')');
	SELECT taskly.submit('INSERT INTO public.effect VALUES (''lonely'')', run_at => now() + interval '1 day')});

# A dump names owners; one that does not exist there is an error of the restore, which names it.
dump_database('source', 'named', '--no-acl');
$other->safe_psql('postgres', 'CREATE DATABASE named TEMPLATE template0');
my ($out, $err) = run_command([ 'pg_restore', '-d', $other->connstr('named'), "$dumps/named" ]);
like($err, qr/role "homesick" does not exist/, 'a dump with an owner that does not exist says whom it misses');
$other->safe_psql('postgres', 'CREATE ROLE homesick');
$other->command_ok([ 'pg_restore', '--exit-on-error', '--data-only', '--table=task', '--table=pending_run',
		'-d', $other->connstr('named'), "$dumps/named" ], 'once the role exists, its rows restore');
is($other->safe_psql('named', q{SELECT parked FROM taskly.tasks WHERE name = 'lonely'}), 't', 'and are parked');

# A restore that takes its time brings runs long before their queues: nobody moves them to another meanwhile.
{
	dump_database('source', 'piecemeal', '--no-acl');
	$other->safe_psql('postgres', 'CREATE DATABASE piecemeal TEMPLATE template0');
	my $restore_only = sub {
		my ($name, @what) = @_;

		$other->command_ok([ 'pg_restore', '--exit-on-error', @what, '-d', $other->connstr('piecemeal'), "$dumps/piecemeal" ], $name);
	};
	my $rest = "$dumps/piecemeal.list";

	$restore_only->('the extension is restored', '--section=pre-data');
	poll_ok($other, 'piecemeal', 'SELECT state FROM taskly.leader', 'leading', 'and is at work');
	$restore_only->('then runs', '--data-only', '--table=pending_run');
	my $leader = q{SELECT pid FROM taskly.leader};
	my $pid = $other->safe_psql('piecemeal', $leader);
	$other->safe_psql('piecemeal', "SELECT pg_terminate_backend($pid)");
	poll_ok($other, 'piecemeal', "SELECT state, pid <> $pid FROM taskly.leader", 'leading|t', 'which a new leader meets');
	poll_ok($other, 'piecemeal', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = ($leader)", 'Extension', 'and leaves alone');
	is($other->safe_psql('piecemeal', 'SELECT count(*) FROM taskly.queue'), '0', 'no queue was made for them');
	my ($list) = run_command([ 'pg_restore', '-l', "$dumps/piecemeal" ]);
	PostgreSQL::Test::Utils::append_to_file($rest, join("\n", grep { !/pending_run/ } split /\n/, $list) . "\n");
	$restore_only->('then all else', '--data-only', '-L', $rest);
}

# One that was dropped before the dump: its rows come along, and wait for ever.
$node->safe_psql('source', 'REVOKE ALL ON effect FROM homesick; REVOKE ALL ON SCHEMA taskly FROM homesick; DROP ROLE homesick');
dump_database('source', 'orphaned', '--no-acl');
my $offset = -s $other->logfile;
restore($other, 'strange', 'orphaned');
is_parked($other, 'strange', 'without the role');
$other->safe_psql('strange', 'SELECT taskly.adopt()');
$other->safe_psql('strange', q{UPDATE taskly.pending_run SET due_at = now() WHERE task_id IS NULL});
poll_ok($other, 'strange', q{SELECT count(*) > 1 FROM effect WHERE what = 'tick' AND database = 'strange'}, 't',
	'after adopt() the tasks of owners that exist run');
poll_ok($other, 'strange', q{SELECT count(*) FROM effect WHERE what = 'ad hoc' AND database = 'strange'}, '1',
	'and their runs');
is($other->safe_psql('strange', q{SELECT count(*) FROM effect WHERE what = 'lonely' AND database = 'strange'}), '0',
	'those of others do not');
is($other->safe_psql('strange', q{SELECT count(*) FROM taskly.pending_run WHERE command LIKE '%lonely%'}), '1',
	'but are kept');
is(count_in_log($other, qr/ERROR: /, $offset), 0, 'and nothing fails');

check_invariants($node, 'source', 'copy');
check_invariants($other, 'copy', 'strange');
$_->stop('fast') foreach ($node, $other);

done_testing();
