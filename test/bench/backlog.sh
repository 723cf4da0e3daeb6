# Very many runs that wait. Sourced by test/bench/run.

readonly BACKLOG=$((runs * 25))
readonly BACKLOG_FIRST=$((runs * 3 / 2))
readonly BACKLOG_FEW=$((runs / 2))
readonly BACKLOG_MEMORY_KB=153600

# Runs a second of the first ones of a backlog to have ended, once they are there. That is asked of the
# scheduler's own count, since to look into history costs as much as many runs.
rate_of_first()
{
	local before

	before=$(query -c 'SELECT dispatched FROM taskly.leader') && let_go &&
		wait_until 120 "SELECT dispatched >= $before + $1 FROM taskly.leader" || return
	query -c 'SELECT taskly.pause_all()' >/dev/null
	wait_until 60 "SELECT count(*) = 0 FROM taskly.runs WHERE status = 'running'" || return
	query -c "
		SELECT round(count(*) / extract(epoch FROM max(finished_at) - min(started_at)))
		FROM (SELECT * FROM taskly.finished_run ORDER BY finished_at LIMIT $1) f"
	forget_history
}

scheduler_memory()
{
	own_memory_kb "$(pid_of 'taskly scheduler')"
}

# Runs of high priority while the backlog drains: the delays of 100.
sample_urgent()
{
	query >/dev/null <<'ENDSQL' || return
CREATE TABLE bench.sample (run_id bigint PRIMARY KEY, committed_at timestamptz NOT NULL);
CREATE PROCEDURE bench.enqueue_urgent() LANGUAGE plpgsql AS $$
DECLARE
	run_ids bigint[];
	instants timestamptz[];
BEGIN
	FOR n IN 1 .. 100 LOOP
		run_ids[n] := taskly.enqueue('no-op', priority => 1000);
		COMMIT;
		instants[n] := bench.committed_at();
		PERFORM pg_sleep(0.01);
	END LOOP;
	INSERT INTO bench.sample SELECT * FROM unnest(run_ids, instants);
END
$$;
SELECT bench.committed_at();
SELECT taskly.resume_all();
SELECT pg_sleep(1);
CALL bench.enqueue_urgent();
ENDSQL
	# Those that have not started by then have to wait until all others are done.
	wait_until 5 "SELECT count(*) = 100 FROM bench.sample JOIN taskly.finished_run USING (run_id)"
	query -c 'SELECT taskly.pause_all()' >/dev/null
	sampled_delays
}

# Adds to few the rates when few wait, in a database that has nothing else.
drain_few()
{
	local round rate

	fresh_database && query >/dev/null -c "SELECT taskly.define('no-op', 'SELECT 1')" || return
	for round in $(seq "$rounds"); do
		rate=$(drain no-op "$BACKLOG_FEW") || return
		few+=("$rate")
	done
}

measure_backlog()
{
	local many last ratio round loaded drained count p50 p99 max
	local rates=() few=()

	restart_server 2 && drain_few || return
	prepare_runs "$(enqueue_sql no-op "$BACKLOG")" || return
	loaded=$(scheduler_memory)
	for round in $(seq "$rounds"); do
		many=$(rate_of_first "$BACKLOG_FIRST") || return
		rates+=("$many")
	done
	drained=$(scheduler_memory)
	read -r count p50 p99 max < <(sample_urgent)
	last=$(scheduler_memory)
	# Again, since the machine may be another one by now.
	drain_few || return
	many=$(median "${rates[@]}")
	ratio=$(calculate "$many / $(median "${few[@]}")")
	report "drain of a backlog of $BACKLOG, $BACKLOG_FIRST at a time" "$many runs/s ($(spread "${rates[@]}"))"
	report "… beside the rate with $BACKLOG_FEW waiting, $(median "${few[@]}")/s ($(spread "${few[@]}"))" "$ratio of it" \
		'at least 0.9' "$(verdict "$ratio >= 0.9")"
	report "… a run of high priority enqueued behind it starts after, p50 and p99 of ${count:-no samples}" "$p50 and $p99 ms (max $max)" \
		'within 10 ms' "$(verdict "${count:-0} == 100 && ${p99:-99} <= 10")"
	report "… memory of the scheduler when loaded, while draining, at the end" \
		"$(calculate "$loaded / 1024" %.1f), $(calculate "$drained / 1024" %.1f), $(calculate "$last / 1024" %.1f) MB" \
		'at most 150 MB' "$(verdict "$loaded <= $BACKLOG_MEMORY_KB && $drained <= $BACKLOG_MEMORY_KB && $last <= $BACKLOG_MEMORY_KB")"
}
