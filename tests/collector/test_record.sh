#!/bin/bash
# privileged: loads probes and makes cgroups of its own.
# `cotenant record` in bad situations: existing output, unknown service, not root, full disk, SIGKILL at random moments, a stopped
# collector, a service that ends and comes back.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root to load probes"; exit 77; }
work=$(mktemp -d)
name=t-rec-$$
pids=()
cleanup() {
	[ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2> /dev/null
	wait 2> /dev/null
	mountpoint -q "$work/small" && umount "$work/small"
	rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAIL: $*"; exit 1; }
wait_for() { for _ in $(seq 400); do "$@" > /dev/null 2>&1 && return 0; sleep 0.02; done; return 1; }
ask() { sqlite3 "$1" "$2"; }
uneven() { # rows in which a service's wait is not the sum of its blame
	ask "$1" "SELECT count(*) FROM sample s WHERE cpu_wait_ns IS NOT NULL AND cpu_wait_ns != (SELECT ifnull(sum(delay_ns), 0)
		FROM blame b WHERE b.interval = s.interval AND b.victim = s.service AND resource = 'cpu')"
}
whole() { [ "$(ask "$1" 'PRAGMA integrity_check')" = ok ]; }
command -v sqlite3 > /dev/null || { echo "needs sqlite3 to look into sessions"; exit 77; }

"$COTENANT" run "$name" -- sh -c 'while :; do :; done' & pids+=($!)
wait_for sh -c "find /sys/fs/cgroup -maxdepth 4 -path '*/cotenant/$name' | grep -q ." || fail "the service did not start"

# A command's life, one file afterwards, the service with its figures in it.
"$COTENANT" record -q --interval 100ms -s "$name" -o "$work/a.db" -- sleep 0.5 || fail "record with a command"
[ "$(find "$work" -name 'a.db*' | wc -l)" = 1 ] || fail "more than one file"
whole "$work/a.db" || fail "a.db is not whole"
[ "$(ask "$work/a.db" "SELECT value FROM fact WHERE key='end_reason'")" = command ] || fail "reason of the end"
[ "$(ask "$work/a.db" "SELECT count(*) + sum(late_ns) / 100000000 >= 4 FROM interval")" = 1 ] || fail "intervals are missing, and not for being late"
[ "$(ask "$work/a.db" "SELECT sum(cpu_usage_ns) > 0 FROM named_sample WHERE name='$name'")" = 1 ] || fail "no CPU time"
if [ "$(ask "$work/a.db" "SELECT value FROM fact WHERE key='probes'")" = running ]; then
	bad=$(uneven "$work/a.db")
	[ "$bad" = 0 ] || fail "CPU blame and wait differ in $bad rows"
fi

"$COTENANT" record -d 1s -o "$work/a.db" 2> "$work/err"; [ $? = 2 ] || fail "an existing file was taken"
grep -q "$work/a.db: exists already" "$work/err" || fail "$(cat "$work/err")"
"$COTENANT" record -d 1s -s nosuch -o "$work/b.db" 2> "$work/err"; [ $? = 2 ] || fail "an unknown service was taken"
grep -q 'nosuch: nothing here matches' "$work/err" || fail "$(cat "$work/err")"
[ ! -e "$work/b.db" ] || fail "a file is left for a session that never began"
"$COTENANT" record -d 1s -o "$work/none/b.db" 2> "$work/err" && fail "an impossible place was taken"
grep -q "$work/none/b.db: cannot create" "$work/err" || fail "$(cat "$work/err")"
"$COTENANT" record -o "$work/b.db" -- /nonexistent 2> "$work/err"; [ $? = 2 ] || fail "a missing command was taken"
chmod 777 "$work"
setpriv --reuid 65534 --clear-groups "$COTENANT" record -d 1s -o "$work/c.db" 2> "$work/err"; [ $? = 3 ] || fail "not root: $?"
grep -q 'needs root' "$work/err" || fail "$(cat "$work/err")"
setpriv --reuid 65534 --clear-groups "$COTENANT" record -q --no-probes -d 300ms --interval 100ms -o "$work/c.db" || fail "--no-probes"
whole "$work/c.db" || fail "c.db is not whole"

# SIGTERM and Ctrl-C.
for signal in TERM INT; do
	env --default-signal=INT "$COTENANT" record -q --interval 50ms -o "$work/$signal.db" & pid=$!
	wait_for sh -c "[ \"\$(sqlite3 -readonly $work/$signal.db 'SELECT count(*) FROM interval')\" -gt 1 ]" || fail "$signal: no interval came"
	kill -$signal $pid; wait $pid || fail "SIG$signal: exit status $?"
	whole "$work/$signal.db" || fail "SIG$signal: not whole"
	[ "$(ask "$work/$signal.db" "SELECT value FROM fact WHERE key='end_reason'")" = signal ] || fail "SIG$signal: reason"
done

# Killed at random moments: whole, and without gaps, every time. Loading the probes takes most of a start, so most rounds go without; every
# tenth is killed during its start, the others once the session has begun.
version() { sqlite3 -readonly "$work/k.db" 'PRAGMA user_version' 2> /dev/null || echo 0; }
has_begun() { [ "$(version)" -gt 0 ]; }
begun=0
for round in $(seq 50); do
	extra=--no-probes pause=0.$((RANDOM % 3))$((RANDOM % 10))
	[ $((round % 10)) = 0 ] && extra=-q pause=1.$((RANDOM % 10))
	"$COTENANT" record -q $extra --interval 50ms -s "$name" -o "$work/k.db" & pid=$!
	[ $((round % 10)) = 0 ] || wait_for has_begun || fail "round $round: does not begin"
	sleep $pause
	kill -KILL $pid; wait $pid 2> /dev/null
	if has_begun; then
		whole "$work/k.db" || fail "round $round: not whole"
		[ "$(ask "$work/k.db" 'SELECT count(*) = ifnull(max(id) + 1, 0) FROM interval')" = 1 ] || fail "round $round: gaps"
		begun=$((begun + 1))
	fi
	rm -f "$work"/k.db*
done
[ $begun -ge 45 ] || fail "only $begun of 50 had begun"
echo "note: killed 50 times, $begun sessions had begun, all whole"

# A disk that fills up.
mkdir "$work/small"
mount -t tmpfs -o size=400k tmpfs "$work/small" || fail "no tmpfs"
timeout 40 "$COTENANT" record -q --interval 50ms -o "$work/small/f.db" 2> "$work/err"; status=$?
[ $status = 3 ] || fail "full disk: exit status $status: $(cat "$work/err")"
grep -q "$work/small/f.db: cannot write the session" "$work/err" || fail "full disk: $(cat "$work/err")"
cp "$work/small"/f.db* "$work/"
whole "$work/f.db" || fail "full disk: not whole"
[ "$(ask "$work/f.db" 'SELECT count(*) > 0 FROM interval')" = 1 ] || fail "full disk: nothing is left"
umount "$work/small"

# Stopped for ten seconds and continued: one long interval, said to be late, that adds up like any other; a service that ended and came back
# meanwhile keeps its row.
"$COTENANT" record -q --interval 100ms -o "$work/stop.db" & pid=$!
wait_for sh -c "[ \"\$(sqlite3 -readonly $work/stop.db 'SELECT count(*) FROM interval')\" -gt 1 ]" || fail "stop: no interval came"
kill -STOP $pid; kill "${pids[0]}"; wait "${pids[0]}" 2> /dev/null
"$COTENANT" run "$name" -- sh -c 'while :; do :; done' & pids=($!)
sleep "${STOP_S:-10}"
before=$(ask "$work/stop.db" 'SELECT count(*) FROM interval')
kill -CONT $pid
wait_for sh -c "[ \"\$(sqlite3 -readonly $work/stop.db 'SELECT count(*) FROM interval')\" -gt $((before + 5)) ]" || fail "stop: recording does not go on"
kill -TERM $pid; wait $pid || fail "stop: exit status $?"
whole "$work/stop.db" || fail "stop: not whole"
[ "$(ask "$work/stop.db" "SELECT max(late_ns) > (${STOP_S:-10} - 1) * 1000000000 FROM interval")" = 1 ] || fail "the late interval is not marked"
[ "$(ask "$work/stop.db" 'SELECT count(*) FROM interval a JOIN interval b ON b.id = a.id + 1 WHERE b.start_ns != a.end_ns')" = 0 ] || fail "stop: gaps between intervals"
[ "$(uneven "$work/stop.db")" = 0 ] || fail "stop: CPU blame and wait differ"
[ "$(ask "$work/stop.db" "SELECT count(*) FROM sample JOIN interval i ON i.id = interval WHERE late_ns > 1000000000 AND
	(cpu_on_ns < 0 OR cpu_on_ns > (i.end_ns - i.start_ns) * $(nproc) * 1.05)")" = 0 ] ||
	fail "stop: more time on CPU than there was"
[ "$(ask "$work/stop.db" "SELECT count(*) FROM service WHERE name='$name'")" = 1 ] || fail "a restart made a second service"
[ "$(ask "$work/stop.db" "SELECT max(interval) >= (SELECT max(id) - 1 FROM interval) FROM named_sample WHERE name='$name'")" = 1 ] ||
	fail "the restarted service has no figures"
echo "record: all passed"
