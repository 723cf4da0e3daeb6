# Days played in seconds: what upcoming() says is what fires, through the clock changes of zones.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TasklyTest;
use Test::More;

my $node = start_clock_node(q{
taskly.max_workers = 2
});

sql(q{
	-- Is all that is due by now over?
	CREATE FUNCTION is_done() RETURNS boolean LANGUAGE sql AS $$
		SELECT NOT EXISTS (SELECT FROM taskly.tasks WHERE next_fire <= taskly_clock.now())
			AND NOT EXISTS (SELECT FROM taskly.pending_run)
	$$;

	-- Sets the clock forward step by step; each waits until all that it made due is over.
	CREATE PROCEDURE play(until timestamptz, step interval) LANGUAGE plpgsql AS $$
	DECLARE
		give_up_at timestamptz;
	BEGIN
		WHILE taskly_clock.now() < until LOOP
			PERFORM taskly_clock.pass(LEAST(step, until - taskly_clock.now()));
			give_up_at := clock_timestamp() + interval '30 s';
			COMMIT;
			WHILE NOT is_done() LOOP
				IF clock_timestamp() > give_up_at THEN
					RAISE 'what is due by % is not over', taskly_clock.now();
				END IF;
				PERFORM pg_sleep(0.001);
				COMMIT;
			END LOOP;
		END LOOP;
	END $$;
});

# ---------------------------------------------------------------------------------------------
# A day around each kind of clock change
# ---------------------------------------------------------------------------------------------

# Name => schedule, and options where there are some.
my %schedules = (
	'all minutes' => [ '*/10 * * * *', q{timezone => 'Europe/Berlin'} ],
	'berlin night' => [ '30 2 * * *', q{timezone => 'Europe/Berlin'} ],
	'berlin hours' => [ '0,15 1-3 * * *', q{timezone => 'Europe/Berlin'} ],
	'york night' => [ '30 1,2 * * *', q{timezone => 'America/New_York'} ],
	'lord howe night' => [ '15,45 1,2 * * *', q{timezone => 'Australia/Lord_Howe'} ],
	'lord howe hours' => [ '5 */2 * * *', q{timezone => 'Australia/Lord_Howe'} ],
	'kathmandu' => [ '0 6,18 * * *', q{timezone => 'Asia/Kathmandu'} ],
	'last day' => [ '20 12 L * *', q{timezone => 'America/New_York'} ],
	'last sunday' => [ '40 3 * * 0L', q{timezone => 'Europe/Berlin'} ],
	'first sunday' => [ '10 2 * * SUN#1', q{timezone => 'Australia/Lord_Howe'} ],
	'weekday' => [ '50 0 1W * *', q{timezone => 'Asia/Kathmandu'} ],
	'seconds' => [ '7,37 */30 * * * *', q{timezone => 'America/New_York', jitter => '40 s'} ],
	'seven minutes' => [ 'every 7 minutes', '' ],
	'days' => [ 'every 1 day', q{timezone => 'Europe/Berlin', starts_at => '2024-01-01 02:30 Europe/Berlin'} ],
	'window' => [ 'every 25 minutes between 22:00 and 05:00', q{timezone => 'Europe/Berlin', jitter => '1 hour'} ],
	'working days' => [ '0 */4 * * *', q{timezone => 'America/New_York', calendar => 'off'} ],
	'moved' => [ '0 9 * * *', q{timezone => 'Europe/Berlin', calendar => 'off', on_excluded => 'next'} ],
	'rule' => [ 'RRULE:FREQ=HOURLY;INTERVAL=3;BYMINUTE=15,45;BYSETPOS=-1', q{timezone => 'Europe/Berlin', starts_at => '2024-01-01 01:00 Europe/Berlin'} ],
	'rule night' => [ 'DTSTART;TZID=America/New_York:20240101T023000 RRULE:FREQ=DAILY', '' ],
	'few' => [ '*/20 * * * *', 'max_runs => 5' ],
	'ends' => [ 'every 15 minutes', q{ends_at => taskly_clock.now() + interval '3 hours'} ]);

sub make_tasks
{
	my $sql = '';

	foreach my $name (sort keys %schedules)
	{
		my ($schedule, $options) = @{ $schedules{$name} };

		$options = ", $options" if $options ne '';
		$sql .= "SELECT taskly.schedule('$name', '$schedule', 'SELECT 1', overlap => 'allow', missed => 'all', missed_limit => 10000$options);\n";
	}
	return $sql;
}

