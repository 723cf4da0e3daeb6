# Runs that are made while nothing starts, and let go together. Sourced by test/bench/run.

# SQL that makes $2 runs of the task $1. $3, if given, is an expression that makes the key of the
# n-th run; $4 are further arguments. Not more than a million at once are taken by one call.
enqueue_sql()
{
	local task=$1 count=$2 key=${3:-} rest=${4:-} n

	while [ "$count" -gt 0 ]; do
		n=$((count < 1000000 ? count : 1000000))
		echo "SELECT count(*) FROM taskly.enqueue_many('$task', array_fill(NULL::jsonb, ARRAY[$n])${key:+,
			keys => ARRAY(SELECT $key FROM generate_series(1, $n) n)}${rest:+, $rest});"
		count=$((count - n))
	done
}

# Runs SQL that makes runs, with everything paused until let_go. What is written for it is over
# before they start.
prepare_runs()
{
	query >/dev/null -c 'SELECT taskly.pause_all()' && query >/dev/null <<<"$1" &&
		query -c 'VACUUM ANALYZE taskly.pending_run' && settle
}

let_go()
{
	query -c 'SELECT taskly.resume_all()' >/dev/null
}

# Until $1 attempts are in history. Where nothing else waits, the scheduler's own count tells that it
# is worth looking.
wait_for_runs()
{
	local seconds=$((60 + $1 / 1000))

	wait_until "$seconds" "SELECT waiting <= ${2:-0} FROM taskly.leader" &&
		wait_until "$seconds" "SELECT count(*) >= $1 FROM taskly.finished_run"
}

# All of $1 runs must be in history, each once, and have succeeded.
check_runs()
{
	local seen

	seen=$(query -F ' ' -c "SELECT count(*) FILTER (WHERE status = 'succeeded'), count(DISTINCT run_id), count(*)
		FROM taskly.finished_run") || return
	[ "$seen" = "$1 $1 $1" ] ||
		{ say "of $1 runs, succeeded, different and all rows of history were: $seen"; return 1; }
}

# Runs a second, of those in history that the condition $1 tells.
rate_of_history()
{
	query -c "SELECT round(count(*) / extract(epoch FROM max(finished_at) - min(started_at)))
		FROM taskly.finished_run WHERE ${1:-true}"
}

# History of one measurement is nothing that the next shall have.
forget_history()
{
	query -c 'TRUNCATE taskly.finished_run' "$@"
}

# Makes $2 runs of the task $1 (key and further arguments as for enqueue_sql), executes them all, and
# prints runs a second.
drain()
{
	prepare_runs "$(enqueue_sql "$@")" && let_go && wait_for_runs "$2" && check_runs "$2" &&
		rate_of_history && forget_history -c 'VACUUM taskly.pending_run'
}

# Nothing starts any more, and what waits is gone: for what goes on after a failure.
drop_all_runs()
{
	query >/dev/null -c 'SELECT taskly.pause_all()' \
		-c 'SELECT taskly.cancel(ARRAY(SELECT run_id FROM taskly.pending_run))' && forget_history
}

# Runs SQL that this version of taskly may not support yet; then $1 is reported as such, and the
# exit status is 3.
attempt()
{
	local figure=$1 answer

	answer=$(query -v VERBOSITY=sqlstate -1 -c "$2" 2>&1) && return
	case $answer in
		*0A000* | *42883*) report "$figure" 'not supported here'; return 3 ;;
	esac
	say "$answer"
	return 1
}
