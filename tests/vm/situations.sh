#!/bin/bash
# In a guest only, since it does to the machine what no test may do to a real one: a CPU that goes and comes back, and a wall clock that
# steps, while `cotenant record` runs. Every interval keeps wait = sum of its blame, and time goes forward without gaps; losses are printed.
set -u
fail() { echo "FAIL: $*"; exit 1; }
ask() { sqlite3 -readonly /tmp/situations.db "$1"; }
wait_for() { # until a query of the session says 1
	for _ in $(seq 600); do
		sleep 0.5
		[ "$(ask "$1" 2> /dev/null)" = 1 ] && return 0
	done
	return 1
}
more() { # so many intervals from now on
	local now
	now=$(ask 'SELECT count(*) FROM interval' 2> /dev/null || echo 0)
	wait_for "SELECT count(*) >= ${now:-0} + $1 FROM interval" && echo "note: $(ask 'SELECT count(*) FROM interval') intervals"
}
[ -e /sys/devices/system/cpu/cpu1/online ] || { echo "no second CPU that can go"; exit 77; }

# The services come when the recording has begun: loading the probes beside them takes minutes of an emulated CPU.
cotenant record -q --interval 300ms --budget 0 -o /tmp/situations.db & recorder=$!
more 1 || fail "no interval came"
for i in 1 2 3; do cotenant run busy-$i -- sh -c 'while :; do :; done' & done
wait_for "SELECT count(DISTINCT name) = 3 FROM named_sample WHERE name LIKE 'busy-%' AND cpu_wait_ns > 0" || fail "the services are not recorded"
more 2 || fail "recording does not go on beside services"
echo 0 > /sys/devices/system/cpu/cpu1/online || fail "the CPU does not go"
more 4 || fail "recording does not go on without the CPU"
echo 1 > /sys/devices/system/cpu/cpu1/online || fail "the CPU does not come back"
more 4 || fail "recording does not go on with the CPU"
date -s "@$(($(date +%s) + 86400))" > /dev/null
more 3 || fail "recording does not go on after a step of the clock"
date -s "@$(($(date +%s) - 172800))" > /dev/null
more 3 || fail "recording does not go on after a step back"
kill -TERM $recorder
wait $recorder || fail "exit status $?"
kill $(jobs -p) 2> /dev/null
[ "$(ask "SELECT count(*) FROM sample s WHERE cpu_wait_ns IS NOT NULL AND cpu_wait_ns != (SELECT ifnull(sum(delay_ns), 0)
	FROM blame b WHERE b.interval = s.interval AND b.victim = s.service AND resource = 'cpu')")" = 0 ] || fail "CPU blame and wait differ"
[ "$(ask 'SELECT count(*) FROM interval WHERE end_ns <= start_ns OR end_ns - start_ns > 60000000000')" = 0 ] || fail "an interval runs backwards"
[ "$(ask 'SELECT count(*) FROM interval a JOIN interval b ON b.id = a.id + 1 WHERE b.start_ns != a.end_ns')" = 0 ] || fail "gaps between intervals"
echo "figure: $(ask 'SELECT count(*) FROM interval') intervals, unknown wait $(ask "SELECT ifnull(sum(delay_ns), 0) FROM named_blame WHERE culprit = 'unknown'") ns of $(
	ask 'SELECT sum(cpu_wait_ns) FROM sample') ns, $(ask 'SELECT max(losses) FROM interval') events lost"
