# How fast runs are made. Sourced by test/bench/run.

readonly ENQUEUE_SECONDS=2

# What taskly inserts for an enqueue('no-op'), into plain tables: with as many indexes as
# taskly.pending_run has on such a row, and with a primary key only.
make_plain_tables()
{
	query <<'ENDSQL'
SELECT taskly.define('no-op', 'SELECT 1');
SELECT taskly.pause_all();
SELECT taskly.enqueue('no-op');
CREATE TABLE bench.model AS SELECT * FROM taskly.pending_run;
CREATE SEQUENCE bench.plain_id CACHE 32;
CREATE TABLE bench.indexed (LIKE taskly.pending_run INCLUDING ALL);
CREATE TABLE bench.keyed (LIKE taskly.pending_run, PRIMARY KEY (run_id));
ENDSQL
}

# An insert of rows into the plain table $1 with the values that a run has; $2 is what they are made
# from. Columns that are null in a run are not named.
plain_insert()
{
	query -c "
		SELECT format('INSERT INTO bench.$1 (%s) SELECT %s FROM $2', string_agg(quote_ident(m.name), ', ' ORDER BY n),
			string_agg(CASE
				WHEN m.name = 'run_id' THEN 'nextval(''bench.plain_id'')'
				WHEN m.name ~ '_at\$|_for\$' THEN 'now()'
				ELSE format('%L::%s', m.value, format_type(a.atttypid, a.atttypmod)) END, ', ' ORDER BY n))
		FROM (SELECT * FROM bench.model LIMIT 1) r,
			jsonb_each_text(jsonb_strip_nulls(to_jsonb(r))) WITH ORDINALITY m(name, value, n)
			JOIN pg_attribute a ON a.attrelid = 'bench.model'::regclass AND a.attname = m.name"
}

# Transactions a second, by 16 clients. None is executed meanwhile: all is paused.
enqueue_singly()
{
	local side=$1 script=$work/enqueue.sql

	case $side in
		taskly) echo "SELECT taskly.enqueue('no-op');" ;;
		*) plain_insert "$side" '(VALUES (1)) v' ;;
	esac >"$script" || return
	settle
	run_pgbench "$script" -T "$ENQUEUE_SECONDS"
}

# Rows a second of one statement that makes $2, with its commit.
enqueue_many()
{
	local side=$1 rows=$2 sql ms

	case $side in
		taskly) sql=$(enqueue_sql no-op "$rows") ;;
		*) sql=$(plain_insert "$side" "generate_series(1, $rows)") ;;
	esac || return
	settle
	ms=$(printf '\\timing on\n%s;\n' "${sql%;}" | query | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p') || return
	calculate "1000 * $rows / $ms" %d
}

# What one side has made is no work for the scheduler while the next is measured.
forget_enqueued()
{
	query -c 'TRUNCATE taskly.pending_run, bench.indexed, bench.keyed' &&
		wait_until 60 'SELECT waiting = 0 FROM taskly.leader'
}

# Slices of both sides of a comparison are neighbours, in either order, for the machine's speed drifts.
enqueue_round()
{
	local round=$1 side rate

	for side in taskly indexed keyed keyed indexed taskly indexed taskly taskly indexed; do
		rate=$(enqueue_singly "$side") && forget_enqueued || return
		rates[$side]+=" $rate"
	done
	for side in taskly indexed keyed keyed indexed taskly; do
		rate=$(enqueue_many "$side" "$runs") && forget_enqueued || return
		rates["many $side"]+=" $rate"
	done
	say "   after round $round, singly: taskly $(median ${rates[taskly]}), plain with its indexes $(median ${rates[indexed]})," \
		"with a primary key $(median ${rates[keyed]}); many: $(median ${rates[many taskly]})," \
		"$(median ${rates[many indexed]}), $(median ${rates[many keyed]})"
}

report_enqueue()
{
	local taskly plain ratio

	taskly=$(median ${rates[taskly]})
	plain=$(median ${rates[indexed]})
	ratio=$(calculate "$taskly / $plain")
	report "enqueue, one a transaction, $PGBENCH_CLIENTS clients" "$taskly/s ($(spread ${rates[taskly]}))"
	report "… beside inserts of the same columns into a table with the same indexes, $plain/s ($(spread ${rates[indexed]}))" \
		"$ratio of it" 'at least 0.9' "$(verdict "$ratio >= 0.9")"
	plain=$(median ${rates[keyed]})
	report "… beside the same into a table with a primary key only, $plain/s ($(spread ${rates[keyed]}))" \
		"$(calculate "$taskly / $plain") of it"
	taskly=$(median ${rates[many taskly]})
	report "enqueue_many of $runs" "$taskly rows/s ($(spread ${rates[many taskly]}))" \
		'at least 300000' "$(verdict "$taskly >= 300000")"
	report "… beside INSERT … SELECT into such tables" "$(median ${rates[many indexed]}) and $(median ${rates[many keyed]}) rows/s"
}

measure_enqueue()
{
	local round million
	local -A rates=()

	restart_server 4 && fresh_database && make_plain_tables >/dev/null || return
	for round in $(seq "$rounds"); do
		enqueue_round "$round" || return
	done
	report_enqueue
	million=$(enqueue_many taskly 1000000) || return
	report 'enqueue_many of 1000000 in one statement' "$million rows/s"
}
