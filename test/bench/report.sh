# What was measured, in lines and as a table. Sourced by test/bench/run.

table=

# Arithmetic that is too much for the shell.
calculate()
{
	awk "BEGIN { printf \"${2:-%.2f}\", $1 }"
}

median()
{
	printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"
}

# "smallest to largest"
spread()
{
	printf '%s\n' "$@" | sort -g | sed -n '1p;$p' | paste -sd ' ' | sed 's/ / to /'
}

# Does a figure reach its aim? Prints what the report says of it; $1 is an awk condition.
verdict()
{
	if [ "$(calculate "($1) ? 1 : 0" %d)" = 1 ]; then
		echo met
	else
		echo MISSED
	fi
}

# report FIGURE MEASURED [AIM VERDICT]
report()
{
	printf '%s: %s%s\n' "$1" "$2" "${3:+ (aim $3: $4)}"
	printf '| %s | %s | %s | %s |\n' "$1" "$2" "${3:-}" "${4:-}" >>"$table"
}

# A number for the plot: KIND (rate or delay), LABEL, NUMBER.
plot()
{
	printf '%s\t%s\t%s\n' "$@" >>"$work/plot.tsv"
}

cpu_model()
{
	sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1
}

report_machine()
{
	local memory

	table=$work/table.md
	memory=$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1048576 }' /proc/meminfo)
	printf '%s, %s cores of %s, %s, Linux %s\n' "$("$PG_CONFIG" --version)" "$(nproc)" \
		"$(cpu_model)" "$memory" "$(uname -r)" | tee "$work/machine"
	{
		printf '%s, %s.\n\n' "$(cat "$work/machine")" "$(date -u '+%Y-%m-%d %H:%M UTC')"
		printf '| figure | measured | aim | |\n|---|---|---|---|\n'
	} >"$table"
}

# How busy others keep the machine: the server is idle when this is called.
report_load()
{
	local before after busy

	before=$(awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 + $9, $5 + $6 }' /proc/stat)
	sleep 2
	after=$(awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 + $9, $5 + $6 }' /proc/stat)
	busy=$(echo "$before $after" | awk '{ b = $3 - $1; printf "%.0f", 100 * b / (b + $4 - $2) }')
	say "-- $figure; the machine is $busy % busy with other things"
	printf '| **%s** (the machine was %s %% busy with other things) | | | |\n' "$figure" "$busy" >>"$table"
}
