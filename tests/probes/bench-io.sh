#!/bin/bash
# What a disk read costs under the disk probe beside libbpf-tools' biolatency (no owner, no blame), and a TCP packet under the network
# probe beside softirqs (time of softirqs by kind; no owner, no traffic, no blame): the nearest tool that runs per packet where
# kernels allow no kprobes. One thread on one CPU, everything attached all the time; per round every contender once, in turn; medians.
# The disk is a loop device over a file in memory. usage: bench-io.sh BUILD [ROUNDS]      (as root)
set -eu
build=$1 rounds=${2:-9} reads=${READS:-20000} trips=${TRIPS:-20000}
[ "$(id -u)" = 0 ] || { echo "bench-io: root is needed"; exit 3; }
tmp=$(mktemp -d) image=$(mktemp /dev/shm/cotenant-bench-XXXXXX) loop=''
finish() {
	[ -z "$loop" ] || losetup -d "$loop"
	rm -rf "$tmp" "$image"
}
trap finish EXIT
truncate -s 64M "$image"
loop=$(losetup -f --show "$image") || { echo "bench-io: no loop device to be had"; exit 3; }

load() { case $1 in disk) taskset -c 1 "$build/tests/probes/bench_load" disk "$reads" "$loop" ;; net) taskset -c 1 "$build/tests/probes/bench_load" net "$trips" ;; esac; }
held() { # what contender…: the load while bench_hold has it attached
	local what=$1 pid in line
	shift
	coproc HOLD { exec "$build/tests/probes/bench_hold" "$@" 2> "$tmp/err"; }
	pid=$HOLD_PID in=${HOLD[1]}
	read -r line <&"${HOLD[0]}" || { cat "$tmp/err" >&2; exit 3; }
	[ "$line" = ready ]
	load "$what"
	exec {in}>&-
	cat <&"${HOLD[0]}" > "$tmp/cost" || true
	wait "$pid" || true
}
tool_held() { # what tool
	"$2" 3600 1 > /dev/null 2>&1 &
	local pid=$!
	sleep 1.5 # it gives no sign of being attached
	load "$1"
	kill -INT "$pid"
	wait "$pid" || true
}
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
contest() { # what peer events-per-operation unit
	local what=$1 peer=$2 i c m none
	for i in $(seq "$rounds"); do
		load "$what" >> "$tmp/$what.none"
		! command -v "$peer" > /dev/null || tool_held "$what" "$peer" >> "$tmp/$what.$peer"
		held "$what" "$what" >> "$tmp/$what.cotenant"
		echo "$what round $i of $rounds" >&2
	done
	none=$(median "$tmp/$what.none")
	printf '%-5s %-12s %12s %10s %16s\n' "$what" contender 'us per op' least "ns per $4"
	for c in none "$peer" cotenant; do
		[ -s "$tmp/$what.$c" ] || continue
		m=$(median "$tmp/$what.$c")
		printf '%-5s %-12s %12s %10s %16s\n' "$what" "$c" "$m" "$(sort -n "$tmp/$what.$c" | head -1)" "$(awk -v a="$m" -v b="$none" -v k="$3" 'BEGIN { printf "%.0f", (a - b) * 1000 / k }')"
	done
}
contest disk biolatency 1 read
contest net softirqs 2 packet
