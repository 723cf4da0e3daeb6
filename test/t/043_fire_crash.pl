# Crashes, restarts and promotions in the middle of a fire of many tasks: each occurrence is there
# at most once, its effect exactly once, and what was missed is made up as each task says.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

# More than the leader fires in one transaction, some with each policy.
my $tasks = 900;
my $period = 2;
seed_random();

my $node = start_node(q{
timezone = 'UTC'
taskly.timezone = 'UTC'
taskly.max_workers = 3
max_worker_processes = 16
restart_after_crash = on
autovacuum = off
}, allows_streaming => 1);
sql(qq{
	CREATE TABLE effect (task text, scheduled_for timestamptz, run_id bigint);
	-- When a scheduler began to lead.
	CREATE TABLE lead (since timestamptz);
	CREATE PROCEDURE wait_for_fire(delay float8) LANGUAGE plpgsql AS \$\$
	DECLARE
		seen timestamptz := (SELECT max(last_fire) FROM taskly.task);
	BEGIN
		WHILE NOT EXISTS (SELECT FROM taskly.task WHERE last_fire > seen) LOOP
			COMMIT;
			PERFORM pg_sleep(0.0005);
		END LOOP;
		COMMIT;
		PERFORM pg_sleep(delay);
	END \$\$;
	BEGIN;
	SELECT taskly.schedule((ARRAY['skip', 'once', 'all'])[n % 3 + 1] || ' ' || n, '*/$period * * * * *',
		'INSERT INTO effect SELECT task, scheduled_for, run_id FROM taskly.current_run()',
		overlap => 'allow', missed => (ARRAY['skip', 'once', 'all'])[n % 3 + 1])
	FROM generate_series(1, $tasks) n;
	CREATE TABLE birth AS SELECT task_id, last_fire AS at FROM taskly.task;
	COMMIT});

# Waits until the server is back, and a later scheduler than before leads.
sub wait_until_led
{
	my ($name) = @_;
	my $out = '';

	ok(poll_until(sub {
		my $code = try_psql($node, 'postgres', q{
			INSERT INTO lead SELECT since FROM taskly.leader
			WHERE state = 'leading' AND since > (SELECT COALESCE(max(since), '-infinity') FROM lead)
			RETURNING 'yes'}, stdout => \$out);
		return $code == 0 && $out =~ /yes/;
	}), "$name: there is a leader");
}

sub kill_scheduler
{
	my ($signal) = @_;
	my $pid = scheduler_pid($node, 'postgres');

	return sub { kill $signal, $pid };
}

sub promote
{
	my ($standby) = @_;

	return sub {
		$node->stop('immediate');
		$standby->promote;
		$node = $standby;
		use_node($node);
	};
}

# What strikes is made ready first, and waits until a fire has begun.
sub strike
{
	my ($name, $action) = @_;

	sql(sprintf('CALL wait_for_fire(%f)', rand(0.03)));
	$action->();
	wait_until_led($name);
}

