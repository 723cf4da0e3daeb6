# How fast due runs are executed. Sourced by test/bench/run.

readonly PGBENCH_CLIENTS=16
readonly PGBENCH_TRANSACTIONS=5000		# of each client
readonly WORKERS_TRIED='1 2 4'
readonly WRITE_COMMAND='INSERT INTO bench.written DEFAULT VALUES'

drain_taskly()
{
	drain drained "$runs"
}

# The same work without anybody to tell the workers what comes next.
drain_limit()
{
	local workers=$1 command=$2 done_runs

	query -c 'TRUNCATE bench.queue, bench.history, bench.worker' \
		-c "INSERT INTO bench.queue SELECT n FROM generate_series(1, $runs) n" \
		-c 'VACUUM ANALYZE bench.queue' || return
	settle
	query -c "SELECT bench.limit($workers, $runs, '$command')" >/dev/null || return
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
	run_pgbench "$script" -t "$PGBENCH_TRANSACTIONS" || return
	# A client that finds all of the rows taken that it looks at deletes nothing.
	left=$(query -c 'SELECT count(*) FROM bench.queue') || return
	[ "$left" -lt $((rows / 20)) ] || { say "pgbench left $left of $rows rows"; return 1; }
}

# Prints transactions a second of the script $1.
run_pgbench()
{
	local script=$1

	shift
	pgbench -n -M prepared -c "$PGBENCH_CLIENTS" -j 2 -f "$script" "$@" \
		>"$work/pgbench.log" 2>&1 || { tail -n 5 "$work/pgbench.log" >&2; return 1; }
	sed -n 's/^tps = \([0-9]*\).*without initial.*/\1/p' "$work/pgbench.log"
}

# One round of taskly and the limit, with $1 workers and the command $2; the order turns around
# each round.
drain_round()
{
	local workers=$1 command=$2 round=$3 side rate
	local sides='taskly limit'

	[ $((round % 2)) = 0 ] && sides='limit taskly'
	for side in $sides; do
		rate=$("drain_$side" "$workers" "$command") || return
		rates["$side $workers"]+=" $rate"
	done
	say "   round $round, at most $workers workers:" \
		"taskly ${rates[taskly $workers]##* }, limit ${rates[limit $workers]##* }"
}

# All rounds of $3 runs with $1 workers.
drain_with()
{
	local workers=$1 command=$2 what=$3 round plural=s

	restart_server "$workers" && fresh_database || return
	query -c 'CREATE TABLE bench.written (at timestamptz NOT NULL DEFAULT now())' \
		-c "SELECT taskly.define('drained', '$command')" >/dev/null || return
	for round in $(seq "$rounds"); do
		drain_round "$workers" "$command" "$round" || return
		query -c 'TRUNCATE bench.written'
	done
	[ "$workers" = 1 ] && plural=
	report "$what runs by $workers worker$plural, beside the in-server limit's $(median ${rates[limit $workers]})/s" \
		"$(median ${rates[taskly $workers]}) runs/s ($(spread ${rates[taskly $workers]}))"
}

# The number of workers with which the side $1 was best, of those that were tried.
best_workers()
{
	local workers

	for workers in $WORKERS_TRIED; do
		echo "$(median ${rates[$1 $workers]}) $workers"
	done | sort -gr | awk 'NR == 1 { print $2 }'
}

# What $1 says was drained, with every number of workers; then the best of each side, which it leaves
# in best and limit.
drain_and_report()
{
	local workers what=$1 command=$2 ratio

	for workers in $WORKERS_TRIED; do
		drain_with "$workers" "$command" "$what" || return
	done
	workers=$(best_workers taskly)
	best=$(median ${rates[taskly $workers]})
	report "drain of $runs $what runs, best ($workers workers)" \
		"$best runs/s ($(spread ${rates[taskly $workers]}))"
	workers=$(best_workers limit)
	limit=$(median ${rates[limit $workers]})
	ratio=$(calculate "$best / $limit")
	report "… beside the in-server limit's best ($workers workers), $limit/s ($(spread ${rates[limit $workers]}))" \
		"$ratio of it" 'at least 0.8' "$(verdict "$ratio >= 0.8")"
}

measure_drain()
{
	local best limit round rate factor
	local -A rates=([pgbench]=)

	drain_and_report no-op 'SELECT 1' || return
	for round in $(seq "$rounds"); do
		rate=$(drain_pgbench) || return
		rates[pgbench]+=" $rate"
	done
	factor=$(calculate "$best / $(median ${rates[pgbench]})" %.1f)
	report "… beside pgbench, $(median ${rates[pgbench]})/s ($(spread ${rates[pgbench]}))" \
		"$factor times" 'at least 4' "$(verdict "$factor >= 4")"
	plot rate taskly "$best"
	plot rate 'in-server limit' "$limit"
	plot rate 'queue in SQL (pgbench)' "$(median ${rates[pgbench]})"
}

measure_writes()
{
	local best limit
	local -A rates=()

	drain_and_report 'row-writing' "$WRITE_COMMAND"
}
