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
for t in "$build/tests/probes/test_$what" "$build/tests/probes/test_$what"_*; do
	case $t in *.[do]) continue ;; esac
	"$t" | sed -n 's/^\(figure\|note\): /- /p'
done