# Plays 24 hours from an instant on. $expected: task => what it must have fired at.
sub play_day
{
	my ($day, $since, $step, $expected) = @_;

	set_clock($since);
	sql(make_tasks());
	# What is due before a moment from now may have fired before anybody asks.
	sql(qq{
		DROP TABLE IF EXISTS bounds, foreseen, fired;
		CREATE TABLE bounds AS SELECT taskly_clock.now() + interval '1 s' AS since, timestamptz '$since' + interval '24 hours' AS until;
		CREATE TABLE foreseen AS SELECT u.task, u.scheduled_for FROM bounds, taskly.upcoming(until, since) u});
	my $forms = keys %schedules;
	cmp_ok(sql('SELECT count(DISTINCT task) FROM foreseen'), '>', $forms / 2, "$day: most of the tasks have something to do");

	sql(qq{CALL play(timestamptz '$since' + interval '24 hours', '$step')});
	sql(q{
		CREATE TABLE fired AS
			SELECT task, scheduled_for FROM taskly.runs, bounds
			WHERE task IS NOT NULL AND scheduled_for BETWEEN since AND until});
	is(sql(q{
			SELECT string_agg(side || ' ' || task || ' ' || scheduled_for, E'\n')
			FROM (
				(SELECT 'only foreseen' AS side, * FROM (TABLE foreseen EXCEPT ALL TABLE fired) f LIMIT 10)
				UNION ALL
				(SELECT 'only fired', * FROM (TABLE fired EXCEPT ALL TABLE foreseen) f LIMIT 10)) t}),
		'', "$day: what fires is what was foreseen");
	cmp_ok(sql('SELECT count(*) FROM fired'), '>', 500, "$day: and there is enough of it");
	foreach my $task (sort keys %$expected)
	{
		is(sql(qq{SELECT string_agg(to_char(scheduled_for, 'DD HH24:MI'), ', ' ORDER BY scheduled_for) FROM fired WHERE task = '$task'}),
			$expected->{$task}, "$day: $task");
	}
	is(sql(q{SELECT count(*) FROM fired WHERE task = 'all minutes'}), 24 * 6, "$day: what follows elapsed time has all of it");
	is(sql(q{SELECT count(*), sum(missed_count), sum(skipped) FROM taskly.tasks}), "$forms|0|0", "$day: nothing is missed or skipped");
	sql('SELECT taskly.drop_task(task_id) FROM taskly.tasks');
}

# The clock is in the past all the time, whose clock changes are known. Some play in steps that are
# so long that each is a downtime.
sql(q{SELECT taskly.create_calendar('off', ARRAY[date '2024-03-31', '2024-04-07', '2024-10-27'])});
play_day('New York, spring', '2024-03-09 20:00', '5 minutes', {
	'york night' => '10 06:30, 10 07:00' });
play_day('Berlin, spring', '2024-03-30 17:00', '7 minutes', {
	'berlin night' => '31 01:00',
	'berlin hours' => '31 00:00, 31 00:15, 31 01:00, 31 01:15',
	'last sunday' => '31 01:40',
	'last day' => '31 16:20',
	'moved' => '' });
play_day('Lord Howe, autumn', '2024-04-06 05:00', '40 minutes', {
	'lord howe night' => '06 14:15, 06 14:45, 06 15:45, 06 16:15',
	'first sunday' => '06 15:40',
	'few' => '06 05:20, 06 05:40, 06 06:00, 06 06:20, 06 06:40' });
play_day('Lord Howe, spring', '2024-10-05 05:00', '3 hours', {
	'lord howe night' => '05 14:45, 05 15:15, 05 15:30, 05 15:45',
	'first sunday' => '05 15:30' });
play_day('Berlin, autumn', '2024-10-26 15:00', '10 minutes', {
	'berlin night' => '27 00:30',
	'berlin hours' => '26 23:00, 26 23:15, 27 00:00, 27 00:15, 27 02:00, 27 02:15',
	'last sunday' => '27 02:40' });
play_day('New York, autumn', '2024-11-02 15:00', '24 hours', {
	'york night' => '03 05:30, 03 07:30',
	'kathmandu' => '03 00:15, 03 12:15' });

# ---------------------------------------------------------------------------------------------
# Drift
# ---------------------------------------------------------------------------------------------

# Where in a second the grid lies is the task's own matter: it is set by starts_at here.
my $hour_from = '2024-11-05 10:00:00.05';
set_clock('2024-11-05 09:59:58');
sql(qq{
	SELECT taskly.schedule('fast', 'every 100 ms', 'SELECT 1', starts_at => '$hour_from',
		ends_at => timestamptz '$hour_from' + interval '1 hour' - interval '1 ms',
		overlap => 'allow', missed => 'all', missed_limit => 10000);
	CALL play(timestamptz '$hour_from' + interval '1 hour', '10 s')});
is(sql(qq{
		SELECT count(*), count(DISTINCT scheduled_for), min(scheduled_for) = '$hour_from',
			max(scheduled_for) = timestamptz '$hour_from' + interval '59 min 59.9 s',
			bool_and(extract(microseconds FROM scheduled_for)::int % 100000 = 50000),
			bool_and(status = 'succeeded'), bool_and(started_at >= scheduled_for)
		FROM taskly.runs WHERE task = 'fast'}),
	'36000|36000|t|t|t|t|t', 'an hour of a task every 100 ms is 36000 fires, all on the grid');
is(sql(q{SELECT fires, missed_count, skipped FROM taskly.tasks WHERE name = 'fast'}), '36000|0|0', 'and so it counts them');

check_invariants($node, 'postgres');
$node->stop('fast');

done_testing();
