# What a run leaves behind. Sourced by test/bench/run.

# WAL of $1 runs, in bytes a run. With "checkpoint" there was one just before they start, so that
# pages are logged whole when they are first touched.
wal_per_run()
{
	local count=$1 lsn bytes

	query >/dev/null -c 'SELECT taskly.pause_all()' && query >/dev/null <<<"$(enqueue_sql no-op "$count")" &&
		query -c 'VACUUM ANALYZE taskly.pending_run' || return
	[ "${2:-}" != checkpoint ] || settle
	lsn=$(query -c 'SELECT pg_current_wal_insert_lsn()')
	let_go && wait_for_runs "$count" && check_runs "$count" || return
	bytes=$(query -c "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '$lsn')")
	calculate "$bytes / $count" %.0f
	forget_history -c 'VACUUM taskly.pending_run'
}

# Rows that became dead in all tables of the database since its start, as far as processes have
# told.
dead_rows()
{
	query -c 'SELECT sum(n_tup_upd + n_tup_del) FROM pg_stat_all_tables'
}

# What workers have not told within a second after their last run, they tell before they end.
dead_per_run()
{
	local count=$1 before after last=-1

	before=$(dead_rows)
	drain no-op "$count" >/dev/null || return
	after=$(dead_rows)
	while [ "$after" != "$last" ]; do
		sleep 2
		last=$after
		after=$(dead_rows)
	done
	calculate "($after - $before) / $count"
}

measure_footprint()
{
	local wal whole dead

	restart_server 2 && fresh_database && set_autovacuum off || return
	query -c "SELECT taskly.define('no-op', 'SELECT 1')" >/dev/null || return
	# The first runs find history without pages.
	drain no-op 1000 >/dev/null && wal=$(wal_per_run "$runs") &&
		whole=$(wal_per_run "$runs" checkpoint) && dead=$(dead_per_run "$runs") || return
	set_autovacuum on
	report "WAL of a run, from its start to its end" "$wal bytes" 'at most 700 bytes' "$(verdict "$wal <= 700")"
	report '… when a checkpoint was just before' "$whole bytes"
	report 'dead rows of a run' "$dead" 'at most 1' "$(verdict "$dead > 0.9 && $dead <= 1.005")"
}
