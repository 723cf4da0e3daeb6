# Shell runs on a real server: what the command gets, how it ends, and what becomes of it when
# somebody else ends.

use strict;
use warnings;

use File::Spec::Functions qw(rel2abs);
use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $dir = rel2abs(PostgreSQL::Test::Utils::tempdir());
my $timeout = $PostgreSQL::Test::Utils::timeout_default;
my $node = start_node(q{
taskly.enable_shell = on
taskly.kill_grace = '300ms'
max_worker_processes = 16
restart_after_crash = on
}, allows_streaming => 1);

# A string as a literal of SQL.
sub literal
{
	my ($text) = @_;

	$text =~ s/'/''/g;
	return "'$text'";
}

sub submit
{
	my ($command, $options, $database) = @_;
	my $more = $options ? ", $options" : '';

	return sql('SELECT taskly.submit(' . literal($command) . ", kind => 'shell'$more)", $database);
}

# Waits for the end of a run; its status.
sub end_of
{
	my ($run_id) = @_;

	return sql("SELECT taskly.wait($run_id, '$timeout s')");
}

sub column
{
	my ($run_id, $columns) = @_;

	return sql("SELECT $columns FROM taskly.runs WHERE run_id = $run_id");
}

# The numbers in a file that a command writes its pids into, once there are enough.
sub pids_in
{
	my ($file, $count) = @_;
	my @pids;

	poll_until(sub { @pids = -e $file ? slurp_file($file) =~ /^(\d+)$/mg : (); @pids >= $count });
	return @pids;
}

sub all_end_ok
{
	my ($name, @pids) = @_;

	ok(@pids && poll_until(sub { !grep { is_alive($_) } @pids }), $name);
}

my $supervisor = q{
	SELECT pid FROM pg_stat_activity
	WHERE backend_type = 'taskly supervisor' AND datname = current_database()};

# Goes on for ever, ignores SIGTERM, and has a child in another session that does, too.
sub stubborn
{
	my ($file) = @_;

	return qq{trap "" TERM; setsid sh -c 'trap "" TERM; echo \$\$ >>$file; while :; do sleep 0.2; done' &
		echo \$\$ >>$file; while :; do sleep 0.2; done};
}

# What the command gets.
{
	my $owner = sql('SELECT current_user');
	my $locale = sql("SELECT datctype FROM pg_database WHERE datname = 'postgres'");
	my $home = (getpwuid($>))[7];
	my $args = '{"a": "$(touch hacked) `id` \'quoted\' \"x\""}';
	sql("SELECT taskly.define('show', " . literal(q{tr '\0' '\n' </proc/$$/environ | sort}) . ", kind => 'shell')");
	my $run = sql("SELECT taskly.enqueue('show', args => " . literal($args) . '::jsonb)');

	is(end_of($run), 'succeeded', 'a command that exits with 0 succeeds');
	my $due = sql("SELECT to_char(scheduled_for AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US') FROM taskly.runs WHERE run_id = $run");
	$due =~ s/\.000000$//;
	my $as_text = sql('SELECT ' . literal($args) . '::jsonb');
	my @expected = (
		"HOME=$home", "LANG=$locale", "LC_ALL=$locale", 'PATH=/usr/local/bin:/usr/bin:/bin',
		"TASKLY_ARGS=$as_text", 'TASKLY_ATTEMPT=1', 'TASKLY_DATABASE=postgres',
		"TASKLY_OWNER=$owner", "TASKLY_RUN_ID=$run", "TASKLY_SCHEDULED_FOR=${due}Z", 'TASKLY_TASK=show');
	is(column($run, 'output'), join("\n", sort @expected) . "\n", 'its environment is exactly this');
	is(column($run, 'exit_code, message IS NULL, output_bytes = octet_length(output)'), '0|t|t',
		'and it ends with code 0 and no message');

	$run = submit('cat', 'args => ' . literal($args) . '::jsonb');
	is(end_of($run) . column($run, 'output'), "succeeded$as_text", 'args come on standard input, unchanged');
	ok(!-e $node->data_dir . '/hacked', 'and nothing in them is executed');

	$run = submit('cat; ls /proc/self/fd | wc -l; readlink /proc/self/cwd');
	end_of($run);
	is(column($run, 'output'), "4\n" . rel2abs($node->data_dir) . "\n",
		'without args it is empty; descriptors 0, 1, 2 (and that of ls) are all; it runs in the data directory');
}

