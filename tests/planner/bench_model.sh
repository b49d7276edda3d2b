#!/bin/bash
# Held-out errors of the interference model beside its rivals, and its speed: make bench-model DATA='FILE.csv…'
# Without DATA: every measured co-location file in datasets/, with the sessions that were recorded meanwhile.
set -euo pipefail
build=${1:-build}
data=${DATA:-$(ls datasets/*/measured.csv datasets/*.csv 2> /dev/null || true)}
[ -n "$data" ] || { echo "bench-model: no data; give DATA=FILE.csv (form: docs/colocation.md)" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for f in $data; do
	"$build/tests/planner/bench_model" "$f"
	sessions=$(dirname "$f")/sessions.tar.xz
	if [ -e "$sessions" ]; then
		rm -rf "${work:?}"/*
		tar -xf "$sessions" -C "$work"
		"$build/tests/planner/bench_blame" "$f" $(find "$work" -name '*.db' | sort)
	fi
done
