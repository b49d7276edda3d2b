#!/bin/bash
# What a context switch costs under the CPU probe, beside libbpf-tools' runqlat (no blame) and two empty programs.
# End to end: perf bench sched pipe on one CPU; per round every contender once, in turn; medians. One operation = two
# switches and two wakeups. Then the kernel's own count of time in our programs (its accounting of ~65 ns per run included).
# usage: bench-probes.sh BUILD [ROUNDS]      (as root)
set -eu
build=$1 rounds=${2:-9} loops=${LOOPS:-40000}
[ "$(id -u)" = 0 ] || { echo "bench-probes: root is needed"; exit 3; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
runqlat=$(command -v runqlat || true)

pipe_us() { # µs per operation
	taskset -c 1 perf bench sched pipe -l "$loops" 2> /dev/null | awk '/usecs\/op/ { print $1 }'
}
held() { # contender…: run the benchmark while it is attached
	coproc HOLD { exec "$@" 2> "$tmp/err"; }
	local pid=$HOLD_PID in=${HOLD[1]} line
	read -r line <&"${HOLD[0]}" || { cat "$tmp/err" >&2; exit 3; }
	[ "$line" = ready ]
	pipe_us
	exec {in}>&-
	cat <&"${HOLD[0]}" > "$tmp/cost" || true
	wait "$pid" || true
}
runqlat_held() {
	"$runqlat" 3600 1 > /dev/null 2>&1 &
	local pid=$!
	sleep 1.5 # it gives no sign of being attached
	pipe_us
	kill -INT "$pid"
	wait "$pid" || true
}
for i in $(seq "$rounds"); do
	pipe_us >> "$tmp/none"
	held "$build/tests/probes/bench_hold" "$build/tests/probes/empty.bpf.o" >> "$tmp/empty"
	[ -z "$runqlat" ] || runqlat_held >> "$tmp/runqlat"
	held "$build/tests/probes/bench_hold" cpu >> "$tmp/cotenant"
	echo "round $i of $rounds" >&2
done
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
none=$(median "$tmp/none")
printf '%-10s %12s %12s %22s\n' contender 'us per op' 'least' 'ns per switch+wakeup'
for c in none empty runqlat cotenant; do
	[ -s "$tmp/$c" ] || continue
	m=$(median "$tmp/$c")
	printf '%-10s %12s %12s %22s\n' $c "$m" "$(sort -n "$tmp/$c" | head -1)" "$(awk -v a="$m" -v b="$none" 'BEGIN { printf "%.0f", (a - b) * 500 }')"
done
programs() { bpftool prog show | awk '/^[0-9]+:/ { id = $1; name = "?"; for (i = 2; i < NF; i++) if ($i == "name") name = $(i + 1); ns = n = 0; for (i = 2; i < NF; i++) { if ($i == "run_time_ns") ns = $(i + 1); if ($i == "run_cnt") n = $(i + 1) } print id, name, ns, n }'; }
if [ -n "$runqlat" ]; then
	programs | cut -d' ' -f1 | sort > "$tmp/before"
	"$runqlat" 3600 1 > /dev/null 2>&1 &
	pid=$!
	sleep 1.5
	# statistics are on while bench_hold -s lives
	held "$build/tests/probes/bench_hold" -s "$build/tests/probes/empty.bpf.o" > /dev/null
	programs | grep -vwFf "$tmp/before" | awk '{ print $2, $3, $4 }' > "$tmp/cost-runqlat"
	kill -INT $pid
	wait $pid || true
fi
held "$build/tests/probes/bench_hold" -s "$build/tests/probes/empty.bpf.o" > /dev/null
base=$(awk '{ ns += $2; n += $3 } END { printf "%.0f", ns / n }' "$tmp/cost")
held "$build/tests/probes/bench_hold" -s cpu > /dev/null
echo "time in each program by the kernel's statistics, less the $base ns it counts for an empty one:"
for c in cost cost-runqlat; do
	[ -s "$tmp/$c" ] || continue
	who=cotenant
	[ $c = cost ] || who=runqlat
	awk -v base="$base" -v who=$who '$3 > 1000 { printf "  %-10s %-20s %6.0f ns\n", who, $1, $2 / $3 - base; sum += $2 / $3 - base }
		END { printf "  %-10s %-20s %6.0f ns\n", who, "switch + wakeup", sum }' "$tmp/$c"
done
