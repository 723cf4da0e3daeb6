# What an order or a limit costs, where it does not hold anything back. Sourced by test/bench/run.

# A name, options of create_queue, and keys of the runs (k: 100 different ones; b: so have those in
# the fifo queue beside it), weights of those (w), deadlines (d), two queues (2), a quota of the role
# (q). The first is fifo itself: what it differs by is what the method errs by.
readonly CONTENDERS="
fifo, too|'fifo'|
fifo with keys|'fifo'|k
priority|'priority'|
fair|'fair'|
fair with keys|'fair'|kb
fair with weights of keys|'fair'|kbw
rate_monotonic|'rate_monotonic'|
edf|'edf'|d
two queues with weights 3 and 1|'fifo', weight => 3|2
max_running|'fifo', max_running => 1000|
max_running_per_key|'fifo', max_running_per_key => 1000|kb
rate|'fifo', rate => 10000000|
rate_per_key|'fifo', rate_per_key => 10000000|kb
max_pending|'fifo', max_pending => 10000000|
block_key_on_failure|'fifo', max_running_per_key => 1, block_key_on_failure => true|kb
quota of the role|'fifo'|q
"

readonly KEYS="'key ' || n % 100"

# Slices of so many runs that a machine whose speed drifts is much the same in neighbouring ones, so
# many pairs that single ones do not decide, and runs for all of them: workers go on a little longer
# than they are to.
readonly SLICE=$((runs / 10))
readonly PAIRS=$((4 * rounds))		# beside an older fifo, and as many beside a younger one
readonly RUNS_OF_SLICE=$((SLICE + SLICE / 20 + 2000))
readonly RUNS_OF_SIDE=$((PAIRS * RUNS_OF_SLICE))

# What tells when a slice is over, and what it was.
make_stopwatch()
{
	query <<'ENDSQL'
CREATE TABLE bench.turn (of_fifo boolean NOT NULL, began_at timestamptz NOT NULL, dispatched bigint NOT NULL);
CREATE TABLE bench.slice (contender text, fifo text, of_fifo boolean, turn integer,
	runs bigint NOT NULL, seconds numeric NOT NULL, PRIMARY KEY (contender, fifo, of_fifo, turn));

CREATE FUNCTION bench.dispatched() RETURNS bigint LANGUAGE sql
AS 'SELECT dispatched FROM taskly.leader';

CREATE FUNCTION bench.is_idle() RETURNS boolean LANGUAGE sql
AS 'SELECT NOT EXISTS (SELECT FROM taskly.workers WHERE assigned > 0 OR run_id IS NOT NULL)';

CREATE PROCEDURE bench.begin_turn(of_fifo boolean) LANGUAGE sql
AS 'INSERT INTO bench.turn VALUES (of_fifo, clock_timestamp(), bench.dispatched())';

-- Until workers have been given so many runs since the latest turn began.
CREATE PROCEDURE bench.wait_for_slice(runs bigint) LANGUAGE plpgsql AS $$
DECLARE
	goal bigint := max(dispatched) + runs FROM bench.turn;
	ends_at timestamptz := clock_timestamp() + interval '60 seconds';
BEGIN
	WHILE bench.dispatched() < goal LOOP
		IF clock_timestamp() > ends_at THEN
			RAISE 'of % runs, % did not start in a minute', runs, goal - bench.dispatched();
		END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
END
$$;

-- Until the workers are done with what they had in their hands, and get no more.
CREATE PROCEDURE bench.wait_until_idle() LANGUAGE plpgsql AS $$
DECLARE
	idle integer := 0;
BEGIN
	WHILE idle < 2 LOOP
		PERFORM pg_sleep(0.01);
		idle := CASE WHEN bench.is_idle() THEN idle + 1 ELSE 0 END;
	END LOOP;
END
$$;
ENDSQL
}

# The queues of a contender.
queues_of()
{
	local name=$1 traits=$2

	echo "$name"
	[[ $traits != *2* ]] || echo "$name 2"
}

