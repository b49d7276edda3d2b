#!/bin/bash
# privileged: makes cgroups of its own.
# `cotenant run`: exit status, signals, limits, what is left behind (nothing), leftovers of killed runners.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root to make cgroups"; exit 77; }
work=$(mktemp -d)
name=t-run-$$
trap 'kill $(jobs -p) 2> /dev/null; wait; rm -rf "$work"' EXIT
fail() { echo "FAIL: $*"; exit 1; }
folders() { find /sys/fs/cgroup -maxdepth 4 -type d -path "*/cotenant/$1"; }
wait_for() { for _ in $(seq 200); do "$@" > /dev/null 2>&1 && return 0; sleep 0.02; done; return 1; }
running() { grep -q . "$(folders "$1" | head -n 1)/cgroup.procs"; }

"$COTENANT" run "$name" -- sh -c 'exit 7'; [ $? = 7 ] || fail "exit status is not passed through"
"$COTENANT" run "$name" -- sh -c 'kill -9 $$'; [ $? = 137 ] || fail "a signal is not told as 128 + 9"
"$COTENANT" run "$name" -- /nonexistent 2> "$work/err"; [ $? = 2 ] || fail "a missing command is not a usage error"
grep -q '/nonexistent: cannot start' "$work/err" || fail "the message does not name the command"
"$COTENANT" run 'a/b' -- true 2> "$work/err"; [ $? = 2 ] || fail "a bad name was taken"
"$COTENANT" run "$name" 2> "$work/err"; [ $? = 2 ] || fail "no command was accepted"
"$COTENANT" run "$name" --cpuset 9-1 -- true 2> "$work/err"; [ $? = 2 ] || fail "a bad CPU list was taken"
"$COTENANT" run "$name" -- cat /proc/self/cgroup > "$work/own"
grep -q "/cotenant/$name\$" "$work/own" || fail "the command does not run in its cgroup"
[ -z "$(folders "$name")" ] || fail "a cgroup is left"

# What the command leaves running is ended.
"$COTENANT" run "$name" -- sh -c "sleep 4711 & echo \$! > $work/pid"
wait_for sh -c "! kill -0 $(cat "$work/pid")" || fail "a process outlived its service"
[ -z "$(folders "$name")" ] || fail "a cgroup is left behind a daemon"

# SIGTERM goes to the command; its own status comes back.
"$COTENANT" run "$name" -- sh -c 'trap "exit 9" TERM; while :; do sleep 0.02; done' & pid=$!
wait_for running "$name" || fail "the service did not start"
"$COTENANT" run "$name" -- true 2> "$work/err"; [ $? = 2 ] || fail "one name was given twice"
grep -q 'is running' "$work/err" || fail "the message does not say that the name is taken"
sleep 0.2; kill -TERM $pid; wait $pid; [ $? = 9 ] || fail "SIGTERM was not passed on"
[ -z "$(folders "$name")" ] || fail "a cgroup is left behind SIGTERM"

# A killed runner takes its command along; the next run removes its folders.
"$COTENANT" run "$name" -- sleep 4712 & pid=$!
wait_for running "$name" || fail "the service did not start"
kill -KILL $pid; wait $pid 2> /dev/null
wait_for sh -c "! grep -q . $(folders "$name" | head -n 1)/cgroup.procs" || fail "the command outlived its killed runner"
"$COTENANT" run "$name-2" -- true || fail "run beside leftovers"
[ -z "$(folders "$name")" ] || fail "leftovers were not reaped"

# Short services side by side: who leaves takes no folder that another is about to use, and nobody waits for ever.
cat > "$work/many" << 'END'
for _ in $(seq 100); do
	pids=
	for i in 1 2 3; do "$COTENANT" run "$1-$i" -- true & pids="$pids $!"; done
	for p in $pids; do wait "$p" || exit 1; done
done
END
timeout 120 bash "$work/many" "$name" 2> "$work/err" || fail "services side by side: $(cat "$work/err")"
[ -z "$(folders "$name-*")" ] || fail "a cgroup is left behind services side by side"

# A limit holds: half a core cannot use more than 0.6 s of CPU in 1 s.
if "$COTENANT" run "$name" --cpus 0.5 -- sh -c 'timeout 1 sh -c "while :; do :; done"; times' > "$work/times" 2> "$work/err"; then
	awk 'END { split($1, a, /[ms]/); exit !(a[1] * 60 + a[2] < 0.7) }' "$work/times" || fail "quota: $(cat "$work/times")"
else
	grep -q 'needs the cpu controller' "$work/err" || fail "$(cat "$work/err")"
fi
echo "run: all passed"
