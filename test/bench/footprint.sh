# What a run leaves behind. Sourced by test/bench/run.

# WAL of $1 runs, in bytes a run: of making them by enqueue_many, and from their start to their end.
# With "checkpoint" there was one just before they start, so that pages are logged whole when they
# are first touched.
wal_per_run()
{
	local count=$1 lsn made executed

	query -c 'SELECT taskly.pause_all()' >/dev/null
	lsn=$(query -c 'SELECT pg_current_wal_insert_lsn()')
	query >/dev/null <<<"$(enqueue_sql no-op "$count")" || return
	made=$(wal_since "$lsn")
	query -c 'VACUUM ANALYZE taskly.pending_run' || return
	[ "${2:-}" != checkpoint ] || settle
	lsn=$(query -c 'SELECT pg_current_wal_insert_lsn()')
	let_go && wait_for_runs "$count" && check_runs "$count" || return
	executed=$(wal_since "$lsn")
	calculate "$made / $count, $executed / $count" '%.0f %.0f'
	forget_history -c 'VACUUM taskly.pending_run'
}

wal_since()
{
	query -c "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$1')"
}

# Rows that have become dead in taskly's tables, when processes have told what they did.
dead_rows()
{
	local sql="SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_all_tables WHERE schemaname = 'taskly'" count last=

	count=$(query -c "$sql")
	while [ "$count" != "$last" ]; do
		sleep 2
		last=$count
		count=$(query -c "$sql")
	done
	echo "$count"
}

dead_per_run()
{
	local count=$1 before

	before=$(dead_rows)
	drain no-op "$count" >/dev/null || return
	calculate "($(dead_rows) - $before) / $count"
}

measure_footprint()
{
	local made wal whole dead

	restart_server 2 && fresh_database && set_autovacuum off || return
	query -c "SELECT taskly.define('no-op', 'SELECT 1')" >/dev/null || return
	# The first runs find history without pages.
	drain no-op 1000 >/dev/null || return
	read -r made wal < <(wal_per_run "$runs")
	read -r made whole < <(wal_per_run "$runs" checkpoint)
	dead=$(dead_per_run "$runs") && [ -n "$wal" ] && [ -n "$whole" ] || return
	set_autovacuum on
	report "WAL of a run, from its start to its end" "$wal bytes" 'at most 700 bytes' "$(verdict "$wal <= 700")"
	report '… when a checkpoint was just before' "$whole bytes"
	report '… of making it by enqueue_many' "$made bytes"
	report 'dead rows of a run' "$dead" 'at most 1' "$(verdict "$dead > 0.9 && $dead <= 1.005")"
}