# Makes the queues and tasks of a contender, and what stands beside them. Fails with 3 where they
# are not supported.
make_contender()
{
	local name=$1 options=$2 traits=$3 sql

	sql="SELECT taskly.create_queue('$name', $options); SELECT taskly.define('$name', 'SELECT 1', queue => '$name');"
	case $traits in
		*w*) sql+=" SELECT taskly.set_key('$name', 'key ' || n, weight => 1 + n % 3) FROM generate_series(0, 99) n;" ;;
		*2*) sql+=" SELECT taskly.create_queue('$name 2', 'fifo'); SELECT taskly.define('$name 2', 'SELECT 1', queue => '$name 2');" ;;
	esac
	attempt "… $name" "$sql" || return
	# Is a quota taken, and a key? Nothing of it is kept.
	[[ $traits != *q* ]] || attempt "… $name" "$(quota_sql 1000); ROLLBACK" || return
	[[ $traits != *k* ]] || attempt "… $name" "SELECT taskly.enqueue('$name', key => 'probe'); ROLLBACK"
}

quota_sql()
{
	echo "SELECT taskly.set_quota(current_user::regrole, max_running => $1);"
}

# SQL that makes so many runs of a contender. Of two queues, the first has three times the weight, and so
# comes as far with three times the runs.
contender_sql()
{
	local name=$1 traits=$2 count=$3 second=0 key= rest=

	[[ $traits != *2* ]] || second=$((count / 4))
	[[ $traits != *k* ]] || key=$KEYS
	[[ $traits != *d* ]] || rest="deadline => '1 hour'"
	enqueue_sql "$name" $((count - second)) "$key" "$rest"
	enqueue_sql "$name 2" "$second"
}

# Runs of the contender and of the queue fifo, of which nothing starts yet, made in the order in which
# they will start.
prepare_contender()
{
	local name=$1 traits=$2 fifo=$3 n sql= key= beside

	[[ $traits != *b* ]] || key=$KEYS
	beside=$(enqueue_sql "$fifo" "$RUNS_OF_SLICE" "$key")
	for n in $(seq "$PAIRS"); do
		[ $((n % 2)) = 0 ] || sql+=$beside
		sql+=$(contender_sql "$name" "$traits" "$RUNS_OF_SLICE")
		[ $((n % 2)) = 1 ] || sql+=$beside
	done
	prepare_runs "$sql"
}

# SQL that lets the queues start their runs, or not: pause or resume, and their names.
switch_sql()
{
	local what=$1 queue

	shift
	for queue; do
		echo "SELECT taskly.${what}_queue('$queue');"
	done
}

# SQL for a slice of the contender, or of fifo. What is there is held in memory meanwhile, so a pause
# costs nothing when it is over. A quota is of the role, and so of fifo, too, if it is there.
turn_sql()
{
	local of_fifo=$1 quota=$2

	shift 2
	[ -z "$quota" ] || quota_sql 1000
	echo "CALL bench.begin_turn($of_fifo);"
	switch_sql resume "$@"
	echo "CALL bench.wait_for_slice($SLICE);"
	switch_sql pause "$@"
	echo 'CALL bench.wait_until_idle();'
	[ -z "$quota" ] || quota_sql NULL
}

# SQL that lets the queues of both start nothing, where all was paused. Entries at the right end of an
# index are cheaper, and there would be those of the younger one: a run that is younger still, of the
# youngest task, is in history before them.
begin_turns_sql()
{
	echo 'TRUNCATE bench.turn;'
	switch_sql pause "$@"
	cat <<-ENDSQL
		SELECT taskly.resume_all();
		SELECT taskly.define('youngest after $*', 'SELECT 1');
		SELECT taskly.enqueue('youngest after $*') AS youngest \gset
		SELECT taskly.wait(:youngest, '1 minute');
		CALL bench.wait_until_idle();
	ENDSQL
}

