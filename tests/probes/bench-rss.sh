#!/bin/bash
# Memory of `cotenant record` beside 64 services over time: each service is a cgroup with a shell that now and then starts a process.
# VmRSS once per SAMPLE_SECONDS; the first minute (services are found, buffers touched) is left out of "early".
# Ends with 1 when memory grew by more than 1 MiB from early to late, or exceeded 64 MiB.
# usage: bench-rss.sh BUILD [SECONDS]      (as root)   default 1800
set -eu
build=$(realpath "$1") seconds=${2:-1800} sample=${SAMPLE_SECONDS:-10} services=64
[ "$(id -u)" = 0 ] || { echo "bench-rss: root is needed"; exit 3; }
[ "$seconds" -ge 240 ] || { echo "bench-rss: at least 240 seconds are needed, $seconds were given"; exit 2; }
tmp=$(mktemp -d) recorder='' shells=()
cgroups=$([ -e /sys/fs/cgroup/cgroup.procs ] && echo /sys/fs/cgroup || echo /sys/fs/cgroup/unified)
name=cotenant-rss-$$
finish() {
	[ -z "$recorder" ] || kill -INT "$recorder" 2> /dev/null || true
	[ ${#shells[@]} = 0 ] || kill "${shells[@]}" 2> /dev/null || true
	wait 2> /dev/null || true
	for i in $(seq $services); do
		[ ! -d "$cgroups/$name-$i" ] || rmdir "$cgroups/$name-$i" 2> /dev/null || { sleep 2; rmdir "$cgroups/$name-$i" || true; }
	done
	rm -rf "$tmp"
}
trap finish EXIT
for i in $(seq $services); do
	mkdir "$cgroups/$name-$i"
	sh -c 'echo $$ > "$1/cgroup.procs"; trap "exit 0" TERM; while :; do sleep 2; done' sh "$cgroups/$name-$i" &
	shells+=($!)
done
"$build/cotenant" record -q -i 1s -d 2h --by cgroup -o "$tmp/session.db" 2> "$tmp/record.err" &
recorder=$!
for at in $(seq 0 "$sample" "$seconds"); do
	sleep "$sample"
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$recorder/status" 2> /dev/null) || { cat "$tmp/record.err"; echo "bench-rss: the recorder has ended"; exit 3; }
	echo "$((at + sample)) $rss" >> "$tmp/rss"
done
peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$recorder/status")
kill -INT "$recorder"
wait "$recorder" || true
recorder=''
sqlite3 "$tmp/session.db" "select printf('%d services seen, %d intervals, %d blame rows, session %.1f MB', (select count(*) from service where kind = 'service'), (select count(*) from interval),
	(select count(*) from blame), (select page_count * page_size / 1e6 from pragma_page_count(), pragma_page_size()));
	select '  probe ' || name || ': ' || state || case note when '' then '' else ', ' || note end from probe;" || true
awk -v end="$seconds" -v peak="$peak" '
	{ if ($2 > most) most = $2 }
	$1 > 60 && $1 <= 180 { early += $2; n_early++ }
	$1 > end - 120 { late += $2; n_late++ }
	END {
		early /= n_early; late /= n_late;
		printf "VmRSS over %d s: minutes 2 and 3 %.2f MiB, last 2 minutes %.2f MiB (%+.2f), most %.2f, VmHWM %.2f (while BPF programs are loaded)\n",
			end, early / 1024, late / 1024, (late - early) / 1024, most / 1024, peak / 1024;
		exit late - early > 1024 || most > 65536
	}' "$tmp/rss"
