# Runs that wait for runs, while schedulers and servers die between a parent's end and its
# children's release: each run happens exactly once, after its parents.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;
use Time::HiRes qw(time usleep);

seed_random();

my $chains = 300;
my $length = 5;
my $node = start_node(q{
timezone = 'UTC'
taskly.timezone = 'UTC'
taskly.max_workers = 3
max_worker_processes = 16
restart_after_crash = on
autovacuum = off
});
sql(q{
	CREATE TABLE effect (n serial, chain int, link int);
	CREATE FUNCTION make_chains(chains int, length int, fails boolean) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		previous bigint;
	BEGIN
		FOR c IN 1 .. chains LOOP
			previous := NULL;
			FOR l IN 1 .. length LOOP
				previous := taskly.enqueue(CASE WHEN fails AND l = 1 THEN 'fails' ELSE 'link' END,
					jsonb_build_array(c, l), depends_on => CASE WHEN l > 1 THEN ARRAY[previous] END);
			END LOOP;
		END LOOP;
	END $$;
	SELECT taskly.define('link', 'INSERT INTO effect (chain, link) VALUES (($1 ->> 0)::int, ($1 ->> 1)::int)');
	SELECT taskly.define('fails', 'SELECT 1/0')});

# All over, and who has done what.
sub wait_for_end
{
	my ($name) = @_;

	return polls('SELECT count(*) FROM taskly.pending_run', '0', "$name: all runs end");
}

# Ends a scheduler, with the whole server or alone, at some moment while runs flow.
sub disturb
{
	my ($signal) = @_;
	my $pid = scheduler_pid($node, 'postgres');

	usleep(int(rand(60_000)));
	kill $signal, $pid;
	ok(poll_until(sub {
		my $out = '';
		return try_psql($node, 'postgres', qq{
			SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'taskly scheduler' AND datname = 'postgres' AND pid <> $pid},
			stdout => \$out) == 0 && $out eq '1';
	}), "another scheduler comes after SIG$signal");
}

# ---------------------------------------------------------------------------------------------
# Chains
# ---------------------------------------------------------------------------------------------

sql("SELECT make_chains($chains, $length, false)");
foreach my $signal (map { $_ % 3 == 2 ? 'TERM' : 'KILL' } 1 .. 9)
{
	disturb($signal);
	# Something is to be going on each time.
	my $left = sql('SELECT count(*) FROM taskly.pending_run');
	note("$left runs are left");
	sql("SELECT make_chains(100, $length, false)"), $chains += 100 if $left < 500;
}
wait_for_end('chains');
my $done = sql('SELECT count(*) FROM effect');
my $made = sql('SELECT count(*) FROM taskly.run_dependency') / ($length - 1) * $length;
is($made, $chains * $length, 'chains: so many runs were made');
is($done, $made, 'chains: as many have left an effect');
is(sql(q{
	SELECT count(*) FROM taskly.runs r JOIN taskly.runs p ON p.run_id = r.depends_on[1]
	WHERE r.status <> 'succeeded' OR p.status <> 'succeeded' OR r.started_at < p.finished_at}), '0',
	'chains: each run after the one that it depends on');

# ---------------------------------------------------------------------------------------------
# Skips, and what is brought back
# ---------------------------------------------------------------------------------------------

sql("TRUNCATE effect; SELECT make_chains(200, $length, true)");
disturb($_) foreach qw(KILL TERM KILL);
wait_for_end('skips');
is(sql('SELECT count(*) FROM effect'), '0', 'skips: nothing happened');
is(sql(q{SELECT count(*) FROM taskly.runs WHERE status = 'skipped'}), 200 * ($length - 1),
	'skips: all were skipped');

# Parents are put back while children of others are being skipped and released.
sql(q{SELECT taskly.alter('fails', command => 'SELECT 1')});
foreach my $part (0 .. 3)
{
	sql(qq{
		SELECT taskly.retry(run_id) FROM taskly.runs
		WHERE task = 'fails' AND status = 'failed' AND run_id % 4 = $part});
	disturb($part % 2 ? 'KILL' : 'TERM');
}
sql(q{SELECT taskly.retry(run_id) FROM taskly.runs WHERE task = 'fails' AND status = 'failed'});
wait_for_end('brought back');
is(sql('SELECT count(*) FROM effect'), 200 * ($length - 1), 'brought back: all happened');
is(sql('SELECT count(*) FROM (SELECT DISTINCT chain, link FROM effect) e'), 200 * ($length - 1),
	'brought back: once each');