# How it ends.
{
	my $run = submit('echo no >&2; exit 3');
	is(end_of($run), 'failed', 'another code fails');
	is(column($run, 'exit_code, message, trim(E\'\n\' FROM output)'), '3|command exited with code 3|no',
		'with its code and its output');

	$run = submit('kill -9 $$');
	end_of($run);
	is(column($run, 'status, exit_code, message'), 'failed|137|command was terminated by signal 9 (Killed)',
		'so does a signal');

	$run = submit('/no/such/program');
	end_of($run);
	is(column($run, 'status, exit_code'), 'failed|127', 'and a program that does not exist');

	$run = submit('true ' . ('#' x 200_000));
	end_of($run);
	is(column($run, 'status, exit_code, message'),
		'failed||could not execute the command: Argument list too long',
		'and a command that is too long for the kernel');

	$run = submit('exit $((3 - TASKLY_ATTEMPT))', "max_attempts => 5, backoff => 'fixed 10ms'");
	is(end_of($run), 'succeeded', 'a failed attempt is tried again');
	is(sql("SELECT string_agg(attempt || ':' || exit_code, ' ' ORDER BY attempt) FROM taskly.attempts WHERE run_id = $run"),
		'1:2 2:1 3:0', 'as often as it takes, and the command knows which attempt it is');

	$run = submit('exit 7', "max_attempts => 5, backoff => 'fixed 10ms', never_on => '{7}'");
	is(end_of($run) . column($run, 'attempt'), 'failed1', 'never_on names exit codes');
}

# Output.
{
	my $run = submit(q{head -c 10485760 /dev/zero | tr '\0' x; echo the end});

	is(end_of($run), 'succeeded', 'a command may say 10 MB');
	is(column($run, q{output_bytes, octet_length(output) BETWEEN 60000 AND 70000,
		output LIKE '%bytes omitted%', output LIKE '%the end' || chr(10)}),
		'10485768|t|t|t', 'its beginning and its end are kept');

	$run = submit(q{printf 'a\0b\377c'});
	end_of($run);
	is(column($run, 'output, output_bytes'), 'a?b?c|5', 'what is no text is replaced');
}

# Many at once: each waits until it has seen all of them.
{
	my $barrier = "$dir/barrier";
	my $command = qq{mkdir -p $barrier; : >$barrier/\$TASKLY_RUN_ID
		while [ "\$(ls $barrier | wc -l)" -lt 32 ]; do sleep 0.1; done};
	sql('SELECT taskly.submit(' . literal($command) . q{, kind => 'shell', timeout => '40s') FROM generate_series(1, 33)});

	polls("SELECT count(*) FROM taskly.runs WHERE command LIKE '%barrier%' AND status = 'succeeded'", '33',
		'32 runs are executed at once, and the 33rd after them');
	is(sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'taskly supervisor'"), '1',
		'by one process');
}

# Limits and cancels.
{
	my $run = submit(stubborn("$dir/timeout"), "timeout => '1s'");
	my @pids = pids_in("$dir/timeout", 2);
	is(scalar(@pids), 2, 'a command and its child run');
	is(column($run, 'status, attempt'), 'running|1', 'and show as running');
	ok(is_alive(column($run, 'pid')), 'with a process of theirs');
	is(end_of($run), 'timed_out', 'beyond its timeout a run is ended');
	is(column($run, "message, duration BETWEEN '1s' AND '20s'"), 'run timed out|t', 'with a message');
	all_end_ok('it and its child, though both ignore SIGTERM', @pids);

	$run = submit(stubborn("$dir/cancel"), "max_attempts => 5, on_lost => 'retry'");
	@pids = pids_in("$dir/cancel", 2);
	is(sql("SELECT taskly.cancel($run)"), 't', 'a running run can be cancelled');
	is(end_of($run) . column($run, 'attempt'), 'cancelled1', 'it is, and is not tried again');
	all_end_ok('nor is anything left of it', @pids);

	$run = submit(stubborn("$dir/deadline"), "deadline => '1s'");
	is(end_of($run), 'timed_out', 'a deadline ends what is running');
	all_end_ok('with all of it', pids_in("$dir/deadline", 2));

	$run = submit('echo started; trap "echo stopping; exit 0" TERM; while :; do sleep 0.1; done', "timeout => '500ms'");
	is(end_of($run), 'timed_out', 'a run that ends itself when told to has timed out, too');
	like(column($run, 'output'), qr/^started\n.*stopping\n/s, 'and its output is kept');
}

