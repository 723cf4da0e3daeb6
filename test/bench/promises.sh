# What the algorithms promise about time. Sourced by test/bench/run.

# ------------------------------------------------------------------------
# Earliest deadline first
# ------------------------------------------------------------------------

# Period and length in milliseconds of tasks whose deadlines are their periods.
readonly EDF_TASKS='1000 100
2000 350
3000 400
5000 700
7000 500'
readonly EDF_WARM_UP=22

make_edf_tasks()
{
	local period length

	while read -r period length; do
		echo "SELECT taskly.schedule('every $period ms', 'every $((period / 1000)) seconds', 'SELECT pg_sleep($length / 1000.0)',
			queue => 'edf', deadline => '$((period - 20)) ms', overlap => 'queue', timeout => '1 minute');"
	done <<<"$EDF_TASKS" | query >/dev/null
}

# Does taskly.schedulability() call all tasks guaranteed? Prints what it says if not.
edf_guaranteed()
{
	local verdicts

	verdicts=$(query -F ' ' -c "
		SELECT verdict, count(*) FROM taskly.schedulability('edf') WHERE scope = 'task' GROUP BY 1 ORDER BY 1") || return
	[ "$verdicts" = "guaranteed $(wc -l <<<"$EDF_TASKS")" ] || { say "verdicts: $verdicts"; return 1; }
}

measure_edf()
{
	local runs_seen misses slack utilisation since

	restart_server 4 && fresh_database || return
	attempt 'edf' "SELECT taskly.create_queue('edf', 'edf', max_running => 1)" || { [ $? = 3 ]; return; }
	make_edf_tasks || return
	# How long its runs take is to be known before.
	wait_until $((EDF_WARM_UP * 3)) "SELECT now() - min(started_at) >= interval '$EDF_WARM_UP s' FROM taskly.finished_run" || return
	attempt "taskly.schedulability('edf')" "SELECT FROM taskly.schedulability('edf')"
	case $? in
		0) edf_guaranteed || return ;;
		1) return 1 ;;
	esac
	since=$(query -c 'SELECT now()')
	sleep $((60 * edf_minutes))
	stop_all || return
	read -r runs_seen misses slack < <(query -F ' ' -c "
		SELECT count(*), count(*) FILTER (WHERE status <> 'succeeded' OR finished_at > deadline_at),
			round(1000 * extract(epoch FROM min(deadline_at - finished_at)))
		FROM taskly.finished_run WHERE due_at >= '$since'")
	utilisation=$(awk '{ u += $2 / $1 } END { printf "%.2f", u }' <<<"$EDF_TASKS")
	report "edf, utilisation $utilisation of one worker, $edf_minutes min: deadlines missed by $runs_seen runs" \
		"$misses (least slack $slack ms)" none "$(verdict "$misses == 0 && $runs_seen > 100 * $edf_minutes")"
}

# ------------------------------------------------------------------------
# Aging
# ------------------------------------------------------------------------

readonly AGING_MS=500
readonly AGING_PRIORITY=6

# A worker is kept busy with runs of high priority, more than it can do, while 20 of priority 0 wait.
measure_aging()
{
	local bound worst late count

	restart_server 1 && fresh_database &&
		make_queue aging "'priority', aging => '$AGING_MS ms'" 'SELECT pg_sleep(0.005)' || return
	query <<-ENDSQL >/dev/null || return
		CREATE PROCEDURE bench.press() LANGUAGE plpgsql AS \$\$
		BEGIN
			FOR n IN 1 .. 800 LOOP
				PERFORM taskly.enqueue('aging', priority => $AGING_PRIORITY) FROM generate_series(1, 2);
				IF n % 40 = 1 THEN
					PERFORM taskly.enqueue('aging', args => '"low"', priority => 0);
				END IF;
				COMMIT;
				PERFORM pg_sleep(0.008);
			END LOOP;
		END
		\$\$;
		CALL bench.press();
	ENDSQL
	wait_for_runs 1620 && check_runs 1620 || return
	# Nothing with a later order may have started before: one that did had been handed over already.
	read -r count worst late < <(query -F ' ' -c "
		SELECT count(DISTINCT l.run_id), round(1000 * extract(epoch FROM max(l.started_at - l.due_at))),
			round(1000 * greatest(0, extract(epoch FROM max(l.started_at - h.started_at)
				FILTER (WHERE h.due_at > l.due_at + h.priority * interval '$AGING_MS ms'))))
		FROM taskly.finished_run l, taskly.finished_run h
		WHERE l.priority = 0 AND h.priority > 0")
	bound=$((AGING_MS * AGING_PRIORITY))
	report "aging: $count runs of priority 0 under $AGING_PRIORITY, $AGING_MS ms each: longest wait" "$worst ms"
	report "… overtaken by what was due more than $bound ms later, by" "${late:-0} ms" \
		'none (at most 100 ms: what a worker had already)' "$(verdict "${late:-0} <= 100")"
}
