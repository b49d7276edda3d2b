#!/bin/bash
# Held-out errors of the interference model beside its rivals, and its speed: make bench-model DATA='FILE.csv…'
# Without DATA: every measured co-location file in datasets/.
set -euo pipefail
build=${1:-build}
data=${DATA:-$(ls datasets/*/measured.csv datasets/*.csv 2> /dev/null || true)}
[ -n "$data" ] || { echo "bench-model: no data; give DATA=FILE.csv (form: docs/colocation.md)" >&2; exit 2; }
for f in $data; do
	"$build/tests/planner/bench_model" "$f"
done
