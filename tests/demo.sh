#!/bin/bash
# The main job on this very machine, in a few minutes: three real services and a disk writer run through `cotenant run`,
# are recorded alone, in pairs, in threes and all together, fitted, planned onto a small fleet, and reported as report.html.
#
# usage: tests/demo.sh BUILD     PHASE_S=seconds per recording (default 6)   OUT=folder for the results (default build/demo)
# Everything listens on loopback or a Unix socket in one temporary folder. Whatever it started is stopped and removed on
# every way out. The truth about slowdown is each load generator's own throughput, not cotenant's.
set -euo pipefail
build=${1:-build}
cotenant=$PWD/$build/cotenant
phase_s=${PHASE_S:-6}
out=${OUT:-$build/demo}
work=$(mktemp -d /var/tmp/cotenant-demo.XXXXXX)
started=()  # pids of our own `cotenant run` wrappers
loads=()    # pids of load generators of the phase under way
services=(redis postgres nginx writer)
redis_port=16379 nginx_port=18080
pg_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

say() { printf '\033[1m%s\033[0m\n' "$*"; }

cleanup() {
	trap - EXIT INT TERM
	kill "${loads[@]}" "${started[@]}" 2> /dev/null || true
	wait "${loads[@]}" "${started[@]}" 2> /dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'echo "demo: interrupted, cleaning up" >&2; exit 130' INT TERM

[ "$(id -u)" = 0 ] || { echo "demo: recording needs root: sudo make demo" >&2; exit 3; }
"$cotenant" doctor || true
mkdir -p "$out"
rm -rf "${out:?}"/*
chmod 711 "$work"

service() { # name command…
	"$cotenant" run "$1" -- "${@:2}" > "$work/$1.log" 2>&1 &
	started+=($!)
}

wait_for() { # what command…
	for _ in $(seq 100); do
		"${@:2}" > /dev/null 2>&1 && return
		sleep 0.1
	done
	echo "demo: $1 did not come up; its log:" >&2
	tail -n 5 "$work/$1.log" >&2
	exit 3
}

say "starting redis, postgresql, nginx"
service redis redis-server --port $redis_port --bind 127.0.0.1 --save '' --dir "$work" --daemonize no
install -d -o postgres "$work/pg"
(cd / && runuser -u postgres -- "$pg_bin/initdb" -D "$work/pg" -A trust --no-sync > /dev/null)
service postgres runuser -u postgres -- "$pg_bin/postgres" -D "$work/pg" -k "$work/pg" -c listen_addresses= -c shared_buffers=64MB
mkdir -p "$work/www"
head -c 16384 /dev/urandom > "$work/www/page"
cat > "$work/nginx.conf" << CONF
worker_processes 1;
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.err;
events { worker_connections 256; }
http { access_log off; server { listen 127.0.0.1:$nginx_port; root $work/www; } }
CONF
chmod -R a+rX "$work/www"
service nginx nginx -c "$work/nginx.conf"
pg() { (cd / && "$pg_bin/$1" -h "$work/pg" -U postgres "${@:2}"); }
wait_for redis redis-cli -p $redis_port ping
wait_for postgres pg pg_isready
wait_for nginx wrk -t1 -c1 -d1s "http://127.0.0.1:$nginx_port/page"
pg pgbench -i -s 5 -q postgres > /dev/null 2>&1

# One load generator per service; each prints its own figure, which truth_of() reads. Time-bounded: it stops by itself.
# The generators run as services too, so that the session tells them from the rest of the machine.
load() { # service seconds log
	local as=("$cotenant" run "$1.load" --)
	case $1 in
	redis) "${as[@]}" timeout "$2" redis-benchmark -p $redis_port -t get -n 100000000 -c 8 -q --csv ;;
	postgres) "${as[@]}" env -C / "$pg_bin/pgbench" -h "$work/pg" -U postgres -T "$2" -c 4 -j 1 -S postgres ;;
	nginx) "${as[@]}" wrk -t1 -c8 -d"$2"s "http://127.0.0.1:$nginx_port/page" ;;
	writer) "$cotenant" run writer -- fio --name=writer --filename="$work/data" --size=256M --rw=randwrite --bs=64k --direct=1 \
		--ioengine=libaio --iodepth=8 --time_based --runtime="$2" --output-format=terse --terse-version=3 ;;
	esac > "$3" 2> "$3.err"
}

redis_ops() { redis-cli -p $redis_port info stats | tr -d '\r' | sed -n 's/^total_commands_processed://p'; }

truth_of() { # service log -> operations (bytes for the writer) per second, by the generator's own count
	case $1 in
	postgres) sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$2" ;;
	nginx) sed -n 's/^Requests\/sec: *//p' "$2" ;;
	writer) awk -F';' '/^3;/ { print $48 }' "$2" ;;
	redis) cat "$2.rate" ;;
	esac
}

