# Who gets how much of the workers. Sourced by test/bench/run.

readonly FAIR_KEYS=100
readonly FAIR_RUNS=100000			# 90 % of them of key 0
readonly FAIR_WINDOWS=5
readonly SHARE_SECONDS=20

# Busy for about a millisecond.
readonly SHORT_WORK='SELECT count(*) FROM generate_series(1, 8000)'

# Jain's index of the time that keys got of the workers, in windows of the time in which all of them
# had runs waiting: from the first start until the first key has none left that has not started.
# The smallest index, the number of keys, and the length of a window in milliseconds.
jain_index()
{
	query -F ' ' <<ENDSQL
WITH r AS (
	SELECT key, started_at, extract(epoch FROM finished_at - started_at) AS busy FROM taskly.finished_run
), waiting AS (
	SELECT p.key, p.n - coalesce(d.n, 0) AS left_over
	FROM (SELECT key, count(*) AS n FROM bench.made GROUP BY key) p
		LEFT JOIN (SELECT key, count(*) AS n FROM r GROUP BY key) d USING (key)
), span AS (
	SELECT min(started_at) AS first,
		least(max(started_at), (SELECT min(last) FROM (
			SELECT max(started_at) AS last FROM r JOIN waiting USING (key) WHERE left_over = 0 GROUP BY key) e)) AS last
	FROM r
), share AS (
	SELECT width_bucket(extract(epoch FROM started_at), extract(epoch FROM first), extract(epoch FROM last), $FAIR_WINDOWS) AS w,
		key, sum(busy) AS busy
	FROM r, span WHERE started_at < last GROUP BY 1, 2
), grid AS (
	SELECT w, k.key, coalesce(busy, 0) AS busy
	FROM generate_series(1, $FAIR_WINDOWS) w CROSS JOIN (SELECT DISTINCT key FROM bench.made) k
		LEFT JOIN share s USING (w, key)
), jain AS (
	SELECT w, sum(busy) ^ 2 / nullif(count(*) * sum(busy ^ 2), 0) AS index, count(*) AS keys FROM grid GROUP BY w
)
SELECT round(min(coalesce(index, 0))::numeric, 3), min(keys),
	round(1000 * (SELECT extract(epoch FROM last - first) FROM span) / $FAIR_WINDOWS) FROM jain;
ENDSQL
}

# 100 keys that want equal shares, while nine of ten runs are of one of them. The algorithm is $1.
measure_shares()
{
	local algorithm=$1 others=$((FAIR_RUNS / 10 / (FAIR_KEYS - 1)))

	make_queue "$algorithm" "'$algorithm'" "$SHORT_WORK" || return
	prepare_runs "$(enqueue_sql "$algorithm" $((FAIR_RUNS * 9 / 10)) "'0'")
		$(enqueue_sql "$algorithm" $((others * (FAIR_KEYS - 1))) "(1 + n % ($FAIR_KEYS - 1))::text")" || return
	query -c 'DROP TABLE IF EXISTS bench.made' -c 'CREATE TABLE bench.made AS SELECT key FROM taskly.pending_run' || return
	let_go && wait_until 120 "SELECT count(*) >= $((others * FAIR_KEYS)) FROM taskly.finished_run" || return
	stop_all
}

# Nothing starts any more, what waits is dropped by the next fresh_database.
stop_all()
{
	query -c 'SELECT taskly.pause_all()' >/dev/null
	wait_until 60 "SELECT count(*) = 0 FROM taskly.runs WHERE status = 'running'"
}

measure_jain()
{
	local index keys window algorithm

	for algorithm in fifo fair; do
		restart_server 2 && fresh_database && measure_shares "$algorithm" || return
		read -r index keys window < <(jain_index)
		[ "${keys:-0}" = "$FAIR_KEYS" ] || { say "keys seen: ${keys:-none}"; return 1; }
		if [ "$algorithm" = fifo ]; then
			report "time of workers for $keys keys, one with 90 % of the runs: Jain's index with fifo" "$index"
		else
			report "… with fair, the least of $FAIR_WINDOWS windows of $window ms" "$index" 'at least 0.95' \
				"$(verdict "$index >= 0.95")"
		fi
	done
}

# Ten keys, of which five have runs of 10 ms and five of 100 ms: they sleep, so no other process on the
# machine is in it.
measure_lengths()
{
	local ratio count

	restart_server 4 && fresh_database && make_queue short "'fair'" 'SELECT pg_sleep(0.01)' || return
	query -c "SELECT taskly.define('long', 'SELECT pg_sleep(0.1)', queue => 'short')" >/dev/null || return
	prepare_runs "$(enqueue_sql short 20000 "'short ' || n % 5")
		$(enqueue_sql long 5000 "'long ' || n % 5")" && let_go || return
	sleep "$SHARE_SECONDS"
	stop_all || return
	read -r ratio count < <(query -F ' ' -c "
		SELECT round((max(busy) / min(busy))::numeric, 3), count(*) FROM (
			SELECT sum(extract(epoch FROM finished_at - started_at)) AS busy FROM taskly.finished_run GROUP BY key) k")
	report "… ten keys with runs of 10 or 100 ms, $SHARE_SECONDS s: most beside least time" \
		"$ratio" 'within 10 %' "$(verdict "$ratio <= 1.1 && $count == 10")"
}

measure_fairness()
{
	restart_server 2 && fresh_database || return
	attempt 'fairness among keys' "SELECT taskly.create_queue('probe', 'fair'); SELECT taskly.define('probe', 'SELECT 1', queue => 'probe');
		SELECT taskly.enqueue('probe', key => 'k'); ROLLBACK" || { [ $? = 3 ]; return; }
	measure_jain && measure_lengths
}
