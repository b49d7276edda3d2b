#!/bin/bash
# privileged: docs/truth-slowdown.md. The slowdown that a session estimates, beside what the load generator of the victim saw itself.
#
# usage: tests/collector/truth_slowdown.sh BUILD     REPEATS=3  RUN_S=4  VICTIMS='redis …'  NEIGHBOURS='cpu …'  OUT=file
# Each repeat runs every victim beside each neighbour, and alone right before and after each: a shared host's speed changes in seconds.
# Servers are on CPU 0, their clients on CPU 1 (tests/lab/services.sh). All runs are recorded, those alone too. Truth is the
# generator's own operations per second, alone (mean of before and after) / shared, by repeat; the estimate is that of `cotenant report` on the shared
# run's session, which knows nothing of the run alone.
set -euo pipefail
build=${1:-build}
cotenant=$PWD/$build/cotenant
lab=$PWD/tests/lab/services.sh
repeats=${REPEATS:-3}
run_s=${RUN_S:-4}
read -ra victims <<< "${VICTIMS:-redis memcached nginx postgres}"
read -ra neighbours <<< "${NEIGHBOURS:-cpu disk net writer}"
out=${OUT:-$build/truth-slowdown.md}
work=$(mktemp -d /var/tmp/cotenant-truth.XXXXXX)
servers=() others=()

cleanup() {
	trap - EXIT INT TERM
	kill "${others[@]}" "${servers[@]}" 2> /dev/null || true
	wait 2> /dev/null || true
	rm -rf "$work" /var/tmp/cotenant-lab
}
trap cleanup EXIT
trap 'exit 130' INT TERM
[ "$(id -u)" = 0 ] || { echo "truth-slowdown: recording needs root" >&2; exit 77; }
for tool in redis-benchmark memcaslap wrk pgbench fio iperf3 stress-ng; do
	command -v $tool > /dev/null || { echo "truth-slowdown: needs $tool" >&2; exit 77; }
done

wait_for() { for _ in $(seq 300); do "$@" > /dev/null 2>&1 && return; sleep 0.1; done; echo "truth-slowdown: $* does not come up" >&2; exit 3; }

# One neighbour for a given time; each a service of its own name, bounded so that a second core is not swamped.
neighbour() { # kind seconds
	local as=("$cotenant" run "$1" --)
	case $1 in
	cpu) "${as[@]}" taskset -c 0 stress-ng --cpu 1 --cpu-method int64 --timeout "$2" --quiet ;;
	half) "${as[@]}" taskset -c 0 stress-ng --cpu 1 --cpu-method int64 --cpu-load 50 --timeout "$2" --quiet ;;
	disk) "${as[@]}" taskset -c 0 fio --name=disk --filename="$work/data" --size=256M --rw=randwrite --bs=16k --direct=1 --ioengine=libaio \
		--iodepth=4 --rate_iops=2000 --time_based --runtime="$2" --output="$work/fio" ;;
	writer) "${as[@]}" taskset -c 0 fio --name=disk --filename="$work/data" --size=256M --rw=randwrite --bs=64k --direct=1 --ioengine=libaio \
		--iodepth=8 --time_based --runtime="$2" --output="$work/fio" ;; # all that the disk gives
	net) "${as[@]}" taskset -c 0 sh -c "iperf3 -s -1 -p 15201 > $work/iperf.server & sleep 0.3; exec iperf3 -c 127.0.0.1 -p 15201 -t $2 > $work/iperf" ;;
	esac > "$work/$1.out" 2>&1
}

figure() { sed -n 's/.*throughput=\([0-9.]*\).*/\1/p' "$1"; }

run() { # repeat victim name [neighbour]
	local name=$1.$2.$3 recorder pid=
	"$cotenant" record --quiet --budget 0 --duration 120s --interval 500ms -o "$work/$name.db" > "$work/record.out" 2>&1 &
	recorder=$!
	others=("$recorder")
	wait_for test -e "$work/$name.db"
	if [ "${4:-}" ]; then
		neighbour "$4" $((run_s + 2)) &
		pid=$!
		others+=("$pid")
		sleep 1 # it starts up
	fi
	COTENANT_SECONDS=$run_s "$cotenant" run "$2.load" -- "$lab" "$2" load > "$work/$name.out" 2> "$work/$name.err"
	kill -INT $recorder
	wait $recorder || { cat "$work/record.out" >&2; exit 3; }
	[ -z "$pid" ] || wait "$pid" || true
	others=()
	[ "$(figure "$work/$name.out")" ] || { echo "truth-slowdown: no figure from $name:" >&2; cat "$work/$name.err" >&2; exit 3; }
	"$cotenant" report "$work/$name.db" --format json -o "$work/$name.json"
	[ -z "${KEEP:-}" ] || cp "$work/$name.db" "$work/$name.out" "$work/$name.json" "$KEEP/"
	echo "$name $(figure "$work/$name.out")"
}

for v in "${victims[@]}"; do
	if "$lab" "$v" ready > /dev/null 2>&1; then
		echo "truth-slowdown: another $v already listens where tests/lab/services.sh starts its own; stop it first" >&2
		exit 3
	fi
	"$cotenant" run "$v" -- "$lab" "$v" start > "$work/$v.server" 2>&1 &
	servers+=($!)
	wait_for "$lab" "$v" ready
	if [ "$v" = postgres ]; then "$lab" postgres prepare > /dev/null 2>&1; fi
done
for r in $(seq "$repeats"); do
	for v in "${victims[@]}"; do
		for i in "${!neighbours[@]}"; do
			run "$r" "$v" "alone$i"
			run "$r" "$v" "${neighbours[i]}" "${neighbours[i]}"
		done
		run "$r" "$v" "alone${#neighbours[@]}"
	done
done
python3 tests/collector/truth_slowdown.py "$work" "$repeats" "$run_s" "${victims[*]}" "${neighbours[*]}" > "$out"
cat "$out"