sub make_standby
{
	my ($name) = @_;
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$node->backup($name);
	$standby->init_from_backup($node, $name, has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	return $standby;
}

# What strikes next may strike while the last downtime is made up.
wait_until_led('at first');
foreach my $round (1 .. 2)
{
	strike("scheduler killed, $round", kill_scheduler('KILL'));
	strike("scheduler ended, $round", kill_scheduler('TERM'));
	strike("immediate stop, $round", sub { $node->stop('immediate'); $node->start });
	strike("restart, $round", sub { $node->restart });
}
strike("promotion, $_", promote(make_standby("standby_$_"))) foreach 1 .. 2;
# At last a downtime in which some instants pass for all.
strike('downtime', sub {
	my $until = time() + 2 * $period + 1;

	$node->stop('immediate');
	poll_until(sub { time() >= $until });
	$node->start;
});
polls(q{
	SELECT min(last_fire) > (SELECT max(since) FROM lead) FROM taskly.task}, 't', 'all tasks fire at last');

# All as it is at one instant: the schedules go on.
sql(qq{
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	CREATE TABLE task AS SELECT *, split_part(name, ' ', 1) AS policy FROM taskly.task;
	CREATE TABLE run AS
		SELECT run_id, task_id, scheduled_for, queued_at, 'pending' AS status, true AS is_final FROM taskly.pending_run
		UNION ALL
		SELECT run_id, task_id, scheduled_for, queued_at, status, is_final FROM taskly.finished_run;
	CREATE TABLE done AS TABLE effect;
	CREATE VIEW grid AS
		SELECT task_id, policy, instant
		FROM task JOIN birth USING (task_id),
			generate_series(date_bin('$period s', at, '2000-01-01') + interval '$period s', last_fire, '$period s') instant;
	COMMIT});

sub is_sql
{
	my ($query, $expected, $name) = @_;

	is(sql($query), $expected, $name);
}

note('fires, and missed occurrences, by policy: ' . sql(
	q{SELECT string_agg(format('%s %s %s', policy, fires, missed), ', ')
		FROM (SELECT policy, sum(fires) AS fires, sum(missed_count) AS missed FROM task GROUP BY 1) t}));
is_sql('SELECT count(*) FROM (SELECT FROM run GROUP BY task_id, scheduled_for HAVING count(*) > 1) t', '0',
	'each occurrence is there at most once');
is_sql('SELECT count(*) FROM run r LEFT JOIN grid g ON g.task_id = r.task_id AND g.instant = r.scheduled_for WHERE g.task_id IS NULL', '0',
	'and is one of its schedule');
is_sql('SELECT count(*) FROM (SELECT FROM done GROUP BY task, scheduled_for HAVING count(*) > 1) t', '0',
	'its effect is there at most once');
is_sql(q{
	SELECT count(*) FROM done d
		FULL JOIN (SELECT * FROM run WHERE status = 'succeeded') r USING (run_id, scheduled_for)
	WHERE d.task IS NULL OR r.task_id IS NULL}, '0', 'exactly for those that succeeded');
is_sql(q{SELECT string_agg(DISTINCT status, ' ') FROM run WHERE status <> 'pending'}, 'succeeded', 'none has failed');
is_sql('SELECT sum(fires) - (SELECT count(*) FROM run) FROM task', '0', 'tasks count their fires exactly');
is_sql(q{
	SELECT count(*) FROM task t JOIN (SELECT task_id, count(*) FROM grid GROUP BY 1) g USING (task_id)
	WHERE fires + missed_count <> count OR skipped <> 0}, '0', 'and what they missed');
is_sql(q{SELECT sum(missed_count) FROM task WHERE policy = 'all'}, '0', 'all that was missed is made up where the task says so');
# The first of each task after the downtime, in periods from the last instant in the downtime.
is_sql(qq{
	SELECT string_agg(concat_ws(' ', policy, greatest(first, -1)), ', ' ORDER BY policy)
	FROM (
		SELECT policy, round(extract(epoch FROM min(scheduled_for) - date_bin('$period s', since, '2000-01-01')) / $period) AS first
		FROM (SELECT max(since) AS since FROM lead) l, run JOIN task USING (task_id)
		WHERE queued_at > since - interval '1 s'
		GROUP BY policy, since) f}, 'all -1, once 0, skip 1', 'of the last downtime all, the latest or none is made up');
my $strokes = sql(q{
	SELECT count(*)
	FROM (
		SELECT min(queued_at) AS first, max(queued_at) AS last
		FROM run JOIN task USING (task_id) WHERE policy = 'all' GROUP BY scheduled_for) i
	WHERE EXISTS (SELECT FROM lead WHERE since > first AND since < last)});
cmp_ok($strokes, '>', 0, "$strokes strokes came in the middle of a fire");

check_settled($node, 'postgres');
$node->stop('fast');

done_testing();
