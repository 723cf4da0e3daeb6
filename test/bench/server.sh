# The server that is measured. Sourced by test/bench/run.

query()
{
	psql -XqAt -v ON_ERROR_STOP=1 "$@"
}

# Polls until the query $2 says t; gives up after $1 seconds, and when it cannot be asked.
wait_until()
{
	local tries=$(($1 * 5)) answer

	while [ "$tries" -gt 0 ]; do
		answer=$(query -c "$2") || return
		[ "$answer" != t ] || return 0
		tries=$((tries - 1))
		sleep 0.2
	done
	say "waited in vain for: $2"
	return 1
}

# A database of its own for each figure, so that none finds what another has left.
fresh_database()
{
	PGDATABASE=postgres query -c 'DROP DATABASE IF EXISTS bench' -c 'CREATE DATABASE bench' || return
	export PGDATABASE=bench
	query -c 'CREATE EXTENSION taskly' -c 'CREATE SCHEMA bench' \
		-c 'CREATE EXTENSION taskly_bench' || return
	wait_until 60 "SELECT state = 'leading' FROM taskly.leader"
}

# Starts the server again with so many workers at most.
restart_server()
{
	local database=$PGDATABASE

	PGDATABASE=postgres query -c "ALTER SYSTEM SET taskly.max_workers = $1" || return
	stop_server "$work/server"
	start_server "$work/server" "$tree/test/bench/bench.conf" "$work/s" || return
	export PGDATABASE=$database
}

# Segments of WAL that have been used before are written faster than new ones: make 2 GB of them.
warm_up_wal()
{
	query <<'ENDSQL'
CREATE TABLE warm_up (n bigint, filler text);
INSERT INTO warm_up SELECT n, repeat('x', 1000) FROM generate_series(1, 1800000) n;
DROP TABLE warm_up;
CHECKPOINT;
CHECKPOINT;
ENDSQL
}

# What one side of a comparison has left to be written must not slow the next.
settle()
{
	query -c 'CHECKPOINT'
}

# The pids and titles of taskly's processes.
taskly_processes()
{
	ps -o pid=,args= --ppid "$(head -n 1 "$work/server/data/postmaster.pid")" |
		grep 'postgres: taskly '
}

# The one process whose title contains $1.
pid_of()
{
	taskly_processes | awk -v title="$1" 'index($0, title) { print $1 }'
}
