# Limits: what waits for room waits quietly, is served fairly, and is neither lost nor run twice.

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
max_worker_processes = 16
max_prepared_transactions = 2
autovacuum = off
});

# Empties the queues and the history between the parts of this test.
sub clear
{
	sql(q{SELECT taskly.cancel(run_id) FROM taskly.runs
		WHERE status IN ('scheduled', 'queued', 'retrying', 'running')});
	polls(q{SELECT count(*) FROM taskly.runs WHERE status IN ('scheduled', 'queued', 'retrying', 'running')}, '0', 'nothing is left to do');
	sql('TRUNCATE taskly.finished_run; TRUNCATE effect');
}

sql(q{
	CREATE TABLE effect (n int, at timestamptz DEFAULT clock_timestamp(), worker int DEFAULT pg_backend_pid());
	CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN;
	GRANT USAGE ON SCHEMA taskly TO alice, bob;
	GRANT INSERT ON effect TO alice, bob});

# ---------------------------------------------------------------------------------------------
# Roles share the workers
# ---------------------------------------------------------------------------------------------

sql(q{SET ROLE alice; SELECT count(taskly.submit('SELECT pg_sleep(0.5)')) FROM generate_series(1, 60)});
polls(q{SELECT count(*) FROM taskly.runs WHERE status = 'running'}, '2', 'one role has all workers');
sql(q{SET ROLE bob; SELECT count(taskly.submit('SELECT pg_sleep(0.5)')) FROM generate_series(1, 10)});
polls(q{SELECT count(*) FROM taskly.runs WHERE owner = 'bob'::regrole AND status = 'succeeded'}, '10', 'the other role gets through');
cmp_ok(sql(q{SELECT extract(epoch FROM min(started_at) - min(queued_at)) FROM taskly.runs WHERE owner = 'bob'::regrole}),
	'<', 2, 'its first run has started within 2 s');
cmp_ok(sql(q{
		WITH span AS (
			SELECT min(started_at) AS a, max(finished_at) AS z FROM taskly.attempts WHERE owner = 'bob'::regrole),
		work AS (
			SELECT owner, extract(epoch FROM least(finished_at, z) - greatest(started_at, a)) AS s
			FROM taskly.attempts, span WHERE finished_at > a AND started_at < z)
		SELECT sum(s) FILTER (WHERE owner = 'bob'::regrole) / sum(s) FROM work}),
	'>=', 0.35, 'and it had its share of the time of the workers while it had runs');
is(sql(q{SELECT count(*) > 0 FROM taskly.runs WHERE owner = 'alice'::regrole AND status = 'queued'}), 't',
	'although the first role was still waiting');
clear();

# ---------------------------------------------------------------------------------------------
# Behind a run that turns out slow
# ---------------------------------------------------------------------------------------------

# Nothing is known of these tasks, so a worker gets several at once.
sql(q{
	SELECT taskly.define('slow', 'SELECT pg_sleep(4)');
	SELECT taskly.define('fast ' || n, 'SELECT 1') FROM generate_series(1, 7) n});
sql(q{
	BEGIN;
	SELECT taskly.enqueue('slow');
	SELECT taskly.enqueue('fast ' || n) FROM generate_series(1, 7) n;
	COMMIT});
polls(q{SELECT count(*) FROM taskly.runs WHERE task LIKE 'fast%' AND status = 'succeeded'}, '7', 'fast runs get done');
is(sql(q{SELECT status FROM taskly.runs WHERE task = 'slow'}), 'running', 'while a slow one that came first goes on');
cmp_ok(sql(q{SELECT extract(epoch FROM max(started_at - queued_at)) FROM taskly.runs WHERE task LIKE 'fast%'}),
	'<', 0.5, 'it did not hold them up for long');
clear();

