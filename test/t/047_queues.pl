# Queues on a real server: the orders of all algorithms, shares, rates and limits, strict order past failures and
# crashes, and more stuck runs than memory holds. What is checked is who was before whom, and how many at once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use List::Util qw(shuffle);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

seed_random();

my $node = start_node(q{
max_worker_processes = 16
taskly.max_workers = 1
restart_after_crash = on
autovacuum = off
fsync = off
});

sub all_end
{
	my ($where, $name) = @_;

	return polls("SELECT count(*) FROM taskly.runs WHERE $where AND finished_at IS NULL", '0', $name);
}

# A queue that is paused, and a task of the same name that sleeps for so many milliseconds as it is told.
sub make_queue
{
	my ($queue, $options) = @_;

	sql(qq{
		SELECT taskly.create_queue('$queue', $options);
		SELECT taskly.pause_queue('$queue');
		SELECT taskly.define('$queue', 'SELECT pg_sleep((\$1 ->> 0)::float8 / 1000)', queue => '$queue')});
}

# Runs of its task in a row, all of a key.
sub put
{
	my ($task, $key, $count, $ms) = @_;

	sql(qq{SELECT count(*) FROM taskly.enqueue_many('$task', array_fill('[$ms]'::jsonb, ARRAY[$count]), array_fill('$key'::text, ARRAY[$count]))});
}

sub restart_with
{
	my ($settings) = @_;

	$node->append_conf('postgresql.conf', $settings);
	$node->restart;
	polls('SELECT state FROM taskly.leader', 'leading', 'there is a leader again');
}

# The server starts its processes anew.
sub kill_scheduler
{
	my $pid = scheduler_pid($node, 'postgres');

	kill('KILL', $pid);
	polls("SELECT state = 'leading' AND pid <> $pid FROM taskly.leader", 't', 'a scheduler was killed, and another one leads');
}

# How many attempts of those that a condition names were in execution at once, at most, of one value of $of.
sub most_at_once
{
	my ($where, $of) = @_;

	return sql(qq{
		SELECT max(n) FROM (
			SELECT sum(step) OVER (PARTITION BY $of ORDER BY at, step ROWS UNBOUNDED PRECEDING) AS n
			FROM taskly.attempts, LATERAL (VALUES (started_at, 1), (finished_at, -1)) e (at, step)
			WHERE $where) s});
}

