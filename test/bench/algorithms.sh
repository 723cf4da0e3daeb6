# What an order or a limit costs, where it does not hold anything back. Sourced by test/bench/run.

# A name, options of create_queue, and keys of the runs (k: 100 different ones), weights of those
# (w), deadlines (d), two queues (2), a quota of the role (q).
readonly CONTENDERS="
fifo with keys|'fifo'|k
priority|'priority'|
fair|'fair'|
fair with keys|'fair'|k
fair with weights of keys|'fair'|kw
rate_monotonic|'rate_monotonic'|
edf|'edf'|d
two queues with weights 3 and 1|'fifo', weight => 3|2
max_running|'fifo', max_running => 1000|
max_running_per_key|'fifo', max_running_per_key => 1000|k
rate|'fifo', rate => 10000000|
rate_per_key|'fifo', rate_per_key => 10000000|k
max_pending|'fifo', max_pending => 10000000|
block_key_on_failure|'fifo', max_running_per_key => 1, block_key_on_failure => true|k
quota of the role|'fifo'|q
"

# Makes the queues and tasks of a contender, and what stands beside them. Fails with 3 where they
# are not supported.
make_contender()
{
	local name=$1 options=$2 traits=$3 sql

	sql="SELECT taskly.create_queue('$name', $options); SELECT taskly.define('$name', 'SELECT 1', queue => '$name');"
	case $traits in
		*w*) sql+=" SELECT taskly.set_key('$name', 'key ' || n, weight => 1 + n % 3) FROM generate_series(0, 99) n;" ;;
		*2*) sql+=" SELECT taskly.create_queue('$name 2', 'fifo'); SELECT taskly.define('$name 2', 'SELECT 1', queue => '$name 2');" ;;
	esac
	[[ $traits != *q* ]] || sql+=" SELECT taskly.set_quota(current_user::regrole, max_pending => 10000000, max_running => 1000);"
	attempt "… $name" "$sql" || return
	# Is a key taken? The run is not kept.
	[[ $traits != *k* ]] || attempt "… $name" "SELECT taskly.enqueue('$name', key => 'probe'); ROLLBACK"
}

drain_contender()
{
	local name=$1 traits=$2 key= rest=

	[[ $traits != *k* ]] || key="'key ' || n % 100"
	[[ $traits != *d* ]] || rest="deadline => '1 hour'"
	case $traits in
		*2*)
			prepare_runs "$(enqueue_sql "$name" $((contended / 2)))$(enqueue_sql "$name 2" $((contended / 2)))" &&
				let_go && wait_for_runs "$contended" && check_runs "$contended" && rate_of_history && forget_history
			;;
		*) drain "$name" "$contended" "$key" "$rest" ;;
	esac
}

# One round: fifo before every second contender, the ratio to which counts. One that cannot be measured
# has reached nothing, and the others go on.
contend()
{
	local order=$1 n=0 fifo name options traits rate

	while IFS='|' read -r name options traits <&3; do
		if [ $((n++ % 2)) = 0 ]; then
			fifo=$(drain fifo "$contended") || return
			fifos+=" $fifo"
		fi
		rate=$(drain_contender "$name" "$traits") ||
			{ say "   round $round: $name could not be drained"; rate=0; drop_all_runs || return; }
		ratios[$name]+=" $(calculate "$rate / $fifo")"
	done 3< <($order <"$work/contenders")
}

measure_algorithms()
{
	local contended=$((runs / 2)) round name options traits status ratio fifos=
	local -A ratios=()

	restart_server 2 && fresh_database && make_queue fifo "'fifo'" || return
	: >"$work/contenders"
	while IFS='|' read -r name options traits <&3; do
		make_contender "$name" "$options" "$traits"
		status=$?
		[ "$status" != 1 ] || return
		[ "$status" != 0 ] || echo "$name|$options|$traits" >>"$work/contenders"
	done 3< <(sed '/^$/d' <<<"$CONTENDERS")
	for round in $(seq "$rounds"); do
		contend "$([ $((round % 2)) = 0 ] && echo tac || echo cat)" || return
	done
	report "drain of $contended runs in a fifo queue" "$(median $fifos) runs/s ($(spread $fifos))"
	while IFS='|' read -r name options traits; do
		ratio=$(median ${ratios[$name]})
		report "… beside it: $name" "$ratio of it ($(spread ${ratios[$name]}))" 'at least 0.9' "$(verdict "$ratio >= 0.9")"
	done <"$work/contenders"
}
