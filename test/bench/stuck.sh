# Runs that wait behind others of their key. Sourced by test/bench/run.

readonly STUCK=$((runs / 2))
readonly READY=$((runs / 4))

# The rate of the ready ones while two keys are busy, with $1 runs stuck behind these.
drain_beside_stuck()
{
	local stuck=$1

	restart_server 4 && fresh_database && make_queue keyed "'fifo', max_running_per_key => 1" || return
	query >/dev/null <<-ENDSQL || return
		SELECT taskly.define('busy', 'SELECT pg_sleep(3600)', queue => 'keyed');
		SELECT taskly.enqueue('busy', key => 'a');
		SELECT taskly.enqueue('busy', key => 'b');
	ENDSQL
	wait_until 30 "SELECT count(*) = 2 FROM taskly.runs WHERE status = 'running'" || return
	prepare_runs "$([ "$stuck" = 0 ] || enqueue_sql keyed "$stuck" "(ARRAY['a', 'b'])[1 + n % 2]")
		$(enqueue_sql keyed "$READY" "'free ' || n % 1000")" || return
	let_go && wait_for_runs "$READY" $((stuck + 2)) && check_runs "$READY" && rate_of_history
}

measure_stuck()
{
	local round side rate ratio sides
	local -A rates=()

	restart_server 4 && fresh_database || return
	attempt "$STUCK runs stuck behind two busy keys" "SELECT taskly.create_queue('probe', max_running_per_key => 1);
		SELECT taskly.define('probe', 'SELECT 1', queue => 'probe'); SELECT taskly.enqueue('probe', key => 'k'); ROLLBACK" ||
		{ [ $? = 3 ]; return; }
	for round in $(seq "$rounds"); do
		sides="0 $STUCK"
		[ $((round % 2)) = 0 ] && sides="$STUCK 0"
		for side in $sides; do
			rate=$(drain_beside_stuck "$side") || return
			rates[$side]+=" $rate"
		done
		say "   round $round: none stuck ${rates[0]##* }, $STUCK stuck ${rates[$STUCK]##* }"
	done
	ratio=$(calculate "$(median ${rates[$STUCK]}) / $(median ${rates[0]})")
	report "$STUCK runs stuck behind two busy keys: rate of $READY others" \
		"$(median ${rates[$STUCK]}) runs/s ($(spread ${rates[$STUCK]}))"
	report "… beside the rate without those, $(median ${rates[0]})/s ($(spread ${rates[0]}))" "$ratio of it" \
		'at least 0.9' "$(verdict "$ratio >= 0.9")"
}
