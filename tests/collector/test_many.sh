#!/bin/bash
# privileged: makes a thousand cgroups and loads probes.
# `cotenant record` beside a thousand cgroups, of which it has room for some: the rest is `other`, counted, and named as a finding; cgroups
# that go while they are sampled, and new ones under an old name. Memory stays bounded.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root to make cgroups"; exit 77; }
command -v sqlite3 > /dev/null || { echo "needs sqlite3 to look into sessions"; exit 77; }
count=${MANY:-1000}
for root in /sys/fs/cgroup/unified /sys/fs/cgroup; do [ -e $root/cgroup.procs ] && break; done
[ -e $root/cgroup.procs ] || { echo "no cgroup v2 is mounted here"; exit 77; }
parent=$root/cotenant made=
[ -d $parent ] || { mkdir $parent 2> /dev/null && made=1; } || { echo "cannot make cgroups below $root"; exit 77; }
work=$(mktemp -d)
sleeper=
cleanup() {
	[ -z "$sleeper" ] || kill $sleeper 2> /dev/null
	wait 2> /dev/null
	rmdir $parent/many-$$-* 2> /dev/null
	[ -z "$made" ] || rmdir $parent
	rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAIL: $*"; exit 1; }
wait_for() { for _ in $(seq 400); do "$@" > /dev/null 2>&1 && return 0; sleep 0.05; done; return 1; }
ask() { sqlite3 -readonly "$work/s.db" "$1"; }
intervals() { [ "$(ask 'SELECT count(*) FROM interval' 2> /dev/null || echo 0)" -ge "$1" ]; }

eval "mkdir -p $parent/many-$$-{1..$count}"
sh -c 'while :; do :; done' & sleeper=$!   # the one that works, and moves
echo $sleeper > $parent/many-$$-1/cgroup.procs
"$COTENANT" record -q --interval 200ms --budget 0 -o "$work/s.db" & recorder=$!
wait_for intervals 3 || fail "no interval came"
peak() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$recorder/status; }
early=$(peak)
for _ in 1 2 3; do # its cgroup goes while it is sampled; the name comes back with another identity
	echo $sleeper > $root/cgroup.procs
	eval "rmdir $parent/many-$$-{1..$((count / 2))}" 2> /dev/null # `run` elsewhere may have tidied up an empty one
	n=$(ask 'SELECT count(*) FROM interval')
	wait_for intervals $((n + 2)) || fail "recording does not go on without the cgroups"
	eval "mkdir -p $parent/many-$$-{1..$((count / 2))}"
	echo $sleeper > $parent/many-$$-1/cgroup.procs
	wait_for intervals $((n + 5)) || fail "recording does not go on with new cgroups"
done
late=$(peak)
kill -TERM $recorder
wait $recorder || fail "exit status $?"
[ "$(ask 'PRAGMA integrity_check')" = ok ] || fail "not whole"
[ "$(ask "SELECT count(*) - count(DISTINCT name) FROM service")" = 0 ] || fail "a name came twice"
services=$(ask "SELECT count(*) FROM service WHERE name LIKE 'many-$$-%'")
[ "$services" -ge 32 ] && [ "$services" -le 64 ] || fail "$services services; 64 have room"
[ "$(ask 'SELECT max(losses) > 0 FROM interval')" = 1 ] || fail "services without room are not counted"
[ "$(ask "SELECT count(*) FROM sample s WHERE cpu_wait_ns IS NOT NULL AND cpu_wait_ns != (SELECT ifnull(sum(delay_ns), 0)
	FROM blame b WHERE b.interval = s.interval AND b.victim = s.service AND resource = 'cpu')")" = 0 ] || fail "CPU blame and wait differ"
# The busy process always runs or waits: in its own row, or in that of `other` while it has no cgroup.
[ "$(ask "SELECT sum(cpu_on_ns + cpu_wait_ns) * 10 > (SELECT max(end_ns) - min(start_ns) FROM interval) * 9 FROM named_sample
	WHERE name = 'other' OR name LIKE 'many-$$-%'")" = 1 ] || fail "the busy process is in no row"
echo "figure: $count cgroups, $services named, resident at most $early KiB early, $late KiB late"
[ "$late" -le 65536 ] || fail "resident $late KiB; 64 MiB were promised"
