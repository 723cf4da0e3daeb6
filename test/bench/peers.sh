# Other schedulers in the same run; test/bench/peers/install has put them below $work/peers. Sourced
# by test/bench/run.

readonly PEER_DELAYS=300
readonly GRAPHILE_SINGLE_JOBS=20000		# one by one it does some thousands a second
readonly PGBOSS_JOBS=100000
readonly CRON_TASKS=30
readonly CRON_MINUTES=2

peer()
{
	local script=$1

	shift
	"$work/peers/node_modules/.bin/node" "$work/tree/test/bench/peers/$script.mjs" "$@"
}

peer_version()
{
	sed -n 's/^ *"version": "\(.*\)",*$/\1/p' "$work/peers/node_modules/$1/package.json" | head -n 1
}

# Modules are looked for beside the scripts.
link_peers()
{
	[ -d "$work/peers/node_modules" ] || { say "the peers are not installed"; return 1; }
	ln -sfn "$work/peers/node_modules" "$work/tree/test/bench/peers/node_modules"
}

# ------------------------------------------------------------------------
# Rates
# ------------------------------------------------------------------------

note_rate()
{
	local who=$1 rate=$2

	rates[$who]+=" $rate"
	say "   round $round: $who $rate"
}

# taskly with each number of workers, one by one and, where it is supported, in batches.
race_taskly()
{
	local workers rate

	for workers in $WORKERS_TRIED; do
		restart_server "$workers" && fresh_database && make_queue drained "'fifo'" || return
		rate=$(drain drained "$runs") || return
		note_rate "taskly $workers" "$rate"
		[ -n "$has_batch" ] || continue
		make_queue batched "'fifo', batch => 100" && rate=$(drain batched "$runs") || return
		note_rate "batched $workers" "$rate"
	done
}

race_graphile()
{
	local processes rate

	for processes in 1 2; do
		rate=$(peer graphile drain "$runs" batched "$processes") || return
		note_rate "graphile $processes" "$rate"
	done
	rate=$(peer graphile drain $((runs < GRAPHILE_SINGLE_JOBS ? runs : GRAPHILE_SINGLE_JOBS)) single 1) || return
	note_rate 'graphile single' "$rate"
}

race_pgboss()
{
	local batch rate

	for batch in 100 1000 4000; do
		rate=$(peer pgboss drain $((runs < PGBOSS_JOBS ? runs : PGBOSS_JOBS)) "$batch") || return
		note_rate "pgboss $batch" "$rate"
	done
}

race_pgbench()
{
	local rate

	rate=$(drain_pgbench) && note_rate 'pgbench queue' "$rate"
}

# The best median of all whose name starts with $1, and its name.
best_of()
{
	local who

	for who in "${!rates[@]}"; do
		[[ $who != "$1 "* ]] || echo "$(median ${rates[$who]}) ${who#"$1 "}"
	done | sort -gr | head -n 1
}

# report_beside WHAT RATE AIM: taskly's best beside a peer's.
report_beside()
{
	local ratio

	ratio=$(calculate "$best / $2")
	report "… beside $1, $2/s" "$ratio times" "at least $3" "$(verdict "$ratio >= $3")"
}

report_race()
{
	local best workers graphile processes boss batch single batched

	read -r best workers < <(best_of taskly)
	read -r graphile processes < <(best_of graphile)
	single=$(median ${rates[graphile single]})
	read -r boss batch < <(best_of pgboss)
	report "drain of $runs no-op runs, exactly once, best ($workers workers)" "$best runs/s ($(spread ${rates[taskly $workers]}))"
	report_beside "graphile-worker $(peer_version graphile-worker), local queue and batched completion, at least once ($processes processes)" \
		"$graphile" 1.3
	report_beside 'graphile-worker, job by job' "$single" 20
	report_beside "pg-boss $(peer_version pg-boss), batches of $batch" "$boss" 2.5
	report "… beside a queue in plain SQL by pgbench" "$(median ${rates[pgbench queue]})/s"
	plot rate taskly "$best"
	if [ -n "$has_batch" ]; then
		read -r best workers < <(best_of batched)
		report "drain of $runs no-op runs, exactly once, batch => 100 ($workers workers)" "$best runs/s ($(spread ${rates[batched $workers]}))"
		report_beside "graphile-worker's best" "$graphile" 2.2
		plot rate 'taskly, batch => 100' "$best"
	else
		report "drain of $runs no-op runs, batch => 100" 'not supported here'
	fi
	plot rate 'graphile-worker, batched' "$graphile"
	plot rate 'graphile-worker, single' "$single"
	plot rate "pg-boss, batches of $batch" "$boss"
	plot rate 'queue in SQL (pgbench)' "$(median ${rates[pgbench queue]})"
}

# ------------------------------------------------------------------------
# Delays
# ------------------------------------------------------------------------

