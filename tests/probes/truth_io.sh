#!/bin/bash
# Print docs/truth-disk.md or docs/truth-net.md: what the privileged tests measured beside the load generators' own account.
# usage: tests/probes/truth_io.sh BUILD disk|net
set -eu
build=$1 what=$2
declare -A title=([disk]='Disk: measured beside fio' [net]='Network and requests: measured beside iperf3, tbf and redis-benchmark')
echo "# ${title[$what]}"
echo
echo "Made by \`make bench-truth-$what\` on $(uname -r), $(nproc) CPUs, by \`tests/probes/test_$what.c\`: each line is one check, and the"
echo "test fails when a count is off by more than 1 %. Lost events are counted by the probe; such a run is repeated."
echo
"$build/tests/probes/test_$what" | sed -n 's/^\(figure\|note\): /- /p'