sql(q{
	CREATE TABLE effect (n int);
	-- What is in the table stays, or fails, until it is opened.
	CREATE TABLE gate (name text PRIMARY KEY);
	CREATE FUNCTION stay(which text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		WHILE EXISTS (SELECT FROM gate WHERE name = which) LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
	END $$;
	CREATE FUNCTION break(which text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM gate WHERE name = which) THEN
			RAISE 'it is broken';
		END IF;
	END $$;
});

# ---------------------------------------------------------------------------------------------
# Shares
# ---------------------------------------------------------------------------------------------

# Time that each one of $of had until the first of them had nothing more to do, as parts of the first's.
sub shares
{
	my ($of, @names) = @_;
	my $list = join(', ', map { "'$_'" } @names);
	my %time = map { split /\|/ } split /\n/, sql(qq{
		WITH part AS (SELECT $of AS name, started_at, finished_at FROM taskly.attempts WHERE $of IN ($list)),
			span AS (SELECT min(z) AS z FROM (SELECT max(finished_at) AS z FROM part GROUP BY name) s)
		SELECT name, sum(extract(epoch FROM least(finished_at, z) - started_at)) FROM part, span WHERE started_at < z GROUP BY 1});

	return map { $time{$_} / $time{ $names[0] } } @names;
}

sub is_about
{
	my ($share, $expected, $name) = @_;

	ok($share > $expected / 1.25 && $share < $expected * 1.25, $name) or diag("a share of $share, not $expected");
}

make_queue('fair', q{'fair'});
sql(q{SELECT taskly.set_key('fair', 'double', weight => 2)});
put('fair', 'double', 120, 10);
put('fair', 'short', 60, 10);
put('fair', 'long', 14, 50);
polls(q{SELECT depth || ' ' || running FROM taskly.queues WHERE name = 'fair'}, '194 0', 'nothing of a paused queue runs');
like(sql(q{SELECT reason FROM taskly.queues WHERE name = 'fair'}), qr/paused/, 'which says why');
sql(q{SELECT taskly.resume_queue('fair')});
all_end(q{queue = 'fair'}, 'a fair queue is worked off');
my (undef, $long, $double) = shares('key', 'short', 'long', 'double');
is_about($long, 1, 'a key of long runs has the time of one of short runs');
is_about($double, 2, 'a key of twice the weight has twice the time');
is(sql(q{SELECT bool_and(run_id > lag) FROM (
		SELECT run_id, lag(run_id) OVER (PARTITION BY key ORDER BY started_at) FROM taskly.attempts WHERE queue = 'fair') a}),
	't', 'each key is in order');

make_queue('hog', q{'fair'});
put('hog', 'hog', 1782, 0);
sql(q{SELECT count(*) FROM taskly.enqueue_many('hog', array_fill('[0]'::jsonb, ARRAY[198]),
		ARRAY(SELECT 'key ' || n % 99 FROM generate_series(1, 198) n))});
sql(q{SELECT taskly.resume_queue('hog')});
all_end(q{queue = 'hog'}, 'a queue with a hundred keys is worked off');
# Of time, not of runs: one of a key with two that takes long, for it is the first of its worker, is held against it.
is(sql(q{
		WITH part AS (SELECT key, started_at, finished_at - started_at AS used FROM taskly.attempts WHERE queue = 'hog')
		SELECT sum(used) FILTER (WHERE key = 'hog') < 2 * sum(used) FILTER (WHERE key <> 'hog')
		FROM part WHERE started_at < (SELECT max(started_at) FROM part WHERE key <> 'hog')}),
	't', 'one that has nine of ten runs does not hold up the others');

make_queue('third', q{'fifo', weight => 1});
make_queue('first', q{'fifo', weight => 3});
put('third', 'k', 120, 5);
put('first', 'k', 120, 5);
sql(q{BEGIN; SELECT taskly.resume_queue('third'); SELECT taskly.resume_queue('first'); COMMIT});
all_end(q{queue IN ('first', 'third')}, 'two queues are worked off');
is_about((shares('queue', 'third', 'first'))[1], 3, 'queues share by weight');

# ---------------------------------------------------------------------------------------------
# Orders, with one worker
# ---------------------------------------------------------------------------------------------

# Puts runs into a paused queue in random order; each is a statement. Then they run as they are numbered in args.
sub runs_in_order
{
	my ($queue, $name, @statements) = @_;

	sql(join(';', 'BEGIN', @statements, 'COMMIT'));
	sql("SELECT taskly.resume_queue('$queue')");
	all_end("queue = '$queue'", "$name: all run");
	is(sql(qq{
			SELECT string_agg(n::text, ' ' ORDER BY at) FROM (
				SELECT (r.args ->> 1)::int AS n, r.started_at AS at FROM taskly.runs r WHERE queue = '$queue') o}),
		join(' ', 1 .. @statements), $name);
}

make_queue('edf', q{'edf'});
runs_in_order('edf', 'the earlier deadline first, and none at last',
	shuffle(map { "SELECT taskly.enqueue('edf', '[0, $_]', deadline => interval '1 hour' + interval '$_ min')" } 1 .. 30),
	map { "SELECT taskly.enqueue('edf', '[0, $_]')" } 31 .. 35);

make_queue('rm', q{'rate_monotonic'});
my @periods = ('every 10 minutes', '0 0,1 1 1 *', 'every 2 hours', '0 3 * * *', 'every 40 days');
sql(qq{SELECT taskly.schedule('period $_', '$periods[$_ - 1]', 'SELECT 1', queue => 'rm')}) foreach shuffle(1 .. 5);
runs_in_order('rm', 'the shorter period first, and none at last',
	shuffle(map { "SELECT taskly.enqueue('period $_', '[0, $_]')" } 1 .. 5),
	map { "SELECT taskly.enqueue('rm', '[0, $_]')" } 6 .. 8);

make_queue('aging', q{'priority', aging => '1 second'});
my @ranks = sort { $b->[0] + $b->[1] <=> $a->[0] + $a->[1] } map { [ $_ * 7 % 11, $_ * 3 ] } 0 .. 9;
runs_in_order('aging', 'a second of waiting is worth a step of priority',
	shuffle(map { my ($priority, $waited) = @{ $ranks[$_] };
		"SELECT taskly.enqueue('aging', '[0, " . ($_ + 1) . "]', priority => $priority, run_at => now() - interval '$waited s')" } 0 .. 9));

# ---------------------------------------------------------------------------------------------
# Another algorithm under a backlog
# ---------------------------------------------------------------------------------------------

make_queue('moody', q{'fifo'});
sql(q{
	SELECT taskly.define('moody', 'INSERT INTO effect SELECT ($1 ->> 0)::int + 0 * count(*) FROM generate_series(1, 1000)', queue => 'moody');
	SELECT count(*) FROM taskly.enqueue_many('moody', ARRAY(SELECT jsonb_build_array(n) FROM generate_series(1, 5000) n),
		ARRAY(SELECT 'key ' || n % 7 FROM generate_series(1, 5000) n));
	CREATE TABLE change (algorithm text, done int);
	SELECT taskly.resume_queue('moody');
	DO $$
	DECLARE
		wish text;
		done int := 0;
	BEGIN
		FOREACH wish IN ARRAY ARRAY['fair', 'edf', 'priority', 'rate_monotonic'] LOOP
			WHILE (SELECT count(*) FROM effect) < done + 500 LOOP
				PERFORM pg_sleep(0.002);
				COMMIT;
			END LOOP;
			PERFORM taskly.alter_queue('moody', algorithm => wish);
			COMMIT;
			done := (SELECT count(*) FROM effect);
			INSERT INTO change VALUES (wish, done);
			COMMIT;
		END LOOP;
	END $$});
is(sql('SELECT bool_and(done < 5000) FROM change'), 't', 'the algorithm changed four times under a backlog');
all_end(q{queue = 'moody'}, 'which is worked off');
is(sql('SELECT count(*), count(DISTINCT n) FROM effect'), '5000|5000', 'each run once');

# ---------------------------------------------------------------------------------------------
# So many at once
# ---------------------------------------------------------------------------------------------

restart_with("taskly.max_workers = 4\n");
make_queue('narrow keys', q{'fifo', max_running_per_key => 2});
put('narrow keys', $_, 12, 20) foreach 'a', 'b', 'c';
sql(q{SELECT taskly.resume_queue('narrow keys')});
all_end(q{queue = 'narrow keys'}, 'a queue with a limit for each key is worked off');
is(most_at_once(q{queue = 'narrow keys'}, 'key'), 2, 'two of a key at once');
cmp_ok(most_at_once(q{queue = 'narrow keys'}, 'queue'), '>', 2, 'and more of several keys');

sql(q{
	CREATE ROLE one LOGIN; CREATE ROLE two LOGIN;
	GRANT USAGE ON SCHEMA taskly TO one, two;
	SELECT taskly.set_quota('one', max_running => 1), taskly.set_quota('two', max_running => 2);
	SELECT taskly.define('narrow', 'SELECT pg_sleep(0.02)', max_running => 2);
	SELECT taskly.pause_all();
	SELECT count(taskly.enqueue('narrow')) FROM generate_series(1, 20);
	SET ROLE one;
	SELECT count(taskly.submit('SELECT pg_sleep(0.02)')) FROM generate_series(1, 20);
	SET ROLE two;
	SELECT count(taskly.submit('SELECT pg_sleep(0.02)')) FROM generate_series(1, 20);
	RESET ROLE;
	SELECT taskly.resume_all()});
all_end('true', 'a task with a limit and two roles with quotas are worked off');
is(most_at_once(q{task = 'narrow'}, 'task'), 2, 'two of a task at once');
is(most_at_once(q{owner = 'one'::regrole}, 'owner'), 1, 'one of a role');
is(most_at_once(q{owner = 'two'::regrole}, 'owner'), 2, 'two of another');
sql(q{SELECT taskly.drop_task('narrow')});

# ---------------------------------------------------------------------------------------------
# Rates, and strict order past failures; through crashes
# ---------------------------------------------------------------------------------------------

make_queue('rated', q{'fifo', rate => 20, burst => 5});
make_queue('rated keys', q{'fair', rate_per_key => 20});
make_queue('strict', q{'fifo', block_key_on_failure => true});
put('rated', 'k', 90, 0);
put('rated keys', $_, 60, 0) foreach 'a', 'b';
sql(q{
	INSERT INTO gate VALUES ('flaky'), ('broken'), ('lost');
	SELECT taskly.define(name, format('SELECT break(%L)', name), queue => 'strict', max_attempts => 1) FROM gate;
	SELECT taskly.alter('flaky', max_attempts => 100, backoff => 'fixed 500ms jitter none')});
my %first;
foreach my $task ('flaky', 'broken', 'lost')
{
	$first{$task} = sql(qq{SELECT taskly.enqueue('$task', key => '$task')});
	put('strict', $task, 5, 0);
}
put('strict', 'sane', 5, 0);
sql(q{SELECT taskly.resume_queue(name) FROM taskly.queues WHERE paused_at IS NOT NULL});

# How many runs behind the first one of a key have not begun.
sub stuck_are
{
	my ($key, $expected, $name) = @_;

	polls(qq{SELECT count(*) FROM taskly.runs WHERE queue = 'strict' AND key = '$key' AND task = 'strict' AND status = 'queued'},
		$expected, $name);
}

sub fails_again
{
	my ($name) = @_;
	my $attempts = sql("SELECT count(*) FROM taskly.attempts WHERE run_id = $first{flaky}");

	polls("SELECT count(*) > $attempts FROM taskly.attempts WHERE run_id = $first{flaky}", 't', "a run fails $name");
	stuck_are('flaky', 5, 'those behind it wait');
}

stuck_are('sane', 0, 'another key goes on');
fails_again('for the first time');
polls(q{SELECT string_agg(key, ' ' ORDER BY key) FROM taskly.keys WHERE blocked_by IS NOT NULL}, 'broken lost', 'runs that ended badly block their keys');
kill_scheduler();
fails_again('after a crash');
stuck_are($_, 5, 'those of a blocked key wait, too') foreach 'broken', 'lost';
$node->restart;
fails_again('after a restart');
put('strict', 'sane', 5, 0);
stuck_are('sane', 0, 'another key goes on');
stuck_are($_, 5, 'those of a blocked key wait, too') foreach 'broken', 'lost';

sql(q{DELETE FROM gate WHERE name = 'flaky'});
stuck_are('flaky', 0, 'when it succeeds, the others follow');
sql(q{CREATE TABLE resumed AS SELECT clock_timestamp() AS at; SELECT taskly.resume_key('strict', 'broken')});
stuck_are('broken', 0, 'a key that is resumed goes on');
is(sql(qq{DELETE FROM gate WHERE name = 'lost'; SELECT taskly.retry($first{lost})}), 't', 'a run that had failed is retried');
stuck_are('lost', 0, 'its key goes on');
all_end(q{queue = 'strict'}, 'all end');
is(sql(q{
		SELECT string_agg(DISTINCT concat_ws(' ', key, in_order), ', ') FROM (
			SELECT key, run_id > lag(run_id) OVER w AND started_at >= lag(finished_at) OVER w AS in_order
			FROM taskly.attempts WHERE queue = 'strict' AND status = 'succeeded'
			WINDOW w AS (PARTITION BY key ORDER BY started_at)) a
		WHERE in_order IS NOT NULL}),
	'broken t, flaky t, lost t, sane t', 'all of a key are one after another, in order');
is(sql(q{SELECT bool_and(started_at > at) FROM taskly.attempts, resumed WHERE key = 'broken' AND status = 'succeeded'}),
	't', 'none of a blocked key before it was resumed');

all_end(q{queue LIKE 'rated%'}, 'queues with rates are worked off');

# The most in any second. Who was handed over in time may begin late on a busy machine, next to a later one.
sub most_in_a_second
{
	my ($queue, $of, $at) = @_;

	return sql(qq{
		SELECT max(n) FROM (
			SELECT count(*) OVER (PARTITION BY $of ORDER BY $at RANGE BETWEEN CURRENT ROW AND '999999 us' FOLLOWING) AS n
			FROM taskly.attempts WHERE queue = '$queue') s});
}
foreach ([ 'rated', 'queue', 25 ], [ 'rated keys', 'key', 20 ])
{
	my ($queue, $of, $limit) = @$_;

	cmp_ok(most_in_a_second($queue, $of, 'picked_at'), '<=', $limit, "$queue: no more in any second than the rate and its burst");
	cmp_ok(most_in_a_second($queue, $of, 'started_at'), '<=', $limit + 1, "$queue: nor begin");
	cmp_ok(most_in_a_second($queue, $of, 'picked_at'), '>=', $limit - 8, "$queue: but nearly as many");
}

# ---------------------------------------------------------------------------------------------
# More that is stuck than memory holds
# ---------------------------------------------------------------------------------------------

restart_with("taskly.ready_limit = 200\n");
sql(q{TRUNCATE effect; INSERT INTO gate VALUES ('stay'), ('wrong')});
foreach my $algorithm ('fifo', 'fair')
{
	make_queue("stuck $algorithm", "'$algorithm', block_key_on_failure => true");
	sql(qq{
		SELECT taskly.define('stuck $algorithm', 'INSERT INTO effect SELECT (\$1 ->> 0)::int', queue => 'stuck $algorithm');
		SELECT taskly.define('stay $algorithm', 'SELECT stay(''stay'')', queue => 'stuck $algorithm');
		SELECT taskly.define('wrong $algorithm', 'SELECT break(''wrong'')', queue => 'stuck $algorithm');
		SELECT taskly.define('paused $algorithm', 'INSERT INTO effect SELECT (\$1 ->> 0)::int', queue => 'stuck $algorithm');
		SELECT taskly.pause('paused $algorithm');
		SELECT taskly.pause_key('stuck $algorithm', 'paused');
		SELECT taskly.enqueue('stay $algorithm', key => 'busy'), taskly.enqueue('wrong $algorithm', key => 'blocked');
		SELECT count(*) FROM taskly.enqueue_many('stuck $algorithm', ARRAY(SELECT jsonb_build_array(n) FROM generate_series(1, 1800) n),
			ARRAY(SELECT (ARRAY['paused', 'busy', 'blocked'])[n % 3 + 1] FROM generate_series(1, 1800) n));
		SELECT count(*) FROM taskly.enqueue_many('paused $algorithm', ARRAY(SELECT jsonb_build_array(n) FROM generate_series(1801, 2300) n));
		SELECT count(*) FROM taskly.enqueue_many('stuck $algorithm', ARRAY(SELECT jsonb_build_array(n) FROM generate_series(2301, 2500) n),
			ARRAY(SELECT 'key ' || n % 50 FROM generate_series(2301, 2500) n))});
}
sql(q{BEGIN; SELECT taskly.resume_queue('stuck fifo'); SELECT taskly.resume_queue('stuck fair'); COMMIT});
polls('SELECT count(*) FROM effect', '400', 'what is behind 4,600 stuck runs gets through a memory of 200');
is(sql('SELECT count(*) FROM effect WHERE n <= 2300'), '0', 'and nothing else');
is(sql('SELECT waiting <= 200 FROM taskly.leader'), 't', 'memory holds as many as it may');

# The processor time that the scheduler takes, in seconds.
my $pid = scheduler_pid($node, 'postgres');

sub used
{
	my @stat = split / /, slurp_file("/proc/$pid/stat") =~ s/.*\) //sr;

	return ($stat[11] + $stat[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

SKIP:
{
	skip 'there is no /proc', 1 unless -r "/proc/$pid/stat";
	my $used = used();

	sql('SELECT pg_sleep(1)');
	cmp_ok(used() - $used, '<', 0.1, 'while nothing may start the scheduler rests');
}

sql(q{
	DELETE FROM gate;
	SELECT taskly.resume_key(name, 'paused'), taskly.resume_key(name, 'blocked') FROM taskly.queues WHERE name LIKE 'stuck%';
	SELECT taskly.resume('paused fifo'), taskly.resume('paused fair')});
all_end('true', 'when all may start, all do');
is(sql('SELECT count(*), count(DISTINCT n) FROM effect'), '5000|2500', 'once each');
is(sql(q{
		SELECT string_agg(DISTINCT concat_ws(' ', queue, key), ', ') FROM (
			SELECT queue, key, run_id < lag(run_id) OVER (PARTITION BY queue, key ORDER BY started_at) AS is_late
			FROM taskly.attempts WHERE queue LIKE 'stuck%' AND key IS NOT NULL AND status = 'succeeded') a
		WHERE is_late}), '', 'each key in order');

check_settled($node, 'postgres');
$node->stop('fast');

done_testing();
