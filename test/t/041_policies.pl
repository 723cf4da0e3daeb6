# Policies of schedules: overlap, bounds, failures, pauses, downtimes and days off. Time passes when
# the test says so; what happens then is counted exactly.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;
use Time::HiRes qw(time);

my $node = start_clock_node(q{
taskly.max_workers = 12
max_worker_processes = 24
});

# Lets time pass, and waits until the leader has done what is due then.
sub let_pass
{
	my ($length) = @_;

	sql("SELECT taskly_clock.pass('$length')");
	polls('SELECT count(*) FROM taskly.tasks WHERE next_fire <= taskly_clock.now()', '0', "$length later");
}

# What the counts of a task say: fires, skipped, missed.
sub counts_are
{
	my ($task, $expected, $name) = @_;

	polls("SELECT concat_ws(' ', fires, skipped, missed_count) FROM taskly.tasks WHERE name = '$task'", $expected, "$task: $name");
}

# How many runs of a task there are by status, but for those that are over by themselves.
sub runs_are
{
	my ($task, $expected, $name) = @_;

	polls(qq{
		SELECT string_agg(status || ' ' || n, ', ' ORDER BY status)
		FROM (SELECT status, count(*) AS n FROM taskly.runs WHERE task = '$task' GROUP BY 1) s}, $expected, "$task: $name");
}

sub next_fire
{
	return sql("SELECT to_char(next_fire, 'YYYY-MM-DD HH24:MI') FROM taskly.tasks WHERE name = '$_[0]'");
}

