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
key q
wait_for test -s "$work/after" || fail "q does not quit"
cmp "$work/before" "$work/after" || fail "the terminal was not given back"
echo "top: all passed"