step=0
steps=15
phase() { # services of this phase…
	local name s before recorder
	name=$(IFS=+; echo "$*")
	step=$((step + 1))
	printf '[%2d/%d] %-30s %ss\n' $step $steps "$name" "$phase_s"
	loads=()
	"$cotenant" record --quiet --budget 5% --duration 120s --interval 1s -o "$out/$name.db" > "$work/record.log" 2>&1 &
	recorder=$!
	started+=("$recorder")
	for _ in $(seq 300); do [ -e "$out/$name.db" ] && break; sleep 0.1; done # it exists once the probes are attached
	before=$(redis_ops)
	for s in "$@"; do
		load "$s" "$phase_s" "$work/$name.$s" &
		loads+=($!)
	done
	wait "${loads[@]}" || true
	loads=()
	kill -INT $recorder
	wait $recorder || { cat "$work/record.log" >&2; exit 3; }
	echo $((($(redis_ops) - before) / phase_s)) > "$work/$name.redis.rate"
	for s in "$@"; do
		truth_of "$s" "$work/$name.$s" > "$work/$name.$s.truth"
		[ -s "$work/$name.$s.truth" ] || { echo "demo: $s's load generator gave no figure:" >&2; cat "$work/$name.$s.err" >&2; exit 3; }
	done
}

say "recording alone, in pairs, in threes, and all together"
for s in "${services[@]}"; do phase "$s"; done
for ((i = 0; i < ${#services[@]}; i++)); do
	for ((j = i + 1; j < ${#services[@]}; j++)); do phase "${services[i]}" "${services[j]}"; done
done
for without in "${services[@]}"; do
	mapfile -t three < <(printf '%s\n' "${services[@]}" | grep -vx "$without")
	phase "${three[@]}"
done
phase "${services[@]}"

say "fitting the interference model to what the load generators themselves saw"
{
	echo "victim,neighbours,node_type,metric,alone,shared"
	for f in "$work"/*+*.truth; do
		base=$(basename "$f" .truth)
		group=${base%.*} victim=${base##*.}
		neighbours=$(tr '+' '\n' <<< "$group" | grep -vx "$victim" | paste -sd';')
		echo "$victim,$neighbours,this,throughput,$(cat "$work/$victim.$victim.truth"),$(cat "$f")"
	done
} > "$out/measured.csv"
"$cotenant" import colocation "$out/measured.csv" -o "$out/measured.json"
"$cotenant" fit "$out/measured.json" -o "$out/model.json"

say "planning 4 replicas of each service onto a fleet of up to 16 such nodes, no one more than 2.5 times slower than alone (their loads saturate the node)"
{
	echo '{ "name": "demo", "nodes": [{ "id": "node", "count": 16, "type": "this", "like": "redis.db" }], "services": ['
	for s in "${services[@]}"; do
		printf '  { "id": "%s", "session": "%s.db", "replicas": 4, "limit": 2.5 }%s\n' "$s" "$s" "$([ "$s" = writer ] || echo ,)"
	done
	echo ']}'
} > "$out/fleet.json"
"$cotenant" import fleet "$out/fleet.json" -o "$out/instance.json"
"$cotenant" plan "$out/instance.json" --model "$out/model.json" --time 5s -o "$out/plan.json"
"$cotenant" verify "$out/instance.json" "$out/plan.json" --model "$out/model.json"
all=$(IFS=+; echo "${services[*]}")
"$cotenant" report "$out/$all.db" "$out/plan.json" "$out/model.json" --instance "$out/instance.json" --format html -o "$out/report.html"
cp "$out/report.html" report.html
say "report: $PWD/report.html"
say "the three most telling findings:"
"$cotenant" report "$out/$all.db" "$out/plan.json" "$out/model.json" --instance "$out/instance.json" --format json |
	python3 -c 'import json, sys
for f in json.load(sys.stdin)["findings"][:3]: print("  *", f if isinstance(f, str) else f["text"])'
