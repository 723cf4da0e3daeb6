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

measure_batch()
{
	local round workers status
	local -A rates

	for workers in 1 2; do
		rates=([single]= [batch]=)
		restart_server "$workers" && fresh_database && make_queue single "algorithm => 'fifo'" || return
		attempt "drain of $runs runs in a queue with batch => 100" \
			"SELECT taskly.create_queue('batch', 'fifo', batch => 100)" ||
			{ status=$?; [ "$status" = 3 ]; return; }
		query -c "SELECT taskly.define('batch', 'SELECT 1', queue => 'batch')" >/dev/null || return
		for round in $(seq "$rounds"); do
			batch_round "$round" || return
		done
		report "drain of $runs runs in a queue with batch => 100, workers: $workers" \
			"$(median ${rates[batch]}) runs/s ($(spread ${rates[batch]})); one by one $(median ${rates[single]})"
		[ "$workers" = 1 ] || plot rate 'taskly, batch => 100' "$(median ${rates[batch]})"
	done
}