# retry() against the very scheduler that skips: it must never leave a child skipped for ever.
sql(q{SELECT taskly.alter('fails', command => 'SELECT 1/0', max_attempts => 1)});
foreach my $round (1 .. 3)
{
	sql(qq{
		SELECT taskly.alter('fails', command => 'SELECT 1/0');
		BEGIN;
		CREATE TABLE family$round AS SELECT taskly.enqueue('fails', '[0, 0]') AS parent FROM generate_series(1, 10);
		CREATE TABLE child$round AS
		SELECT taskly.enqueue('link', '[0, 0]', depends_on => ARRAY[parent]) AS child FROM family$round, generate_series(1, 20);
		COMMIT});
	# They fail, and are put back while their children are being skipped, again and again.
	for (1 .. 8)
	{
		sql("SELECT taskly.retry(array_agg(parent)) FROM family$round");
	}
	sql("SELECT taskly.alter('fails', command => 'SELECT 1')");
	polls(qq{
		SELECT count(*) FILTER (WHERE taskly.retry(parent)) + count(*) FILTER (WHERE r.status <> 'succeeded')
		FROM family$round JOIN taskly.runs r ON r.run_id = parent}, '0', "round $round: all parents succeed in the end");
	polls(qq{
		SELECT string_agg(DISTINCT r.status, ' ') FROM child$round JOIN taskly.runs r ON r.run_id = child},
		'succeeded', "round $round: and all children");
}

# ---------------------------------------------------------------------------------------------
# A restart, and deadlines that pass meanwhile
# ---------------------------------------------------------------------------------------------

sql(q{
	TRUNCATE effect;
	CREATE TABLE id AS
	SELECT taskly.enqueue('link', '[1, 1]', run_at => now() + interval '6 s') AS parent;
	ALTER TABLE id ADD child bigint, ADD late bigint, ADD after_late bigint;
	UPDATE id SET child = taskly.enqueue('link', '[1, 2]', depends_on => ARRAY[parent]),
		late = taskly.enqueue('link', '[1, 3]', deadline => '1 s', depends_on => ARRAY[parent]);
	UPDATE id SET after_late = taskly.enqueue('link', '[1, 4]', depends_on => ARRAY[late], depends_when => 'ended')});
$node->restart;
sql('SELECT taskly.wait(after_late) FROM id');
is(sql('SELECT status FROM taskly.runs, id WHERE run_id = late'), 'expired', 'restart: a deadline passes');
is(sql('SELECT taskly.wait(child) FROM id'), 'succeeded', 'restart: a waiting run runs after its parent');
is(sql(q{SELECT string_agg(link::text, ' ' ORDER BY n) FROM effect}), '4 1 2', 'restart: in order');

# An end that nobody was told: the row of the parent goes while there is no scheduler.
$node->append_conf('postgresql.conf', "taskly.enabled = off\n");
sql(q{
	TRUNCATE effect;
	UPDATE id SET parent = taskly.enqueue('link', '[2, 1]', run_at => now() + interval '1 hour');
	UPDATE id SET child = taskly.enqueue('link', '[2, 2]', depends_on => ARRAY[parent], depends_when => 'ended')});
$node->stop('immediate');
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->start;
sql(q{DELETE FROM taskly.pending_run USING id WHERE run_id = parent});
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'taskly'\ntaskly.enabled = on\n");
$node->restart;
is(sql('SELECT taskly.wait(child) FROM id'), 'succeeded', 'nobody was told: the start finds out');

# ---------------------------------------------------------------------------------------------
# What is gone from history
# ---------------------------------------------------------------------------------------------

sql(q{
	UPDATE id SET parent = taskly.enqueue('link', '[3, 1]'), late = taskly.enqueue('link', '[3, 1]', run_at => now() + interval '1 hour');
	UPDATE id SET child = taskly.enqueue('link', '[3, 2]', depends_on => ARRAY[parent, late])});
sql('SELECT taskly.wait(parent) FROM id');
polls(q{SELECT parent_status FROM taskly.run_dependency d, id WHERE d.run_id = child AND parent_id = parent},
	'succeeded', 'history: that a parent has succeeded is remembered');
sql('TRUNCATE taskly.finished_run');
$node->restart;
polls(q{SELECT count(*) FROM taskly.run_dependency d WHERE NOT EXISTS (SELECT FROM id WHERE child = run_id)}, '0',
	'history: what depended on what is forgotten with the runs');
is(sql('SELECT count(*) FROM taskly.run_dependency'), '2', 'history: but not while one waits');
sql('SELECT taskly.cancel(late) FROM id; SELECT taskly.wait(child) FROM id; SELECT taskly.retry(late) FROM id');
is(sql('SELECT taskly.wait(child) FROM id'), 'succeeded', 'history: it goes on without what is gone');

check_settled($node, 'postgres');
$node->stop('fast');
done_testing();
