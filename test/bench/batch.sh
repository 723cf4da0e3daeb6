# Runs that share transactions, and runs that leave no history. Sourced by test/bench/run.

# The queue $1 and a task of it with the same name.
make_queue()
{
	local name=$1 options=$2 command=${3:-SELECT 1}

	attempt "$name" "SELECT taskly.create_queue('$name'${options:+, $options})" || return
	query -c "SELECT taskly.define('$name', '$command', queue => '$name')" >/dev/null
}

# One round: one by one, then what shares transactions; every second round the other way.
batch_round()
{
	local round=$1 side rate sides='single batch'

	[ $((round % 2)) = 0 ] && sides='batch single'
	for side in $sides; do
		rate=$(drain "$side" "$runs") || return
		rates[$side]+=" $rate"
	done
	say "   round $round: one by one ${rates[single]##* }, in batches ${rates[batch]##* }"
}

# Runs that leave no history do not tell when they began and ended: the time from resume_all() until
# none waits, found to 5 ms.
drain_unrecorded()
{
	local task=$1 count=$2

	prepare_runs "$(enqueue_sql "$task" "$count")" || return
	query <<-ENDSQL | tail -n 1
		SELECT clock_timestamp() AS began, taskly.resume_all() \\gset
		DO \$\$ BEGIN WHILE (SELECT waiting > 0 FROM taskly.leader) LOOP PERFORM pg_sleep(0.005); END LOOP; END \$\$;
		SELECT round($count / extract(epoch FROM clock_timestamp() - :'began'));
	ENDSQL
	wait_until 60 'SELECT NOT EXISTS (SELECT FROM taskly.pending_run)' && forget_history -c 'VACUUM taskly.pending_run'
}

keep_round()
{
	local round=$1 side rate sides='single unkept'

	[ $((round % 2)) = 0 ] && sides='unkept single'
	for side in $sides; do
		rate=$(drain_unrecorded "$side" "$runs") || return
		rates[$side]+=" $rate"
	done
	say "   round $round: with history ${rates[single]##* }, of failures only ${rates[unkept]##* }"
}

# compare_queue WHAT OPTIONS ROUND SIDE: a queue SIDE with the options beside one without, ROUND after ROUND.
compare_queue()
{
	local what=$1 options=$2 each=$3 side=$4 round workers status
	local -A rates

	for workers in 1 2; do
		rates=([single]= [$side]=)
		restart_server "$workers" && fresh_database && make_queue single "'fifo'" || return
		attempt "drain of $runs runs in a queue with $what" \
			"SELECT taskly.create_queue('$side', 'fifo', $options);
			SELECT taskly.define('$side', 'SELECT 1', queue => '$side')" ||
			{ status=$?; [ "$status" = 3 ]; return; }
		for round in $(seq "$rounds"); do
			"$each" "$round" || return
		done
		report "drain of $runs runs in a queue with $what, at most $workers workers" \
			"$(median ${rates[$side]}) runs/s ($(spread ${rates[$side]})); without, $(median ${rates[single]})"
	done
	[ "$side" != batch ] || plot rate 'taskly, batch => 100' "$(median ${rates[batch]})"
}

measure_batch()
{
	compare_queue 'batch => 100' 'batch => 100' batch_round batch &&
		compare_queue "keep => 'failures'" "keep => 'failures'" keep_round unkept
}