# What it leaves in the background.
{
	my $run = submit("sh -c 'echo \$\$ >>$dir/daemon; exec sleep 600' & while [ ! -s $dir/daemon ]; do sleep 0.05; done; exit 0");

	is(end_of($run), 'succeeded', 'a command that leaves something behind has its own outcome');
	all_end_ok('and what it left is ended', pids_in("$dir/daemon", 1));
}

# Bookkeeping that has to wait for a lock stops nobody else, and is made up for.
{
	my $run = submit("while [ ! -e $dir/go ]; do sleep 0.05; done");
	$node->poll_query_until('postgres', "SELECT status FROM taskly.runs WHERE run_id = $run", 'running');
	my $locker = $node->background_psql('postgres');
	$locker->query_safe("BEGIN; SELECT 1 FROM taskly.pending_run WHERE run_id = $run FOR UPDATE");
	append_to_file("$dir/go", '');
	all_end_ok('a run ends while its row is locked', column($run, 'pid'));

	is(end_of(submit('true')), 'succeeded', 'others start and end meanwhile');
	is(column($run, 'status'), 'running', 'its own end is not recorded yet');
	$locker->query_safe('COMMIT');
	is(end_of($run), 'succeeded', 'it is as soon as the row is free');

	# A wait for a lock takes wake-ups of the process that waits.
	my $other = submit(stubborn("$dir/blocked"));
	my @pids = pids_in("$dir/blocked", 2);
	$locker->query_safe('BEGIN; LOCK TABLE taskly.finished_run');
	$run = submit('true');
	polls("SELECT count(*) FROM ($supervisor) s JOIN pg_locks USING (pid) WHERE NOT granted", '1',
		'a supervisor waits for a table');
	sql("SELECT taskly.cancel($other)");
	all_end_ok('a cancel that comes meanwhile is heard', @pids);
	$locker->query_safe('COMMIT');
	is(end_of($other), 'cancelled', 'and recorded when the table is free');
	is(end_of($run), 'succeeded', 'as is what it waited with');
	$locker->quit;
}

# Nothing is started before the attempt is durable, on synchronous standbys too.
{
	my $local = 'SET synchronous_commit = local';
	sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	$node->reload;
	# The server waits for standbys once its checkpointer has read the setting.
	poll_until(sub {
		my $late;
		$node->psql('postgres', "SELECT pg_logical_emit_message(true, '', '')",
			timeout => 1, timed_out => \$late);
		return $late;
	});
	my $run = sql("$local; SELECT taskly.submit('touch $dir/durable', kind => 'shell')");
	polls("SELECT wait_event FROM pg_stat_activity WHERE pid = ($supervisor)", 'SyncRep', 'a start mark waits for a standby');
	ok(!-e "$dir/durable", 'so does the command');
	is(sql("$local; SELECT taskly.cancel($run)"), 't', 'a run can be cancelled there');
	sql('ALTER SYSTEM RESET synchronous_standby_names');
	$node->reload;
	is(end_of($run), 'cancelled', 'it is');
	ok(!-e "$dir/durable", 'and was never started');
}

# A row that does not carry the mark of the attempt any more is somebody else's.
{
	my $run = submit("[ \$TASKLY_ATTEMPT -gt 1 ] || while [ ! -e $dir/stolen ]; do sleep 0.05; done");
	$node->poll_query_until('postgres', "SELECT status FROM taskly.runs WHERE run_id = $run", 'running');
	sql("UPDATE taskly.pending_run SET started_at = NULL, incarnation = NULL, pid = NULL WHERE run_id = $run");
	append_to_file("$dir/stolen", '');
	is(end_of($run), 'succeeded', 'a run whose mark was taken away is run again');
	is(sql("SELECT string_agg(attempt || ' ' || status, ', ') FROM taskly.attempts WHERE run_id = $run"), '2 succeeded',
		'and the first attempt is not recorded');
}

