#!/bin/bash
# privileged: makes a cgroup of its own.
# `cotenant agent`: the exposition is OpenMetrics (every sample after its TYPE, counters end in _total and never fall, "# EOF" last), the service is
# in it, other paths and other users are told off.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root to load probes"; exit 77; }
command -v curl > /dev/null || { echo "needs curl"; exit 77; }
work=$(mktemp -d)
name=t-agent-$$ port=$((20000 + $$ % 20000))
trap 'kill $(jobs -p) 2> /dev/null; wait; rm -rf "$work"' EXIT
fail() { echo "FAIL: $*"; exit 1; }
wait_for() { for _ in $(seq 1000); do "$@" > /dev/null 2>&1 && return 0; sleep 0.02; done; return 1; }
get() { curl -sf --noproxy '*' "http://127.0.0.1:$port$1"; }

"$COTENANT" run "$name" -- sh -c 'while :; do :; done' &
wait_for sh -c "find /sys/fs/cgroup -maxdepth 4 -path '*/cotenant/$name' | grep -q ." || fail "the service did not start"
"$COTENANT" agent --listen 127.0.0.1:$port --interval 200ms -s "$name" 2> "$work/err" & agent=$!
has_cpu() { get /metrics | grep -q "^cotenant_cpu_usage_seconds_total{service=\"$name\"}"; }
wait_for has_cpu || fail "no CPU time of the service: $(cat "$work/err")"
get /metrics > "$work/a"; sleep 0.5; get /metrics > "$work/b"
[ "$(tail -n 1 "$work/b")" = "# EOF" ] || fail "no EOF"
awk '/^# TYPE / { type[$3] = $4; next } /^#/ { next }
	{ n = $1; sub(/\{.*/, "", n); base = n; sub(/_(total|bucket|info)$/, "", base)
	  if (!(base in type)) { print "no TYPE before " $0; exit 1 }
	  if (type[base] == "counter" && n !~ /_total$/) { print "counter without _total: " $0; exit 1 } }' "$work/b" || fail "exposition"
awk 'FNR == NR { if ($1 ~ /_total/) a[$1 ""] = $NF; next } $1 in a && $NF + 0 < a[$1] + 0 { print; bad = 1 } END { exit bad }' \
	"$work/a" "$work/b" || fail "a counter fell"
used() { awk -v k="cotenant_cpu_usage_seconds_total{service=\"$name\"}" '$1 == k { print $2 }' "$1"; }
awk -v a="$(used "$work/a")" -v b="$(used "$work/b")" 'BEGIN { exit !(b > a) }' || fail "CPU time does not grow"
get / > /dev/null && fail "another path was served"
"$COTENANT" agent --listen 127.0.0.1:$port -s "$name" --no-probes 2> "$work/err"; [ $? -gt 1 ] || fail "a port was taken twice"
"$COTENANT" agent --listen nowhere 2> "$work/err"; [ $? = 2 ] || fail "a bad address was taken"
kill -TERM $agent; wait $agent || fail "SIGTERM: exit status $?"
echo "agent: all passed"
