# What taskly's processes cost. Sourced by test/bench/run.

readonly IDLE_SCHEDULES=10000
readonly MANY_SCHEDULES=100000
readonly IDLE_SECONDS=30
readonly MEMORY_LIMIT_KB=65536

# $1 schedules that are due once a year, in half a year, and $2 seconds of rest.
make_schedules()
{
	query -v count="$1" >/dev/null <<'ENDSQL' || return
SELECT count(taskly.schedule('task ' || n,
	to_char(now() + interval '180 days', '"0 0" FMDD FMMM "*"'), 'SELECT 1'))
FROM generate_series(1, :count) n;
ENDSQL
	# In a session of its own: one that still has to report what it changed would have it all
	# analysed once more.
	query -c 'VACUUM ANALYZE' || return
	# The background writer notes who is running within 15 s of the last change, once.
	wait_for_calm "$2"
}

# Nothing of what was prepared is to be measured: no WAL for $1 seconds.
wait_for_calm()
{
	local tries=10 before after

	settle
	while [ "$tries" -gt 0 ]; do
		before=$(query -c 'SELECT pg_current_wal_insert_lsn()')
		sleep "$1"
		after=$(query -c 'SELECT pg_current_wal_insert_lsn()')
		[ "$before" = "$after" ] && return
		tries=$((tries - 1))
	done
	say "the server does not come to rest"
	return 1
}

# ------------------------------------------------------------------------
# Idle
# ------------------------------------------------------------------------

# Milliseconds of CPU that a process has used: to the nanosecond, where the kernel tells, else in
# ticks.
cpu_ms()
{
	if [ -r "/proc/$1/schedstat" ]; then
		awk '{ printf "%.3f", $1 / 1000000 }' "/proc/$1/schedstat"
	else
		# The name, in parentheses, may contain spaces: count from the end of it.
		sed 's/.*) //' "/proc/$1/stat" |
			awk -v hz="$(getconf CLK_TCK)" '{ printf "%.3f", ($12 + $13) * 1000 / hz }'
	fi
}

# For each of taskly's processes: pid, CPU, voluntary switches.
sample_processes()
{
	local pid

	for pid in $(taskly_processes | awk '{ print $1 }' | sort); do
		printf '%s %s %s\n' "$pid" "$(cpu_ms "$pid")" \
			"$(awk '/^voluntary_ctxt_switches/ { print $2 }' "/proc/$pid/status")"
	done
}

# It would write WAL about what has just been loaded, and that is none of taskly's.
set_autovacuum()
{
	query >/dev/null -c "ALTER SYSTEM SET autovacuum = $1" -c 'SELECT pg_reload_conf()'
}