# Rights are asked again when a run starts.
{
	sql('CREATE ROLE cook LOGIN; GRANT USAGE ON SCHEMA taskly TO cook; GRANT pg_execute_server_program TO cook');
	sql("SELECT taskly.pause_queue('default')");
	my $run = sql("SET ROLE cook; SELECT taskly.submit('touch $dir/denied', kind => 'shell')");
	sql('REVOKE pg_execute_server_program FROM cook');
	sql("SELECT taskly.resume_queue('default')");
	is(end_of($run), 'denied', 'an owner who has lost the right is denied');
	like(column($run, 'hint'), qr/pg_execute_server_program/, 'with a hint');

	sql("GRANT pg_execute_server_program TO cook; SELECT taskly.pause_queue('default')");
	$run = sql("SET ROLE cook; SELECT taskly.submit('touch $dir/denied', kind => 'shell', deadline => '1ms')");
	polls("SELECT deadline < clock_timestamp() FROM taskly.runs WHERE run_id = $run", 't', 'a deadline passes');
	sql("SELECT taskly.resume_queue('default')");
	is(end_of($run), 'expired', 'then a run that has not started expires');
	ok(!-e "$dir/denied", 'none of them was started');

	my ($code, $out, $err) = $node->psql('postgres',
		"REVOKE pg_execute_server_program FROM cook; SET ROLE cook; SELECT taskly.submit('true', kind => 'shell')");
	like($err, qr/permission denied/, 'nor can one without the right submit one');
}

# A scheduler that goes away: the next one takes over the supervisor and what it does.
{
	my $scheduler = q{SELECT pid FROM pg_stat_activity
		WHERE backend_type = 'taskly scheduler' AND datname = current_database()};
	my ($pid, $leaving) = (sql($supervisor), sql($scheduler));
	my $run = submit("while [ ! -e $dir/adopted ]; do sleep 0.05; done", "on_lost => 'retry', backoff => 'fixed 10ms'");
	my $other = submit(stubborn("$dir/other"));
	my @pids = pids_in("$dir/other", 2);

	sql("SELECT pg_terminate_backend($leaving)");
	polls("SELECT count(*) FROM ($scheduler) s WHERE pid <> $leaving", '1', 'a scheduler is replaced');
	is(end_of(submit('true')), 'succeeded', 'the new one uses the supervisor');
	is(sql($supervisor), $pid, 'that was there before');
	is(sql("SELECT string_agg(status || attempt, ' ') FROM taskly.runs WHERE run_id IN ($run, $other)"),
		'running1 running1', 'its runs go on');
	sql("SELECT taskly.cancel($other)");
	is(end_of($other), 'cancelled', 'and can be cancelled');
	append_to_file("$dir/adopted", '');
	is(end_of($run) . column($run, 'attempt'), 'succeeded1', 'or end');
	all_end_ok('nothing of them is left', @pids);
}

# A supervisor that is told to stop, or to go away.
{
	my $pid = sql($supervisor);
	my $run = submit(stubborn("$dir/terminate"), "on_lost => 'fail'");
	my @pids = pids_in("$dir/terminate", 2);
	sql("SELECT pg_cancel_backend($pid)");
	is(end_of(submit('true')), 'succeeded', 'a cancel does not disturb a supervisor');
	is(sql($supervisor), $pid, 'it is the same process');
	is(column($run, 'status'), 'running', 'and its runs go on');

	sql("SELECT pg_terminate_backend($pid)");
	is(end_of($run), 'lost', 'runs of a supervisor that is terminated are lost');
	all_end_ok('and ended', @pids);
	is(end_of(submit('true')), 'succeeded', 'another one takes its place');

	# SIGTERM to the guard, as an administrator may send it, and SIGKILL.
	$run = submit(stubborn("$dir/guard"), "on_lost => 'fail'");
	@pids = pids_in("$dir/guard", 2);
	kill 'KILL', column($run, 'pid');
	is(end_of($run), 'lost', 'a run whose guard is killed is lost');
	all_end_ok('and nothing of it is left', @pids);
}

# Two thousand quick ones: none is lost, none is run twice, nothing grows.
{
	my $many = q{SELECT count(taskly.submit('true', kind => 'shell', priority => %d)) FROM generate_series(1, %d)};
	my $pid = sql($supervisor);
	my $memory = sub { slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+) kB/m && $1 };

	sql(sprintf $many, 1, 500);
	polls('SELECT count(*) FROM taskly.pending_run', '0', '500 quick runs');
	my $before = $memory->();
	sql(sprintf $many, 2, 1500);
	polls('SELECT count(*) FROM taskly.pending_run', '0', '1500 more');
	my $grown = $memory->() - $before;
	is(sql(q{SELECT count(*), count(DISTINCT run_id), bool_and(a.status = 'succeeded')
			FROM taskly.attempts a JOIN taskly.runs r USING (run_id) WHERE r.priority > 0}),
		'2000|2000|t', 'each was run exactly once');
	is(sql($supervisor), $pid, 'by one process');
	cmp_ok($grown, '<', 1024, 'which does not grow (kB)');
	is(slurp_file("/proc/$pid/task/$pid/children"), '', 'and has no children left');
	is(sql("SELECT count(*) FROM taskly.runs WHERE status = 'running'"), '0', 'none shows as running');
}

