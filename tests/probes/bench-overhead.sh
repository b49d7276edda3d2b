#!/bin/bash
# What `cotenant record` costs the services it watches: throughput of redis and postgres with and without it, in interleaved pairs
# (the order within a pair alternates), server and client on a CPU of their own; the median loss with the interval that holds it
# with 95 % confidence (order statistics). Then the recorder's memory with 64 services, and what each BPF program costs per run.
# usage: bench-overhead.sh BUILD [PAIRS]      (as root)   PAIRS=10 takes about 5 minutes, PAIRS=2 is for a look
set -eu
build=$(realpath "$1") pairs=${2:-10}
redis_requests=${REDIS_REQUESTS:-200000} pg_seconds=${PG_SECONDS:-3} warm=${WARM_SECONDS:-4}
[ "$(id -u)" = 0 ] || { echo "bench-overhead: root is needed"; exit 3; }
for tool in redis-server redis-benchmark taskset bpftool sqlite3; do
	command -v $tool > /dev/null || { echo "bench-overhead: needs $tool"; exit 3; }
done
tmp=$(mktemp -d) recorder='' pg=''
pgbin=$(echo /usr/lib/postgresql/*/bin)
port=16379 pgport=15432
cgroups=$([ -e /sys/fs/cgroup/cgroup.procs ] && echo /sys/fs/cgroup || echo /sys/fs/cgroup/unified)

record_stop() {
	[ -n "$recorder" ] || return 0
	kill -INT "$recorder" 2> /dev/null || true
	wait "$recorder" || true
	recorder=''
}
finish() {
	record_stop
	redis-cli -p $port shutdown nosave > /dev/null 2>&1 || true
	[ -z "$pg" ] || su postgres -c "$pgbin/pg_ctl -D $tmp/pg -m immediate stop" > /dev/null 2>&1 || true
	for i in $(seq 64); do
		[ ! -d "$cgroups/cotenant-bench-$i" ] || rmdir "$cgroups/cotenant-bench-$i" || true
	done
	rm -rf "$tmp"
}
trap finish EXIT
record_start() { # option…
	rm -f "$tmp"/session.db*
	"$build/cotenant" record -q -i 1s -d 1h -o "$tmp/session.db" "$@" 2> "$tmp/record.err" &
	recorder=$!
	for _ in $(seq 100); do
		[ ! -e "$tmp/session.db" ] || return 0
		kill -0 $recorder || { cat "$tmp/record.err"; exit 3; }
		read -rt 0.1 < /dev/zero || true
	done
}

redis_rate() { taskset -c 1 redis-benchmark -p $port -n "${1:-$redis_requests}" -c 50 -t get --csv | awk -F'"' '/GET/ { print $4 }'; }
pg_rate() { su postgres -c "taskset -c 1 $pgbin/pgbench -h $tmp -p $pgport -n -S -M prepared -c 4 -T ${1:-$pg_seconds} bench" 2> /dev/null | awk '/^tps/ { print $3 }'; }
redis_warm() { redis_rate $((warm * 75000)) > /dev/null; }
pg_warm() { pg_rate "$warm" > /dev/null; }

with() { # load: the recorder starts while the load runs, and has its first measured intervals behind it when the clock starts
	record_start
	"$1_warm"
	"$1_rate"
	record_stop
}
without() {
	"$1_warm"
	"$1_rate"
}
pairs_run() { # load
	local i a b
	: > "$tmp/$1.loss"
	for i in $(seq "$pairs"); do
		if [ $((i % 2)) = 1 ]; then a=$(without "$1") b=$(with "$1"); else b=$(with "$1") a=$(without "$1"); fi
		awk -v a="$a" -v b="$b" 'BEGIN { printf "%.3f %.1f %.1f\n", 100 * (a - b) / a, a, b }' >> "$tmp/$1.loss"
		echo "$1 pair $i of $pairs: $(tail -n 1 "$tmp/$1.loss")" >&2
	done
	# interval of the median: ranks n/2 -+ 0.98 sqrt(n)
	sort -n "$tmp/$1.loss" | awk -v what="$1" '{ v[NR] = $1; w += $2 } END {
		k = int(NR / 2 - 0.98 * sqrt(NR)); if (k < 1) k = 1;
		m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2;
		printf "%-10s %8.2f %%   [%.2f, %.2f]   %d pairs   %.0f per s without\n", what, m, v[k], v[NR + 1 - k], NR, w / NR }'
}

redis-server --port $port --save '' --daemonize yes --dir "$tmp" --pidfile "$tmp/redis.pid" > /dev/null
until redis-cli -p $port ping > /dev/null 2>&1; do :; done
taskset -apc 0 "$(cat "$tmp/redis.pid")" > /dev/null
if [ -x "$pgbin/initdb" ]; then
	mkdir "$tmp/pg"
	chown -R postgres "$tmp"
	su postgres -c "$pgbin/initdb -D $tmp/pg" > /dev/null
	su postgres -c "taskset -c 0 $pgbin/pg_ctl -w -D $tmp/pg -l $tmp/pg.log -o '-p $pgport -k $tmp -h \"\"' start" > /dev/null
	pg=1
	su postgres -c "$pgbin/createdb -h $tmp -p $pgport bench && $pgbin/pgbench -h $tmp -p $pgport -i -q -s 5 bench" > /dev/null 2>&1
fi

echo "loss of throughput under \`cotenant record\` (default budget), median and its 95 % interval:"
redis_warm
pairs_run redis
if [ -n "$pg" ]; then
	pg_warm
	pairs_run pg
else
	echo "pg         not measured: postgresql is not installed"
fi

echo "recorder with 64 services in cgroups, ${warm} s of redis:"
for i in $(seq 64); do mkdir "$cgroups/cotenant-bench-$i"; done
record_start --by cgroup
redis_warm
awk '/^Vm(RSS|HWM)/ { printf "  %s %.1f MiB\n", $1, $2 / 1024 }' "/proc/$recorder/status"
record_stop
sqlite3 "$tmp/session.db" "select printf('  services %d, collector %.2f %% and probes %.2f %% of the node''s CPU time',
	(select count(*) from service), 100.0 * sum(collector_ns) / sum(end_ns - start_ns) / $(nproc), 100.0 * sum(bpf_ns) / sum(end_ns - start_ns) / $(nproc)) from interval;
	select '  probe ' || name || ': ' || state || case note when '' then '' else ', ' || note end from probe;"

programs() { bpftool prog show | awk '/^[0-9]+:/ { name = "?"; ns = n = 0; for (i = 2; i < NF; i++) { if ($i == "name") name = $(i + 1); if ($i == "run_time_ns") ns = $(i + 1); if ($i == "run_cnt") n = $(i + 1) } print $1, name, ns, n }'; }
echo "each program, unlimited (--budget 0), by the kernel's statistics, whose own accounting of some 65 ns per run is included:"
programs | cut -d' ' -f1 > "$tmp/before"
stats=$(sysctl -n kernel.bpf_stats_enabled)
record_start --budget 0
sysctl -q kernel.bpf_stats_enabled=1
redis_rate > /dev/null
programs | grep -vwFf "$tmp/before" | awk -v n="$redis_requests" '$4 > 0 { printf "  %-20s %7.0f ns per run %8.3f runs per request\n", $2, $3 / $4, $4 / n }' | sort
sysctl -q kernel.bpf_stats_enabled="$stats"
record_stop