race_delays()
{
	local who sample

	query -c "SELECT taskly.define('no-op', 'SELECT 1')" >/dev/null || return
	for who in $1; do
		sample=$(peer "$who" delay "$PEER_DELAYS") || return
		p50s[$who]+=" ${sample% *}"
		p99s[$who]+=" ${sample#* }"
	done
	say "   round $round, delay p50: taskly ${p50s[taskly]##* }, graphile-worker ${p50s[graphile]##* }, pg-boss ${p50s[pgboss]##* } ms"
}

report_delays()
{
	local who name

	for who in taskly graphile pgboss; do
		name=$(sed 's/graphile/graphile-worker/; s/pgboss/pg-boss/' <<<"$who")
		report "delay, a client's enqueue to the start of the command: $name, p50 and p99" \
			"$(median ${p50s[$who]}) and $(median ${p99s[$who]}) ms"
		plot delay "$name" "$(median ${p50s[$who]})"
	done
}

# ------------------------------------------------------------------------
# pg_cron
# ------------------------------------------------------------------------

install_pg_cron()
{
	local unpacked

	unpacked=$(echo "$work"/peers/postgresql-*-cron)
	[ -f "$unpacked/done" ] || return
	cp "$unpacked/$("$PG_CONFIG" --pkglibdir)/pg_cron.so" "$work/root$("$PG_CONFIG" --pkglibdir)/" &&
		cp "$unpacked"/usr/share/postgresql/*/extension/pg_cron* "$work/root$("$PG_CONFIG" --sharedir)/extension/"
}

# A database of its own, since pg_cron stays connected to it.
start_pg_cron()
{
	PGDATABASE=postgres query -c 'CREATE DATABASE cron' -c 'ALTER SYSTEM SET shared_preload_libraries = taskly, pg_cron' &&
		printf "cron.database_name = 'cron'\ncron.host = '%s'\n" "$PGHOST" >>"$work/server/data/postgresql.conf" &&
		restart_server 4 && fresh_database &&
		PGDATABASE=cron query -c 'CREATE EXTENSION pg_cron'
}

stop_pg_cron()
{
	PGDATABASE=postgres query -c 'ALTER SYSTEM RESET shared_preload_libraries' &&
		sed -i '/^cron\./d' "$work/server/data/postgresql.conf" && restart_server 4 &&
		PGDATABASE=postgres query -c 'DROP DATABASE cron'
}

# Tasks that note when they run: those of taskly at second 30 of each minute, those of pg_cron at
# second 0, so that neither is in the way of the other. Versions of pg_cron that have seconds drift
# with them; minutes all have.
make_cron_tasks()
{
	local database

	for database in bench cron; do
		PGDATABASE=$database query -c 'CREATE SCHEMA IF NOT EXISTS bench' \
			-c 'CREATE TABLE bench.fired (at timestamptz NOT NULL DEFAULT clock_timestamp())' || return
	done
	query >/dev/null -c "SELECT taskly.schedule('note ' || n, '30 * * * * *', 'INSERT INTO bench.fired DEFAULT VALUES')
		FROM generate_series(1, $CRON_TASKS) n" &&
		PGDATABASE=cron query >/dev/null -c "SELECT cron.schedule('note ' || n, '* * * * *', 'INSERT INTO bench.fired DEFAULT VALUES')
			FROM generate_series(1, $CRON_TASKS) n"
}

# Median and 99th percentile of the lateness behind second $1 of a minute.
fired_late()
{
	query -F ' ' -c "
		SELECT $(milliseconds_at "(date_bin('1 minute', at, '2000-01-01 00:00:$1') - at) * -1" 0.5 0.99)
		FROM bench.fired"
}

report_cron()
{
	local p50 p99 wanted=$((CRON_TASKS * CRON_MINUTES)) database name

	for database in bench cron; do
		PGDATABASE=$database wait_until $((60 * CRON_MINUTES + 90)) "SELECT count(*) >= $wanted FROM bench.fired" || return
	done
	for database in bench cron; do
		name=taskly
		[ "$database" = bench ] || name="pg_cron $(PGDATABASE=cron query -c "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'")"
		read -r p50 p99 < <(PGDATABASE=$database fired_late "$([ "$database" = bench ] && echo 30 || echo 00)")
		report "lateness of $CRON_TASKS tasks every minute: $name, p50 and p99" "$p50 and $p99 ms"
		plot delay "${name%% *}, every minute" "$p50"
	done
}

measure_cron()
{
	if ! install_pg_cron; then
		report 'lateness beside pg_cron' 'not measured: it could not be fetched'
		return
	fi
	start_pg_cron && make_cron_tasks && report_cron && stop_pg_cron
}

measure_peers()
{
	local round racer racers has_batch=
	local -A rates=() p50s=() p99s=()

	link_peers && restart_server 4 && fresh_database || return
	if query -c "SELECT taskly.create_queue('batched', batch => 100)" >/dev/null 2>&1; then
		has_batch=yes
	fi
	for round in $(seq "$rounds"); do
		racers='taskly graphile pgboss pgbench'
		[ $((round % 2)) = 0 ] && racers='pgbench pgboss graphile taskly'
		for racer in $racers; do
			"race_$racer" || return
		done
		race_delays 'taskly graphile pgboss' || return
	done
	report_race
	report_delays
	measure_cron
}
