# How fast due runs are executed. Sourced by test/bench/run.

readonly PGBENCH_CLIENTS=16
readonly PGBENCH_TRANSACTIONS=5000		# of each client

# Makes the runs while nothing starts, lets them go, and prints runs a second; all of them must
# have succeeded, once.
drain_taskly()
{
	local before succeeded

	before=$(query -c 'SELECT coalesce(max(run_id), 0) FROM taskly.finished_run') || return
	query >/dev/null -c 'SELECT taskly.pause_all()' -c "
		SELECT count(*) FROM taskly.enqueue_many('no-op', array_fill(NULL::jsonb, ARRAY[$runs]))" \
		-c 'VACUUM ANALYZE taskly.pending_run' || return
	settle
	query -c 'SELECT taskly.resume_all()' >/dev/null
	wait_until 300 "SELECT waiting = 0 FROM taskly.leader" || return
	wait_until 60 "SELECT count(*) >= $runs FROM taskly.finished_run WHERE run_id > $before" || return
	succeeded=$(query -F ' ' -c "
		SELECT count(*) FILTER (WHERE status = 'succeeded'), count(DISTINCT run_id), count(*)
		FROM taskly.finished_run WHERE run_id > $before") || return
	if [ "$succeeded" != "$runs $runs $runs" ]; then
		say "of $runs runs, succeeded, different and all rows of history were: $succeeded"
		return 1
	fi
	query -c "
		SELECT round(count(*) / extract(epoch FROM max(finished_at) - min(started_at)))
		FROM taskly.finished_run WHERE run_id > $before"
	# History of the rounds before is nothing that the other side has.
	query -c 'TRUNCATE taskly.finished_run' -c 'VACUUM taskly.pending_run'
}

# The same work without anybody to tell the workers what comes next.
drain_limit()
{
	local workers=$1 done_runs

	query -c 'TRUNCATE bench.queue, bench.history, bench.worker' \
		-c "INSERT INTO bench.queue SELECT n FROM generate_series(1, $runs) n" \
		-c 'VACUUM ANALYZE bench.queue' || return
	settle
	query -c "SELECT bench.limit($workers, $runs)" >/dev/null || return
	done_runs=$(query -F ' ' -c 'SELECT (SELECT sum(runs) FROM bench.worker),
		(SELECT count(*) FROM bench.history), (SELECT count(*) FROM bench.queue)') || return
	if [ "$done_runs" != "$runs $runs 0" ]; then
		say "of $runs rows, workers, history and queue have: $done_runs"
		return 1
	fi
	query -c 'SELECT round(sum(runs) / extract(epoch FROM max(finished_at) - min(started_at)))
		FROM bench.worker'
}

# A queue in plain SQL: each transaction takes the first row that nobody else is taking.
drain_pgbench()
{
	local script=$work/take.sql rows=$((PGBENCH_CLIENTS * PGBENCH_TRANSACTIONS)) left

	cat >"$script" <<'ENDSQL'
DELETE FROM bench.queue WHERE run_id = (
	SELECT run_id FROM bench.queue ORDER BY run_id LIMIT 1 FOR UPDATE SKIP LOCKED);
ENDSQL
	query -c 'TRUNCATE bench.queue' \
		-c "INSERT INTO bench.queue SELECT n FROM generate_series(1, $rows) n" \
		-c 'VACUUM ANALYZE bench.queue' || return
	settle
	pgbench -n -M prepared -c "$PGBENCH_CLIENTS" -j 2 -t "$PGBENCH_TRANSACTIONS" -f "$script" \
		>"$work/pgbench.log" 2>&1 || { tail -n 5 "$work/pgbench.log" >&2; return 1; }
	left=$(query -c 'SELECT count(*) FROM bench.queue') || return
	# A client that finds all of the rows taken that it looks at deletes nothing.
	[ "$left" -lt $((rows / 20)) ] || { say "pgbench left $left of $rows rows"; return 1; }
	sed -n 's/^tps = \([0-9]*\).*without initial.*/\1/p' "$work/pgbench.log"
}

# The sides take turns, and the order turns around each round.
drain_round()
{
	local workers=$1 round=$2 side rate
	local sides='taskly limit pgbench'

	[ $((round % 2)) = 0 ] && sides='pgbench limit taskly'
	for side in $sides; do
		rate=$("drain_$side" "$workers") || return
		rates["$side"]+=" $rate"
	done
	say "   round $round, at most $workers workers:" \
		"taskly ${rates[taskly]##* }, limit ${rates[limit]##* }, pgbench ${rates[pgbench]##* }"
}

report_drain()
{
	local workers=$1 taskly limit pgbench ratio factor plural=

	taskly=$(median ${rates[taskly]})
	limit=$(median ${rates[limit]})
	pgbench=$(median ${rates[pgbench]})
	ratio=$(calculate "$taskly / $limit")
	factor=$(calculate "$taskly / $pgbench" %.1f)
	[ "$workers" = 1 ] || plural=s
	report "drain of $runs runs by $workers worker$plural" \
		"$taskly runs/s ($(spread ${rates[taskly]}))"
	report "… beside the in-server limit, $limit/s ($(spread ${rates[limit]}))" \
		"$ratio of it" 'at least 0.5' "$(verdict "$ratio >= 0.5")"
	report "… beside pgbench, $pgbench/s ($(spread ${rates[pgbench]}))" \
		"$factor times" 'at least 4' "$(verdict "$factor >= 4")"
}

measure_drain()
{
	local workers round
	local -A rates

	for workers in 1 4; do
		rates=([taskly]= [limit]= [pgbench]=)
		restart_server "$workers" && fresh_database || return
		query -c "SELECT taskly.define('no-op', 'SELECT 1')" >/dev/null || return
		for round in $(seq "$rounds"); do
			drain_round "$workers" "$round" || return
		done
		report_drain "$workers"
	done
}
