#!/bin/bash
# privileged: loads probes and makes cgroups of its own.
# `cotenant top`: plain tables, and the live view in an 80-column terminal (tmux): sort, pause, drill-down, the terminal given back.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root to load probes"; exit 77; }
command -v tmux > /dev/null || { echo "needs tmux for a terminal"; exit 77; }
work=$(mktemp -d)
name=t-top-$$
socket=$work/tmux
trap 'tmux -S "$socket" kill-server 2> /dev/null; kill $(jobs -p) 2> /dev/null; wait; rm -rf "$work"' EXIT
fail() { echo "FAIL: $*"; exit 1; }
wait_for() { for _ in $(seq 500); do "$@" > /dev/null 2>&1 && return 0; sleep 0.02; done; return 1; }
screen() { tmux -S "$socket" capture-pane -p -t top; }
shows() { screen | grep -qE "$1"; }
key() { tmux -S "$socket" send-keys -t top "$@"; }

"$COTENANT" run "$name" -- taskset -c 0 sh -c 'while :; do :; done' &
wait_for sh -c "find /sys/fs/cgroup -maxdepth 4 -path '*/cotenant/$name' | grep -q ." || fail "the service did not start"

"$COTENANT" top -n 2 --interval 200ms -s "$name" > "$work/plain" || fail "plain tables"
[ "$(grep -c "^ $name" "$work/plain")" = 2 ] || fail "plain: $(cat "$work/plain")"
awk 'length($0) > 80 { exit 1 }' "$work/plain" || fail "lines of more than 80 columns"
"$COTENANT" top -n 1 -s nosuch 2> "$work/err"; [ $? = 2 ] || fail "an unknown service was taken"

tmux -S "$socket" -f /dev/null new-session -d -s top -x 80 -y 20 "sh -c 'stty -a > $work/before; $COTENANT top --interval 200ms -s $name; stty -a > $work/after; cat'"
wait_for shows "$name" || fail "live: $(screen)"
key s; key p
wait_for shows PAUSED || fail "pause: $(screen)"
key p; key Enter
wait_for shows "who delayed $name" || fail "drill-down: $(screen)"
key Escape
wait_for shows SERVICE || fail "back: $(screen)"
key S; key S
wait_for shows 'order: name' || fail "orders: $(screen)"
key q
wait_for test -s "$work/after" || fail "q does not quit"
cmp "$work/before" "$work/after" || fail "the terminal was not given back"
tmux -S "$socket" kill-server
command -v redis-benchmark > /dev/null || { echo "top: all passed, without a server of requests (no redis)"; exit 0; }

# A server of requests beside the burner: latency and estimate in the table, both and the culprit in its drill-down, in 80 columns.
"$COTENANT" run "$name-db" -- taskset -c 0 redis-server --port 16391 --save '' > /dev/null 2>&1 &
wait_for redis-cli -p 16391 ping || fail "redis did not start"
taskset -c 1 redis-benchmark -p 16391 -n 100000000 -c 4 -t get > /dev/null 2>&1 &
tmux -S "$socket" -f /dev/null new-session -d -s top -x 80 -y 20 "$COTENANT top --budget 0 --interval 500ms --sort latency -s $name-db -s $name"
wait_for shows "^.$name-db? .*  [0-9]+\.[0-9]{2} +[0-9.]+(us|ms)" || fail "latency and estimate: $(screen)"
screen | awk 'length($0) > 80 { exit 1 }' || fail "more than 80 columns: $(screen)"
key Enter
wait_for shows "who delayed $name-db  slowdown [0-9.]+ \([0-9.]+ to [0-9.]+\)" || fail "estimate: $(screen)"
wait_for shows '[0-9]+ requests/s  mean [0-9.]+(us|ms)  p50 .*  p99 .*  by neighbours [0-9.]+%' || fail "requests: $(screen)"
wait_for shows "^ request +$name +service" || fail "culprit of the requests: $(screen)"
screen | head -n 12
key q
echo "top: all passed"