# kill -9.
{
	my $pid = sql($supervisor);
	my $again = submit("echo \$\$ >>$dir/crash; [ \$TASKLY_ATTEMPT -gt 1 ] || sleep 600",
		"on_lost => 'retry', backoff => 'fixed 10ms'");
	my $once = submit("echo \$\$ >>$dir/crash; sleep 600", "on_lost => 'fail'");
	my @pids = pids_in("$dir/crash", 2);

	is(scalar(@pids), 2, 'two runs are executed');
	kill 'KILL', $pid;
	all_end_ok('they end with a supervisor that is killed', @pids);
	polls('SELECT true', 't', 'the server restarts');
	polls("SELECT status FROM taskly.runs WHERE run_id = $once", 'lost', 'with on_lost = fail a run is lost');
	polls("SELECT status, attempt FROM taskly.runs WHERE run_id = $again", 'succeeded|2',
		'with on_lost = retry it is run again');
	is(scalar(pids_in("$dir/crash", 3)), 3, 'and only that one');
}

# Too few descriptors: runs wait, and that costs them no attempt.
{
	$node->append_conf('postgresql.conf', 'max_files_per_process = 64');
	$node->restart;
	sql(q{SELECT count(taskly.submit('sleep 0.3', kind => 'shell', priority => -1)) FROM generate_series(1, 6)});
	polls(q{SELECT string_agg(DISTINCT status || attempt, ' ') FROM taskly.runs WHERE priority < 0}, 'succeeded1',
		'runs for which there are no descriptors wait, and all succeed at their first attempt');
	is(scalar(() = slurp_file($node->logfile) =~ /could not start a shell run: Too many open files/g), 1,
		'the log says so, once');
	$node->append_conf('postgresql.conf', 'max_files_per_process = 1000');
}

# Idle supervisors leave; new ones come.
{
	$node->append_conf('postgresql.conf', "taskly.worker_idle_timeout = '1s'");
	$node->restart;
	is(end_of(submit('true')), 'succeeded', 'a supervisor comes with the first run');
	polls("SELECT count(*) FROM ($supervisor) s", '0', 'and leaves when it has been idle');
	is(end_of(submit('true')), 'succeeded', 'another one comes with the next');
}

# A database that goes away, and an extension that does.
{
	sql('CREATE DATABASE shop');
	sql('CREATE EXTENSION taskly', 'shop');
	submit(stubborn("$dir/drop"), '', 'shop');
	my @pids = pids_in("$dir/drop", 2);
	is(scalar(@pids), 2, 'a run in another database');
	sql('DROP DATABASE shop');
	all_end_ok('ends when the database is dropped', @pids);

	submit(stubborn("$dir/extension"));
	@pids = pids_in("$dir/extension", 2);
	sql('DROP EXTENSION taskly');
	all_end_ok('a run ends when the extension is dropped', @pids);
	polls("SELECT count(*) FROM ($supervisor) s", '0', 'and so does the supervisor');
}

# Without the setting there are no shell runs, not even of tasks that are there.
{
	sql('CREATE EXTENSION taskly');
	my $run = submit("touch $dir/disabled", "run_at => now() + interval '2s'");
	submit(stubborn("$dir/stop"));
	my @pids = pids_in("$dir/stop", 2);
	$node->append_conf('postgresql.conf', 'taskly.enable_shell = off');
	$node->stop('fast');
	all_end_ok('runs end with the server', @pids);
	$node->start;
	is(end_of($run), 'denied', 'a run that waits is denied when shell commands are not enabled any more');
	ok(!-e "$dir/disabled", 'and not started');
	my ($code, $out, $err) = $node->psql('postgres', "SELECT taskly.submit('true', kind => 'shell')");
	like($err, qr/shell commands are not enabled/, 'nor can a new one be submitted');
	$node->stop('fast');
}

is(scalar(() = slurp_file($node->logfile) =~ /was terminated by signal/g), 1,
	'no process has crashed but the one that was killed');

done_testing();
