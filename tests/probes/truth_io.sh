#!/bin/bash
# Print docs/truth-disk.md, -net.md or -memory.md: what the privileged tests measured beside the load generators' own account.
# usage: tests/probes/truth_io.sh BUILD disk|net|memory
set -eu
build=$1 what=$2
declare -A title=([disk]='Disk: measured beside fio' [net]='Network and requests: measured beside iperf3, tbf and redis-benchmark'
	[memory]='Memory: page-cache evictions in scenes of known outcome')
declare -A lossy=([memory]='a run that loses any fails. Times are ns.')
echo "# ${title[$what]}"
echo
echo "Made by \`make bench-truth-$what\` on $(uname -r), $(nproc) CPUs, by \`tests/probes/test_$what.c\`: each line is one check, and the"
echo "test fails when a count is off by more than 1 %. Lost events are counted by the probe; ${lossy[$what]:-such a run is repeated.}"
echo
if [ "$what" = disk ]; then
	cat <<- 'END'
	Where events are lost: programs are never refused (the kernel's recursion_misses stay 0), and block_rq_complete and block_io_done
	miss the same requests, 0.01 to 0.2 % of them on an otherwise idle machine of this kind. On the machine of this table the kernel shows no switch away
	from threads of its own init (process 1): of 85 switches away from such threads in 8 s none
	was shown, of all others every one. So a completion is likely missed when its interrupt meets such a thread (not proven):
	these threads had 0.05 to 0.13 % of the CPU time when 0.008 to 0.163 % of completions were missed.

	END
fi
"$build/tests/probes/test_$what" | sed -n 's/^\(figure\|note\): /- /p'