# What a worker has done before it came to a slow run is known: its queue has room.
sql(q{SELECT taskly.create_queue('narrow', max_running => 1); SELECT taskly.submit('SELECT pg_sleep(1)')});
polls(q{SELECT count(*) FROM taskly.runs WHERE status = 'running'}, '1', 'one worker is busy');
sql(q{
	SELECT taskly.define('narrow', 'SELECT 1', queue => 'narrow');
	SELECT taskly.define('slow, too', 'SELECT pg_sleep(4)');
	BEGIN;
	SELECT taskly.enqueue('narrow');
	SELECT taskly.enqueue('slow, too');
	SELECT taskly.enqueue('narrow');
	COMMIT});
polls(q{SELECT count(*) FROM taskly.runs WHERE task = 'narrow' AND status = 'succeeded'}, '2', 'a queue with room for one is worked off');
is(sql(q{SELECT status FROM taskly.runs WHERE task = 'slow, too'}), 'running',
	'although the worker that ran the first has come to a slow one');
clear();

# ---------------------------------------------------------------------------------------------
# taskly.enabled
# ---------------------------------------------------------------------------------------------

my $run = sql(q{SELECT taskly.submit('SELECT pg_sleep(2)')});
polls("SELECT status FROM taskly.runs WHERE run_id = $run", 'running', 'a run is in execution');
$node->append_conf('postgresql.conf', 'taskly.enabled = off');
$node->reload;
polls('SHOW taskly.enabled', 'off', 'taskly is switched off');
my $wakeups = sql('SELECT wakeups FROM taskly.leader');
polls("SELECT wakeups > $wakeups FROM taskly.leader", 't', 'the scheduler has heard of it');
my $later = sql(q{SELECT taskly.submit('SELECT 1')});
is(sql("SELECT taskly.wait($run, '60 s')"), 'succeeded', 'the run in execution finishes');
is(sql("SELECT status FROM taskly.runs WHERE run_id = $later"), 'queued', 'no other starts');
$node->append_conf('postgresql.conf', 'taskly.enabled = on');
$node->reload;
is(sql("SELECT taskly.wait($later, '60 s')"), 'succeeded', 'it starts when taskly is on again');

# ---------------------------------------------------------------------------------------------
# A queue's limit
# ---------------------------------------------------------------------------------------------

# The other queue is empty soon, and leaves a worker free.

sql(q{
	SELECT taskly.create_queue('single', max_running => 1);
	SELECT count(taskly.submit('SELECT pg_sleep(0.02)', queue => 'single')) FROM generate_series(1, 60);
	SELECT count(taskly.submit('SELECT pg_sleep(0.02)')) FROM generate_series(1, 20)});
polls(q{SELECT count(*) FROM taskly.attempts WHERE status = 'succeeded' AND queue = 'single'}, '60', 'a queue with a limit is worked off');
my $overlaps = q{
	SELECT count(*) FROM taskly.attempts a JOIN taskly.attempts b
		ON a.run_id < b.run_id AND a.started_at < b.finished_at AND b.started_at < a.finished_at
	WHERE a.queue = '%s' AND b.queue = '%s'};
is(sql(sprintf($overlaps, 'single', 'single')), '0', 'never with more than one run at a time');
cmp_ok(sql(sprintf($overlaps, 'single', 'default')), '>', 0, 'while the rest of the workers served another queue');
clear();

# ---------------------------------------------------------------------------------------------
# More runs than memory holds
# ---------------------------------------------------------------------------------------------

# One worker's order is the order of the effects.
$node->append_conf('postgresql.conf', 
	"taskly.ready_limit = 100\ntaskly.max_workers = 1\ntaskly.history_retention = '13s'\n");
$node->restart;
polls('SELECT state FROM taskly.leader', 'leading', 'a scheduler with little memory leads');
sql(q{SELECT taskly.define('put', 'INSERT INTO effect SELECT ($1 ->> 0)::int'); SELECT taskly.pause_all()});
# One transaction with very many; and many with a few, that come before what memory holds already.
sql(q{
	SELECT count(taskly.enqueue('put', jsonb_build_array(n), priority => n % 7)) FROM generate_series(1, 2000) n});