measure_idle()
{
	local lsn wakeups bytes cpu switches processes turns

	restart_server 4 && fresh_database && set_autovacuum off &&
		make_schedules "$IDLE_SCHEDULES" 20 || return
	wakeups=$(query -c 'SELECT wakeups FROM taskly.leader')
	lsn=$(query -c 'SELECT pg_current_wal_insert_lsn()')
	sample_processes >"$work/before"
	sleep "$IDLE_SECONDS"
	sample_processes >"$work/after"
	bytes=$(query -c "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$lsn')")
	turns=$(($(query -c 'SELECT wakeups FROM taskly.leader') - wakeups))
	set_autovacuum on
	# CPU of all, most switches of one.
	read -r processes cpu switches < <(join "$work/before" "$work/after" |
		awk '{ n++; cpu += $4 - $2; s = $5 - $3; if (s > most) most = s }
			END { printf "%d %.2f %d\n", n, cpu, most }')
	[ "$processes" -ge 2 ] || { say "idle processes of taskly: $processes"; return 1; }
	report "idle with $IDLE_SCHEDULES schedules, $IDLE_SECONDS s: WAL" "$bytes bytes" \
		none "$(verdict "$bytes == 0")"
	report "… CPU of $processes processes" "$cpu ms" \
		'under a tick (10 ms)' "$(verdict "$cpu < 10")"
	report '… wake-ups of the busiest process' "$switches" \
		'at most one a second' "$(verdict "$switches <= $IDLE_SECONDS")"
	report '… turns of the scheduler' "$turns"
}

# ------------------------------------------------------------------------
# Memory
# ------------------------------------------------------------------------

# Memory that is a process's own, in kB: not the shared memory of the server, which the kernel
# takes for private where only one process has touched a page, and not what it shares with the
# postmaster since the fork.
own_memory_kb()
{
	awk '/^[0-9a-f]+-[0-9a-f]+ / { is_own = $6 !~ /^\/dev\/|^\/SYSV|^\/memfd/ }
		is_own && /^Private_Dirty:/ { kb += $2 }
		END { print kb + 0 }' "/proc/$1/smaps"
}

measure_scheduler_memory()
{
	local empty full

	restart_server 4 && fresh_database || return
	empty=$(own_memory_kb "$(pid_of 'taskly scheduler')")
	make_schedules "$MANY_SCHEDULES" 2 || return
	full=$(own_memory_kb "$(pid_of 'taskly scheduler')")
	report "memory of the scheduler with $MANY_SCHEDULES schedules" \
		"$(calculate "$full / 1024" %.1f) MB ($(calculate "$empty / 1024" %.1f) with none)" \
		'at most 64 MB' "$(verdict "$full <= $MEMORY_LIMIT_KB")"
	# Once more as it is after a start, which reads all of them in one go.
	restart_server 4 && wait_for_agenda "$MANY_SCHEDULES" || return
	full=$(own_memory_kb "$(pid_of 'taskly scheduler')")
	report '… after a restart' "$(calculate "$full / 1024" %.1f) MB" \
		'at most 64 MB' "$(verdict "$full <= $MEMORY_LIMIT_KB")"
}

# Executes $1 runs and waits until there are $2 in history.
execute_runs()
{
	query >/dev/null -c "
		SELECT count(*) FROM taskly.enqueue_many('no-op', array_fill(NULL::jsonb, ARRAY[$1]))" &&
		wait_until 300 "SELECT count(*) = $2 FROM taskly.finished_run WHERE status = 'succeeded'"
}

measure_worker_memory()
{
	local first=1000 all=200000 early late pid growth

	restart_server 1 && fresh_database || return
	query -c "SELECT taskly.define('no-op', 'SELECT 1')" >/dev/null || return
	execute_runs "$first" "$first" || return
	pid=$(pid_of 'taskly worker')
	early=$(own_memory_kb "$pid")
	execute_runs $((all - first)) "$all" || return
	[ "$(pid_of 'taskly worker')" = "$pid" ] || { say "the worker was replaced"; return 1; }
	late=$(own_memory_kb "$pid")
	growth=$(calculate "($late - $early) * 1024 / ($all - $first)")
	report "memory of a worker after $first and $all runs" \
		"$early and $late kB, $growth bytes a run" 'no growth (below 1 byte)' \
		"$(verdict "$growth < 1")"
}

measure_memory()
{
	measure_scheduler_memory && measure_worker_memory
}

# ------------------------------------------------------------------------
# Load
# ------------------------------------------------------------------------

measure_load()
{
	local leading start

	restart_server 4 && fresh_database && make_schedules "$MANY_SCHEDULES" 2 && restart_server 4 || return
	query >/dev/null <<'ENDSQL' || return
DO $$
BEGIN
	FOR n IN 1 .. 12000 LOOP
		IF (SELECT scheduled = 100000 FROM taskly.scheduler_state()) THEN
			CREATE TABLE bench.loaded AS SELECT clock_timestamp() AS at;
			RETURN;
		END IF;
		PERFORM pg_sleep(0.005);
	END LOOP;
	RAISE 'the scheduler does not come up';
END
$$;
ENDSQL
	read -r leading start < <(query -F ' ' -c "
		SELECT round(1000 * extract(epoch FROM at - led_since)),
			round(1000 * extract(epoch FROM at - pg_postmaster_start_time()))
		FROM bench.loaded, taskly.scheduler_state()")
	[ -n "$start" ] || return
	report "load of $MANY_SCHEDULES schedules at the start" \
		"$leading ms ($start ms after the start of the server)" \
		'at most 2 s' "$(verdict "$leading <= 2000")"
}
