#!/bin/bash
# What `cotenant record` costs the services it watches: throughput of redis and postgres with and without it, server and client on
# a CPU of their own, in one run of the load each, in short blocks that alternate (tests/collector/bench_overhead.c); the median loss
# with the interval that holds it with 95 % confidence. Then the recorder's memory with 64 services, and what each BPF program costs per run.
# usage: bench-overhead.sh BUILD [PAIRS]      (as root)   PAIRS=60 takes about 10 minutes, PAIRS=2 is for a look
set -eu
build=$(realpath "$1") pairs=${2:-60}
block=${BLOCK_SECONDS:-2} skip=${SKIP_SECONDS:-0} budget=${BUDGET:-0.5%} loads=${LOADS:-redis pg}
redis_requests=${REDIS_REQUESTS:-200000} warm=${WARM_SECONDS:-4}
[ "$(id -u)" = 0 ] || { echo "bench-overhead: root is needed"; exit 3; }
for tool in redis-server redis-benchmark taskset bpftool sqlite3; do
	command -v $tool > /dev/null || { echo "bench-overhead: needs $tool"; exit 3; }
done
tmp=$(mktemp -d) recorder='' pg='' load='' group=''
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
	load_end
	record_stop
	redis-cli -p $port shutdown nosave > /dev/null 2>&1 || true
	[ -z "$pg" ] || su postgres -c "$pgbin/pg_ctl -D $tmp/pg -m immediate stop" > /dev/null 2>&1 || true
	for i in $(seq 64); do
		[ ! -d "$cgroups/cotenant-bench-$i" ] || rmdir "$cgroups/cotenant-bench-$i" || true
	done
	rm -rf "$tmp"
	[ -z "$group" ] || rmdir "$group" 2> /dev/null || { sleep 1; rmdir "$group" || true; }
}
trap finish EXIT
record_start() { # option…
	rm -f "$tmp"/session.db*
	"$build/cotenant" record -q -d 1h -o "$tmp/session.db" "$@" 2> "$tmp/record.err" &
	recorder=$!
	for _ in $(seq 100); do
		[ ! -e "$tmp/session.db" ] || return 0
		kill -0 $recorder || { cat "$tmp/record.err"; exit 3; }
		read -rt 0.1 < /dev/zero || true
	done
}

redis_load() { exec "${enter[@]}" taskset -c 1 redis-benchmark -p $port -n 2000000000 -c 50 -t get > /dev/null 2>&1; }
redis_warm() { taskset -c 1 redis-benchmark -p $port -n $((warm * 75000)) -c 50 -t get > /dev/null 2>&1; }
pg_load() { exec "${enter[@]}" su postgres -c "exec taskset -c 1 $pgbin/pgbench -h $tmp -p $pgport -n -S -M prepared -c 4 -T 86400 -P 1 bench" 2>&1; }
overhead() { # SOURCE…: the loss while the load runs
	"$build/tests/collector/bench_overhead" "$@" "$pairs" "$block" "$skip" "$budget"
}
load_end() {
	[ -z "$load" ] || kill "$load" 2> /dev/null || true
	load=''
}
redis_overhead() {
	redis_load &
	load=$!
	overhead redis $port "$group" "$tmp/redis.db"
	load_end
}
pg_overhead() {
	coproc PG { pg_load; }
	load=$PG_PID
	overhead lines "$group" "$tmp/pg.db" <&"${PG[0]}"
	load_end
}

group=$cgroups/cotenant-overhead-$$
mkdir "$group"
# runs what follows in the cgroup of server and client
enter=(sh -c 'echo $$ > "$1/cgroup.procs"; shift; exec "$@"' sh "$group")
"${enter[@]}" redis-server --port $port --save '' --daemonize yes --dir "$tmp" --pidfile "$tmp/redis.pid" > /dev/null
until redis-cli -p $port ping > /dev/null 2>&1; do :; done
taskset -apc 0 "$(cat "$tmp/redis.pid")" > /dev/null
if [ -x "$pgbin/initdb" ]; then
	mkdir "$tmp/pg"
	chown -R postgres "$tmp"
	su postgres -c "$pgbin/initdb -D $tmp/pg" > /dev/null
	"${enter[@]}" su postgres -c "taskset -c 0 $pgbin/pg_ctl -w -D $tmp/pg -l $tmp/pg.log -o '-p $pgport -k $tmp -h \"\"' start" > /dev/null
	pg=1
	su postgres -c "$pgbin/createdb -h $tmp -p $pgport bench && $pgbin/pgbench -h $tmp -p $pgport -i -q -s 5 bench" > /dev/null 2>&1
fi

echo "loss of throughput under recording (budget $budget), median and its 95 % interval:"
for what in $loads; do
	if [ "$what" = pg ] && [ -z "$pg" ]; then
		echo "pg         not measured: postgresql is not installed"
		continue
	fi
	printf '%s: ' "$what"
	"${what}_overhead"
done

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
taskset -c 1 redis-benchmark -p $port -n "$redis_requests" -c 50 -t get > /dev/null 2>&1
programs | grep -vwFf "$tmp/before" | awk -v n="$redis_requests" '$4 > 0 { printf "  %-20s %7.0f ns per run %8.3f runs per request\n", $2, $3 / $4, $4 / n }' | sort
sysctl -q kernel.bpf_stats_enabled="$stats"
record_stop