sql(join(";\n", map {
	"SELECT count(taskly.enqueue('put', jsonb_build_array(n), priority => n % 7,
		run_at => now() - n * interval '10 ms')) FROM generate_series($_ * 5 + 2001, $_ * 5 + 2005) n"
} (0 .. 599)));
polls('SELECT waiting BETWEEN 1 AND 100 FROM taskly.leader', 't', 'memory holds as many as it may');
sql('SELECT taskly.resume_all()');
polls('SELECT count(*) FROM effect', '5000', 'many more runs than memory holds are executed');
is(sql('SELECT count(DISTINCT n) FROM effect'), '5000', 'each of them once');
polls(q{SELECT count(*) FROM taskly.runs WHERE status = 'queued'}, '0', 'none is left');
# The aging interval is a minute, so that priorities decide; those beyond memory come up in time.
cmp_ok(sql(q{SELECT avg(r) FILTER (WHERE n % 7 = 6) - avg(r) FILTER (WHERE n % 7 = 0)
	FROM (SELECT n, row_number() OVER (ORDER BY at) AS r FROM effect) e}), '<', 0, 'higher priorities came earlier, on the whole');
clear();

# ---------------------------------------------------------------------------------------------
# Runs that come by other ways
# ---------------------------------------------------------------------------------------------

sql(q{
	BEGIN;
	SELECT taskly.enqueue('put', '[1]');
	PREPARE TRANSACTION 'enqueued'});
sql(q{
	BEGIN;
	SELECT taskly.enqueue('put', '[2]');
	PREPARE TRANSACTION 'regretted'});
sql(q{ROLLBACK PREPARED 'regretted'});
$run = sql(q{SELECT taskly.enqueue('put', '[3]')});
is(sql("SELECT taskly.wait($run, '60 s')"), 'succeeded', 'a run that came later runs');
is(sql('SELECT string_agg(n::text, \' \' ORDER BY n) FROM effect'), '3', 'a prepared one does not yet');
sql(q{COMMIT PREPARED 'enqueued'});
polls('SELECT string_agg(n::text, \' \' ORDER BY n) FROM effect', '1 3', 'it does once it is committed');

# As somebody would who mends tables by hand.
$run = sql(q{SELECT taskly.enqueue('put', '[4]', run_at => now() + interval '1 day')});
sql(qq{
	CREATE TEMP TABLE copy AS SELECT * FROM taskly.pending_run WHERE run_id = $run;
	UPDATE copy SET run_id = nextval('taskly.run_run_id_seq'), due_at = now(), args = '[5]';
	INSERT INTO taskly.pending_run SELECT * FROM copy});
polls('SELECT string_agg(n::text, \' \' ORDER BY n) FROM effect', '1 3 5', 'a row that was inserted by hand runs');
sql("UPDATE taskly.pending_run SET due_at = now() WHERE run_id = $run");
polls('SELECT string_agg(n::text, \' \' ORDER BY n) FROM effect', '1 3 4 5', 'so does one that was changed by hand');
clear();

# ---------------------------------------------------------------------------------------------
# History
# ---------------------------------------------------------------------------------------------

# A partition is written for a second, as that is how often the leader looks; there are 16.
my $offset = -s $node->logfile;
my $slot = sql('SELECT history_slot FROM taskly.home');
sql(q{SELECT taskly.schedule('tick', '* * * * * *', 'SELECT 1')});
$run = sql(q{SELECT taskly.submit('SELECT ''old''')});
is(sql("SELECT taskly.wait($run, '60 s')"), 'succeeded', 'there is history');
polls("SELECT history_slot <> $slot FROM taskly.home", 't', 'history moves on to the next partition');
polls("SELECT count(*) FROM taskly.attempts WHERE run_id = $run", '0', 'old rows go');
is(sql(q{SELECT count(*) > 0 FROM taskly.attempts}), 't', 'young ones are there');
cmp_ok(sql(q{SELECT extract(epoch FROM now() - min(finished_at)) FROM taskly.attempts}), '<', 30, 'and none is very old');
cmp_ok(sql(q{SELECT extract(epoch FROM max(finished_at) - min(finished_at)) FROM taskly.attempts}), '>', 10, 'but as old as was asked for');
is(count_in_log($node, qr/ERROR: /, $offset), 0, 'nothing failed');

