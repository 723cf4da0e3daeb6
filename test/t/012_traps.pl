# What a tenant may do to the transaction that holds the bookkeeping of its run, and what else
# PostgreSQL lets happen around a run: none of it may reach another role or another run, or get a
# run lost.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = start_node(q{
max_worker_processes = 24
taskly.max_workers = 4
log_statement = none
}, allows_streaming => 1);
sql(q{
	CREATE ROLE tenant LOGIN;
	CREATE ROLE other LOGIN;
	GRANT other TO tenant;
	GRANT USAGE ON SCHEMA taskly TO tenant, other;
	GRANT CREATE ON DATABASE postgres TO tenant;
	CREATE TABLE seen (what text, who text, value text);
	GRANT ALL ON seen TO PUBLIC;
});
make_gate();

# As a tenant that logged in.
sub sql_as
{
	my ($role, $query, $database) = @_;

	return $node->safe_psql($database // 'postgres', $query, extra_params => [ '-U', $role ]);
}

sub submit_as
{
	my ($role, $command, $options, $database) = @_;

	return sql_as($role, 'SELECT taskly.submit($c$' . $command . '$c$' . ($options ? ", $options" : '') . ')', $database);
}

# Submits and waits; the run's status.
sub run_as
{
	my ($role, $command, $options, $database) = @_;

	return run_end($node, $database // 'postgres', submit_as($role, $command, $options, $database));
}

# A worker has the settings that its role had when it started.
sub end_workers
{
	my ($role) = @_;
	my $workers = "FROM pg_stat_activity WHERE backend_type = 'taskly worker' AND usename = '$role'";

	sql("SELECT pg_terminate_backend(pid) $workers");
	polls("SELECT count(*) $workers", '0', "the workers of $role leave");
}

sub column
{
	my ($run_id, $columns, $database) = @_;

	return sql("SELECT $columns FROM taskly.runs WHERE run_id = $run_id", $database);
}

# Who has evaluated something of the tenant's: the canary sings into the log, which no rollback reaches.
sub singers
{
	my %who = map { $_ => 1 } slurp_file($node->logfile) =~ /CANARY (\S+)/g;

	return join ' ', sort keys %who;
}

# Operators, functions and relations that stand before those of pg_catalog in the tenant's path.
{
	my @types = qw(bigint integer text timestamptz boolean oid jsonb);
	my $evil = "CREATE SCHEMA evil;\n";

	foreach my $type (@types)
	{
		my $i = 0;

		foreach my $operator ('=', '<>', '<', '<=', '>', '>=')
		{
			my $function = 'evil.op_' . $type . $i++;

			$evil .= qq{
				CREATE FUNCTION $function($type, $type) RETURNS boolean LANGUAGE plpgsql AS \$\$
				BEGIN
					RAISE LOG 'CANARY %', current_user;
					RETURN \$1 OPERATOR(pg_catalog.$operator) \$2;
				END \$\$;
				CREATE OPERATOR evil.$operator (FUNCTION = $function, LEFTARG = $type, RIGHTARG = $type);};
		}
	}
	foreach my $signature ('now() RETURNS timestamptz', 'statement_timestamp() RETURNS timestamptz',
		'current_database() RETURNS name', 'nextval(regclass) RETURNS bigint', 'greatest_of() RETURNS integer',
		'pg_has_role(regrole, text) RETURNS boolean', 'octet_length(text) RETURNS integer')
	{
		my ($call, $function) = ('NULL', $signature =~ /^(\w+)/);
		$evil .= qq{
			CREATE FUNCTION evil.$signature LANGUAGE plpgsql AS \$\$
			BEGIN
				RAISE LOG 'CANARY %', current_user;
				RETURN $call;
			END \$\$;};
	}
	$evil .= "CREATE TABLE evil.$_ (run_id bigint, name text, owner regrole);"
	  foreach qw(pending_run finished_run task queue home pg_class pg_database pg_authid pg_extension);
	sql_as('tenant', $evil);
	sql('ALTER ROLE tenant SET search_path = evil, pg_catalog, public; GRANT USAGE ON SCHEMA evil TO PUBLIC');
	# The path of the bookkeeping that is done by superusers, too.
	sql('CREATE ROLE careless SUPERUSER LOGIN');
	sql('ALTER ROLE careless SET search_path = evil, pg_catalog, public');

	is(run_as('tenant', 'SELECT 1::bigint = 1::bigint'), 'succeeded', 'a tenant uses its own operators');
	is(singers(), 'tenant', 'the canary sings when it is called');

	# Everything that is done to a tenant's runs, from sessions and in workers with that path.
	sql_as('tenant', q{
		SELECT taskly.define('hook', 'SELECT 1');
		SELECT taskly.define('bad', 'CREATE TEMP TABLE pending_run (run_id bigint); CREATE TEMP TABLE finished_run (run_id bigint); CREATE TEMP TABLE pg_class (oid oid); SELECT 1/0',
			max_attempts => 3, backoff => 'none', retry_on => '{22012}', never_on => '{08}', on_failure => 'hook');
		SELECT taskly.define('slow', 'SELECT pg_sleep(60)', timeout => '100 milliseconds');
		SELECT taskly.define('good', 'CREATE TEMP TABLE task (task_id bigint) ON COMMIT DROP; CREATE TEMP TABLE finished_run (run_id bigint)', args => '{"a": 1}');
		SELECT taskly.schedule('every', '1 second', 'SELECT 1');
		SELECT taskly.create_queue('mine', max_running => 2);
	});
	my $bad = sql_as('tenant', q{SELECT taskly.enqueue('bad')});
	my $slow = sql_as('tenant', q{SELECT taskly.enqueue('slow')});
	my $good = sql_as('tenant', q{SELECT taskly.enqueue('good')});
	my $late = sql_as('tenant', q{SELECT taskly.enqueue('good', run_at => pg_catalog.now() + interval '1 hour', deadline => '2 hours')});
	my $long = submit_as('tenant', 'SELECT pg_sleep(60)', q{queue => 'mine'});
	my $expired = submit_as('tenant', 'SELECT 1', q{run_at => pg_catalog.now() - interval '2 hours', deadline => '1 hour'});
	is(run_end($node, 'postgres', $bad), 'failed', 'a run fails under that path');
	is(column($bad, 'sqlstate, attempt'), '22012|3', 'with its own error, in each of its attempts');
	is(run_end($node, 'postgres', $slow), 'timed_out', 'one times out');
	is(run_end($node, 'postgres', $good), 'succeeded', 'one succeeds');
	is(run_end($node, 'postgres', $expired), 'expired', 'one expires');
	polls("SELECT status FROM taskly.runs WHERE run_id = $long", 'running', 'one is in execution');
	is(sql_as('tenant', "SELECT taskly.cancel($long), taskly.cancel($late)"), 't|t', 'both are cancelled');
	is(run_end($node, 'postgres', $long), 'cancelled', 'one from its execution');
	is(run_end($node, 'postgres', $late), 'cancelled', 'one while it waited');
	is(sql_as('tenant', "SELECT taskly.retry($bad)"), 't', 'retry');
	polls("SELECT count(*) FROM taskly.attempts WHERE run_id = $bad", '4', 'and a fourth attempt');
	polls(q{SELECT runs >= 2 FROM taskly.tasks WHERE name = 'hook'}, 't', 'on_failure is called');
	polls(q{SELECT runs >= 2 FROM taskly.tasks WHERE name = 'every'}, 't', 'a schedule fires');
	is(run_as('tenant', 'SELECT 1; VACUUM public.seen', 'atomic => false'), 'succeeded', 'statements on their own');

	# The views and calls of a superuser with such a path in its session.
	foreach my $view (qw(tasks runs attempts failures queues workers leader stats))
	{
		sql_as('tenant', "SELECT pg_catalog.count(*) FROM taskly.$view");
	}
	sql_as('careless', q{
		SELECT taskly.pause('every'); SELECT taskly.resume('every'); SELECT taskly.alter('good', priority => 3);
		SELECT taskly.drop_task('every'); SELECT taskly.pause_queue('mine'); SELECT taskly.resume_queue('mine');
		SELECT taskly.drop_queue('mine');
		SELECT taskly.submit('SET search_path = pg_catalog')});
	is(singers(), 'tenant', 'nothing of the tenant\'s ran as anybody else');
	sql('ALTER ROLE tenant RESET search_path');
	end_workers('tenant');
}

# Deferred triggers fire at the end, as the owner, and their failure is the run's.
{
	sql_as('tenant', q{
		CREATE TABLE evil.judged (n integer);
		CREATE FUNCTION evil.judge() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE LOG 'CANARY %', current_user;
			IF NEW.n < 0 THEN
				RAISE EXCEPTION 'judged' USING ERRCODE = 'TK001', HINT = 'be positive';
			END IF;
			RETURN NULL;
		END $$;
		CREATE CONSTRAINT TRIGGER judge AFTER INSERT ON evil.judged DEFERRABLE INITIALLY DEFERRED
			FOR EACH ROW EXECUTE FUNCTION evil.judge();
		CREATE TABLE evil.parent (n integer PRIMARY KEY);
		CREATE TABLE evil.child (n integer REFERENCES evil.parent DEFERRABLE INITIALLY DEFERRED);
	});
	my $bad = submit_as('tenant', 'INSERT INTO evil.judged VALUES (-1)');
	is(run_end($node, 'postgres', $bad), 'failed', 'a deferred trigger that fails, fails the run');
	is(column($bad, 'sqlstate, message, hint'), 'TK001|judged|be positive', 'with the trigger\'s error');
	my $orphan = submit_as('tenant', 'INSERT INTO evil.judged VALUES (1); INSERT INTO evil.child VALUES (7)');
	is(run_end($node, 'postgres', $orphan), 'failed', 'so does a deferred constraint');
	is(column($orphan, 'sqlstate'), '23503', 'with its SQLSTATE');
	is(sql('SELECT count(*) FROM evil.judged'), '0', 'and nothing is committed');
	is(run_as('tenant', 'INSERT INTO evil.judged VALUES (2)'), 'succeeded', 'one that is content lets it succeed');
	is(sql('SELECT count(*) FROM evil.judged'), '1', 'with its effect');
	is(singers(), 'tenant', 'deferred triggers run as the owner');
}

# A role cannot leave its session.
{
	sql('TRUNCATE seen');
	is( run_as('other', q{
			RESET SESSION AUTHORIZATION; RESET ROLE; SET ROLE NONE;
			INSERT INTO public.seen VALUES ('reset', current_user, session_user)}),
		'succeeded', 'RESET ROLE and RESET SESSION AUTHORIZATION');
	is(sql("SELECT who, value FROM seen WHERE what = 'reset'"), 'other|other', 'lead to the owner');
	foreach my $command ('SET SESSION AUTHORIZATION postgres', 'SET ROLE postgres', 'SET ROLE tenant',
		q{SELECT set_config('role', 'postgres', false)}, q{SELECT set_config('session_authorization', 'postgres', true)})
	{
		foreach my $atomic ('true', 'false')
		{
			my $run = submit_as('other', $command, "atomic => $atomic");
			is(run_end($node, 'postgres', $run) . ' ' . column($run, 'sqlstate'), 'failed 42501', "$command (atomic => $atomic)");
		}
	}
}

# Nothing of a run is there in the next one of the same process.
{
	my $leaks = q{
		SET work_mem = '77MB'; SET search_path = evil; SET synchronous_commit = local;
		SELECT pg_catalog.set_config('taskly_test.secret', 'x', false);
		CREATE TEMP TABLE leak (n serial); INSERT INTO leak DEFAULT VALUES;
		PREPARE leak AS SELECT 1;
		DECLARE leak CURSOR WITH HOLD FOR SELECT 1;
		SELECT pg_catalog.pg_advisory_lock(4711);
		SET ROLE other};
	my $look = q{
		INSERT INTO public.seen
		SELECT 'look', current_user, concat_ws(' ', pg_backend_pid(), session_user, current_setting('work_mem'),
			current_setting('search_path'), coalesce(nullif(current_setting('taskly_test.secret', true), ''), '-'),
			(SELECT count(*) FROM pg_class WHERE relname LIKE 'leak%'),
			(SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_cursors WHERE name = 'leak'),
			(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'))};
	my $clean = run_as('tenant', $look);
	my $expected = sql("SELECT who, value FROM seen WHERE what = 'look'");
	like($expected, qr/^tenant\|\d+ tenant 4MB "\$user", public - 0 0 0 0$/, 'a clean session');

	foreach my $case ([ 'succeeded', 'atomic => true', $leaks ], [ 'failed', 'atomic => true', "$leaks; SELECT 1/0" ],
		[ 'succeeded', 'atomic => false', $leaks ], [ 'failed', 'atomic => false', "$leaks; SELECT 1/0" ],
		[ 'timed_out', q{timeout => '300 milliseconds'}, "$leaks; SELECT pg_catalog.pg_sleep(60)" ],
		[ 'succeeded', 'atomic => true', 'DISCARD PLANS; SET SESSION AUTHORIZATION DEFAULT; SET LOCAL ROLE other' ])
	{
		my ($status, $options, $command) = @$case;

		sql('TRUNCATE seen');
		my $run = submit_as('tenant', $command, $options);
		is(run_end($node, 'postgres', $run), $status, "a run with $options $status")
		  or diag(column($run, 'message, context'));
		is(run_as('tenant', $look), 'succeeded', 'the next one');
		is(sql("SELECT who, value FROM seen WHERE what = 'look'"), $expected, 'finds nothing of it in the same process');
	}
}

# Nobody would ever collect what a listening worker is sent.
{
	my $run = submit_as('tenant', 'LISTEN leak');

	is(run_end($node, 'postgres', $run), 'failed', 'LISTEN fails in a run');
	like(column($run, 'message'), qr/LISTEN/, 'and says so');
}

# Rows that somebody holds stop nobody else.
{
	my ($in, $out, $err) = ('', '', '');
	sql(q{
		SELECT taskly.schedule('held', '1 second', 'INSERT INTO seen VALUES (''held'')');
		SELECT taskly.schedule('free', '1 second', 'INSERT INTO seen VALUES (''free'')')});
	polls(q{SELECT count(*) FROM taskly.tasks WHERE name IN ('held', 'free') AND fires > 0}, '2',
		'two tasks fire');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err);
	$in .= "BEGIN; SELECT taskly.alter('held', description => 'held'); SELECT 'is held';\n";
	ok(poll_until(sub { $session->pump_nb; $out =~ /is held/ }), 'one is being altered');
	my $scheduler = scheduler_pid($node, 'postgres');
	my ($held, $free) = map { sql("SELECT fires FROM taskly.tasks WHERE name = '$_'") } 'held', 'free';
	polls("SELECT fires >= $free + 3 FROM taskly.tasks WHERE name = 'free'", 't', 'the other one goes on');
	is(sql("SELECT fires FROM taskly.tasks WHERE name = 'held'"), $held, 'and the held one does not');
	is(scheduler_pid($node, 'postgres'), $scheduler, 'under the same scheduler');
	is(count_in_log($node, qr/lock timeout/), 0, 'which has not waited for the row');
	$in .= "COMMIT; SELECT 'is free';\n";
	ok(poll_until(sub { $session->pump_nb; $out =~ /is free/ }), 'commit');
	polls("SELECT fires > $held AND description = 'held' FROM taskly.tasks WHERE name = 'held'", 't',
		'it fires again');
	$in .= "\\q\n";
	$session->finish;
	sql(q{SELECT taskly.drop_task('held'); SELECT taskly.drop_task('free')});
}

# VACUUM FULL moves every row that is waiting to be claimed.
{
	my $runs = 2000;
	my $vacuums = 0;

	sql('CREATE TABLE ledger (run_id bigint)');
	sql(qq{
		SELECT taskly.define('row', 'INSERT INTO ledger VALUES (current_setting(''taskly.run_id'')::bigint); SELECT pg_sleep(0.002)');
		SELECT count(*) FROM taskly.enqueue_many('row', array_fill('{}'::jsonb, '{$runs}'))});
	ok(poll_until(sub {
			$vacuums++ if sql('SELECT count(*) FROM ledger') < $runs;
			sql('VACUUM FULL taskly.pending_run');
			return sql(q{SELECT count(*) FROM taskly.runs WHERE task = 'row' AND finished_at IS NULL}) eq '0';
		}), 'all runs end while their table is rewritten');
	cmp_ok($vacuums, '>', 1, "it was rewritten under load ($vacuums times)");
	is(sql('SELECT count(*), count(DISTINCT run_id) FROM ledger'), "$runs|$runs", 'no run is lost or doubled');
	is(sql(q{SELECT status, count(*) FROM taskly.attempts WHERE task = 'row' GROUP BY 1}), "succeeded|$runs",
		'nor does one fail');
}

# What roles and databases set for their sessions binds their runs, but not the bookkeeping.
{
	sql('CREATE DATABASE odd');
	sql(q{
		CREATE EXTENSION taskly;
		GRANT USAGE ON SCHEMA taskly TO tenant;
		CREATE TABLE effect (n integer);
		GRANT ALL ON effect TO tenant;
		CREATE SCHEMA evil;
		CREATE FUNCTION evil.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS $$
			BEGIN RAISE LOG 'CANARY odd'; RETURN true; END $$;
		CREATE OPERATOR evil.= (FUNCTION = evil.eq, LEFTARG = bigint, RIGHTARG = bigint);
		ALTER DATABASE odd SET search_path = evil, pg_catalog;
		ALTER DATABASE odd SET default_transaction_isolation = 'serializable';
		ALTER DATABASE odd SET default_transaction_read_only = on;
		ALTER DATABASE odd SET default_transaction_deferrable = on;
		ALTER DATABASE odd SET statement_timeout = '1ms';
		ALTER DATABASE odd SET lock_timeout = '1ms';
		ALTER DATABASE odd SET idle_in_transaction_session_timeout = '1ms';
		ALTER DATABASE odd SET enable_indexscan = off;
		ALTER DATABASE odd SET row_security = off;
		ALTER DATABASE odd SET DateStyle = 'German';
		ALTER DATABASE odd SET IntervalStyle = 'sql_standard';
		ALTER DATABASE odd SET TimeZone = 'Asia/Kathmandu';
		ALTER DATABASE odd SET standard_conforming_strings = off;
		ALTER DATABASE odd SET check_function_bodies = off}, 'odd');
	# New sessions of the processes have these, too.
	my $scheduler = scheduler_pid($node, 'odd');
	sql("SELECT pg_terminate_backend($scheduler)");
	ok(poll_until(sub { my $pid = scheduler_pid($node, 'odd'); $pid ne '' && $pid ne $scheduler }), 'a scheduler with odd settings');
	local $ENV{PGOPTIONS} = '-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 ' .
	  '-c idle_in_transaction_session_timeout=0 -c default_transaction_isolation=read\ committed -c search_path=pg_catalog,public';

	my $write = submit_as('tenant', 'INSERT INTO public.effect VALUES (1)', q{timeout => '1 minute'}, 'odd');
	is(run_end($node, 'odd', $write), 'failed', 'a run that must not write, fails to');
	is(column($write, 'sqlstate', 'odd'), '25006', 'with SQLSTATE 25006');
	my $read = submit_as('tenant', 'SELECT pg_sleep(0.1)', q{timeout => '1 minute'}, 'odd');
	is(run_end($node, 'odd', $read), 'succeeded', 'one that reads succeeds, beyond a timeout of 1 ms that is not its own');
	my $slow = submit_as('tenant', 'SELECT pg_sleep(60)', '', 'odd');
	is(run_end($node, 'odd', $slow), 'timed_out', 'statement_timeout is the limit of a run that has none');
	my $autocommit = submit_as('tenant', 'SET default_transaction_read_only = off; INSERT INTO public.effect VALUES (3)',
		q{timeout => '1 minute', atomic => false}, 'odd');
	is(run_end($node, 'odd', $autocommit), 'succeeded', 'statements on their own may change the default');
	is(sql('SELECT n FROM effect WHERE n = 3', 'odd'), '3', 'and write');
	is(run_as('tenant', 'INSERT INTO public.effect VALUES (4)', q{timeout => '1 minute'}, 'odd'), 'failed',
		'which does not reach the next run');

	sql_as('tenant', q{SELECT taskly.schedule('tick', '1 second', 'SELECT 1', timeout => '1 minute');
		SELECT taskly.define('again', 'SELECT 1/0', max_attempts => 3, backoff => 'fixed 100 milliseconds', timeout => '1 minute')}, 'odd');
	poll_ok($node, 'odd', q{SELECT runs >= 2 AND failures = 0 FROM taskly.tasks WHERE name = 'tick'}, 't', 'a schedule fires');
	my $again = sql_as('tenant', q{SELECT taskly.enqueue('again')}, 'odd');
	is(run_end($node, 'odd', $again) . column($again, 'attempt', 'odd'), 'failed3', 'a run is tried three times');
	my $long = submit_as('tenant', 'SELECT pg_sleep(60)', q{timeout => '1 minute'}, 'odd');
	poll_ok($node, 'odd', "SELECT status FROM taskly.runs WHERE run_id = $long", 'running', 'one is in execution');
	sql_as('tenant', "SELECT taskly.cancel($long)", 'odd');
	is(run_end($node, 'odd', $long), 'cancelled', 'and cancelled');
	unlike(singers(), qr/odd/, 'nobody has used the operator in the database\'s path');
	check_settled($node, 'odd');
	is($node->psql('postgres', 'DROP DATABASE odd'), 0, 'the database goes');
}

# Roles that lose what they need.
{
	sql('CREATE ROLE cold LOGIN; CREATE ROLE warm LOGIN; CREATE ROLE gone LOGIN; GRANT USAGE ON SCHEMA taskly TO cold, warm, gone');
	sql(q{SELECT taskly.create_queue('later'); SELECT taskly.pause_queue('later')});
	my %run = map { $_ => submit_as($_, 'INSERT INTO public.seen VALUES (\'denied\')', q{queue => 'later'}) } qw(cold warm gone);
	is(run_as('warm', 'SELECT 1'), 'succeeded', 'one role has a worker');
	sql('ALTER ROLE cold NOLOGIN; ALTER ROLE warm NOLOGIN; REVOKE ALL ON SCHEMA taskly FROM gone; DROP ROLE gone');
	sql(q{SELECT taskly.resume_queue('later')});
	is(run_end($node, 'postgres', $run{cold}), 'denied', 'a role that lost LOGIN before it had a worker');
	is(column($run{cold}, 'sqlstate, hint'), '42501|The owner needs LOGIN and CONNECT.', 'says why');
	is(run_end($node, 'postgres', $run{warm}), 'denied', 'one that has one');
	is(column($run{warm}, 'sqlstate'), '42501', 'says why, too');
	is(run_as('other', 'INSERT INTO public.seen VALUES (\'allowed\')', q{queue => 'later'}), 'succeeded', 'others run');
	like(sql("SELECT status FROM taskly.runs WHERE run_id = $run{gone}"), qr/^(denied|queued)$/, 'the run of a role that is gone does not start');
	is(sql(q{SELECT count(*) FROM seen WHERE what = 'denied'}), '0', 'none of them had an effect');
	sql('ALTER ROLE cold LOGIN');
	is(run_as('cold', 'SELECT 1'), 'succeeded', 'a role that gets LOGIN back runs again');
}

# Conflicts with others are run again, without costing an attempt.
{
	sql(q{
		CREATE SEQUENCE tries; GRANT ALL ON tries TO PUBLIC;
		CREATE TABLE counter (n integer); INSERT INTO counter VALUES (0); GRANT ALL ON counter TO PUBLIC;
		ALTER ROLE other SET default_transaction_isolation = 'repeatable read'});
	foreach my $state ('40001', '40P01')
	{
		sql(q{ALTER SEQUENCE tries RESTART; TRUNCATE seen});
		my $run = submit_as('other', qq{
			INSERT INTO public.seen VALUES ('try'); PREPARE once AS SELECT 1;
			DO 'BEGIN IF nextval(''public.tries'') < 4 THEN RAISE EXCEPTION SQLSTATE ''$state''; END IF; END'});
		is(run_end($node, 'postgres', $run), 'succeeded', "$state: the run succeeds");
		is(column($run, 'attempt'), '1', "$state: in its first attempt");
		is(sql(q{SELECT last_value, (SELECT count(*) FROM seen) FROM tries}), '4|1', "$state: after four tries, with one effect");
	}
	my $never = submit_as('other', q{DO 'BEGIN PERFORM nextval(''public.tries''); RAISE EXCEPTION SQLSTATE ''40001''; END'});
	is(run_end($node, 'postgres', $never) . ' ' . column($never, 'sqlstate'), 'failed 40001', 'there is a limit');

	end_workers('other');
	my $holder = submit_as('tenant', q{UPDATE public.counter SET n = n + 1; CALL public.wait_for_gate('two')});
	polls("SELECT status FROM taskly.runs WHERE run_id = $holder", 'running', 'one run holds a row');
	my $loser = submit_as('other', q{UPDATE public.counter SET n = n + 1});
	polls(qq{
		SELECT wait_event_type FROM pg_stat_activity JOIN taskly.runs USING (pid) WHERE run_id = $loser}, 'Lock', 'another waits for it');
	sql(q{INSERT INTO gate VALUES ('two')});
	is(run_end($node, 'postgres', $holder) . ' ' . run_end($node, 'postgres', $loser), 'succeeded succeeded', 'both succeed');
	is(column($loser, 'attempt'), '1', 'a real conflict costs no attempt');
	is(sql('SELECT n FROM counter'), '2', 'and no update is lost');
	sql('ALTER ROLE other RESET default_transaction_isolation');
}

# Ending the transaction that the outcome belongs to.
{
	sql_as('tenant', q{CREATE PROCEDURE evil.ends() LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO public.seen VALUES ('ends'); COMMIT; INSERT INTO public.seen VALUES ('ends'); END $$});
	sql('TRUNCATE seen');
	foreach my $command ('CALL evil.ends()', q{DO 'BEGIN INSERT INTO public.seen VALUES (''ends''); COMMIT; END'},
		q{DO 'BEGIN INSERT INTO public.seen VALUES (''ends''); ROLLBACK; END'}, q{SELECT 1; CALL evil.ends()})
	{
		my $run = submit_as('tenant', $command, 'atomic => true');
		is(run_end($node, 'postgres', $run), 'failed', "$command fails");
		like(column($run, 'sqlstate, hint'), qr/^2D000\|.*atomic => false/, 'with a hint');
	}
	is(sql('SELECT count(*) FROM seen'), '0', 'and has no effect');
	is(run_as('tenant', 'CALL evil.ends()', 'atomic => false'), 'succeeded', 'on its own it may');
	is(sql('SELECT count(*) FROM seen'), '2', 'and has its effect');
	my ($code, $out, $err) = $node->psql('postgres', q{SELECT taskly.submit('INSERT INTO seen VALUES (''ends''); COMMIT', atomic => true)});
	like($err, qr/atomic => false/, 'COMMIT as a statement is refused at the call');
}

# Commits do not wait, unless the command asks for it: with a standby that never comes, such a commit
# hangs until somebody stops waiting for the standby.
{
	sql('ALTER ROLE tenant SET synchronous_commit = off');
	end_workers('tenant');
	local $ENV{PGOPTIONS} = '-c synchronous_commit=local';
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'\n");
	$node->reload;
	polls('SHOW synchronous_standby_names', 'nobody', 'commits wait for a standby');
	is(run_as('tenant', q{INSERT INTO public.seen VALUES ('soon')}), 'succeeded', 'a run of a role that does not wait, does not');
	my $waits = submit_as('tenant', q{SET LOCAL synchronous_commit = on; INSERT INTO public.seen VALUES ('safe')});
	polls(q{SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'taskly worker' AND usename = 'tenant' AND wait_event = 'SyncRep'},
		'SyncRep', 'one that asks for it, does');
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
	$node->reload;
	is(run_end($node, 'postgres', $waits), 'succeeded', 'and succeeds when it has waited');
	is(run_as('tenant', 'SELECT 1'), 'succeeded', 'the next one is as before');
	sql('ALTER ROLE tenant RESET synchronous_commit');
}

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
