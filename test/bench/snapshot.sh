# A transaction that keeps its snapshot while the queue churns. Sourced by test/bench/run.

readonly CHURNS=5

hold_snapshot()
{
	PGAPPNAME=holder query >/dev/null 2>&1 -c 'BEGIN ISOLATION LEVEL REPEATABLE READ' \
		-c 'SELECT count(*) FROM pg_class' -c 'SELECT pg_sleep(600)' &
	wait_until 10 "SELECT count(*) = 1 FROM pg_stat_activity
		WHERE application_name = 'holder' AND backend_xmin IS NOT NULL AND wait_event = 'PgSleep'"
}

drop_snapshot()
{
	query -c "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE application_name = 'holder'" >/dev/null
}

# Makes and executes as many runs as there are in one round, a fifth after the other, so that the
# dead rows of some lie before the others. Prints the rate of all, and of the last fifth.
churn()
{
	local seconds=0 rate n

	for n in $(seq "$CHURNS"); do
		rate=$(drain no-op "$churned") || return
		seconds=$(calculate "$seconds + $churned / $rate" %.6f)
	done
	echo "$(calculate "$CHURNS * $churned / $seconds" %d) $rate"
}

snapshot_round()
{
	local round=$1 side rate last sides='without with'

	[ $((round % 2)) = 0 ] && sides='with without'
	for side in $sides; do
		[ "$side" = without ] || hold_snapshot || return
		read -r rate last < <(churn)
		[ "$side" = without ] || drop_snapshot || return
		[ -n "$last" ] || return
		rates[$side]+=" $rate"
		rates["last $side"]+=" $last"
		query -c 'VACUUM taskly.pending_run'
	done
	say "   round $round: without ${rates[without]##* }, with an open snapshot ${rates[with]##* }"
}

measure_snapshot()
{
	local churned=$((runs / 2)) round ratio
	local -A rates=()

	restart_server 2 && fresh_database || return
	query -c "SELECT taskly.define('no-op', 'SELECT 1')" >/dev/null || return
	for round in $(seq "$rounds"); do
		snapshot_round "$round" || return
	done
	ratio=$(calculate "$(median ${rates[with]}) / $(median ${rates[without]})")
	report "with a REPEATABLE READ transaction open during $((CHURNS * churned)) runs" \
		"$(median ${rates[with]}) runs/s ($(spread ${rates[with]}))"
	report "… beside the rate without it, $(median ${rates[without]})/s ($(spread ${rates[without]}))" \
		"$ratio of it" 'at least 0.95' "$(verdict "$ratio >= 0.95")"
	report '… the last fifth of them, with and without' \
		"$(median ${rates[last with]}) and $(median ${rates[last without]}) runs/s"
}
