# How soon runs start. Sourced by test/bench/run.

readonly DELAY_SAMPLES=500
readonly LATENESS_TASKS=30
readonly LATENESS_SECONDS=30

# How late the machine itself is when it lets a process go on that has slept, while others use it: a
# run that is enqueued waits for two processes that sleep. nap() sleeps so many milliseconds and
# tells how many more it were.
make_naps()
{
	query <<'ENDSQL'
CREATE TABLE bench.nap (late_ms float8 NOT NULL);
CREATE FUNCTION bench.nap(ms int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	began_at timestamptz := clock_timestamp();
BEGIN
	PERFORM pg_sleep(ms / 1000.0);
	RETURN 1000 * extract(epoch FROM clock_timestamp() - began_at) - ms;
END
$$;
ENDSQL
}

report_naps()
{
	report '… beside: the machine lets a sleeper go on late by, p50 and p99' "$(query -F ' and ' -c "
		SELECT round(p[1]::numeric, 3), round(p[2]::numeric, 3) || ' ms' FROM (
			SELECT percentile_disc('{0.5,0.99}'::float8[]) WITHIN GROUP (ORDER BY late_ms) AS p
			FROM bench.nap) n")"
}

# bench.enqueue_one_by_one() makes so many runs, each a moment after the one before has ended, so
# that a worker is there and idle.
make_sampler()
{
	make_naps && query >/dev/null <<'ENDSQL'
CREATE TABLE bench.sample (run_id bigint PRIMARY KEY, committed_at timestamptz NOT NULL);
SELECT taskly.define('no-op', 'SELECT 1');
CREATE PROCEDURE bench.enqueue_one_by_one(samples int) LANGUAGE plpgsql AS $$
DECLARE
	run_ids bigint[];
	instants timestamptz[];
	naps float8[];
BEGIN
	FOR n IN 1 .. samples LOOP
		run_ids[n] := taskly.enqueue('no-op');
		COMMIT;
		instants[n] := bench.committed_at();
		IF taskly.wait(run_ids[n], '10 seconds') IS DISTINCT FROM 'succeeded' THEN
			RAISE 'run % did not succeed', run_ids[n];
		END IF;
		COMMIT;
		naps[n] := bench.nap(2 + n % 5);
	END LOOP;
	INSERT INTO bench.sample SELECT * FROM unnest(run_ids, instants);
	INSERT INTO bench.nap SELECT unnest(naps);
END
$$;
-- the first call loads the extension, the first run starts a worker
SELECT bench.committed_at();
CALL bench.enqueue_one_by_one(20);
TRUNCATE bench.sample, bench.nap;
CHECKPOINT;
ENDSQL
}

# Count, median, 99th percentile and maximum of the delays of what was sampled, in milliseconds.
sampled_delays()
{
	query -F ' ' -c "
		SELECT count(*), $(milliseconds_at 'started_at - committed_at' 0.5 0.99 1)
		FROM bench.sample JOIN taskly.finished_run USING (run_id)"
}

measure_delay()
{
	local p50 p99 max count

	restart_server 4 && fresh_database && make_sampler || return
	query -c "SELECT bench.committed_at()" -c "CALL bench.enqueue_one_by_one($DELAY_SAMPLES)" >/dev/null || return
	read -r count p50 p99 max < <(sampled_delays)
	[ "${count:-0}" = "$DELAY_SAMPLES" ] || { say "samples: ${count:-none}"; return 1; }
	report "delay, commit of enqueue() to start: p50 of $count" "$p50 ms" \
		'at most 0.15 ms' "$(verdict "$p50 <= 0.15")"
	report '… p99' "$p99 ms (max $max)" 'at most 1 ms' "$(verdict "$p99 <= 1")"
	plot delay 'taskly, commit to start' "$p50"
	report_naps
}

# SQL for the percentiles $2… of the interval $1, in milliseconds.
milliseconds_at()
{
	local interval=$1 p

	shift
	for p; do
		echo "round(1000 * (percentile_disc($p) WITHIN GROUP (ORDER BY extract(epoch FROM $interval)))::numeric, 3)"
	done | paste -sd ,
}

# All tasks are due at the same instant, which is the worst there is.
measure_lateness()
{
	local expected=$((LATENESS_TASKS * LATENESS_SECONDS)) count p50 p99 max

	restart_server 4 && fresh_database && make_naps || return
	query >/dev/null -c "
		SELECT taskly.schedule('every second ' || n, 'every 1 second', 'SELECT 1')
		FROM generate_series(1, $LATENESS_TASKS) n" || return
	# Two seconds for workers to come, and one more for the last run to end.
	query -c "INSERT INTO bench.nap
		SELECT bench.nap(100) FROM generate_series(1, $((LATENESS_SECONDS + 3)) * 10)" || return
	query >/dev/null -c 'SELECT taskly.pause_all()'
	wait_until 30 "SELECT count(*) = 0 FROM taskly.runs WHERE status = 'running'" || return
	read -r count p50 p99 max < <(query -F ' ' -c "
		SELECT count(*), $(milliseconds_at 'started_at - scheduled_for' 0.5 0.99 1)
		FROM taskly.finished_run, (
			SELECT min(scheduled_for) AS at FROM taskly.finished_run) first
		WHERE status = 'succeeded' AND scheduled_for >= first.at + interval '2 seconds'
			AND scheduled_for < first.at + interval '$((LATENESS_SECONDS + 2)) seconds'")
	report "lateness of $LATENESS_TASKS tasks every second, for $LATENESS_SECONDS s: fires" \
		"$count of $expected" all "$(verdict "$count == $expected")"
	report '… p50' "$p50 ms"
	report '… p99' "$p99 ms (max $max)" 'under 5 ms' "$(verdict "$p99 < 5")"
	report_naps
}