# By size: a fourteenth of it, a megabyte at least, fills a partition. The task goes on, since the
# leader looks less often at what nobody writes to.
$node->append_conf('postgresql.conf', "taskly.history_retention = '7d'\ntaskly.history_max_size = '14MB'\n");
$node->reload;
polls(q{SELECT setting FROM pg_settings WHERE name = 'taskly.history_max_size'}, '14', 'history is limited by size');
$slot = sql('SELECT history_slot FROM taskly.home');
sql(q{SELECT count(taskly.submit('SELECT 1', args => to_jsonb(big.string_agg)))
	FROM generate_series(1, 300) n,
		LATERAL (SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 250) i) big});
polls("SELECT history_slot <> $slot FROM taskly.home", 't', 'a full partition is left before its time');
sql(q{SELECT taskly.drop_task('tick')});
is(count_in_log($node, qr/ERROR: /, $offset), 0, 'nothing failed');
clear();

# ---------------------------------------------------------------------------------------------
# No room for workers
# ---------------------------------------------------------------------------------------------

# The launcher, a scheduler, and PostgreSQL's launcher of logical replication.
$node->append_conf('postgresql.conf', "max_worker_processes = 3\ntaskly.max_workers = 2\n");
$offset = -s $node->logfile;
$node->restart;
polls('SELECT state FROM taskly.leader', 'leading', 'a scheduler leads in a server without room for workers');
$run = sql(q{SELECT taskly.submit('SELECT 1')});
my $full = qr/no background worker slot is free; runs wait/;
ok(poll_until(sub { count_in_log($node, $full, $offset) }), 'a run that finds no room is logged');
$run = sql(q{SELECT taskly.submit('SELECT 1')});
# The scheduler tries again each second; it does not say so each time.
$wakeups = sql('SELECT wakeups FROM taskly.leader');
polls("SELECT wakeups > $wakeups + 3 FROM taskly.leader", 't', 'the scheduler tries again');
is(sql(q{SELECT count(*) FROM taskly.runs WHERE status = 'queued'}), '2', 'the runs wait');
is(count_in_log($node, $full, $offset), 1, 'there is one line in the log');

# Another database's scheduler holds a place, and gives it up.
$node->append_conf('postgresql.conf', "max_worker_processes = 4\n");
$node->restart;
sql('CREATE DATABASE other');
polls(q{SELECT count(*) FROM taskly.runs WHERE status = 'queued'}, '0', 'with a place for a worker they are executed');
polls(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly worker'}, '1', 'by one');
sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = \'taskly worker\'');
polls(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly worker'}, '0', 'which leaves');
$node->safe_psql('other', 'CREATE EXTENSION taskly');
poll_ok($node, 'other', 'SELECT state FROM taskly.leader', 'leading', 'another database takes its place');
$offset = -s $node->logfile;
$run = sql(q{SELECT taskly.submit('SELECT 1')});
ok(poll_until(sub { count_in_log($node, $full, $offset) }), 'again a run finds no room');
is(sql("SELECT status FROM taskly.runs WHERE run_id = $run"), 'queued', 'and waits');
$node->safe_psql('other', 'DROP EXTENSION taskly');
is(sql("SELECT taskly.wait($run, '60 s')"), 'succeeded', 'until the place is free');
is(count_in_log($node, $full, $offset), 1, 'there is one line in the log for this time');

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
