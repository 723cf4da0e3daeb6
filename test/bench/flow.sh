# How soon a run starts while many others do. Sourced by test/bench/run.

readonly FLOW_PER_SECOND=5000
readonly FLOW_SECONDS_MAX=120

# Enqueues so many runs a second, a few every 5 ms, on time: what one sleep is late the next one
# makes up for. Until there is a row in bench.flow_end.
start_flow()
{
	query >/dev/null <<ENDSQL || return
SELECT taskly.define('flowing', 'SELECT 1');
CREATE TABLE bench.flow_end (at timestamptz);
CREATE PROCEDURE bench.flow() LANGUAGE plpgsql AS \$\$
DECLARE
	began timestamptz := clock_timestamp();
	made int := 0;
	due int;
BEGIN
	WHILE made < $((FLOW_PER_SECOND * FLOW_SECONDS_MAX)) AND NOT EXISTS (SELECT FROM bench.flow_end) LOOP
		due := extract(epoch FROM clock_timestamp() - began) * $FLOW_PER_SECOND;
		IF due > made THEN
			PERFORM count(*) FROM taskly.enqueue_many('flowing', array_fill(NULL::jsonb, ARRAY[due - made]));
			COMMIT;
			made := due;
		END IF;
		PERFORM pg_sleep(0.005);
	END LOOP;
END
\$\$;
ENDSQL
	query -c 'CALL bench.flow()' &
	flow=$!
}

measure_flow()
{
	local flow count p50 p99 max rate

	restart_server 4 && fresh_database && make_sampler && start_flow || return
	wait_until 30 "SELECT count(*) > $FLOW_PER_SECOND FROM taskly.finished_run" || return
	query -c 'SELECT bench.committed_at()' -c 'CALL bench.enqueue_one_by_one(500)' >/dev/null || return
	kill -0 "$flow" 2>/dev/null || { say "the flow ended before the samples"; return 1; }
	query -c 'INSERT INTO bench.flow_end VALUES (now())'
	wait "$flow" || return
	read -r count p50 p99 max < <(sampled_delays)
	rate=$(query -c "
		SELECT round(count(*) / extract(epoch FROM max(f.started_at) - min(f.started_at)))
		FROM taskly.finished_run f JOIN taskly.task USING (task_id) WHERE name = 'flowing'")
	report "while $rate runs/s flow: delay, commit of enqueue() to start, p50 of $count" "$p50 ms"
	report '… p99' "$p99 ms (max $max)" 'at most 5 ms' "$(verdict "$p99 <= 5 && $rate >= 0.95 * $FLOW_PER_SECOND")"
}
