# What the scripts share: finding PostgreSQL, a private copy of it, private servers. Sourced by bash.
#
# A server looks for extensions in its own directories, where an ordinary user cannot write. It
# finds those directories relative to its program, though: a copy of the programs, with links to
# all else that is installed, is a PostgreSQL of one's own, and nothing of the system is changed.

set -u

# Messages are read by the scripts, so they come in one language; and no setting that the caller
# has for some other server may lead to it.
export LC_ALL=C.UTF-8
unset LANGUAGE PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGDATA PGOPTIONS PGPASSWORD PGPASSFILE \
	PGSERVICE PGSSLMODE PGTZ PGDATESTYLE PGCLIENTENCODING PGAPPNAME PSQLRC
umask 022

readonly MIN_PG=15

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	say "$(basename "$0"): $*"
	exit 1
}

# The pg_config to build with: the caller's choice, else the newest server Debian has installed
# together with what extensions are built with, else the first in PATH. Empty when there is none.
find_pg_config()
{
	local dir

	if [ -n "${PG_CONFIG:-}" ]; then
		command -v "$PG_CONFIG"
		return
	fi
	for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5,5nr); do
		if is_complete "$dir/pg_config"; then
			echo "$dir/pg_config"
			return
		fi
	done
	dir=$(command -v pg_config) && is_complete "$dir" && echo "$dir"
}

# Is there a server of a version we support with this pg_config, and PGXS for it?
is_complete()
{
	local version

	[ -x "$1" ] && version=$("$1" --version 2>/dev/null) || return
	version=${version#PostgreSQL }
	[ "${version%%[!0-9]*}" -ge "$MIN_PG" ] && [ -x "$("$1" --bindir)/postgres" ] &&
		[ -f "$("$1" --pgxs)" ]
}

# Copies the checkout $1, without what git or make left in it, to the new directory $2.
copy_tree()
{
	mkdir -p "$2"
	tar -C "$1" --exclude=./.git --exclude=./.demo --exclude='*.o' --exclude='*.so' \
		--exclude='*.bc' --exclude='*.d' --exclude=./results --exclude='./tmp_check*' \
		--exclude=./output_iso --exclude=./taskly_guard -cf - . | tar -C "$2" -xf -
}

# Makes a private PostgreSQL below $1 out of the one that $PG_CONFIG describes, and exports PG_BIN,
# the directory of its programs, first in PATH too. "make install DESTDIR=$1" puts taskly into it.
make_private_postgres()
{
	local root=$1 bin share lib include

	bin=$("$PG_CONFIG" --bindir)
	share=$("$PG_CONFIG" --sharedir)
	lib=$("$PG_CONFIG" --pkglibdir)
	include=$("$PG_CONFIG" --includedir)
	mkdir -p "$root$bin" "$root$share/extension" "$root$lib" "$root$(dirname "$include")"
	cp -L "$bin"/* "$root$bin/"
	link_all "$lib" "$root$lib"
	link_all "$share" "$root$share"
	link_all "$share/extension" "$root$share/extension"
	ln -sfn "$include" "$root$include"
	export PG_BIN=$root$bin
	export PATH=$PG_BIN:$PATH
}

# Links everything in $1, but taskly if it is installed there, into the directory $2.
link_all()
{
	find "$1" -mindepth 1 -maxdepth 1 ! -name 'taskly*' ! -path "$1/extension" \
		-exec ln -sfn -t "$2" {} +
}

# Builds the tree $1 (arguments after $2 go to make) and installs it into the private PostgreSQL
# $2. Says what is wrong if that fails.
build_into()
{
	local tree=$1 root=$2

	shift 2
	make -s -C "$tree" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" "$@" >"$tree/build.log" 2>&1 &&
		make -s -C "$tree" PG_CONFIG="$PG_CONFIG" "$@" install DESTDIR="$root" >>"$tree/build.log" 2>&1 ||
		{
			grep -E 'error: |warning: |undefined reference|\*\*\*' "$tree/build.log" | head -n 40 >&2
			say "could not build"
			return 1
		}
}

# Starts a server of its own in the directory $1, with the settings in the file $2 added; its Unix
# socket, the only way in, is in the directory $3. Exports what clients need to reach it.
start_server()
{
	local dir=$1 settings=$2 sockets=$3

	if [ ! -d "$dir/data" ]; then
		initdb -D "$dir/data" -U postgres -A trust -E UTF8 --no-locale -N >"$dir/initdb.log" 2>&1 ||
			{ tail -n 20 "$dir/initdb.log" >&2; say "could not make a database cluster"; return 1; }
		{
			cat "$settings"
			echo "listen_addresses = ''"
			echo "unix_socket_directories = '$sockets'"
			echo 'unix_socket_permissions = 0700'
		} >>"$dir/data/postgresql.conf"
	fi
	pg_ctl -D "$dir/data" -l "$dir/server.log" -w -t 60 start >"$dir/pg_ctl.log" 2>&1 ||
		{ tail -n 20 "$dir/server.log" >&2; say "could not start a server"; return 1; }
	export PGHOST=$sockets PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

stop_server()
{
	pg_ctl -D "$1/data" -w -t 60 -m fast stop >/dev/null 2>&1 ||
		pg_ctl -D "$1/data" -w -t 20 -m immediate stop >/dev/null 2>&1
}

# Stops every server whose files are below $1: what a test that was cut short left behind.
stop_servers_below()
{
	local file pid

	while read -r file; do
		pid=$(head -n 1 "$file")
		if [ "$(readlink "/proc/$pid/cwd")" = "$(readlink -f "$(dirname "$file")")" ]; then
			kill -QUIT "$pid"
			wait_for_end "$pid"
		fi
	done < <(find "$1" -name postmaster.pid 2>/dev/null)
}

# Runs a command while the shell only waits, so that a signal reaches the shell at once; with
# "trap interrupted INT TERM" it is passed on. "set -m" keeps the command from ignoring SIGINT.
run_interruptibly()
{
	set -m
	"$@" &
	job=$!
	set +m
	wait "$job"
}

interrupted()
{
	if [ -n "${job:-}" ]; then
		kill "$job" 2>/dev/null
		wait "$job" 2>/dev/null
	fi
	exit 130
}

# Waits, ten seconds at most, for a process that is not our child.
wait_for_end()
{
	local tries=100

	while [ -d "/proc/$1" ] && [ "$tries" -gt 0 ]; do
		sleep 0.1
		tries=$((tries - 1))
	done
}

# The user that servers run as when the caller is root, as PostgreSQL refuses to.
unprivileged_user()
{
	if id postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}
