# Very many schedules: what a change of one costs, and what it takes when many are due at once.
# Sourced by test/bench/run.

readonly FEW_SCHEDULES=10
readonly HUGE_SCHEDULES=1000000
readonly DUE_SHARE=10
readonly CHANGES=200

# Until the leader knows $1 schedules.
wait_for_agenda()
{
	wait_until 120 "SELECT scheduled = $1 FROM taskly.scheduler_state()"
}

# Milliseconds, in the median, to define, alter and drop a task, each in a transaction of its own.
cost_of_change()
{
	query <<ENDSQL | tail -n 1
CREATE TABLE IF NOT EXISTS bench.change (ms double precision);
TRUNCATE bench.change;
CREATE OR REPLACE PROCEDURE bench.change_one() LANGUAGE plpgsql AS \$\$
DECLARE
	began timestamptz;
BEGIN
	FOR n IN 1 .. $CHANGES LOOP
		began := clock_timestamp();
		PERFORM taskly.schedule('one', '0 0 1 1 *', 'SELECT 1');
		COMMIT;
		PERFORM taskly.alter('one', schedule => '0 0 2 1 *');
		COMMIT;
		PERFORM taskly.drop_task('one');
		COMMIT;
		INSERT INTO bench.change VALUES (1000 * extract(epoch FROM clock_timestamp() - began));
	END LOOP;
END
\$\$;
CALL bench.change_one();
SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 2) FROM bench.change;
ENDSQL
}

measure_changes()
{
	local few many ratio

	fresh_database && make_schedules "$FEW_SCHEDULES" 1 || return
	few=$(cost_of_change) || return
	fresh_database && make_schedules "$MANY_SCHEDULES" 2 || return
	many=$(cost_of_change) || return
	ratio=$(calculate "$many / $few")
	report "to add, alter and drop a schedule, with $MANY_SCHEDULES others" "$many ms ($few ms with $FEW_SCHEDULES)" \
		'as with few (at most 1.5 times)' "$(verdict "$ratio <= 1.5")"
}

# A tenth of them due at the whole minute $1 seconds and more from now. Straight into the table: the
# calls would take minutes.
make_huge()
{
	query >/dev/null <<ENDSQL
SELECT taskly.define('model', 'SELECT 1');
INSERT INTO taskly.task (home_id, name, owner, command, queue_id, schedule, timezone, last_fire)
SELECT m.home_id, 'task ' || n, m.owner, m.command, m.queue_id,
	CASE n % $DUE_SHARE WHEN 0 THEN to_char(due.minute AT TIME ZONE 'UTC', 'FMMI FMHH24 FMDD FMMM "*"') ELSE '0 0 1 1 *' END,
	'UTC', now()
FROM taskly.task m, generate_series(1, $HUGE_SCHEDULES) n,
	(SELECT date_trunc('minute', now() + interval '$1 s' + interval '1 minute') AS minute) due
WHERE m.name = 'model';
ENDSQL
}

# The slowest of the statements that a session makes meanwhile, until all runs are over.
probe_while_firing()
{
	query <<ENDSQL | tail -n 1
SELECT taskly.create_queue('probe');
SELECT taskly.define('probe', 'SELECT 1', queue => 'probe');
CREATE TABLE bench.probe (ms double precision);
CREATE PROCEDURE bench.probe() LANGUAGE plpgsql AS \$\$
DECLARE
	began timestamptz;
	until timestamptz := clock_timestamp() + interval '5 minutes';
BEGIN
	WHILE (SELECT count(*) < $((HUGE_SCHEDULES / DUE_SHARE)) FROM taskly.finished_run WHERE source = 'schedule') LOOP
		EXIT WHEN clock_timestamp() > until;
		FOR n IN 1 .. 10 LOOP
			began := clock_timestamp();
			PERFORM taskly.enqueue('probe');
			COMMIT;
			INSERT INTO bench.probe VALUES (1000 * extract(epoch FROM clock_timestamp() - began));
			PERFORM pg_sleep(0.05);
		END LOOP;
	END LOOP;
END
\$\$;
CALL bench.probe();
SELECT round(max(ms)::numeric, 1) FROM bench.probe;
ENDSQL
}

measure_huge()
{
	local began loaded probe count last fired delay

	fresh_database && make_huge 30 || return
	began=$(date +%s%N)
	wait_for_agenda "$HUGE_SCHEDULES" || return
	loaded=$((($(date +%s%N) - began) / 1000000))
	probe=$(probe_while_firing) || return
	read -r count last fired delay < <(query -F ' ' -c "
		SELECT count(*) FILTER (WHERE source = 'schedule'),
			round(1000 * extract(epoch FROM max(started_at - scheduled_for) FILTER (WHERE source = 'schedule'))),
			round(1000 * extract(epoch FROM max(queued_at - scheduled_for) FILTER (WHERE source = 'schedule'))),
			round(1000 * extract(epoch FROM max(started_at - queued_at) FILTER (WHERE source = 'enqueue')))
		FROM taskly.finished_run")
	[ "$count" = $((HUGE_SCHEDULES / DUE_SHARE)) ] || { say "runs of $count tasks"; return 1; }
	report "load of $HUGE_SCHEDULES schedules" "$loaded ms after they were committed"
	report "$count of them due in the same minute: the last is a run after" "$fired ms"
	report '… and has started after' "$last ms"
	report '… a session enqueues and commits meanwhile in' "$probe ms at most" \
		'responsive: at most 250 ms' "$(verdict "$probe <= 250")"
	report '… and its run, in another queue, starts within' "$delay ms" \
		'responsive: at most 1000 ms' "$(verdict "$delay <= 1000")"
}

measure_schedules()
{
	restart_server 4 && measure_changes && measure_huge
}