# SQL for all slices of both, in pairs of which every second one begins with the contender: neither side
# comes first, nor earlier. Then the rest may go, which belongs to no slice.
turns_sql()
{
	local name=$1 traits=$2 fifo=$3 quota= queues n

	mapfile -t queues < <(queues_of "$name" "$traits")
	[[ $traits != *q* ]] || quota=yes
	begin_turns_sql "$fifo" "${queues[@]}"
	for n in $(seq "$PAIRS"); do
		[ $((n % 2)) = 0 ] || turn_sql true '' "$fifo"
		turn_sql false "$quota" "${queues[@]}"
		[ $((n % 2)) = 1 ] || turn_sql true '' "$fifo"
	done
	echo 'CALL bench.begin_turn(true); CALL bench.begin_turn(false);'
	switch_sql resume "$fifo" "${queues[@]}"
}

# What each slice was.
note_slices()
{
	local name=$1 fifo=$2

	query <<-ENDSQL
		INSERT INTO bench.slice
		SELECT '$name', '$fifo', of_fifo, turn, count(*), extract(epoch FROM max(finished_at) - min(started_at))
		FROM (
			SELECT of_fifo, started_at, finished_at, width_bucket(started_at, began_at) AS turn
			FROM taskly.finished_run
				JOIN taskly.queue USING (queue_id)
				JOIN (
					SELECT of_fifo, array_agg(began_at ORDER BY began_at) AS began_at
					FROM bench.turn GROUP BY of_fifo) turns ON of_fifo = (queue.name = '$fifo')) f
		GROUP BY of_fifo, turn HAVING turn BETWEEN 1 AND $PAIRS;
	ENDSQL
}

drain_beside()
{
	local name=$1 traits=$2 fifo=$3 all=$((2 * RUNS_OF_SIDE + 1))

	prepare_contender "$name" "$traits" "$fifo" && query >/dev/null < <(turns_sql "$name" "$traits" "$fifo") &&
		wait_for_runs "$all" && check_runs "$all" && note_slices "$name" "$fifo" &&
		forget_history -c 'VACUUM taskly.pending_run'
}

# A queue is some percent slower or faster for being older, so the contender is beside one of either kind.
drain_contender()
{
	local name=$1 traits=$2 younger="fifo after $1"

	drain_beside "$name" "$traits" fifo && make_queue "$younger" "'fifo'" &&
		drain_beside "$name" "$traits" "$younger"
}

# The rate of a contender beside that of fifo: in all slices together, and then pair by pair.
ratios_of()
{
	query -c "
		SELECT round(sum(c.runs) / sum(c.seconds) / (sum(f.runs) / sum(f.seconds)), 2)
		FROM bench.slice c JOIN bench.slice f USING (contender, fifo, turn)
		WHERE contender = '$1' AND f.of_fifo AND NOT c.of_fifo
		GROUP BY GROUPING SETS ((), (fifo, turn)) ORDER BY GROUPING(turn) DESC"
}

# One that cannot be measured has reached nothing, and the others go on.
contend()
{
	local name=$1 traits=$2 all

	ratio[$name]=0 pairs[$name]=0
	if drain_contender "$name" "$traits"; then
		{ read -r all; pairs[$name]=$(cat); } < <(ratios_of "$name")
		ratio[$name]=$all
		say "   $name: $all"
	else
		say "   $name could not be drained"
		query >/dev/null -c "$(quota_sql NULL)" && drop_all_runs
	fi
}

measure_algorithms()
{
	local name options traits status fifos names=()
	local -A ratio=() pairs=()

	restart_server 2 && fresh_database && make_queue fifo "'fifo'" && make_stopwatch || return
	while IFS='|' read -r name options traits <&3; do
		make_contender "$name" "$options" "$traits"
		status=$?
		[ "$status" != 3 ] || continue
		[ "$status" = 0 ] && contend "$name" "$traits" || return
		names+=("$name")
	done 3< <(sed '/^$/d' <<<"$CONTENDERS")
	fifos=$(query -c 'SELECT round(runs / seconds) FROM bench.slice WHERE of_fifo') || return
	report "$SLICE runs at a time in a fifo queue" "$(median $fifos) runs/s ($(spread $fifos))"
	for name in "${names[@]}"; do
		report "… beside it: $name" \
			"${ratio[$name]} of it (median of $((2 * PAIRS)) pairs $(median ${pairs[$name]}), $(spread ${pairs[$name]}))" \
			'at least 0.9' "$(verdict "${ratio[$name]} >= 0.9")"
	done
}
