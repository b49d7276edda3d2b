#!/bin/bash
# Records a small session of real services on this node: a redis server, its load generator, a disk writer, a batch job.
# usage (as root): datasets/sessions/record.sh COTENANT OUT.db     needs redis-server, redis-benchmark, fio
set -eu
cotenant=$1 out=$2
work=$(mktemp -d /var/tmp/cotenant-session.XXXXXX)
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf "$work"' EXIT
service() { "$cotenant" run "$1" -- "${@:2}" > "$work/$1.log" 2>&1 & pids+=($!); }

service s-redis redis-server --port 6399 --save '' --appendonly no --dir "$work"
sleep 1
service s-load redis-benchmark -p 6399 -c 20 -n 100000000 -t set,get -q
service s-writer fio --name=writer --filename="$work/data" --size=64M --rw=randwrite --bs=64k --direct=1 --rate=20m --time_based --runtime=600
service s-batch sh -c 'while :; do i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; sleep 0.5; done'
sleep 2
"$cotenant" record --duration 20s --interval 1s --budget 5% -s redis=/cotenant/s-redis -s redis-load=/cotenant/s-load -s writer=/cotenant/s-writer \
	-s batch=/cotenant/s-batch -o "$out"
