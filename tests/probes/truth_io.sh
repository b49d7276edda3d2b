#!/bin/bash
# Print docs/truth-disk.md, -net.md or -memory.md: what the privileged tests measured beside the load generators' own account.
# usage: tests/probes/truth_io.sh BUILD disk|net|memory
set -eu
build=$1 what=$2
declare -A title=([disk]='Disk: measured beside fio' [net]='Network and requests: measured beside iperf3, tbf and redis-benchmark'
	[memory]='Memory: page-cache evictions in scenes of known outcome')
declare -A rule=([memory]='Counts are exact but for events that the probe itself counts as lost. Times are ns.'
	[net]='A count may be off by 1 %.'
	[disk]='Counts are exact but for events that the probe itself counts as lost; shares may be off by one hundredth.')
echo "# ${title[$what]}"
echo
echo "Made by \`make bench-truth-$what\` on $(uname -r), $(nproc) CPUs, by \`tests/probes/test_$what*.c\`: each line is one check."
echo "${rule[$what]}"
echo
if [ "$what" = disk ]; then
	cat <<- 'END'
	Lost events. On the machine of this table BPF programs do not run in interrupts on top of threads of process 1 (the sandbox's own init), although the
	kernel's trace shows those events and no run is counted as refused: of 152,326 completions traced the program ran for 152,270, the probe lost 56, and exactly
	56 were traced on top of such threads (`make bench-missed-events`; this run's line stands last; the recorder begins before the trace). The probe notices when the kernel uses the request's place again, and counts it.

	Shares. Two alike at depth 8 do not get 50 % each: a job that waits for a CPU has nothing outstanding while the other has all of its own, so each is alone on
	the device for some of its time. "By the traced counts" is the integral of n_a n_b / n over the kernel's own trace of starts and ends (`tests/probes/sharing.h`).

	END
fi
# The lines, and in the end how far measured is from true in those that have both: "off by N %", or a share beside the traced one.
for t in "$build/tests/probes/test_$what" "$build/tests/probes/test_$what"_*; do
	[ -x "$t" ] || continue
	"$t" | sed -n 's/^\(figure\|note\): /- /p'
done | awk '
	function error(e) { e = e < 0 ? -e : e; n++; sum += e; if (e > most) most = e }
	{ print }
	/the expected culprit stands / { claims++ }
	/the expected culprit stands first/ { first++ }
	match($0, /off by -?[0-9.]+ %/) { error(substr($0, RSTART + 7, RLENGTH - 9)) }
	match($0, /by the traced counts [0-9.]+ %/) { true = substr($0, RSTART + 21, RLENGTH - 23); match($0, /: [0-9.]+ %/); error(100 * (substr($0, RSTART + 2, RLENGTH - 4) / true - 1)) }
	END {
		if (n) printf "- all %d comparisons: off by %.2f %% on average, at most by %.2f %%\n", n, sum / n, most
		if (claims) printf "- the expected culprit stands first in %d of %d scenes\n", first, claims
	}'
if [ "$what" = disk ]; then python3 tests/probes/missed_events.py "$build" | sed 's/^/- /'; fi