sql(q{
	-- A run of a task in the table stays until it is opened.
	CREATE TABLE gate (task text PRIMARY KEY);
	CREATE FUNCTION stay(name text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		WHILE EXISTS (SELECT FROM gate WHERE task = name) LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
	END $$;
});

# ---------------------------------------------------------------------------------------------
# Overlap
# ---------------------------------------------------------------------------------------------

my %overlap = (
	skip => q{overlap => 'skip'},
	queue => q{overlap => 'queue'},
	allow => q{overlap => 'allow'},
	two => q{overlap => 'allow', max_instances => 2},
	cancel => q{overlap => 'cancel_running'},
	limited => q{max_runs => 2});
foreach my $task (sort keys %overlap)
{
	sql(qq{
		INSERT INTO gate VALUES ('$task');
		SELECT taskly.schedule('$task', 'every 1 hour', 'SELECT stay(''$task'')', $overlap{$task})});
}
let_pass('1 hour');
runs_are($_, 'running 1', 'an occurrence runs') foreach sort keys %overlap;
let_pass('1 hour');
counts_are('skip', '1 1 0', 'the second one is skipped');
counts_are('limited', '1 1 0', 'the second one is skipped');
runs_are('queue', 'queued 1, running 1', 'the second one waits');
runs_are('allow', 'running 2', 'the second one runs, too');
runs_are('two', 'running 2', 'the second one runs, too');
runs_are('cancel', 'cancelled 1, running 1', 'the second one runs in place of the first');
let_pass('1 hour');
counts_are('skip', '1 2 0', 'the third one is skipped');
runs_are('skip', 'running 1', 'the first one goes on');
counts_are('queue', '2 1 0', 'the third one is skipped');
runs_are('queue', 'queued 1, running 1', 'one waits as before');
counts_are('allow', '3 0 0', 'the third one has fired');
runs_are('allow', 'running 3', 'three run');
counts_are('two', '2 1 0', 'the third one is skipped');
runs_are('two', 'running 2', 'two run');
counts_are('cancel', '3 0 0', 'none is skipped');
runs_are('cancel', 'cancelled 2, running 1', 'the third one runs in place of the second');

# A new scheduler finds what runs, and whose turn it is.
my $scheduler = scheduler_pid($node, 'postgres');
sql("SELECT pg_terminate_backend($scheduler)");
polls("SELECT state = 'leading' AND pid <> $scheduler FROM taskly.leader", 't', 'another scheduler leads');
let_pass('1 hour');
counts_are('skip', '1 3 0', 'the fourth one is skipped');
counts_are('queue', '2 2 0', 'the fourth one is skipped');
runs_are('queue', 'queued 1, running 1', 'what waits still waits');
runs_are('allow', 'running 4', 'four run');
counts_are('two', '2 2 0', 'the fourth one is skipped');
runs_are('cancel', 'cancelled 3, running 1', 'the fourth one runs in place of the third');

sql('DELETE FROM gate');
runs_are('skip', 'succeeded 1', 'the first one ends');
runs_are('queue', 'succeeded 2', 'the second one has its turn');
is(sql(q{
		SELECT bool_and(started_at >= lag) FROM (
			SELECT started_at, lag(finished_at) OVER (ORDER BY scheduled_for) FROM taskly.runs WHERE task = 'queue') r}),
	't', 'queue: one after the other');
runs_are('cancel', 'cancelled 3, succeeded 1', 'the last one ends');

# Those that were skipped are none of the two.
let_pass('1 hour');
counts_are('limited', '2 3 0', 'the second run');
is(next_fire('limited'), '', 'limited: is the last');
let_pass('1 hour');
counts_are('limited', '2 3 0', 'no more come');
sql(q{SELECT taskly.drop_task(name) FROM taskly.tasks WHERE name <> 'skip'});
runs_are('skip', 'succeeded 3', 'occurrences go on');

# An enqueued run counts as running, and is never skipped.
sql(q{INSERT INTO gate VALUES ('skip'); SELECT taskly.enqueue('skip'), taskly.enqueue('skip')});
runs_are('skip', 'running 2, succeeded 3', 'two enqueued runs at a time');
let_pass('1 hour');
counts_are('skip', '3 4 0', 'an occurrence is skipped for them');
sql('DELETE FROM gate');
runs_are('skip', 'succeeded 5', 'they end');
sql(q{INSERT INTO gate VALUES ('skip')});
let_pass('1 hour');
runs_are('skip', 'running 1, succeeded 5', 'the next occurrence runs');
sql(q{SELECT taskly.enqueue('skip')});
runs_are('skip', 'running 2, succeeded 5', 'and does not keep what is enqueued');
sql(q{DELETE FROM gate});
runs_are('skip', 'succeeded 7', 'both end');
counts_are('skip', '4 4 0', 'enqueued runs are not counted as fires');
sql(q{SELECT taskly.drop_task('skip')});

# ---------------------------------------------------------------------------------------------
# Failures, pauses
# ---------------------------------------------------------------------------------------------

sql(q{
	CREATE TABLE health (divisor int);
	INSERT INTO health VALUES (0);
	SELECT taskly.schedule('fragile', 'every 1 hour', 'SELECT 1 / divisor FROM health', pause_after_failures => 3)});
sub occurs
{
	my ($runs, $failures, $name) = @_;

	let_pass('1 hour');
	polls(q{SELECT runs || ' ' || consecutive_failures FROM taskly.tasks WHERE name = 'fragile'}, "$runs $failures", "fragile: $name");
}
sub is_paused
{
	my ($expected, $name) = @_;

	polls(q{SELECT concat_ws(' ', paused_at IS NOT NULL, paused_reason, next_fire IS NULL) FROM taskly.tasks WHERE name = 'fragile'},
		$expected, "fragile: $name");
}
occurs(1, 1, 'fails');
occurs(2, 2, 'fails again');
sql('UPDATE health SET divisor = 1');
occurs(3, 0, 'succeeds');
sql('UPDATE health SET divisor = 0');
occurs(4, 1, 'fails');
occurs(5, 2, 'fails again');
is_paused('f f', 'is not paused for two failures, whatever was before');
occurs(6, 3, 'fails for the third time');
is_paused('t 3 consecutive failures t', 'is paused, and says why');
let_pass('2 hours');
counts_are('fragile', '6 0 0', 'fires no more');
is(sql(q{SELECT taskly.resume('fragile')}), 't', 'fragile: is resumed');
is_paused('f f', 'goes on');
counts_are('fragile', '6 0 0', 'makes up nothing');
is(sql(q{SELECT consecutive_failures FROM taskly.tasks WHERE name = 'fragile'}), '0', 'fragile: failures are counted anew');
occurs(7, 1, 'fails');
occurs(8, 2, 'fails again');
is_paused('f f', 'is not paused for them');
occurs(9, 3, 'fails for the third time');
is_paused('t 3 consecutive failures t', 'is paused again');

sql('UPDATE health SET divisor = 1');
let_pass('5 hours');
is(sql(q{SELECT taskly.resume('fragile', missed => 'once')}), 't', 'fragile: is resumed');
counts_are('fragile', '10 0 0', 'its pause is made up once');
polls(q{SELECT taskly_clock.now() - scheduled_for < interval '30 min' AND status = 'succeeded'
		FROM taskly.runs WHERE task = 'fragile' ORDER BY run_id DESC LIMIT 1}, 't', 'fragile: by its latest occurrence');
is(sql(q{SELECT taskly.pause('fragile', 'holidays')}), 't', 'fragile: is paused by hand');
is_paused('t holidays t', 'says so');
let_pass('20 minutes');
is(sql(q{SELECT taskly.resume('fragile', missed => 'once')}), 't', 'fragile: is resumed');
occurs(11, 0, 'made up nothing, since nothing was due');
sql(q{SELECT taskly.drop_task('fragile')});

# ---------------------------------------------------------------------------------------------
# Jitter
# ---------------------------------------------------------------------------------------------

sql(q{SELECT taskly.schedule('jitter ' || n, '0 * * * *', 'SELECT 1', jitter => '30 min') FROM generate_series(1, 20) n});
let_pass('1 hour') foreach 1 .. 3;
polls(q{SELECT count(*) >= 40 FROM taskly.runs WHERE task LIKE 'jitter %'}, 't', 'twenty tasks with jitter fire');
is(sql(q{
		SELECT max(delays), count(DISTINCT delay) > 15, bool_and(delay >= '0' AND delay < '30 min')
		FROM (SELECT task, count(DISTINCT scheduled_for - date_trunc('hour', scheduled_for)) AS delays,
				min(scheduled_for - date_trunc('hour', scheduled_for)) AS delay
			FROM taskly.runs WHERE task LIKE 'jitter %' GROUP BY 1) t}),
	'1|t|t', 'each always as late, not all alike, in the range');
sql(q{SELECT taskly.drop_task(name) FROM taskly.tasks});

# ---------------------------------------------------------------------------------------------
# Downtimes
# ---------------------------------------------------------------------------------------------

# A restart sets the clock to the machine's: what is made ten years earlier finds that these have
# passed. The grid of each task is such that no occurrence of it but one a second comes by itself.
set_clock(sql(q{SELECT clock_timestamp() - interval '3650 days'}));
sql(q{
	SELECT taskly.create_calendar('off');
	SELECT taskly.add_days_between('off', current_date - 1000, current_date - 901);
	SELECT taskly.schedule('hours skip', 'every 1 hour', 'SELECT 1', missed => 'skip');
	SELECT taskly.schedule('hours once', 'every 1 hour', 'SELECT 1');
	SELECT taskly.schedule('hours all', 'every 1 hour', 'SELECT pg_sleep(0.002)', missed => 'all');
	SELECT taskly.schedule('hours 500', 'every 1 hour', 'SELECT 1', missed => 'all', missed_limit => 500, overlap => 'allow');
	SELECT taskly.schedule('hours max', 'every 1 hour', 'SELECT 1', missed => 'all', missed_limit => 10, max_runs => 6);
	SELECT taskly.schedule('days off', 'every 24 hours', 'SELECT 1', calendar => 'off');
	SELECT taskly.schedule('seconds skip', 'every 1 second', 'SELECT 1', missed => 'skip');
	SELECT taskly.schedule('seconds once', '* * * * * *', 'SELECT 1');
	SELECT taskly.schedule('seconds all', 'every 1 second', 'SELECT 1', missed => 'all', missed_limit => 50)});
let_pass('24 hours');
polls(q{SELECT bool_and(fires > 1 OR name NOT LIKE 'seconds%') FROM taskly.tasks}, 't', 'all fire');
polls(q{SELECT count(*) FROM taskly.runs WHERE finished_at IS NULL}, '0', 'and their runs end');
sql('CREATE TABLE before AS SELECT task_id, fires, fires + skipped + missed_count AS occurrences, last_fire FROM taskly.tasks');
my %before = map { split /\|/ } split /\n/, sql('SELECT name, fires FROM taskly.tasks');
$node->stop('fast');
$node->start;
my $began = time();
polls('SELECT state FROM taskly.leader', 'leading', 'there is a leader after ten years');
polls(q{SELECT count(*) FROM taskly.tasks WHERE next_fire <= taskly_clock.now() - interval '2 seconds'}, '0', 'all tasks have caught up');
cmp_ok(time() - $began, '<', 20, 'within seconds');

sub made_up_is
{
	my ($task, $expected, $name) = @_;

	polls("SELECT fires - $before{$task} FROM taskly.tasks WHERE name = '$task'", $expected, "$task: $name");
}
made_up_is('hours skip', 0, 'makes up nothing');
made_up_is('hours once', 1, 'makes up one');
made_up_is('hours all', 100, 'makes up as many as the limit');
made_up_is('hours 500', 500, 'makes up as many as its limit');
made_up_is('hours max', 6 - $before{'hours max'}, 'makes up as many as it has runs left');
made_up_is('days off', 1, 'makes up one');
polls(q{SELECT count(*) FROM taskly.runs WHERE task LIKE 'hours%' AND finished_at IS NULL}, '0', 'those runs end');
is(sql(q{
		SELECT string_agg(concat_ws(' ', task, in_row, latest), ', ' ORDER BY task)
		FROM (
			SELECT task, max(scheduled_for) - min(scheduled_for) = (count(*) - 1) * interval '1 hour' AS in_row,
				clock_timestamp() - max(scheduled_for) < interval '50 min' AS latest
			FROM taskly.runs
			WHERE task IN ('hours once', 'hours all', 'hours 500') AND scheduled_for > clock_timestamp() - interval '1000 days'
			GROUP BY 1) t}),
	'hours 500 t t, hours all t t, hours once t t', 'they are the latest occurrences');
is(sql(q{
		SELECT bool_and(started_at >= lag) FROM (
			SELECT started_at, lag(finished_at) OVER (ORDER BY scheduled_for) FROM taskly.runs WHERE task = 'hours all') r}),
	't', 'made up one after another where they may not overlap');
# The first that is made up finds what has been missed, up to then.
is(sql(q{
		SELECT count(*) FROM taskly.runs, (
			SELECT scheduled_for, queued_at FROM taskly.runs
			WHERE task = 'seconds all' AND scheduled_for > clock_timestamp() - interval '1 day'
			ORDER BY scheduled_for LIMIT 1) f
		WHERE task = 'seconds all' AND runs.scheduled_for BETWEEN f.scheduled_for AND f.queued_at}),
	'50', 'seconds all: makes up as many as its limit');

# What was missed without a fire is counted with the next one.
let_pass('24 hours');
is(sql(q{SELECT fires, next_fire FROM taskly.tasks WHERE name = 'hours max'}), '6|', 'hours max: is over');
polls(q{SELECT fires FROM taskly.tasks WHERE name = 'hours skip'}, $before{'hours skip'} + 1, 'hours skip: fires again');
foreach (
	[ 'hours skip', '1 hour', 0 ], [ 'hours once', '1 hour', 0 ], [ 'hours all', '1 hour', 0 ], [ 'hours 500', '1 hour', 0 ],
	[ 'hours max', '1 hour', 0 ], [ 'days off', '1 day', 100 ],
	[ 'seconds skip', '1 second', 0 ], [ 'seconds once', '1 second', 0 ], [ 'seconds all', '1 second', 0 ])
{
	my ($task, $period, $off) = @$_;

	is(sql(qq{
			SELECT t.fires + t.skipped + t.missed_count - b.occurrences
				- extract(epoch FROM t.last_fire - b.last_fire) / extract(epoch FROM interval '$period') + $off
			FROM taskly.tasks t JOIN before b USING (task_id) WHERE name = '$task'}) + 0, 0, "$task: each occurrence is counted once");
}
is(sql(q{SELECT count(*) FROM (SELECT FROM taskly.runs WHERE source = 'schedule' GROUP BY task_id, scheduled_for HAVING count(*) > 1) t}),
	'0', 'and fires once');
sql(q{SELECT taskly.drop_task(name) FROM taskly.tasks; SELECT taskly.drop_calendar('off')});

# ---------------------------------------------------------------------------------------------
# Days off
# ---------------------------------------------------------------------------------------------

# From a Monday on.
set_clock('2024-05-06 06:00');
sql(q{
	SELECT taskly.create_calendar('off');
	SELECT taskly.schedule('skip', '0 12 * * WED', 'SELECT 1', calendar => 'off');
	SELECT taskly.schedule('next', '0 12 * * WED', 'SELECT 1', calendar => 'off', on_excluded => 'next');
	SELECT taskly.schedule('previous', '0 12 * * WED', 'SELECT 1', calendar => 'off', on_excluded => 'previous')});
is(next_fire($_), '2024-05-08 12:00', "$_: no day is off") foreach ('skip', 'next', 'previous');
sql(q{SELECT taskly.add_days('off', '2024-05-08')});
is(next_fire('skip'), '2024-05-15 12:00', 'a day off is skipped at once');
is(next_fire('next'), '2024-05-09 12:00', 'or its occurrence moves to the next day');
is(next_fire('previous'), '2024-05-07 12:00', 'or to the day before');
set_clock('2024-05-07 13:00');
counts_are('previous', '1 0 0', 'fires the day before');
set_clock('2024-05-08 13:00');
is(next_fire('previous'), '2024-05-15 12:00', 'previous: is not due on the day itself');
set_clock('2024-05-09 13:00');
counts_are('next', '1 0 0', 'fires the day after');
is(sql(q{SELECT string_agg(task || ' ' || to_char(scheduled_for, 'DD HH24:MI'), ', ' ORDER BY task) FROM taskly.runs WHERE scheduled_for >= '2024-05-06' AND scheduled_for < '2024-05-12'}),
	'next 09 12:00, previous 07 12:00', 'and that was all');
sql(q{SELECT taskly.add_days_between('off', '2024-05-15', '2024-05-17')});
is(join(', ', map { next_fire($_) } ('skip', 'next', 'previous')),
	'2024-05-22 12:00, 2024-05-18 12:00, 2024-05-14 12:00', 'several days are off');
sql(q{SELECT taskly.remove_days('off', '2024-05-15', '2024-05-16')});
is(join(', ', map { next_fire($_) } ('skip', 'next', 'previous')),
	'2024-05-15 12:00, 2024-05-15 12:00, 2024-05-15 12:00', 'and come back');
set_clock('2024-05-15 13:00');
counts_are('skip', '1 0 0', 'fires when it is back');
counts_are('next', '2 0 0', 'fires when it is back');
counts_are('previous', '2 0 0', 'fires when it is back');

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
